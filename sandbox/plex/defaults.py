"""Plausible data for a plant nobody described: setup values, a segmented chart, people; fixed by the seed."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

STATUSES = {"Active": "active", "Leave": "active", "Terminated": "inactive", "Retired": "inactive"}
SETUP: dict[str, list[str]] = {
    "positions": ["Assembler", "Machinist", "Welder", "Quality Inspector", "Maintenance Technician", "Supervisor"],
    "departments": ["Assembly", "Machining", "Welding", "Quality", "Maintenance", "Administration"],
    "shifts": ["1st", "2nd", "3rd"],
    "types": ["Full Time", "Part Time"],
}
COST_CENTERS = {
    "000": "Balance sheet",
    "210": "Assembly",
    "220": "Machining",
    "230": "Welding",
    "310": "Quality",
    "320": "Maintenance",
    "910": "Administration",
    "990": "Closed line",
}
_BALANCE_ACCOUNTS = [
    ("10120", "Cash payroll account", "Asset"),
    ("21400", "Accrued payroll", "Liability"),
    ("21500", "Wages payable", "Liability"),
    ("21510", "Federal tax withheld", "Liability"),
    ("21520", "Benefits payable", "Liability"),
    ("21530", "Employer taxes payable", "Liability"),
    ("21540", "Garnishments payable", "Liability"),
    ("21550", "401(k) payable", "Liability"),
    ("21560", "Expense reimbursements payable", "Liability"),
    ("30100", "Retained earnings", "Equity"),
    ("69900", "Payroll rounding", "Expense"),
]
_LABOR_ACCOUNTS = [
    ("61000", "0100", "Direct labor"),
    ("61000", "0200", "Indirect labor"),
    ("61100", "0100", "Overtime premium"),
    ("61200", "0100", "Employer taxes"),
    ("61300", "0100", "Benefits"),
]
_FIRST = ["Ana", "Ben", "Chidi", "Dora", "Emil", "Fatima", "Goran", "Hana", "Ivo", "Jo", "Kemal", "Lena", "Milo", "Zoë"]
_LAST = ["Adler", "Brandt", "Castillo", "Diaz", "Eze", "Fischer", "Gomez", "Hall", "Ito", "Jensen", "Kaya", "O'Neil"]


def identity(*parts: object) -> str:
    """The same uuid for the same parts, so that a seed gives the same company every time."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "plex-sandbox:" + ":".join(map(str, parts))))


def chart() -> list[dict[str, Any]]:
    """base-costcenter-sub accounts: balance sheet under 000, labor under every cost center, some inactive."""
    accounts: list[dict[str, Any]] = [
        {"accountNumber": f"{base}-000-0000", "name": name, "categoryType": category, "active": True}
        for base, name, category in _BALANCE_ACCOUNTS
    ]
    for code, center in COST_CENTERS.items():
        if code == "000":
            continue
        accounts += [
            {
                "accountNumber": f"{base}-{code}-{sub}",
                "name": f"{name} {center}",
                "categoryType": "Expense",
                "active": code != "990",
            }
            for base, sub, name in _LABOR_ACCOUNTS
        ]
    accounts.append(
        {"accountNumber": "61000-210-0900", "name": "Direct labor old", "categoryType": "Expense", "active": False}
    )
    accounts.append(
        {"accountNumber": "40100-000-0000", "name": "Sales", "categoryType": "Revenue", "active": True},
    )
    return accounts


def people(numbers: Iterable[int], chance: random.Random, setup: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    """One employee per badge number; every value exists in the setup."""
    return [
        {
            "badgeNumber": str(number),
            "userId": f"u{number}",
            "firstName": chance.choice(_FIRST),
            "lastName": chance.choice(_LAST),
            "status": setup["statuses"][0],
            "position": chance.choice(setup["positions"]),
            "department": chance.choice(setup["departments"]),
            "shift": chance.choice(setup["shifts"]),
            "type": chance.choice(setup["types"]),
            "building": setup["buildings"][0],
            "email": f"u{number}@example.com",
        }
        for number in numbers
    ]
