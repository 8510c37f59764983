"""The people flow: make the target hold the same people as the source. Read top to bottom from ``run_people``.

First the source is read and planned without writing anything (``_survey``). An unexpected zero or a mass change
stops the run there and asks. Then the changes are applied page by page by the write protocol (``_apply``), managers
follow once their own employees exist, and who disappeared from the source is dealt with.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
from django.conf import settings
from django.db import transaction

from connectors.contract import WorkerSource, WorkerTarget
from connectors.errors import TemporaryError
from connectors.records import Employee, UnreadableRecord, Worker, WorkerPage
from sync import problems, writing
from sync.absence import Absence, find_absent, note_absence
from sync.chunks import chunked
from sync.directory import note_numbers, read_directory
from sync.failures import TEMPORARY_IN_A_ROW, policy_for
from sync.holding import Survey, judge
from sync.keyset import KeySet
from sync.models import Flow, Link, PendingChange, Run, RunItem, TargetEmployee
from sync.planning import Act, CauseCode, Plan, is_usable, pending_of, plan_unreadable
from sync.planning import plan as plan_workers
from sync.prefetch import prefetched
from sync.rereading import reread
from sync.runs import be_sure, end, hold_lease, stop_if_asked
from sync.surroundings import SurroundingsLoader
from sync.threads import Threads
from sync.verifying import adopt_orphans, look_up
from sync.writing import DONE, Outcome

PAGE = 100
KEPT_CHANGES = 1000
"""So many changed workers are kept in memory between survey and apply; beyond, the source is read a second time."""
OVERLAP = timedelta(hours=1)
"""How far before the watermark an incremental read starts: rows committed late are seen in time."""
PROGRESS_EVERY = timedelta(seconds=1)


class PeopleRun(msgspec.Struct, kw_only=True):
    """Everything one execution needs: the claimed run, both ends, and the world around (clock, waiting)."""

    run: Run
    source: WorkerSource
    target: WorkerTarget
    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    loader: SurroundingsLoader
    writers: Threads
    dry: bool
    temporary_in_a_row: int = 0
    by_number: dict[str, Plan] = {}
    directory_read: bool = False

    @property
    def flow(self) -> Flow:
        """The flow this run executes."""
        return self.run.flow


def run_people(
    run: Run,
    source: WorkerSource,
    target: WorkerTarget,
    *,
    time_zone: str,
    now: Callable[[], datetime],
    sleep: Callable[[float], None],
) -> None:
    """Execute a claimed run to its end state. ConnectorErrors that stop it are raised to the caller, who ends it."""
    integration = run.flow.integration
    today = now().astimezone(ZoneInfo(time_zone)).date()
    with Threads(target.concurrency, "write") as writers:
        work = PeopleRun(
            run=run,
            source=source,
            target=target,
            now=now,
            sleep=sleep,
            loader=SurroundingsLoader(integration, target, today),
            writers=writers,
            dry=run.kind == Run.Kind.PREVIEW or not run.flow.writes_enabled,
        )
        try:
            resend = _finish_what_a_dead_worker_left(work)
            if run.kind == Run.Kind.REPLAY:
                _run_selection(work, run.selection)
            else:
                _run_walk(work, resend)
        except Exception:
            writing.recount(run, dry=work.dry)
            raise
        finally:
            # Also when it was stopped: a page that was settled may have blocked or freed somebody.
            problems.recount(integration, now=now())


def _finish_what_a_dead_worker_left(work: PeopleRun) -> list[str]:
    """Source ids of records that this run or an earlier one sent, and that did not arrive."""
    if work.dry or not adopt_orphans(work.run, now=work.now()):
        return []
    return _look_up(work)


# -- A walk over the source ----------------------------------------------------------------------------------------


def _run_walk(work: PeopleRun, resend: list[str]) -> None:
    run, flow = work.run, work.flow
    since = _changed_since(work)
    if since is None:
        _read_directory_if_needed(work)
    seen, changed, survey, watermark, leaders = _survey(work, since)
    complete = since is None
    absence = find_absent(flow.integration, seen) if complete else Absence(first=[], again=[], back=[])
    if complete and survey.read:
        _forget_vanished(work, seen)
    survey.acts["terminate"] = survey.acts.get("terminate", 0) + len(absence.again)
    run.survey = {"read": survey.read, "unchanged": survey.unchanged, **survey.acts}
    run.digest = seen.digest()
    run.headcount = survey.headcount if complete else None
    held = judge(
        msgspec.structs.replace(survey, complete=complete),
        flow.max_change_percent,
        run.release_of.survey if run.release_of else None,
        source=flow.integration.source.name,
    )
    if held and not work.dry:
        end(run, Run.State.HELD, held, now=work.now())
        return
    _begin_applying(work, survey)
    for page in _pages_to_apply(work, changed, since, leaders):
        stop_if_asked(run)
        _apply(work, page.workers, page.unreadable)
    _apply_selection(work, resend)
    _apply_deferred(work, absence, complete=complete)
    _finish(work, survey, absence, complete=complete, watermark=watermark, held=held)


def _forget_vanished(work: PeopleRun, seen: KeySet) -> None:
    """Afterwards nobody is queued or blocked whom the source does not have any more."""
    integration = work.flow.integration
    if gone := [source_id for source_id in _queued(work) if source_id not in seen]:
        PendingChange.objects.filter(integration=integration, source_id__any_of=gone).delete()
    problems.note_vanished(integration, seen)


def _changed_since(work: PeopleRun) -> datetime | None:
    """The instant from which changes are read, None for a complete walk."""
    flow = work.flow
    if work.run.kind != Run.Kind.CHANGES or flow.watermark is None or not work.source.honours_changed_since():
        return None
    return flow.watermark - OVERLAP


def _survey(
    work: PeopleRun, since: datetime | None
) -> tuple[KeySet, dict[str, Worker | UnreadableRecord] | None, Survey, datetime | None, set[str]]:
    """Read and plan everything, write nothing. Returns the keys seen, the changed records by id (None when too many
    to keep), the numbers, the latest change seen, and the ids of the managers of those who are to be created."""
    run, flow = work.run, work.flow
    seen, acts, leaders = KeySet(), Counter[str](), set[str]()
    survey = Survey(complete=since is None, expected=flow.expected_records)
    survey.linked = Link.objects.filter(integration=flow.integration, active=True).count()
    changed: dict[str, Worker | UnreadableRecord] | None = {}
    survey.present = TargetEmployee.objects.filter(connection_id=flow.integration.target_id, active=True).count()
    queued, any_blocked = _queued(work), problems.any_blocked(flow.integration)
    watermark, redacted, latest = flow.watermark, dict[str, str](), work.now() + OVERLAP
    next_progress = work.now() + PROGRESS_EVERY
    for page in prefetched(_with_due(work, work.source.worker_pages(since), since)):
        workers, plans = _plan(work, page.workers)
        redacted.update(page.redacted)
        for worker, plan in zip(workers, plans, strict=True):
            seen.add(worker.id, plan.fingerprint)
            acts[plan.act] += 1
            survey.headcount += plan.active
            # A record stamped far in the future must not hide what changes until then.
            if (at := worker.updated_at) is not None and (watermark is None or watermark < at) and at < latest:
                watermark = at
            if changed is not None and plan.act is not Act.UNCHANGED:
                changed[worker.id] = worker
            if plan.act is Act.CREATE and plan.manager:
                leaders.add(plan.manager)
        for record in page.unreadable:
            seen.add(record.id)
            acts[Act.BLOCKED] += 1
            if changed is not None:
                changed[record.id] = record
        survey.read += len(page.workers) + len(page.unreadable)
        _note_pending(work, page.workers, queued)
        if any_blocked:
            _note_unblocked(work, plans)
        if changed is not None and len(changed) > KEPT_CHANGES:
            changed = None
        if work.now() >= next_progress:
            stop_if_asked(run)
            Run.objects.filter(pk=run.pk).update(read=survey.read, unchanged=acts[Act.UNCHANGED])
            next_progress = work.now() + PROGRESS_EVERY
    seen.seal()
    survey.unchanged = acts.pop(Act.UNCHANGED, 0)
    survey.acts = {str(act): number for act, number in acts.items()}
    if redacted != flow.redacted:
        Flow.objects.filter(pk=flow.pk).update(redacted=redacted)
    return seen, changed, survey, watermark, leaders


def _with_due(work: PeopleRun, pages: Iterator[WorkerPage], since: datetime | None) -> Iterator[WorkerPage]:
    """The pages, and for an incremental read also the workers whose announced day has come, and those who wait for
    a change of somebody else."""
    yield from pages
    if since is None:
        return
    due = _queued(work, effective_on__lte=work.loader.today)
    for chunk in chunked(sorted(due | problems.waiting_for_others(work.flow.integration)), PAGE):
        yield _reread(work, chunk)[0]


def _reread(work: PeopleRun, source_ids: Sequence[str]) -> tuple[WorkerPage, list[str]]:
    """These workers as the source shows them now, and the ids it does not know any more."""
    page, gone = WorkerPage(workers=[]), list[str]()
    for source_id in source_ids:
        match reread(work.source, source_id):
            case Worker() as worker:
                page.workers.append(worker)
            case UnreadableRecord() as record:
                page.unreadable.append(record)
            case None:
                gone.append(source_id)
    return page, gone


def _plan(work: PeopleRun, workers: Sequence[Worker]) -> tuple[Sequence[Worker], list[Plan]]:
    return workers, plan_workers(workers, work.loader.around(workers))


def _queued(work: PeopleRun, **lookup: object) -> set[str]:
    """Source ids of workers with a change announced for a later day."""
    rows = PendingChange.objects.filter(integration=work.flow.integration, **lookup)
    return set(rows.values_list("source_id", flat=True))


def _note_pending(work: PeopleRun, workers: Sequence[Worker], queued: set[str]) -> None:
    """Afterwards the queue holds what these workers' dates announce, and nothing else of theirs. ``queued`` are the
    source ids in the queue, before and after."""
    integration, now = work.flow.integration, work.now()
    # A source may show a worker twice; the later row is the newer one.
    announced = {w.id: (w, p) for w in workers if (p := pending_of(w, work.loader.today)) is not None}
    known = {worker.id for worker in workers if worker.id in queued}
    if not announced and not known:
        return
    with transaction.atomic():
        PendingChange.objects.filter(integration=integration, source_id__in=known).delete()
        PendingChange.objects.bulk_create(
            [
                PendingChange(
                    integration=integration,
                    source_id=pending.source_id,
                    label=worker.number if isinstance(worker.number, str) and is_usable(worker.number) else "",
                    change=pending.change,
                    effective_on=pending.effective_on,
                    noted_at=now,
                )
                for worker, pending in announced.values()
            ]
        )
    queued.difference_update(known)
    queued.update(announced)


def _read_directory_if_needed(work: PeopleRun) -> None:
    """A target we have written everything to need not be read; one with strangers must be."""
    integration = work.flow.integration
    if (
        not TargetEmployee.objects.filter(connection_id=integration.target_id).exists()
        or work.flow.last_full_at is None
    ):
        read_directory(integration.target, work.target, now=work.now())
        work.directory_read = True


def _begin_applying(work: PeopleRun, survey: Survey) -> None:
    run = work.run
    planned = sum(survey.acts.values())
    with transaction.atomic():
        hold_lease(run, now=work.now())
        Run.objects.filter(pk=run.pk).update(
            state=Run.State.APPLYING,
            read=survey.read,
            expected=planned,
            unchanged=survey.unchanged,
            survey=run.survey,
            headcount=run.headcount,
        )
    run.state, run.read = Run.State.APPLYING, survey.read


def _pages_to_apply(
    work: PeopleRun, changed: dict[str, Worker | UnreadableRecord] | None, since: datetime | None, leaders: set[str]
) -> Iterator[WorkerPage]:
    """What is to be applied, managers of newcomers first: who is created after their manager needs no second write.
    Where the changes were too many to keep, the source is read again, once for the managers and once for the rest."""
    if changed is not None:
        for chunk in chunked(sorted(changed.values(), key=lambda record: record.id not in leaders), PAGE):
            yield WorkerPage(
                workers=[record for record in chunk if isinstance(record, Worker)],
                unreadable=[record for record in chunk if isinstance(record, UnreadableRecord)],
            )
        return
    done = set[str]()
    if leaders:
        pages = prefetched(_with_due(work, work.source.worker_pages(since), since))
        for managers in chunked((w for page in pages for w in page.workers if w.id in leaders), PAGE):
            done.update(manager.id for manager in managers)
            yield WorkerPage(workers=managers)
    for page in prefetched(_with_due(work, work.source.worker_pages(since), since)):
        rest = [worker for worker in page.workers if worker.id not in done]
        yield msgspec.structs.replace(page, workers=rest)


# -- Applying ------------------------------------------------------------------------------------------------------


def _apply(work: PeopleRun, workers: Sequence[Worker], unreadable: Sequence[UnreadableRecord] = ()) -> None:
    """Plan one page again as things stand now, and make it true by the write protocol."""
    # A source may show a worker twice on one page; the later row is the newer one.
    workers = list({worker.id: worker for worker in workers}.values())
    _, plans = _plan(work, workers)
    if not work.directory_read and _ask_for_numbers(work, plans):
        _, plans = _plan(work, workers)
    plans += [plan_unreadable(record) for record in {record.id: record for record in unreadable}.values()]
    work.by_number.update({p.employee.id: p for p in plans if p.by_number and p.employee and p.employee.id})
    blocked = [plan for plan in plans if plan.act is Act.BLOCKED]
    sendable = [plan for plan in plans if plan.act not in (Act.BLOCKED, Act.UNCHANGED) and not plan.by_number]
    _note_unblocked(work, plans)
    if blocked:
        outcomes = writing.block(work.run, blocked, now=work.now())
        writing.settle(work.run, outcomes, now=work.now(), dry=work.dry)
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


def _note_unblocked(work: PeopleRun, plans: Sequence[Plan]) -> None:
    """Who is as they should be is not blocked any more."""
    unblocked = [plan.worker_id for plan in plans if plan.act is Act.UNCHANGED]
    if unblocked:
        problems.note_moved(work.flow.integration, unblocked)


def _carry_out(work: PeopleRun, plans: Sequence[Plan]) -> None:
    """Intend, send, settle; or, in a preview, find out what that would do."""
    if not plans:
        return
    references = [p.employee.reference for p in plans if p.act is Act.CREATE and p.employee is not None]
    found = work.target.find_by_reference(references) if references else {}
    if not work.dry:
        writing.intend(work.run, plans, now=work.now())

    def one(plan: Plan) -> Outcome:
        assert plan.employee is not None
        there = found.get(plan.employee.reference) if plan.act is Act.CREATE else None
        return writing.preview(work.target, plan, there) if work.dry else _send(work, plan, there)

    outcomes = work.writers.each(one, plans)
    writing.settle(work.run, outcomes, now=work.now(), dry=work.dry)
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


def _apply_deferred(work: PeopleRun, absence: Absence, *, complete: bool) -> None:
    """What had to wait until everybody was seen: leavers found by number, leavers by absence, lost answers,
    managers."""
    if complete:
        for chunk in chunked(list(work.by_number.values()), PAGE):
            _carry_out(work, _nobody_elses(work, chunk))
    for source_ids in chunked(absence.again, PAGE):
        _carry_out(work, _leavers(work, source_ids))
    if not work.dry:
        _apply_selection(work, _look_up(work))
        _assign_managers(work)
        _look_up(work)


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


def _look_up(work: PeopleRun) -> list[str]:
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
    writing.settle_managers(work.run, outcomes, now=work.now())
    _stop_on_failures(work, outcomes)


# -- A chosen few --------------------------------------------------------------------------------------------------


def _run_selection(work: PeopleRun, source_ids: Sequence[str]) -> None:
    """Do these records again: each is read anew from the source, so a replay writes what is true now."""
    _read_directory_if_needed(work)
    survey = Survey(complete=False, read=len(source_ids), acts={"replay": len(source_ids)})
    _begin_applying(work, survey)
    _apply_selection(work, source_ids)
    _apply_deferred(work, Absence(first=[], again=[], back=[]), complete=False)
    _finish(work, survey, None, complete=False, watermark=None, held=None)


def _apply_selection(work: PeopleRun, source_ids: Sequence[str]) -> None:
    for chunk in chunked(source_ids, PAGE):
        stop_if_asked(work.run)
        page, gone = _reread(work, chunk)
        _note_pending(work, page.workers, _queued(work, source_id__in=chunk))
        _apply(work, page.workers, page.unreadable)
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
    writing.settle(work.run, outcomes, now=work.now(), dry=work.dry)


# -- The end -------------------------------------------------------------------------------------------------------


def _finish(
    work: PeopleRun,
    survey: Survey,
    absence: Absence | None,
    *,
    complete: bool,
    watermark: datetime | None,
    held: str | None,
) -> None:
    """Counters made exact, the watermark moved over settled pages only, and the run ended."""
    run, flow, now = work.run, work.flow, work.now()
    counted = writing.counters_of(run, dry=work.dry)
    elsewhere = len(absence.again) if absence else 0
    moved = sum(number for name, number in counted.items() if name != "unchanged") - elsewhere
    counted["unchanged"] = max(survey.read - moved, 0) if run.kind != Run.Kind.REPLAY else counted["unchanged"]
    counted["queued"] = PendingChange.objects.filter(integration=flow.integration).count()
    open_ends = counted["unsent"] + counted["verifying"]
    with transaction.atomic():
        hold_lease(run, now=now)
        Run.objects.filter(pk=run.pk).update(**counted)
        if not work.dry and absence is not None:
            progress: dict[str, object] = {}
            if complete:
                note_absence(flow.integration, absence)
                progress["expected_records"] = survey.read
            if not open_ends:
                progress["watermark"] = watermark
                if complete:
                    progress["last_full_at"] = now
            Flow.objects.filter(pk=flow.pk).update(**progress)
        attention = counted["blocked"] + counted["rejected"] + open_ends
        state = Run.State.PARTLY_FAILED if attention and not work.dry else Run.State.SUCCEEDED
        end(run, state, held or _message(work, survey, complete=complete), now=now)


def _message(work: PeopleRun, survey: Survey, *, complete: bool) -> str:
    if work.run.kind == Run.Kind.PREVIEW:
        return "Preview: nothing was written."
    if work.dry:
        return "Nothing was written: writing is switched off for this flow. This is what the run would have done."
    if survey.read == 0 and not complete:
        return f"No changes since {work.flow.watermark:%d %b %Y %H:%M} UTC."
    return ""
