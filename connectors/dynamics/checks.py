"""What a connection may do, asked rung by rung: each answer is needed to read the next. Source: dynamics §11.

Nothing is written: whether journals and workers may be written shows at the first one, and is said to be so.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec

from connectors.contract import CheckResult, Finding, Level
from connectors.dynamics.dimensions import OVERRIDES, Dimensions
from connectors.dynamics.display import MAIN_ACCOUNT, read_display
from connectors.dynamics.findings import PAYROLL, PEOPLE, REFERENCE, failed, granted, warning
from connectors.dynamics.journal_names import JournalNames
from connectors.dynamics.ledger import Books
from connectors.dynamics.literals import NAMESPACE
from connectors.dynamics.mistakes import AccessError
from connectors.dynamics.odata import OData, spoken
from connectors.dynamics.reference import UNITS
from connectors.dynamics.schemas import EMPLOYMENTS, WORKERS, LegalEntityRow, columns
from connectors.errors import ConnectionConfigError, ConnectorError, TemporaryError

READ: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("LedgerJournalHeaders", "JournalBatchNumber", (PAYROLL,)),
    ("LedgerJournalLines", "LineNumber", (PAYROLL,)),
    ("Ledgers", "LegalEntityId", (REFERENCE, PAYROLL)),
    ("MainAccountLegalEntities", "MainAccountId", (REFERENCE, PAYROLL)),
    ("FiscalPeriods", "PeriodName", (PAYROLL,)),
    ("FiscalYears", "FiscalYear", (PAYROLL,)),
    ("FinancialDimensionValues", "DimensionValue", (REFERENCE, PAYROLL)),
    ("AccountStructures", "AccountStructureName", (PAYROLL,)),
    ("AccountStructureConstraints", "AccountStructure", (PAYROLL,)),
    *((entity_set, "OperatingUnitNumber", (REFERENCE,)) for entity_set in UNITS.values()),
    (EMPLOYMENTS, "EmploymentId", (PEOPLE,)),
)
"""Entity set, a property, and the flows that need to read it."""


class _MainAccount(msgspec.Struct, rename="pascal"):
    main_account_id: str


class _Any(msgspec.Struct):
    pass


def check(odata: OData, books: Books) -> CheckResult:
    """Findings for the environment and every legal entity. What the books are kept in is learned."""
    findings = list(_Check(odata, books.dimensions).findings())
    host = urlsplit(odata.settings.base_url).hostname or ""
    return CheckResult(
        findings=findings,
        learned=_learned(books),
        account=f"{host} ({', '.join(odata.settings.legal_entities)})",
    )


def _learned(books: Books) -> dict[str, str]:
    try:
        return books.learned()
    except ConnectorError:
        return {}  # why, a finding says


class _Check:
    def __init__(self, odata: OData, dimensions: Dimensions) -> None:
        self._odata = odata
        self._settings = odata.settings
        self._dimensions = dimensions
        self._main_account = ""

    def findings(self) -> Iterator[Finding]:
        entrance = list(self._entrance())
        yield from entrance
        if any(finding.level is Level.FAILED for finding in entrance):
            return  # every further answer would be refused for the same reason
        yield from self._asked("version", (), self._version, must=False)
        yield from self._asked("legal entities", (REFERENCE, PEOPLE, PAYROLL), self._legal_entities)
        yield from self._asked("main accounts", (REFERENCE, PAYROLL), self._main_accounts)
        for entity_set, column, affects in READ:
            yield from self._asked(spoken(entity_set), affects, functools.partial(self._read, entity_set, column))
        yield from self._asked(spoken(OVERRIDES), (REFERENCE, PAYROLL), self._overrides)
        yield from self._asked("journal name", (PAYROLL,), self._journal_name)
        yield from self._asked("ledger dimension format", (PAYROLL,), self._ledger_format)
        if self._main_account:
            yield from self._asked("display values", (), self._display, must=False)
        yield self._posting()
        yield from self._asked("workers", (PEOPLE,), self._workers)
        if self._settings.people.dimensions:
            yield from self._asked("default dimension format", (PEOPLE,), self._default_format)
        if self._settings.people.vendor_group:
            yield from self._asked("vendors", (PEOPLE,), self._vendors)

    def _entrance(self) -> Iterator[Finding]:
        try:
            self._odata.entity_sets()
        except AccessError as error:
            yield granted("sign-in", "Microsoft Entra signed the app in.")
            yield failed("environment", error.access, error.sentence, REFERENCE, PEOPLE, PAYROLL)
        except ConnectionConfigError as error:
            yield failed("sign-in", "forbidden", error.sentence, REFERENCE, PEOPLE, PAYROLL)
        except ConnectorError as error:
            access = "unreachable" if isinstance(error, TemporaryError) else "unknown"
            yield failed("environment", access, error.sentence, REFERENCE, PEOPLE, PAYROLL)
        else:
            yield granted("sign-in", "Microsoft Entra signed the app in, and Dynamics let it in.")

    def _asked(
        self, entity: str, affects: tuple[str, ...], question: Callable[[], Iterator[Finding]], *, must: bool = True
    ) -> Iterator[Finding]:
        """The findings of a question; a refusal becomes one. Without ``must`` nothing depends on the answer."""
        try:
            yield from question()
        except ConnectorError as error:
            if not must:
                sentence = f"Dynamics did not say, and nothing depends on it: {error.sentence}"
                yield granted(entity, sentence, access="unknown")
                return
            access = "unknown"
            if isinstance(error, AccessError):
                access = error.access
            elif isinstance(error, TemporaryError):
                access = "unreachable"
            elif isinstance(error, ConnectionConfigError):
                access = "forbidden"
            yield failed(entity, access, error.sentence, *affects)

    def _version(self) -> Iterator[Finding]:
        version = self._odata.ask(f"DataManagementEntities/{NAMESPACE}.GetApplicationVersion", {})
        yield granted("version", f"Dynamics calls itself version {version}.")

    def _legal_entities(self) -> Iterator[Finding]:
        order = ("LegalEntityId",)
        rows = self._odata.rows("LegalEntities", select=columns(LegalEntityRow), order=order, type=LegalEntityRow)
        names = {row.legal_entity_id.lower(): row.name or row.legal_entity_id for row in rows}
        for company in self._settings.legal_entities:
            if company in names:
                yield granted("legal entities", f"The legal entity {company} is {names[company]}.")
            else:
                yield failed(
                    "legal entities",
                    "empty",
                    f"Dynamics shows no legal entity {company}. Correct the settings, or give the app's user a role "
                    f"in it.",
                    REFERENCE,
                    PEOPLE,
                    PAYROLL,
                )

    def _main_accounts(self) -> Iterator[Finding]:
        found = self._odata.first("MainAccounts", select=("MainAccountId",), type=_MainAccount)
        if found is None:
            yield _empty("main accounts", REFERENCE, PAYROLL)
            return
        self._main_account = found.main_account_id
        yield granted("main accounts", "Dynamics lets this connection read main accounts.")

    def _read(self, entity_set: str, column: str) -> Iterator[Finding]:
        found = self._odata.first(entity_set, select=(column,), type=_Any)
        what = spoken(entity_set)
        none = "" if found else " There are none, or none this connection may see."
        yield granted(what, f"Dynamics lets this connection read {what}.{none}", "granted" if found else "empty")

    def _overrides(self) -> Iterator[Finding]:
        try:
            yield from self._read(OVERRIDES, "DimensionValue")
        except AccessError as error:
            sentence = (
                f"{error.sentence} Until then a dimension value that one legal entity has suspended is noticed only "
                "when Dynamics refuses it."
            )
            yield warning(spoken(OVERRIDES), error.access, sentence, REFERENCE, PAYROLL)

    def _journal_name(self) -> Iterator[Finding]:
        name = self._settings.books.journal_name
        if not name:
            sentence = "No journal name is set, so no journal can be posted. Enter one in the settings."
            yield warning("journal name", "empty", sentence, PAYROLL)
            return
        names = JournalNames(self._odata)
        for company in self._settings.legal_entities:
            row = names.require(company)
            yield granted("journal name", f"The journal name {name} of {company} is of type Daily and draws vouchers.")
            if row.delete_lines_after_posting == "Yes":
                sentence = (
                    f"The journal name {name} of {company} deletes lines once they are posted: from then on a journal "
                    f"can be tied out by its totals alone. Set 'Delete lines after posting' to No in Dynamics."
                )
                yield warning("journal name", "granted", sentence, PAYROLL)

    def _ledger_format(self) -> Iterator[Finding]:
        form = self._dimensions.ledger_format()
        if form.spelled(MAIN_ACCOUNT) is None:
            sentence = (
                f"The active ledger dimension format {form} has no main account. Correct it in Dynamics under "
                f"Financial dimension configuration for integrating applications."
            )
            yield failed("ledger dimension format", "granted", sentence, PAYROLL)
            return
        sentence = f"Accounts are written as {form}. Dimensions that are not in it cannot be posted to."
        yield granted("ledger dimension format", sentence)

    def _display(self) -> Iterator[Finding]:
        action = f"DimensionCombinations/{NAMESPACE}.getCombinationDisplayValue"
        body: dict[str, Any] = {
            "_entityName": "LedgerJournalLine",
            "_propertyName": "Account",
            "_attributeNames": [MAIN_ACCOUNT],
            "_attributeValues": [self._main_account],
            "_ledgerJournalACType": "Ledger",
        }
        shown = str(self._odata.ask(action, body))
        try:
            same = list(read_display(shown, self._dimensions.ledger_format()).values()) == [self._main_account]
        except ValueError:
            same = False
        if same:
            yield granted("display values", "Dynamics writes an account as we do.")
        else:
            sentence = (
                "Dynamics writes a main account in another way than its active format says. Look at the first journal "
                "before it is posted."
            )
            yield warning("display values", "unknown", sentence, PAYROLL)

    def _posting(self) -> Finding:
        if self._settings.books.posting_service:
            how = "by your custom service, which shows only at the first journal"
        else:
            how = "by your finance department, in Dynamics"
        sentence = (
            f"Whether journals may be written shows only at the first one. They are posted {how}. Whether Dynamics "
            f"wants a dimension that an account lacks may show only then."
        )
        return granted("journal writes", sentence, access="unknown")

    def _workers(self) -> Iterator[Finding]:
        count = self._odata.count(WORKERS)
        if not count:
            yield _empty("workers", PEOPLE)
            return
        yield granted("workers", f"Dynamics shows {count} workers.")
        sentence = "Whether workers may be hired and changed, and keep our reference, shows only at the first one."
        yield granted("worker writes", sentence, access="unknown")

    def _default_format(self) -> Iterator[Finding]:
        form = self._dimensions.default_format()
        for field, name in self._settings.people.dimensions.items():
            if form.spelled(name) is None:
                sentence = (
                    f"The active default dimension format {form} lacks {name}, which the settings name for the "
                    f"{field}. Add it in Dynamics, or correct the settings."
                )
                yield failed("default dimension format", "granted", sentence, PEOPLE)
            else:
                yield granted("default dimension format", f"The {field} of an employment is kept in {name}.")

    def _vendors(self) -> Iterator[Finding]:
        people = self._settings.people
        self._odata.first(people.vendor_set, select=("VendorAccountNumber",), type=_Any)
        for company in self._settings.legal_entities:
            key = {"dataAreaId": company, "VendorGroupId": people.vendor_group}
            if self._odata.one("VendorGroups", key, select=("VendorGroupId",), type=_Any) is None:
                sentence = (
                    f"The legal entity {company} has no vendor group {people.vendor_group}. Create it in Dynamics, or "
                    f"correct the settings."
                )
                yield failed("vendors", "empty", sentence, PEOPLE)
            else:
                sentence = f"Contractors of {company} become vendors of the group {people.vendor_group}."
                yield granted("vendors", sentence)


def _empty(entity: str, *affects: str) -> Finding:
    sentence = (
        f"Dynamics shows no {entity}. If there are some, give the user of this connection's app a security role that "
        f"may see them."
    )
    return warning(entity, "empty", sentence, *affects)
