"""The life of a run: asked for, claimed by one worker, kept alive, ended once.

The claim is a compare-and-set in the database: whoever holds ``lease_owner`` works, and every transaction that
settles something proves that it still does. A queue may deliver a job twice, a run is worked on once.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q

from audit.context import current_actor
from audit.record import Entry, record
from sync.leases import LeaseLost as LeaseLost
from sync.leases import is_certain, renewed
from sync.models import Flow, Run
from sync.stopping import is_stopping

MAX_ATTEMPTS = 3


class AlreadyRunning(Exception):
    """Another run of this flow is in progress; ``run`` is that one. ``str()`` is the sentence for staff."""

    def __init__(self, run: Run | None) -> None:
        self.run = run
        which = f" (#{run.pk})" if run else ""
        super().__init__(f"Skipped: a run of this flow is already in progress{which}.")


class Cancelled(Exception):
    """A person asked for this run to stop."""


class Interrupted(Exception):
    """This process was asked to stop: another worker is to go on with the run."""


def request_run(
    flow: Flow,
    kind: str,
    *,
    now: datetime,
    trigger: str = "person",
    selection: list[str] | None = None,
    replay_of: Run | None = None,
    release_of: Run | None = None,
) -> Run:
    """A new run of the flow, waiting to start. Raises AlreadyRunning when one is active; the caller enqueues it in
    the same transaction."""
    actor = current_actor()
    try:
        with transaction.atomic():
            run = Run.objects.create(
                flow=flow,
                kind=kind,
                trigger=trigger,
                requested_by=actor.label,
                requested_key=actor.identity,
                selection=selection or [],
                replay_of=replay_of,
                release_of=release_of,
                created_at=now,
                correlation_id=actor.correlation_id,
            )
    except IntegrityError as error:
        if "run_one_active_per_flow" not in str(error):
            raise
        raise AlreadyRunning(Run.objects.filter(flow=flow, state__in=Run.ACTIVE).first()) from error
    return run


def claim(run_id: int, *, now: datetime) -> Run | None:
    """The run, now ours to work on, or None: it has ended, or somebody works on it. A run whose worker died is
    taken over; after MAX_ATTEMPTS it is failed instead."""
    lease = timedelta(seconds=settings.RUN_LEASE_SECONDS)
    takeable = Q(state=Run.State.SCHEDULED) | Q(
        state__in=[Run.State.FETCHING, Run.State.APPLYING], heartbeat_at__lt=now - lease
    )
    with transaction.atomic():
        rows = Run.objects.select_for_update(of=("self",)).select_related("flow__integration")
        run = rows.filter(takeable, pk=run_id).first()
        if run is None:
            return None
        if run.attempts >= MAX_ATTEMPTS:
            end(run, Run.State.FAILED, "The worker died three times in this run. It needs a person.", now=now)
            return None
        take(run, now=now)
    return run


def take(run: Run, *, now: datetime) -> None:
    """Afterwards the run is ours to work on, once the transaction commits: the one that has locked its row, or has just
    made it."""
    run.state = Run.State.FETCHING
    run.attempts += 1
    run.lease_owner = uuid.uuid4().hex
    run.heartbeat_at = now
    run.started_at = run.started_at or now
    run.read = run.planned = 0
    run.save(update_fields=TAKEN)
    run.renewed = time.monotonic()
    record([_entry(run, "run.started", {"attempts": run.attempts, "kind": run.kind})], at=now)


TAKEN = ["state", "attempts", "lease_owner", "heartbeat_at", "started_at", "read", "planned"]


def hold_lease(run: Run, *, now: datetime, **counted: int) -> None:
    """Call inside the transaction that settles something: it commits only while the lease is ours. ``counted`` is
    added to the run's counters."""
    sums = {name: F(name) + number for name, number in counted.items()}
    ours = Run.objects.filter(pk=run.pk, lease_owner=run.lease_owner, state__in=Run.ACTIVE)
    renewed = ours.update(heartbeat_at=now, **sums)
    if renewed != 1:
        raise LeaseLost(f"Run #{run.pk} is no longer ours.")
    run.renewed = time.monotonic()


