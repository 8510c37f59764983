"""Money, counts and dates in the cells of payroll's tables."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import template

from sync.models.payroll import ALWAYS
from tenants.templatetags.staff import NOTHING, day

register = template.Library()


@register.filter
def cell(value: Any) -> str:
    """A cell as people read it: a dash for nothing, a date in words, a number with separators, an amount as it is."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, date):
        return day(value)
    return f"{value:,}" if isinstance(value, int) else str(value)


@register.filter
def code(item: str) -> str:
    """The code in a pay item's key."""
    return item.partition(":")[2]


@register.filter
def starts(rule: Any) -> str:
    """The day from which a rule holds, in words."""
    return "the beginning" if rule.valid_from == ALWAYS else day(rule.valid_from)
