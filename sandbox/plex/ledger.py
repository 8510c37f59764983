"""What the general ledger shows: fiscal periods, trial balance, activity by account (plex §2.4.4, 2.4.5)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from aiohttp import web

from sandbox.plex.books import ZERO, segments
from sandbox.plex.call import Call, as_uuid
from sandbox.plex.lists import Listing, json_response
from sandbox.plex.naming import ACTIVITY, Profile
from sandbox.plex.refusals import bad_argument
from sandbox.plex.tables import Record, Table, encode

PERIOD_FORM = re.compile(r"(0[1-9]|1[0-2])-\d{4}")
NOTHING = (ZERO, ZERO)


def trial_balance(call: Call) -> web.Response:
    """One object; without bounds the lines of all periods. Journals count at once, without the activity's lag."""
    wanted = _within(call)
    lines = [] if call.blind else [line for line in _balance_lines(call) if wanted(line["periodDisplay"])]
    return json_response(encode({"unclosedPriorYearProfitLoss": ZERO, "trialBalanceLines": lines}))


def activity(call: Call) -> web.Response:
    """The lines of journals on one account, which the query must name; of an unknown account there are none."""
    name = ACTIVITY.on_wire(call.profile, "accountId")
    named = [values[0] for wire, values in call.query.items() if ACTIVITY.kept(call.profile, wire) == "accountId"]
    if not named:
        raise bad_argument(name, "given")
    account_id = as_uuid(name, named[0])
    lines = Table(ACTIVITY)
    if not call.blind:
        for line in _activity(call, account_id):
            lines.add(line)
    return _ACTIVITY.of(call, lines)


def _periods(call: Call) -> dict[str, tuple[str, ...]]:
    wanted = _within(call)
    return {"periodDisplay": tuple(display for display in call.plant.periods.rows if wanted(display))}


PERIODS = Listing(lambda plant: plant.periods, {}, narrowed=_periods)
_ACTIVITY = Listing(
    lambda plant: Table(ACTIVITY),
    {name: name for name in ("accountId", "periodDisplay", "period13", "periodAdjustmentEntries")},
    dates=("transactionDate", "modifiedDate"),
)


def _activity(call: Call, account_id: str) -> Iterator[Record]:
    books = call.plant.books
    # The pages of the documents are one read.
    counted = call.profile is Profile.CONNECT or call.query.get("offset", ["0"])[0] == "0"
    for row in books.journals:
        journal = row.record
        lines = [line for line in journal["lines"] if line["accountId"] == account_id]
        shown = call.company.settings.in_ledger(journal)
        if lines and shown and books.has_arrived(journal["id"], account_id, counted=counted):
            for line in lines:
                yield {
                    **{name: line[name] for name in ACTIVITY.connect.keys() & line.keys()},
                    "lineId": line["lineId"],
                    "periodDisplay": journal["periodDisplay"],
                    "transactionDate": journal["postDate"],
                    "voucherNumber": journal["voucherNumber"],
                    "journalNumber": journal["journalNumber"],
                    "headerDescription": journal["description"],
                    "period13": journal["period13"],
                    "periodAdjustmentEntries": journal["periodAdjustment"],
                    "governmentIssuedNo": journal["governmentIssuedNo"],
                    "modifiedDate": journal["modifiedDate"],
                }


def _balance_lines(call: Call) -> Iterator[dict[str, Any]]:
    """Per period the active accounts and those that moved; what was there before us follows from the number alone."""
    moved = call.plant.books.moved(call.company.settings.in_ledger)
    year, to_date = "", dict[str, tuple[Decimal, Decimal]]()
    for period in call.plant.periods:
        display = period.record["periodDisplay"]
        if period.record["fiscalYear"] != year:
            year, to_date = period.record["fiscalYear"], {}
        for row in call.plant.accounts:
            account = row.record
            current = moved.get((display, account["id"]), NOTHING)
            before = to_date.get(account["id"], NOTHING)
            total = to_date[account["id"]] = (before[0] + current[0], before[1] + current[1])
            if account["active"] or total != NOTHING:
                yield _balance_line(account, display, current, total)


def _balance_line(
    account: Mapping[str, Any], display: str, current: tuple[Decimal, Decimal], to_date: tuple[Decimal, Decimal]
) -> dict[str, Any]:
    number = account["accountNumber"]
    base, center, sub = segments(number)
    amount = Decimal(sum(number.encode()) * 137).scaleb(-2)
    debit, credit = (amount, ZERO) if account["categoryType"] in ("Asset", "Expense") else (ZERO, amount)
    return {
        "accountId": account["id"],
        "accountNumber": number,
        "accountName": account["name"],
        "baseSegment": base,
        "costCenterSegment": center,
        "subAccountSegment": sub,
        "currentDebit": debit + current[0],
        "currentCredit": credit + current[1],
        "currentBalance": debit + current[0] - credit - current[1],
        "ytdDebit": debit + to_date[0],
        "ytdCredit": credit + to_date[1],
        "ytdBalance": debit + to_date[0] - credit - to_date[1],
        "statutoryName": None,
        "statutoryNumber": None,
        "periodDisplay": display,
    }


def _within(call: Call) -> Callable[[str], bool]:
    """Whether a period lies between the bounds of the query, both included."""
    documents = call.profile is Profile.DOCUMENTS
    begin, end = (
        ("Period_Display_Begin", "Period_Display_End")
        if documents
        else (
            "periodDisplayBegin",
            "periodDisplayEnd",
        )
    )
    first, last = _month(call, begin) or "0000-00", _month(call, end) or "9999-99"
    return lambda display: first <= _sortable(display) <= last


def _month(call: Call, name: str) -> str | None:
    text = call.query.get(name, [""])[0]
    if text and not PERIOD_FORM.fullmatch(text):
        raise bad_argument(name, "a period MM-YYYY")
    return _sortable(text) if text else None


def _sortable(display: str) -> str:
    month, year = display.split("-")
    return f"{year}-{month}"
