"""What a Rippling token may see, entity by entity, in sentences for the people who will miss the rest."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from connectors.contract import CheckResult, Finding, Level
from connectors.errors import (
    AccessEndedError,
    ConnectionConfigError,
    ConnectorError,
    TemporaryError,
    UnexpectedReplyError,
)
from connectors.records import RefKind, UnreadableRecord
from connectors.rippling.client import (
    COMPANIES,
    EMPLOYEES,
    LEGAL_ENTITIES,
    PLATFORM_UNITS,
    REST_UNITS,
    WORKERS,
    Entity,
    PlatformClient,
    RestClient,
    RestPage,
    refused_with,
)
from connectors.rippling.mapper import redactions, utc, worker_of_v2, worker_page
from connectors.rippling.schemas import WorkerRow

PEOPLE, REFERENCE = "people", "reference"
# What the people flow cannot do without; the rest is a loss and no stop.
NEEDED = (RefKind.DEPARTMENT,)


class Refused(Exception):
    """The finding that ends a check early."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.sentence)
        self.finding = finding


def run(rest: RestClient, platform: PlatformClient, *, uses_rest: bool) -> CheckResult:
    """Findings for the API in use, and in ``learned`` what works on either; raises no ConnectorError."""
    checker = _RestCheck(rest) if uses_rest else _PlatformCheck(platform)
    other = (lambda: platform.company()) if uses_rest else (lambda: rest.signed_in())
    mine, theirs = ("v2", "v1") if uses_rest else ("v1", "v2")
    works = _answers(other)
    checker.learned |= {mine: "yes", theirs: "yes" if works else "no"}
    try:
        checker.run()
    except Refused as refused:
        checker.learned[mine] = "no"
        checker.findings.append(refused.finding)
        if works:
            name = "Platform (v1)" if uses_rest else "REST (v2)"
            checker.add(
                "other API", Level.WARNING, "granted",
                f"The same token works with Rippling's {name} API. You can change “Rippling API” in the settings.",
            )  # fmt: skip
    return CheckResult(findings=checker.findings, learned=checker.learned, account=checker.account)


