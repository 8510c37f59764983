"""Account rules: which accounts a pay item goes to, and why this rule and not another. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import msgspec

from sync.payroll.register import Dimensions

PLACEHOLDERS = {"{cost_center}": "cost_center", "{department}": "department", "{location}": "location"}
"""What may stand in an account's text for the cost center, the department or the location on the ledger that the line's
is mapped to. Which dimension of the line leads to its cost center, the payroll settings say."""


def placeholders(text: str) -> tuple[str, ...]:
    """The placeholders of an account's text, each once."""
    return tuple(placeholder for placeholder in PLACEHOLDERS if placeholder in text)


PRECEDENCE = ("job_code", "department", "location", "company")
"""Dimensions a rule may be limited to, the most telling first."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """From ``valid_from`` (included) to ``valid_to`` (excluded, None open) this item goes to these accounts.

    An empty dimension means any. ``debit`` and ``credit`` are account texts, which may contain PLACEHOLDERS;
    ``settlement`` is the account a credited amount is paid from later, empty where we do not settle it.
    """

    id: int
    item: str
    company: str = ""
    department: str = ""
    location: str = ""
    job_code: str = ""
    debit: str = ""
    credit: str = ""
    settlement: str = ""
    valid_from: date = date.min
    valid_to: date | None = None


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """The rule that won, and the dimensions it is limited to (names of PRECEDENCE), which is why it won."""

    rule: Rule
    because: tuple[str, ...]


class RuleTable:
    """The rules that are valid on one day. Choosing costs a handful of look-ups, however many rules there are.

    More dimensions beat fewer; among as many, the one that comes first in PRECEDENCE. A rule without any is the
    item's default. There is no rule for "all items": a new item must be looked at by a person.
    """

    def __init__(self, rules: Iterable[Rule], on: date) -> None:
        """Where two rules for the same place overlap, the one that started later is the newer decision."""
        tables: dict[str, dict[tuple[str, ...], dict[tuple[str, ...], Rule]]] = {}
        for rule in rules:
            if not rule.valid_from <= on or (rule.valid_to is not None and on >= rule.valid_to):
                continue
            limits = tuple(name for name in PRECEDENCE if getattr(rule, name))
            table = tables.setdefault(rule.item, {}).setdefault(limits, {})
            place = tuple(getattr(rule, name) for name in limits)
            held = table.get(place)
            if held is None or (held.valid_from, held.id) < (rule.valid_from, rule.id):
                table[place] = rule
        self._tables = {
            item: sorted(by_limits.items(), key=lambda table: _telling(table[0]), reverse=True)
            for item, by_limits in tables.items()
        }

    def choose(self, item: str, dimensions: Dimensions) -> Choice | None:
        """The most specific rule for this item there, None when the item has no rule that fits."""
        for limits, table in self._tables.get(item, ()):
            if rule := table.get(tuple(getattr(dimensions, name) for name in limits)):
                return Choice(rule=rule, because=limits)
        return None


def _telling(limits: tuple[str, ...]) -> tuple[int, tuple[bool, ...]]:
    return len(limits), tuple(name in limits for name in PRECEDENCE)
