"""Polling is rare while announcements are complete, and as configured as soon as one is missing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sync import jobs
from sync.models import Flow, Listening, Mapping, Run
from sync.scheduling.schedules import wind_flow
from sync.webhooks.gaps import DELAY
from sync.webhooks.pace import Hearing, hearing_of, interval_of
from tests.sync.hands import last
from tests.sync.story import Story
from tests.sync.webhooks.site import Site, at_story_time, jobs_of, work
from tests.sync.webhooks.test_following import announce

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("heard", "gap", "hearing", "minutes"),
    [
        (None, None, Hearing.NEVER, 15),
        (timedelta(minutes=5), None, Hearing.FLOWING, 60),
        (timedelta(days=6), None, Hearing.FLOWING, 60),
        (timedelta(days=7), None, Hearing.SILENT, 15),
        (timedelta(minutes=5), timedelta(hours=23), Hearing.GAP, 15),
        (timedelta(minutes=5), timedelta(hours=24), Hearing.FLOWING, 60),
    ],
)
def test_the_interval_follows_what_is_heard(
    heard: timedelta | None, gap: timedelta | None, hearing: Hearing, minutes: int
) -> None:
    listening = Listening(heard_at=NOW - heard if heard else None, gap_at=NOW - gap if gap else None)

    assert hearing_of(listening, NOW) is hearing
    assert interval_of(15, listening, NOW) == minutes
    assert interval_of(120, listening, NOW) == 120
    assert interval_of(15, None, NOW) == 15


def poll(story: Story) -> Run:
    """The flow's clock strikes, its run is worked on, and the poll is judged when its time has come."""
    flow = next_of(story)
    assert flow.next_run_at is not None
    story.world.ahead += max(flow.next_run_at - story.world.now(), timedelta())
    with at_story_time(story):
        jobs.poll(str(story.tenant.id), str(flow.pk), due=flow.next_run_at.isoformat())
    with story.scope():
        run = Run.objects.filter(flow=flow, trigger="schedule").latest("pk")
    work(story, wait=DELAY + timedelta(minutes=1))
    return run


def next_of(story: Story) -> Flow:
    with story.scope():
        return Flow.objects.select_related("integration__source__listening").get(pk=story.flows["people"].pk)


def minutes_to_next(story: Story, after: datetime) -> float:
    at = next_of(story).next_run_at
    assert at is not None
    return (at - after) / timedelta(minutes=1)


@pytest.fixture
def polling(site: Site, acme: Story) -> Story:
    """People are polled every 15 minutes, and Rippling has announced something before the last poll."""
    with acme.scope():
        flow = acme.flows["people"]
        flow.every_minutes = 15
        flow.save()
        wind_flow(flow, now=acme.world.now())
    announce(site, acme, "employee.updated", last(acme)[0]["id"])
    work(acme)
    poll(acme)
    return acme


def test_while_announcements_come_polling_is_rare(polling: Story) -> None:
    assert minutes_to_next(polling, polling.world.now()) > 40


def test_a_change_that_nobody_announced_brings_polling_back_at_once(polling: Story) -> None:
    [worker] = last(polling)
    polling.rippling.change("update", worker=worker["id"], family_name="Unannounced")

    run = poll(polling)

    with polling.scope():
        listening = Listening.objects.get(connection=polling.source)
    assert run.updated == 1
    assert listening.gap == f"Run #{run.pk} found 1 person changed whom Rippling had not announced."
    assert minutes_to_next(polling, polling.world.now()) <= 15
    polling.world.ahead += timedelta(hours=25)
    with polling.scope():
        assert hearing_of(next_of(polling).integration.source.listening, polling.world.now()) is Hearing.FLOWING


def test_a_change_that_is_announced_five_minutes_late_is_no_gap(site: Site, polling: Story) -> None:
    """The poll found it first; the announcement comes while it is still to be judged."""
    [worker] = last(polling)
    polling.rippling.change("update", worker=worker["id"], family_name="Late")
    flow = next_of(polling)
    assert flow.next_run_at is not None
    polling.world.ahead += flow.next_run_at - polling.world.now()
    with at_story_time(polling):
        jobs.poll(str(polling.tenant.id), str(flow.pk), due=flow.next_run_at.isoformat())
    assert jobs_of(polling, "judge")

    with polling.scope():
        polling.source.deliveries.create(
            event="employee.updated", subject=worker["id"], received_at=polling.world.now() + timedelta(minutes=5)
        )
    work(polling, wait=DELAY + timedelta(minutes=1))

    with polling.scope():
        assert Listening.objects.get(connection=polling.source).gap_at is None


def test_what_we_changed_ourselves_is_no_gap(polling: Story) -> None:
    """A mapping that is decided changes people whom nothing was to be announced of."""
    with polling.scope():
        mappings = Mapping.objects.filter(integration=polling.integration, kind="department")
        mappings.update(target_key=mappings.earliest("pk").target_key, confirmed_at=polling.world.now())
        Flow.objects.filter(pk=polling.flows["people"].pk).update(last_full_at=None, max_change_percent=100)

    run = poll(polling)

    assert run.transferred > 0
    with polling.scope():
        assert Listening.objects.get(connection=polling.source).gap_at is None
