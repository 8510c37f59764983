"""Bad records are one record's problem, and nobody stays blocked for longer than the cause holds."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sync.execution import execute_run
from sync.models import BlockedRecord, Link, Problem, Run
from sync.replay import replay_undone
from tests.sync.hands import crash, last, resume, unmapped_department
from tests.sync.story import tell


def test_a_blocked_worker_whose_cause_is_undone_at_the_source_is_not_blocked_any_more(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)
    story.map_everything()
    story.run()
    [worker] = last(story)
    unmapped_department(story, worker)
    assert story.run().blocked == 1
    story.rippling.change("transfer", worker=worker["id"], department=worker["department"])

    run = story.run(Run.Kind.CHANGES)

    assert run.state == Run.State.SUCCEEDED
    with story.scope():
        assert not BlockedRecord.objects.exists()
        assert not Problem.objects.filter(state="open").exists()


def test_a_blocked_worker_who_vanished_blocks_nothing(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)
    story.map_everything()
    [worker] = last(story)
    unmapped_department(story, worker)
    assert story.run().blocked == 1
    story.rippling.change("remove_worker", worker=worker["id"])

    story.run()

    with story.scope():
        assert not Problem.objects.filter(state="open").exists()


def test_a_mended_cause_is_closed_even_when_plex_then_refuses_the_record(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)
    story.map_everything()
    [worker] = last(story)
    unmapped_department(story, worker)
    assert story.run().blocked == 1
    story.rippling.change("transfer", worker=worker["id"], department=worker["department"])
    story.rippling.change(
        "raw", resource="users", worker=worker["id"], fields={"name": {"given_name": "", "family_name": ""}}
    )

    run = story.run()

    assert run.rejected == 1, (run.state, run.created, run.blocked)
    with story.scope():
        assert [p.code for p in Problem.objects.filter(state="open")] == ["refused"]


def test_a_rehire_waiting_for_the_former_employments_end_comes_with_the_changes(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)
    story.map_everything()
    story.run()
    [worker] = last(story)
    story.rippling.change("rehire", worker=worker["id"], new_worker=True)
    assert story.run(Run.Kind.CHANGES).blocked == 1
    story.rippling.change("set_clock", advance_seconds=3 * 3600)
    story.rippling.change("terminate", worker=worker["id"])
    story.run(Run.Kind.CHANGES)
    story.rippling.change("set_clock", advance_seconds=3 * 3600)
    story.rippling.change("touch", n=1)
    story.run(Run.Kind.CHANGES)

    run = story.run(Run.Kind.CHANGES)

    with story.scope():
        assert not Problem.objects.filter(state="open").exists(), run.message
    assert sum(e["active"] for e in story.employees().values()) == 13


def test_a_replay_with_one_unreadable_record_does_the_others(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)
    story.map_everything()
    bad, other = last(story, 2)
    story.rippling.change("raw", worker=bad["id"], fields={"status": "SABBATICAL"})
    story.rippling.change("raw", worker=other["id"], fields={"department_id": None})
    first = story.run()
    assert first.blocked == 2
    story.rippling.change("transfer", worker=other["id"], department=other["department"])

    with story.scope():
        replay = replay_undone(first, now=story.world.now())
        execute_run(replay.pk, story.world)
        replay.refresh_from_db()

    assert (replay.state, replay.created, replay.blocked) == (Run.State.PARTLY_FAILED, 1, 1), replay.message


def test_an_unreadable_record_whose_day_has_come_does_not_stop_the_others(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)
    story.map_everything()
    story.run()
    [leaver, other] = last(story, 2)
    story.rippling.change(
        "terminate", worker=leaver["id"], end_date=(story.world.now() + timedelta(days=3)).date().isoformat()
    )
    story.run(Run.Kind.CHANGES)
    story.world.ahead += timedelta(days=5)
    story.rippling.change("raw", worker=leaver["id"], fields={"status": "SABBATICAL"}, quiet=True)
    story.rippling.change("terminate", worker=other["id"])

    run = story.run(Run.Kind.CHANGES)

    assert (run.terminated, run.blocked) == (1, 1), run.message


def test_a_lost_answer_for_somebody_who_became_unreadable_does_not_stop_the_others(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)
    story.map_everything()
    run = crash(story, "settle")
    [bad] = last(story)
    story.rippling.change("raw", worker=bad["id"], fields={"status": "SABBATICAL"})

    done = resume(story, run)

    assert done.state == Run.State.PARTLY_FAILED, done.message
    with story.scope():
        assert Link.objects.count() >= 11


@pytest.mark.parametrize("number", ["9" * 80, "9" * 300, "12\u0000x", " "])
def test_an_odd_number_is_one_records_problem(sandbox: dict[str, str], number: str) -> None:
    story = tell(sandbox)
    story.map_everything()
    [bad] = last(story)
    story.rippling.change("raw", worker=bad["id"], fields={"number": number})

    run = story.run()

    assert run.state in (Run.State.PARTLY_FAILED, Run.State.SUCCEEDED), run.message
    assert run.created >= 11


@pytest.mark.parametrize("field", ["given_name", "family_name"])
@pytest.mark.parametrize("text", ["a\u0000b", "x" * 5000])
def test_an_odd_name_is_one_records_problem(sandbox: dict[str, str], field: str, text: str) -> None:
    story = tell(sandbox)
    story.map_everything()
    [bad] = last(story)
    story.rippling.change("update", worker=bad["id"], **{field: text})

    run = story.run()

    assert run.state in (Run.State.PARTLY_FAILED, Run.State.SUCCEEDED), run.message
    assert run.created >= 11


def test_an_update_stamped_in_the_far_future_does_not_hide_later_changes(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)
    story.map_everything()
    story.rippling.change("raw", worker=last(story)[0]["id"], fields={"updated_at": "2099-01-01T00:00:00Z"}, quiet=True)
    story.run()
    first = sorted(story.workers().values(), key=lambda w: int(w["number"]))[0]
    story.rippling.change("update", worker=first["id"], family_name="Newname")

    story.run(Run.Kind.CHANGES)

    assert story.employees()[str(first["number"])]["lastName"] == "Newname"
