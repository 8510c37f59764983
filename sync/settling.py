"""The write protocol for people: intend, send, settle.

1. ``intend`` commits the items as *sending* before anything leaves the process.
2. ``writing.send`` makes one plan true on the target and says what is true now, or what went wrong.
3. ``settle`` commits outcomes, links, directory, audit entries and counters in one transaction, and only while the
   run is still ours.

What a crash leaves *sending*, and what an unanswered write leaves *verifying*, is looked up (``sync/verifying.py``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import msgspec
from django.db import transaction
from django.db.models import Count

from audit.record import Entry, record
from audit.redaction import redact_both
from sync import problems
from sync.models import Link, Run, RunItem, TargetEmployee
from sync.planning import Cause, CauseCode, Plan
from sync.runs import hold_lease
from sync.upserting import binary, upsert
from sync.writing import Fields, Outcome, company_of

VERBS: dict[str, str] = {
    RunItem.State.CREATED: "worker.created",
    RunItem.State.UPDATED: "worker.updated",
    RunItem.State.TERMINATED: "worker.terminated",
    RunItem.State.REHIRED: "worker.rehired",
    RunItem.State.TRANSFERRED: "worker.transferred",
    RunItem.State.UNCHANGED: "worker.verified",
    RunItem.State.BLOCKED: "worker.blocked",
    RunItem.State.REJECTED: "worker.rejected",
    RunItem.State.VERIFYING: "worker.failed",
    RunItem.State.PLANNED: "worker.failed",
}

COUNTER_OF: dict[str, str] = {
    RunItem.State.CREATED: "created",
    RunItem.State.UPDATED: "updated",
    RunItem.State.TERMINATED: "terminated",
    RunItem.State.REHIRED: "rehired",
    RunItem.State.TRANSFERRED: "transferred",
    RunItem.State.UNCHANGED: "unchanged",
    RunItem.State.BLOCKED: "blocked",
    RunItem.State.REJECTED: "rejected",
    RunItem.State.VERIFYING: "verifying",
    RunItem.State.PLANNED: "unsent",
}


def intend(run: Run, plans: Sequence[Plan], *, now: datetime) -> None:
    """Afterwards each plan has an item in state *sending*, committed. A settled item of this run is never reopened
    by accident: callers pass only plans that are still to be sent."""
    items = [
        {
            "run_id": run.pk,
            "source_id": plan.worker_id,
            "label": plan.label,
            "change": plan.act,
            "state": RunItem.State.SENDING,
            "attempts": 1,
            "reference": plan.employee.reference if plan.employee else "",
            "target_id": (plan.employee.id or "") if plan.employee else "",
            "company": company_of(plan),
            "person_id": plan.person_id,
            "fingerprint": binary(plan.fingerprint),
            "created_at": now,
        }
        for plan in plans
    ]
    with transaction.atomic():
        hold_lease(run, now=now)
        upsert(
            RunItem,
            items,
            unique_fields=("run", "source_id"),
            update_fields=("change", "state", "reference", "target_id", "company", "person_id", "fingerprint"),
        )


def block(run: Run, plans: Sequence[Plan], *, now: datetime) -> list[Outcome]:
    """Outcomes for blocked plans, with the open problem behind each."""
    integration = run.flow.integration
    by_worker = problems.note_blocked(integration, plans, now=now)
    return [
        Outcome(
            plan=plan,
            state=RunItem.State.BLOCKED,
            problem=by_worker[plan.worker_id],
            message=by_worker[plan.worker_id].sentence,
        )
        for plan in plans
    ]


def settle(
    run: Run, outcomes: Sequence[Outcome], *, now: datetime, dry: bool = False, sent_by: Run | None = None
) -> None:
    """Commit what became of these plans: items, links, directory, problems, audit entries, counters.

    ``dry`` settles a preview: items and counters only. ``sent_by`` is the earlier run whose items these are, when
    ``run`` finishes what that one left. Raises LeaseLost, and then nothing of it is true.
    """
    if not outcomes:
        return
    owner, counted = sent_by or run, _counted(outcomes, dry)
    with transaction.atomic():
        hold_lease(run, now=now, **(counted if owner == run else {}))
        if not dry:
            _note_refused(run, outcomes, now)
        _save_items(owner, outcomes, now)
        if owner != run:
            # It has ended; what it had sent became something else than it counted.
            recount(owner, dry=False)
        _clear_blocked(run, outcomes)
        if not dry:
            _save_links(run, [o for o in outcomes if o.employee is not None], now)
            record([_entry(owner, outcome) for outcome in outcomes], at=now)


def _note_refused(run: Run, outcomes: Sequence[Outcome], now: datetime) -> None:
    """Afterwards who was refused stands in the inbox under what the target said, like anybody who is blocked."""
    refused = [o for o in outcomes if o.state == RunItem.State.REJECTED and o.error is not None]
    for o in refused:
        o.plan = msgspec.structs.replace(o.plan, causes=(Cause(CauseCode.REFUSED, "target", o.message),))
    by_worker = problems.note_blocked(run.flow.integration, [o.plan for o in refused], now=now)
    for o in refused:
        o.problem = by_worker[o.plan.worker_id]


def _save_items(run: Run, outcomes: Sequence[Outcome], now: datetime) -> None:
    shown = [redact_both(o.before, o.after, subject_kind="worker") for o in outcomes]
    items = [
        {
            "run_id": run.pk,
            "source_id": o.plan.worker_id,
            "label": o.plan.label,
            "change": o.plan.act,
            "state": o.state,
            "attempts": 1,
            "reference": o.plan.employee.reference if o.plan.employee else "",
            "target_id": (o.employee.id if o.employee else o.plan.employee.id if o.plan.employee else "") or "",
            "company": company_of(o.plan),
            "person_id": o.plan.person_id,
            "fingerprint": binary(o.plan.fingerprint),
            "before": before or {},
            "after": after or {},
            "problem_id": o.problem.pk if o.problem else None,
            "message": o.message[:500],
            "created_at": now,
            "settled_at": now if o.state not in (RunItem.State.VERIFYING, RunItem.State.PLANNED) else None,
            "look_up_at": now if o.state == RunItem.State.VERIFYING else None,
        }
        for o, (before, after) in zip(outcomes, shown, strict=True)
    ]
    upsert(
        RunItem,
        items,
        unique_fields=("run", "source_id"),
        update_fields=(
            "change",
            "state",
            "target_id",
            "before",
            "after",
            "problem",
            "message",
            "settled_at",
            "look_up_at",
        ),
    )


def _save_links(run: Run, outcomes: Sequence[Outcome], now: datetime) -> None:
    if not outcomes:
        return
    integration = run.flow.integration
    links: list[Fields] = []
    directory: list[Fields] = []
    for o in outcomes:
        employee, wanted = o.employee, o.plan.employee
        assert employee is not None
        assert wanted is not None
        assert employee.id is not None
        manager_known = wanted.manager_id is not msgspec.UNSET or not o.plan.manager
        company = employee.company if isinstance(employee.company, str) else ""
        links.append(
            {
                "integration_id": integration.pk,
                "source_id": o.plan.worker_id,
                "person_id": o.plan.person_id,
                "target_id": employee.id,
                "reference": wanted.reference,
                "number": o.plan.label,
                "company": company,
                "active": employee.active,
                "manager": o.plan.manager if manager_known else "",
                "manager_due": "" if manager_known or not employee.active else o.plan.manager,
                "fingerprint": binary(o.plan.fingerprint),
                "written_at": now,
            }
        )
        directory.append(
            {
                "connection_id": integration.target_id,
                "target_id": employee.id,
                "company": company,
                "number": employee.number if isinstance(employee.number, str) else "",
                "department": employee.department if isinstance(employee.department, str) else "",
                "active": employee.active,
                "read_at": now,
            }
        )
    # The same person under a new employment takes over the employee: the former, ended link makes room.
    Link.objects.filter(
        integration=integration, target_id__any_of=[link["target_id"] for link in links], active=False
    ).exclude(source_id__in=[link["source_id"] for link in links]).delete()
    upsert(
        Link,
        links,
        unique_fields=("integration", "source_id"),
        update_fields=(
            "person_id",
            "target_id",
            "reference",
            "number",
            "company",
            "active",
            "manager",
            "manager_due",
            "fingerprint",
            "written_at",
        ),
    )
    upsert(
        TargetEmployee,
        directory,
        unique_fields=("connection", "target_id"),
        update_fields=("company", "number", "department", "active", "read_at"),
    )


def settle_managers(run: Run, outcomes: Sequence[Outcome], *, now: datetime) -> None:
    """Commit managers that were assigned to records this run has settled before. Where that failed, the item says so
    instead of what it said before, and the link remembers the manager for the next run."""
    done = [o for o in outcomes if o.employee is not None]
    failed = [o for o in outcomes if o.employee is None]
    with transaction.atomic():
        hold_lease(run, now=now)
        _save_links(run, done, now)
        for outcome in failed:
            if outcome.state != RunItem.State.REJECTED:
                outcome.state = RunItem.State.PLANNED
            outcome.message = f"The manager could not be assigned. {outcome.message}"
            RunItem.objects.filter(run=run, source_id=outcome.plan.worker_id).update(
                state=outcome.state, message=outcome.message[:500]
            )
        told = [outcome for outcome in outcomes if outcome.state != RunItem.State.UNCHANGED]
        record([_entry(run, outcome) for outcome in told], at=now)


def _clear_blocked(run: Run, outcomes: Sequence[Outcome]) -> None:
    integration = run.flow.integration
    blocked = [o.plan for o in outcomes if o.plan.causes]
    # Whatever became of the others: what blocked them does so no more.
    moved = [o.plan.worker_id for o in outcomes if not o.plan.causes]
    if moved:
        problems.note_moved(integration, moved)
    if blocked:
        problems.note_still_blocked(integration, blocked)


def counters_of(run: Run, *, dry: bool) -> dict[str, int]:
    """The run's counters as its items say them; ``dry``: what was planned counts as planned, not as unsent."""
    states = dict(RunItem.objects.filter(run=run).values_list("state").annotate(Count("pk")).order_by())
    counted = {counter: states.get(state, 0) for state, counter in COUNTER_OF.items()}
    if dry:
        counted["planned"], counted["unsent"] = counted["unsent"], 0
    return counted


