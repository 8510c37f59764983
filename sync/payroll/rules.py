"""Account rules: which accounts a pay item goes to, and why this rule and not another. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import msgspec

from sync.payroll.register import Dimensions

COST_CENTER = "{cost_center}"
"""In an account's text, stands for the cost center that the line's dimension is mapped to."""

PRECEDENCE = ("job_code", "department", "location", "company")
"""Dimensions a rule may be limited to, the most telling first."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """From ``valid_from`` (included) to ``valid_to`` (excluded, None open) this item goes to these accounts.

    An empty dimension means any. ``debit`` and ``credit`` are account texts, which may contain COST_CENTER;
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
        raise NotImplementedError

    def choose(self, item: str, dimensions: Dimensions) -> Choice | None:
        """The most specific rule for this item there, None when the item has no rule that fits."""
        raise NotImplementedError
