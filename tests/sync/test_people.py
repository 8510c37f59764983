"""Rippling's people become Plex's people: both ends of every story are read from the simulators."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from audit.models import AuditEntry
from connectors.records import RefKind
from sync.execution import execute_run
from sync.models import Link, PendingChange, Problem, Run, RunItem
from sync.replay import release, replay_problem
from tenants.scope import tenant_scope
from tests.cast import make_tenant
from tests.sync.story import tell


@pytest.fixture(params=["connect", "documents"])
def profile(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_first_load_hires_everybody_and_the_next_run_writes_nothing(sandbox: dict[str, str], profile: str) -> None:
    story = tell(sandbox, profile=profile)
    story.map_everything()

    run = story.run()

    assert run.state == Run.State.SUCCEEDED, run.message
    assert (run.read, run.created, run.blocked, run.rejected) == (12, 12, 0, 0)
    employees, workers = story.employees(), story.workers()
    assert set(employees) == set(workers) | {"900001", "900002"}
    by_id = {e["id"]: e for e in employees.values()}
    by_worker_id = {w["id"]: w for w in workers.values()}
    for number, worker in workers.items():
        employee = employees[number]
        assert employee["department"] == worker["department"]
        assert employee["position"] == worker["title"]
        assert employee["email"] == worker["work_email"]
        assert employee["status"] == "Active"
        boss = by_worker_id.get(worker["manager_id"])
        assert (by_id[employee["supervisorId"]]["badgeNumber"] if employee["supervisorId"] else None) == (
            str(boss["number"]) if boss else None
        )

    writes = story.plex.snapshot()["writes"]
    again = story.run()
    assert again.state == Run.State.SUCCEEDED
    assert (again.read, again.unchanged, again.created, again.updated) == (12, 12, 0, 0)
    assert story.plex.snapshot()["writes"] == writes


def test_people_already_in_plex_are_found_by_number_and_not_hired_twice(sandbox: dict[str, str], profile: str) -> None:
    story = tell(sandbox, profile=profile)
    numbers = sorted(story.workers())[:3]
    for number in numbers:
        worker = story.workers()[number]
        story.plex.change(
            "add_employee",
            badgeNumber=number,
            userId=f"old{number}",
            firstName="Typed",
            lastName="By hand",
            status="Active",
            position=worker["title"],
            department=worker["department"],
            homePhone="555-0100",
        )
    story.map_everything()

    run = story.run()

    assert run.state == Run.State.SUCCEEDED, run.message
    assert (run.created, run.updated) == (9, 3)
    employees = story.employees()
    assert len(employees) == 14
    for number in numbers:
        assert employees[number]["lastName"] == story.workers()[number]["family_name"]
        assert employees[number]["userId"] == f"old{number}"
    assert story.plex.snapshot()["duplicates"] == {}


def test_changes_at_the_source_arrive_as_what_they_are(sandbox: dict[str, str], profile: str) -> None:
    story = tell(sandbox, profile=profile)
    story.map_everything()
    story.run()
    workers = sorted(story.workers().values(), key=lambda w: w["number"])
    leaver, mover, renamed = workers[-1], workers[-2], workers[-3]
    other = next(w["department"] for w in workers if w["department"] != mover["department"])
    story.rippling.change("terminate", worker=leaver["id"])
    story.rippling.change("transfer", worker=mover["id"], department=other)
    story.rippling.change("update", worker=renamed["id"], family_name="Newname")

    run = story.run(Run.Kind.CHANGES)

    assert run.state == Run.State.SUCCEEDED, run.message
    assert (run.terminated, run.transferred, run.updated) == (1, 1, 1)
    employees = story.employees()
    assert employees[str(leaver["number"])]["status"] == "Terminated"
    assert employees[str(leaver["number"])]["active"] is False
    assert employees[str(mover["number"])]["department"] == other
    assert employees[str(renamed["number"])]["lastName"] == "Newname"

    story.rippling.change("rehire", worker=leaver["id"])
    back = story.run(Run.Kind.CHANGES)
    assert (back.state, back.rehired) == (Run.State.SUCCEEDED, 1)
    assert story.employees()[str(leaver["number"])]["active"] is True


def test_a_rehire_under_a_new_worker_id_reactivates_the_same_employee(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)
    story.map_everything()
    story.run()
    leaver = sorted(story.workers().values(), key=lambda w: w["number"])[-1]
    before = story.employees()[str(leaver["number"])]["id"]
    story.rippling.change("terminate", worker=leaver["id"])
    story.run()
    story.rippling.change("rehire", worker=leaver["id"], new_worker=True)

    run = story.run()

    assert run.rehired == 1, run.message
    again = [e for e in story.employees().values() if e["id"] == before]
    assert [e["active"] for e in again] == [True]
    settled = story.run()
    assert (settled.created, settled.terminated, settled.rehired, settled.updated) == (0, 0, 0, 0)
    assert story.plex.snapshot()["duplicates"] == {}


def test_a_withheld_field_is_never_written_as_empty(sandbox: dict[str, str], profile: str) -> None:
    story = tell(sandbox, profile=profile)
    story.map_everything()
    story.run()
    before = story.employees()
    story.rippling.change("redact", field="department_id")
    somebody = sorted(story.workers().values(), key=lambda w: w["number"])[-1]
    story.rippling.change("update", worker=somebody["id"], family_name="Newname")

    run = story.run()

    assert run.state == Run.State.SUCCEEDED, run.message
    after = story.employees()
    assert {n: e["department"] for n, e in after.items()} == {n: e["department"] for n, e in before.items()}
    assert after[str(somebody["number"])]["lastName"] == "Newname"


def test_a_mapping_to_nothing_blocks_its_people_with_one_problem_until_it_is_mended(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)
    story.map_everything()
    story.run()
    story.rippling.change("add_department", name="Paint Shop", reference_code="PT-200")
    movers = sorted(story.workers().values(), key=lambda w: w["number"])[-3:]
    for worker in movers:
        story.rippling.change("transfer", worker=worker["id"], department="Paint Shop")
    story.run(flow="reference")

    run = story.run(Run.Kind.CHANGES)

    assert (run.state, run.blocked) == (Run.State.PARTLY_FAILED, 3)
    with story.scope():
        [problem] = Problem.objects.filter(state=Problem.State.OPEN)
        assert problem.victims == 3
        assert "Paint Shop" in problem.sentence
    for worker in movers:
        assert story.employees()[str(worker["number"])]["department"] == worker["department"]

    story.plex.change("add_setup_value", kind="departments", value="Paint")
    story.set_target_setting("known_departments", "Paint")
    story.run(flow="reference")
    story.map(RefKind.DEPARTMENT, problem.culprit, "Paint")
    with story.scope():
        replay = replay_problem(problem, now=story.world.now())
        execute_run(replay.pk, story.world)
        replay.refresh_from_db()
        problem.refresh_from_db()

    assert (replay.state, replay.transferred) == (Run.State.SUCCEEDED, 3)
    assert (problem.state, problem.victims) == (Problem.State.RESOLVED, 0)
    assert {story.employees()[str(w["number"])]["department"] for w in movers} == {"Paint"}


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
