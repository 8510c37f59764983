"""Workers do once a minute what nobody asks them for, and only where there is something to do."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db.models import F
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import OrmQ, Schedule

from sync import jobs
from sync.apps import schedule_tick
from sync.configuring import configure_flow
from sync.models import Delivery, Flow, Posting, Run
from sync.runs import claim, request_run
from sync.sweeping import sweep, sweep_postings, tenants_with_work
from tenants.scope import current_tenant_id, tenant_scope
from tests.api.company import Company, found
from tests.cast import make_tenant

NOW = datetime.now(UTC)


def quiet(name: str = "Acme") -> Company:
    """A company in which nothing is to be done."""
    return found(make_tenant(name))


def work(now: datetime = NOW) -> set[uuid.UUID]:
    return set(tenants_with_work(now=now))


def test_a_migrated_database_calls_the_tick_once_a_minute_and_looks_at_all_clocks_every_hour(
    installation: None,
) -> None:
    schedule_tick("owner")
    schedule_tick("owner")
    [schedule] = Schedule.objects.filter(func="sync.jobs.tick")
    assert import_string(schedule.func) is jobs.tick
    assert (schedule.schedule_type, schedule.minutes, schedule.repeats) == (Schedule.MINUTES, 1, -1)
    assert schedule.next_run <= timezone.now()
    [hourly] = Schedule.objects.filter(func="sync.jobs.true_clocks")
    assert import_string(hourly.func) is jobs.true_clocks
    assert (hourly.schedule_type, hourly.repeats) == (Schedule.HOURLY, -1)
    assert hourly.next_run <= timezone.now()


def test_one_tenants_trouble_does_not_keep_the_others_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    troubled, acme = quiet("Troubled"), quiet()
    visited = []

    def sweep(*, now: datetime) -> list[Run]:
        if current_tenant_id() == troubled.tenant.id:
            raise RuntimeError("a defect")
        visited.append(current_tenant_id())
        return []

    monkeypatch.setattr(jobs, "sweep", sweep)
    monkeypatch.setattr(jobs, "tenants_with_work", lambda *, now: [troubled.tenant.id, acme.tenant.id])
    with pytest.raises(ExceptionGroup) as raised:
        jobs.tick()

    assert [str(error) for error in raised.value.exceptions] == ["a defect"]
    assert visited == [acme.tenant.id]


def test_a_tenant_without_work_is_not_visited() -> None:
    acme = quiet()
    assert acme.tenant.id not in work()
    with tenant_scope(acme.tenant.id):
        request_run(acme.people, Run.Kind.FULL, now=NOW)
    assert acme.tenant.id not in work(NOW + timedelta(seconds=settings.RUN_LEASE_SECONDS))


def test_a_run_that_lost_its_job_or_its_worker_is_work() -> None:
    unstarted, dead = quiet(), quiet()
    lease = timedelta(seconds=settings.RUN_LEASE_SECONDS)
    for company in (unstarted, dead):
        with tenant_scope(company.tenant.id):
            run = request_run(company.people, Run.Kind.FULL, now=NOW)
            if company is dead:
                claim(run.pk, now=NOW)
    assert not {unstarted.tenant.id, dead.tenant.id} & work(NOW + lease / 2)
    assert {unstarted.tenant.id, dead.tenant.id} & work(NOW + 2 * lease) == {dead.tenant.id}
    assert {unstarted.tenant.id, dead.tenant.id} <= work(NOW + 6 * lease)


def test_a_clock_whose_time_has_passed_is_work_unless_it_is_paused() -> None:
    acme = quiet()
    with tenant_scope(acme.tenant.id):
        configure_flow(acme.people, {"every_minutes": 15}, now=NOW)
        assert acme.tenant.id not in work(NOW + timedelta(minutes=1))
        assert acme.tenant.id in work(NOW + timedelta(minutes=3))
        Flow.objects.filter(pk=acme.people.pk).update(paused=True)
    assert acme.tenant.id not in work(NOW + timedelta(minutes=3))


def test_an_announcement_that_is_open_is_work() -> None:
    acme = quiet()
    with tenant_scope(acme.tenant.id):
        delivery = Delivery.objects.create(connection=acme.source, event="worker.updated", received_at=NOW)
        assert acme.tenant.id in work()
        delivery.delete()
    assert acme.tenant.id not in work()


def test_journals_are_work_while_writing_is_on_and_never_otherwise() -> None:
    """Approved journals of a flow that may not write were offered to the workers every minute, for nothing."""
    acme = quiet()
    acme.add(1)
    with tenant_scope(acme.tenant.id):
        journals = Posting.objects.all()
        payroll = Flow.objects.filter(integration=acme.integration, kind=Flow.Kind.PAYROLL)
        first = journals.order_by("pk")[0]
        journals.exclude(pk=first.pk).delete()
        approved = {"state": Posting.State.APPROVED, "approved_hash": F("content_hash")}
        journals.update(**approved, next_try_at=NOW - timedelta(minutes=1))
        jobs_before = OrmQ.objects.filter(key__contains=str(acme.tenant.id)).count()
        assert acme.tenant.id not in work()
        assert sweep_postings(now=NOW) == []
        assert OrmQ.objects.filter(key__contains=str(acme.tenant.id)).count() == jobs_before
        payroll.update(writes_enabled=True)
        assert acme.tenant.id in work()
        assert [pay_run.pk for pay_run in sweep_postings(now=NOW)] == [first.pay_run_id]
        payroll.update(paused=True)
        assert acme.tenant.id not in work()
        assert sweep_postings(now=NOW) == []


def test_a_company_whose_jobs_are_late_gets_no_more_of_them() -> None:
    """While workers did not keep up, every minute added a job for each journal and run that waited already."""
    acme = quiet()
    lease = timedelta(seconds=settings.RUN_LEASE_SECONDS)
    with tenant_scope(acme.tenant.id):
        run = request_run(acme.people, Run.Kind.FULL, now=NOW)
        claim(run.pk, now=NOW)
        jobs_of_acme = OrmQ.objects.filter(key__startswith=f"people:{acme.tenant.id}")
        late = OrmQ.objects.create(key=f"people:{acme.tenant.id}", payload="", lock=NOW)

        assert sweep(now=NOW + 2 * lease) == [run]
        assert list(jobs_of_acme) == [late]
        late.delete()
        assert sweep(now=NOW + 2 * lease) == [run]
        assert jobs_of_acme.count() == 1


def test_the_hourly_job_forgets_sessions_that_have_ended() -> None:
    ended, open_one = SessionStore(), SessionStore()
    for session, seconds in ((ended, -60), (open_one, 3600)):
        session.set_expiry(seconds)
        session.save()
    jobs.true_clocks()

    assert not Session.objects.filter(session_key=ended.session_key).exists()
    assert Session.objects.filter(session_key=open_one.session_key).exists()
