"""Occurrences that did not start when they were due are kept as missed, until somebody starts them after all."""

from __future__ import annotations

from datetime import datetime

from audit.record import Entry, record
from sync.models import Slot
from sync.watching.overdue import late_timings


def note_missed(now: datetime) -> None:
    """Afterwards the occurrence that each late timing waits for is noted as missed, once; the start that catches it up
    changes that. Call it last in a transaction: it writes to the audit trail."""
    # One that is being started just now is not missed: who starts it holds its row, and writes to the trail as well.
    free = late_timings(now).select_for_update(of=("self",), no_key=True, skip_locked=True)
    late = {(timing.pk, timing.next_at): timing for timing in free}
    known = Slot.objects.filter(timing__in=[pk for pk, _ in late], due_at__in=[due for _, due in late])
    for place in known.values_list("timing", "due_at"):
        late.pop(place, None)
    if not late:
        return
    Slot.objects.bulk_create(
        [
            Slot(timing=timing, due_at=due, nominal=timing.nominal, state=Slot.State.MISSED)
            for (_, due), timing in late.items()
            if due is not None
        ],
        ignore_conflicts=True,
    )
    entries = [
        Entry(
            action="run.missed",
            subject_kind="flow",
            subject_id=str(timing.flow_id),
            subject_label=str(timing.flow),
            detail={"due_on": timing.next_at.isoformat() if timing.next_at else ""},
        )
        for timing in late.values()
    ]
    record(entries, at=now)
