"""The second half of a people run: make plans true, page by page, by the write protocol; then what had to wait."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from django.conf import settings

from connectors.errors import TemporaryError
from connectors.records import Employee, UnreadableRecord, Worker
from sync import settling, writing
from sync.absence import Absence
from sync.chunks import chunked
from sync.directory import note_numbers
from sync.failures import TEMPORARY_IN_A_ROW, policy_for
from sync.models import Link, RunItem
from sync.people_run import PAGE, PeopleRun
from sync.planning import Act, CauseCode, Plan, plan_unreadable
from sync.runs import be_sure, stop_if_asked
from sync.surveying import note_pending, note_unblocked, plan_page, queued_of, reread_page
from sync.verifying import look_up
from sync.writing import DONE, Outcome


def apply_page(work: PeopleRun, workers: Sequence[Worker], unreadable: Sequence[UnreadableRecord] = ()) -> None:
    """Plan one page again as things stand now, and make it true by the write protocol."""
    # A source may show a worker twice on one page; the later row is the newer one.
    workers = list({worker.id: worker for worker in workers}.values())
    plans = plan_page(work, workers)
    if not work.directory_read and _ask_for_numbers(work, plans):
        plans = plan_page(work, workers)
    plans += [plan_unreadable(record) for record in {record.id: record for record in unreadable}.values()]
    work.by_number.update({p.employee.id: p for p in plans if p.by_number and p.employee and p.employee.id})
    blocked = [plan for plan in plans if plan.act is Act.BLOCKED]
    sendable = [plan for plan in plans if plan.act not in (Act.BLOCKED, Act.UNCHANGED) and not plan.by_number]
    note_unblocked(work, plans)
    if blocked:
        outcomes = settling.block(work.run, blocked, now=work.now())
        settling.settle(work.run, outcomes, now=work.now(), dry=work.dry)
    _carry_out(work, sendable)


def _ask_for_numbers(work: PeopleRun, plans: Sequence[Plan]) -> bool:
    """Ask the target who carries the numbers of those who are to be hired, or of whom it had several: since the
    directory was read somebody may have typed them in, or put it right. True when anybody was asked for."""
    ambiguous = [plan for plan in plans if any(cause.code is CauseCode.AMBIGUOUS_TARGET for cause in plan.causes)]
    numbers = [plan.label for plan in (*ambiguous, *(p for p in plans if p.act is Act.CREATE)) if plan.label]
    if numbers:
        holders = [one for found in work.writers.each(work.target.find_by_number, numbers) for one in found]
        note_numbers(work.flow.integration.target, numbers, holders, now=work.now())
    return bool(numbers)


def _carry_out(work: PeopleRun, plans: Sequence[Plan]) -> None:
    """Intend, send, settle; or, in a preview, find out what that would do."""
    if not plans:
        return
    references = [p.employee.reference for p in plans if p.act is Act.CREATE and p.employee is not None]
    found = work.target.find_by_reference(references) if references else {}
    if not work.dry:
        settling.intend(work.run, plans, now=work.now())

    def one(plan: Plan) -> Outcome:
        assert plan.employee is not None
        there = found.get(plan.employee.reference) if plan.act is Act.CREATE else None
        return writing.preview(work.target, plan, there) if work.dry else _send(work, plan, there)

    outcomes = work.writers.each(one, plans)
    settling.settle(work.run, outcomes, now=work.now(), dry=work.dry)
    _stop_on_failures(work, outcomes)


def _send(work: PeopleRun, plan: Plan, there: Employee | None = None) -> Outcome:
    be_sure(work.run)
    return writing.send(work.target, plan, there)


def _stop_on_failures(work: PeopleRun, outcomes: Sequence[Outcome]) -> None:
    """Raise the error of an outcome that must stop the run, after everything else of its page is settled."""
    for outcome in outcomes:
        error = outcome.error
        if error is None:
            work.temporary_in_a_row = 0
            continue
        if policy_for(error).stops_run:
            raise error
        if isinstance(error, TemporaryError):
            work.temporary_in_a_row += 1
            if work.temporary_in_a_row >= TEMPORARY_IN_A_ROW:
                raise error


def apply_deferred(work: PeopleRun, absence: Absence, *, complete: bool) -> None:
    """What had to wait until everybody was seen: leavers found by number, leavers by absence, lost answers,
    managers."""
    if complete:
        for chunk in chunked(list(work.by_number.values()), PAGE):
            _carry_out(work, _nobody_elses(work, chunk))
    for source_ids in chunked(absence.again, PAGE):
        _carry_out(work, _leavers(work, source_ids))
    if not work.dry:
        apply_selection(work, look_up_lost(work))
        _assign_managers(work)
        look_up_lost(work)


def _nobody_elses(work: PeopleRun, leavers: Sequence[Plan]) -> list[Plan]:
    """Those of the leavers found by number whose employee no other worker stands for, and whose number nobody else
    has in the source, be it somebody who is blocked or was refused. Only a complete walk can tell."""
    ids, numbers = [p.employee.id for p in leavers if p.employee], [p.label for p in leavers]
    links = Link.objects.filter(integration__target_id=work.flow.integration.target_id, target_id__any_of=ids)
    others = RunItem.objects.filter(run=work.run, label__any_of=numbers).exclude(change=Act.TERMINATE)
    linked, taken = set(links.values_list("target_id", flat=True)), set(others.values_list("label", flat=True))
    return [p for p in leavers if p.employee and p.employee.id not in linked and p.label not in taken]


def _leavers(work: PeopleRun, source_ids: Sequence[str]) -> list[Plan]:
    links = Link.objects.filter(integration=work.flow.integration, source_id__in=source_ids, active=True)
    return [
        Plan(
            worker_id=link.source_id,
            person_id=link.person_id,
            label=link.number,
            act=Act.TERMINATE,
            employee=Employee(reference=link.reference, id=link.target_id, company=link.company, active=False),
            fingerprint=bytes(link.fingerprint),
        )
        for link in links
    ]


def look_up_lost(work: PeopleRun) -> list[str]:
    """Settle what nobody knows yet; returns the source ids that did not arrive and are to be sent again."""
    return look_up(work.run, work.source, work.target, work.loader, now=work.now, sleep=work.sleep)


def _assign_managers(work: PeopleRun) -> None:
    """Managers whose own employees were made after their people's."""
    integration = work.flow.integration
    due = Link.objects.filter(integration=integration, active=True).exclude(manager_due="").order_by("pk")
    last = 0
    while links := list(due.filter(pk__gt=last)[:PAGE]):
        last = links[-1].pk
        managers = dict(
            Link.objects.filter(
                integration=integration, active=True, source_id__in={link.manager_due for link in links}
            ).values_list("source_id", "target_id")
        )
        plans = [
            Plan(
                worker_id=link.source_id,
                person_id=link.person_id,
                label=link.number,
                act=Act.UPDATE,
                employee=Employee(
                    reference=link.reference,
                    id=link.target_id,
                    company=link.company or msgspec.UNSET,
                    manager_id=managers[link.manager_due],
                ),
                fingerprint=bytes(link.fingerprint),
                manager=link.manager_due,
                from_company=link.company,
                active=True,
            )
            for link in links
            if link.manager_due in managers
        ]
        _carry_out_managers(work, plans)


