"""How much money goes by which sort of rule, as the account-rules page shows it: masked by what somebody may see."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

import msgspec

from sync.admin.amounts import Amount, Row, Table, Value
from sync.models import PayRun
from sync.payroll.coverage import DEFAULT, OVERRIDE, WITHOUT, ItemCoverage, RunCoverage
from sync.payroll.item_masks import ItemMasks
from sync.payroll.money import ZERO
from sync.payroll.visibility import MASK, Sight

WORDS = {OVERRIDE: "by an override", DEFAULT: "by a default", WITHOUT: "unmapped"}


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """Part of the money of a currency. ``percent`` is None where it would tell one person's pay."""

    word: str
    label: str
    amount: Value
    percent: int | None


class CurrencyMoney(msgspec.Struct, frozen=True, kw_only=True):
    """What the latest runs paid in one currency, by sort of rule. ``mapped`` is in per cent, see ``Share``."""

    currency: str
    total: Value
    mapped: int | None
    shares: list[Share]


class Money:
    """What the latest runs paid of each pay item, and what of it this person may see; see ``ItemMasks``."""

    def __init__(
        self, items: Sequence[ItemCoverage], sight: Sight, fewest: int, telling: Collection[str] = frozenset()
    ) -> None:
        self._sight = sight
        self._masks = ItemMasks(items, sight, fewest, telling)

    def of(self, item: ItemCoverage) -> list[tuple[str, Value]]:
        """By sort of rule what was paid of the item."""
        return [
            (word, MASK if self._masks.hides(item, currency, word) else Amount(amount, currency))
            for (_, own, word, currency), amount in self._masks.amounts.items()
            if own == item.item
        ]

    def by_currency(self) -> list[CurrencyMoney]:
        """The bars above the list."""
        sums: dict[str, dict[str, Decimal]] = defaultdict(lambda: dict.fromkeys(WORDS, ZERO))
        for (_, _, word, currency), amount in self._masks.amounts.items():
            sums[currency][word] += amount
        return [self._bar(currency, by_word) for currency, by_word in sorted(sums.items())]

    def _bar(self, currency: str, by_word: Mapping[str, Decimal]) -> CurrencyMoney:
        total = sum(by_word.values(), ZERO)
        is_telling = self._masks.totals.intersection({currency, *(f"{word} {currency}" for word in by_word)})
        shares = [
            Share(
                word=word,
                label=WORDS[word],
                amount=self._shown(amount, currency, f"{word} {currency}"),
                percent=None if is_telling else percent_of(amount, total),
            )
            for word, amount in by_word.items()
        ]
        mapped = None if is_telling else percent_of(total - by_word[WITHOUT], total)
        return CurrencyMoney(
            currency=currency, total=self._shown(total, currency, currency), mapped=mapped, shares=shares
        )

    def _shown(self, amount: Decimal, currency: str, group: str) -> Value:
        hidden = self._sight is Sight.NONE or group in self._masks.totals
        return MASK if hidden else Amount(amount, currency)


def over_time(history: Sequence[tuple[PayRun, list[RunCoverage]]], fewest: int) -> Table:
    """From run to run the share of the money by sort of rule, in per cent: no amounts. A run in which a sort of rule
    concerns very few people shows none."""
    rows = []
    for run, currencies in history:
        for one in currencies:
            parts = {word: getattr(one, word) for word in WORDS}
            telling = any(0 < weight.people < fewest for weight in parts.values())
            shares = [
                MASK if telling else f"{percent_of(weight.amount, one.total.amount)} %" for weight in parts.values()
            ]
            rows.append(Row(cells=[run.title, run.check_date, one.currency, *shares, parts[WITHOUT].people]))
    titles = [label.capitalize() for label in WORDS.values()]
    return Table(
        name="coverage",
        title="Share of the money by sort of rule",
        columns=["Pay run", "Check date", "Currency", *titles, "People unmapped"],
        numbers=frozenset({3, 4, 5, 6}),
        rows=rows,
        empty="No pay run has been read yet.",
    )


def percent_of(amount: Decimal, total: Decimal) -> int:
    """In whole per cent; what is left of anything is never 0, and what is not all never 100."""
    if not total:
        return 0
    exact = 100 * amount / total
    return int(exact) if exact in (0, 100) else min(99, max(1, round(exact)))
