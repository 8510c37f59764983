"""What a connector can do: one protocol per capability, so that nothing ever raises "not supported".

A connector is made per run by ``registry.open_connector`` and closed after it. It is used from several threads;
every method may raise the errors of ``errors.py``.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple, Protocol, runtime_checkable

import msgspec

from connectors.access import Budget, Grant, TokenStore
from connectors.journals import FiscalPeriod, Journal, LedgerLine, PostedJournal
from connectors.pay_runs import PayPage, PayRun
from connectors.records import Account, Employee, OrgUnit, RefKind, Worker, WorkerPage


class SettingField(msgspec.Struct, frozen=True, kw_only=True):
    """One input of the connection form and of the API's connection resource.

    ``origin`` says where it comes from: "real" (the vendor's own API), "documents" (the product documents) or
    "ours". ``secret`` values are sealed and write-only. ``needed_with`` names a setting and its value that make this
    one required. ``signs_in`` is False where access that was given once outlives a change of it.
    """

    name: str
    label: str
    help: str
    secret: bool = False
    required: bool = False
    default: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    origin: str = "real"
    is_url: bool = False
    is_number: bool = False
    needed_with: tuple[str, str] | None = None
    signs_in: bool = True


class Level(enum.StrEnum):
    """How a finding of a connection check bears on the flows."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What a check found out about one entity: a sentence a payroll clerk can act on.

    ``access`` is one of granted, forbidden, not_subscribed, role_missing, empty, unreachable, unknown, ended (the
    vendor refused the credential as a whole).
    ``affects`` names the flows that will not work, empty when all do.
    """

    entity: str
    level: Level
    access: str
    sentence: str
    affects: tuple[str, ...] = ()


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """Every finding of one check. ``learned`` are settings found out by asking (which host works, ids, operators)."""

    findings: list[Finding]
    learned: dict[str, str] = {}
    account: str = ""

    @property
    def ok(self) -> bool:
        """True when no finding failed."""
        return all(finding.level is not Level.FAILED for finding in self.findings)


class TargetField(msgspec.Struct, frozen=True, kw_only=True):
    """A mapped field of a target's employees: which ``Employee`` field, fed by which kind, needed or not."""

    name: str
    kind: RefKind
    required: bool = False


@runtime_checkable
class Connector(Protocol):
    """Common to all: it can be checked and closed."""

    def check(self) -> CheckResult:
        """Ask the vendor, entity by entity, what these credentials may do. Writes nothing, raises nothing for a
        refusal: a refusal is a finding."""
        ...

    def close(self) -> None:
        """Release sockets. Idempotent."""
        ...


@runtime_checkable
class OrgSource(Protocol):
    """A system whose reference values can be read."""

    def org_kinds(self) -> Sequence[RefKind]:
        """The kinds this connection can read (by entitlement, by API version)."""
        ...

    def org_units(self, kind: RefKind) -> Iterator[OrgUnit]:
        """Every value of one kind, streamed. A complete walk or an error, never a silent part."""
        ...


@runtime_checkable
class WorkerSource(Protocol):
    """A system of record for people."""

    def worker_pages(self, changed_since: datetime | None = None) -> Iterator[WorkerPage]:
        """Pages of workers of every status, ordered so that moving rows are not missed.

        With ``changed_since`` (aware UTC) only workers changed at or after it, if the source proves that it
        honoured the bound; ``honours_changed_since`` tells. A complete walk or an error.
        """
        ...

    def honours_changed_since(self) -> bool:
        """True when this connection can read changes only. False: every read is a full walk."""
        ...

    def worker(self, worker_id: str) -> Worker | None:
        """One worker read again by id, None when the source does not know it."""
        ...


@runtime_checkable
class OrgTarget(Protocol):
    """A target whose reference values (setup values, buildings, cost centers …) can be read."""

    def org_kinds(self) -> Sequence[RefKind]: ...

    def org_units(self, kind: RefKind) -> Iterator[OrgUnit]: ...


@runtime_checkable
class LedgerAccounts(Protocol):
    """A target with a chart of accounts."""

    def accounts(self) -> Iterator[Account]:
        """Every account, active or not, streamed."""
        ...


@runtime_checkable
class WorkerTarget(Protocol):
    """A system that is to hold the same people as the source.

    ``worker_fields`` lists the mapped fields its employees have. ``reference`` of an employee is derived by
    ``reference_for`` and is what ``find_by_reference`` answers to, also for a create whose reply was lost.
    ``holds_managers`` is False where nobody's manager is kept: then none is ever given.
    """

    worker_fields: tuple[TargetField, ...]
    holds_managers: bool
    concurrency: int

    def reference_for(self, integration: str, worker_id: str) -> str:
        """The external reference for a source worker: same arguments, same text, for ever."""
        ...

    def employees(self) -> Iterator[Employee]:
        """Every employee of every company this connection covers, active or not, streamed."""
        ...

    def find_by_reference(self, references: Sequence[str]) -> Mapping[str, Employee]:
        """Those of ``references`` that exist, in a bounded number of requests."""
        ...

    def find_by_number(self, number: str) -> Sequence[Employee]:
        """Every employee of every company this connection covers who carries this number now, active or not."""
        ...

    def get(self, employee_id: str, company: str | None = None) -> Employee | None:
        """One employee as it is now, None when it does not exist."""
        ...

    def create(self, employee: Employee) -> Employee:
        """Create and return as the target holds it. Never called for a reference that was not looked up first."""
        ...

    def update(self, employee: Employee) -> Employee:
        """Make the set fields of ``employee`` (``id`` given) true, keep all others; returns it as read back."""
        ...

    def activate(self, employee: Employee) -> Employee:
        """Make an inactive employee active again with these fields; returns it as read back."""
        ...

    def deactivate(self, employee: Employee) -> Employee:
        """Make an employee inactive and prove it by reading back."""
        ...

    def transfer(self, employee: Employee, from_company: str) -> Employee:
        """Move an employee from one company to ``employee.company`` and make the set fields true there."""
        ...


@runtime_checkable
class PayRunSource(Protocol):
    """A system that runs the payroll."""

    def pay_runs(self, since: date) -> Iterator[PayRun]:
        """Every run of every state and kind with a check date on or after ``since``, newest first. A complete walk
        or an error."""
        ...

    def pay_run(self, run_id: str) -> PayRun | None:
        """One run as it stands now, None when the source no longer knows it."""
        ...

    def pay_pages(self, run: PayRun) -> Iterator[PayPage]:
        """Every statement of the run, streamed. A complete walk or an error, never a silent part."""
        ...


@runtime_checkable
class LedgerTarget(LedgerAccounts, Protocol):
    """A ledger that journals are posted to, and that can be asked whether one arrived.

    ``max_lines`` is the most lines one journal may have. A company is the ledger's own (plant, legal entity); None
    is the connection's only one.
    """

    max_lines: int

    def companies(self) -> Sequence[str]:
        """The companies this connection posts to, its own first."""
        ...

    def currency(self, company: str | None) -> str:
        """The currency (ISO 4217) the company keeps its books in."""
        ...

    def account_error(self, number: str) -> str:
        """Why this text cannot be an account number here, as a sentence; empty when it can."""
        ...

    def format_change(self) -> str:
        """Why nothing may be drafted or posted before people have looked, as a sentence: the ledger now reads accounts
        in another way than it did when the connection was last tested. Empty when it does not."""
        ...

    def fiscal_periods(self, company: str | None, first: date, last: date) -> Sequence[FiscalPeriod]:
        """The periods that hold a day between ``first`` and ``last``, both included, in order."""
        ...

    def refusal(self, journal: Journal) -> str:
        """Why the ledger would refuse this journal as things are now, as a sentence; empty when it would not, as far as
        can be told without writing. Accounts and periods that were just read are not judged again."""
        ...

    def find_journal(self, journal: Journal) -> Sequence[PostedJournal]:
        """Every journal on the ledger that carries this journal's reference; none, one, or more after an accident.
        Also finds one whose post was never answered."""
        ...

    def post_journal(self, journal: Journal) -> PostedJournal:
        """Post and return what the ledger answered. Never called for a reference that was not looked up first.

        Where a part of it is there because writing it was interrupted, the rest is written. RecordRejectedError:
        refused, nothing is there. TemporaryError: never sent. OutcomeUnknownError: it may have happened."""
        ...

    def get_journal(self, journal_id: str, company: str | None) -> PostedJournal | None:
        """The journal as the ledger holds it now, None when it is gone."""
        ...

    def activity(self, company: str | None, account: str, first: date, last: date) -> Iterator[LedgerLine]:
        """What was posted to the account by journals dated between the two days, both included, whoever posted it."""
        ...


class FeedPage(msgspec.Struct, frozen=True, kw_only=True):
    """People of whom a feed says that something changed, each once. ``cursor`` goes on behind them; ``complete`` is
    False while the feed has more to tell right now."""

    hints: Sequence[str]
    cursor: str
    complete: bool


@runtime_checkable
class ChangeFeed(Protocol):
    """A source that may keep a list of what changed. What it tells is a hint: the person is read again."""

    def has_feed(self) -> bool:
        """True when the last check found a feed that this connection may read and that we understand."""
        ...

    def changes(self, cursor: str) -> FeedPage:
        """What was noted behind ``cursor``; with an empty one, from about now on. Without a feed an empty page."""
        ...


class Company(NamedTuple):
    """The vendor's id of a customer's company, and what people call it."""

    id: str
    name: str


class AppShop(Protocol):
    """A vendor's way to install our app at a customer, by the authorization code grant (RFC 6749 §4.1)."""

    def authorize_address(self, state: str, redirect_uri: str) -> str: ...

    def redirect_uri(self, ours: str) -> str: ...

    def exchange(self, code: str, redirect_uri: str) -> Grant: ...

    def company(self) -> Company: ...

    def mark_installed(self) -> bool: ...

    def return_address(self, wanted: str) -> str: ...

    def close(self) -> None: ...


class ConnectorContext(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a connector may use of its surroundings. Vendors take this and nothing of Django."""

    settings: Mapping[str, str]
    credentials: Mapping[str, str]
    learned: Mapping[str, str]
    allowed_hosts: frozenset[str]
    allow_loopback: bool
    budget: Budget
    tokens: TokenStore
    app: Mapping[str, str] = {}
    """The operator's own app at this vendor, for connections that are installed: name, client_id, client_secret."""
    correlation_id: str
    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    random: Callable[[], float]
    before_write: Callable[[], None] = lambda: None
    """Called right before a change leaves. What it raises is none of our errors and passes through: the change must not
    leave any more."""

    def __repr__(self) -> str:
        return f"ConnectorContext({self.correlation_id!r})"  # the generated one would print the credentials
