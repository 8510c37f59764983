"""Each thing that goes wrong opens one notice, is counted while it lasts, and is resolved once it is mended."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, time, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from connectors.models import AccessToken, Connection, RateBudget
from sync.models import (
    AlertHook,
    CalendarDay,
    Delivery,
    Flow,
    Listening,
    Notice,
    PayCalendar,
    PayExpectation,
    PayFinding,
    PayRun,
    Posting,
    Problem,
    Run,
)
from tests.sync.notices.company import MONDAY, Company

Break = Callable[[Company], Any]


def change(company: Company, model: Any, **values: Any) -> None:
    with company.scope():
        model.objects.update(**values)


def a_connection(company: Company, **values: Any) -> None:
    with company.scope():
        Connection.objects.filter(vendor="plex").update(**values)


def finding(company: Company, code: str) -> None:
    paid = company.pay_run(PayRun.State.HELD)
    with company.scope():
        PayFinding.objects.create(
            pay_run=paid, stage="draft", code=code, sentence="Jane Roe is paid 12,345.00", remedy="x",
            found_at=company.now,
        )  # fmt: skip


def unsure(company: Company) -> None:
    company.journal(
        company.pay_run(PayRun.State.VERIFYING), Posting.State.VERIFYING, sent_at=company.now - timedelta(minutes=31)
    )


def refused_token(company: Company) -> None:
    with company.scope():
        one = Connection.objects.get(vendor="rippling")
        AccessToken.objects.create(connection=one, refusal="invalid_grant", refused_at=company.now)


def gap(company: Company) -> None:
    with company.scope():
        one = Connection.objects.get(vendor="rippling")
        Listening.objects.create(connection=one, gap_at=company.now, gap="Somebody changed")


def idle(company: Company) -> None:
    with company.scope():
        Connection.objects.filter(vendor="rippling").update(checked_at=company.now - timedelta(days=25))
        Connection.objects.filter(vendor="rippling").update(created_at=company.now - timedelta(days=90))


def used(company: Company) -> None:
    with company.scope():
        RateBudget.objects.create(connection=Connection.objects.get(vendor="rippling"), next_at=company.now)


def failing_hook(company: Company) -> None:
    with company.scope():
        AlertHook.objects.create(name="Pager", url="https://example.com/", failing_since=company.now)


def late_flow(company: Company) -> None:
    with company.scope():
        Flow.objects.filter(kind="people").update(every_minutes=15, next_run_at=company.now - timedelta(minutes=31))


def unmoved(company: Company) -> None:
    company.journal(
        company.pay_run(PayRun.State.APPROVED), Posting.State.APPROVED, approved_at=company.now - timedelta(hours=1)
    )


def unfollowed(company: Company) -> None:
    with company.scope():
        Delivery.objects.create(
            connection=Connection.objects.get(vendor="rippling"),
            event="employee.updated",
            subject="Jane Roe",
            received_at=company.now - timedelta(hours=3),
        )


def last_pay_date(company: Company, day: date) -> None:
    with company.scope():
        calendar = PayCalendar.objects.create(name="Bonuses", rule="custom", time_zone="America/Detroit")
        CalendarDay.objects.create(calendar=calendar, kind=CalendarDay.Kind.PAY_DATE, day=day)
        PayExpectation.objects.create(
            integration=company.integration, calendar=calendar, at=time(17), starts_on=date(2027, 1, 1)
        )


def further_pay_date(company: Company) -> None:
    with company.scope():
        calendar = PayCalendar.objects.get()
        CalendarDay.objects.create(calendar=calendar, kind=CalendarDay.Kind.PAY_DATE, day=date(2026, 6, 5))


CAUSES: dict[str, tuple[str, Break, Break]] = {
    "an approved journal that is not posted": (
        "attention",
        unmoved,
        lambda c: change(c, Posting, state=Posting.State.REJECTED),
    ),
    "announcements that nobody follows": (
        "webhooks",
        unfollowed,
        lambda c: change(c, Delivery, state=Delivery.State.SETTLED),
    ),
    "a calendar that has ended": ("calendar", lambda c: last_pay_date(c, date(2026, 2, 27)), further_pay_date),
    "a calendar that ends soon": ("calendar", lambda c: last_pay_date(c, date(2026, 3, 13)), further_pay_date),
    "a failed run": ("failed", lambda c: c.run(), lambda c: c.run(Run.State.SUCCEEDED)),
    "a held run": (
        "held",
        lambda c: c.run(Run.State.HELD, read=100, message="This run would terminate 30 of 100 people."),
        lambda c: c.run(Run.State.SUCCEEDED),
    ),
    "nobody there": ("volume", lambda c: c.run(Run.State.HELD, read=0), lambda c: c.run(Run.State.SUCCEEDED)),
    "blocked people": ("blocked", lambda c: c.problem(), lambda c: change(c, Problem, state="resolved")),
    "a pay run to map": (
        "blocked",
        lambda c: finding(c, "no_rule"),
        lambda c: change(c, PayRun, state=PayRun.State.READY),
    ),
    "a rejected pay run": (
        "attention",
        lambda c: c.pay_run(PayRun.State.REJECTED),
        lambda c: change(c, PayRun, state=PayRun.State.READY),
    ),
    "a pay run voided after posting": (
        "attention",
        lambda c: c.pay_run(PayRun.State.RECONCILED, source_change="voided"),
        lambda c: change(c, PayRun, source_change=""),
    ),
    "journals to approve": (
        "approval",
        lambda c: c.journal(c.pay_run()),
        lambda c: change(c, Posting, state=Posting.State.REJECTED),
    ),
    "a journal nobody knows of": ("attention", unsure, lambda c: change(c, Posting, state=Posting.State.REJECTED)),
    "a connection refused": (
        "credentials",
        lambda c: a_connection(c, state=Connection.State.ATTENTION, state_reason="401"),
        lambda c: a_connection(c, state=Connection.State.READY),
    ),
    "a paused connection": (
        "credentials",
        lambda c: a_connection(c, state=Connection.State.PAUSED, state_reason="by Ada"),
        lambda c: a_connection(c, state=Connection.State.READY),
    ),
    "access not renewed": ("credentials", refused_token, lambda c: change(c, AccessToken, refusal="")),
    "access about to die unused": ("credentials", idle, used),
    "a gap in the announcements": (
        "webhooks",
        gap,
        lambda c: change(c, Listening, gap_at=c.now - timedelta(hours=25)),
    ),
    "an address that takes nothing": ("alerts", failing_hook, lambda c: change(c, AlertHook, failing_since=None)),
    "a flow that does not run": (
        "missed",
        late_flow,
        lambda c: change(c, Flow, next_run_at=c.now + timedelta(minutes=15)),
    ),
}


@pytest.mark.parametrize("name", CAUSES)
def test_a_cause_opens_one_notice_and_resolves_it(name: str, company: Company) -> None:
    kind, breaks, mends = CAUSES[name]
    assert company.keep().opened == 0
    breaks(company)
    for _ in range(3):
        company.later(minutes=1).keep()
    (notice,) = company.open().values()
    assert notice.kind == kind
    assert notice.times == 1
    assert notice.opened_at == MONDAY + timedelta(minutes=1)
    assert notice.link.startswith("/admin/")
    said = notice.sentence + notice.remedy
    assert not any(word in said for word in ("Jane", "Roe", "12,345", "12345"))
    mends(company)
    company.later(minutes=1).keep()
    assert company.open() == {}
    with company.scope():
        assert Notice.objects.get().resolved_at == company.now


def test_every_failed_run_counts_and_tells_nobody_again(company: Company) -> None:
    for _ in range(5):
        company.run()
        company.later(minutes=5).keep()
    assert company.open()["failed"].times == 5
    assert len(company.messages()) == 3, "Pat, Ann and Ada, once each"


def test_a_replay_that_went_well_does_not_hide_that_everybody_could_not_be_read(company: Company) -> None:
    company.run()
    company.run(Run.State.SUCCEEDED, kind=Run.Kind.REPLAY)
    company.keep()
    assert list(company.open()) == ["failed"]


def test_a_released_run_is_not_held_any_more(company: Company) -> None:
    held = company.run(Run.State.HELD, read=10)
    company.keep()
    assert list(company.open()) == ["held"]
    company.run(Run.State.SCHEDULED, release_of=held)
    company.later(minutes=1).keep()
    assert company.open() == {}


def test_what_a_vendor_said_about_a_record_stays_on_the_page(company: Company) -> None:
    company.problem("Plex refused a record. Jane Roe has no badge.", code="refused")
    company.keep()
    assert "Jane" not in company.open()["blocked"].sentence


def test_an_approved_journal_that_waits_says_what_for(company: Company) -> None:
    unmoved(company)
    company.keep()
    assert "Writing is switched off" in company.open()["attention"].sentence
    change(company, Flow, writes_enabled=True)
    company.later(minutes=1).keep()
    assert "tell your operator" in company.open()["attention"].remedy


def test_looking_costs_the_same_however_much_is_wrong(company: Company) -> None:
    def questions() -> int:
        with company.scope(), CaptureQueriesContext(connection) as asked:
            company.later(minutes=1).keep()
        return len(asked)

    for _ in range(2):
        company.problem()
        company.journal(company.pay_run())
        finding(company, "no_rule")
    company.keep()
    few = questions()
    for _ in range(40):
        company.problem()
        company.journal(company.pay_run())
        finding(company, "no_rule")
    company.later(minutes=10).keep()
    assert questions() == few
