"""Which accounts a journal line may name: main accounts, account structures, vendors (dynamics §5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from sandbox.dynamics import dimensions
from sandbox.dynamics.dimensions import LEDGER_FORMAT, MAIN_ACCOUNT, Unusable
from sandbox.dynamics.model import Record

if TYPE_CHECKING:
    from sandbox.dynamics.environment import Environment

SEGMENTS = 11


@dataclass
class Account:
    """An account as a line keeps it. ``segments``: dimension → value for a ledger account, empty for others."""

    display: str = ""
    segments: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def resolve(environment: Environment, company: str, kind: str, text: str, day: date) -> Account:
    """The account ``text`` names for a line of this type; ``faults`` say why it cannot be used."""
    try:
        if kind == "Ledger":
            return _ledger(environment, company, text, day)
        number = dimensions.split(text, dimensions.delimiter(environment))
        found = environment.tables["VendorsV2"].find(company, number[0]) if kind == "Vend" else None
        if found is None or len(number) > 1:
            return Account(text, faults=[f"Account number {text} for transaction type {kind} does not exist."])
        if found.record.get("OnHoldStatus", "No") in ("All", "Payment", "Invoice"):
            return Account(text, faults=[f"Vendor account {number[0]} is on hold."])
        shown = dimensions.escaped(found.record["VendorAccountNumber"], dimensions.delimiter(environment))
        return Account(shown)
    except Unusable as error:
        return Account(text, faults=[str(error)])


def _ledger(environment: Environment, company: str, text: str, day: date) -> Account:
    segments = dimensions.read(environment, LEDGER_FORMAT, text)
    account = Account(dimensions.display(environment, LEDGER_FORMAT, segments), segments)
    number = segments.get(MAIN_ACCOUNT, "")
    account.faults += main_account_faults(environment, company, number, day)
    if account.faults:
        return account
    account.faults += dimensions.value_faults(environment, company, segments, day)
    account.faults += _structure_faults(environment, company, segments)
    if environment.settings.mandatory_check == "insert":
        account.faults += missing_dimensions(environment, company, segments)
    return account


def main_account_faults(environment: Environment, company: str, number: str, day: date) -> Iterator[str]:
    ledger = environment.tables["Ledgers"].find(company)
    if ledger is None:
        yield f"The ledger of company {company.upper()} is not set up."
        return
    chart = ledger.record["ChartOfAccounts"]
    row = environment.tables["MainAccounts"].find(chart, number)
    if row is None:
        yield f"The value '{number}' in field 'Main account' is not found in the related table 'Main accounts'."
        return
    override = environment.tables["MainAccountLegalEntities"].find(number, chart, company)
    for record in (row.record, override.record if override else {}):
        if record.get("IsSuspended") == "Yes":
            yield f"Main account {number} is suspended."
        elif record.get("DoNotAllowManualEntry") == "Yes":
            yield f"Main account {number} is not allowed for manual entry."
        elif not dimensions.in_force(record, day):
            yield f"Main account {number} is not active on {day:%m/%d/%Y}."
    if row.record.get("MainAccountType") in ("Total", "Reporting"):
        yield f"Main account {number} is a total account and cannot be used for posting."


def _structure_faults(environment: Environment, company: str, segments: Mapping[str, str]) -> Iterator[str]:
    found = _structure(environment, company, segments[MAIN_ACCOUNT])
    if found is None:
        yield f"Main account {segments[MAIN_ACCOUNT]} is not part of an active account structure of the ledger."
        return
    structure, rows = found
    names = _segment_names(structure)
    outside = [name for name in segments if name not in names]
    if outside:
        combination = "-".join(segments.values())
        yield (
            f"The combination {combination} is not valid: dimension {outside[0]} is not part of account structure "
            f"{structure['AccountStructureName']}."
        )
    elif not any(_allows(row, names, segments) for row in rows):
        yield (
            f"The combination {'-'.join(segments.values())} is not allowed by the constraints of account structure "
            f"{structure['AccountStructureName']}."
        )


def missing_dimensions(environment: Environment, company: str, segments: Mapping[str, str]) -> Iterator[str]:
    """Segments the structure wants filled, as it says at posting (dynamics §5)."""
    found = _structure(environment, company, segments[MAIN_ACCOUNT])
    if found is None:
        return
    structure, rows = found
    names = _segment_names(structure)
    for place, name in enumerate(names, start=1):
        criteria = [row.get(f"SegmentCriteria{place:02}", "") for row in rows]
        if name not in segments and not any(accepts(text, "") for text in criteria):
            yield f"Dimension {name} must be filled in for main account {segments[MAIN_ACCOUNT]}."


def accepts(criteria: str, value: str) -> bool:
    """Whether ``1*;2*``, ``510000..599999``, an exact value, ``*`` or ``""`` (blank) lets the value pass."""
    for part in criteria.split(";"):
        first, dots, last = part.partition("..")
        if part == '""':
            passes = not value
        elif dots:
            passes = bool(value) and first <= value <= last
        elif part.endswith("*"):
            passes = bool(value) and value.startswith(part[:-1])
        else:
            passes = part == value and bool(value)
        if passes:
            return True
    return not criteria and not value


def _structure(environment: Environment, company: str, number: str) -> tuple[Record, list[Record]] | None:
    """The active structure that takes this main account, and its constraints that do."""
    ledger = environment.tables["Ledgers"].find(company)
    for place in range(1, 21):
        name = ledger.record.get(f"AccountStructureName{place}", "") if ledger else ""
        structure = environment.tables["AccountStructures"].find(name, "Active") if name else None
        if structure is None:
            continue
        constraints = environment.tables["AccountStructureConstraints"].matching({"AccountStructure": name.casefold()})
        active = [row.record for row in constraints if row.record["Status"] == "Active"]
        rows = [record for record in active if accepts(record.get("SegmentCriteria01", ""), number)]
        if rows:
            return structure.record, rows
    return None


def _segment_names(structure: Record) -> list[str]:
    names = (structure.get(f"SegmentName{place:02}", "") for place in range(1, SEGMENTS + 1))
    return [name for name in names if name]


def _allows(constraint: Record, names: list[str], segments: Mapping[str, str]) -> bool:
    """Whether every filled segment passes; what is missing shows itself at posting."""
    return all(
        accepts(constraint.get(f"SegmentCriteria{place:02}", ""), segments[name])
        for place, name in enumerate(names, start=1)
        if name in segments
    )
