"""The connection's check: what these credentials may do, entity by entity, in sentences for payroll staff.

An empty list is not success. Where the role is missing Plex answers with an empty list (plex §7), so each list is
held against another that tells whether it can really be empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta

from connectors.contract import CheckResult, Finding, Level
from connectors.errors import ConnectionConfigError, ConnectorError, TemporaryError
from connectors.plex.client import PlexClient
from connectors.plex.findings import PAYROLL, PEOPLE, REFERENCE, empty, failed, granted, warning
from connectors.plex.mapper import segments
from connectors.plex.payroll_checks import activity, custom_field, journals
from connectors.plex.refusals import AccessError
from connectors.plex.schemas import (
    ACCOUNTS,
    BUILDINGS,
    COST_CENTERS,
    EMPLOYEES,
    PERIODS,
    TRIAL_BALANCE,
    AccountRow,
    EmployeeRow,
    PeriodRow,
    read_row,
)
from connectors.plex.settings import Plant
from connectors.plex.setup import LEARNED, balance_periods

KEY_WARNING = timedelta(days=14)


def check(client: PlexClient, now: Callable[[], datetime]) -> CheckResult:
    """Findings for every plant; ``learned`` holds the tenant ids that proved themselves (``tenant_id_<PCN>``)."""
    today = now().date()
    findings = list(_key(client, today))
    learned = {}
    for plant in client.settings.plants:
        one = _PlantCheck(client, today, plant)
        findings += one.findings()
        if one.tenant_id:
            learned[f"tenant_id_{plant.pcn}"] = one.tenant_id
    own = client.settings.plants[0]
    return CheckResult(findings=findings, learned=learned, account=f"{own.code} (PCN {own.pcn})")


def _key(client: PlexClient, today: date) -> Iterator[Finding]:
    end = client.settings.key_expires_on
    left = end - today if end else None
    if left is not None and left <= KEY_WARNING:
        when = f"expires in {left.days} days, on {end}" if left.days > 0 else f"was to expire on {end}"
        yield Finding(
            entity="key",
            level=Level.WARNING,
            access="granted",
            sentence=f"The consumer key {when}. Create a new one in the Plex developer portal and enter it here.",
        )


class _PlantCheck:
    """One plant: asks in an order in which each answer helps to read the next."""

    def __init__(self, client: PlexClient, today: date, plant: Plant) -> None:
        self._client = client
        self._today = today
        self._plant = plant
        self._where = f"PCN {plant.pcn}"
        self._buildings_in_use = False
        self._account_id = ""
        self.tenant_id = ""

    def findings(self) -> Iterator[Finding]:
        identity = list(self._asked("identity", (), self._identity))
        yield from identity
        if any(finding.level is Level.FAILED and finding.access != "not_subscribed" for finding in identity):
            return  # every further answer would be refused for the same reason, or be another company's
        yield from self._asked("employees", (REFERENCE, PEOPLE), self._employees)
        yield from self._asked("accounts", (REFERENCE, PAYROLL), self._accounts)
        yield from self._asked("buildings", (REFERENCE,), self._buildings)
        yield from self._asked("fiscal periods", (PAYROLL,), self._periods)
        yield from self._asked("cost centers", (REFERENCE, PAYROLL), self._cost_centers)
        yield from self._asked("journals", (PAYROLL,), lambda: journals(self._client, self._plant, self._today))
        if self._account_id:
            yield from self._asked("account activity", (PAYROLL,), self._activity)
        yield from self._asked("custom field", (PAYROLL,), lambda: custom_field(self._client, self._plant))

    def _asked(
        self, entity: str, affects: tuple[str, ...], question: Callable[[], Iterator[Finding]]
    ) -> Iterator[Finding]:
        """The findings of ``question``; a refusal becomes one."""
        try:
            yield from question()
        except ConnectorError as error:
            access = "unknown"
            if isinstance(error, AccessError):
                access = "forbidden" if error.access == "refused" else error.access
            elif isinstance(error, TemporaryError):
                access = "unreachable"
            elif isinstance(error, ConnectionConfigError):
                access = "forbidden"
            yield failed(entity, access, error.sentence, *affects)

    def _identity(self) -> Iterator[Finding]:
        self.tenant_id = self._client.prove(self._plant)
        if self.tenant_id:
            yield granted("identity", f"Plex answers for company {self._plant.code} ({self._where}), as set here.")
        else:
            yield warning(
                "identity",
                "unknown",
                f"This Plex address cannot say which company it answers for. Look at a few employees of {self._where} "
                f"before you switch writes on.",
                PEOPLE,
            )

    def _employees(self) -> Iterator[Finding]:
        settings, count = self._client.settings, 0
        values: dict[str, set[str]] = {column: set() for column, _ in LEARNED.values()}
        for raw in self._client.rows(self._plant, EMPLOYEES):
            row = read_row(raw, EmployeeRow, EMPLOYEES)
            count += 1
            self._buildings_in_use = self._buildings_in_use or bool(row.building)
            for column, seen in values.items():
                if value := getattr(row, column):
                    seen.add(value)
        if count:
            yield granted("employees", f"Plex shows {count} employees of {self._where}.")
        else:
            yield empty("employees", self._plant, settings.may_be_empty, "employees", REFERENCE, PEOPLE)
        yield granted(
            "employee writes",
            f"Whether employees of {self._where} may be changed shows only at the first change. A PCN that was moved "
            f"to Plex IAM refuses it.",
            access="unknown",
        )
        known = {column: values[column] | set(settings.known[setting]) for column, setting in LEARNED.values()}
        listed = ", ".join(f"{len(known[column])} {setting}" for column, setting in LEARNED.values())
        yield granted("setup values", f"Known from the employees of {self._where} and the settings: {listed}.")
        unseen = [
            status
            for status in (settings.status_active, settings.statuses_inactive[0])
            if status.casefold() not in {known_status.casefold() for known_status in known["status"]}
        ]
        if unseen:
            yield warning(
                "setup values",
                "unknown",
                f"Nobody in {self._where} has the status {' or '.join(unseen)}. Make sure it is spelled as in Plex's "
                f"Employee Status table, then add it to the further statuses in the settings.",
                PEOPLE,
            )

    def _accounts(self) -> Iterator[Finding]:
        count = odd = 0
        for raw in self._client.rows(self._plant, ACCOUNTS):
            row = read_row(raw, AccountRow, ACCOUNTS)
            count += 1
            self._account_id = row.id
            odd += not segments(row.account_number, self._client.settings.account_number)
        if not count:
            yield empty("accounts", self._plant, self._client.settings.may_be_empty, "accounts", REFERENCE, PAYROLL)
            return
        yield granted("accounts", f"Plex shows {count} accounts of {self._where}.")
        if odd:
            yield warning(
                "accounts",
                "granted",
                f"Of {count} account numbers of {self._where} {odd} do not match the account number pattern, so their "
                f"cost center is not known. Correct the pattern in the settings if they should.",
                REFERENCE,
                PAYROLL,
            )

    def _buildings(self) -> Iterator[Finding]:
        count = sum(1 for _ in self._client.rows(self._plant, BUILDINGS))
        if count:
            yield granted("buildings", f"Plex shows {count} buildings of {self._where}.")
        else:
            yield empty("buildings", self._plant, not self._buildings_in_use, "buildings", REFERENCE)

    def _periods(self) -> Iterator[Finding]:
        periods = [read_row(raw, PeriodRow, PERIODS) for raw in self._client.rows(self._plant, PERIODS)]
        current = next((period for period in periods if period.holds(self._today)), None)
        if not periods:
            yield empty("fiscal periods", self._plant, not self._account_id, "fiscal periods", PAYROLL)
        elif current is None:
            sentence = f"{self._where} has no fiscal period for today. Have it set up in Plex before the next pay run."
            yield warning("fiscal periods", "granted", sentence, PAYROLL)
        else:
            sentence = f"Plex shows {len(periods)} fiscal periods; {current.period_display} is {current.period_status}."
            yield granted("fiscal periods", sentence)

    def _cost_centers(self) -> Iterator[Finding]:
        if self._client.settings.profile == "documents":
            count = sum(1 for _ in self._client.rows(self._plant, COST_CENTERS))
            what = "cost centers"
        else:
            filters = balance_periods(self._today)
            count = sum(1 for _ in self._client.rows(self._plant, TRIAL_BALANCE, filters))
            what = "trial balance lines of the last twelve months"
        if count:
            yield granted("cost centers", f"Plex shows {count} {what} of {self._where}.")
        else:
            sentence = (
                f"Plex shows no {what} of {self._where}. Only cost centers that occur in account numbers are known."
            )
            yield warning("cost centers", "empty", sentence, REFERENCE)

    def _activity(self) -> Iterator[Finding]:
        yield from activity(self._client, self._plant, self._today, self._account_id)
