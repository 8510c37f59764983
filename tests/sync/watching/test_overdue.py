"""Expected against happened: starts that did not come, and pay dates whose pay run is not posted in time."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.utils import timezone

from audit.context import acting_as
from audit.models import AuditEntry
from connectors.models import Connection
from sync.heartbeats import beat, note_alive, silent_queues
from sync.models import Flow, Heartbeat, Notice, PayCalendar, PayExpectation, PayRun, Slot, Timing
from sync.notices.keeping import tenants_to_tell
from sync.payroll.board import calendar as board
from sync.watching.configuring import change_expectation, expect, stop_expecting
from sync.watching.watch import watch
from tests.sync.notices.company import Company, found_company

DETROIT = ZoneInfo("America/Detroit")
QUEUES = ["mlc", "alerts", "webhooks", "people", "payroll"]


def expecting(of: Company, /, **values: Any) -> PayExpectation:
    """Biweekly Fridays from 6 March 2026 on, posted by 17:00 of the next business day."""
    with of.scope(), acting_as("user", "Ada"):
        calendar = PayCalendar.objects.create(
            name=f"Fridays {PayCalendar.objects.count()}", rule="biweekly", anchor=date(2026, 3, 6), country="US",
            time_zone="America/Detroit",
        )  # fmt: skip
        usual = {"within_days": 1, "at": time(17), "starts_on": date(2026, 3, 1), "calendar": calendar}
        return expect({"integration": of.integration, **usual, **values}, now=of.now)


def local(day: int, hour: int, minute: int = 0, month: int = 3) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=DETROIT).astimezone(UTC)


def missed(company: Company, now: datetime) -> list[str]:
    """What is missed then, as people are told."""
    company.now = now
    company.keep()
    with company.scope():
        return list(Notice.objects.filter(kind="missed", resolved_at=None).values_list("sentence", flat=True))


def test_a_pay_date_is_missed_only_after_its_deadline_and_mended_by_its_pay_run(company: Company) -> None:
    expecting(company)
    assert missed(company, local(9, 16, 59)) == []
    (said,) = missed(company, local(9, 17, 1))
    assert said == "Northfield: the pay run of 06 Mar 2026 did not come, and should be posted by now."
    paid = company.pay_run(PayRun.State.HELD)
    for state, step in (
        (PayRun.State.HELD, "is held by problems"),
        (PayRun.State.READY, "waits for approval"),
        (PayRun.State.POSTING, "is being posted"),
        (PayRun.State.ATTENTION, "needs a person"),
    ):
        with company.scope():
            PayRun.objects.filter(pk=paid.pk).update(state=state)
        (said,) = missed(company, company.now + timedelta(minutes=1))
        assert step in said
    assert company.open()["missed"].times == 1
    with company.scope():
        PayRun.objects.filter(pk=paid.pk).update(state=PayRun.State.RECONCILED)
    assert missed(company, company.now + timedelta(minutes=1)) == []
    # The next one is another matter.
    assert "20 Mar 2026" in missed(company, local(24, 9))[0]


@pytest.mark.parametrize(
    ("values", "is_met"),
    [
        ({}, True),
        ({"pay_group": "WEEKLY"}, True),
        ({"pay_group": "MONTHLY"}, False),
        ({"company": "C2"}, False),
        ({"starts_on": date(2026, 3, 7)}, True),
        ({"within_days": 5}, True),
    ],
)
def test_what_counts_is_the_company_and_pay_group_that_is_expected(
    values: dict[str, Any], is_met: bool, company: Company
) -> None:
    expecting(company, **values)
    company.pay_run(PayRun.State.POSTED, company="C1")
    company.pay_run(PayRun.State.POSTED, company="C2", kind="off_cycle")
    assert (missed(company, local(10, 9)) == []) is is_met


def test_a_deadline_before_the_pay_date_and_one_moved_by_a_holiday(company: Company) -> None:
    expecting(company, within_days=-2)
    assert missed(company, local(4, 16)) == []
    assert len(missed(company, local(4, 18))) == 1
    other = found_company("Holiday")
    expecting(other, starts_on=date(2026, 12, 20))
    # Christmas Day is a Friday: paid on Thursday; the next business day is Monday the 28th.
    with other.scope():
        PayCalendar.objects.update(anchor=date(2026, 12, 25))
    assert missed(other, local(28, 16, month=12)) == []
    assert "24 Dec 2026" in missed(other, local(28, 18, month=12))[0]


def test_the_board_shows_the_dates_of_the_calendar_in_place_of_the_rhythm(company: Company) -> None:
    for weeks in range(2, 10):
        company.pay_run(PayRun.State.RECONCILED, check_date=date(2026, 12, 11) - timedelta(weeks=weeks))
    with company.scope():
        guessed = [cell for line in board(date(2026, 12, 15), local(15, 9, month=12)) for cell in line.cells]
    assert any(cell.badge.text == "Missed" for cell in guessed)
    expecting(company, starts_on=date(2026, 12, 1), pay_group="WEEKLY")
    with company.scope():
        PayCalendar.objects.update(anchor=date(2026, 12, 25))
        (line,) = board(date(2026, 12, 15), local(15, 9, month=12))
    shown = [(cell.check_date, cell.badge.text, cell.note) for cell in line.cells if cell.pay_run is None]
    assert shown == [
        (date(2026, 12, 11), "Missed", ""),
        (date(2026, 12, 24), "Expected", "moved from Fri 25 Dec: Christmas Day"),
        (date(2027, 1, 8), "Expected", ""),
    ]


def test_a_start_that_did_not_come_is_kept_as_missed_once(company: Company) -> None:
    due = company.now - timedelta(minutes=11)
    with company.scope():
        timing = Timing.objects.create(
            flow=company.flows["payroll"], kind="cron", cron="0 9 * * *", time_zone="America/Detroit", next_at=due
        )
    assert missed(company, due + timedelta(minutes=9)) == []
    for minutes in (11, 12, 50):
        (said,) = missed(company, due + timedelta(minutes=minutes))
    assert said == f"Northfield · Payroll did not start when it was due, {due.astimezone(DETROIT):%d %b %H:%M} EST."
    with company.scope():
        slot = Slot.objects.get(timing=timing)
        assert (slot.state, slot.due_at) == (Slot.State.MISSED, due)
        assert AuditEntry.objects.filter(action="run.missed").count() == 1
        Timing.objects.update(next_at=due + timedelta(days=1))
    assert missed(company, company.now + timedelta(minutes=1)) == []


@pytest.mark.parametrize(("every", "late"), [(5, 15), (60, 120)])
def test_a_polling_flow_may_be_late_by_a_quarter_of_an_hour_or_two_intervals(
    every: int, late: int, company: Company
) -> None:
    due = company.now
    with company.scope():
        Flow.objects.filter(kind="people").update(every_minutes=every, next_run_at=due)
    assert missed(company, due + timedelta(minutes=late - 1)) == []
    assert len(missed(company, due + timedelta(minutes=late + 1))) == 1
    with company.scope():
        Connection.objects.filter(vendor="plex").update(state=Connection.State.PAUSED)
    assert missed(company, company.now + timedelta(minutes=1)) == [], "of a paused connection there is its own notice"


def test_the_watch_visits_only_companies_with_something_overdue() -> None:
    calm, late = found_company("Calm"), found_company("Late")
    now = timezone.now()
    for company, ago in ((calm, 5), (late, 31)):
        with company.scope():
            Flow.objects.filter(kind="people").update(every_minutes=15, next_run_at=now - timedelta(minutes=ago))
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant FROM mlc_tenants_overdue(%s)", [now])
        visited = {row[0] for row in cursor.fetchall()}
    assert late.tenant.id in visited
    assert calm.tenant.id not in visited
    found = watch(now)
    assert any(sentence.startswith(f"{late.tenant.slug}: ") for sentence in found.sentences)
    assert not any(calm.tenant.slug in sentence for sentence in found.sentences)
    with late.scope():
        Flow.objects.update(every_minutes=None)
    assert not any(late.tenant.slug in sentence for sentence in watch(now + timedelta(minutes=1)).sentences)


def test_an_expectation_is_looked_at_when_its_deadline_comes_and_once_a_day(company: Company) -> None:
    expectation = expecting(company)
    company.now = local(9, 9)
    company.keep()
    with company.scope():
        expectation.refresh_from_db()
        assert expectation.look_at == local(9, 17)
    company.pay_run(PayRun.State.RECONCILED)
    company.now = local(9, 18)
    company.keep()
    with company.scope(), acting_as("user", "Ada"):
        expectation.refresh_from_db()
        assert expectation.look_at == local(10, 18)
        change_expectation(expectation, {"within_days": 2}, now=company.now)
        assert PayExpectation.objects.get().look_at is None
        stop_expecting(expectation, now=company.now)
        verbs = list(AuditEntry.objects.filter(subject_kind="expectation").values_list("action", flat=True))
    assert sorted(verbs) == ["expectation.changed", "expectation.created", "expectation.removed"]


def test_a_queue_nobody_serves_for_ten_minutes_is_silent_whatever_others_do() -> None:
    now = timezone.now()
    Heartbeat.objects.all().delete()
    assert silent_queues(now) == QUEUES
    beat("workers", now)
    for queue in QUEUES:
        note_alive(queue, now=now)
    assert silent_queues(now + timedelta(minutes=9)) == []
    assert silent_queues(now + timedelta(minutes=11)) == QUEUES
    Heartbeat.objects.filter(name__startswith="cluster:payroll:").update(at=now - timedelta(minutes=11))
    assert silent_queues(now) == ["payroll"]
    Heartbeat.objects.filter(name="workers").update(at=now - timedelta(minutes=11))
    assert silent_queues(now) == ["mlc", "payroll"], "its cluster lives, and its minute's work is not done"


def test_the_watch_is_taken_once_in_its_time() -> None:
    now = timezone.now()
    assert beat("watch-once", now, not_within=timedelta(seconds=20))
    assert not beat("watch-once", now + timedelta(seconds=19), not_within=timedelta(seconds=20))
    assert beat("watch-once", now + timedelta(seconds=20), not_within=timedelta(seconds=20))


def test_what_was_noted_for_a_time_that_has_not_come_is_no_sign_of_life() -> None:
    """A machine whose clock was two hours ahead kept everybody calm for two hours."""
    now = timezone.now()
    Heartbeat.objects.all().delete()
    beat("workers", now)
    for queue in QUEUES:
        note_alive(queue, now=now)
    assert silent_queues(now) == []
    Heartbeat.objects.update(at=now + timedelta(hours=2))
    beat("watch-ahead", now + timedelta(hours=2))
    assert silent_queues(now) == QUEUES
    assert beat("watch-ahead", now, not_within=timedelta(seconds=20))


def test_a_company_is_looked_at_when_something_happened_or_time_went_by(company: Company) -> None:
    company.keep()
    assert company.tenant.id not in tenants_to_tell(company.now + timedelta(minutes=14))
    assert company.tenant.id in tenants_to_tell(company.now + timedelta(minutes=16))
    expecting(company)  # leaves an entry in the audit trail
    assert company.tenant.id in tenants_to_tell(company.now + timedelta(minutes=1))
    company.keep()
    company.run()
    company.later(minutes=16).keep()
    assert company.tenant.id in tenants_to_tell(company.now), "there are messages to send"
