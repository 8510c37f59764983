"""What the end of a run means for announcements: those that waited for it are followed, and a poll is judged."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from sync.models import Flow, Run
from sync.queue import ANNOUNCED, enqueue_deliveries, enqueue_judgement
from sync.webhooks.feeds import arm
from sync.webhooks.following import REST, open_of
from sync.webhooks.gaps import DELAY, is_to_be_judged


@transaction.atomic
def note_end(run: Run | None, *, now: datetime) -> None:
    """Call when a run has ended, if one has. Deliveries of its source that waited for that are followed;
    a poll is judged later; and the source's feed is armed."""
    if run is None or run.flow.kind == Flow.Kind.PAYROLL:
        return
    source = run.flow.integration.source
    if open_of(source).exists():
        enqueue_deliveries(source.pk, due=now)
    if run.trigger in ANNOUNCED:
        # For those that arrive in the rest that a burst is given: their own job comes too early.
        enqueue_deliveries(source.pk, due=now + REST)
    if run.trigger == "schedule" and run.flow.kind == Flow.Kind.PEOPLE:
        arm(source, now=now)
        if is_to_be_judged(run):
            enqueue_judgement(run, due=now + DELAY)