def be_sure(run: Run) -> None:
    """Call before anything is sent: raises LeaseLost when the lease was not renewed for so long that another worker
    may soon hold it. A process that slept must not wake up and send what its successor has sent."""
    if not is_certain(run.renewed):
        raise LeaseLost(f"Run #{run.pk} was not renewed in time.")


@contextmanager
def kept_alive(run: Run, now: Callable[[], datetime]) -> Iterator[None]:
    """Renews the lease from a thread of its own while the body runs, however long a request takes. A lost lease is
    noticed by the body, when it settles."""
    with renewed(lambda: hold_lease(run, now=now()), f"run-{run.pk}"):
        yield


def end(run: Run, state: str, message: str, *, now: datetime) -> None:
    """The run has ended in ``state``, with its audit entry, in one transaction. Only the holder of the lease can
    end it; a run that has ended stays as it is (LeaseLost)."""
    with transaction.atomic():
        values = {
            "state": state,
            "message": message,
            "finished_at": now,
            "heartbeat_at": now,
            "digest": run.digest,
            "survey": run.survey,
            "headcount": run.headcount,
        }
        held = Run.objects.filter(pk=run.pk, lease_owner=run.lease_owner, state__in=Run.ACTIVE)
        if held.update(**values) != 1:
            raise LeaseLost(f"Run #{run.pk} is no longer ours.")
        reread(run)
        verb = "run.held" if state == Run.State.HELD else "run.finished"
        record([_entry(run, verb, _outcome(run))], at=now)


def reread(run: Run) -> None:
    """Afterwards it shows its row as that is now. What it belongs to stays as it was read, and costs no query again."""
    run.refresh_from_db(fields=[field.attname for field in Run._meta.concrete_fields if not field.is_relation])


def give_back(run: Run, *, now: datetime) -> None:
    """Afterwards the next worker may claim the run at once, as if the lease had run out; this attempt does not count.
    LeaseLost when the run is no longer ours. The caller enqueues it in the same transaction."""
    run_out = now - timedelta(seconds=settings.RUN_LEASE_SECONDS + 1)
    ours = Run.objects.filter(pk=run.pk, lease_owner=run.lease_owner, state__in=Run.ACTIVE)
    if ours.update(lease_owner="", heartbeat_at=run_out, attempts=F("attempts") - 1) != 1:
        raise LeaseLost(f"Run #{run.pk} is no longer ours.")


def request_cancel(run: Run, *, now: datetime) -> Run:
    """Ask the run to stop. One that waits, or whose worker is dead, ends at once; a living one stops after the
    records under way. Ended runs stay as they are."""
    lease = timedelta(seconds=settings.RUN_LEASE_SECONDS)
    with transaction.atomic():
        locked = Run.objects.select_for_update().get(pk=run.pk)
        if locked.state not in Run.ACTIVE:
            return locked
        record([_entry(locked, "run.cancelled", {})], at=now)
        orphaned = locked.heartbeat_at is None or locked.heartbeat_at < now - lease
        if locked.state == Run.State.SCHEDULED or orphaned:
            end(locked, Run.State.CANCELLED, "Cancelled.", now=now)
        else:
            locked.cancel_requested = True
            locked.save(update_fields=["cancel_requested"])
    return locked


def stop_if_asked(run: Run) -> None:
    """Raises Cancelled when a person asked for this run to stop, Interrupted when this process is to end. Called
    between pages, with nothing half done."""
    if is_stopping():
        raise Interrupted
    if Run.objects.filter(pk=run.pk, cancel_requested=True).exists():
        raise Cancelled


def _outcome(run: Run) -> dict[str, object]:
    counted = {name: getattr(run, name) for name in COUNTERS if getattr(run, name)}
    return {"state": run.state, "sentence": run.message, "content_digest": run.digest, "counts": counted}


COUNTERS = (
    "read",
    "created",
    "updated",
    "terminated",
    "rehired",
    "transferred",
    "unchanged",
    "blocked",
    "rejected",
    "verifying",
    "queued",
    "unsent",
)
"""What a run counts; every record read ends up in one of them."""


def _entry(run: Run, action: str, detail: dict[str, object]) -> Entry:
    return Entry(
        action=action,
        subject_kind="run",
        subject_id=str(run.pk),
        subject_label=str(run),
        run_id=run.pk,
        detail=detail,
    )
