"""Doing things again, safely: a record, all that failed, everything one problem blocked, a run, a held run.

A replay reads each record anew and writes what is true now; what is true already costs nothing. ``*_effect`` says
beforehand what a replay is about.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from django.db import transaction

from audit.record import Entry, record
from sync.models import BlockedRecord, Flow, Problem, Run, RunItem
from sync.queue import enqueue_run
from sync.runs import request_run

UNDONE = (RunItem.State.BLOCKED, RunItem.State.REJECTED, RunItem.State.PLANNED, RunItem.State.VERIFYING)
"""States of a record that did not get where it should."""


class NothingToReplay(Exception):
    """There is no record to do again. ``str()`` is the sentence for staff."""


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay would look at again, before it is started."""

    records: int
    settled_already: int
    writes_enabled: bool
    sentence: str


def effect_of(flow: Flow, source_ids: Sequence[str], settled_already: int = 0) -> Effect:
    """The effect of replaying these records."""
    people = "1 person" if len(source_ids) == 1 else f"{len(source_ids)} people"
    target = flow.integration.target.name
    sentence = f"{people} will be read again and made true in {target}. What is right already stays untouched."
    if not flow.writes_enabled:
        sentence = f"{people} will be read again. Nothing is written: writing is switched off for this flow."
    return Effect(
        records=len(source_ids),
        settled_already=settled_already,
        writes_enabled=flow.writes_enabled,
        sentence=sentence,
    )


def replay_item(item: RunItem, *, now: datetime) -> Run:
    """Do one record again. Raises AlreadyRunning."""
    return _replay(item.run.flow, [item.source_id], item.run, now, "item.replayed", "item", str(item.pk), item.label)


def undone_of(run: Run) -> list[str]:
    """Source ids of the run's records that did not get where they should."""
    undone = RunItem.objects.filter(run=run, state__in=UNDONE).order_by("pk")
    return list(undone.values_list("source_id", flat=True))


def replay_undone(run: Run, *, now: datetime) -> Run:
    """Do every record of a run again that did not get where it should. Raises NothingToReplay, AlreadyRunning."""
    return _replay(run.flow, undone_of(run), run, now, "run.replayed", "run", str(run.pk), str(run))


def replay_run(run: Run, *, now: datetime) -> Run:
    """Run the same thing again: everybody, changes, or the same selection. Raises AlreadyRunning."""
    kind = Run.Kind.FULL if run.kind == Run.Kind.PREVIEW else run.kind
    with transaction.atomic():
        again = request_run(run.flow, kind, now=now, trigger="replay", selection=run.selection, replay_of=run)
        _record("run.replayed", "run", str(run.pk), str(run), again, now)
        enqueue_run(again)
    return again


def victims_of(problem: Problem) -> list[str]:
    """Source ids of everybody this problem blocks now."""
    return list(BlockedRecord.objects.filter(problem=problem).order_by("pk").values_list("source_id", flat=True))


def replay_problem(problem: Problem, *, now: datetime) -> Run:
    """Do everybody again whom this problem blocks. Raises NothingToReplay, AlreadyRunning."""
    flow = Flow.objects.select_related("integration").get(integration=problem.integration, kind=Flow.Kind.PEOPLE)
    label = problem.sentence[:200]
    return _replay(flow, victims_of(problem), None, now, "problem.replayed", "problem", str(problem.pk), label)


def why_not_released(run: Run) -> str:
    """Why this run cannot be released, as a sentence; empty when it can.

    What a person would agree to must still be what lies ahead: a later walk that came to its end has changed it. A
    run over the changes alone does not overtake one over everybody, and previews and replays overtake nothing.
    """
    if run.state != Run.State.HELD:
        return "This run is not held, so there is nothing to release."
    if run.releases.exists():
        return "This run was released before."
    wider = [Run.Kind.FULL] if run.kind == Run.Kind.FULL else [Run.Kind.FULL, Run.Kind.CHANGES]
    finished = (Run.State.SUCCEEDED, Run.State.PARTLY_FAILED)
    if Run.objects.filter(flow=run.flow_id, pk__gt=run.pk, kind__in=wider, state__in=finished).exists():
        return "A later run has finished since; start a new run to see what it would do now."
    return ""


def release(run: Run, *, now: datetime) -> Run:
    """Let a held run go on, up to what it showed: a new run of the same kind. Raises ValueError with the sentence
    of ``why_not_released``, AlreadyRunning."""
    with transaction.atomic():
        if refusal := why_not_released(Run.objects.select_for_update().get(pk=run.pk)):
            raise ValueError(refusal)
        released = request_run(run.flow, run.kind, now=now, trigger="release", selection=run.selection, release_of=run)
        _record("run.released", "run", str(run.pk), str(run), released, now)
        enqueue_run(released)
    return released


def _replay(
    flow: Flow,
    source_ids: list[str],
    of: Run | None,
    now: datetime,
    verb: str,
    subject_kind: str,
    subject_id: str,
    label: str,
) -> Run:
    if not source_ids:
        raise NothingToReplay("There is nothing to do again: every record got where it should.")
    with transaction.atomic():
        run = request_run(flow, Run.Kind.REPLAY, now=now, trigger="replay", selection=source_ids, replay_of=of)
        _record(verb, subject_kind, subject_id, label, run, now)
        enqueue_run(run)
    return run


def _record(verb: str, subject_kind: str, subject_id: str, label: str, run: Run, now: datetime) -> None:
    entry = Entry(action=verb, subject_kind=subject_kind, subject_id=subject_id, subject_label=label, run_id=run.pk)
    record([entry], at=now)
