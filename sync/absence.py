"""Workers the source no longer shows. Absence counts as leaving only when two complete walks in a row agree."""

from __future__ import annotations

import msgspec

from sync.chunks import chunked
from sync.keyset import KeySet
from sync.models import Integration, Link

SWEEPS = 2
_BATCH = 2000


class Absence(msgspec.Struct, frozen=True, kw_only=True):
    """``first``: missing for the first time; ``again``: missing before and now; ``back``: missing before, here now."""

    first: list[str]
    again: list[str]
    back: list[str]


def find_absent(integration: Integration, seen: KeySet) -> Absence:
    """Compare every active link with the keys of a complete walk. Reads only."""
    first: list[str] = []
    again: list[str] = []
    back: list[str] = []
    rows = Link.objects.filter(integration=integration, active=True).values_list("source_id", "missing_sweeps")
    for source_id, sweeps in rows.iterator(chunk_size=_BATCH):
        if source_id not in seen:
            (again if sweeps + 1 >= SWEEPS else first).append(source_id)
        elif sweeps:
            back.append(source_id)
    return Absence(first=first, again=again, back=back)


def note_absence(integration: Integration, absence: Absence) -> None:
    """Remember this sweep for the next one."""
    for source_ids, sweeps in ((absence.first, 1), (absence.back, 0)):
        for chunk in chunked(source_ids, _BATCH):
            Link.objects.filter(integration=integration, source_id__in=chunk).update(missing_sweeps=sweeps)
