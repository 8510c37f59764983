"""The four-way tie-out of a pay run: register, our journals, what the ledger took, and the clearing account. Pure.

Everything is compared to the cent, per ledger company and currency; nothing is within a tolerance. Net amounts are
debits minus credits.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TypeVar

import msgspec

from sync.payroll.journals import JournalKind

ZERO = Decimal(0)


class Where(enum.StrEnum):
    """The places a figure is taken from, in the order money takes. LEDGER is the accounts' activity."""

    REGISTER = "register"
    JOURNAL = "journal"
    POSTED = "posted"
    LEDGER = "ledger"
    CLEARING = "clearing"


class Measure(enum.StrEnum):
    """What is compared.

    ACCOUNT: the net amount of an account. LINES: a number of lines. PAIR: what a journal and its reversal leave on an
    account. NET_PAY: what stands on the clearing accounts before a settlement, BALANCE: after it, credits positive.
    PRESENCE: the debits of a journal that one side has and the other has not. CONTENT: the lines of a
    journal that is in another currency, of another company or on another day than it should be. REJECTED: those of one
    that belongs to the run and was rejected, without another in its place.
    """

    COST = "cost"
    OWED = "owed"
    NET_PAY = "net_pay"
    DEBIT = "debit"
    CREDIT = "credit"
    ACCOUNT = "account"
    LINES = "lines"
    PAIR = "pair"
    BALANCE = "balance"
    PRESENCE = "presence"
    CONTENT = "content"
    REJECTED = "rejected"


class RegisterFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The payroll register: what the run costs, what it owes, and of that the net pay."""

    company: str
    currency: str
    cost: Decimal
    owed: Decimal
    net_pay: Decimal


class Booked(msgspec.Struct, frozen=True, kw_only=True):
    """A journal's lines in figures. An account that comes to zero may be there or not."""

    by_account: Mapping[str, Decimal]
    debit: Decimal
    credit: Decimal


class JournalFigures(Booked, frozen=True, kw_only=True):
    """A journal of ours. ``reverses`` is the reference of the journal it takes back, empty for all others.

    ``cost`` and ``owed`` are what it books of the register's, before rounding and before the debits and credits of
    one account are netted: below zero in a reversal, zero in settlements and month-end journals.
    """

    reference: str
    kind: JournalKind
    company: str
    currency: str
    cost: Decimal
    owed: Decimal
    line_count: int
    reverses: str = ""


class PostedFigures(Booked, frozen=True, kw_only=True):
    """A journal as the ledger reads it back under our reference. ``gone``: it was posted and is no longer there.
    ``differs``: it is not the one that was posted, whatever its accounts and amounts are."""

    reference: str
    company: str
    currency: str
    number: str
    line_count: int
    gone: bool = False
    differs: bool = False


class LedgerFigures(Booked, frozen=True, kw_only=True):
    """The lines with a journal's number in the activity of the company's accounts."""

    company: str
    number: str


class Clearing(msgspec.Struct, frozen=True, kw_only=True):
    """The accounts that net pay is credited to.

    ``besides`` is what else the run credits to them, ``stays`` what of all that its settlement is to leave there.
    """

    company: str
    currency: str
    accounts: frozenset[str]
    besides: Decimal = ZERO
    stays: Decimal = ZERO


class FigureRow(msgspec.Struct, frozen=True):
    """One figure to be shown beside the others of its measure."""

    where: Where
    measure: Measure
    company: str
    currency: str
    amount: Decimal


class Difference(msgspec.Struct, frozen=True):
    """What does not tie out, found ``where``. None means that it is not there at all.

    ``account`` is empty unless one account differs (several clearing accounts are joined by commas); ``reference`` is
    our journal's (the reversed one's for a pair), the number of one on the ledger that is not ours, and empty for sums
    over journals.
    """

    where: Where
    measure: Measure
    reference: str
    company: str
    currency: str
    expected: Decimal | None
    found: Decimal | None
    account: str = ""


