"""Between our words and Plex's: journals, fiscal periods and account activity.

Source: plex §2.4.3 (names differ between a journal's request and answer), §2.4.4, §9.2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from connectors.errors import ConnectionConfigError, RecordRejectedError, UnexpectedReplyError
from connectors.journals import ZERO, FiscalPeriod, Journal, JournalLine, LedgerLine, PeriodState, PostedJournal
from connectors.plex.mapper import wire_name
from connectors.plex.schemas import (
    ACTIVITY,
    JOURNAL_LINES,
    JOURNALS,
    PERIODS,
    ActivityRow,
    JournalLineRow,
    JournalRow,
    PeriodRow,
    folded,
    parse_instant,
    read_row,
)
from connectors.plex.settings import PlexSettings

ACCOUNT_FILTER = {"connect": "accountId", "documents": "GL_Account_Id"}
"""By profile: the filter that account activity must be asked with."""
_CENT = Decimal("0.01")
_REFERENCE = re.compile(r"\bext=([^;\s]+)")
_CONTENT_HASH = re.compile(r"\bsha256=([0-9a-fA-F]+)")
_STATES = {"open": PeriodState.OPEN, "softclosed": PeriodState.SOFT_CLOSED, "closed": PeriodState.CLOSED}


def journal_body(journal: Journal, period: str, settings: PlexSettings) -> dict[str, Any]:
    """What posts ``journal``: the same bytes every time, our reference in description and note.

    ``ConnectionConfigError`` without a journal status; ``RecordRejectedError`` for another currency than the books',
    because Plex takes debit and credit as amounts of the books' own (plex §2.4.3).
    """
    if not settings.books.journal_status:
        raise ConnectionConfigError(
            "'Journal status' is missing in the settings of the Plex connection, and Plex accepts no journal without "
            "one. Enter the status that new journals shall get, spelled as in Plex."
        )
    if journal.currency != settings.books.currency:
        raise RecordRejectedError(
            f"This journal is in {journal.currency}, but the books of this Plex connection are kept in "
            f"{settings.books.currency}. Correct the currency of the books in the settings, or post it elsewhere.",
            field="currency",
        )
    header = {
        "period": period,
        "description": f"{journal.description} {journal.reference}",
        "note": f"ext={journal.reference}" + (f";sha256={journal.content_hash}" if journal.content_hash else ""),
        "status": settings.books.journal_status,
        "post_date": _midnight(journal.posting_date),
        "currency": journal.currency,
        "lines": [_line_body(line, settings.profile) for line in journal.lines],
    }
    return {wire_name(name, settings.profile): value for name, value in header.items()}


def journal_from(raw: Mapping[str, Any], pcn: str, reference: str = "") -> PostedJournal:
    """A journal of plant ``pcn`` as Plex holds it; ``reference`` is the one it was found by, without it the note's."""
    row = read_row(raw, JournalRow, JOURNALS)
    note = row.note or ""
    own = _REFERENCE.search(note)
    content_hash = _CONTENT_HASH.search(note)
    return PostedJournal(
        id=row.id,
        number=str(row.journal_number),
        reference=reference or (own[1] if own else ""),
        company=pcn,
        posting_date=parse_instant(row.post_date).date(),
        period=row.period_display,
        lines=tuple(_line_from(read_row(line, JournalLineRow, JOURNAL_LINES)) for line in row.lines),
        content_hash=content_hash[1].lower() if content_hash else "",
        booked=bool(row.booked),
    )


def carries(raw: Mapping[str, Any], reference: str) -> bool:
    """True when description or note of a journal names ``reference`` as a whole, not as a part of a longer one.

    Upper and lower case are one: a journal found too much stops for a person, one not found is posted twice.
    """
    row = folded(raw, JOURNALS)
    whole = re.compile(rf"(?<![\w:-]){re.escape(reference)}(?![\w:-])", re.IGNORECASE)
    return any(whole.search(str(row.get(name) or "")) for name in ("description", "note"))


def period_from(raw: Mapping[str, Any]) -> FiscalPeriod:
    """A fiscal period under Plex's own label; ``UnexpectedReplyError`` for a status we do not know."""
    row = read_row(raw, PeriodRow, PERIODS)
    state = _STATES.get(re.sub("[^a-z]", "", row.period_status.lower()))
    if state is None:
        raise UnexpectedReplyError(
            f"Plex says the fiscal period {row.period_display} is '{row.period_status}', which is none of Open, Soft "
            f"Closed, Closed. Nothing was posted; we have to look at it.",
            detail="fiscal period: unknown status",
        )
    return FiscalPeriod(
        name=row.period_display,
        begin=parse_instant(row.begin_date).date(),
        end=parse_instant(row.end_date).date(),
        state=state,
    )


def ledger_line_from(raw: Mapping[str, Any]) -> LedgerLine:
    """One line of an account's activity."""
    row = read_row(raw, ActivityRow, ACTIVITY)
    line = _line_from(row)
    return LedgerLine(
        account=line.account,
        journal=str(row.journal_number),
        posting_date=parse_instant(row.transaction_date).date(),
        description=line.description,
        debit=line.debit,
        credit=line.credit,
    )


def between(column: str, first: date, last: date, profile: str) -> list[tuple[str, str]]:
    """The filters for a date column: ``postDateBegin`` and ``postDateEnd``, or ``post_date_from`` and
    ``post_date_to`` (plex §2.5, §9.2)."""
    name, ends = (wire_name(column, profile), ("Begin", "End")) if profile == "connect" else (column, ("_from", "_to"))
    return [(name + end, _midnight(day)) for end, day in zip(ends, (first, last), strict=True)]


def _line_body(line: JournalLine, profile: str) -> dict[str, Any]:
    side, amount = ("debit", line.debit) if line.debit else ("credit", line.credit)
    body = {"account_no": line.account, "description": line.description, side: _exact(amount)}
    return {wire_name(name, profile): value for name, value in body.items()}


def _exact(amount: Decimal) -> Decimal:
    """With two decimals where that is the same amount; Plex refuses what is finer, we never round."""
    cents = amount.quantize(_CENT)
    return cents if cents == amount else amount


def _line_from(row: JournalLineRow) -> JournalLine:
    return JournalLine(
        account=row.account_number,
        description=row.description or "",
        debit=ZERO if row.debit is None else row.debit,
        credit=ZERO if row.credit is None else row.credit,
    )


def _midnight(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"
