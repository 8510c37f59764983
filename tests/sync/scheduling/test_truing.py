"""Clocks and schedules that are not as they should be are found and put right."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django_q.models import OrmQ, Schedule

from sync import jobs
from sync.clock import database_now
from sync.models import Flow, Timing
from sync.scheduling.schedules import LEAD
from sync.scheduling.truing import Trued, mend_overdue, true_clocks
from tenants.scope import tenant_scope
from tests.cast import make_tenant
from tests.sync.scheduling.clockwork import Clockwork, utc, wound

MONDAY = utc("2026-03-02 09:00")
LATER = MONDAY + timedelta(minutes=20)


@pytest.fixture
def acme() -> Clockwork:
    """One flow that polls every 15 minutes from 09:15 on, and one timing on 12 March, 10:00."""
    made = wound()
    made.friday_timing(MONDAY)
    made.poll_every(15, MONDAY)
    made.turn(MONDAY)
    return made


def facts(acme: Clockwork) -> list[Any]:
    return [(s.name, s.func, s.args, s.kwargs, s.next_run, s.repeats) for s in acme.schedules()]


def trued(acme: Clockwork, **later: int) -> Trued:
    with acme.scope():
        return true_clocks(now=MONDAY + timedelta(**later))


def test_what_is_right_stays_untouched(acme: Clockwork) -> None:
    before = [(s.pk, *fact) for s, fact in zip(acme.schedules(), facts(acme), strict=True)]
    assert trued(acme, minutes=5) == Trued()
    assert [(s.pk, *fact) for s, fact in zip(acme.schedules(), facts(acme), strict=True)] == before


def test_schedules_deleted_by_hand_come_back(acme: Clockwork) -> None:
    before = facts(acme)
    Schedule.objects.filter(pk__in=[s.pk for s in acme.schedules()]).delete()
    assert trued(acme, minutes=5) == Trued(clocks=2)
    assert facts(acme) == before


@pytest.mark.parametrize(
    "spoilt",
    [
        {"next_run": MONDAY + timedelta(days=400)},
        {"kwargs": "{'due': '2031-01-01T00:00:00+00:00'}"},
        {"func": "sync.jobs.tick"},
        {"repeats": 0},
        {"cluster": "elsewhere"},
    ],
    ids=lambda spoilt: next(iter(spoilt)),
)
def test_a_schedule_that_was_changed_is_corrected(acme: Clockwork, spoilt: dict[str, Any]) -> None:
    before = facts(acme)
    Schedule.objects.filter(pk__in=[s.pk for s in acme.schedules()]).update(**spoilt)
    assert trued(acme, minutes=5) == Trued(clocks=2)
    assert facts(acme) == before
    assert {s.cluster for s in acme.schedules()} == {None}


def test_no_clock_can_have_two_schedules(acme: Clockwork) -> None:
    [one, _] = acme.schedules()
    one.pk = None
    with pytest.raises(IntegrityError, match="sync_schedule_name_once"), transaction.atomic():
        one.save()


def test_schedules_of_nothing_are_removed(acme: Clockwork) -> None:
    before = facts(acme)
    [*_, last] = acme.schedules()
    with acme.scope():
        orphan = f"timing:{acme.tenant.id}:5c1b7b4e-0000-4000-8000-000000000000"
        Schedule.objects.create(name=orphan, func=last.func, args=last.args, kwargs=last.kwargs, next_run=MONDAY)
    assert trued(acme, minutes=5) == Trued(orphans=1)
    assert facts(acme) == before


def test_what_a_paused_flow_left_is_removed(acme: Clockwork) -> None:
    with acme.scope():
        Flow.objects.update(paused=True)
    assert trued(acme, minutes=5) == Trued(clocks=2)
    assert acme.schedules() == []


def test_another_holiday_table_or_time_zone_gives_another_instant(
    acme: Clockwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A government decides that Detroit stays where it was in winter; the new table comes with an update."""
    from zoneinfo import ZoneInfo

    from sync.scheduling import occurrences

    monkeypatch.setattr(occurrences, "zone_named", lambda name: ZoneInfo("America/Jamaica"))  # UTC−5 all year
    assert trued(acme, minutes=5) == Trued(clocks=1)
    with acme.scope():
        timing = Timing.objects.get()
    assert timing.next_at == utc("2026-03-12 11:00")
    assert [s.next_run for s in acme.schedules()][1:] == [utc("2026-03-12 11:00") - LEAD]
    monkeypatch.setattr(
        "sync.scheduling.business_days._public_holidays",
        lambda country, region, year: (
            __import__("holidays").HolidayBase(years=year) if year != 2026 else _with_friday_off()
        ),
    )
    assert trued(acme, minutes=5) == Trued(clocks=1)
    with acme.scope():
        assert Timing.objects.get().next_at == utc("2026-03-11 11:00")


