"""Nobody reads one person's pay off a journal: an attacker with a pencil tries every sum and every difference."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.payroll.visibility import Cell, Masks, Sight, masked

FEWEST = 3


def cell(groups: str, people: int, crowd: str = "") -> Cell:
    return Cell(groups=tuple(groups.split()), people=people, crowd=crowd)


def seen(masks: Masks) -> tuple[str, list[str]]:
    """Which cells are masked (•) and shown (o), and the masked totals."""
    return "".join("•" if hidden else "o" for hidden in masks.cells), sorted(masks.totals)


def groups_of(cells: Sequence[Cell]) -> dict[str, list[int]]:
    members: dict[str, list[int]] = {}
    for n, one in enumerate(cells):
        for group in one.groups:
            members.setdefault(group, []).append(n)
    return members


def known_sums(cells: Sequence[Cell], masks: Masks, balanced: Collection[str]) -> list[frozenset[int]]:
    """What each total that is shown, or known to be zero, says about the masked cells: their sum."""
    return [
        frozenset(n for n in members if masks.cells[n])
        for group, members in groups_of(cells).items()
        if group not in masks.totals or group in balanced
    ]


def computable(sums: Sequence[frozenset[int]], unknown: Sequence[int]) -> Iterator[frozenset[int]]:
    """Every set of masked cells whose sum follows from the known sums, by elimination."""
    rows = [[Fraction(n in known) for n in unknown] for known in sums]
    basis: list[tuple[int, list[Fraction]]] = []

    def reduced(row: list[Fraction]) -> list[Fraction]:
        for pivot, other in basis:
            row = [x - row[pivot] * y for x, y in zip(row, other, strict=True)]
        return row

    for row in rows:
        row = reduced(row)
        pivot = next((n for n, x in enumerate(row) if x), None)
        if pivot is not None:
            row = [x / row[pivot] for x in row]
            basis = [(p, [x - other[pivot] * y for x, y in zip(other, row, strict=True)]) for p, other in basis]
            basis.append((pivot, row))
    for size in range(1, len(unknown) + 1):
        for chosen in combinations(range(len(unknown)), size):
            if not any(reduced([Fraction(n in chosen) for n in range(len(unknown))])):
                yield frozenset(unknown[n] for n in chosen)


def heads(cells: Sequence[Cell], chosen: Collection[int]) -> int:
    crowds = {cells[n].crowd for n in chosen}
    return sum(max(cells[n].people for n in chosen if cells[n].crowd == crowd) for crowd in crowds)


def assert_safe(cells: Sequence[Cell], masks: Masks, balanced: Collection[str] = ()) -> None:
    unknown = [n for n, hidden in enumerate(masks.cells) if hidden]
    assert all(hidden or not 0 < one.people < FEWEST for one, hidden in zip(cells, masks.cells, strict=True))
    # Where all of a balanced group is masked, its sum is the zero that everybody knew.
    empty = {frozenset(members) for group, members in groups_of(cells).items() if group in balanced}
    for found in computable(known_sums(cells, masks, balanced), unknown):
        if any(
            found == union
            for size in range(1, len(empty) + 1)
            for parts in combinations(empty, size)
            for union in [frozenset().union(*parts)]
        ):
            continue
        assert len(found) > 1, f"cell {found} follows from what is shown"
        assert heads(cells, found) >= FEWEST, f"cells {found} are of too few people, and their sum follows"


DEPARTMENTS = [cell("debit", 12, "Assembly"), cell("debit", 1, "Office"), cell("debit", 4, "Welding")]


@pytest.mark.parametrize(("sight", "expected"), [(Sight.NONE, ("•••", ["debit"])), (Sight.ALL, ("ooo", []))])
def test_all_or_nothing(sight: Sight, expected: tuple[str, list[str]]) -> None:
    assert seen(masked(DEPARTMENTS, sight, FEWEST)) == expected


def test_beside_one_persons_line_the_next_smallest_is_masked() -> None:
    assert seen(masked(DEPARTMENTS, Sight.GROUPS, FEWEST)) == ("o••", [])


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        pytest.param([cell("t", 9), cell("t", 3)], ("oo", []), id="nothing to mask"),
        pytest.param([cell("t", 1, "A"), cell("t", 2, "B"), cell("t", 9, "C")], ("••o", []), id="three people in all"),
        pytest.param([cell("t", 1, "A"), cell("t", 1, "B"), cell("t", 9, "C")], ("•••", []), id="two people in all"),
        pytest.param([cell("t", 1, "A")] * 4 + [cell("t", 9, "C")], ("•••••", []), id="four lines of one person"),
        pytest.param([cell("t", 2)], ("•", ["t"]), id="alone"),
        pytest.param([cell("t", 2), cell("t", 0)], ("•o", ["t"]), id="beside the rounding"),
        pytest.param([cell("", 1), cell("", 9)], ("•o", []), id="no total"),
        pytest.param([cell("t", 1), cell("t", 5), cell("t", 5)], ("••o", []), id="the first of two as small"),
        pytest.param(
            [cell("d j", 1), cell("c j", 8), cell("c j", 9)], ("•oo", ["d", "j"]), id="a masked total, again above it"
        ),
        pytest.param(
            [cell("d j", 1), cell("e j", 2, "B"), cell("c j", 9)], ("••o", ["d", "e"]), id="two masked totals"
        ),
        pytest.param([cell("d j", 1), cell("j", 8), cell("j", 9)], ("••o", ["d"]), id="a line beside a masked total"),
    ],
)  # fmt: skip
def test_what_is_masked(cells: list[Cell], expected: tuple[str, list[str]]) -> None:
    masks = masked(cells, Sight.GROUPS, FEWEST)

    assert seen(masks) == expected
    assert_safe(cells, masks)


def test_a_side_of_one_person_is_not_had_from_the_other_side() -> None:
    """Debits are credits: masking the debits' total alone would be a jest."""
    cells = [cell("debit j", 1), cell("credit j", 1), cell("credit j", 6), cell("credit j", 7)]
    assert seen(masked(cells, Sight.GROUPS, FEWEST)) == ("•••o", ["debit", "j"]), "of an amount that need not balance"

    masks = masked(cells, Sight.GROUPS, FEWEST, balanced={"j"})
    assert seen(masks) == ("•••o", ["credit", "debit"])
    assert_safe(cells, masks, {"j"})


