"""One customer of Rippling: its rows, its token, its clock, and the ways in which its API behaves."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, get_args

from sandbox.core import Company, new_key
from sandbox.rippling.app_shop import App, InstalledApp, registered
from sandbox.rippling.filters import instant_text
from sandbox.rippling.organization import Ids, build
from sandbox.rippling.payroll import Payroll, PayrollPlan
from sandbox.rippling.people import People
from sandbox.rippling.report_files import Reports
from sandbox.rippling.table import Row, Table
from sandbox.rippling.webhooks import Webhooks

ENTITLEMENTS = ("API Tier 1", "API Tier 2", "Reports API", "Worker Changes API", "Global Payroll")
SCOPES = frozenset(
    f"{name}.read"
    for name in (
        "companies", "compensations", "custom-fields", "departments", "employment-types", "entitlements", "job-codes",
        "job-dimensions", "legal-entities", "levels", "sso-me", "teams", "titles", "tracks", "users", "work-locations",
        "worker-changes", "workers", "workers.custom-fields",
    )
) | {"company:activity"}  # fmt: skip
NO_ENTITLEMENT = "Insufficient entitlements"
OTHER_ID = "f1"
"""How the id of a person starts in v1 at a company where the two APIs differ."""

Clock = Callable[[], datetime]


def wall_clock() -> datetime:
    return datetime.now(UTC)


FilterOperator = Literal["gte", "ge", "ignored"]
NextLink = Literal["absolute", "relative", "cursor_only"]
RedactionIn = Literal["list", "rows", "both"]
Blank = Literal["absent", "null"]
Edition = Literal["2024", "2021"]
ReportOutcome = Literal["SUCCESS", "FAILURE"]


@dataclass(frozen=True)
class Behaviour:
    """How this company's API answers; where the sources disagree, each reading can be chosen."""

    filter_operator: FilterOperator = "gte"
    """``ignored``: a filter is taken without complaint and everything comes back."""
    next_link: NextLink = "absolute"
    """``cursor_only``: an absolute link without expand, filter, limit and order_by."""
    next_link_host: str | None = None
    """Another host, as ``https://other.example.com``, that the links point to."""
    repeat_page: int | None = None
    """The page (2 or later) whose link leads to itself for ever."""
    require_version: bool = False
    redaction_in: RedactionIn = "list"
    redaction_style: Blank = "absent"
    empty: Blank = "null"
    """How a field without a value is written."""
    entitlements: tuple[str, ...] = ENTITLEMENTS
    scopes: frozenset[str] = SCOPES
    sensitive: bool = False
    """Workers come with date of birth, gender and social security number."""
    v1: bool = True
    v2: bool = True
    v1_edition: Edition = "2024"
    """``2021`` adds startDate, departmentId and other fields that the reference later lost."""
    v1_left_out: tuple[str, ...] = ()
    """Employee fields that the v1 scopes do not cover; v1 says nothing about them."""
    ids_differ: bool = False
    """v1 knows people by other ids than v2."""
    prerendered: bool = False
    """A page that was answered once is answered from memory until data changes."""
    report_polls: int = 1
    """How often a report run is still in progress when it is asked for."""
    report_outcome: ReportOutcome = "SUCCESS"
    report_seconds: int = 3600
    """How long the file of a report run can be had, by the company's clock."""
    expires_in: int = 129_600
    """The seconds for which an access token is good."""
    code_seconds: int = 60
    """The seconds within which a code must be exchanged."""
    rotate: bool = True
    """A refresh brings a new refresh token, and the old one is used up."""
    revoke_on_reuse: bool = False
    """A refresh token that comes a second time ends every token of the installer."""
    refresh_ends_access: bool = False
    """A refresh ends the access token that came with the refresh token."""
    exchange_seconds: float = 0.0
    """How long the token endpoint takes to answer, after it has used up the code or refresh token."""
    seed_token_url: bool = False
    """Tokens are also given at ``/auth/oauth2/token``."""
    rate_limit_per_minute: int | None = None
    retry_after: bool = False
    """A refusal for too many requests says how long to wait."""
    clock_skew_seconds: float = 0.0
    """How far the server's clock is ahead; a change ages tokens, codes and the minute of the rate limit."""

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} is one of {choices}, not {getattr(self, name)!r}")
        if self.repeat_page is not None and self.repeat_page < 2:
            raise ValueError("repeat_page is 2 or later: the first page has no cursor that could come back")

    def changed(self, options: dict[str, Any]) -> Behaviour:
        """Raises ValueError for an option that there is not."""
        unknown = set(options) - {one.name for one in fields(self)}
        if unknown:
            raise ValueError(f"no such option: {', '.join(sorted(unknown))}")
        made = {"entitlements": tuple, "scopes": frozenset, "v1_left_out": tuple}
        return replace(self, **{name: made[name](v) if name in made else v for name, v in options.items()})