class TieOut(msgspec.Struct, frozen=True, kw_only=True):
    """Every figure, and every difference. Tied out means there is none."""

    figures: tuple[FigureRow, ...]
    differences: tuple[Difference, ...]

    @property
    def tied(self) -> bool:
        """True when all of it agrees to the cent."""
        return not self.differences


Figures = TypeVar("Figures", bound=Booked)
Key = tuple[str, str, str]
"""Reference, company and currency: a journal posted to another company is missing here, and one too many there."""


def tie(
    register: Sequence[RegisterFigures],
    journals: Sequence[JournalFigures],
    posted: Sequence[PostedFigures],
    ledger: Sequence[LedgerFigures],
    clearing: Sequence[Clearing],
) -> TieOut:
    """The tie-out of one run, of which all journals are given: the reversed ones, their reversals, and all others.

    Our journals are held against the register, what was read back and the accounts' activity against our journals,
    and the clearing accounts' activity against the register: the net pay is credited to them, and nothing is left of
    it once a settlement that was not reversed has gone through them. Whatever is there twice is one too many.
    """
    ours = {_key(journal): journal for journal in journals}
    numbers = {(part.company, part.number): _key(part) for part in posted}
    answers = ((_key(part), part) for part in posted if not part.gone)
    lines = ((numbers.get((part.company, part.number), (part.number, part.company, "")), part) for part in ledger)
    differences: list[Difference] = []
    held = _of_ours(Where.POSTED, ours, answers, differences)
    active = _of_ours(Where.LEDGER, ours, lines, differences)
    for key, journal in ours.items():
        if journal.debit != journal.credit:
            differences.append(Difference(Where.JOURNAL, Measure.CREDIT, *key, journal.debit, journal.credit))
        differences += _against(Where.POSTED, journal, held.get(key))
        if key in held or key in active:
            differences += _against(Where.LEDGER, journal, active.get(key))
    differences += _pairs(ours, active)
    figures: list[FigureRow] = []
    for place in sorted({*map(_place, register), *map(_place, journals), *map(_place, clearing)}):
        accounts = frozenset[str]().union(*(part.accounts for part in clearing if _place(part) == place))
        rows = _rows(place, register, journals, held, active, clearing, accounts)
        figures += (FigureRow(*figure, *place, amount) for figure, amount in rows.items())
        for (where, measure), found in rows.items():
            expected = rows.get((Where.REGISTER, measure), found)
            if found != expected:
                names = ", ".join(sorted(accounts)) if where is Where.CLEARING else ""
                differences.append(Difference(where, measure, "", *place, expected, found, names))
    return TieOut(figures=tuple(figures), differences=tuple(differences))


def _key(journal: JournalFigures | PostedFigures) -> Key:
    return journal.reference, journal.company, journal.currency


def _place(part: RegisterFigures | JournalFigures | Clearing) -> tuple[str, str]:
    return part.company, part.currency


def _of_ours(
    where: Where, ours: Mapping[Key, JournalFigures], there: Iterable[tuple[Key, Figures]], beyond: list[Difference]
) -> dict[Key, Figures]:
    """What is there of our journals; what is there besides is added to ``beyond``."""
    matched: dict[Key, Figures] = {}
    for key, found in there:
        if key in ours and key not in matched:
            matched[key] = found
        else:
            beyond.append(Difference(where, Measure.PRESENCE, *key, None, found.debit))
    return matched


def _against(
    where: Where, journal: JournalFigures, found: PostedFigures | LedgerFigures | None
) -> Iterator[Difference]:
    """What differs between our journal and what is there of it."""
    key = _key(journal)
    if found is None:
        yield Difference(where, Measure.PRESENCE, *key, journal.debit, None)
        return
    for account in sorted(journal.by_account.keys() | found.by_account.keys()):
        shall, held = journal.by_account.get(account, ZERO), found.by_account.get(account, ZERO)
        if shall != held:
            yield Difference(where, Measure.ACCOUNT, *key, shall, held, account)
    if journal.debit != found.debit:
        yield Difference(where, Measure.DEBIT, *key, journal.debit, found.debit)
    if journal.credit != found.credit:
        yield Difference(where, Measure.CREDIT, *key, journal.credit, found.credit)
    if not isinstance(found, PostedFigures):
        return
    if found.differs:
        yield Difference(where, Measure.CONTENT, *key, Decimal(journal.line_count), None)
    if journal.line_count != found.line_count:
        yield Difference(where, Measure.LINES, *key, Decimal(journal.line_count), Decimal(found.line_count))


