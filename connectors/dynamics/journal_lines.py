"""What lines a journal should have in Dynamics, what lines it has, and how the two compare. Pure.

They are compared by what each account has been debited and credited: a line may be parted over several vouchers, and
the text of a line may be shortened or changed there.
"""

from __future__ import annotations

import enum
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple, Protocol

import msgspec

from connectors.dynamics.display import Format, account_text, read_display
from connectors.dynamics.literals import read_day
from connectors.journals import ZERO, Journal, JournalLine

LINE_FIELDS = (
    "LineNumber",
    "TransDate",
    "AccountType",
    "AccountDisplayValue",
    "OffsetAccountType",
    "OffsetAccountDisplayValue",
    "DebitAmount",
    "CreditAmount",
    "CurrencyCode",
    "Text",
    "Voucher",
    "Company",
)
Values = Mapping[str, str]


class LineRow(msgspec.Struct, frozen=True, rename="pascal"):
    """A line as Dynamics shows it; ``company`` may be in upper case (dynamics §2)."""

    line_number: Decimal
    trans_date: str
    account_type: str | None
    account_display_value: str | None
    offset_account_type: str | None
    offset_account_display_value: str | None
    debit_amount: Decimal
    credit_amount: Decimal
    currency_code: str | None
    text: str | None
    voucher: str | None
    company: str | None

    @property
    def day(self) -> date | None:
        return read_day(self.trans_date)


class Entry(msgspec.Struct, frozen=True):
    """One line to be written: what it is posted to, its amount (debits positive), its text."""

    values: Values
    amount: Decimal
    text: str


class Held(enum.Enum):
    """What the lines that are there are of those that should be."""

    WHOLE = "whole"
    PART = "part"
    OTHER = "other"


def key_of(values: Values) -> str:
    """The same for the same account however it is spelled; Dynamics does not tell upper and lower case apart."""
    return account_text({name.casefold(): value.casefold() for name, value in sorted(values.items())})


def compare(
    groups: Sequence[Sequence[Entry]], journal: Journal, company: str, rows: Sequence[LineRow], form: Format
) -> Held:
    """A part is some of the groups, each whole, and nothing else: so a death leaves it. OTHER is for a person."""
    if not all(_is_plain(row, journal, company) for row in rows):
        return Held.OTHER
    should = _sums((key_of(entry.values), entry.amount) for group in groups for entry in group)
    held = _sums((key_of(values_of(row, form)), amount_of(row)) for row in rows)
    if held == should:
        return Held.WHOLE
    return Held.OTHER if parted(groups, rows, form) is None else Held.PART


class Parted(NamedTuple):
    """The lines that are there, by group, and the groups that are missing, both in order."""

    there: list[list[LineRow]]
    missing: list[Sequence[Entry]]


def parted(groups: Sequence[Sequence[Entry]], rows: Sequence[LineRow], form: Format) -> Parted | None:
    """Which of the groups the lines are; None when they are no union of groups."""
    waiting: dict[tuple[str, Decimal], deque[LineRow]] = defaultdict(deque)
    for row in rows:
        waiting[key_of(values_of(row, form)), amount_of(row)].append(row)
    found = Parted([], [])
    for group in groups:
        keys = [(key_of(entry.values), entry.amount) for entry in group]
        if all(len(waiting.get(key, ())) >= number for key, number in Counter(keys).items()):
            found.there.append([waiting[key].popleft() for key in keys])
        else:
            found.missing.append(group)
    return None if any(waiting.values()) else found


def departure(rows: Sequence[LineRow], company: str, currency: str, day: date) -> str:
    """How lines depart from the journal's currency, company and day, completing "but …"; empty when none does."""
    if not all(_same(row.currency_code, currency) for row in rows):
        return "lines of it are in another currency"
    if not all(_same(row.company or company, company) for row in rows):
        return "lines of it are another company's"
    return "" if all(row.day == day for row in rows) else "lines of it are on another day"


def lines_of(rows: Sequence[LineRow], form: Format, spelled: Mapping[str, str]) -> tuple[JournalLine, ...]:
    """The lines in our words; ``spelled`` has the spelling of accounts by ``key_of``.

    Lines of different vouchers that are alike in all but the amount are one line: so a parted one is written. What a
    line has against it in the same row is a line of its own.
    """
    merged: dict[tuple[object, int], list[LineRow]] = {}
    seen: Counter[object] = Counter()
    for row in rows:
        for side in (row, _offset(row)) if row.offset_account_display_value else (row,):
            alike = (
                side.account_type,
                side.account_display_value,
                amount_of(side) > ZERO,
                side.text,
                side.day,
                side.currency_code,
                side.company,
            )
            merged.setdefault((alike, seen[alike, side.voucher]), []).append(side)
            seen[alike, side.voucher] += 1
    return tuple(_line(own, form, spelled) for own in merged.values())


def _offset(row: LineRow) -> LineRow:
    return msgspec.structs.replace(
        row,
        account_type=row.offset_account_type,
        account_display_value=row.offset_account_display_value,
        debit_amount=row.credit_amount,
        credit_amount=row.debit_amount,
    )


def amount_of(row: LineRow) -> Decimal:
    """Debits positive, credits negative."""
    return row.debit_amount - row.credit_amount


class OnAccount(Protocol):
    """Something that is on an account."""

    @property
    def account_type(self) -> str | None: ...

    @property
    def account_display_value(self) -> str | None: ...


def values_of(row: OnAccount, form: Format) -> Values:
    """The values by dimension of a line's account; of one that is not in the ledger, or not of this format, the text
    as it is under no name, so that it equals no account of ours."""
    shown = row.account_display_value or ""
    if row.account_type == "Ledger":
        try:
            return read_display(shown, form)
        except ValueError:
            pass
    return {"": shown}


def _is_plain(row: LineRow, journal: Journal, company: str) -> bool:
    """True for a line as we write them. An offset account would book the amount a second time."""
    return (
        row.account_type == "Ledger"
        and not row.offset_account_display_value
        and not departure([row], company, journal.currency, journal.posting_date)
    )


def _same(one: str | None, other: str) -> bool:
    return (one or "").casefold() == other.casefold()


def _sums(amounts: Iterable[tuple[str, Decimal]]) -> dict[tuple[str, bool], Decimal]:
    """Debits and credits by account."""
    sums: dict[tuple[str, bool], Decimal] = defaultdict(Decimal)
    for key, amount in amounts:
        sums[key, amount > ZERO] += abs(amount)
    return dict(sums)


def _line(rows: Sequence[LineRow], form: Format, spelled: Mapping[str, str]) -> JournalLine:
    values = values_of(rows[0], form)
    return JournalLine(
        account=spelled.get(key_of(values)) or values.get("") or account_text(values),
        description=rows[0].text or "",
        debit=sum((row.debit_amount for row in rows), ZERO),
        credit=sum((row.credit_amount for row in rows), ZERO),
    )