def _answers(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except ConnectorError as error:
        return refused_with(error, 403)
    return True


class _Check:
    """Findings as they are made."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.learned: dict[str, str] = {}
        self.account = ""

    def add(self, entity: str, level: Level, access: str, sentence: str, *affects: str) -> None:
        self.findings.append(Finding(entity=entity, level=level, access=access, sentence=sentence, affects=affects))

    def sign_in(self, ask: Callable[[], str]) -> None:
        """The account; Refused when the token or the address is wrong for everything."""
        try:
            self.account = ask()
        except ConnectorError as error:
            if not refused_with(error, 403):
                raise Refused(_finding("token", error, Level.FAILED, (PEOPLE, REFERENCE))) from None
            self.add(
                "token", Level.OK, "unknown",
                "Rippling accepts the API token, but does not let it say which company it belongs to.",
            )  # fmt: skip
        else:
            self.add("token", Level.OK, "granted", f"Signed in to Rippling as {self.account or 'your company'}.")

    def probe(self, entity: Entity, ask: Callable[[], int], *, needed: bool, loss: str) -> bool:
        """One finding for one list; True when it may be read, be it empty."""
        try:
            rows = ask()
        except ConnectorError as error:
            self.findings.append(self.lost(entity, error, needed=needed, loss=loss))
            return False
        if rows:
            self.add(entity.what, Level.OK, "granted", f"{entity.what.capitalize()} can be read.")
        else:
            self.add(
                entity.what, Level.WARNING if needed else Level.OK, "empty",
                f"{entity.what.capitalize()} may be read, but Rippling has none.",
            )  # fmt: skip
        return True

    def lost(self, entity: Entity, error: ConnectorError, *, needed: bool, loss: str) -> Finding:
        level = Level.FAILED if needed else Level.WARNING
        affects = (REFERENCE, PEOPLE) if needed else (REFERENCE,)
        return _finding(entity.what, error, level, affects, loss)


class _RestCheck(_Check):
    def __init__(self, client: RestClient) -> None:
        super().__init__()
        self._client = client
        self._entitlements: list[str] | None = None

    def run(self) -> None:
        self.sign_in(self._company)
        try:
            self._entitlements = self._client.entitlements()
            self.learned["entitlements"] = ", ".join(sorted(self._entitlements))
        except ConnectorError:
            self.learned["entitlements"] = ""
        self._people()
        readable = [kind for kind, entity in REST_UNITS.items() if self._units(kind, entity)]
        self.learned["kinds"] = ",".join(readable)

    def _company(self) -> str:
        me = self._client.signed_in()
        company = me.company
        self.learned["company_id"] = me.company_id or (company.id if company else "")
        return (company.name or company.legal_name or "") if company else ""

    def _units(self, kind: RefKind, entity: Entity) -> bool:
        loss = f"Until then {entity.what} are not compared or mapped."
        if kind is not RefKind.COMPANY:
            return self.probe(entity, lambda: self._client.sample(entity), needed=kind in NEEDED, loss=loss)
        try:
            self._client.sample(LEGAL_ENTITIES)
        except ConnectorError as error:
            try:
                found = self._client.legal_entities_of_company()
            except ConnectorError:
                found = []
            if not found:
                self.findings.append(self.lost(entity, error, needed=False, loss=loss))
                return False
            self.add(
                entity.what, Level.OK, "granted",
                f"Legal entities can be read as part of the company, because {COMPANIES.what} are open to this token "
                "and the list of legal entities is not.",
            )  # fmt: skip
            return True
        self.add(entity.what, Level.OK, "granted", "Legal entities can be read.")
        return True

    def lost(self, entity: Entity, error: ConnectorError, *, needed: bool, loss: str) -> Finding:
        """Tells a product the company has not bought from a permission the token was not given."""
        found = super().lost(entity, error, needed=needed, loss=loss)
        bought = self._entitlements
        if found.access != "forbidden" or not bought or any(entity.tier.lower() in name.lower() for name in bought):
            return found
        return Finding(
            entity=found.entity,
            level=found.level,
            access="not_subscribed",
            affects=found.affects,
            sentence=f"Your company's Rippling contract does not include “{entity.tier}”, which {entity.what} need. "
            f"Ask Rippling to add it. {loss}",
        )

    def _people(self) -> None:
        try:
            page = next(self._client.workers(("order_by", "created_at,id")))
        except ConnectorError as error:
            loss = "Until then no people are synced."
            self.findings.append(self.lost(WORKERS, error, needed=True, loss=loss))
            return
        if not page.rows:
            self.add(
                "people", Level.WARNING, "empty", "People may be read, but Rippling shows none to this token.", PEOPLE
            )
        else:
            self.add("people", Level.OK, "granted", "People can be read.")
        self._withheld(page)
        self._changes(page)

    def _withheld(self, page: RestPage[WorkerRow | UnreadableRecord]) -> None:
        mapped = worker_page(page.rows, page.meta, worker_of_v2)
        withheld = redactions(page.meta) | mapped.redacted
        self.learned["redacted"] = ",".join(sorted(withheld))
        self.learned["users"] = "yes" if any(isinstance(r, WorkerRow) and r.user for r in page.rows) else "no"
        self.learned["departments"] = "no" if "department_id" in withheld else "yes"
        for field, reason in sorted(withheld.items()):
            self.add(
                f"people: {field.replace('_', ' ')}", Level.WARNING, "forbidden",
                f"Rippling withholds the {field.replace('_', ' ')} of people ({reason}). It keeps its present value in "
                "the other system and is not synced until Rippling shows it.", PEOPLE,
            )  # fmt: skip
        if page.rows and self.learned["users"] == "no" and "given_name" not in withheld:
            self.add(
                "people: names", Level.WARNING, "forbidden",
                "Rippling sends no names with people. Give the token the permission “users.read”; until then names are "
                "not synced.", PEOPLE,
            )  # fmt: skip

    def _changes(self, page: RestPage[WorkerRow | UnreadableRecord]) -> None:
        """Which spelling of the filter is honoured, proved by rows: the newest must come, older ones must not."""
        moments = [utc(row.updated_at) for row in page.rows if isinstance(row, WorkerRow)]
        known = [moment for moment in moments if moment is not None]
        proved = next((o for o in ("gte", "ge") if known and self._honours(o, max(known))), "none")
        self.learned["changed_since"] = proved
        if proved == "none":
            self.add(
                "changes", Level.OK if not known else Level.WARNING, "unknown",
                "Rippling does not limit people to those changed since a moment. All people are read every time, which "
                "takes longer and loses nothing.",
            )  # fmt: skip
        else:
            self.add("changes", Level.OK, "granted", "Rippling can be asked for changed people only.")

    def _honours(self, operator: str, newest: datetime) -> bool:
        try:
            at = self._moments(operator, newest)
            after = self._moments(operator, newest + timedelta(seconds=1))
        except UnexpectedReplyError as error:
            if refused_with(error, 400):
                return False
            raise Refused(_finding("people", error, Level.FAILED, (PEOPLE,))) from None
        except ConnectorError as error:
            raise Refused(_finding("people", error, Level.FAILED, (PEOPLE,))) from None
        bound = newest.replace(microsecond=0)
        return bool(at) and min(at) >= bound and (not after or min(after) >= bound + timedelta(seconds=1))

    def _moments(self, operator: str, since: datetime) -> list[datetime]:
        page = next(self._client.changed_workers(operator, since))
        moments = [utc(row.updated_at) for row in page.rows if isinstance(row, WorkerRow)]
        return [moment for moment in moments if moment is not None]


class _PlatformCheck(_Check):
    def __init__(self, client: PlatformClient) -> None:
        super().__init__()
        self._client = client

    def run(self) -> None:
        self.sign_in(self._company)
        self.probe(
            EMPLOYEES, lambda: self._client.sample(EMPLOYEES), needed=True, loss="Until then no people are synced."
        )
        readable = [
            kind
            for kind, entity in PLATFORM_UNITS.items()
            if self.probe(
                entity,
                lambda entity=entity: self._client.sample(entity),  # type: ignore[misc]
                needed=kind in NEEDED,
                loss=f"Until then {entity.what} are not compared or mapped.",
            )
        ]
        self.learned["kinds"] = ",".join([*readable, RefKind.EMPLOYMENT_TYPE])
        self.learned["changed_since"] = "none"
        self.add(
            "legal entities, job codes", Level.WARNING, "unknown",
            "Rippling's Platform API (v1) has no legal entities, job titles and job codes. They are not synced; choose "
            "the REST API (v2) if you need them.", REFERENCE,
        )  # fmt: skip

    def _company(self) -> str:
        company = self._client.company()
        self.learned["company_id"] = company.id
        return company.name or ""


def _finding(entity: str, error: ConnectorError, level: Level, affects: tuple[str, ...], loss: str = "") -> Finding:
    if isinstance(error, TemporaryError):
        access = "unreachable"
    elif isinstance(error, ConnectionConfigError):
        access = "ended" if isinstance(error, AccessEndedError) else "forbidden"
    else:
        access = "unknown"
    sentence = f"{error.sentence} {loss}".strip()
    return Finding(entity=entity, level=level, access=access, sentence=sentence, affects=affects)
