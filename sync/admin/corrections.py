"""Correcting a pay run whose journals are on the ledger: the effect first, then a reversal or an adjustment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.dateparse import parse_date

from sync.admin.amounts import Amount, Row, Table, Value
from sync.admin.pay_run_page import Content
from sync.payroll.correcting import adjust, reverse_and_repost
from sync.payroll.effects import AccountEffect, Effect
from sync.payroll.visibility import MASK, Cell, masked

DEEDS: dict[str, Callable[..., Any]] = {"repost": reverse_and_repost, "adjust": adjust}
"""What can be done, by the button's value."""


def effect_table(content: Content, effect: Effect) -> Table:
    """What stands on each account, what would, and the difference; masked as the run's own lines are."""
    hidden_accounts = {key[3] for key in content.masks.lines}
    cells = [
        Cell(groups=(f"{row.company}|{row.currency}",), people=_fewest(row, row.account in hidden_accounts))
        for row in effect.accounts
    ]
    groups = {group for cell in cells for group in cell.groups}
    masks = masked(cells, content.masks.sight, content.settings.fewest_people, balanced=groups)
    return Table(
        name="effect",
        title="By account",
        columns=["Company", "Account", "Currency", "On the ledger", "Afterwards", "Difference", "People"],
        numbers=frozenset(range(3, 7)),
        rows=[_row(row, hides) for row, hides in zip(effect.accounts, masks.cells, strict=True)],
        empty="No account changes.",
    )


def _fewest(row: AccountEffect, is_small: bool) -> int:
    """How many people the least of the amounts concerns; a line of the run that is hidden counts as one person's."""
    return 1 if is_small else min(filter(None, (row.people_before, row.people, row.moved)), default=0)


def _row(row: AccountEffect, hides: bool) -> Row:
    amounts: list[Value] = [
        MASK if hides else Amount(amount, row.currency) for amount in (row.before, row.after, row.difference)
    ]
    cells: list[Value] = [row.company, row.account, row.currency, *amounts, row.people or row.people_before]
    return Row(cells=cells, look="flagged" if row.difference else "")


def posting_day(text: str) -> date | None:
    """The day a person wants the correction posted on, None where they leave it to the open period. Raises
    ValidationError for a text that is no date."""
    if not text.strip():
        return None
    try:
        day = parse_date(text.strip())
    except ValueError:
        day = None
    if day is None:
        raise ValidationError(f"“{text}” is not a date like 2026-01-31.")
    return day
