"""How many people each side has, where, and why that differs; and how a month came from its first head to its last."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.fields.json import KT

from connectors.records import RefKind
from sync.models import (
    Assignment,
    BlockedRecord,
    Integration,
    Link,
    PayrollSettings,
    PendingChange,
    ReferenceValue,
    RunItem,
    TargetEmployee,
)
from sync.models import Mapping as MappingRow
from tenants.models import Tenant

NOWHERE = ""
"""The place of people whose own has no counterpart on the other side, or who have none."""


class HeadcountRow(msgspec.Struct, frozen=True, kw_only=True):
    """Active people at one place of the target. ``source`` are those the source has where this place is meant.

    ``blocked`` and ``queued`` are people of the source who cannot be written, or are to be on a later date;
    ``only_target`` are people of the target that no worker of the source stands for.
    """

    key: str
    name: str
    source: int
    target: int
    blocked: int
    queued: int
    only_target: int

    @property
    def difference(self) -> int:
        """By how many the target has more."""
        return self.target - self.source

    @property
    def reasons(self) -> tuple[str, ...]:
        """What may explain the difference, in sentences; empty where there is none."""
        if not self.difference:
            return ()
        said = []
        if not self.key and self.source:
            said.append(f"{_people(self.source)} of the source whose department is not mapped.")
        if self.blocked:
            said.append(f"{_people(self.blocked)} blocked: see Problems.")
        if self.queued:
            said.append(f"{_people(self.queued)} queued for a later date.")
        if self.only_target:
            said.append(f"{_people(self.only_target)} on the target only.")
        return tuple(said) or ("Run the people flow: nothing we know explains it.",)


class BridgeRow(msgspec.Struct, frozen=True, kw_only=True):
    """How one department came from ``start`` to ``end``: what our runs wrote between the two days, both included."""

    department: str
    start: int
    hires: int
    rehires: int
    terminations: int
    transfers_in: int
    transfers_out: int

    @property
    def end(self) -> int:
        """Start, hires and rehires, less terminations, and transfers either way."""
        came = self.hires + self.rehires + self.transfers_in
        return self.start + came - self.terminations - self.transfers_out


def headcounts(integration: Integration, on: date, kind: RefKind = RefKind.DEPARTMENT) -> list[HeadcountRow]:
    """Both sides by department or by cost center of the target. The source as of that day, the target as it was read
    last. The target keeps no cost center of a person: there it is that of the worker behind them. A constant number of
    queries."""
    assigned = _assigned(integration, kind, on)
    places = _places(integration, kind, on)
    links = dict(Link.objects.filter(integration=integration).values_list("target_id", "source_id"))
    source: Counter[str] = Counter(places.get(own, NOWHERE) for own, active in assigned.values() if active)
    target, alone = Counter[str](), Counter[str]()
    employees = TargetEmployee.objects.filter(connection=integration.target_id, active=True)
    for target_id, department in employees.values_list("target_id", "department").iterator():
        worker = links.get(target_id)
        own, _ = assigned.get(worker or "", (NOWHERE, False))
        place = department if kind is RefKind.DEPARTMENT else places.get(own, NOWHERE)
        target[place] += 1
        alone[place] += worker is None

    def counted(rows: QuerySet[Any]) -> Counter[str]:
        workers = set(rows.filter(integration=integration).values_list("source_id", flat=True))
        return Counter(places.get(assigned[worker][0], NOWHERE) for worker in workers & assigned.keys())

    blocked, queued = counted(BlockedRecord.objects.all()), counted(PendingChange.objects.all())
    named = ReferenceValue.objects.filter(connection=integration.target_id, kind=kind)
    names: dict[str, str] = dict(named.values_list("external_id", "name"))
    return [
        HeadcountRow(
            key=key,
            name=names.get(key, key),
            source=source[key],
            target=target[key],
            blocked=blocked[key],
            queued=queued[key],
            only_target=alone[key],
        )
        for key in sorted({*source, *target})
    ]


def bridge(integration: Integration, first: date, last: date) -> list[BridgeRow]:
    """By department of the target, from the evening before ``first`` to the evening of ``last``, the tenant's days.

    Counted back from the directory as it was last read by what our runs have written since; a change made there by
    hand counts as having been there all along. A department is empty where it is not known. Three queries.
    """
    zone = ZoneInfo(Tenant.objects.get(pk=integration.tenant_id).time_zone)
    begin = datetime.combine(first, time.min, zone)
    end = datetime.combine(last + timedelta(days=1), time.min, zone)
    employees = TargetEmployee.objects.filter(connection=integration.target_id, active=True).order_by()
    heads = Counter(dict(employees.values_list("department").annotate(Count("pk"))))
    moves: dict[str, Counter[str]] = defaultdict(Counter)
    for department, move, is_within, count in _moves(integration, begin, end):
        heads[department] -= _SIGNS[move] * count
        if is_within:
            moves[department][move] += count
    return [
        BridgeRow(department=department, start=heads[department], **{move: moves[department][move] for move in _SIGNS})
        for department in sorted({*heads, *moves})
        if heads[department] or moves[department]
    ]


_SIGNS = {"hires": 1, "rehires": 1, "terminations": -1, "transfers_in": 1, "transfers_out": -1}
_MOVES = {
    RunItem.State.CREATED: "hires",
    RunItem.State.REHIRED: "rehires",
    RunItem.State.TERMINATED: "terminations",
}


def _moves(integration: Integration, begin: datetime, end: datetime) -> Iterable[tuple[str, str, bool, int]]:
    """Department, kind of move, whether before ``end``, and how many, of everything written since ``begin``."""
    held = TargetEmployee.objects.filter(connection=integration.target_id, target_id=OuterRef("target_id"))
    items = RunItem.objects.filter(
        run__flow__integration=integration,
        state__in=[*_MOVES, RunItem.State.TRANSFERRED],
        settled_at__gte=begin,
    ).order_by()
    rows = items.annotate(
        was=KT("before__department"),
        became=KT("after__department"),
        held=Subquery(held.values("department")[:1]),
        within=Q(settled_at__lt=end),
    ).values_list("state", "was", "became", "held", "within")
    for state, was, became, present, is_within, count in rows.annotate(Count("pk")):
        if state != RunItem.State.TRANSFERRED:
            yield became or present or NOWHERE, _MOVES[state], is_within, count
        elif was or became:
            yield was or NOWHERE, "transfers_out", is_within, count
            yield became or NOWHERE, "transfers_in", is_within, count


def _assigned(integration: Integration, kind: RefKind, on: date) -> dict[str, tuple[str, bool]]:
    """Where everybody we have known by that day belongs at the source, and whether they are active."""
    dimension = "department"
    if kind is RefKind.COST_CENTER:
        settings = PayrollSettings.objects.filter(integration=integration).first()
        dimension = settings.cost_center_from if settings else dimension
    if dimension not in ("department", "location", "company"):
        # Who does which job is known from pay only.
        dimension = "department"
    rows = Assignment.objects.filter(connection=integration.source_id, since__lte=on)
    latest = rows.order_by("worker_id", "-since").distinct("worker_id")
    return {
        worker: (own, active) for worker, own, active in latest.values_list("worker_id", dimension, "active").iterator()
    }


def _places(integration: Integration, kind: RefKind, on: date) -> dict[str, str]:
    """The target's place by the source's department, by the mappings in force on that day."""
    rows = MappingRow.objects.filter(
        Q(valid_to__isnull=True) | Q(valid_to__gt=on),
        integration=integration,
        kind=kind,
        state=MappingRow.State.CONFIRMED,
        valid_from__lte=on,
    )
    return dict(rows.order_by("valid_from").values_list("source_key", "target_key"))


def _people(count: int) -> str:
    return "1 person is" if count == 1 else f"{count} people are"
