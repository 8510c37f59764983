"""From a register to balanced journals. Pure: the same register, rules and options give the same bytes for ever.

Every line of the register ends on an account, or the whole run has findings and is not posted; nothing is left out.
In order: ``placing`` finds the accounts, ``lines`` sums up exactly and rounds once, ``months`` says what is
waiting at a month end, ``parting`` cuts what is too long, ``describing`` finds the words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from itertools import groupby

import msgspec
from msgspec.structs import replace

from sync.payroll.describing import ROUNDING, describe_journal, describe_line
from sync.payroll.drafts import (
    Built,
    Detail,
    DraftJournal,
    DraftLine,
    JournalKind,
    Options,
    RunFacts,
    Share,
    Side,
    Split,
    Surroundings,
    content_hash,
    journal_key,
)
from sync.payroll.findings import FindingCode
from sync.payroll.lines import Line, cut, gathered, mirrored, portioned, settling, summed_up, workers_of
from sync.payroll.money import ZERO, minor_unit
from sync.payroll.months import ONE_DAY, month_ends, share_by
from sync.payroll.parting import parted
from sync.payroll.placing import Placed, Posting, place
from sync.payroll.register import PaidLine
from sync.payroll.rules import RuleTable

__all__ = [
    "Built",
    "Detail",
    "DraftJournal",
    "DraftLine",
    "JournalKind",
    "Options",
    "RunFacts",
    "Share",
    "Side",
    "Split",
    "Surroundings",
    "build",
    "content_hash",
    "minor_unit",
]


class _Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """A journal before it is rounded and cut to length."""

    kind: JournalKind
    company: str
    currency: str
    posting_date: date
    lines: list[Line]

    @property
    def journal(self) -> str:
        """The key of its first part."""
        return journal_key(self.kind, self.company, self.currency, 1)


def build(
    facts: RunFacts, lines: Iterable[PaidLine], rules: RuleTable, around: Surroundings, options: Options
) -> Built:
    """The journals of a run: by kind, company, currency and part; lines debits first, by account, department, worker.

    The sum of each journal equals the register's to the cent; the rounding line is apart and visible. What one
    account, department or worker gets is one line, debits set off against credits; lines that come to zero are left
    out (see ``DraftJournal.unposted``). PAYROLL and SETTLEMENT are posted on the check date, an ACCRUAL on the last
    day of the period. A journal that does not balance, for want of something, is neither rounded nor cut to length.

    Where the cost is posted after a month end that is not before the period began, a MONTH_END journal has the share
    of it up to that day, and its reversal is the day after. There is a pair for each such month end, with all that
    was earned until then: of a period in May that is paid in June, all of it is in May.

    Findings: NO_RULE (also for a side the rule lacks, named in ``detail``), NO_COST_CENTER, NOT_MAPPED, NO_COMPANY,
    NO_ROUNDING_ACCOUNT, ROUNDING, UNBALANCED (the amount is debits less credits), NO_ACCRUAL_ACCOUNT.
    """
    placed = place(lines, rules, around, options)
    draft = _Drafting(facts, around, options, placed)
    sheets: list[_Sheet] = []
    ordered = sorted(placed.postings, key=_ledger)
    for (company, currency), postings in groupby(ordered, key=_ledger):
        sheets += draft.sheets(company, currency, list(postings))
    for (company, currency), difference in placed.differences.items():
        if abs(difference) > placed.dust(company, currency):
            journal = journal_key(draft.kind, company, currency, 1)
            placed.tally.add(FindingCode.UNBALANCED, amount=difference, currency=currency, fewest=1, journal=journal)
    order = list(JournalKind)
    sheets.sort(key=lambda sheet: (order.index(sheet.kind), sheet.company, sheet.currency, sheet.posting_date))
    journals = [
        journal
        for _, alike in groupby(sheets, key=lambda sheet: (sheet.kind, sheet.company, sheet.currency))
        for journal in draft.journals(list(alike))
    ]
    return Built(journals=tuple(journals), findings=tuple(placed.tally.findings()))


def _ledger(posting: Posting) -> tuple[str, str]:
    return posting.company, posting.currency


class _Drafting:
    """The drafting of one run."""

    def __init__(self, facts: RunFacts, around: Surroundings, options: Options, placed: Placed) -> None:
        self.facts, self.around, self.options = facts, around, options
        self.labels, self.tally, self.dust = placed.labels, placed.tally, placed.dust
        accrues = options.separate_settlement
        self.kind = JournalKind.ACCRUAL if accrues else JournalKind.PAYROLL
        self.day = (accrues and facts.period_end) or facts.check_date

    def sheets(self, company: str, currency: str, postings: list[Posting]) -> Iterator[_Sheet]:
        """All journals of a company and currency."""
        unit = minor_unit(currency)

        def sheet(kind: JournalKind, day: date, lines: list[Line]) -> _Sheet:
            return _Sheet(kind=kind, company=company, currency=currency, posting_date=day, lines=lines)

        yield self._rounded(sheet(self.kind, self.day, summed_up(postings, unit)))
        settled = summed_up(settling(postings), unit)
        yield self._rounded(sheet(JournalKind.SETTLEMENT, self.facts.check_date, settled))
        costs = [posting for posting in postings if posting.side is Side.DEBIT]
        for day, lines in self._month_ends(costs, unit):
            accrual = sheet(JournalKind.MONTH_END, day, lines)
            if self.options.accrued_account:
                yield accrual
                yield sheet(JournalKind.MONTH_END_REVERSAL, day + ONE_DAY, [mirrored(line) for line in lines])
            else:
                self.tally.add(
                    FindingCode.NO_ACCRUAL_ACCOUNT,
                    amount=abs(lines[-1].amount),
                    currency=currency,
                    fewest=min(len(line.workers) for line in lines[:-1]),
                    journal=accrual.journal,
                )

    def _rounded(self, sheet: _Sheet) -> _Sheet:
        """The sheet with what rounding leaves on a line of its own."""
        residue = -sum((line.amount for line in sheet.lines), ZERO)
        exact = sum((line.exact for line in sheet.lines), ZERO)
        if not residue or abs(exact) > self.dust(sheet.company, sheet.currency):
            return sheet
        codes = []
        if abs(residue) > self.options.rounding_limit:
            codes.append(FindingCode.ROUNDING)
        if not self.options.rounding_account:
            codes.append(FindingCode.NO_ROUNDING_ACCOUNT)
        for code in codes:
            self.tally.add(code, amount=abs(residue), currency=sheet.currency, journal=sheet.journal)
        line = Line(account=self.options.rounding_account, exact=ZERO, amount=residue)
        return replace(sheet, lines=[*sheet.lines, line]) if line.account else sheet

    def _month_ends(self, costs: list[Posting], unit: Decimal) -> Iterator[tuple[date, list[Line]]]:
        """The share of the costs that has been earned by each month end, and last the line for what is accrued."""
        start, end = self.facts.period_start, self.facts.period_end
        if self.options.month_end is Split.NONE or start is None or end is None or start > end:
            return
        exact = summed_up(costs, unit)
        for day in month_ends(start, self.day):
            part, whole = share_by(self.options.month_end, start, end, day)
            portions = [portion for line in exact if (portion := portioned(line, part, whole, unit)).amount]
            if portions:
                yield day, [*portions, gathered(self.options.accrued_account, portions, costs)]

    def journals(self, sheets: Iterable[_Sheet]) -> list[DraftJournal]:
        """The journals of one kind, company and currency, cut to length and counted through."""
        parts = [(sheet, lines) for sheet in sheets for lines in self._parts(sheet)]
        journals = []
        for number, (sheet, lines) in enumerate(parts, start=1):
            first = number == 1 or parts[number - 2][0] is not sheet
            unposted = [line for line in sheet.lines if not line.amount] if first else []
            journals.append(
                DraftJournal(
                    kind=sheet.kind,
                    company=sheet.company,
                    currency=sheet.currency,
                    part=number,
                    parts=len(parts),
                    posting_date=sheet.posting_date,
                    description=describe_journal(sheet.kind, self.facts, number, len(parts)),
                    lines=tuple(self._draft(line, place) for place, line in enumerate(lines, start=1)),
                    people=len(workers_of(lines)),
                    unposted=tuple(share for line in unposted for share in line.shares),
                )
            )
        return journals

    def _parts(self, sheet: _Sheet) -> list[list[Line]]:
        lines = sorted((line for line in sheet.lines if line.amount), key=_in_order)
        amounts = [line.amount for line in lines]
        if not lines or sum(amounts, ZERO):
            return [lines] if lines else []
        parts = parted(amounts, [line.worker or line.department for line in lines], self.options.max_lines)
        pieces: dict[int, list[Decimal]] = {}
        for number, amount in (piece for part in parts for piece in part):
            pieces.setdefault(number, []).append(amount)
        unit = minor_unit(sheet.currency)
        cuts = {number: iter(cut(lines[number], found, unit)) for number, found in pieces.items()}
        return [[next(cuts[number]) for number, _ in part] for part in parts]

    def _draft(self, line: Line, number: int) -> DraftLine:
        return DraftLine(
            number=number,
            account=line.account,
            debit=max(line.amount, ZERO),
            credit=max(-line.amount, ZERO),
            description=self._words(line),
            department=line.department,
            cost_center=line.cost_center,
            worker=line.worker,
            people=len(line.workers),
            shares=line.shares,
        )

    def _words(self, line: Line) -> str:
        words = self.around.words
        named = sorted(line.shares, key=lambda share: (-abs(share.amount), share.item))
        items = [words.get(("item", share.item)) or share.item.partition(":")[2] for share in named]
        department = words.get(("department", line.department)) or line.department
        return describe_line(items or [ROUNDING], self.labels.get(line.worker, department))


def _in_order(line: Line) -> tuple[bool, str, str, str, str]:
    return line.amount < ZERO, line.account, line.department, line.worker, line.cost_center