def _pairs(ours: Mapping[Key, JournalFigures], active: Mapping[Key, LedgerFigures]) -> Iterator[Difference]:
    """What a reversed journal and all that take it back leave on accounts, once they are all on the ledger."""
    takers: dict[Key, list[Key]] = defaultdict(list)
    for key, journal in ours.items():
        if journal.reverses:
            takers[journal.reverses, journal.company, journal.currency].append(key)
    for reversed_key, keys in takers.items():
        if reversed_key not in ours:
            missing = sum((ours[key].debit for key in keys), ZERO)
            yield Difference(Where.JOURNAL, Measure.PRESENCE, *reversed_key, missing, None)
            continue
        lines = [active[key] for key in (reversed_key, *keys) if key in active]
        if len(lines) <= len(keys):
            continue
        for account in sorted({account for part in lines for account in part.by_account}):
            if left := sum((part.by_account.get(account, ZERO) for part in lines), ZERO):
                yield Difference(Where.LEDGER, Measure.PAIR, *reversed_key, ZERO, left, account)


def _rows(
    place: tuple[str, str],
    register: Iterable[RegisterFigures],
    journals: Iterable[JournalFigures],
    held: Mapping[Key, PostedFigures],
    active: Mapping[Key, LedgerFigures],
    clearing: Iterable[Clearing],
    accounts: frozenset[str],
) -> dict[tuple[Where, Measure], Decimal]:
    """The figures of one company and currency side by side."""
    registered = [part for part in register if _place(part) == place]
    booked = [journal for journal in journals if _place(journal) == place]
    lines = {key[0]: found for key, found in active.items() if key[1:] == place}
    left = [part for part in clearing if _place(part) == place]
    settling, is_settled = _settling(booked, accounts)
    stands = {
        reference: -sum((found.by_account.get(account, ZERO) for account in accounts), ZERO)
        for reference, found in lines.items()
    }
    rows = {
        (Where.REGISTER, Measure.COST): [part.cost for part in registered],
        (Where.JOURNAL, Measure.COST): [journal.cost for journal in booked],
        (Where.REGISTER, Measure.OWED): [part.owed for part in registered],
        (Where.JOURNAL, Measure.OWED): [journal.owed for journal in booked],
        (Where.JOURNAL, Measure.DEBIT): [journal.debit for journal in booked],
        (Where.POSTED, Measure.DEBIT): [found.debit for key, found in held.items() if key[1:] == place],
        (Where.LEDGER, Measure.DEBIT): [found.debit for found in lines.values()],
        (Where.REGISTER, Measure.NET_PAY): [part.net_pay for part in registered] + [part.besides for part in left],
        (Where.CLEARING, Measure.NET_PAY): [stands[reference] for reference in stands.keys() - settling],
    }
    if is_settled:
        rows[Where.REGISTER, Measure.BALANCE] = [part.stays for part in left]
        rows[Where.CLEARING, Measure.BALANCE] = list(stands.values())
    return {figure: sum(amounts, ZERO) for figure, amounts in rows.items()}


def _settling(journals: Sequence[JournalFigures], accounts: frozenset[str]) -> tuple[set[str], bool]:
    """The references of settlements through these accounts and of what takes them back, and whether any still holds."""
    settlements = {
        journal.reference
        for journal in journals
        if journal.kind is JournalKind.SETTLEMENT and any(journal.by_account.get(account) for account in accounts)
    }
    taken_back = {journal.reverses: journal.reference for journal in journals if journal.reverses in settlements}
    return settlements.union(taken_back.values()), bool(settlements - taken_back.keys())
