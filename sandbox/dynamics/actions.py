"""Actions on entities, and custom services (dynamics §2, §4.4, §5)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from sandbox.dynamics import dimensions, posting
from sandbox.dynamics.addresses import Address
from sandbox.dynamics.model import ENUMS, NAMESPACE, Record
from sandbox.dynamics.operations import Answer, Operation
from sandbox.dynamics.refusals import Refusal, failed, no_route

if TYPE_CHECKING:
    from sandbox.dynamics.environment import Environment

SERVICES = "/api/services"


def act(environment: Environment, operation: Operation, address: Address) -> Answer:
    """200 with the action's ``value``; 404 for an action the set does not have."""
    action = ACTIONS.get((address.entity.name, address.action))
    if action is None or address.key is not None:
        raise no_route(operation.uri)
    value = action(environment, operation.parsed())
    return Answer(200, {"@odata.context": f"{operation.origin}/data/$metadata#Edm.String", "value": value})


def _parameters(body: Record, *names: str) -> list[object]:
    unknown = body.keys() - set(names)
    if unknown:
        raise failed(
            f"The parameter '{min(unknown)}' in the request payload is not a valid parameter for the operation."
        )
    missing = [name for name in names if name not in body]
    if missing:
        raise failed(f"The parameter '{missing[0]}' is missing in the request payload.")
    return [body[name] for name in names]


def _texts(value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise failed("An array of Edm.String was expected.")
    return value


def _set_display(environment: Environment, body: Record) -> str:
    names, values = _parameters(body, "_attributeNames", "_attributeValues")
    return _shown(environment, dimensions.DEFAULT_FORMAT, names, values)


def _combination_display(environment: Environment, body: Record) -> str:
    _, _, names, values, kind = _parameters(
        body, "_entityName", "_propertyName", "_attributeNames", "_attributeValues", "_ledgerJournalACType"
    )
    if kind not in ENUMS["LedgerJournalACType"]:
        raise failed(f"Cannot convert the literal '{kind}' to the expected type '{NAMESPACE}.LedgerJournalACType'.")
    return _shown(environment, dimensions.LEDGER_FORMAT, names, values)


def _shown(environment: Environment, kind: str, names: object, values: object) -> str:
    try:
        return dimensions.display(environment, kind, dimensions.combined(environment, _texts(names), _texts(values)))
    except dimensions.Unusable as error:
        raise failed(str(error)) from None


def _version(environment: Environment, body: Record) -> str:
    _parameters(body)
    return environment.settings.application_version


ACTIONS: dict[tuple[str, str], Callable[[Environment, Record], str]] = {
    ("DimensionSets", "getSetDisplayValue"): _set_display,
    ("DimensionCombinations", "getCombinationDisplayValue"): _combination_display,
    ("DataManagementEntities", "GetApplicationVersion"): _version,
}


def serve(environment: Environment, operation: Operation) -> Answer:
    """The customer's own operation that posts a journal; everything else below ``/api/services`` lists or is absent."""
    path = operation.path.removeprefix(SERVICES).strip("/")
    known = environment.settings.custom_service.strip("/")
    if operation.method == "GET":
        return _children(known, path, operation.uri)
    if operation.method != "POST" or not known or path != known:
        raise no_route(operation.uri)
    names, body = environment.settings.custom_service_parameters, operation.parsed()
    if body.keys() != set(names.values()):
        raise Refusal(400, f"The parameters of {path} are {', '.join(sorted(names.values()))}.", plain=True)
    row = environment.tables["LedgerJournalHeaders"].find(body[names["company"]], body[names["journal"]])
    faults = ["The journal does not exist."] if row is None else posting.post(environment, row)
    if faults:
        raise Refusal(500, f"Exception has been thrown by the target of an invocation. {' '.join(faults)}", plain=True)
    return Answer(200, {"$id": "1", "Success": True})


def _children(known: str, path: str, uri: str) -> Answer:
    parts = [part for part in known.split("/") if part]
    asked = [part for part in re.split("/", path) if part]
    if asked != parts[: len(asked)] or len(asked) >= 3:
        raise no_route(uri)
    label = ("ServiceGroups", "Services", "Operations")[len(asked)]
    return Answer(200, {label: [{"Name": parts[len(asked)]}] if len(parts) > len(asked) else []})
