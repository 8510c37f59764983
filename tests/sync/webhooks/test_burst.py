"""A burst: thousands of deliveries of hundreds of people, in any order and three times each. ``BURST=10000`` has the
real size."""

from __future__ import annotations

import os
import threading

import httpx
import pytest

from sync.models import Flow
from tests.sync.story import Story, tell
from tests.sync.webhooks.site import TOKEN, Site, own_app, work
from tests.sync.webhooks.test_following import catch_up, runs_of, states, writes

DELIVERIES = int(os.environ.get("BURST", "2000"))
PEOPLE = DELIVERIES // 10
COPIES = 3


@pytest.mark.timeout(1800 if DELIVERIES > 2000 else 300)
def test_a_burst_leaves_everybody_right_and_does_everything_once(site: Site, sandbox: dict[str, str]) -> None:
    story = grown(site, sandbox)
    changed = change_everybody(story)
    story.plex.forget_requests()

    arriving = threading.Thread(target=deliver, args=[story])
    arriving.start()
    while arriving.is_alive():
        work(story)
    arriving.join()
    catch_up(story)

    assert sum(states(story).values()) >= DELIVERIES
    assert set(states(story)) == {"settled"}
    employees, workers = story.employees(), story.workers()
    left = {number for number, worker in workers.items() if worker["status"] == "TERMINATED"}
    assert {number for number in workers if employees[number]["status"] == "Terminated"} == left
    assert {n: employees[n]["lastName"] for n in changed if n not in left} == {
        n: name for n, name in changed.items() if n not in left
    }
    # One write for everybody who changed, whatever their name and status were announced as on the way.
    assert len(writes(story)) == len(changed)
    assert len(runs_of(story)) <= 12, "a handful of runs"


def grown(site: Site, sandbox: dict[str, str]) -> Story:
    """A company whose people agree on both sides, and may all change at once without anybody being asked."""
    story = tell(sandbox, size=PEOPLE, plex={"log_requests": True})
    own_app(story)
    story.map_everything()
    with story.scope():
        Flow.objects.filter(kind=Flow.Kind.PEOPLE).update(max_change_percent=100)
    story.run()
    story.rippling.change("webhooks", url=site.address(story), bearer=TOKEN)
    return story


def change_everybody(story: Story) -> dict[str, str]:
    """Everybody active gets another name, some leave, and there are as many events as it takes; the names by number."""
    active = {n: w for n, w in story.workers().items() if w["status"] == "ACTIVE"}
    names = {number: f"Named{number}" for number in active}
    for number, worker in active.items():
        story.rippling.change("update", worker=worker["id"], family_name=names[number])
    for worker in list(active.values())[:: max(len(active) // 20, 1)]:
        story.rippling.change("terminate", worker=worker["id"])
    while story.rippling.snapshot()["webhooks"]["queued"] * COPIES < DELIVERIES:
        story.rippling.change("touch", n=PEOPLE)
    return names


def deliver(story: Story) -> None:
    """In random order, three of each; it takes as long as it takes."""
    control = f"{story.rippling.url}/_control/companies/{story.rippling.connect['key']}"
    how = {"order": "random", "seed": 7, "copies": COPIES}
    said = httpx.post(f"{control}/changes/deliver", json=how, timeout=1200).json()
    assert set(said["statuses"]) == {"200"}, said