_CHOICES: dict[str, tuple[str, ...]] = {
    "filter_operator": get_args(FilterOperator),
    "next_link": get_args(NextLink),
    "redaction_in": get_args(RedactionIn),
    "redaction_style": get_args(Blank),
    "empty": get_args(Blank),
    "v1_edition": get_args(Edition),
    "report_outcome": get_args(ReportOutcome),
}


@dataclass(frozen=True)
class Founding:
    """What a company is made of."""

    size: int = 150
    """Active workers."""
    terminated: int = 0
    pending: int = 0
    """Further workers with a start date in the next weeks, in the states INIT, HIRED and ACCEPTED."""
    not_provisioned: int = 0
    """How many of the active ones the access rules hide from v1, unless it is asked for all roles."""
    plants: list[dict[str, str]] | None = None
    departments: list[dict[str, str]] | None = None
    now: str = "2026-11-02T09:00:00+00:00"
    redacted: dict[str, dict[str, str]] = field(default_factory=dict)
    """Resource → field → reason."""
    payroll: dict[str, Any] | None = None
    """The fields of a PayrollPlan; None for a company without pay runs, whose token has no scope for any."""
    report_id: str | None = None
    """The saved payroll report; invented where it is not given."""


class RipplingCompany(Company):
    """Rows by v2 resource name. They change only through ``change``."""

    def __init__(
        self, key: str, seed: int, log_requests: bool, founding: Founding, behaviour: Behaviour, app: App, clock: Clock
    ) -> None:
        super().__init__(key=key, seed=seed, log_requests=log_requests)
        self.token: str | None = None
        self.behaviour = behaviour
        self.clock = clock
        self.app = InstalledApp(app, clock())
        self.webhooks = Webhooks()
        self.activity: list[tuple[datetime, Row]] = []
        self.calls: deque[datetime] = deque()
        """The requests of the last minute, as far as they are counted."""
        self.throttled = 0
        self.before: dict[str, dict[str, Row | None]] = {}
        """Resource → id → the row before the change that is going on, for what is announced."""
        self.ids = Ids(seed)
        self.company_id = self.ids("companies", 0)
        self.admin_id, self.admin_email = self.ids("users", 0xFFFFFF), "payroll.office@northfield.example.com"
        self.now = datetime.fromisoformat(founding.now).astimezone(UTC)
        self.redacted = {name: dict(reasons) for name, reasons in founding.redacted.items()}
        self.redacted_rows: dict[str, dict[str, str]] = {}
        self.scheduled: dict[str, tuple[str, str]] = {}
        """Worker id → the date on which they enter a state, and the state."""
        self.pages: dict[str, bytes] = {}
        self.listings: dict[str, list[Row]] = {}
        self.departments_made = 1000
        organization = build(self.ids, self.company_id, founding.plants, founding.departments)
        self.tables: dict[str, Table] = organization.tables
        self.people = People(seed, self.ids, organization, self.today)
        self._employ(founding)
        self.payroll = Payroll(seed, self.ids, self.tables)
        if founding.payroll is not None:
            self.payroll.carry_out(PayrollPlan(**founding.payroll), self.today)
        self.reports = Reports(founding.report_id or self.ids("reports", 0))

    @property
    def server_time(self) -> datetime:
        """By the clock on the wall and not the company's own, which stands still between changes."""
        return self.clock() + timedelta(seconds=self.behaviour.clock_skew_seconds)

    @property
    def today(self) -> date:
        return self.now.date()

    @property
    def workers(self) -> Table:
        return self.tables["workers"]

    def knows(self, token: str) -> bool:
        """Whether this is a token of the company, be it still good or not; a revoked API token is nobody's."""
        return token == self.token or token in self.app.access

    def v1_id(self, v2_id: str) -> str:
        """A person's id in v1 and in webhooks."""
        return OTHER_ID + v2_id[2:] if self.behaviour.ids_differ else v2_id

    def put(self, resource: str, row: Row) -> Row:
        self._remember(resource, row["id"])
        return self.tables[resource].put(row)

    def remove(self, resource: str, row_id: str) -> None:
        self._remember(resource, row_id)
        self.tables[resource].remove(row_id)

    def begin_change(self) -> None:
        """What was kept of earlier answers is gone; every change begins with this."""
        self.before = {"workers": {}, "users": {}, "departments": {}}
        self.pages.clear()
        self.listings.clear()

    def change(self, action: str, arguments: dict[str, Any]) -> dict[str, Any]:
        from sandbox.rippling.changes import carry_out  # changes are written in terms of a company

        return carry_out(self, action, arguments)

    async def perform(self, action: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Any change, and ``deliver``, which is none: events go out when asked for, or at once where that is set."""
        from sandbox.rippling.delivering import deliver  # deliveries are written in terms of a company

        if action == "deliver":
            return await deliver(self, **arguments)
        done = self.change(action, arguments)
        hook = self.webhooks.hook
        if hook is not None and hook.at_once and self.webhooks.queue:
            await deliver(self)
        return done

    def counts(self) -> dict[str, Any]:
        by_status: dict[str, int] = {}
        for worker in self.workers:
            by_status[worker["status"]] = by_status.get(worker["status"], 0) + 1
        return {
            "now": instant_text(self.now),
            "workers_by_status": by_status,
            "rows": {name: len(table) for name, table in self.tables.items()},
            "pay_runs": len(self.payroll.runs),
            "pay_records": sum(len(run.records) for run in self.payroll.runs.values()),
            "app": self.app.snapshot(self.server_time),
            "webhooks": self.webhooks.snapshot(),
            "throttled": self.throttled,
        }

    def snapshot(self) -> dict[str, Any]:
        return {
            **self.counts(),
            "workers": [self.summary(worker) for worker in self.workers],
            "departments": list(self.tables["departments"]),
            "work_locations": [{"id": row["id"], "name": row["name"]} for row in self.tables["work-locations"]],
            "legal_entities": [{"id": r["id"], "legal_name": r["legal_name"]} for r in self.tables["legal-entities"]],
            "pay_runs": [self.payroll.summary(run) for run in self.payroll.runs.values()],
            "queued": list(self.webhooks.queue),
            "deliveries": [asdict(outcome) for outcome in self.webhooks.outcomes],
        }

    def summary(self, worker: Row) -> dict[str, Any]:
        """A worker on one line, with references by name; what cannot be resolved is None."""
        user = self.tables["users"].get(worker.get("user_id")) or {}
        department = self.tables["departments"].get(worker.get("department_id")) or {}
        location_id = (worker.get("location") or {}).get("work_location_id")
        return {
            "id": worker["id"],
            "number": worker.get("number"),
            "status": worker.get("status"),
            "department": department.get("name"),
            "department_code": department.get("reference_code"),
            "work_location": (self.tables["work-locations"].get(location_id) or {}).get("name"),
            "legal_entity": (self.tables["legal-entities"].get(worker.get("legal_entity_id")) or {}).get("legal_name"),
            "title": worker.get("title"),
            "given_name": (user.get("name") or {}).get("given_name"),
            "family_name": (user.get("name") or {}).get("family_name"),
            "work_email": worker.get("work_email"),
            "start_date": worker.get("start_date"),
            "end_date": worker.get("end_date"),
            "manager_id": worker.get("manager_id"),
            "is_manager": worker.get("is_manager"),
            "updated_at": worker.get("updated_at"),
        }

    def _remember(self, resource: str, row_id: str) -> None:
        rows = self.before.get(resource)
        if rows is not None and row_id not in rows:
            rows[row_id] = self.tables[resource].get(row_id)

    def _employ(self, founding: Founding) -> None:
        total = founding.size + founding.terminated + founding.pending
        hired = [self.people.next() for _ in range(total)]
        for number, (worker, user) in enumerate(hired[founding.size : founding.size + founding.terminated]):
            _end(worker, user, self.today - timedelta(days=1 + number * 7 % 700))
        for number, (worker, _) in enumerate(hired[founding.size + founding.terminated :]):
            start = (self.today + timedelta(days=7 + number % 50)).isoformat()
            worker.update(
                status=("ACCEPTED", "HIRED", "INIT")[number % 3], start_date=start, title_effective_date=start
            )
            self.scheduled[worker["id"]] = (start, "ACTIVE")
        self.tables["workers"] = Table(worker for worker, _ in hired)
        self.tables["users"] = Table(user for _, user in hired)
        self.tables["worker-changes"] = Table(())
        hidden = founding.not_provisioned
        self.not_provisioned = frozenset(worker["id"] for worker, _ in hired[founding.size - hidden : founding.size])


def found(key: str, options: dict[str, Any], clock: Clock = wall_clock) -> RipplingCompany:
    """A company made from the options of a control request. Raises ValueError for an option that there is not."""
    rest = dict(options)
    seed, log_requests = int(rest.pop("seed", 1)), bool(rest.pop("log_requests", True))
    app = registered(key, rest.pop("app", None))
    founding = Founding(**{one.name: rest.pop(one.name) for one in fields(Founding) if one.name in rest})
    opened = {} if founding.payroll is None else PayrollPlan(**founding.payroll).opened(ENTITLEMENTS, SCOPES)
    return RipplingCompany(key, seed, log_requests, founding, Behaviour().changed({**opened, **rest}), app, clock)


def new_token() -> str:
    return new_key() + new_key()


def _end(worker: Row, user: Row, day: date) -> None:
    """Terminated on that day, or on the day they started if that is later; rows not yet in a table."""
    worker["end_date"] = max(day.isoformat(), worker["start_date"])
    worker["status"] = "TERMINATED"
    worker["termination_details"] = {"type": "VOLUNTARY", "reason": "Found other work"}
    user["active"] = False
