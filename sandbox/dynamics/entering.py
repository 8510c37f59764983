"""Data as somebody enters it by hand, at founding or later: accounts, values, formats, workers, vendors."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sandbox.dynamics import defaults, people
from sandbox.dynamics.dimensions import DELIMITERS
from sandbox.dynamics.model import OPEN_END, Record

if TYPE_CHECKING:
    from sandbox.dynamics.environment import Environment


def add_account(environment: Environment, record: Record) -> None:
    environment.tables["MainAccounts"].add(
        {"ChartOfAccounts": defaults.CHART, "MainAccountType": "Expense", "IsSuspended": "No"} | record
    )


def add_value(environment: Environment, dimension: str, value: str, description: str = "", **more: Any) -> None:
    """A value, and the operating unit behind it where the dimension takes its values from those."""
    record = {"FinancialDimension": dimension, "LegalEntityId": "", "DimensionValue": value, "Description": description}
    environment.tables["FinancialDimensionValues"].add(record | more)
    units = environment.tables["OperatingUnits"]
    kind, number = defaults.UNIT_TYPES.get(dimension), value
    if kind is None or units.find(number) is not None:
        return
    unit = {"OperatingUnitNumber": number, "Name": description or value}
    units.add(unit | {"OperatingUnitType": kind, "PartyNumber": environment.next_number("", "party")})
    environment.tables[defaults.UNIT_SETS[dimension]].add(unit)


def set_format(environment: Environment, kind: str, names: list[str], delimiter: str = "") -> None:
    """The active format of this type; another one of the type that was there stays, inactive."""
    table = environment.tables["DimensionIntegrationFormats"]
    marks = next(iter(environment.tables["DimensionParameters"])).record
    joined = (delimiter or DELIMITERS[marks["DimensionSegmentDelimiter"]]).join(names)
    for row in list(table):
        if row.record["DimensionFormatType"] == kind:
            table.change(row, {"IsActive": "No"})
    record = {"DimensionFormatName": f"Integration {len(table) + 1}", "DimensionFormatType": kind}
    table.add(record | {"FinancialDimensionFormat": joined, "IsActive": "Yes"})


def add_constraint(environment: Environment, structure: str, position: int, columns: Record) -> None:
    record = {"AccountStructure": structure, "Status": "Active", "Position": position}
    environment.tables["AccountStructureConstraints"].add(record | columns)


def add_worker(environment: Environment, given: Record) -> str:
    """A worker with one employment; returns the personnel number. Dates are ISO instants or datetimes."""
    own = dict(given)
    number = own.setdefault("PersonnelNumber", environment.next_number("", "worker"))
    start = instant(own.pop("EmploymentStartDate", defaults.FIRST_HIRE))
    employment = {
        "PersonnelNumber": number,
        "LegalEntityId": own.pop("LegalEntityId", environment.default_company).lower(),
        "EmploymentId": environment.next_number("", "employment"),
        "EmploymentStartDate": start,
        "EmploymentEndDate": instant(own.pop("EmploymentEndDate", OPEN_END)),
        "WorkerType": own.get("WorkerType", "Employee"),
        "DimensionDisplayValue": own.pop("DimensionDisplayValue", ""),
    }
    people.add_worker(environment, own, start)
    environment.tables["EmploymentsV2"].add(employment)
    return str(number)


def instant(value: str | datetime) -> datetime:
    return datetime.fromisoformat(value).astimezone(UTC) if isinstance(value, str) else value


def add_vendor(environment: Environment, given: Record) -> str:
    """A vendor somebody entered; returns its account."""
    company = given.get("dataAreaId", environment.default_company).lower()
    drawn = f"{company.upper()}-{environment.next_number(company, 'vendor').zfill(10)}"
    record = {"VendorAccountNumber": drawn, "VendorGroupId": "10", "VendorPartyType": "Organization"} | given
    environment.tables["VendorsV2"].add(record | {"dataAreaId": company})
    return str(record["VendorAccountNumber"])
