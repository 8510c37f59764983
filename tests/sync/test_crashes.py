"""What arrived before a crash, or without an answer, ends as the source says."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import OperationalError, close_old_connections

from sync.models import Link, Run, RunItem
from sync.runs import claim
from tests.sync.hands import crash, last, losing_the_database, resume
from tests.sync.story import tell


def test_a_hire_that_arrived_before_a_crash_and_left_meanwhile_does_not_stay_active(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)
    story.map_everything()
    run = crash(story, "settle")
    [leaver] = last(story)
    assert story.employees()[str(leaver["number"])]["active"] is True
    story.rippling.change("terminate", worker=leaver["id"])

    done = resume(story, run)

    assert done.state == Run.State.SUCCEEDED, done.message
    assert story.employees()[str(leaver["number"])]["active"] is False
    assert story.plex.snapshot()["duplicates"] == {}


def test_a_change_that_arrived_before_a_crash_and_was_taken_back_meanwhile_is_taken_back(
    sandbox: dict[str, str],
) -> None:
    story = tell(sandbox)
    story.map_everything()
    story.run()
    [worker] = last(story)
    story.rippling.change("update", worker=worker["id"], family_name="Wrong")
    run = crash(story, "settle")
    assert story.employees()[str(worker["number"])]["lastName"] == "Wrong"
    story.rippling.change("update", worker=worker["id"], family_name=worker["family_name"])

    resume(story, run)
    story.run()

    assert story.employees()[str(worker["number"])]["lastName"] == worker["family_name"]


def test_a_rehire_that_arrived_before_a_crash_and_was_taken_back_is_taken_back(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)
    story.map_everything()
    story.run()
    [worker] = last(story)
    story.rippling.change("terminate", worker=worker["id"])
    story.run()
    story.rippling.change("rehire", worker=worker["id"])
    run = crash(story, "settle")
    assert story.employees()[str(worker["number"])]["active"] is True
    story.rippling.change("terminate", worker=worker["id"])

    resume(story, run)
    story.run()

    assert story.employees()[str(worker["number"])]["active"] is False


@pytest.mark.parametrize("kind", [Run.Kind.FULL, Run.Kind.CHANGES, Run.Kind.PREVIEW])
def test_after_three_deaths_the_next_run_finds_what_arrived(sandbox: dict[str, str], kind: str) -> None:
    story = tell(sandbox)
    story.map_everything()
    run = crash(story, "settle")
    with story.scope():
        Run.objects.filter(pk=run.pk).update(attempts=3)
        assert claim(run.pk, now=story.world.now()) is None
    if kind == Run.Kind.PREVIEW:
        assert story.run(kind).state == Run.State.SUCCEEDED
        kind = Run.Kind.FULL

    done = story.run(kind)

    assert done.state == Run.State.SUCCEEDED, done.message
    assert story.plex.snapshot()["duplicates"] == {}
    assert story.plex.snapshot()["writes"]["creates"] == 12
    with story.scope():
        assert Link.objects.count() == 12
        assert not RunItem.objects.filter(state__in=["sending", "verifying"]).exists()
        run.refresh_from_db()
        assert run.verifying == 0
        assert run.created == RunItem.objects.filter(run=run, state="created").count()


@pytest.mark.parametrize("act", ["terminate", "rehire", "transfer", "update"])
@pytest.mark.parametrize("kind", ["cut", "cut_after"])
def test_a_lost_answer_of_any_act_ends_as_the_source_says(sandbox: dict[str, str], act: str, kind: str) -> None:
    story = tell(sandbox)
    story.map_everything()
    story.run()
    [worker] = last(story)
    other = next(w["department"] for w in story.workers().values() if w["department"] != worker["department"])
    if act == "rehire":
        story.rippling.change("terminate", worker=worker["id"])
        story.run()
    arguments = {"transfer": {"department": other}, "update": {"family_name": "New"}}.get(act, {})
    story.rippling.change(act, worker=worker["id"], **arguments)
    method = {"terminate": "POST", "rehire": "POST"}.get(act, "PUT")
    story.plex.fault(kind, method=method, path=".*", times=1)

    run = story.run(Run.Kind.CHANGES)

    assert run.state == Run.State.SUCCEEDED, run.message
    employee = story.employees()[str(worker["number"])]
    now = story.workers()[str(worker["number"])]
    assert (employee["active"], employee["lastName"], employee["department"]) == (
        act != "terminate",
        now["family_name"],
        now["department"],
    )
    again = story.run()
    assert (again.state, again.unchanged) == (Run.State.SUCCEEDED, 12)


def test_a_run_whose_database_goes_away_is_finished_by_the_next_worker(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)
    story.map_everything()

    with pytest.raises(OperationalError), losing_the_database(after=60):
        story.run()
    close_old_connections()
    with story.scope():
        run = Run.objects.latest("pk")
    assert run.state in Run.ACTIVE
    story.world.ahead += timedelta(minutes=5)
    done = resume(story, run)

    assert done.pk == run.pk
    assert done.state == Run.State.SUCCEEDED, done.message
    assert story.plex.snapshot()["duplicates"] == {}
    assert len(story.employees()) == len(story.workers()) + 2
