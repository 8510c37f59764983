"""Lists, single records and counts of any entity set (dynamics §2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.dynamics import filters
from sandbox.dynamics.addresses import Address, Query
from sandbox.dynamics.model import EntityType, Record, comparable
from sandbox.dynamics.operations import DATA, Answer, Operation
from sandbox.dynamics.refusals import bad_query, no_record
from sandbox.dynamics.tables import Row, rendered

if TYPE_CHECKING:
    from sandbox.dynamics.environment import Environment

OPTIONS = frozenset({"$filter", "$select", "$orderby", "$top", "$skip", "$count", "$skiptoken", "$format"})
EMPLOYMENT_DATES = frozenset({"EmploymentStartDate", "EmploymentEndDate"})


@dataclass(frozen=True)
class Selection:
    """What the query options of a list come to. ``start``: how many rows earlier pages have shown."""

    filter: filters.Filter
    names: tuple[str, ...]
    order: tuple[tuple[str, bool], ...]
    top: int | None
    start: int
    count: bool


def read(environment: Environment, operation: Operation, address: Address, query: Query) -> Answer:
    selection = _selection(environment, address.entity, query)
    if address.key is not None:
        return _single(environment, operation, address, query, selection)
    rows = _rows(environment, address.entity, query, selection)
    if address.count:
        return Answer(200, str(len(rows)))
    return _listed(environment, operation, address.entity, query, selection, rows)


def _single(
    environment: Environment, operation: Operation, address: Address, query: Query, selection: Selection
) -> Answer:
    row = keyed(environment, address.entity, address.key or {}, query)
    context = f"{operation.origin}{DATA}$metadata#{address.entity.name}{_selected(query)}/$entity"
    body = {"@odata.context": context} | rendered(address.entity, row, selection.names)
    return Answer(200, body, {"ETag": row.etag})


def keyed(environment: Environment, entity: EntityType, key: Record, query: Query) -> Row:
    """The record with this key; another company's is not found without cross-company (dynamics §2)."""
    company = key.get("dataAreaId")
    if company is not None and company != environment.default_company and not query.cross_company:
        raise no_record(entity)
    row = environment.found(entity, key)
    if row is None:
        raise no_record(entity)
    return row


def _listed(
    environment: Environment,
    operation: Operation,
    entity: EntityType,
    query: Query,
    selection: Selection,
    rows: list[Row],
) -> Answer:
    size, headers = _page_size(environment, operation)
    first = selection.start
    last = len(rows) if selection.top is None else min(len(rows), _skipped(query) + selection.top)
    end = min(first + size, last)
    body: Record = {"@odata.context": f"{operation.origin}{DATA}$metadata#{entity.name}{_selected(query)}"}
    if selection.count:
        body["@odata.count"] = len(rows)
    body["value"] = [rendered(entity, row, selection.names) for row in rows[first:end]]
    if end < last:
        kept = [part for part in query.raw.split("&") if part and not re.match(r"(\$|%24)skiptoken=", part)]
        body["@odata.nextLink"] = f"{operation.origin}{operation.path}?{'&'.join([*kept, f'$skiptoken={end}'])}"
    return Answer(200, body, headers)


def _rows(environment: Environment, entity: EntityType, query: Query, selection: Selection) -> list[Row]:
    """Every row the query is about, in its order. Without cross-company that is the default company alone."""
    kept = selection.filter
    rows = environment.matching(entity, kept.equal)
    if entity.of_a_company and not query.cross_company:
        rows = [row for row in rows if row.record["dataAreaId"].lower() == environment.default_company]
    if entity.name in ("EmployeesV2", "EmploymentsV2", "Employments") and not (kept.named & EMPLOYMENT_DATES):
        rows = _as_of_now(environment, rows)
    chosen = sorted((row for row in rows if kept.test(row.record)), key=lambda row: row.number)
    for name, descending in reversed(selection.order):
        chosen.sort(key=_value(entity, name), reverse=descending)
    return chosen


def _value(entity: EntityType, name: str) -> Callable[[Row], Any]:
    return lambda row: comparable(row.record.get(name, entity.blanks[name]))


def _as_of_now(environment: Environment, rows: Iterable[Row]) -> Iterable[Row]:
    """Valid-time rows show what holds now, unless the query is about their dates (dynamics §7)."""
    if environment.settings.employments_shown == "all":
        return rows
    now = environment.now()
    return [r for r in rows if r.record["EmploymentStartDate"] <= now <= r.record["EmploymentEndDate"]]


def _selection(environment: Environment, entity: EntityType, query: Query) -> Selection:
    options = query.options
    unknown = [name for name in options if name.startswith("$") and name not in OPTIONS]
    if unknown:
        raise bad_query(f"The query parameter '{unknown[0]}' is not supported.")
    kept = filters.parse(entity, options["$filter"]) if "$filter" in options else filters.EVERYTHING
    if "IntegrationKey" in kept.named and environment.settings.integration_key == "not_filterable":
        raise bad_query("The property 'IntegrationKey' cannot be used in the $filter query option.")
    return Selection(
        filter=kept,
        names=_names(entity, options.get("$select", "")),
        order=tuple(_order(entity, options.get("$orderby", ""))),
        top=_number(options["$top"], "$top") if "$top" in options else None,
        start=_number(options["$skiptoken"], "$skiptoken") if "$skiptoken" in options else _skipped(query),
        count=options.get("$count") == "true",
    )


def _skipped(query: Query) -> int:
    return _number(query.options.get("$skip", "0"), "$skip")


def _number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise bad_query(f"Invalid value '{text}' for {name} query option found.")
    return int(text)


def _names(entity: EntityType, text: str) -> tuple[str, ...]:
    if not text:
        return tuple(entity.kinds)
    return tuple(_known(entity, name.strip()) for name in text.split(","))


def _order(entity: EntityType, text: str) -> Iterable[tuple[str, bool]]:
    for part in filter(None, text.split(",")):
        name, _, direction = part.strip().partition(" ")
        if direction.strip() not in ("", "asc", "desc"):
            raise bad_query(f"Syntax error in '{part}'.")
        yield _known(entity, name), direction.strip() == "desc"


def _known(entity: EntityType, name: str) -> str:
    if name not in entity.kinds:
        raise bad_query(f"Could not find a property named '{name}' on type '{entity.type_name}'.")
    return name


def _selected(query: Query) -> str:
    chosen = query.options.get("$select")
    return f"({chosen})" if chosen else ""


def _page_size(environment: Environment, operation: Operation) -> tuple[int, dict[str, str]]:
    most = environment.settings.page_size
    wanted = re.search(r"odata\.maxpagesize=(\d+)", operation.headers.get("prefer", ""))
    if wanted is None or not 0 < int(wanted[1]) < most:
        return most, {}
    return int(wanted[1]), {"Preference-Applied": f"odata.maxpagesize={wanted[1]}"}
