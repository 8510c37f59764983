"""Nobody reads one person's pay off the tables of a pay run, however they are added up and held against each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.pay_runs import PayKind
from sync.models import PayRun, Posting, PostingLine
from sync.payroll.masks import APART, RunMasks, masks_of
from sync.payroll.register import CREDITED, DEBITED
from sync.payroll.visibility import Sight

FEWEST = 2


@dataclass
class Told:
    """One journal, what each of its lines is of, and what somebody with the sight of groups sees of it."""

    posting: Posting
    lines: list[PostingLine]
    kinds: dict[int, frozenset[str]]
    masks: RunMasks


def told(rows: Sequence[tuple[str, str, str, int]], people: int) -> Told:
    """``rows``: kind, side, department, people. Their amounts do not matter: only who can tell them."""
    posting = Posting(pk=1, kind=Posting.Kind.PAYROLL, company="A", currency="USD", people=people)
    lines, kinds = [], {}
    for number, (kind, side, department, heads) in enumerate(rows, 1):
        line = PostingLine(pk=number, account=f"{kind} {side}", department=department, people=heads)
        line.debit, line.credit = (Decimal(1), Decimal(0)) if side == "debit" else (Decimal(0), Decimal(1))
        lines.append(line)
        kinds[number] = frozenset([kind])
    masks = masks_of(PayRun(people=people), [posting], {1: lines}, kinds, Sight.GROUPS, FEWEST)
    return Told(posting, lines, kinds, masks)


def seen_sums(one: Told) -> list[list[Fraction]]:
    """What the pages tell, each a row over the lines: lines, kinds, accounts, the total; and what everybody knows."""
    rows: list[list[Fraction]] = []

    def tell(positions: Iterable[int], minus: Iterable[int] = ()) -> None:
        plus, less = set(positions), set(minus)
        rows.append([Fraction((n in plus) - (n in less)) for n in range(len(one.lines))])

    by_kind: dict[tuple[str, bool], list[int]] = defaultdict(list)
    by_cell: dict[tuple[str, str], list[int]] = defaultdict(list)
    sides: dict[bool, list[int]] = {True: [], False: []}
    for n, line in enumerate(one.lines):
        (kind,) = one.kinds[line.pk]
        by_kind[kind, bool(line.debit)].append(n)
        by_cell[line.account, line.department].append(n)
        sides[bool(line.debit)].append(n)
        if not one.masks.hides_line(one.posting, line):
            tell([n])
    for (kind, _), positions in by_kind.items():
        if not one.masks.hides_kind(kind):
            tell(positions)
    for (account, department), positions in by_cell.items():
        if not one.masks.hides_cell(account, department):
            tell(positions)
    if not one.masks.hides_total(one.posting):
        tell(sides[True])
        tell(sides[False])
    for kind in APART:
        tell(by_kind[kind, True], by_kind[kind, False])
    tell(sides[True], sides[False])
    return rows


def is_told(rows: Sequence[Sequence[Fraction]], wanted: list[Fraction]) -> bool:
    """Whether a sum of lines follows from these rows, by elimination."""
    basis: list[tuple[int, list[Fraction]]] = []

    def reduced(row: Sequence[Fraction]) -> list[Fraction]:
        left = list(row)
        for pivot, other in basis:
            if factor := left[pivot]:
                left = [x - factor * y for x, y in zip(left, other, strict=True)]
        return left

    for row in rows:
        left = reduced(row)
        pivot = next((n for n, x in enumerate(left) if x), None)
        if pivot is not None:
            basis.append((pivot, [x / left[pivot] for x in left]))
    return not any(reduced(wanted))


def told_of_one_person(one: Told) -> list[tuple[int, ...]]:
    """Sums of one or two lines that concern a single person and can be had from what is shown."""
    rows, number = seen_sums(one), range(len(one.lines))
    alone = [n for n in number if one.lines[n].people == 1]
    pairs = [(a, b) for a, b in combinations(alone, 2) if one.lines[a].department == one.lines[b].department]
    return [few for few in [*((n,) for n in alone), *pairs] if is_told(rows, [Fraction(n in few) for n in number])]


DEPARTMENTS = ("d1", "d2", "d3")


@st.composite
def journals(draw: st.DrawFn) -> Told:
    """Every department is debited; what is owed is one line a kind, or one a department. Few people everywhere."""
    rows = []
    most = 1
    further = draw(st.sets(st.sampled_from(sorted(set(PayKind) - {PayKind.EARNING, PayKind.NET_PAY}))))
    for kind in (PayKind.EARNING, PayKind.NET_PAY, *sorted(further)):
        least = 0 if kind in further else 1
        heads = {department: draw(st.integers(least, 4)) for department in DEPARTMENTS}
        paid = {department: number for department, number in heads.items() if number}
        most = max(most, sum(paid.values()))
        if kind in DEBITED:
            rows += [(kind.value, "debit", department, number) for department, number in paid.items()]
        if kind in CREDITED and paid:
            by_department = draw(st.booleans())
            owed = paid.items() if by_department else [("", sum(paid.values()))]
            rows += [(kind.value, "credit", department, number) for department, number in owed]
    return told(rows, most)


@settings(max_examples=400, deadline=None)
@given(journals())
def test_no_table_and_no_sum_of_tables_tells_what_one_person_is_paid(one: Told) -> None:
    assert told_of_one_person(one) == []


def test_what_one_person_gets_back_hides_neither_the_run_nor_the_other_departments() -> None:
    rows = [("earning", "debit", "d1", 20), ("earning", "debit", "d2", 9), ("reimbursement", "debit", "d1", 1)]
    one = told([*rows, ("net_pay", "credit", "", 29)], 29)

    assert not one.masks.hides_total(one.posting)
    hidden = [one.masks.hides_line(one.posting, line) for line in one.lines]
    assert hidden == [False, True, True, False]
    assert one.masks.hides_kind("earning")
    assert not one.masks.hides_kind("net_pay")


def test_a_contribution_for_one_person_hides_the_total_that_would_tell_it() -> None:
    rows = [("earning", "debit", "d1", 20), ("net_pay", "credit", "", 20)]
    only = [("employer_contribution", "debit", "d1", 1), ("employer_contribution", "credit", "", 1)]
    one = told([*rows, *only], 20)

    assert one.masks.hides_total(one.posting)


def test_the_same_line_is_hidden_in_the_journal_that_takes_it_back() -> None:
    one = told([("earning", "debit", "d1", 1), ("earning", "debit", "d2", 5), ("net_pay", "credit", "", 6)], 6)
    back = Posting(pk=2, kind=Posting.Kind.REVERSAL, company="A", currency="USD", people=6, reverses=one.posting)
    mirrored = [
        PostingLine(pk=9, account=line.account, department=line.department, debit=line.credit, credit=line.debit)
        for line in one.lines
    ]

    assert [one.masks.hides_line(back, line) for line in mirrored] == [True, True, False]
