"""What goes wrong at the source, on the wire or on the target is said, and harms nobody else."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from audit.models import AuditEntry
from sync.execution import execute_run
from sync.models import Link, PendingChange, Problem, Run, RunItem
from sync.replay import release, replay_problem
from tenants.scope import tenant_scope
from tests.cast import make_tenant
from tests.sync.story import tell


def test_an_empty_source_stops_and_asks(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)
    story.map_everything()
    story.run()
    for worker in story.workers().values():
        story.rippling.change("remove_worker", worker=worker["id"])

    run = story.run()

    assert run.state == Run.State.HELD
    assert "no workers at all" in run.message
    assert sum(e["active"] for e in story.employees().values()) == 13


def test_a_mass_termination_stops_and_asks_and_goes_on_when_released(sandbox: dict[str, str]) -> None:
    story = tell(sandbox, size=20)
    story.map_everything()
    story.run()
    for worker in sorted(story.workers().values(), key=lambda w: w["number"])[-8:]:
        story.rippling.change("terminate", worker=worker["id"])

    held = story.run()
    assert held.state == Run.State.HELD
    assert "terminate 8 of 20" in held.message
    assert sum(e["active"] for e in story.employees().values()) == 21

    with story.scope():
        released = release(held, now=story.world.now())
        execute_run(released.pk, story.world)
        released.refresh_from_db()
        held.refresh_from_db()
    assert (released.state, released.terminated) == (Run.State.SUCCEEDED, 8)
    assert held.state == Run.State.HELD
    assert sum(e["active"] for e in story.employees().values()) == 13


def test_who_vanishes_from_the_source_leaves_only_after_two_complete_walks(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)
    story.map_everything()
    story.run()
    gone = sorted(story.workers().values(), key=lambda w: w["number"])[-1]
    story.rippling.change("remove_worker", worker=gone["id"])

    first = story.run()
    assert (first.terminated, story.employees()[str(gone["number"])]["active"]) == (0, True)
    second = story.run()
    assert (second.terminated, story.employees()[str(gone["number"])]["active"]) == (1, False)


def test_nothing_is_written_while_writing_is_switched_off(sandbox: dict[str, str]) -> None:
    story = tell(sandbox, writes_enabled=False)
    story.map_everything()
    before = story.plex.snapshot()["writes"]

    run = story.run()

    assert run.state == Run.State.SUCCEEDED
    assert "switched off" in run.message
    assert (run.planned, run.created) == (12, 0)
    assert story.plex.snapshot()["writes"] == before
    with story.scope():
        assert Link.objects.count() == 0


def test_a_preview_shows_every_change_and_writes_nothing(sandbox: dict[str, str], profile: str) -> None:
    story = tell(sandbox, profile=profile)
    story.map_everything()
    story.run()
    worker = sorted(story.workers().values(), key=lambda w: w["number"])[-1]
    other = next(w["department"] for w in story.workers().values() if w["department"] != worker["department"])
    story.rippling.change("transfer", worker=worker["id"], department=other)
    before = story.plex.snapshot()["writes"]

    run = story.run(Run.Kind.PREVIEW)

    item = story.items(run)[worker["id"]]
    assert (item.change, item.state) == (RunItem.Change.TRANSFER, RunItem.State.PLANNED)
    assert (item.before["department"], item.after["department"]) == (worker["department"], other)
    assert story.plex.snapshot()["writes"] == before


def test_future_starts_and_ends_wait_in_the_queue_for_their_local_day(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)
    story.map_everything()
    story.run()
    today = datetime.now(ZoneInfo(story.tenant.time_zone)).date()
    hire = story.rippling.change("hire", start_date=(today + timedelta(days=30)).isoformat())
    leaver = sorted(story.workers().values(), key=lambda w: int(w["number"]))[0]
    story.rippling.change("terminate", worker=leaver["id"], end_date=(today + timedelta(days=10)).isoformat())

    run = story.run(Run.Kind.CHANGES)

    assert (run.created, run.terminated, run.queued) == (0, 0, 2)
    with story.scope():
        queue = {p.source_id: (p.change, p.effective_on) for p in PendingChange.objects.all()}
    assert queue[hire["id"]] == ("create", today + timedelta(days=30))
    assert queue[leaver["id"]] == ("terminate", today + timedelta(days=11))
    assert story.employees()[str(leaver["number"])]["active"] is True

    # The day comes, although nothing about the worker changes in between as far as an incremental read can see.
    story.world.ahead += timedelta(days=12)
    story.rippling.change("set_clock", now=story.world.now().strftime("%Y-%m-%dT%H:%M:%S"))
    later = story.run(Run.Kind.CHANGES)
    assert later.terminated == 1
    assert story.employees()[str(leaver["number"])]["active"] is False


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"status": "SABBATICAL"}, "status"),
        ({"start_date": "2026-03-01", "end_date": "2025-03-01", "status": "TERMINATED"}, "last day"),
        ({"department_id": None}, "department"),
        ({"number": None}, "employee number"),
    ],
)
def test_one_bad_record_is_named_and_the_others_go_on(
    sandbox: dict[str, str], fields: dict[str, object], sentence: str
) -> None:
    story = tell(sandbox)
    story.map_everything()
    bad = sorted(story.workers().values(), key=lambda w: w["number"])[-1]
    story.rippling.change("raw", worker=bad["id"], fields=fields)

    run = story.run()

    assert (run.state, run.created, run.blocked) == (Run.State.PARTLY_FAILED, 11, 1)
    item = story.items(run, state=RunItem.State.BLOCKED)[bad["id"]]
    assert item.problem is not None
    assert sentence in item.problem.sentence.lower()
    assert item.problem.remedy


def test_two_workers_with_one_number_never_become_one_employee(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)
    story.map_everything()
    first, second = sorted(story.workers().values(), key=lambda w: w["number"])[-2:]
    story.rippling.change("duplicate_number", worker=first["id"], other=second["id"])

    run = story.run()

    assert (run.created, run.blocked) == (11, 1)
    [item] = story.items(run, state=RunItem.State.BLOCKED).values()
    assert "two workers" in item.message
    assert len([e for e in story.employees().values() if e["badgeNumber"] == str(first["number"])]) == 1


def test_an_emoji_name_arrives_whole_or_is_refused_by_name(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)
    story.map_everything()
    worker = sorted(story.workers().values(), key=lambda w: w["number"])[-1]
    story.rippling.change("update", worker=worker["id"], family_name="🦀" * 200)

    run = story.run()

    employee = story.employees().get(str(worker["number"]))
    if employee is None:
        assert (run.state, run.rejected) == (Run.State.PARTLY_FAILED, 1)
    else:
        assert employee["lastName"] == "🦀" * 200


@pytest.mark.parametrize("kind", ["cut", "cut_after"])
def test_an_answer_that_got_lost_is_looked_up_and_never_sent_twice(
    sandbox: dict[str, str], profile: str, kind: str
) -> None:
    story = tell(sandbox, profile=profile)
    story.map_everything()
    story.plex.fault(kind, method="POST", path=".*mployees?/?$|.*/Employee/?$", times=3)

    run = story.run()

    assert run.state == Run.State.SUCCEEDED, run.message
    assert run.created == 12
    assert story.plex.snapshot()["duplicates"] == {}
    assert len(story.employees()) == 14
    assert story.plex.snapshot()["writes"]["creates"] == 12


def test_a_token_that_is_revoked_stops_the_run_and_tells_the_owner(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)
    story.map_everything()
    story.rippling.change("revoke_token")

    run = story.run()

    assert run.state == Run.State.FAILED
    with story.scope():
        story.source.refresh_from_db()
    assert story.source.state == "attention"
    assert "token" in run.message.lower()
    assert run.message == story.source.state_reason


@pytest.mark.parametrize("kind", ["html", "garbage", "truncate"])
def test_nonsense_from_the_source_stops_the_run_before_anything_is_written(sandbox: dict[str, str], kind: str) -> None:
    story = tell(sandbox)
    story.map_everything()
    story.rippling.fault(kind, path="/workers/?", times=None)

    run = story.run()

    assert run.state == Run.State.FAILED
    assert run.message
    assert len(story.employees()) == 2


def test_the_other_tenant_sees_nothing_of_it(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)
    story.map_everything()
    run = story.run()
    outsider = make_tenant("Other Corp")

    with tenant_scope(outsider.id):
        assert Run.objects.count() == RunItem.objects.count() == Link.objects.count() == 0
        assert execute_run(run.pk, story.world) is None


def test_every_record_and_act_is_in_the_audit_trail(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)
    story.map_everything()
    run = story.run()

    from audit.verify import verify

    with story.scope():
        entries = list(AuditEntry.objects.filter(run_id=run.pk))
        assert verify(story.tenant.id).ok
    by_action = Counter(entry.action for entry in entries)
    assert by_action["worker.created"] == 12
    created = next(entry for entry in entries if entry.action == "worker.created")
    assert created.sentence == f"{created.subject_label} was created in Plex."
    assert by_action["run.started"] == by_action["run.finished"] == 1
    family_names = {w["family_name"] for w in story.workers().values() if len(w["family_name"]) > 3}
    assert not [name for name in family_names for entry in entries if name in entry.body]


def test_an_unchanged_record_is_covered_by_the_runs_digest(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)
    story.map_everything()
    story.run()

    run = story.run()
    again = story.run()

    assert len(run.digest) == 64
    assert run.digest == again.digest
    assert story.items(run) == {}


def test_who_plex_refuses_stands_in_the_inbox_under_what_it_said(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)
    story.map_everything()
    gone = sorted(story.workers().values(), key=lambda w: w["number"])[-1]["title"]
    story.plex.change("remove_setup_value", kind="positions", value=gone)
    refused = sum(w["title"] == gone for w in story.workers().values())

    run = story.run()

    assert (run.state, run.rejected, run.created) == (Run.State.PARTLY_FAILED, refused, 12 - refused)
    with story.scope():
        [problem] = Problem.objects.filter(state=Problem.State.OPEN)
        assert problem.victims == refused
    assert {item.problem for item in story.items(run, state=RunItem.State.REJECTED).values()} == {problem}

    story.plex.change("add_setup_value", kind="positions", value=gone)
    with story.scope():
        replay = replay_problem(problem, now=story.world.now())
        execute_run(replay.pk, story.world)
        problem.refresh_from_db()
    assert problem.state == Problem.State.RESOLVED
    assert len(story.employees()) == 14
