"""The people flow: make the target hold the same people as the source. Read top to bottom from ``run_people``.

First the source is read and planned without writing anything (``sync/surveying.py``). An unexpected zero or a mass
change stops the run there and asks. Then the changes are applied page by page by the write protocol, managers follow
once their own employees exist, and who disappeared from the source is dealt with (``sync/applying.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
from django.db import transaction

from connectors.contract import WorkerSource, WorkerTarget
from connectors.records import UnreadableRecord, Worker, WorkerPage
from sync import problems, settling
from sync.absence import Absence, find_absent, note_absence
from sync.applying import apply_deferred, apply_page, apply_selection, look_up_lost
from sync.chunks import chunked
from sync.holding import Survey, judge
from sync.models import Flow, PendingChange, Run
from sync.people_run import PAGE, PeopleRun
from sync.prefetch import prefetched
from sync.runs import end, hold_lease, stop_if_asked
from sync.surroundings import SurroundingsLoader
from sync.surveying import Findings, changed_since, forget_vanished, read_directory_if_needed, take_survey, with_due
from sync.threads import Threads
from sync.verifying import adopt_orphans


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
            settling.recount(run, dry=work.dry)
            raise
        finally:
            # Also when it was stopped: a page that was settled may have blocked or freed somebody.
            problems.recount(integration, now=now())


def _finish_what_a_dead_worker_left(work: PeopleRun) -> list[str]:
    """Source ids of records that this run or an earlier one sent, and that did not arrive."""
    if work.dry or not adopt_orphans(work.run, now=work.now()):
        return []
    return look_up_lost(work)


def _run_walk(work: PeopleRun, resend: list[str]) -> None:
    run, flow = work.run, work.flow
    since = changed_since(work)
    complete = since is None
    if complete:
        read_directory_if_needed(work)
    found = take_survey(work, since)
    survey = found.survey
    absence = find_absent(flow.integration, found.seen) if complete else Absence(first=[], again=[], back=[])
    if complete and survey.read:
        forget_vanished(work, found.seen)
    survey.acts["terminate"] = survey.acts.get("terminate", 0) + len(absence.again)
    run.survey = {"read": survey.read, "unchanged": survey.unchanged, **survey.acts}
    run.digest = found.seen.digest()
    run.headcount = survey.headcount if complete else None
    released = run.release_of.survey if run.release_of else None
    source = flow.integration.source.name
    held = judge(survey, flow.max_change_percent, released, source=source, least=flow.least_records)
    if held and not work.dry:
        Run.objects.filter(pk=run.pk).update(read=survey.read, unchanged=survey.unchanged)
        end(run, Run.State.HELD, held, now=work.now())
        return
    _begin_applying(work, survey)
    for page in _pages_to_apply(work, found, since):
        stop_if_asked(run)
        apply_page(work, page.workers, page.unreadable)
    apply_selection(work, resend)
    apply_deferred(work, absence, complete=complete)
    _finish(work, survey, absence, complete=complete, watermark=found.watermark, held=held)


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


def _pages_to_apply(work: PeopleRun, found: Findings, since: datetime | None) -> Iterator[WorkerPage]:
    """What is to be applied, managers of newcomers first: who is created after their manager needs no second write.
    Where the changes were too many to keep, the source is read again, once for the managers and once for the rest."""
    leaders = found.leaders
    if found.changed is not None:
        for chunk in chunked(sorted(found.changed.values(), key=lambda record: record.id not in leaders), PAGE):
            yield WorkerPage(
                workers=[record for record in chunk if isinstance(record, Worker)],
                unreadable=[record for record in chunk if isinstance(record, UnreadableRecord)],
            )
        return
    done = set[str]()
    if leaders:
        pages = prefetched(with_due(work, work.source.worker_pages(since), since))
        for managers in chunked((w for page in pages for w in page.workers if w.id in leaders), PAGE):
            done.update(manager.id for manager in managers)
            yield WorkerPage(workers=managers)
    for page in prefetched(with_due(work, work.source.worker_pages(since), since)):
        rest = [worker for worker in page.workers if worker.id not in done]
        yield msgspec.structs.replace(page, workers=rest)


def _run_selection(work: PeopleRun, source_ids: Sequence[str]) -> None:
    """Do these records again: each is read anew from the source, so a replay writes what is true now."""
    read_directory_if_needed(work)
    survey = Survey(complete=False, read=len(source_ids), acts={"replay": len(source_ids)})
    _begin_applying(work, survey)
    apply_selection(work, source_ids)
    apply_deferred(work, Absence(first=[], again=[], back=[]), complete=False)
    _finish(work, survey, None, complete=False, watermark=None, held=None)


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
    counted = settling.counters_of(run, dry=work.dry)
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
