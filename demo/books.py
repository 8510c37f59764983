"""Northfield's books in Plex: each plant's chart of accounts, and what payroll costs go where.

``RULES`` and ``cost_centers`` are what the accountant says; the proof goes by ``is_cost`` and ``WAGES_PAYABLE`` only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from demo import company
from demo.company import Plant

WAGES_PAYABLE = "21500-000-0000"
"""Where net pay waits until the bank has paid it."""
CASH, SCRAP_SALES = "10120-000-0000", "40900-000-0000"
OFFICE = "910"
"""Every plant's cost center for those who do not work in its shop."""

BALANCE = {
    CASH: ("Cash payroll account", "Asset"),
    WAGES_PAYABLE: ("Wages payable", "Liability"),
    "21510-000-0000": ("Income taxes withheld", "Liability"),
    "21520-000-0000": ("Benefits payable", "Liability"),
    "21530-000-0000": ("Payroll taxes payable", "Liability"),
    "21540-000-0000": ("Garnishments payable", "Liability"),
    "21550-000-0000": ("401(k) payable", "Liability"),
    SCRAP_SALES: ("Scrap sales", "Revenue"),
}
COSTS = {
    "61000": "Direct labor",
    "61100": "Overtime premium",
    "61200": "Employer taxes",
    "61300": "Benefits",
    "61400": "Bonuses",
    "61500": "Reimbursed expenses",
}

RULES = """\
item,debit,credit
earning:SAL,61000-{cost_center}-0100,
earning:REG,61000-{cost_center}-0100,
earning:PTO,61000-{cost_center}-0100,
earning:OT,61100-{cost_center}-0100,
reimbursement:REIMB,61500-{cost_center}-0100,
employee_tax:FIT,,21510-000-0000
employee_tax:SIT-OH,,21510-000-0000
employee_tax:SIT-MI,,21510-000-0000
employee_tax:SS,,21530-000-0000
employee_tax:MED,,21530-000-0000
employer_tax:SS-ER,61200-{cost_center}-0100,21530-000-0000
employer_tax:MED-ER,61200-{cost_center}-0100,21530-000-0000
employer_tax:FUTA,61200-{cost_center}-0100,21530-000-0000
employer_tax:SUTA-OH,61200-{cost_center}-0100,21530-000-0000
employer_tax:SUTA-MI,61200-{cost_center}-0100,21530-000-0000
employee_deduction:401K,,21550-000-0000
employer_contribution:401K,61300-{cost_center}-0100,21550-000-0000
employee_deduction:MEDICAL,,21520-000-0000
employer_contribution:MEDICAL,61300-{cost_center}-0100,21520-000-0000
garnishment:CHILD,,21540-000-0000
net_pay:net_pay,,21500-000-0000
"""
"""Account rules as the accountant keeps them in a spreadsheet. Nobody has thought of a bonus yet."""

BONUS = {"kind": "earning", "code": "SPOT", "name": "Spot Bonus", "category": "BONUS"}
BONUS_RULE = {"item": "earning:SPOT", "debit": "61400-{cost_center}-0100"}


def is_cost(account: str) -> bool:
    """True for an account that payroll costs are debited to."""
    return account.partition("-")[0] in COSTS


def cost_centers() -> dict[str, str]:
    """Department in Rippling → cost center in Plex."""
    shops = {
        company.shop_department(name, plant): _center(plant, number)
        for plant in company.PLANTS
        for number, name in enumerate(company.SHOP, start=1)
    }
    new = _center(company.MONROE, len(company.SHOP) + 1)
    return dict.fromkeys(company.OFFICES, OFFICE) | shops | {company.NEW_DEPARTMENT: new}


def charts() -> dict[str, list[dict[str, Any]]]:
    """PCN → the plant's accounts."""
    return {plant.pcn: list(_chart(plant)) for plant in company.PLANTS}


def entered_by_hand(plant: Plant) -> dict[str, Any]:
    """A journal that somebody in this plant's accounting entered: books that are in use always have some."""
    lines = [{"accountNumber": CASH, "debit": "1250.00"}, {"accountNumber": SCRAP_SALES, "credit": "1250.00"}]
    return {"pcn": int(plant.pcn), "description": f"Scrap sale {plant.city}", "lines": lines}


def _chart(plant: Plant) -> Iterator[dict[str, Any]]:
    """Accounts as base-costcenter-sub, with the plant's own cost centers."""
    for number, (name, category) in BALANCE.items():
        yield {"accountNumber": number, "name": name, "categoryType": category}
    departments = [*(in_plex for _, in_plex in company.SHOP.values()), company.NEW_DEPARTMENT_IN_PLEX]
    centers = {_center(plant, number): department for number, department in enumerate(departments, start=1)}
    for center, department in (centers | {OFFICE: "Offices"}).items():
        for base, name in COSTS.items():
            yield {
                "accountNumber": f"{base}-{center}-0100",
                "name": f"{name} {department} {plant.city}",
                "categoryType": "Expense",
            }


def _center(plant: Plant, number: int) -> str:
    return f"{plant.code}{number}0"
