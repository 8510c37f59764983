"""A plausible payroll journal in the words of both profiles, and how the two are spoken to."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import httpx

from tests.sandbox.plex_world import Plex

CONNECT = "/accounting/v2/journal-entries"
DOCUMENTS = "/api/Journal_Entry"
ACTIVITY = "/accounting/v1/general-ledger-activity/journal-entries"
WAGES, PAYABLE, TAXES = "61000-210-0100", "21500-000-0000", "21510-000-0000"


def line(account: str, side: str, amount: object, **more: Any) -> dict[str, Any]:
    return {"accountNo": account, "description": "Gross wages", side: amount} | more


def payroll(**fields: Any) -> dict[str, Any]:
    """In the words of the connect profile; wages of 1250.10 against net pay and tax."""
    lines = [line(WAGES, "debit", 1250.10), line(PAYABLE, "credit", 1000), line(TAXES, "credit", 250.10)]
    return {
        "period": "06-2026",
        "description": "PAYROLL 8812 1/1 acme:8812",
        "status": "Open",
        "postDate": "2026-06-15T00:00:00Z",
        "currency": "USD",
        "lines": lines,
    } | fields


def documented(journal: dict[str, Any]) -> dict[str, Any]:
    """The same journal in the words of the documents profile."""
    words = {"postDate": "Post_Date", "accountNo": "Account_No"}
    return {
        words.get(name, name.title()): [documented(one) for one in value] if isinstance(value, list) else value
        for name, value in journal.items()
    }


def post(plex: Plex, **fields: Any) -> dict[str, Any]:
    """A journal created over connect, amounts as Decimal."""
    created = plex.connect("POST", CONNECT, json=payroll(**fields))
    assert created.status_code == 201, created.text
    journal: dict[str, Any] = exact(created)
    return journal


def exact(answer: httpx.Response) -> Any:
    """The body with every number as it was written."""
    return json.loads(answer.text, parse_float=Decimal)


def journals(plex: Plex, plant: int = 0) -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = plex.snapshot()["plants"][plant]["journals"]
    return kept


def account_id(plex: Plex, number: str) -> str:
    (account,) = plex.connect("GET", f"/mdm/v1/chart-of-accounts?accountNumber={number}").json()
    found: str = account["id"]
    return found


def activity(plex: Plex, number: str, query: str = "") -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = exact(plex.connect("GET", f"{ACTIVITY}?accountId={account_id(plex, number)}{query}"))
    return shown
