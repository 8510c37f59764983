"""Reading one worker again by id: a record that cannot be read is an answer, not the end of a run."""

from __future__ import annotations

from connectors.contract import WorkerSource
from connectors.errors import RecordRejectedError
from connectors.records import UnreadableRecord, Worker


def reread(source: WorkerSource, worker_id: str) -> Worker | UnreadableRecord | None:
    """The worker as the source shows it now, None when it does not know it any more."""
    try:
        return source.worker(worker_id)
    except RecordRejectedError as error:
        return UnreadableRecord(id=worker_id, field=error.field or "record", reason=error.sentence)
