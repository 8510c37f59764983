"""Reading changes only, and losing none: equal instants, rows that come late, rows nobody announces."""

from __future__ import annotations

from typing import Any

import pytest

from sync.models import Run
from tests.sync.story import Story, tell


@pytest.fixture
def story(sandbox: dict[str, str]) -> Story:
    found = tell(sandbox)
    found.map_everything()
    found.run()
    return found


def rename(story: Story, name: str, **how: Any) -> str:
    """Somebody's family name changes at the source; returns their number."""
    worker = sorted(story.workers().values(), key=lambda w: w["number"])[-1]
    story.rippling.change("update", worker=worker["id"], family_name=name, **how)
    return str(worker["number"])


def test_only_changes_are_read_and_the_watermark_follows_them(story: Story) -> None:
    number = rename(story, "Newname")
    run = story.run(Run.Kind.CHANGES)
    assert run.updated == 1
    assert story.employees()[number]["lastName"] == "Newname"
    asked = [r for r in story.rippling.requests() if r["path"].startswith("/workers") and "gte" in str(r["query"])]
    assert asked


def test_a_row_stamped_earlier_than_the_last_one_seen_is_not_lost(story: Story) -> None:
    rename(story, "Seenfirst")
    story.run(Run.Kind.CHANGES)
    number = rename(story, "Cameten", lag_seconds=600)

    assert story.run(Run.Kind.CHANGES).updated == 1
    assert story.employees()[number]["lastName"] == "Cameten"


def test_a_change_nobody_announces_is_found_by_the_next_full_read(story: Story) -> None:
    number = rename(story, "Silent", quiet=True)
    story.rippling.change("set_clock", advance_seconds=7 * 86_400)

    assert story.run(Run.Kind.CHANGES).updated == 0
    assert story.employees()[number]["lastName"] != "Silent"
    assert story.run(Run.Kind.FULL).updated == 1
    assert story.employees()[number]["lastName"] == "Silent"


def test_everybody_touched_at_one_instant_costs_no_write(story: Story) -> None:
    before = story.plex.snapshot()["writes"]
    story.rippling.change("touch", n=12)

    run = story.run(Run.Kind.CHANGES)

    assert (run.state, run.unchanged) == (Run.State.SUCCEEDED, run.read)
    assert story.plex.snapshot()["writes"] == before
