"""Asking Rippling: one client per API, both saying in our words what a refusal means.

Source: rippling §2 (hosts, header), §3 (endpoints, tiers, scopes), §4 (paging), §9 (errors).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import quote

import msgspec

from connectors import rippling
from connectors.contract import ConnectorContext
from connectors.errors import (
    AccessEndedError,
    ConnectionConfigError,
    ConnectorError,
    RecordRejectedError,
    UnexpectedReplyError,
)
from connectors.http import Auth, RefusedReply, Reply, VendorHttp
from connectors.paging import linked_pages, offset_rows
from connectors.records import RefKind, UnreadableRecord
from connectors.rippling.mapper import rows
from connectors.rippling.schemas import CompanyRow, EmployeeRow, Entitlement, Meta, Page, SsoMe, Unit, WorkerRow
from connectors.rippling.signing_in import is_app, setting

T = TypeVar("T")
R = TypeVar("R")
Row = TypeVar("Row", WorkerRow, EmployeeRow)
Params = list[tuple[str, str]]

LIMIT = 100
TIER_2 = "API Tier 2"


class Entity(NamedTuple):
    """Something the API has: what people call it, where it is, what a token needs to see it."""

    what: str
    path: str
    scope: str
    tier: str = "API Tier 1"


WORKERS = Entity("people", "/workers/", "workers.read")
LEGAL_ENTITIES = Entity("legal entities", "/legal-entities/", "legal-entities.read", TIER_2)
SSO = Entity("the account", "/sso-me/", "sso-me.read")
ENTITLEMENTS = Entity("the subscribed API products", "/entitlements/", "entitlements.read")
COMPANIES = Entity("companies", "/companies/", "companies.read")
PAY_RUNS = Entity("pay runs", "/payroll-runs/", "payroll-runs.read", "Global Payroll")
REPORTS = Entity("reports", "/report-runs/", "report-runs.read-write", "Reports API")
REST_UNITS: dict[RefKind, Entity] = {
    RefKind.DEPARTMENT: Entity("departments", "/departments/", "departments.read"),
    RefKind.LOCATION: Entity("work locations", "/work-locations/", "work-locations.read"),
    RefKind.COMPANY: LEGAL_ENTITIES,
    RefKind.POSITION: Entity("job titles", "/titles/", "titles.read"),
    RefKind.EMPLOYMENT_TYPE: Entity("employment types", "/employment-types/", "employment-types.read"),
    RefKind.JOB_CODE: Entity("job codes", "/job-codes/", "job-codes.read", TIER_2),
    RefKind.JOB_DIMENSION: Entity("job dimensions", "/job-dimensions/", "job-dimensions.read", TIER_2),
}
CURRENT_COMPANY = Entity("the company", "/companies/current", "company:read", "")
EMPLOYEES = Entity("people", "/employees/include_terminated", "employee:read", "")
PLATFORM_PAY_RUNS = Entity("pay runs", "/payroll_runs", "employee:payroll", "")
PLATFORM_UNITS: dict[RefKind, Entity] = {
    RefKind.DEPARTMENT: Entity("departments", "/departments", "company:departments:read", ""),
    RefKind.LOCATION: Entity("work locations", "/work_locations", "company:workLocations:read", ""),
}
# The closed list of v1, which has no endpoint for it. Source: rippling §12.1.
PLATFORM_EMPLOYMENT_TYPES = {
    "SALARIED_FT": "Salaried, full-time",
    "SALARIED_PT": "Salaried, part-time",
    "HOURLY_FT": "Hourly, full-time",
    "HOURLY_PT": "Hourly, part-time",
    "TEMP": "Temporary",
    "CONTRACTOR": "Contractor",
}


class RipplingHttp(VendorHttp):
    """Knows whose access it uses, because that decides what a refusal means."""

    def __init__(self, context: ConnectorContext, auth: Auth, *, base_url: str, headers: Mapping[str, str]) -> None:
        super().__init__(context, product=rippling.PRODUCT, base_url=base_url, auth=auth, headers=headers)
        self.is_app = is_app(context)


def explained(refused: RefusedReply, entity: Entity, http: RipplingHttp) -> ConnectorError:
    """What a refusal means when ``entity`` was asked for."""
    match refused.status:
        case 401 if http.is_app:
            return AccessEndedError(
                "Rippling has ended our access: the administrator who installed the app may have left the company, or "
                "the app was removed. Another administrator must connect again on the connection's page.",
                detail=refused.detail,
            )
        case 403 if http.is_app:
            return ConnectionConfigError(
                f"The Rippling app may not read {entity.what}: its listing lacks the permission “{entity.scope}”, or "
                "the administrator who installed it has lost that right. In the latter case another administrator must "
                "connect again.",
                detail=refused.detail,
            )
        case 401:
            return AccessEndedError(
                "Rippling did not accept the API token: it is mistyped, was revoked, or was not used for 30 days. "
                "Create a new one in Rippling under API Tokens and enter it here.",
                detail=refused.detail,
            )
        case 403:
            return ConnectionConfigError(
                f"The Rippling API token may not read {entity.what}. Give it the permission “{entity.scope}” in "
                "Rippling under API Tokens, or have an administrator with that right make a new token.",
                detail=refused.detail,
            )
        case 404:
            return UnexpectedReplyError(
                f"Rippling does not know {entity.what} here. Check the addresses in the connection's settings.",
                detail=refused.detail,
            )
    return UnexpectedReplyError(
        f"Rippling refused to list {entity.what} (status {refused.status}). We have to look into this.",
        detail=refused.detail,
    )


def refused_with(error: ConnectorError, status: int) -> bool:
    """True when ``error`` explains a refusal with this status."""
    return isinstance(error.__cause__, RefusedReply) and error.__cause__.status == status


class RestPage(NamedTuple, Generic[R]):
    """One decoded page of a v2 list."""

    rows: Sequence[R]
    meta: Meta | None
    link: str | None


class RestClient:
    """v2: cursor pages in an envelope."""

    def __init__(self, context: ConnectorContext, auth: Auth) -> None:
        version = setting(context, "api_version")
        headers = {"Rippling-Api-Version": version} if version else {}
        self.http = RipplingHttp(context, auth, base_url=setting(context, "rest_url"), headers=headers)

    def workers(self, *extra: tuple[str, str]) -> Iterator[RestPage[WorkerRow | UnreadableRecord]]:
        """Pages of workers of every status with their users."""
        params = [("expand", "user"), *extra, ("limit", str(LIMIT))]
        return self.pages(WORKERS, params, _worker_page)

    def changed_workers(self, operator: str, since: datetime) -> Iterator[RestPage[WorkerRow | UnreadableRecord]]:
        """Pages of workers changed at or after the second of ``since``, oldest change first, if the filter works.

        Timestamps in a filter are bare and in UTC without a zone. Source: rippling §5.1.
        """
        moment = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return self.workers(("filter", f"updated_at {operator} {moment}"), ("order_by", "updated_at"))

    def worker(self, worker_id: str) -> WorkerRow | UnreadableRecord | None:
        """One worker with the user, None when Rippling does not know the id."""
        path = f"/workers/{quote(worker_id, safe='')}/"
        reply = read(self.http, WORKERS, path, [("expand", "user")], accept=(200, 404))
        return _one(reply, WorkerRow) if reply.status == 200 else None

    def workers_with_email(self, email: str) -> list[WorkerRow]:
        """Everybody with this work e-mail. It must not hold a quote: how one is written in a filter is not known."""
        pages = self.workers(("filter", f"work_email eq '{email}'"))
        return [row for page in pages for row in page.rows if isinstance(row, WorkerRow)]

    def signed_in(self) -> SsoMe:
        """Whose token it is. Source: rippling §1.6."""
        return read(self.http, SSO, SSO.path, [("expand", "company")]).json(SsoMe)

    def entitlements(self) -> list[str]:
        """The API products the company has."""
        page = read(self.http, ENTITLEMENTS, ENTITLEMENTS.path, []).json(Page[Entitlement])
        return [row.display_name or row.description or "" for row in page.results]

    def sample(self, entity: Entity) -> int:
        """How many rows the first, smallest page of a list has: 0 or 1."""
        return len(self._first(entity))

    def sample_id(self, entity: Entity) -> str | None:
        """The id of the first row of a list, None when it is empty."""
        return next((row.id for row in self._first(entity)), None)

    def _first(self, entity: Entity) -> list[Unit]:
        return read(self.http, entity, entity.path, [("limit", "1")]).json(Page[Unit]).results

    def units(self, entity: Entity) -> Iterator[Unit]:
        """Every row of a reference list."""
        for page in self.pages(entity, [("limit", str(LIMIT))], page_of(Unit)):
            yield from page.rows

    def legal_entities_of_company(self) -> list[Unit]:
        """The legal entities as a part of the company, for companies without the tier that lists them."""
        params = [("expand", "legal_entities"), ("limit", str(LIMIT))]
        companies = [row for page in self.pages(COMPANIES, params, page_of(CompanyRow)) for row in page.rows]
        return [unit for company in companies for unit in company.legal_entities or ()]

    def pages(self, entity: Entity, params: Params, decode: Any) -> Iterator[RestPage[Any]]:
        """Every page of a list, each as ``decode`` makes it of a reply; its rows have ids."""

        def follow(link: str) -> RestPage[Any]:
            # A link may carry nothing but the cursor: what the first request asked for is asked again.
            try:
                page: RestPage[Any] = decode(self.http.read_link(link, params, after=entity.path))
            except RefusedReply as refused:
                raise explained(refused, entity, self.http) from refused
            return page

        return linked_pages(
            decode(read(self.http, entity, entity.path, params)),
            link_of=lambda page: page.link,
            keys_of=lambda page: [row.id for row in page.rows],
            follow=follow,
            product=rippling.PRODUCT,
        )


class PlatformClient:
    """v1: bare arrays by limit and offset."""

    def __init__(self, context: ConnectorContext, auth: Auth) -> None:
        self.http = RipplingHttp(context, auth, base_url=setting(context, "platform_url"), headers={})

    def employees(self, changed_since: datetime | None) -> Iterator[list[EmployeeRow | UnreadableRecord]]:
        """Pages of everyone the company has, terminated and outside the token's access rules included.

        ``updated_at`` is sent because the product documents ask for it; no Rippling document knows it.
        """
        params = [("send_all_roles", "true")]
        if changed_since is not None:
            params.append(("updated_at", changed_since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")))

        def fetch(offset: int, limit: int) -> list[EmployeeRow | UnreadableRecord]:
            page = [*params, ("limit", str(limit)), ("offset", str(offset))]
            return _employee_rows(read(self.http, EMPLOYEES, EMPLOYEES.path, page))

        return offset_rows(fetch, key=lambda row: row.id, product=rippling.PRODUCT, limit=LIMIT)

    def employee(self, employee_id: str) -> EmployeeRow | UnreadableRecord | None:
        """One employee, None when Rippling does not know the id."""
        path = f"/employees/{quote(employee_id, safe='')}"
        reply = read(self.http, EMPLOYEES, path, [], accept=(200, 404))
        return _one(reply, EmployeeRow) if reply.status == 200 else None

    def company(self) -> CompanyRow:
        """The company the token belongs to."""
        return read(self.http, CURRENT_COMPANY, CURRENT_COMPANY.path, []).json(CompanyRow)

    def sample(self, entity: Entity) -> int:
        """How many rows the first, smallest page of a list has: 0 or 1."""
        return len(self._first(entity))

    def sample_id(self, entity: Entity) -> str | None:
        """The id of the first row of a list, None when it is empty."""
        return next((row.id for row in self._first(entity)), None)

    def _first(self, entity: Entity) -> list[Unit]:
        return read(self.http, entity, entity.path, [("limit", "1"), ("offset", "0")]).json(list[Unit])

    def units(self, entity: Entity) -> Iterator[Unit]:
        """Every row of a reference list."""

        def fetch(offset: int, limit: int) -> list[Unit]:
            params = [("limit", str(limit)), ("offset", str(offset))]
            return read(self.http, entity, entity.path, params).json(list[Unit])

        for page in offset_rows(fetch, key=lambda row: row.id, product=rippling.PRODUCT, limit=LIMIT):
            yield from page


def only(row: R | UnreadableRecord) -> R:
    """The row, or RecordRejectedError when this very record was asked for and cannot be read."""
    if isinstance(row, UnreadableRecord):
        raise RecordRejectedError(row.reason, field=row.field)
    return row


def read(http: RipplingHttp, entity: Entity, path: str, params: Params, accept: Sequence[int] = (200,)) -> Reply:
    """GET something of ``entity``, a refusal explained."""
    try:
        return http.read(path, params, accept=accept)
    except RefusedReply as refused:
        raise explained(refused, entity, http) from refused


def _worker_page(reply: Reply) -> RestPage[WorkerRow | UnreadableRecord]:
    try:
        page = reply.json(Page[WorkerRow])
    except UnexpectedReplyError:
        loose = reply.json(Page[msgspec.Raw])
        return RestPage(rows(loose.results, WorkerRow), loose.meta, loose.next_link)
    return RestPage(page.results, page.meta, page.next_link)


def _employee_rows(reply: Reply) -> list[EmployeeRow | UnreadableRecord]:
    try:
        return [*reply.json(list[EmployeeRow])]
    except UnexpectedReplyError:
        return rows(reply.json(list[msgspec.Raw]), EmployeeRow)


def page_of(kind: type[T]) -> Any:
    """How a reply is decoded as a page of this kind."""

    def decode(reply: Reply) -> RestPage[T]:
        page = reply.json(Page[kind])  # type: ignore[valid-type]
        return RestPage(page.results, page.meta, page.next_link)

    return decode


def _one(reply: Reply, kind: type[Row]) -> Row | UnreadableRecord:
    return rows([reply.json(msgspec.Raw)], kind)[0]
