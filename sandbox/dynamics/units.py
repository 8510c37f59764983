"""Operations carried out as one: all of them happen, or none (dynamics §8)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from sandbox.dynamics import actions, journals, lines, people, vendors
from sandbox.dynamics.addresses import Address, Query
from sandbox.dynamics.model import ENTITIES, Record
from sandbox.dynamics.operations import Answer, Operation, Write, values_of
from sandbox.dynamics.reading import keyed, read
from sandbox.dynamics.refusals import Refusal, conflict, failed, forbidden, wrong_etag
from sandbox.dynamics.tables import Row, rendered

if TYPE_CHECKING:
    from sandbox.dynamics.environment import Environment

LINES = "LedgerJournalLines"
CREATES: dict[str, Callable[[Write], Row]] = {
    "LedgerJournalHeaders": journals.create,
    LINES: lines.create,
    "VendorsV2": vendors.create,
    "VendorsV3": vendors.create,
    "EmployeesV2": people.hire,
    "EmploymentsV2": people.employ,
}
CHANGES: dict[tuple[str, str], Callable[[Write], Answer]] = {
    ("PATCH", "LedgerJournalHeaders"): journals.change,
    ("DELETE", "LedgerJournalHeaders"): journals.remove,
    ("PATCH", LINES): lines.change,
    ("DELETE", LINES): lines.remove,
    ("PATCH", "VendorsV2"): vendors.change,
    ("PATCH", "VendorsV3"): vendors.change,
    ("DELETE", "VendorsV2"): vendors.remove,
    ("DELETE", "VendorsV3"): vendors.remove,
    ("PATCH", "Workers"): people.change_worker,
    ("PATCH", "EmploymentsV2"): people.change_employment,
    ("PATCH", "Employments"): people.change_employment,
}


class Undone(Exception):
    """Nothing of the unit has happened; ``place`` is the operation that was refused."""

    def __init__(self, place: int, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.place = place
        self.refusal = refusal


async def carry_out(environment: Environment, operations: Sequence[Operation]) -> list[Answer]:
    """The answers of all, or Undone.

    Every line writes its journal's header, which is read when the unit begins and written when it ends: a journal that
    somebody else has written meanwhile is an update conflict (dynamics §8).
    """
    written = [key for operation in operations for key in journals_written(environment, operation)]
    if written:
        before = [_version(environment, key) for key in written]
        if environment.settings.line_delay_ms:
            await asyncio.sleep(environment.settings.line_delay_ms * len(written) / 1000)
        if environment.conflicts > 0 or before != [_version(environment, key) for key in written]:
            environment.conflicts = max(0, environment.conflicts - 1)
            raise Undone(0, conflict(ENTITIES[LINES], environment.settings.conflict_status))
    environment.undo.clear()
    answers: list[Answer] = []
    for operation in operations:
        try:
            answers.append(_perform(environment, operation))
        except Refusal as refusal:
            environment.take_back()
            raise Undone(len(answers), refusal) from None
    return answers


def journals_written(environment: Environment, operation: Operation) -> list[tuple[str, str]]:
    """Company and number of the journal whose header the operation writes, if it writes one."""
    if operation.method not in ("POST", "PATCH", "DELETE") or LINES not in operation.path:
        return []
    with suppress(Refusal, KeyError, AttributeError, ValueError):
        key = operation.address().key
        named: Record = key if key is not None else json.loads(operation.content)
        company = named.get("dataAreaId", environment.default_company).lower()
        return [(company, named["JournalBatchNumber"])]
    return []


def _version(environment: Environment, key: tuple[str, str]) -> int:
    row = environment.tables["LedgerJournalHeaders"].find(*key)
    return row.version if row else 0


def _perform(environment: Environment, operation: Operation) -> Answer:
    address, query = operation.address(), operation.query()
    if address.entity.name in environment.settings.forbidden:
        raise forbidden(f"the entity {address.entity.name}")
    if operation.method == "GET":
        return read(environment, operation, address, query)
    if operation.method == "POST" and address.action:
        return actions.act(environment, operation, address)
    if operation.method == "POST" and address.key is None:
        return _created(environment, operation, address, query)
    change = CHANGES.get((operation.method, address.entity.name))
    if change is None or address.key is None:
        raise Refusal(405, f"The requested resource does not support http method '{operation.method}'.", plain=True)
    wanted = operation.headers.get("if-match", "*")
    if wanted not in ("*", keyed(environment, address.entity, address.key, query).etag):
        raise wrong_etag()
    body = operation.parsed() if operation.method == "PATCH" else {}
    values = values_of(environment, address.entity, body)
    return change(Write(environment, operation, address.entity, query, address.key, values))


def _created(environment: Environment, operation: Operation, address: Address, query: Query) -> Answer:
    entity = address.entity
    create = CREATES.get(entity.name)
    if create is None:
        raise Refusal(405, "The requested resource does not support http method 'POST'.", plain=True)
    write = Write(environment, operation, entity, query, {}, values_of(environment, entity, operation.parsed()))
    if entity.of_a_company:
        if environment.tables["Companies"].find(write.company) is None:
            raise failed(f"Company {write.company} does not exist.")
        elsewhere = write.company != environment.default_company
        if environment.settings.post_needs_cross_company and elsewhere and not query.cross_company:
            raise failed(f"The record cannot be created in company {write.company} without cross-company.")
    row = create(write)
    values = ((name, row.record[name]) for name in entity.keys)
    key = ",".join(f"{name}='{value}'" if isinstance(value, str) else f"{name}={value}" for name, value in values)
    headers = {"Location": f"{operation.origin}/data/{entity.name}({key})", "ETag": row.etag}
    context = {"@odata.context": f"{operation.origin}/data/$metadata#{entity.name}/$entity"}
    return Answer(environment.settings.created_status, context | rendered(entity, row, entity.kinds), headers)
