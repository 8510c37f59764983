"""Entry points for the workers. Each enters the tenant's scope and makes one call."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from datetime import date, datetime

from django.contrib.sessions.backends.db import SessionStore
from django.db import transaction
from django.utils import timezone

from audit.context import acting_as
from sync.clock import database_now
from sync.execution import SystemWorld, advance_postings, execute_run, read_ledger_month, reconcile_postings
from sync.heartbeats import WORKERS, beat
from sync.notices.keeping import keep as keep_notices
from sync.notices.keeping import tenants_to_tell
from sync.notices.sending import Outbox, forget_sent, post_due, posts_are_due, send_due
from sync.queue import enqueue_posts
from sync.scheduling import starting, truing
from sync.sweeping import forget_failures, sweep, sweep_postings, tenants_with_work
from sync.webhooks.afterwards import note_end
from sync.webhooks.feeds import read_feed as read_on
from sync.webhooks.following import follow as follow_deliveries
from sync.webhooks.gaps import judge as judge_poll
from sync.webhooks.keeping import forget_old, sweep_deliveries
from tenants.rls import tenant_ids
from tenants.scope import tenant_scope


def execute(tenant_id: str, run_id: int) -> None:
    """Work on one run, if it is still to be worked on."""
    with tenant_scope(uuid.UUID(tenant_id)), acting_as("system", "Worker"):
        note_end(execute_run(run_id, SystemWorld()), now=timezone.now())


def advance(tenant_id: str, pay_run_id: int) -> None:
    """Take the journals of one pay run a step further, if there is one to take."""
    with tenant_scope(uuid.UUID(tenant_id)):
        advance_postings(pay_run_id, SystemWorld())


def reconcile(tenant_id: str, pay_run_id: int) -> None:
    """Tie out what is on the ledger of one pay run."""
    with tenant_scope(uuid.UUID(tenant_id)):
        reconcile_postings(pay_run_id, SystemWorld())


def read_ledger(tenant_id: str, integration_id: str, month: str) -> None:
    """Read what the ledger shows of a month (its first day, ISO) anew."""
    with tenant_scope(uuid.UUID(tenant_id)):
        read_ledger_month(integration_id, date.fromisoformat(month), SystemWorld())


def poll(tenant_id: str, flow_id: str, *, due: str) -> None:
    """Start the polling slot of a flow that was due at this instant (ISO), and work on its run."""
    now = database_now()
    with tenant_scope(uuid.UUID(tenant_id)), acting_as("schedule", "Schedule"):
        run = starting.poll(uuid.UUID(flow_id), datetime.fromisoformat(due), SystemWorld(), now=now)
        note_end(run, now=timezone.now())


def keep(tenant_id: str, timing_id: str, *, due: str) -> None:
    """Start the slot of a timing that was due at this instant (ISO), and work on its run."""
    now = database_now()
    with tenant_scope(uuid.UUID(tenant_id)), acting_as("schedule", "Schedule"):
        run = starting.keep(uuid.UUID(timing_id), datetime.fromisoformat(due), SystemWorld(), now=now)
        note_end(run, now=timezone.now())


def follow(tenant_id: str, connection_id: str, *, due: str) -> None:
    """Follow what was announced about one connection."""
    with tenant_scope(uuid.UUID(tenant_id)):
        follow_deliveries(uuid.UUID(connection_id), SystemWorld())


def read_feed(tenant_id: str, connection_id: str) -> None:
    """Read on in the activity feed of one connection."""
    with tenant_scope(uuid.UUID(tenant_id)):
        read_on(uuid.UUID(connection_id), SystemWorld())


def judge(tenant_id: str, run_id: int, *, due: str) -> None:
    """Hold what a poll found against what was announced."""
    with tenant_scope(uuid.UUID(tenant_id)):
        judge_poll(run_id, now=timezone.now())


def tick() -> None:
    """Once a minute: pick up what dead workers left, try again what did not start, ask again for what was not
    answered. Only tenants that have something of the kind are visited."""
    now = database_now()

    def minutes_work() -> None:
        sweep(now=now)
        sweep_postings(now=now)
        sweep_deliveries(now=now)
        truing.mend_overdue(now=now)

    _for_each(tenants_with_work(now=now), minutes_work, "The minute's work failed for some tenants")


def true_clocks() -> None:
    """Once an hour, and after every migration: every clock of every tenant is held against what it should be, and
    announcements that are old enough are forgotten. Sessions that have ended are forgotten too, and old failures."""

    def hours_work() -> None:
        truing.true_clocks(now=database_now())
        forget_old(now=timezone.now())

    SessionStore.clear_expired()
    forget_failures(now=database_now())
    _for_each(tenant_ids(), hours_work, "Some tenants' clocks could not be put right")


def send_hooks(tenant_id: str) -> None:
    """Tell the programs of one tenant."""
    with tenant_scope(uuid.UUID(tenant_id)), acting_as("system", "Worker"):
        post_due(database_now())


def tell() -> None:
    """Once a minute: notices follow what happened, and what there is to tell leaves; in tenants with something new.
    Mail goes from here, programs are told by a job of their company's: an address that is slow delays nobody else.
    """
    now, outbox = database_now(), Outbox()

    def minutes_notices() -> None:
        keep_notices(now)
        if posts_are_due(now):
            with transaction.atomic():
                enqueue_posts()
        send_due(outbox, now)
        forget_sent(now)

    beat(WORKERS, now)
    try:
        _for_each(tenants_to_tell(now), minutes_notices, "Notices could not be kept for some tenants")
    finally:
        outbox.close()


def _for_each(tenants: Iterable[uuid.UUID], work: Callable[[], object], failed: str) -> None:
    """One tenant's trouble is its own: the others are served first, then every error is raised together."""
    troubles: list[Exception] = []
    for tenant_id in tenants:
        try:
            with tenant_scope(tenant_id), acting_as("schedule", "Schedule"):
                work()
        except Exception as trouble:  # noqa: BLE001 - raised below, after the other tenants had their turn
            trouble.add_note(f"tenant {tenant_id}")
            troubles.append(trouble)
    if troubles:
        raise ExceptionGroup(failed, troubles)
