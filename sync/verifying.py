"""What nobody knows yet: writes whose answer was lost, and items a dead worker left *sending*.

Each is looked up on the target by its reference. Found: settled as what is there. Not found: that must hold twice,
``SECOND_LOOK_SECONDS`` apart, before the record may be sent again. Nothing is ever resent blindly.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import msgspec
from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet

from connectors.contract import WorkerSource, WorkerTarget
from connectors.records import Employee, Worker
from sync.chunks import chunked
from sync.models import Run, RunItem
from sync.planning import Act, Plan, refine
from sync.planning import plan as plan_workers
from sync.rereading import reread
from sync.runs import hold_lease
from sync.settling import settle
from sync.surroundings import SurroundingsLoader
from sync.writing import DONE, Outcome

BATCH = 100
AT_ONCE = 1000
LOOKS = 2
"""So often a record must be found missing before it may be sent again."""


def adopt_orphans(run: Run, *, now: datetime) -> int:
    """What this run or an earlier one of its flow sent and never settled becomes *verifying*; returns how many.

    The caller holds the flow's only active run, so nobody else is at work on any of them.
    """
    with transaction.atomic():
        hold_lease(run, now=now)
        return RunItem.objects.filter(
            run__flow_id=run.flow_id, state__in=[RunItem.State.SENDING, RunItem.State.VERIFYING]
        ).update(
            state=RunItem.State.VERIFYING,
            look_up_at=now,
            looked_up=0,
            message="The worker stopped while this was sent. We are checking whether it arrived.",
        )


def look_up(
    run: Run,
    source: WorkerSource,
    target: WorkerTarget,
    loader: SurroundingsLoader,
    *,
    now: Callable[[], datetime],
    sleep: Callable[[float], None],
) -> list[str]:
    """Settle every *verifying* item of the run's flow as what the target shows.

    Returns the source ids that were found missing often enough to be sent again. Waits between the looks.
    """
    missing: list[str] = []
    while (next_look := _next_look(run)) is not None:
        if (pause := (next_look - now()).total_seconds()) > 0:
            sleep(pause)
        for items in chunked(_due(run, now()), BATCH):
            missing += _look_once(run, items, source, target, loader, now())
    return missing


def _verifying(run: Run) -> QuerySet[RunItem]:
    return RunItem.objects.filter(run__flow_id=run.flow_id, state=RunItem.State.VERIFYING)


def _due(run: Run, now: datetime) -> list[RunItem]:
    return list(
        _verifying(run).filter(look_up_at__lte=now).select_related("run__flow__integration").order_by("pk")[:AT_ONCE]
    )


def _next_look(run: Run) -> datetime | None:
    return _verifying(run).order_by("look_up_at").values_list("look_up_at", flat=True).first()


def _look_once(
    run: Run,
    items: Sequence[RunItem],
    source: WorkerSource,
    target: WorkerTarget,
    loader: SurroundingsLoader,
    now: datetime,
) -> list[str]:
    """One look at a batch. The wanted state is planned anew from the source, since personal data is not kept."""
    creates = [item for item in items if item.change == Act.CREATE]
    found: dict[str, Employee] = dict(target.find_by_reference([item.reference for item in creates])) if creates else {}
    outcomes: dict[Run, list[Outcome]] = defaultdict(list)
    absent: list[RunItem] = []
    lost: list[RunItem] = []
    again: list[RunItem] = []
    for item in items:
        current = (
            found.get(item.reference) if item.change == Act.CREATE else target.get(item.target_id, item.company or None)
        )
        if current is None and item.change != Act.CREATE and item.target_id:
            # Not where we last knew it: perhaps moved to another company by the very write we ask about.
            current = target.get(item.target_id)
        if current is None:
            (lost if item.looked_up + 1 >= LOOKS else absent).append(item)
            continue
        outcome = _as_found(item, current, source, loader)
        if outcome is None:
            again.append(item)
            outcome = _as_it_is(item, current)
        outcomes[item.run].append(outcome)
    with transaction.atomic():
        for sent_by, found_of_run in outcomes.items():
            settle(run, found_of_run, now=now, sent_by=sent_by)
        _not_yet(run, absent, now)
        _send_again(run, lost, now)
    return [item.source_id for item in (*lost, *again)]


def _as_it_is(item: RunItem, current: Employee) -> Outcome:
    """The outcome for an employee who is there, but not as is wanted now: the link says what there is, and nothing of
    it counts as made true, so that the record is planned and written again."""
    wanted = msgspec.structs.replace(current, reference=item.reference, manager_id=msgspec.UNSET)
    plan = Plan(
        worker_id=item.source_id, person_id=item.person_id, label=item.label, act=Act(item.change), employee=wanted
    )
    created = item.change == Act.CREATE
    return Outcome(
        plan=plan,
        state=RunItem.State.CREATED if created else RunItem.State.PLANNED,
        employee=current,
        message="" if created else "It is not as the source says now; it is written again.",
    )


def _as_found(item: RunItem, current: Employee, source: WorkerSource, loader: SurroundingsLoader) -> Outcome | None:
    """The outcome that fits what the target holds, None when it does not hold what we meant to write."""
    plan = Plan(
        worker_id=item.source_id,
        person_id=item.person_id,
        label=item.label,
        act=Act(item.change),
        fingerprint=bytes(item.fingerprint),
        employee=msgspec.structs.replace(current, reference=item.reference, manager_id=msgspec.UNSET),
    )
    if item.change == Act.TERMINATE:
        return None if current.active else Outcome(plan=plan, state=RunItem.State.TERMINATED, employee=current)
    if not current.active:
        return None
    worker = reread(source, item.source_id)
    if not isinstance(worker, Worker):
        return Outcome(plan=plan, state=DONE[plan.act], employee=current)
    [fresh] = plan_workers([worker], loader.around([worker]))
    if fresh.employee is None:
        return None
    # The manager is assigned later, when their own employee exists: it says nothing about whether this arrived.
    wanted = msgspec.structs.replace(fresh.employee, id=current.id, manager_id=msgspec.UNSET)
    fresh = msgspec.structs.replace(fresh, employee=wanted)
    refined, _ = refine(fresh, current)
    if refined.act is not Act.UNCHANGED:
        return None
    settled = msgspec.structs.replace(fresh, act=plan.act, label=fresh.label or item.label)
    return Outcome(plan=settled, state=DONE[plan.act], employee=current)


def _not_yet(run: Run, items: Sequence[RunItem], now: datetime) -> None:
    if items:
        RunItem.objects.filter(pk__in=[item.pk for item in items]).update(
            looked_up=F("looked_up") + 1,
            look_up_at=now + timedelta(seconds=settings.SECOND_LOOK_SECONDS),
            message="We did not get an answer. We are checking whether it arrived; nothing has been sent twice.",
        )


def _send_again(run: Run, items: Sequence[RunItem], now: datetime) -> None:
    if items:
        RunItem.objects.filter(pk__in=[item.pk for item in items]).update(
            state=RunItem.State.PLANNED, looked_up=F("looked_up") + 1, message="It did not arrive; it is sent again."
        )