def _carry_out_managers(work: PeopleRun, plans: Sequence[Plan]) -> None:
    """Like ``_carry_out``, but a record that was created in this very run keeps its item: the manager is part of
    making it true, not a second outcome."""
    settled = set(
        RunItem.objects.filter(run=work.run, source_id__in=[p.worker_id for p in plans]).values_list(
            "source_id", flat=True
        )
    )
    _carry_out(work, [p for p in plans if p.worker_id not in settled])
    follow_ups = [p for p in plans if p.worker_id in settled]
    if not follow_ups:
        return
    outcomes = work.writers.each(lambda plan: _send(work, plan), follow_ups)
    if unknown := [outcome.plan for outcome in outcomes if outcome.state == RunItem.State.VERIFYING]:
        # ``send`` looks at the employee before it writes, and writes only what is not true yet.
        work.sleep(settings.SECOND_LOOK_SECONDS)
        outcomes = [outcome for outcome in outcomes if outcome.state != RunItem.State.VERIFYING]
        outcomes += work.writers.each(lambda plan: _send(work, plan), unknown)
    settling.settle_managers(work.run, outcomes, now=work.now())
    _stop_on_failures(work, outcomes)


def apply_selection(work: PeopleRun, source_ids: Sequence[str]) -> None:
    """Read these workers anew and make them true; each ends with an item, also with nothing to do."""
    for chunk in chunked(source_ids, PAGE):
        stop_if_asked(work.run)
        page, gone = reread_page(work, chunk)
        note_pending(work, page.workers, queued_of(work, source_id__in=chunk))
        apply_page(work, page.workers, page.unreadable)
        _settle_untouched(work, page.workers, gone)


def _settle_untouched(work: PeopleRun, workers: Sequence[Worker], gone: Sequence[str]) -> None:
    """A replay answers for every record it was asked about, also for those with nothing to do."""
    asked = {worker.id: str(worker.number or "") for worker in workers} | dict.fromkeys(gone, "")
    settled = set(
        RunItem.objects.filter(run=work.run, source_id__in=asked)
        .exclude(state=RunItem.State.PLANNED)
        .values_list("source_id", flat=True)
    ) | (
        set(RunItem.objects.filter(run=work.run, source_id__in=asked).values_list("source_id", flat=True))
        if work.dry
        else set()
    )
    source = work.flow.integration.source.name
    outcomes = [
        Outcome(
            plan=Plan(worker_id=source_id, person_id="", label=label, act=Act.UNCHANGED),
            state=RunItem.State.REJECTED if source_id in gone else DONE[Act.UNCHANGED],
            message=f"{source} no longer has this worker." if source_id in gone else "Nothing to do.",
        )
        for source_id, label in asked.items()
        if source_id not in settled
    ]
    settling.settle(work.run, outcomes, now=work.now(), dry=work.dry)
