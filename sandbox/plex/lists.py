"""Lists and single rows of a table: filters, and in the documents profile date windows, pages and envelopes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web

from sandbox.plex.call import Call, as_uuid
from sandbox.plex.instants import bound
from sandbox.plex.naming import Profile, underscored
from sandbox.plex.plant import Plant
from sandbox.plex.refusals import bad_argument, not_found
from sandbox.plex.tables import Row, Table

DEFAULT_LIMIT = 500
UUID_FIELDS = frozenset({"id", "supervisorId", "accountId", "createdById", "modifiedById"})
FLAGS = frozenset({"active", "booked", "period13", "periodAdjustment", "periodAdjustmentEntries", "reversing"})
DOCUMENTS_DATES = ("createdDate", "modifiedDate")


@dataclass(frozen=True)
class Selection:
    """What a query asks for: field → accepted values, and for dates (field, is it the first, inclusive bound)."""

    equal: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    dates: tuple[tuple[str, bool, str], ...] = ()

    def accepts(self, row: Row) -> bool:
        record = row.record
        return all(record.get(name) in values for name, values in self.equal) and all(
            record[name] >= limit if first else record[name] <= limit for name, first, limit in self.dates
        )


@dataclass(frozen=True)
class Listing:
    """One table of a plant offered as a resource.

    ``filters``: query name → field; every other query name is silently ignored (plex §2.6). Those in ``several``
    may be repeated; of the others the first counts. ``narrowed`` gives filters the query states in another way.
    ``dates``: fields a query may bound, as ``postDateBegin`` in connect and ``post_date_from`` in the documents;
    the documents bound creation and modification of every resource that shows them.
    """

    table: Callable[[Plant], Table]
    filters: Mapping[str, str]
    several: Collection[str] = ("id",)
    narrowed: Callable[[Call], dict[str, tuple[Any, ...]]] = lambda call: {}
    dates: tuple[str, ...] = ()

    def many(self, call: Call) -> web.Response:
        call.plant.settle(list(call.plant.pending), call.company.now())
        return self.of(call, self._seen(call))

    def of(self, call: Call, table: Table) -> web.Response:
        """What of this table the query asks for."""
        selection = self._selection(call, table)
        if call.profile is Profile.CONNECT:
            return self._array(call, table, selection)
        return _page(call, table, selection)

    def one(self, call: Call) -> web.Response:
        row_id = call.path_id
        call.plant.settle([row_id], call.company.now())
        table = self._seen(call)
        if row_id not in table.rows:
            raise not_found()
        return json_response(table.rows[row_id].json(table.names, call.profile))

    def _seen(self, call: Call) -> Table:
        table = self.table(call.plant)
        return Table(table.names) if call.blind else table

    def _array(self, call: Call, table: Table, selection: Selection) -> web.Response:
        rows = _select(table, selection)
        _refuse_nothing(call, rows)
        if _indexed(table, selection):
            return json_response(_joined(call, table, rows))
        return json_response(table.remember(("array", selection), lambda: _joined(call, table, rows)))

    def _selection(self, call: Call, table: Table) -> Selection:
        equal = self.narrowed(call)
        for name, given in call.query.items():
            asked = name
            if call.profile is Profile.DOCUMENTS:
                asked = table.names.kept(call.profile, name) or name
            field = self.filters.get(asked)
            if field is not None:
                values = given if asked in self.several else given[:1]
                equal[field] = tuple(_value(name, field, value) for value in values)
        query = call.query
        dates = [
            (field, first, bound(name, query[name][0]))
            for name, field, first in self._bounds(call, table)
            if name in query
        ]
        return Selection(tuple(sorted(equal.items())), tuple(dates))

    def _bounds(self, call: Call, table: Table) -> Iterator[tuple[str, str, bool]]:
        """(query name, field, is it the first bound) of every date the profile lets a query bound."""
        if call.profile is Profile.CONNECT:
            for field in self.dates:
                yield f"{field}Begin", field, True
                yield f"{field}End", field, False
            return
        for field in dict.fromkeys((*DOCUMENTS_DATES, *self.dates)):
            if field in table.names.documents:
                yield f"{underscored(field).lower()}_from", field, True
                yield f"{underscored(field).lower()}_to", field, False


def json_response(body: bytes, status: int = 200) -> web.Response:
    return web.Response(status=status, body=body, content_type="application/json", charset="utf-8")


def _value(name: str, field: str, text: str) -> str | bool | int:
    if field in UUID_FIELDS:
        return as_uuid(name, text)
    if field == "journalNumber":
        if not (text.isascii() and text.isdigit()):
            raise bad_argument(name, "an integer")
        return int(text)
    if field not in FLAGS:
        return text
    if text.lower() not in ("true", "false"):
        raise bad_argument(name, "true or false")
    return text.lower() == "true"


def _indexed(table: Table, selection: Selection) -> bool:
    return any(table.indexes(name) for name, _ in selection.equal)


def _select(table: Table, selection: Selection) -> list[Row]:
    for name, values in selection.equal:
        if table.indexes(name):
            hits = (row for value in dict.fromkeys(values) for row in table.find(name, value))
            return [row for row in hits if selection.accepts(row)]
    if selection == Selection():
        return table.remember("all", lambda: list(table))
    return table.remember(selection, lambda: [row for row in table if selection.accepts(row)])


def _joined(call: Call, table: Table, rows: list[Row]) -> bytes:
    return b"[" + b",".join([row.json(table.names, call.profile) for row in rows]) + b"]"


def _refuse_nothing(call: Call, rows: list[Row]) -> None:
    """Some lists answer 404 where there is no data (plex §2.7)."""
    if not rows and call.company.settings.no_data_404 and not call.blind:
        raise not_found()


def _page(call: Call, table: Table, selection: Selection) -> web.Response:
    settings = call.company.settings
    limit = _number(call, "limit", DEFAULT_LIMIT, least=1)
    offset = _number(call, "offset", 0, least=0)
    rows = _select(table, selection)
    if settings.documents_paging == "ignored":
        limit, offset = max(len(rows), 1), 0
    page = rows[offset : offset + limit]
    _refuse_nothing(call, rows)
    envelope = settings.documents_envelope
    more = offset + limit < len(rows)

    def body() -> bytes:
        array = _joined(call, table, page)
        if envelope == "array":
            return array
        following = b',"next_offset":' + msgspec.json.encode(offset + limit) if more else b""
        return b'{"' + envelope.encode() + b'":' + array + following + b"}"

    if _indexed(table, selection):
        return json_response(body())
    return json_response(table.remember(("page", selection, limit, offset, envelope), body))


def _number(call: Call, name: str, default: int, *, least: int) -> int:
    text = call.query.get(name, [str(default)])[0]
    if not (text.isascii() and text.isdigit()) or int(text) < least:
        raise bad_argument(name, f"a number of at least {least}")
    return int(text)
