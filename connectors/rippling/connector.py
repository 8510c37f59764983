"""Rippling as a source of people, reference values and pay runs, by whichever API the connection is set to."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime

from msgspec.structs import replace

from connectors.contract import CheckResult, ConnectorContext, FeedPage
from connectors.errors import ConnectionConfigError, UnexpectedReplyError
from connectors.pay_runs import PayPage, PayRun
from connectors.records import OrgUnit, RefKind, Worker, WorkerPage
from connectors.rippling import check
from connectors.rippling.client import (
    LEGAL_ENTITIES,
    PLATFORM_EMPLOYMENT_TYPES,
    PLATFORM_UNITS,
    REST_UNITS,
    PlatformClient,
    RestClient,
    only,
    refused_with,
)
from connectors.rippling.feeds import NOTHING, CompanyActivity, Feed, WorkerChanges, read_feed, with_feed
from connectors.rippling.identity import compared, worker_of
from connectors.rippling.mapper import Names, one_worker, unit_of, utc, worker_of_v1, worker_of_v2, worker_page
from connectors.rippling.pay_check import PayCheck
from connectors.rippling.payroll import LegalEntities, NoPayroll, Payroll, PlatformPayroll, RestPayroll
from connectors.rippling.reports import ReportPayroll
from connectors.rippling.schemas import EmployeeRow, Unit, WorkerRow
from connectors.rippling.signing_in import credential, is_app, setting
from connectors.rippling.taxes import Payers

NO_LEGAL_ENTITIES = LegalEntities(lambda: None)
Converter = Callable[[EmployeeRow], tuple[Worker, dict[str, str]]]


class RipplingConnector:
    """A ``Connector``, an ``OrgSource``, a ``WorkerSource``, a ``ChangeFeed`` and a ``PayRunSource``.

    Reads only: nothing is ever written to Rippling, save that a saved report is run.
    """

    def __init__(self, context: ConnectorContext) -> None:
        api = setting(context, "api")
        if api not in ("v1", "v2"):
            raise ConnectionConfigError("The Rippling API of this connection must be REST (v2) or Platform (v1).")
        self._context = context
        self._now = context.now
        access = credential(context)
        self._rest, self._platform = RestClient(context, access), PlatformClient(context, access)
        self._source: RestSource | PlatformSource = (
            RestSource(self._rest, context.learned.get("changed_since", "none"))
            if api == "v2"
            else PlatformSource(self._platform)
        )

    def check(self) -> CheckResult:
        """What the token may see on both APIs, and what will not be synced for lack of it."""
        uses_rest = isinstance(self._source, RestSource)
        result = check.run(self._rest, self._platform, uses_rest=uses_rest)
        if not result.ok:
            return result
        pay = PayCheck(
            self._rest,
            self._platform,
            lambda: ReportPayroll(self._rest, self._context),
            has_report=bool(setting(self._context, "payroll_report_id")),
            uses_rest=uses_rest,
            known=self._context.learned.get("payroll_route", "none"),
        )
        result = with_feed(pay.with_payroll(result, setting(self._context, "payroll_route")), self._feed, self._now())
        if is_app(self._context) and uses_rest and result.learned.get("v1") == "yes":
            result = replace(result, learned={**result.learned, "ids": compared(self._rest, self._platform)})
        return result

    def has_feed(self) -> bool:
        """True when the last check could read the feed of the API in use and understood it."""
        return self._context.learned.get("feed") == self._feed.name

    def changes(self, cursor: str) -> FeedPage:
        """Whom Rippling notes a change of behind ``cursor``; the ids are those of the API in use."""
        return read_feed(self._feed, cursor, self._now()) if self.has_feed() else NOTHING

    def close(self) -> None:
        """Release the sockets of both APIs. Idempotent."""
        self._rest.http.close()
        self._platform.http.close()

    def org_kinds(self) -> Sequence[RefKind]:
        """What the last check found readable, or everything the API has while nothing was checked."""
        known = self._context.learned.get("kinds")
        if known is None:
            return self._source.kinds
        readable = set(known.split(","))
        kinds = [kind for kind in self._source.kinds if kind.value in readable]
        return [*kinds, RefKind.COMPANY] if self._companies_are_eins() else kinds

    def org_units(self, kind: RefKind) -> Iterator[OrgUnit]:
        """Every value of one kind. The id of a position is its text, because that is what a worker carries."""
        if kind is RefKind.COMPANY and self._companies_are_eins():
            return PlatformPayroll(self._platform, Payers(), NO_LEGAL_ENTITIES).companies()
        return self._source.units(kind)

    def worker_pages(self, changed_since: datetime | None = None) -> Iterator[WorkerPage]:
        """Pages of at most 100 workers of every status.

        With ``changed_since`` and a connection that honours it: those changed at or after its second, oldest change
        first. When a row proves that Rippling ignored the bound, ``honours_changed_since`` turns False and the read
        becomes a full walk from its beginning; workers seen before that come again.
        """
        return self._source.pages(changed_since)

    def honours_changed_since(self) -> bool:
        """True when a check proved that v2 filters by change, and no page has disproved it since. Never for v1."""
        return self._source.honours_changed_since()

    def worker(self, worker_id: str) -> Worker | None:
        """One worker with the fields the token may see; where an app is installed also by the id that webhooks use.

        RecordRejectedError when the record cannot be read.
        """
        found = self._source.worker(worker_id)
        if found is None and isinstance(self._source, RestSource) and self._may_be_named_otherwise:
            row = worker_of(worker_id, self._rest, self._platform)
            return None if row is None else one_worker(row, worker_of_v2)
        return found

    def pay_runs(self, since: date) -> Iterator[PayRun]:
        """Every run with a check date on or after ``since``, newest first; a run that has none yet is not due.

        ConnectionConfigError when no route to payroll is open, or when the report lacks a column.
        """
        return self._payroll.pay_runs(since)

    def pay_run(self, run_id: str) -> PayRun | None:
        """One run as it stands now, None when Rippling no longer knows it."""
        return self._payroll.pay_run(run_id)

    def pay_pages(self, run: PayRun) -> Iterator[PayPage]:
        """Every statement of the run. One with anything unreadable in it is unreadable, and no other is affected."""
        return self._payroll.pay_pages(run)

    @functools.cached_property
    def _payroll(self) -> Payroll:
        match self._route:
            case "v2":
                return RestPayroll(self._rest, self._entities)
            case "v1":
                names = [setting(self._context, f"{who}_tax_names").split(";") for who in ("employer", "employee")]
                employer, employee = (list(filter(None, map(str.strip, listed))) for listed in names)
                return PlatformPayroll(self._platform, Payers(employer, employee), self._entities)
            case "report":
                return ReportPayroll(self._rest, self._context)
        return NoPayroll()

    @property
    def _route(self) -> str:
        """The setting, or what the last check learned; none before the first."""
        chosen = setting(self._context, "payroll_route")
        return self._context.learned.get("payroll_route", "none") if chosen == "auto" else chosen

    @property
    def _entities(self) -> LegalEntities:
        return LegalEntities(self._source.legal_entities) if isinstance(self._source, RestSource) else NO_LEGAL_ENTITIES

    @functools.cached_property
    def _feed(self) -> Feed:
        return WorkerChanges(self._rest) if isinstance(self._source, RestSource) else CompanyActivity(self._platform)

    @property
    def _may_be_named_otherwise(self) -> bool:
        return is_app(self._context) and self._context.learned.get("ids") != "same"

    def _companies_are_eins(self) -> bool:
        return self._route == "v1" and isinstance(self._source, PlatformSource)


class RestSource:
    """v2."""

    kinds: Sequence[RefKind] = tuple(REST_UNITS)

    def __init__(self, client: RestClient, operator: str) -> None:
        self._client = client
        self._operator = operator if operator in ("gte", "ge") else ""

    def honours_changed_since(self) -> bool:
        return bool(self._operator)

    def units(self, kind: RefKind) -> Iterator[OrgUnit]:
        if kind is RefKind.COMPANY:
            return self._companies()
        return (unit_of(kind, row) for row in self._client.units(REST_UNITS[kind]))

    def _companies(self) -> Iterator[OrgUnit]:
        return (unit_of(RefKind.COMPANY, row) for row in self._entities())

    def _entities(self) -> list[Unit]:
        """From the company where the list of legal entities is not subscribed. Source: rippling §12.3."""
        try:
            return list(self._client.units(LEGAL_ENTITIES))
        except ConnectionConfigError as error:
            if not refused_with(error, 403):
                raise
            return self._client.legal_entities_of_company()

    def legal_entities(self) -> list[Unit] | None:
        """The legal entities as they are listed, None when the token may see them in no way."""
        try:
            return self._entities()
        except ConnectionConfigError as error:
            if not refused_with(error, 403):
                raise
            return None

    def pages(self, changed_since: datetime | None) -> Iterator[WorkerPage]:
        while changed_since is not None and self._operator:
            try:
                yield from self._changed(self._operator, changed_since)
            except NotHonoured:
                self._operator = ""
            except UnexpectedReplyError as error:
                if not refused_with(error, 400):
                    raise
                # The operator's spelling is not documented beyond doubt. Source: rippling §5.1.
                self._operator = "ge" if self._operator == "gte" else ""
            else:
                return
        # Rows that change while we walk keep their place in this order. Source: rippling §4.4.
        for page in self._client.workers(("order_by", "created_at,id")):
            yield worker_page(page.rows, page.meta, worker_of_v2)

    def _changed(self, operator: str, since: datetime) -> Iterator[WorkerPage]:
        bound = since.replace(microsecond=0)
        for page in self._client.changed_workers(operator, since):
            if any(isinstance(row, WorkerRow) and is_before(row, bound) for row in page.rows):
                raise NotHonoured
            yield worker_page(page.rows, page.meta, worker_of_v2)

    def worker(self, worker_id: str) -> Worker | None:
        row = self._client.worker(worker_id)
        return None if row is None else one_worker(only(row), worker_of_v2)


class NotHonoured(Exception):
    """A row is older than the bound that was asked for: the filter was not applied."""


def is_before(row: WorkerRow, bound: datetime) -> bool:
    """True when the row is older than the bound or does not say how old it is."""
    changed = utc(row.updated_at)
    return changed is None or changed < bound


class PlatformSource:
    """v1."""

    kinds: Sequence[RefKind] = (*PLATFORM_UNITS, RefKind.EMPLOYMENT_TYPE)

    def __init__(self, client: PlatformClient) -> None:
        self._client = client

    def honours_changed_since(self) -> bool:
        return False

    def units(self, kind: RefKind) -> Iterator[OrgUnit]:
        if kind is RefKind.EMPLOYMENT_TYPE:
            return (OrgUnit(kind=kind, id=key, name=name) for key, name in PLATFORM_EMPLOYMENT_TYPES.items())
        return (unit_of(kind, row) for row in self._client.units(PLATFORM_UNITS[kind]))

    def pages(self, changed_since: datetime | None) -> Iterator[WorkerPage]:
        convert = self._converter()
        for rows in self._client.employees(changed_since):
            yield worker_page(rows, None, convert)

    def worker(self, worker_id: str) -> Worker | None:
        row = self._client.employee(worker_id)
        return None if row is None else one_worker(only(row), self._converter())

    def _converter(self) -> Converter:
        departments = self._names("department", RefKind.DEPARTMENT)
        locations = self._names("work location", RefKind.LOCATION)
        withheld = {
            field: "The token may not read the list that this name is in"
            for field, names in (("department_id", departments), ("location_id", locations))
            if not names.readable
        }
        return lambda row: (worker_of_v1(row, departments, locations), withheld)

    def _names(self, noun: str, kind: RefKind) -> Names:
        try:
            return Names(noun, list(self.units(kind)))
        except ConnectionConfigError as error:
            if not refused_with(error, 403):
                raise
            return Names(noun, None)
