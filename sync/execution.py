"""Executing a run: claim it, open both ends, run the flow, end it whatever happens."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable
from datetime import date, datetime
from typing import Protocol, cast

import structlog
from django.db import InterfaceError, OperationalError, transaction

from audit.context import acting_as
from connectors.contract import (
    Connector,
    LedgerTarget,
    OrgSource,
    OrgTarget,
    PayRunSource,
    WorkerSource,
    WorkerTarget,
)
from connectors.errors import ConnectorError
from connectors.models import Connection
from connectors.registry import open_connector
from sync.clock import DatabaseClock
from sync.failures import policy_for
from sync.models import Flow, Integration, PayRun, Run, RunItem
from sync.payroll.claims import still_in_hand, watchful
from sync.payroll.flow import run_payroll
from sync.payroll.month_end import read_month
from sync.payroll.posting import advance
from sync.payroll.reconciling import reconcile
from sync.people import run_people
from sync.queue import enqueue_run
from sync.reference import run_reference
from sync.runs import Cancelled, Interrupted, LeaseLost, claim, end, give_back, kept_alive, reread
from tenants.models import Tenant

log = structlog.get_logger()


class World(Protocol):
    """The clock, waiting and chance."""

    def now(self) -> datetime: ...

    def sleep(self, seconds: float) -> None: ...

    def random(self) -> float: ...


class SystemWorld:
    """The real ones; the clock is the database's, by which the workers of all machines agree."""

    def __init__(self) -> None:
        self._clock = DatabaseClock()

    def now(self) -> datetime:
        """The present instant, aware UTC."""
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def random(self) -> float:
        """A number from 0 to 1."""
        return random.random()  # noqa: S311 - spreads retries, guards nothing


def execute_run(run_id: int, world: World) -> Run | None:
    """Claim the run and work on it until it has ended; returns it, or None when it was not ours to work on."""
    run = claim(run_id, now=world.now())
    return work_on(run, world) if run else None


def work_on(run: Run, world: World) -> Run | None:
    """Work on a run that was claimed until it has ended; returns it, or None when another worker is to finish it.

    Afterwards the run is in an end state, unless this process died, lost the lease or the database, or was asked to
    stop, in which case another worker finishes it.
    """
    with (
        acting_as("system", f"Run #{run.pk}", correlation_id=run.correlation_id or None),
        structlog.contextvars.bound_contextvars(run=run.pk),
        kept_alive(run, world.now),
    ):
        try:
            _execute(run, world)
        except LeaseLost:
            log.warning("run.lease_lost")
            return None
        except Interrupted:
            _give_back(run, world)
            return None
        except Cancelled:
            _end(run, Run.State.CANCELLED, "Cancelled. What was written before is listed below.", world)
        except ConnectorError as error:
            log.warning("run.stopped", error=type(error).__name__, detail=error.detail)
            _note_attention(run, error)
            _end(run, Run.State.FAILED, error.sentence, world)
        except (OperationalError, InterfaceError):
            # Nobody's defect: a server that restarts, a connection that is cut. The next worker goes on.
            log.warning("run.database_lost")
            raise
        except Exception:
            # The last line of defence: our own defect must not leave a run without an end. It is logged and raised.
            _end(run, Run.State.FAILED, "An error on our side stopped this run. We have been told.", world)
            raise
    return run


def _execute(run: Run, world: World) -> None:
    integration = run.flow.integration
    time_zone = Tenant.objects.get(pk=run.tenant_id).time_zone
    source = _open(integration.source, run, world)
    try:
        target = _open(integration.target, run, world)
        try:
            if run.flow.kind == Flow.Kind.REFERENCE:
                run_reference(run, cast(OrgSource, source), cast(OrgTarget, target), now=world.now)
            elif run.flow.kind == Flow.Kind.PAYROLL:
                run_payroll(
                    run, cast(PayRunSource, source), cast(LedgerTarget, target), time_zone=time_zone, now=world.now
                )
            else:
                run_people(
                    run,
                    cast(WorkerSource, source),
                    cast(WorkerTarget, target),
                    time_zone=time_zone,
                    now=world.now,
                    sleep=world.sleep,
                )
        finally:
            target.close()
    finally:
        source.close()


