"""Acme with both systems connected, everything run once, and somebody of every kind in every list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from sync.models import (
    AccountRule,
    AlertHook,
    Delivery,
    LedgerActivity,
    Notice,
    PayCalendar,
    PayExpectation,
    PayRun,
    Posting,
    PostingLine,
    Problem,
    Run,
    RunItem,
    Slot,
    Timing,
)
from tenants.models import Role
from tests.cast import Cast, make_cast
from tests.sync.story import Story, tell


@dataclass
class Office:
    """The cast, their story, and one row of each kind to look at."""

    cast: Cast
    story: Story
    run: Run
    item: RunItem
    problem: Problem

    def at(self, who: User | Role) -> Client:
        """A browser in which this person is signed in. A refused form is as bad as a crash: exceptions surface."""
        client = Client()
        client.force_login(self.cast.people[who] if isinstance(who, Role) else who)
        return client


@pytest.fixture(scope="module")
def office(sandbox: dict[str, str]) -> Office:
    """Twelve people read; those of one department are blocked, because nobody mapped it."""
    cast = make_cast()
    story = tell(sandbox, tenant=cast.acme)
    story.map_everything()
    with story.scope():
        from sync.models import Mapping

        value = Mapping.objects.filter(integration=story.integration, kind="department").order_by("pk").first()
        assert value is not None
        value.delete()
        AccountRule.objects.create(
            integration=story.integration, item="earning:REG", debit="61000-210-0100", changed_at=timezone.now()
        )
        paid = PayRun.objects.create(
            integration=story.integration, source_id="pr-1", title="Nov 01 - Nov 14", kind="regular",
            check_date=date(2026, 11, 20), state=PayRun.State.READY, found_at=timezone.now(),
        )  # fmt: skip
        posting = Posting.objects.create(
            pay_run=paid, kind="payroll", key="payroll::USD:1", currency="USD", posting_date=date(2026, 11, 20),
            description="Payroll 2026-11-20", reference="MLC-1", content_hash="c" * 64, line_count=1, debit=2, credit=2,
            prepared_at=timezone.now(),
        )  # fmt: skip
        LedgerActivity.objects.create(
            connection=story.target, period="11-2026", account="61000-210-0100", journal="1",
            posting_date=date(2026, 11, 20), debit=2, credit=0, read_at=timezone.now(),
        )  # fmt: skip
        PostingLine.objects.create(posting=posting, number=1, account="61000-210-0100", debit=2, credit=0, people=2)
        calendar = PayCalendar.objects.create(
            name="Fridays", rule="weekly", anchor=date(2026, 11, 20), country="US", time_zone="America/Detroit"
        )
        timing = Timing.objects.create(
            flow=story.flows["people"], kind="calendar", calendar=calendar, at=time(6), time_zone="America/Detroit"
        )
        Slot.objects.create(timing=timing, due_at=timezone.now(), state=Slot.State.MISSED)
        add_notices(story, calendar)
        Delivery.objects.create(
            connection=story.source, event="employee.updated", subject="w-1", received_at=timezone.now()
        )
    run = story.run()
    with story.scope():
        problem = Problem.objects.get(integration=story.integration, state=Problem.State.OPEN)
        item = RunItem.objects.filter(run=run, state=RunItem.State.CREATED).order_by("pk").first()
    assert item is not None
    return Office(cast=cast, story=story, run=run, item=item, problem=problem)


def add_notices(story: Story, calendar: PayCalendar) -> None:
    """A notice, a program that is told, and a pay date that is expected."""
    Notice.objects.create(
        kind="failed",
        cause="flow:1",
        sentence="Acme's run failed.",
        opened_at=timezone.now(),
        last_seen_at=timezone.now(),
    )
    AlertHook.objects.create(name="Acme's pager", url="https://pager.example.com/")
    PayExpectation.objects.create(
        integration=story.integration, calendar=calendar, at=time(17), starts_on=date(2026, 11, 1)
    )
