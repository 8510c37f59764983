"""Rippling as a source of people and reference values, by whichever API the connection is set to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from connectors.contract import CheckResult, ConnectorContext
from connectors.errors import ConnectionConfigError, UnexpectedReplyError
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
    setting,
)
from connectors.rippling.mapper import Names, one_worker, unit_of, utc, worker_of_v1, worker_of_v2, worker_page
from connectors.rippling.schemas import EmployeeRow, WorkerRow

Converter = Callable[[EmployeeRow], tuple[Worker, dict[str, str]]]


class RipplingConnector:
    """A ``Connector``, an ``OrgSource`` and a ``WorkerSource``. Reads only; nothing is ever written to Rippling."""

    def __init__(self, context: ConnectorContext) -> None:
        api = setting(context, "api")
        if api not in ("v1", "v2"):
            raise ConnectionConfigError("The Rippling API of this connection must be REST (v2) or Platform (v1).")
        self._context = context
        self._rest = RestClient(context)
        self._platform = PlatformClient(context)
        self._source: RestSource | PlatformSource = (
            RestSource(self._rest, context.learned.get("changed_since", "none"))
            if api == "v2"
            else PlatformSource(self._platform)
        )

    def check(self) -> CheckResult:
        """What the token may see on both APIs, and what will not be synced for lack of it."""
        return check.run(self._rest, self._platform, uses_rest=isinstance(self._source, RestSource))

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
        return [kind for kind in self._source.kinds if kind.value in readable]

    def org_units(self, kind: RefKind) -> Iterator[OrgUnit]:
        """Every value of one kind. The id of a position is its text, because that is what a worker carries."""
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
        """One worker with the fields the token may see. RecordRejectedError when the record cannot be read."""
        return self._source.worker(worker_id)


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
        """Legal entities, from the company where the list of them is not subscribed. Source: rippling §12.3."""
        try:
            found = list(self._client.units(LEGAL_ENTITIES))
        except ConnectionConfigError as error:
            if not refused_with(error, 403):
                raise
            found = self._client.legal_entities_of_company()
        return (unit_of(RefKind.COMPANY, row) for row in found)

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
