"""What an environment has unless its options say otherwise: companies, chart, dimensions, structures, journal names."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

Record = dict[str, Any]
CHART = "Shared"
CALENDAR = "Fiscal"
LEGAL_ENTITIES: list[Record] = [
    {"id": "usmf", "name": "Contoso Entertainment System USA", "currency": "USD"},
    {"id": "gbsi", "name": "Contoso Service Industry UK", "currency": "GBP"},
    {"id": "demf", "name": "Contoso Entertainment System Germany", "currency": "EUR"},
]
CURRENCIES = {"USD": "US Dollar", "GBP": "Pound Sterling", "EUR": "Euro", "CAD": "Canadian Dollar", "MXN": "Peso"}
ACCOUNTS: list[tuple[str, str, str]] = [
    ("110110", "Bank account - payroll", "Asset"),
    ("130100", "Employee advances", "Asset"),
    ("200100", "Accounts payable", "Liability"),
    ("201100", "Accrued wages", "Liability"),
    ("201200", "Payroll taxes payable", "Liability"),
    ("201300", "Benefits payable", "Liability"),
    ("201400", "Garnishments payable", "Liability"),
    ("401100", "Product sales", "Revenue"),
    ("601500", "Salaries", "Expense"),
    ("601510", "Overtime", "Expense"),
    ("601520", "Bonuses", "Expense"),
    ("602100", "Employer payroll taxes", "Expense"),
    ("602200", "Employer benefits", "Expense"),
    ("606300", "Travel", "Expense"),
    ("699999", "Total expenses", "Total"),
]
DIMENSIONS: dict[str, dict[str, str]] = {
    "Department": {"022": "Sales", "023": "Operations", "024": "Engineering", "025": "Human Resources"},
    "CostCenter": {"0015": "Assembly", "0016": "Warehouse", "0017": "Office"},
    "BusinessUnit": {"001": "Home", "002": "Automotive", "003": "Services"},
}
BACKED_BY = {"Department": "Departments", "CostCenter": "Cost centers", "BusinessUnit": "Business units"}
UNIT_TYPES = {"Department": "OMDepartment", "CostCenter": "OMCostCenter", "BusinessUnit": "OMBusinessUnit"}
UNIT_SETS = {"Department": "DepartmentsV2", "CostCenter": "CostCenters", "BusinessUnit": "BusinessUnits"}
FORMAT = ["MainAccount", "Department", "CostCenter", "BusinessUnit"]
ANY_OR_NONE = '*;""'
STRUCTURES: list[Record] = [
    {"name": "P&L", "segments": FORMAT, "constraints": [["4*;6*", ANY_OR_NONE, ANY_OR_NONE, ANY_OR_NONE]]},
    {
        "name": "Balance sheet",
        "segments": ["MainAccount", "BusinessUnit"],
        "constraints": [["100000..199999", ANY_OR_NONE], ["2*;3*", ANY_OR_NONE]],
    },
]
JOURNAL_NAMES: list[Record] = [
    {"Name": "PAYJRN", "Description": "Payroll", "VoucherSeriesCode": "PAYV"},
    {"Name": "GENJRN", "Description": "General", "VoucherSeriesCode": "GENV", "NewVoucher": "OneVoucher"},
    {"Name": "MANJRN", "Description": "Own vouchers", "VoucherSeriesCode": "MANV", "NewVoucher": "Manually"},
    {
        "Name": "ALLJRN",
        "Description": "Late vouchers",
        "VoucherSeriesCode": "ALLV",
        "VoucherAllocationAtPosting": "Yes",
    },
    {"Name": "DELJRN", "Description": "Lines go", "VoucherSeriesCode": "DELV", "DeleteLinesAfterPosting": "Yes"},
    {
        "Name": "FIXJRN",
        "Description": "Fixed offset",
        "VoucherSeriesCode": "FIXV",
        "OffsetAccountType": "Ledger",
        "OffsetAccountDisplayValue": "201100",
        "IsFixedOffsetAccount": "Yes",
    },
    {"Name": "VENDPAY", "Description": "Payments", "VoucherSeriesCode": "PMTV", "Type": "Payment"},
    {"Name": "NOSERIES", "Description": "Not set up", "VoucherSeriesCode": ""},
]
JOURNAL_NAME: Record = {
    "Type": "Daily",
    "NewVoucher": "BalanceSheet",
    "VoucherAllocationAtPosting": "No",
    "DetailLevel": "Detail",
    "PostingLayer": "Current",
    "IsFixedOffsetAccount": "No",
    "DeleteLinesAfterPosting": "No",
}
VENDOR_GROUPS = {"10": "Parts", "40": "Contractors"}
FIRST_NAMES = ("Ava", "Ben", "Cora", "Dev", "Elif", "Finn", "Gia", "Hugo", "Ines", "Jack", "Kira", "Liam", "Mina")
LAST_NAMES = ("Abbot", "Baker", "Castro", "Dietz", "Ek", "Fischer", "Grant", "Hill", "Ito", "Jensen", "Klein", "Lopez")
FIRST_HIRE = datetime(2019, 1, 1, 6, tzinfo=UTC)


def people(count: int, seed: int) -> Iterator[Record]:
    """Plausible workers, each with the instant of the first day."""
    chance = random.Random(seed)
    for number in range(1, count + 1):
        first, last = chance.choice(FIRST_NAMES), chance.choice(LAST_NAMES)
        yield {
            "PersonnelNumber": f"{number:06}",
            "FirstName": first,
            "LastName": last,
            "PrimaryContactEmail": f"{first}.{last}.{number}@contoso.example".lower(),
            "EmploymentStartDate": FIRST_HIRE + timedelta(days=chance.randrange(2000)),
        }
