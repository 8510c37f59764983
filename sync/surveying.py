"""The first half of a people run: read and plan everything, write nothing to the target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from django.db import transaction

from connectors.records import UnreadableRecord, Worker, WorkerPage
from sync import problems
from sync.chunks import chunked
from sync.directory import read_directory
from sync.holding import Survey
from sync.keyset import KeySet
from sync.models import Flow, Link, PendingChange, Run, TargetEmployee
from sync.people_run import PAGE, PeopleRun
from sync.planning import Act, Plan, is_usable, pending_of
from sync.planning import plan as plan_workers
from sync.prefetch import prefetched
from sync.rereading import reread
from sync.runs import stop_if_asked

KEPT_CHANGES = 1000
"""So many changed workers are kept in memory between survey and apply; beyond, the source is read again."""
OVERLAP = timedelta(hours=1)
"""How far before the watermark an incremental read starts: rows committed late are seen in time."""
PROGRESS_EVERY = timedelta(seconds=1)


class Findings:
    """What a survey finds out: the keys seen, the numbers, the latest change, the changed records, and the managers
    of those who are to be created. ``changed`` is None once they are too many to keep."""

    def __init__(self, survey: Survey, watermark: datetime | None, *, not_after: datetime) -> None:
        self.seen = KeySet()
        self.survey = survey
        self.watermark = watermark
        self.changed: dict[str, Worker | UnreadableRecord] | None = {}
        self.leaders: set[str] = set()
        self.acts: Counter[str] = Counter()
        self.redacted: dict[str, str] = {}
        self._not_after = not_after

    def note(self, worker: Worker, plan: Plan) -> None:
        """One worker and what would be done."""
        self.seen.add(worker.id, plan.fingerprint)
        self.acts[plan.act] += 1
        self.survey.headcount += plan.active
        # A record stamped far in the future must not hide what changes until then.
        at = worker.updated_at
        if at is not None and (self.watermark is None or self.watermark < at) and at < self._not_after:
            self.watermark = at
        if self.changed is not None and plan.act is not Act.UNCHANGED:
            self.changed[worker.id] = worker
        if plan.act is Act.CREATE and plan.manager:
            self.leaders.add(plan.manager)

    def note_unreadable(self, record: UnreadableRecord) -> None:
        """One record that could not be read."""
        self.seen.add(record.id)
        self.acts[Act.BLOCKED] += 1
        if self.changed is not None:
            self.changed[record.id] = record

    def end_page(self, records: int) -> None:
        """A page of so many records has been noted."""
        self.survey.read += records
        if self.changed is not None and len(self.changed) > KEPT_CHANGES:
            self.changed = None

    def conclude(self) -> None:
        """Everything has been seen."""
        self.seen.seal()
        self.survey.unchanged = self.acts.pop(Act.UNCHANGED, 0)
        self.survey.acts = {str(act): number for act, number in self.acts.items()}


def take_survey(work: PeopleRun, since: datetime | None) -> Findings:
    """Read and plan everything. Writes nothing but the queue of announced changes, who is blocked no more, and
    progress."""
    run, flow = work.run, work.flow
    survey = Survey(complete=since is None, expected=flow.expected_records)
    survey.linked = Link.objects.filter(integration=flow.integration, active=True).count()
    survey.present = TargetEmployee.objects.filter(connection_id=flow.integration.target_id, active=True).count()
    found = Findings(survey, flow.watermark, not_after=work.now() + OVERLAP)
    queued, any_blocked = queued_of(work), problems.any_blocked(flow.integration)
    next_progress = work.now() + PROGRESS_EVERY
    for page in prefetched(with_due(work, work.source.worker_pages(since), since)):
        plans = plan_page(work, page.workers)
        found.redacted.update(page.redacted)
        for worker, plan in zip(page.workers, plans, strict=True):
            found.note(worker, plan)
        for record in page.unreadable:
            found.note_unreadable(record)
        found.end_page(len(page.workers) + len(page.unreadable))
        note_pending(work, page.workers, queued)
        if any_blocked:
            note_unblocked(work, plans)
        if work.now() >= next_progress:
            stop_if_asked(run)
            Run.objects.filter(pk=run.pk).update(read=survey.read, unchanged=found.acts[Act.UNCHANGED])
            next_progress = work.now() + PROGRESS_EVERY
    found.conclude()
    if found.redacted != flow.redacted:
        Flow.objects.filter(pk=flow.pk).update(redacted=found.redacted)
    return found


def changed_since(work: PeopleRun) -> datetime | None:
    """The instant from which changes are read, None for a complete walk."""
    flow = work.flow
    if work.run.kind != Run.Kind.CHANGES or flow.watermark is None or not work.source.honours_changed_since():
        return None
    return flow.watermark - OVERLAP


def with_due(work: PeopleRun, pages: Iterator[WorkerPage], since: datetime | None) -> Iterator[WorkerPage]:
    """The pages, and for an incremental read also the workers whose announced day has come, those who wait for a
    change of somebody else, and those the run was asked for whom the changes did not show."""
    if since is None:
        yield from pages
        return
    asked = set(work.run.selection)
    for page in pages:
        asked.difference_update(worker.id for worker in page.workers)
        yield page
    due = queued_of(work, effective_on__lte=work.loader.today)
    for chunk in chunked(sorted(due | asked | problems.waiting_for_others(work.flow.integration)), PAGE):
        yield reread_page(work, chunk)[0]


def reread_page(work: PeopleRun, source_ids: Sequence[str]) -> tuple[WorkerPage, list[str]]:
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


def plan_page(work: PeopleRun, workers: Sequence[Worker]) -> list[Plan]:
    """One plan per worker, as things stand now."""
    return plan_workers(workers, work.loader.around(workers))


def queued_of(work: PeopleRun, **lookup: object) -> set[str]:
    """Source ids of workers with a change announced for a later day."""
    rows = PendingChange.objects.filter(integration=work.flow.integration, **lookup)
    return set(rows.values_list("source_id", flat=True))


def note_pending(work: PeopleRun, workers: Sequence[Worker], queued: set[str]) -> None:
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


def read_directory_if_needed(work: PeopleRun) -> None:
    """A target we have written everything to need not be read; one with strangers must be."""
    integration = work.flow.integration
    if (
        not TargetEmployee.objects.filter(connection_id=integration.target_id).exists()
        or work.flow.last_full_at is None
    ):
        read_directory(integration.target, work.target, now=work.now())
        work.directory_read = True


def forget_vanished(work: PeopleRun, seen: KeySet) -> None:
    """Afterwards nobody is queued or blocked whom the source does not have any more."""
    integration = work.flow.integration
    if gone := [source_id for source_id in queued_of(work) if source_id not in seen]:
        PendingChange.objects.filter(integration=integration, source_id__any_of=gone).delete()
    problems.note_vanished(integration, seen)


def note_unblocked(work: PeopleRun, plans: Sequence[Plan]) -> None:
    """Who is as they should be is not blocked any more."""
    unblocked = [plan.worker_id for plan in plans if plan.act is Act.UNCHANGED]
    if unblocked:
        problems.note_moved(work.flow.integration, unblocked)
