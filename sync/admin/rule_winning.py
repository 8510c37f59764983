"""Which account rule wins for a pay item somewhere on a day, and why none of the others does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import msgspec

from sync.admin.rule_lines import Words
from sync.payroll.register import Dimensions
from sync.payroll.rule_checks import word_of
from sync.payroll.rules import PRECEDENCE, Choice, Rule, RuleTable


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One rule of the item. ``why`` says in a sentence what became of it."""

    rule: Rule
    limits: list[tuple[str, str]]
    wins: bool
    why: str


def verdicts(rules: Sequence[Rule], item: str, there: Dimensions, on: date, words: Words) -> list[Verdict]:
    """Every rule of the item, the winner first; then those that lost to it, then those that do not fit."""
    own = [rule for rule in rules if rule.item == item]
    choice = RuleTable(own, on).choose(item, there)
    found = [
        Verdict(
            rule=rule,
            limits=words.limits(rule),
            wins=choice is not None and rule == choice.rule,
            why=_why(rule, choice, there, on),
        )
        for rule in own
    ]
    return sorted(found, key=lambda one: (not one.wins, not _fits(one.rule, there), -len(one.limits), one.rule.id))


def _why(rule: Rule, choice: Choice | None, there: Dimensions, on: date) -> str:
    if choice is not None and rule == choice.rule:
        named = " and ".join(word_of(name) for name in choice.because)
        return f"Wins: it is for this {named}." if named else "Wins: it is the default, and no override fits."
    if rule.valid_from > on:
        return "Starts later."
    if rule.valid_to is not None and on >= rule.valid_to:
        return "Had ended by then."
    if not _fits(rule, there):
        other = [name for name in PRECEDENCE if getattr(rule, name) not in ("", getattr(there, name))]
        return f"Is for another {word_of(other[0])}."
    assert choice is not None, "a rule that fits and holds, or one before it, was chosen"
    return _lost(_limits(rule), choice.because)


def _lost(own: tuple[str, ...], winners: tuple[str, ...]) -> str:
    if own == winners:
        return "Was followed by the one that wins."
    if len(own) < len(winners):
        return "Fits, but the one that wins says more exactly where."
    first = next(name for name in PRECEDENCE if (name in winners) != (name in own))
    return f"Fits, but the {word_of(first)} tells more."


def _limits(rule: Rule) -> tuple[str, ...]:
    return tuple(name for name in PRECEDENCE if getattr(rule, name))


def _fits(rule: Rule, there: Dimensions) -> bool:
    return all(getattr(rule, name) == getattr(there, name) for name in _limits(rule))