def _with_friday_off() -> Any:
    import holidays

    table = holidays.HolidayBase(years=2026)
    table[date(2026, 3, 13)] = "Day of mourning"
    return table


def test_what_is_being_started_is_left_alone(acme: Clockwork) -> None:
    """From the moment the job is made ready until it is surely lost."""
    polling, _ = acme.schedules()
    polling.delete()
    due = MONDAY + timedelta(minutes=15)
    for moment in (due - timedelta(seconds=59), due, due + timedelta(seconds=90)):
        with acme.scope():
            assert true_clocks(now=moment) == Trued()
    with acme.scope():
        assert true_clocks(now=due + timedelta(minutes=3)) == Trued(clocks=1)


def test_a_job_that_was_lost_is_made_again_within_minutes(acme: Clockwork) -> None:
    """The scheduler handed it out, deleted the schedule, and then the broker lost everything."""
    polling, _ = acme.schedules()
    polling.delete()
    with acme.scope():
        assert mend_overdue(now=MONDAY + timedelta(minutes=16)) == 0
        assert mend_overdue(now=LATER) == 1
        assert mend_overdue(now=LATER) == 0
    assert len(acme.turn(LATER)) == 1


def test_a_job_that_only_waits_in_the_queue_is_not_made_again(acme: Clockwork) -> None:
    polling, _ = acme.schedules()
    polling.delete()
    waiting = OrmQ.objects.create(key=f"people:{acme.tenant.id}", payload="", lock=LATER)
    with acme.scope():
        assert mend_overdue(now=LATER) == 0
        waiting.delete()
        assert mend_overdue(now=LATER) == 1


def test_a_job_whose_worker_and_guard_died_is_made_again(acme: Clockwork) -> None:
    """Its row stays locked until the time a job may take is over, which is hours."""
    polling, _ = acme.schedules()
    polling.delete()
    OrmQ.objects.create(key=f"people:{acme.tenant.id}:1", payload="", lock=LATER + timedelta(hours=6))
    with acme.scope():
        assert mend_overdue(now=LATER) == 1
    assert len(acme.turn(LATER)) == 1


def test_the_tick_finds_the_tenant_and_mends_it() -> None:
    now = database_now()
    acme = wound()
    acme.poll_every(15, now - timedelta(minutes=10))
    Schedule.objects.filter(pk__in=[s.pk for s in acme.schedules()]).delete()
    jobs.tick()
    [schedule] = acme.schedules()
    assert schedule.next_run < now


def test_an_upgrade_gives_every_clock_its_schedule(acme: Clockwork) -> None:
    """Before, flows had an instant or none, and there were no schedules."""
    Schedule.objects.filter(pk__in=[s.pk for s in acme.schedules()]).delete()
    with acme.scope():
        Flow.objects.filter(every_minutes__isnull=False).update(next_run_at=None)
        Timing.objects.update(next_at=None)
    assert trued(acme, minutes=5) == Trued(clocks=2)
    assert len(acme.schedules()) == 2


def test_one_calendar_that_cannot_be_used_does_not_keep_others_from_being_trued(acme: Clockwork) -> None:
    broken = acme.friday_timing(MONDAY, offset_days=-4)
    assert broken.calendar is not None
    Schedule.objects.filter(pk__in=[s.pk for s in acme.schedules()]).delete()
    with acme.scope():
        type(broken.calendar).objects.filter(pk=broken.calendar.pk).update(country="XX")
    assert trued(acme, minutes=5) == Trued(clocks=3)
    assert len(acme.schedules()) == 2


def test_another_companys_clocks_are_not_touched(acme: Clockwork) -> None:
    Schedule.objects.filter(pk__in=[s.pk for s in acme.schedules()]).delete()
    with tenant_scope(make_tenant("Other Corp").id):
        assert true_clocks(now=LATER) == Trued()
    assert acme.schedules() == []


def test_truing_costs_as_many_queries_for_many_clocks_as_for_few(acme: Clockwork) -> None:
    counts = []
    for number in range(8):
        with acme.scope(), CaptureQueriesContext(connection) as queries:
            assert true_clocks(now=MONDAY + timedelta(minutes=5)) == Trued()
        counts.append(len(queries))
        acme.friday_timing(MONDAY, offset_days=-number - 1)
    assert len(set(counts)) == 1
