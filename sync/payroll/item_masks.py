"""What of the money of pay items somebody may see, where the latest runs are added up item by item."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from decimal import Decimal

import msgspec

from sync.payroll.coverage import DEFAULT, OVERRIDE, WITHOUT, ItemCoverage, Weight
from sync.payroll.visibility import Cell, Sight, masked

SORTS = (OVERRIDE, DEFAULT, WITHOUT)
"""Sorts of rule by which an item's money goes, in the order in which they are shown."""

Key = tuple[str, str, str, str]
"""Kind, pay item, sort of rule, currency."""


class ItemMasks:
    """What the latest runs paid of each pay item, and what of it must not be shown.

    An item's amount must be got neither from the other items of its sort of rule, whose sum is shown with the rules,
    nor from those of its kind, whose sum is shown with the pay run. ``telling`` are items whose sum tells one
    person's part (``RunSecrets.items``).
    """

    def __init__(self, items: Sequence[ItemCoverage], sight: Sight, fewest: int, telling: Collection[str]) -> None:
        found = [
            (key, msgspec.structs.replace(weight, people=1) if key[1] in telling else weight)
            for key, weight in _weights(items)
        ]
        self.amounts: dict[Key, Decimal] = {key: weight.amount for key, weight in found}
        by_sort = masked(
            [_cell(weight, f"{sort} {currency}", currency) for (_, _, sort, currency), weight in found],
            Sight.GROUPS,
            fewest,
            balanced={currency for (_, _, _, currency), _ in found},
        )
        of_kind = [_cell(weight, f"{kind} {currency}") for (kind, _, _, currency), weight in found]
        by_kind = masked(of_kind, Sight.GROUPS, fewest, balanced={cell.groups[0] for cell in of_kind})
        self.totals = by_sort.totals
        self._secret = {
            key for (key, _), *hidden in zip(found, by_sort.cells, by_kind.cells, strict=True) if any(hidden)
        }
        self._sight = sight

    def hides(self, item: ItemCoverage, currency: str, *sorts: str) -> bool:
        """True when what the item comes to in a currency by any of these sorts of rule must not be shown."""
        own = {(item.kind.value, item.item, sort, currency) for sort in sorts}
        return self._sight is Sight.NONE or not own.isdisjoint(self._secret)


def _weights(items: Sequence[ItemCoverage]) -> Iterator[tuple[Key, Weight]]:
    for item in items:
        for sort in SORTS:
            for currency, weight in getattr(item, sort).items():
                yield (item.kind.value, item.item, sort, currency), weight


def _cell(weight: Weight, *groups: str) -> Cell:
    return Cell(groups=groups, people=weight.people)
