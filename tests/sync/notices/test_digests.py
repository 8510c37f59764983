"""The daily digest: once per person and working day, at seven local time, with money only for those who see it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.core import mail

from audit.context import acting_as
from sync.models import Dispatch, PayRun, Posting, Run
from sync.notices.configuring import choose
from sync.notices.digests import next_digest
from tenants.models import Role
from tests.sync.notices.company import Company, found_company


def digests(company: Company) -> dict[str, str]:
    """Name → text of the digests that leave now."""
    mail.outbox.clear()
    company.keep()
    company.send()
    return {message.to[0].split("-")[0]: str(message.body) for message in mail.outbox if "Since" in str(message.body)}


def at(company: Company, day: date, hour: int, minute: int = 0) -> None:
    zone = ZoneInfo(company.tenant.time_zone)
    company.now = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone).astimezone(UTC)


def test_each_working_day_everybody_who_wants_it_gets_it_once(company: Company) -> None:
    with company.scope(), acting_as("user", "Ann"):
        choose(company.people[Role.APPROVER], {"digest": "never"}, now=company.now)
        choose(company.people[Role.VIEWER], {"digest": "digest"}, now=company.now)
    got = []
    at(company, date(2026, 3, 2), 0)
    while company.now < datetime(2026, 3, 11, tzinfo=UTC):
        for name in digests(company):
            got.append((name, company.now.astimezone(ZoneInfo("America/Detroit"))))
        company.later(hours=1)
    days = [date(2026, 3, day) for day in (2, 3, 4, 5, 6, 9, 10)]  # the clocks change on the 8th
    assert [moment.date() for name, moment in got if name == "pat"] == days
    assert {name for name, _ in got} == {"pat", "ada", "vera"}
    assert all((moment.hour, moment.minute) == (7, 0) for _, moment in got)
    assert len(got) == 3 * len(days)


def test_after_an_outage_only_todays_is_sent(company: Company) -> None:
    at(company, date(2026, 3, 2), 7)
    assert set(digests(company)) == {"pat", "ann", "ada"}
    at(company, date(2026, 3, 5), 16)
    assert set(digests(company)) == {"pat", "ann", "ada"}
    assert digests(company) == {}
    assert {message.day for message in company.messages(purpose="digest")} == {date(2026, 3, 2), date(2026, 3, 5)}


@pytest.mark.parametrize("zone", ["America/Detroit", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu"])
def test_seven_oclock_is_seven_oclock_all_year(zone: str) -> None:
    company = found_company("Zone", time_zone=zone)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    with company.scope():
        for _ in range(261):
            now = next_digest(now)
            local = now.astimezone(ZoneInfo(zone))
            assert (local.hour, local.minute) == (7, 0)
            assert local.weekday() < 5
    assert now.year == 2026
    assert now.month == 12


def test_it_says_what_ran_what_is_open_and_leaves_money_to_those_who_see_it(company: Company) -> None:
    at(company, date(2026, 3, 5), 12)
    company.run(Run.State.SUCCEEDED, created=3, terminated=1, blocked=2)
    company.run(Run.State.SUCCEEDED, kind=Run.Kind.PREVIEW, created=99)
    for people, cost in ((40, "1234.50"), (1, "777.77")):
        paid = company.pay_run(
            PayRun.State.RECONCILED, people=people, totals=[{"currency": "USD", "by_kind": {"earning": cost}}]
        )
        posted = company.journal(paid, cost=Decimal(cost), people=people)
        with company.scope():
            posted.lines.create(number=1, account="6", description="x", debit=1, credit=0, people=people)
            posted.lines.create(number=2, account="2", description="x", debit=0, credit=1, people=people)
            Posting.objects.filter(pk=posted.pk).update(
                state=Posting.State.RECONCILED, approved_hash="c" * 64, vendor_id="v", posted_at=company.now
            )
    company.problem()
    company.keep()
    at(company, date(2026, 3, 6), 7)
    with company.scope(), acting_as("user", "Vera"):
        choose(company.people[Role.VIEWER], {"digest": "digest"}, now=company.now)
    found = digests(company)
    assert "hired 3, changed 0, moved 0, terminated 1" in found["pat"]
    assert "2 pay runs posted" in found["pat"]
    assert "USD: register 1,234.50, posted 1,234.50, difference 0.00" in found["pat"]
    assert "The figures of 1 pay run are not in this mail" in found["pat"]
    assert "Department D7 is not mapped. It blocks 14 records." in found["pat"]
    assert "1,234.50" not in found["vera"]
    for text in found.values():
        assert not any(secret in text for secret in ("777", "2,012.27", "Jane", "Roe"))


def test_two_schedulers_make_one_digest(company: Company) -> None:
    at(company, date(2026, 3, 6), 8)
    company.keep()
    with company.scope():
        user = company.people[Role.PREPARER]
        again = Dispatch(purpose="digest", user=user, day=date(2026, 3, 6), created_at=company.now)
        Dispatch.objects.bulk_create([again], ignore_conflicts=True)
        assert Dispatch.objects.filter(purpose="digest", user=user).count() == 1
