"""Rippling's payroll by the routes that its APIs have, each a ``PayRunSource`` of its own. Source: rippling §8.1."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import Protocol
from urllib.parse import quote

import msgspec

from connectors import rippling
from connectors.errors import ConnectionConfigError, ConnectorError, RecordRejectedError
from connectors.http import Reply
from connectors.paging import offset_rows
from connectors.pay_runs import PayPage, PayRun
from connectors.records import OrgUnit, RefKind, UnreadableRecord
from connectors.rippling.client import (
    LIMIT,
    PAY_RUNS,
    PLATFORM_PAY_RUNS,
    Params,
    PlatformClient,
    RestClient,
    RestPage,
    page_of,
    read,
    refused_with,
)
from connectors.rippling.pay_mapper import (
    Seen,
    content_of,
    pay_page,
    records,
    run_of_v1,
    run_of_v2,
    statement_of_v1,
    statement_of_v2,
    withheld,
)
from connectors.rippling.pay_schemas import PayRecordRow, PayRunRow, PlatformRecordRow, PlatformRunRow
from connectors.rippling.schemas import Page, Unit
from connectors.rippling.taxes import Payers

NO_ROUTE = (
    "Rippling's pay runs cannot be read by this connection. There are three ways: the REST API, if your contract has "
    "“Global Payroll”; the Platform API, if the token has the permission “employee:payroll”; or a saved payroll "
    "report, if your contract has “Reports API” and the report's id is in the settings. Open one of them, then test "
    "the connection."
)


class Payroll(Protocol):
    """One route; the methods are those of ``connectors.contract.PayRunSource``."""

    def pay_runs(self, since: date) -> Iterator[PayRun]: ...

    def pay_run(self, run_id: str) -> PayRun | None: ...

    def pay_pages(self, run: PayRun) -> Iterator[PayPage]: ...


class NoPayroll:
    """No route was chosen, or none works."""

    def pay_runs(self, since: date) -> Iterator[PayRun]:
        raise ConnectionConfigError(NO_ROUTE)

    def pay_run(self, run_id: str) -> PayRun | None:
        raise ConnectionConfigError(NO_ROUTE)

    def pay_pages(self, run: PayRun) -> Iterator[PayPage]:
        raise ConnectionConfigError(NO_ROUTE)


class RestPayroll:
    """v2: runs can be sorted by check date and not filtered. Source: rippling §8.3."""

    def __init__(self, client: RestClient, entities: LegalEntities) -> None:
        self._client = client
        self._entities = entities

    def pay_runs(self, since: date) -> Iterator[PayRun]:
        """Newest first; the walk ends behind ``since`` as long as the pages prove to be sorted."""
        found: list[PayRun] = []
        newest, is_sorted = date.max, True
        for page in self._client.pages(PAY_RUNS, [*NEWEST_FIRST, ("limit", str(LIMIT))], page_of(PayRunRow)):
            for row in page.rows:
                run = run_of_v2(row, self._entities.with_id)
                if run is None:
                    continue
                is_sorted = is_sorted and run.check_date <= newest
                newest = run.check_date
                if run.check_date >= since:
                    found.append(run)
            if is_sorted and newest < since:
                break
        yield from newest_first(found)

    def pay_run(self, run_id: str) -> PayRun | None:
        path = f"{PAY_RUNS.path}{quote(run_id, safe='')}/"
        reply = read(self._client.http, PAY_RUNS, path, [], accept=(200, 404))
        return run_of_v2(reply.json(PayRunRow), self._entities.with_id) if reply.status == 200 else None

    def pay_pages(self, run: PayRun) -> Iterator[PayPage]:
        """Pages of at most 100. A record that a moving page shows twice is given once, if it says the same twice."""
        path = f"{PAY_RUNS.path}{quote(run.id, safe='')}/worker-payroll-records/"
        entity = PAY_RUNS._replace(what="pay records", path=path)
        seen = Seen()
        with _known_run():
            for page in self._client.pages(entity, [("limit", str(LIMIT))], _record_page):
                yield pay_page(seen.new(page.rows), lambda row: statement_of_v2(row, run.company_id))


class PlatformPayroll:
    """v1: runs by limit and offset, in no documented order, none of them by id. Source: rippling §8.2."""

    def __init__(self, client: PlatformClient, payers: Payers, entities: LegalEntities) -> None:
        self._client = client
        self._payers = payers
        self._entities = entities

    def pay_runs(self, since: date) -> Iterator[PayRun]:
        yield from newest_first([run for run in self._runs() if run.check_date >= since])

    def pay_run(self, run_id: str) -> PayRun | None:
        return next((run for run in self._runs() if run.id == run_id), None)

    def pay_pages(self, run: PayRun) -> Iterator[PayPage]:
        path = f"{PLATFORM_PAY_RUNS.path}/{quote(run.id, safe='')}/employees"

        def fetch(offset: int, limit: int) -> list[PlatformRecordRow | UnreadableRecord]:
            reply = read(self._client.http, PLATFORM_PAY_RUNS, path, _slice(offset, limit))
            return _platform_records(reply)

        seen = Seen()
        with _known_run():
            for rows in offset_rows(fetch, key=content_of, product=rippling.PRODUCT, limit=LIMIT):
                yield pay_page(seen.new(rows), lambda row: statement_of_v1(row, self._payers, run.company_id))

    def companies(self) -> Iterator[OrgUnit]:
        """The legal entities that ran a payroll, for an API that lists none: their id is the EIN."""
        for ein in sorted({run.company_id for run in self._runs() if run.company_id}):
            yield OrgUnit(kind=RefKind.COMPANY, id=ein, name=f"EIN {ein}")

    def _runs(self) -> Iterator[PayRun]:
        def fetch(offset: int, limit: int) -> list[PlatformRunRow]:
            reply = read(self._client.http, PLATFORM_PAY_RUNS, PLATFORM_PAY_RUNS.path, _slice(offset, limit))
            return reply.json(list[PlatformRunRow])

        for rows in offset_rows(fetch, key=lambda row: row.id, product=rippling.PRODUCT, limit=LIMIT):
            yield from filter(None, (run_of_v1(row, self._entities.with_ein) for row in rows))


class LegalEntities:
    """The legal entities a run may belong to, read on first use; ``load`` gives None where there is no list of them.

    That a run's entity is one of the list is not documented: one that is not in it is no entity we could name, and
    the workers' own is meant. Source: rippling §11, §13 question 6.
    """

    def __init__(self, load: Callable[[], Iterable[Unit] | None]) -> None:
        self._load = load

    def with_id(self, entity_id: str) -> str | None:
        """The id itself where it is one of the list, or where there is no list."""
        return entity_id if self._known is None or entity_id in self._known.values() else None

    def with_ein(self, ein: str) -> str | None:
        """The id of the one with this EIN; the EIN itself where there is no list."""
        return ein if self._known is None else self._known.get(digits(ein))

    @functools.cached_property
    def _known(self) -> dict[str, str] | None:
        units = self._load()
        return None if units is None else {digits(unit.tax_identifier or unit.id): unit.id for unit in units}


NEWEST_FIRST: Params = [("order_by", "check_date desc")]


def newest_first(runs: list[PayRun]) -> list[PayRun]:
    """Sorted by check date, the latest first; runs of one day keep the order of their ids."""
    return sorted(sorted(runs, key=lambda run: run.id), key=lambda run: run.check_date, reverse=True)


def digits(ein: str) -> str:
    """An EIN without the dash some people write; leading zeros are kept."""
    return re.sub(r"[\s-]", "", ein)


def _slice(offset: int, limit: int) -> Params:
    return [("limit", str(limit)), ("offset", str(offset))]


def _record_page(reply: Reply) -> RestPage[PayRecordRow | UnreadableRecord]:
    page = reply.json(Page[msgspec.Raw])
    if hidden := withheld(page.meta):
        raise ConnectionConfigError(
            f"Rippling withholds the {hidden} of pay records from this token. Give the token the permission "
            f"“{PAY_RUNS.scope}” in Rippling under API Tokens, or have an administrator who sees pay make a new one."
        )
    rows = records(page.results, PayRecordRow)
    for row in rows:
        # That a record has an id of its own is not documented beyond doubt. Source: rippling §8.3.
        if isinstance(row, PayRecordRow) and not row.id:
            row.id = row.worker_id
    return RestPage(rows, page.meta, page.next_link)


def _platform_records(reply: Reply) -> list[PlatformRecordRow | UnreadableRecord]:
    return records(reply.json(list[msgspec.Raw]), PlatformRecordRow)


@contextlib.contextmanager
def _known_run() -> Iterator[None]:
    """A run that vanished between its header and its records is refused, and no sign of a wrong address."""
    try:
        yield
    except ConnectorError as error:
        if not refused_with(error, 404):
            raise
        raise RecordRejectedError(
            "Rippling no longer has this pay run. Read the pay runs again.", detail=error.detail
        ) from error