def advance_postings(pay_run_id: int, world: World) -> PayRun:
    """Take the journals of a pay run as far as they can go now; returns the run.

    A connection that does not work is noted on it; its journals stay as they are until it does.
    """
    return _with_ledger(
        pay_run_id, world, lambda pay_run, target: advance(pay_run, target, now=world.now, sleep=world.sleep)
    )


def reconcile_postings(pay_run_id: int, world: World) -> PayRun:
    """Tie out what is on the ledger of a pay run; returns the run. A connection that does not work is noted on it."""
    return _with_ledger(pay_run_id, world, lambda pay_run, target: reconcile(pay_run, target, now=world.now()))


def read_ledger_month(integration_id: str, month: date, world: World) -> None:
    """Remember what the ledger shows now of the accounts our journals of a month are on. A connection that does not
    work is noted on it."""
    integration = Integration.objects.select_related("target").get(pk=integration_id)
    _at_ledger(
        integration.target,
        world,
        lambda target: read_month(integration, target, month, now=world.now()),
        integration=integration_id,
    )


def _with_ledger(pay_run_id: int, world: World, act: Callable[[PayRun, LedgerTarget], object]) -> PayRun:
    pay_run = PayRun.objects.select_related("integration__source", "integration__target").get(pk=pay_run_id)
    _at_ledger(pay_run.integration.target, world, lambda target: act(pay_run, target), pay_run=pay_run.pk)
    pay_run.refresh_from_db()
    return pay_run


def _at_ledger(
    connection: Connection, world: World, act: Callable[[LedgerTarget], object], **subject: int | str
) -> None:
    correlation_id = uuid.uuid4().hex
    with (
        acting_as("system", "Worker", correlation_id=correlation_id),
        structlog.contextvars.bound_contextvars(**subject),
    ):
        try:
            target = open_connector(
                connection,
                now=world.now,
                sleep=watchful(world.sleep, world.now),
                before_write=still_in_hand(world.now),
                random=world.random,
                correlation_id=correlation_id,
            )
            try:
                act(cast(LedgerTarget, target))
            finally:
                target.close()
        except ConnectorError as error:
            log.warning("postings.stopped", error=type(error).__name__, detail=error.detail)
            if policy_for(error).needs_attention:
                _note_connection(connection, error)


def _open(connection: Connection, run: Run, world: World) -> Connector:
    clock: Callable[[], datetime] = world.now
    return open_connector(
        connection, now=clock, sleep=world.sleep, random=world.random, correlation_id=run.correlation_id
    )


def _give_back(run: Run, world: World) -> None:
    try:
        with transaction.atomic():
            give_back(run, now=world.now())
            enqueue_run(run)
        log.info("run.given_back")
    except LeaseLost:
        log.warning("run.lease_lost")


def _end(run: Run, state: str, message: str, world: World) -> None:
    try:
        with transaction.atomic():
            RunItem.objects.filter(run=run, state=RunItem.State.PLANNED, message="").update(message="Not sent.")
            end(run, state, message, now=world.now())
    except LeaseLost:
        log.warning("run.lease_lost")
        reread(run)


def _note_attention(run: Run, error: ConnectorError) -> None:
    """A configuration error is the connection's whose product the sentence names first: its owner sees it there."""
    if not policy_for(error).needs_attention:
        return
    integration = run.flow.integration
    named = [c for c in (integration.source, integration.target) if c.product.product in error.sentence]
    for connection in sorted(named, key=lambda c: error.sentence.index(c.product.product))[:1]:
        _note_connection(connection, error)


def _note_connection(connection: Connection, error: ConnectorError) -> None:
    Connection.objects.filter(pk=connection.pk).exclude(state=Connection.State.PAUSED).update(
        state=Connection.State.ATTENTION, state_reason=error.sentence
    )