def test_a_journal_of_one_person_shows_nothing() -> None:
    cells = [cell("debit j", 1), cell("credit j", 1), cell("credit j", 1), cell("credit j", 0)]
    assert seen(masked(cells, Sight.GROUPS, FEWEST, balanced={"j"})) == ("••••", ["credit", "debit"])


def test_totals_must_be_one_within_the_other() -> None:
    with pytest.raises(ValueError, match="different groups"):
        masked([cell("debit j1", 5), cell("debit j2", 5)], Sight.GROUPS, FEWEST)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[Cell], frozenset[str]]:
    """Cells in a tree of totals three deep, some of which balance."""
    paths = ["j1.d j1 run", "j1.c j1 run", "j2.d j2 run", "j2.c j2 run", "j2 run", "run"]
    people = st.sampled_from([0, 1, 1, 2, 3, 4, 20])
    cells = st.builds(cell, st.sampled_from(paths), people, st.sampled_from(["", "A", "B", "C"]))
    return draw(st.lists(cells, min_size=1, max_size=9)), frozenset(draw(st.sets(st.sampled_from(["j1", "j2"]))))


@given(tables())
def test_no_masked_cell_follows_from_what_is_shown(table: tuple[list[Cell], frozenset[str]]) -> None:
    cells, balanced = table
    masks = masked(cells, Sight.GROUPS, FEWEST, balanced)

    assert_safe(cells, masks, balanced)
    assert masks.totals <= groups_of(cells).keys() - balanced


@given(tables())
def test_where_nobody_is_alone_everything_is_shown(table: tuple[list[Cell], frozenset[str]]) -> None:
    cells, balanced = table
    cells = [one for one in cells if not 0 < one.people < FEWEST]

    assert seen(masked(cells, Sight.GROUPS, FEWEST, balanced)) == ("o" * len(cells), [])


def test_the_attacker_can_subtract() -> None:
    """The test of the test: a single masked cell below a shown total is found out, through two levels too."""
    alone = [cell("t", 1), cell("t", 9)]
    with pytest.raises(AssertionError, match="follows"):
        assert_safe(alone, Masks(cells=[True, False], totals=frozenset()))
    nested = [cell("d j", 1), cell("c j", 9)]
    with pytest.raises(AssertionError, match="follows"):
        assert_safe(nested, Masks(cells=[True, False], totals=frozenset({"d"})))
    with pytest.raises(AssertionError, match="too few"):
        assert_safe([cell("t", 1), cell("t", 1)], Masks(cells=[True, True], totals=frozenset()))