def recount(run: Run, *, dry: bool) -> None:
    """Afterwards the counters of a run that was stopped agree with its items, however often it was begun."""
    counted = counters_of(run, dry=dry)
    del counted["unchanged"]  # most of those have no item
    Run.objects.filter(pk=run.pk).update(**counted)


def _counted(outcomes: Sequence[Outcome], dry: bool) -> Counter[str]:
    return Counter("planned" if dry and o.state == RunItem.State.PLANNED else COUNTER_OF[o.state] for o in outcomes)


def _entry(run: Run, outcome: Outcome) -> Entry:
    integration = run.flow.integration
    employee = outcome.employee or outcome.plan.employee
    detail: dict[str, object] = {"change": outcome.plan.act.value}
    if outcome.message:
        detail["sentence"] = outcome.message
    if outcome.error is not None:
        detail["error"] = type(outcome.error).__name__
    return Entry(
        action=VERBS[outcome.state],
        subject_kind="worker",
        subject_id=outcome.plan.worker_id,
        subject_label=outcome.plan.label,
        source_system=integration.source.product.product,
        source_id=outcome.plan.worker_id,
        target_system=integration.target.product.product,
        target_id=(employee.id or "") if employee else "",
        run_id=run.pk,
        before=dict(outcome.before),
        after=dict(outcome.after),
        detail=detail,
    )
