"""Rippling's people become Plex's people: both ends of every story are read from the simulators."""

from __future__ import annotations

from connectors.records import RefKind
from sync.execution import execute_run
from sync.models import Problem, Run
from sync.replay import replay_problem
from tests.sync.story import tell


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
