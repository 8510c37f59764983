"""Every request held against what Microsoft publishes of Dynamics' entities, where it is present.

The facts are those of release 10.0.47: entity sets, keys, properties with their types, enumerations. Some sets are in
no machine description; their names are held against the entities of the common data model they are made of.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest

from tests.conftest import SPECS
from tests.connectors.dynamics.batches import operations_in

FACTS = SPECS / "dynamics" / "entity-facts.json"
COMMON = SPECS / "dynamics" / "cdm"
NAMESPACE = "Microsoft.Dynamics.DataEntities."
GROWN_FROM: dict[str, tuple[str, tuple[str, ...]]] = {
    "Workers": ("HcmWorkerEntity", ("PersonnelNumber",)),
    "EmployeesV2": ("HcmEmployeeEntity", ("PersonnelNumber", "EmploymentLegalEntityId", "EmploymentId")),
    "EmploymentsV2": ("HcmEmploymentEntity", ("PersonnelNumber", "LegalEntityId", "EmploymentId")),
    "DimensionIntegrationFormats": (
        "DimensionIntegrationFormatEntity",
        ("DimensionFormatName", "DimensionFormatType"),
    ),
    "AccountStructures": ("LedgerAccountStructureEntity", ("AccountStructureName", "Status")),
    "AccountStructureConstraints": (
        "LedgerAccountStructureConstraintEntity",
        ("AccountStructure", "Status", "Position"),
    ),
    "FinancialDimensionValueLegalEntityOverrides": (
        "FinancialDimensionValueLegalEntityOverrideEntity",
        ("FinancialDimension", "DimensionValue", "LegalEntityId"),
    ),
}
"""Entity of the common data model, and the key (dynamics §3, §7)."""
ACTIONS = {"DimensionCombinations": "getCombinationDisplayValue", "DataManagementEntities": "GetApplicationVersion"}
"""Described in words alone (dynamics §5, §11)."""
OPTIONS = frozenset({"$filter", "$select", "$top", "$orderby", "$count", "$skiptoken", "cross-company"})
SIGN_IN = re.compile(r"/[^/]+/oauth2/v2\.0/token")
"""Described in words alone, like the customer's own service, and held to them by the simulator."""

_LITERAL = r"(?:[\w.]*'(?:[^']|'')*'|[^\s()',]+)"
_COMPARISON = re.compile(rf"(\w+) (?:eq|ne|gt|ge|lt|le) ({_LITERAL})")
_ADDRESS = re.compile(r"/data/(\w+)(?:\((.*)\))?(?:/([\w.]+))?", re.DOTALL)
_KEY = re.compile(rf"(\w+)=({_LITERAL})(?:,|$)")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

needs_specification = pytest.mark.skipif(not FACTS.is_file(), reason="the vendor's description is not here")


class Entity(msgspec.Struct, frozen=True):
    """Property → its type: string, number, integer, "enum:" with its name; empty where only the name is described."""

    keys: tuple[str, ...]
    fields: Mapping[str, str]


def check_requests(requests: list[dict[str, Any]]) -> None:
    """Fails for the first request that is not described; checks nothing where there is no description."""
    if FACTS.is_file():
        for request in requests:
            check_request(request)


def check_request(request: dict[str, Any]) -> None:
    path, method = request["path"], request["method"]
    if path == "/data" or SIGN_IN.fullmatch(path) or path.startswith("/api/services/"):
        return
    if path == "/data/$batch":
        assert method == "POST"
        kind, body = request["headers"]["content-type"], request["body"].encode()
        for operations in operations_in(kind, body):
            for inner, url, content in operations:
                address, _, query = re.sub(r"^https?://[^/]+", "", url).partition("?")
                assert query == "cross-company=true"
                check_operation(inner, unquote(address), {}, content.decode())
        return
    check_operation(method, path, dict(request["query"]), request["body"])


def check_operation(method: str, path: str, query: Mapping[str, str], body: str) -> None:
    """One operation, alone or in a batch; ``path`` without percent-encoding."""
    address = _ADDRESS.fullmatch(path)
    assert address, f"{path} is no address"
    name, key, action = address.groups()
    assert query.keys() <= OPTIONS, f"{path}: {sorted(query)}"
    if action:
        assert (method, key, action) == ("POST", None, NAMESPACE + ACTIONS[name]), path
        return
    entity = described(name)
    assert method in ({"GET", "POST"} if key is None else {"GET", "PATCH", "DELETE"}), f"{method} {path}"
    if key is not None:
        parts = _KEY.findall(key)
        assert sorted(given for given, _ in parts) == sorted(entity.keys), path
        _check_literals(parts, entity, path)
    for option in ("$select", "$orderby"):
        names = {one for one in query.get(option, "").split(",") if one}
        assert names <= entity.fields.keys(), f"{path} {option}: {names - entity.fields.keys()}"
    if "$filter" in query:
        assert not re.sub(r"\b(and|or)\b|[\s()]", "", _COMPARISON.sub("", query["$filter"])), query["$filter"]
        _check_literals(_COMPARISON.findall(query["$filter"]), entity, path)
    if method in ("POST", "PATCH"):
        for property_, value in json.loads(body, parse_float=Decimal).items():
            _check_value(property_, value, entity, path)


@functools.cache
def described(entity_set: str) -> Entity:
    """Fails for an entity set that is described nowhere."""
    entities = facts()["entities"]
    if entity_set in entities:
        return Entity(tuple(entities[entity_set]["keys"]), entities[entity_set]["fields"])
    assert entity_set in GROWN_FROM, f"{entity_set} is not described"
    origin, keys = GROWN_FROM[entity_set]
    typed = entities["Employments"]["fields"] if entity_set == "EmploymentsV2" else {}
    return Entity(keys, dict.fromkeys([*common(origin), *keys], "") | typed)


@functools.cache
def facts() -> Any:
    return json.loads(FACTS.read_text())


def common(entity: str) -> set[str]:
    """The attributes of an entity of the common data model."""

    def walk(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            if "name" in node and "dataType" in node:
                yield node["name"]
            node = list(node.values())
        if isinstance(node, list):
            for value in node:
                yield from walk(value)

    return set(walk(json.loads((COMMON / f"{entity}.cdm.json").read_text())["definitions"]))


def _check_literals(parts: list[tuple[str, str]], entity: Entity, path: str) -> None:
    """The values a key or a filter compares with are of the properties' types; days are described as text."""
    for name, text in parts:
        assert name in entity.fields, f"{path}: {name} is not described"
        kind = entity.fields[name]
        if kind.startswith("enum:"):
            enum = kind.removeprefix("enum:")
            assert text in {f"{NAMESPACE}{enum}'{member}'" for member in facts()["enums"][enum]}, f"{path}: {text}"
        elif kind.startswith(("number", "integer")):
            assert re.fullmatch(r"-?\d+(\.\d+)?", text), f"{path}: {name} {text}"
        elif kind:
            assert text.startswith("'") or _INSTANT.fullmatch(text), f"{path}: {name} {text}"


def _check_value(name: str, value: Any, entity: Entity, path: str) -> None:
    assert name in entity.fields, f"{path}: {name} is not described"
    kind = entity.fields[name]
    if kind.startswith("enum:"):
        assert value in facts()["enums"][kind.removeprefix("enum:")], f"{path}: {name} {value}"
    elif kind.startswith(("number", "integer")):
        assert isinstance(value, int | Decimal), f"{path}: {name} {value}"
        assert not isinstance(value, bool), f"{path}: {name} {value}"
    elif kind:
        assert isinstance(value, str), f"{path}: {name} {value}"
