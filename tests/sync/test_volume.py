"""A run over everybody that brings fewer records than the company decided stops and asks, and changes nothing."""

from __future__ import annotations

from datetime import time, timedelta

import pytest
from django.core.exceptions import ValidationError

from audit.models import AuditEntry
from sync.configuring import configure_flow
from sync.models import Flow, PayCalendar, PayExpectation, PayRun, Run
from sync.payroll.approval import accept_finding
from sync.replay import release
from tests.sync.hands import resume
from tests.sync.payroll.payday import open_books
from tests.sync.scheduling.clockwork import DETROIT
from tests.sync.story import Story, tell


def expect(story: Story, kind: str, least: int) -> None:
    with story.scope():
        configure_flow(Flow.objects.get(pk=story.flows[kind].pk), {"least_records": least}, now=story.world.now())


def let_go_on(story: Story, held: Run) -> Run:
    with story.scope():
        released = release(held, now=story.world.now())
    return resume(story, released)


def test_fewer_people_than_decided_hold_the_run_and_a_person_releases_it(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)  # twelve people
    story.map_everything()
    expect(story, Flow.Kind.PEOPLE, 13)
    before = story.employees()
    held = story.run()
    assert held.state == Run.State.HELD
    assert held.message.startswith("Rippling shows 12 workers; at least 13 were expected.")
    assert story.employees() == before

    assert let_go_on(story, held).state == Run.State.SUCCEEDED
    assert len(story.employees()) > len(before)

    expect(story, Flow.Kind.PEOPLE, 12)
    assert story.run().state == Run.State.SUCCEEDED
    expect(story, Flow.Kind.PEOPLE, 13)
    assert story.run(Run.Kind.CHANGES).state == Run.State.SUCCEEDED  # says nothing of everybody


def test_fewer_values_or_pay_runs_than_decided_hold_the_run(sandbox: dict[str, str]) -> None:
    payday = open_books(sandbox)
    story = payday.story
    expect(story, Flow.Kind.REFERENCE, 1000)
    reference = story.run(flow=Flow.Kind.REFERENCE)
    assert reference.state == Run.State.HELD
    assert "at least 1000 were expected" in reference.message
    assert let_go_on(story, reference).state == Run.State.SUCCEEDED

    expect(story, Flow.Kind.PAYROLL, 2)
    held = story.run(flow=Flow.Kind.PAYROLL)
    assert held.state == Run.State.HELD
    assert "shows 1 pay runs; at least 2 were expected" in held.message
    assert payday.pay_runs() == []
    assert let_go_on(story, held).state != Run.State.HELD
    assert len(payday.pay_runs()) == 1


def test_it_is_recorded_and_never_zero(sandbox: dict[str, str]) -> None:
    story = tell(sandbox, size=1)
    expect(story, Flow.Kind.PEOPLE, 5)
    with story.scope():
        entry = AuditEntry.objects.filter(action="flow.changed").latest("seq")
        assert entry.content.after == {"least_records": 5}
        with pytest.raises(ValidationError):
            configure_flow(story.flows["people"], {"least_records": 0}, now=story.world.now())


def test_a_pay_run_with_too_few_people_is_held_until_somebody_says_it_is_right(sandbox: dict[str, str]) -> None:
    payday = open_books(sandbox)
    story = payday.story
    payday.read()
    payday.write_rules()
    paid = payday.pay_run()
    with payday.scope():
        calendar = PayCalendar.objects.create(
            name="Fridays", rule="weekly", anchor=paid.check_date, roll="none", time_zone=DETROIT
        )
        expectation = PayExpectation.objects.create(
            integration=story.integration,
            calendar=calendar,
            at=time(12),
            least_people=paid.people + 1,
            starts_on=paid.check_date,
        )
    payday.read()
    held = payday.pay_run()
    [finding] = [f for f in payday.findings(held) if f.code == "few_people"]
    assert held.state == PayRun.State.HELD
    assert finding.sentence == f"This pay run pays {paid.people} people; at least {paid.people + 1} were expected."
    with payday.acting("ann"):
        accept_finding(finding, "Two plants are closed this week.", now=story.world.now())
    payday.check_again(payday.pay_run())
    assert payday.pay_run().state == PayRun.State.READY

    with payday.scope():  # on other days, and for other people, nothing is expected
        PayExpectation.objects.filter(pk=expectation.pk).update(least_people=paid.people + 9)
        PayCalendar.objects.filter(pk=calendar.pk).update(anchor=paid.check_date + timedelta(days=1))
    payday.read()
    assert [f for f in payday.findings(payday.pay_run()) if f.code == "few_people"] == []
