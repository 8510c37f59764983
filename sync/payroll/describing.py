"""What journals and their lines say on the ledger: short, from facts, and without names of people. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from sync.payroll.drafts import JournalKind, RunFacts

LONGEST_JOURNAL = 120
LONGEST_LINE = 100
NAMED_ITEMS = 3
ROUNDING = "Rounding"

WORDS = {
    JournalKind.PAYROLL: "Payroll",
    JournalKind.ACCRUAL: "Payroll accrual",
    JournalKind.SETTLEMENT: "Payroll settlement",
    JournalKind.MONTH_END: "Payroll month end",
    JournalKind.MONTH_END_REVERSAL: "Payroll month end reversal",
}


def describe_journal(kind: JournalKind, run: RunFacts, part: int, parts: int) -> str:
    """Such as "Payroll 2026-06-15 Off cycle 2026-06-01 to 2026-06-14 Weekly 1/2": printable ASCII, at most
    LONGEST_JOURNAL characters."""
    start = f"{WORDS[kind]} {run.check_date.isoformat()} {run.kind.replace('_', ' ').capitalize()}"
    if run.period_start and run.period_end:
        start += f" {run.period_start.isoformat()} to {run.period_end.isoformat()}"
    end = f" {part}/{parts}" if parts > 1 else ""
    letters = unicodedata.normalize("NFKD", run.pay_group).encode("ascii", "ignore").decode()
    room = LONGEST_JOURNAL - len(start) - len(end)
    return start + f" {_tidy(letters)}"[:room].rstrip() + end


def describe_line(items: Iterable[str], place: str) -> str:
    """Such as "Regular pay, Overtime and 2 more · Assembly": at most LONGEST_LINE characters, the place first kept.

    ``items`` come the most telling first; the same word twice is said once.
    """
    words = list(dict.fromkeys(_tidy(item) for item in items))
    text = ", ".join(words[:NAMED_ITEMS])
    if more := len(words) - NAMED_ITEMS if len(words) > NAMED_ITEMS else 0:
        text += f" and {more} more"
    end = f" · {_tidy(place)}"[: LONGEST_LINE // 2] if place else ""
    room = LONGEST_LINE - len(end)
    return (text if len(text) <= room else text[: room - 1].rstrip() + "…") + end


def _tidy(text: str) -> str:
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(text.split())
