"""Activity feeds: hints like any other, read while people are polled, and never in the way of the poll."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sync.models import Flow, Listening
from sync.webhooks.feeds import EVERY, arm, due_feeds, read_feed
from tests.sync.hands import last
from tests.sync.story import Story, tell
from tests.sync.webhooks.site import deliveries, tick, work
from tests.sync.webhooks.test_following import runs_of

FEED = r".*/worker-changes/?"


@pytest.fixture
def heard(sandbox: dict[str, str]) -> Story:
    """Twelve people in agreement are polled, and the feed was read once. Rippling's clock is right."""
    acme = tell(sandbox, rippling={"now": datetime.now(UTC).isoformat()})
    acme.map_everything()
    acme.run()
    with acme.scope():
        Flow.objects.filter(pk=acme.flows["people"].pk).update(every_minutes=60)
        arm(acme.source, now=acme.world.now())
        assert read_feed(acme.source.pk, acme.world) == 0
    return acme


def listening(story: Story) -> Listening:
    with story.scope():
        return Listening.objects.get(connection=story.source)


def test_whom_the_feed_names_is_read_again(heard: Story) -> None:
    [someone] = last(heard)
    heard.rippling.change("update", worker=someone["id"], family_name="Renamed")
    heard.world.ahead += EVERY

    tick(heard)
    work(heard)

    assert heard.employees()[str(someone["number"])]["lastName"] == "Renamed"
    assert {(one.origin, one.subject, one.state) for one in deliveries(heard)} == {("feed", someone["id"], "settled")}
    [run] = runs_of(heard, trigger="feed")
    assert run.selection == [someone["id"]]
    assert listening(heard).heard_at is None, "a feed is no reason to poll less"


def test_a_feed_is_read_on_from_where_it_was_read(heard: Story) -> None:
    [someone] = last(heard)
    heard.rippling.change("update", worker=someone["id"], family_name="Renamed")

    with heard.scope():
        counts = [read_feed(heard.source.pk, heard.world) for _ in range(2)]

    assert counts == [1, 0]


def test_a_feed_that_fails_is_noted_and_stops_nothing(heard: Story) -> None:
    [someone] = last(heard)
    heard.rippling.change("update", worker=someone["id"], family_name="Renamed")
    cursor = listening(heard).cursor
    heard.rippling.fault("status", status_code=403, path=FEED, times=None)

    with heard.scope():
        assert read_feed(heard.source.pk, heard.world) == 0
    assert listening(heard).feed_trouble
    assert listening(heard).cursor == cursor
    assert heard.run("changes").updated == 1

    heard.rippling.heal()
    with heard.scope():
        assert read_feed(heard.source.pk, heard.world) == 1
    assert not listening(heard).feed_trouble


def test_a_feed_is_given_out_once_every_few_minutes(heard: Story) -> None:
    with heard.scope():
        arm(heard.source, now=heard.world.now())
        now = heard.world.now() + timedelta(seconds=1)
        assert due_feeds(now=now) == [heard.source.pk]
        assert due_feeds(now=now) == []
        assert due_feeds(now=now + EVERY) == [heard.source.pk]


@pytest.mark.parametrize("without", [{"every_minutes": None}, {"paused": True}])
def test_what_nobody_polls_is_not_read(heard: Story, without: dict[str, object]) -> None:
    with heard.scope():
        Flow.objects.filter(pk=heard.flows["people"].pk).update(**without)
        assert read_feed(heard.source.pk, heard.world) == 0
    assert listening(heard).feed_at is None


def test_without_the_entitlement_nothing_is_asked(heard: Story) -> None:
    with heard.scope():
        heard.source.refresh_from_db()
        heard.source.learned = {name: value for name, value in heard.source.learned.items() if name != "feed"}
        heard.source.save()
        heard.rippling.forget_requests()
        assert read_feed(heard.source.pk, heard.world) == 0

    assert not heard.rippling.requests()
    assert listening(heard).feed_at is None
