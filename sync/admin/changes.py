"""What an item changed, as people read it: fields by name, managers by employee number, hires by where they belong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from sync.models import RunItem, TargetEmployee

MANAGER = "manager_id"
ORGANISATION = ("company", "department", "position", "location", "employment_type", "shift", "cost_center")


class FieldChange(msgspec.Struct, frozen=True):
    """One field before and after; None where it was empty."""

    field: str
    before: Any
    after: Any


def changes_of(items: Sequence[RunItem], connection_id: Any, *, brief: bool = True) -> list[list[FieldChange]]:
    """The changes of each item, in their order. ``brief`` shows of a new employee only where they belong, for a list.

    ``connection_id`` is the target's: a manager is shown by the number they have there. One query at most.
    """
    managers = {side[MANAGER] for item in items for side in (item.before, item.after) if side.get(MANAGER)}
    numbers: dict[str, str] = {}
    if managers:
        known = TargetEmployee.objects.filter(connection=connection_id, target_id__in=managers).exclude(number="")
        numbers = dict(known.values_list("target_id", "number"))
    return [_changes(item, numbers, brief) for item in items]


def _changes(item: RunItem, numbers: dict[str, str], brief: bool) -> list[FieldChange]:
    names = sorted({*item.before, *item.after})
    if brief and item.change == RunItem.Change.CREATE:
        names = [name for name in ORGANISATION if name in names]

    def shown(side: dict[str, Any], name: str) -> Any:
        value = side.get(name)
        return numbers.get(value, value) if name == MANAGER and value else value

    return [FieldChange(name, shown(item.before, name), shown(item.after, name)) for name in names]
