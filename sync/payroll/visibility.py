"""Which amounts somebody may see, so that nobody reads one person's pay off a journal, not by subtraction either. Pure.

Who has which sight is decided where roles are known; here it is applied to one table and the totals below it.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Sequence

import msgspec

MASK = "•••"
"""Stands for an amount that is there and not shown."""


class Sight(enum.Enum):
    """NONE: no amounts at all. GROUPS: amounts of groups of people, not of one person. ALL: every amount."""

    NONE = "none"
    GROUPS = "groups"
    ALL = "all"


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One amount of a table. ``groups`` are the totals it is part of, the innermost first.

    ``people`` is how many it concerns; none for a rounding line, which tells nothing. Two cells of one ``crowd`` (a
    department) may concern the same people, two of different crowds do not.
    """

    groups: tuple[str, ...]
    people: int
    crowd: str = ""


class Masks(msgspec.Struct, frozen=True, kw_only=True):
    """What must not be shown: True per cell, in the order of the cells, and the groups whose totals must not be.

    A figure that adds up several groups' totals may be shown only where none of these is in ``totals``.
    """

    cells: list[bool]
    totals: frozenset[str]


def masked(cells: Sequence[Cell], sight: Sight, fewest: int, balanced: Collection[str] = frozenset()) -> Masks:
    """Which cells and totals to mask, so that no masked cell can be had from what is shown.

    At GROUPS every cell of fewer than ``fewest`` people is masked. Where the masked cells of a total, one or several,
    are of together fewer than ``fewest``, so that their sum would tell, the next smallest cell is masked too; where
    there is none, the total. Groups in ``balanced`` come to zero, which everybody knows (a journal's debits and
    credits): their total cannot be masked, and those within them are instead. The same cells give the same masks.

    Raises ValueError when groups are not one within the other.
    """
    if sight is not Sight.GROUPS:
        nothing = sight is Sight.NONE
        return Masks(cells=[nothing] * len(cells), totals=frozenset(_members(cells) if nothing else ()))
    table = _Table(cells, fewest)
    for group in table.innermost_first():
        table.protect(group, is_known=group in balanced)
    return Masks(cells=[n in table.hidden for n in range(len(cells))], totals=frozenset(table.hidden_totals))


class _Table:
    """Cells by their position. What is ``open`` in a group are its cells below no shown total within it: of those the
    group's own total tells the sum, less what is shown, and nothing else does."""

    def __init__(self, cells: Sequence[Cell], fewest: int) -> None:
        self.cells = cells
        self.fewest = fewest
        self.members = _members(cells)
        self.hidden = {n for n, cell in enumerate(cells) if 0 < cell.people < fewest}
        self.hidden_totals = set[str]()
        self.done: list[str] = []

    def innermost_first(self) -> list[str]:
        """The groups, each after those within it."""
        depth = {group: len(cell.groups) - n for cell in self.cells for n, group in enumerate(cell.groups)}
        return sorted(self.members, key=lambda group: (-depth[group], group))

    def protect(self, group: str, *, is_known: bool) -> None:
        """Afterwards this group's total, and all within it, give no masked cell away."""
        while not self._is_safe(open_cells := self._open(group)):
            shown = [n for n in open_cells - self.hidden if self.cells[n].people]
            inner = self._shown_within(group)
            if shown:
                self.hidden.add(min(shown, key=lambda n: (self.cells[n].people, n)))
            elif not is_known:
                self.hidden_totals.add(group)
                break
            elif inner:
                self.hidden_totals.add(min(inner, key=lambda name: (_heads(self._of(self.members[name])), name)))
            else:
                # All of it is about these few, and comes to zero: only the rounding is left to hide.
                self.hidden |= open_cells
                break
        self.done.append(group)

    def _is_safe(self, open_cells: set[int]) -> bool:
        hidden = open_cells & self.hidden
        return not hidden or _heads(self._of(hidden)) >= self.fewest

    def _open(self, group: str) -> set[int]:
        return self.members[group].difference(*(self.members[name] for name in self._shown_within(group)))

    def _shown_within(self, group: str) -> list[str]:
        """The outermost groups within this one whose totals are shown."""
        within = [name for name in self.done if name not in self.hidden_totals]
        within = [name for name in within if self.members[name] <= self.members[group]]
        return [name for name in within if not any(self.members[name] < self.members[other] for other in within)]

    def _of(self, positions: Iterable[int]) -> Iterable[Cell]:
        return (self.cells[n] for n in positions)


def _members(cells: Sequence[Cell]) -> dict[str, set[int]]:
    """The cells of each group, by position."""
    members: dict[str, set[int]] = {}
    around: dict[str, tuple[str, ...]] = {}
    for n, cell in enumerate(cells):
        for level, group in enumerate(cell.groups):
            members.setdefault(group, set()).add(n)
            if around.setdefault(group, cell.groups[level + 1 :]) != cell.groups[level + 1 :]:
                raise ValueError(f"{group} is within different groups")
    return members


def _heads(cells: Iterable[Cell]) -> int:
    """How many people the cells concern at least: all cells of one crowd may be about the same."""
    crowds: dict[str, int] = {}
    for cell in cells:
        crowds[cell.crowd] = max(cell.people, crowds.get(cell.crowd, 0))
    return sum(crowds.values())
