"""What is due starts by itself, exactly once, whoever is told to start it and however often."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django_q.models import OrmQ, Schedule

from audit.models import AuditEntry
from connectors import administration
from sync import jobs
from sync.configuring import configure_flow, pause_flow, resume_flow, start
from sync.models import Flow, Run, Slot
from sync.runs import request_run
from sync.scheduling import starting
from sync.scheduling.configuring import change_timing, remove_timing
from sync.scheduling.schedules import LEAD, keep_schedule
from sync.scheduling.truing import mend_overdue
from tenants.scope import tenant_scope
from tests.cast import make_tenant
from tests.conftest import ROOT, database_environment
from tests.sync.scheduling.clockwork import Clockwork, utc, wound

MONDAY = utc("2026-03-02 09:00")


@pytest.fixture
def acme() -> Clockwork:
    return wound()


def test_a_flow_polls_at_once_and_then_every_so_often(acme: Clockwork) -> None:
    acme.poll_every(15, MONDAY)
    [schedule] = acme.schedules()
    assert (schedule.schedule_type, schedule.next_run) == (Schedule.ONCE, MONDAY - LEAD)

    [first] = acme.turn(MONDAY)
    assert (first.kind, first.trigger, first.requested_by) == (Run.Kind.FULL, "schedule", "Schedule")
    assert acme.turn(MONDAY + timedelta(minutes=13)) == []
    assert len(acme.turn(MONDAY + timedelta(minutes=15))) == 1
    assert [s.next_run for s in acme.schedules()] == [MONDAY + timedelta(minutes=30) - LEAD]


def test_a_timing_starts_at_local_wall_time_before_the_pay_date(acme: Clockwork) -> None:
    timing = acme.friday_timing(MONDAY)  # pay dates: 13 and 27 March, on which clocks have gone forward
    assert timing.next_at == utc("2026-03-12 10:00")
    [run] = acme.turn(utc("2026-03-12 10:00"))
    [slot] = acme.slots(timing)
    assert (slot.run, slot.state, str(slot.pay_date)) == (run, Slot.State.STARTED, "2026-03-13")
    with acme.scope():
        timing.refresh_from_db()
    assert timing.next_at == utc("2026-03-26 10:00")


def test_a_job_that_is_handed_out_twice_starts_one_run(acme: Clockwork) -> None:
    timing = acme.friday_timing(MONDAY)
    acme.poll_every(15, MONDAY)
    now = utc("2026-03-12 10:00")
    for schedule in acme.schedules():
        assert acme.job(schedule, now) is not None
        assert acme.job(schedule, now) is None
    assert len(acme.runs()) == 2
    assert len(acme.slots(timing)) == 1


def test_a_machine_whose_clock_is_ahead_neither_starts_early_nor_loses_the_slot(acme: Clockwork) -> None:
    timing = acme.friday_timing(MONDAY)
    acme.poll_every(15, MONDAY)
    now = utc("2026-03-12 10:00")
    acme.turn(now - timedelta(minutes=1))  # polled; the timing is handed out by no clock yet
    for schedule in acme.schedules():
        Schedule.objects.filter(pk=schedule.pk).delete()
        assert acme.job(schedule, MONDAY) is None
    assert len(acme.schedules()) == 2
    assert acme.slots(timing) == []
    assert len(acme.turn(now + timedelta(minutes=15))) == 2
    assert len(acme.slots(timing)) == 1


def test_polling_that_meets_a_run_in_progress_is_skipped_and_names_it(acme: Clockwork) -> None:
    acme.poll_every(15, MONDAY)
    [running] = acme.turn(MONDAY, ended=False)
    assert acme.turn(MONDAY + timedelta(minutes=15)) == []
    [skipped] = acme.runs(state=Run.State.SKIPPED)
    assert f"#{running.pk}" in skipped.message
    with acme.scope():
        entry = AuditEntry.objects.get(action="run.skipped")
    assert (entry.subject_id, entry.actor_kind) == (str(skipped.pk), "schedule")
    acme.finish(running, MONDAY + timedelta(minutes=16))
    assert len(acme.turn(MONDAY + timedelta(minutes=30))) == 1


def test_a_timings_slot_waits_for_a_run_in_progress_and_is_not_lost(acme: Clockwork) -> None:
    timing = acme.friday_timing(MONDAY)
    due = utc("2026-03-12 10:00")
    with acme.scope():
        running = request_run(acme.payroll, Run.Kind.FULL, now=due - timedelta(minutes=10))
    assert acme.turn(due) == []
    [schedule] = acme.schedules()
    assert schedule.next_run == due + timedelta(minutes=1)
    assert acme.turn(due + timedelta(minutes=2)) == []
    acme.finish(running, due + timedelta(minutes=8))
    [run] = acme.turn(due + timedelta(minutes=9))
    [slot] = acme.slots(timing)
    assert (slot.run, slot.state, slot.due_at) == (run, Slot.State.CAUGHT_UP, due)
    assert len(acme.runs()) == 2


def test_paused_nothing_starts_and_nothing_comes_later(acme: Clockwork) -> None:
    timing = acme.friday_timing(MONDAY)
    acme.poll_every(15, MONDAY)
    left = acme.schedules()
    with acme.scope():
        for flow in (acme.flow, acme.payroll):
            pause_flow(Flow.objects.get(pk=flow.pk), "Year-end close", now=MONDAY)
    assert acme.schedules() == []
    april = utc("2026-04-01 12:00")
    assert [acme.job(schedule, april) for schedule in left] == [None, None]
    with acme.scope():
        for flow in (acme.flow, acme.payroll):
            resume_flow(Flow.objects.get(pk=flow.pk), now=april)
        timing.refresh_from_db()
    assert timing.next_at == utc("2026-04-09 10:00")
    assert len(acme.turn(april)) == 1  # polling is due at once
    assert acme.slots(timing) == []


def test_while_a_connection_is_paused_nothing_starts_and_slots_are_caught_up_after_it(acme: Clockwork) -> None:
    timing = acme.friday_timing(MONDAY)
    due = utc("2026-03-12 10:00")
    with acme.scope():
        source = acme.payroll.integration.source
        administration.pause(source, reason="Moving house", at=MONDAY)
    assert acme.turn(due) == []
    assert acme.schedules() == []
    with acme.scope():
        assert mend_overdue(now=due + timedelta(hours=5)) == 0
        administration.resume(source, at=due + timedelta(hours=5))
        assert mend_overdue(now=due + timedelta(hours=5)) == 1
    assert len(acme.turn(due + timedelta(hours=5))) == 1
    assert [slot.state for slot in acme.slots(timing)] == [Slot.State.CAUGHT_UP]


def test_what_was_removed_or_changed_in_between_does_not_start(acme: Clockwork) -> None:
    removed, changed = acme.friday_timing(MONDAY), acme.friday_timing(MONDAY, offset_days=-2)
    left = acme.schedules()
    with acme.scope():
        remove_timing(removed, now=MONDAY)
        change_timing(changed, {"offset_days": -3}, now=MONDAY)
    now = utc("2026-03-12 10:00")
    assert [acme.job(schedule, now) for schedule in left] == [None, None]
    assert [s.next_run for s in acme.schedules()] == [utc("2026-03-10 10:00") - LEAD]
    assert acme.runs() == []


def test_vendors_are_not_asked_more_often_than_they_put_up_with(
    acme: Clockwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.scheduling.clocks.floor_of", lambda integration: 30)
    with acme.scope():
        with pytest.raises(ValidationError, match="every 30 minutes at most"):
            configure_flow(acme.flow, {"every_minutes": 15}, now=MONDAY)
        with pytest.raises(ValidationError, match="every 30 minutes at most"):
            acme.cron_timing("*/20 * * * *", MONDAY)
        # One that was set when the floor was lower is held to it all the same.
        Flow.objects.filter(pk=acme.flow.pk).update(every_minutes=10, next_run_at=MONDAY)
        assert starting.start_poll(acme.flow.pk, MONDAY, now=MONDAY) is not None
        assert Flow.objects.get(pk=acme.flow.pk).next_run_at == MONDAY + timedelta(minutes=30)


def test_olga_starts_nothing_of_acmes(acme: Clockwork) -> None:
    acme.friday_timing(MONDAY)
    acme.poll_every(15, MONDAY)
    other = make_tenant("Other Corp")
    for schedule in acme.schedules():
        theirs = schedule.args.replace(str(acme.tenant.id), str(other.id))
        schedule.args = theirs
        assert acme.job(schedule, utc("2026-03-12 10:00")) is None
    assert acme.runs() == []
    with tenant_scope(other.id):
        assert Run.objects.count() == 0
        assert mend_overdue(now=utc("2026-04-01 10:00")) == 0
    assert len(acme.schedules()) == 2


def test_twenty_people_and_schedules_at_once_make_one_run(acme: Clockwork) -> None:
    acme.poll_every(15, MONDAY)
    [schedule] = acme.schedules()
    with acme.scope():
        start(acme.flow, Run.Kind.FULL, now=MONDAY)
    assert [acme.job(schedule, MONDAY) for _ in range(19)] == [None] * 19
    assert len(acme.runs(state__in=Run.ACTIVE)) == 1
    assert len(acme.runs(state=Run.State.SKIPPED)) == 1  # the others found the slot gone


SCHEDULER = """
import sys, time
import django; django.setup()
from sync.handing_out import hand_out_due
print("ready", flush=True); sys.stdin.readline()
for _ in range(3): hand_out_due()
"""


def test_two_schedulers_and_one_slot_make_one_run(acme: Clockwork) -> None:
    """Two real processes look at the schedules at the same moment, and two workers get whatever they hand out."""
    now = datetime.now(UTC)
    timing = acme.cron_timing("0 6 * * *", now - timedelta(days=1, minutes=1))
    due = now - timedelta(seconds=5)
    with acme.scope():
        timing.next_at = due
        timing.save()
        keep_schedule(timing)
    others = Schedule.objects.exclude(name__contains=str(acme.tenant.id))
    others.update(next_run=now + timedelta(days=1))  # nobody else's turn
    environment = {**database_environment(), "DJANGO_SETTINGS_MODULE": "config.settings"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SCHEDULER], cwd=ROOT, env=environment, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    for process in processes:
        assert process.stdout is not None
        while "ready" not in process.stdout.readline():
            assert process.poll() is None
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=60)
    assert [process.returncode for process in processes] == [0, 0]
    handed_out = OrmQ.objects.filter(key__startswith=f"payroll:{acme.tenant.id}")
    assert handed_out.count() == 1
    job = handed_out.get().task
    assert job["args"] == (str(acme.tenant.id), str(timing.pk))
    for _ in range(2):  # handed out again by a broker that heard of no end
        jobs.keep(*job["args"], **job["kwargs"])
    runs = acme.runs()
    assert len(runs) == 1
    assert len(acme.slots(timing)) == 1
    handed_out.delete()
