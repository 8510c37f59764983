"""Stories in which something goes wrong at the worst moment: nobody is lost, doubled, or wrongly terminated."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest

from connectors.errors import TemporaryError
from connectors.models import Connection
from connectors.records import UnreadableRecord, WorkerPage
from connectors.rippling.connector import RipplingConnector
from sync import people, writing
from sync.execution import execute_run
from sync.models import BlockedRecord, Flow, Integration, Link, PendingChange, Problem, Run, RunItem
from sync.replay import replay_undone
from sync.runs import claim
from tests.connectors.customers import Customer
from tests.sync.story import Story, tell


class Died(BaseException):
    """The process is gone: nothing is settled, nobody ends the run."""


def by_hand(story: Story, number: str, worker: dict[str, Any]) -> None:
    """Somebody typed this person into Plex."""
    typed(story, number, f"old{number}", worker)


def typed(story: Story, number: str, user_id: str, worker: dict[str, Any]) -> None:
    story.plex.change(
        "add_employee",
        badgeNumber=number,
        userId=user_id,
        firstName="Typed",
        lastName="By hand",
        status="Active",
        position=worker["title"],
        department=story.employees()["900001"]["department"],
    )


def last(story: Story, n: int = 1) -> list[dict[str, Any]]:
    return sorted(story.workers().values(), key=lambda w: int(w["number"]))[-n:]


def unmapped_department(story: Story, *workers: dict[str, Any]) -> None:
    story.rippling.change("add_department", name="Paint Shop", reference_code="PT-200")
    for worker in workers:
        story.rippling.change("transfer", worker=worker["id"], department="Paint Shop")


# number reuse, several employments


def test_a_leavers_number_never_terminates_the_blocked_successor_who_has_it(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)
    leaver, successor = last(story, 2)
    story.rippling.change("terminate", worker=leaver["id"])
    story.rippling.change("raw", worker=leaver["id"], fields={"number": successor["number"]})
    by_hand(story, str(successor["number"]), successor)
    story.map_everything()
    unmapped_department(story, successor)

    run = story.run()

    assert run.blocked == 1
    assert story.employees()[str(successor["number"])]["active"] is True
    story.run(Run.Kind.REPLAY, selection=[leaver["id"]])
    assert story.employees()[str(successor["number"])]["active"] is True


def test_two_ended_employments_with_one_number_end_one_employee(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)
    first, second = last(story, 2)
    for worker in (first, second):
        story.rippling.change("terminate", worker=worker["id"])
    story.rippling.change("raw", worker=first["id"], fields={"number": second["number"]})
    by_hand(story, str(second["number"]), second)
    story.map_everything()

    run = story.run()

    assert run.state == Run.State.SUCCEEDED, run.message
    assert story.employees()[str(second["number"])]["active"] is False
    again = story.run()
    assert again.state == Run.State.SUCCEEDED, again.message


def test_a_takeover_of_an_employee_somebody_reactivated_by_hand(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)
    story.map_everything()
    story.run()
    [leaver] = last(story)
    story.rippling.change("terminate", worker=leaver["id"])
    story.run()
    story.plex.change("update_employee", badgeNumber=str(leaver["number"]), fields={"status": "Active"})
    story.rippling.change("rehire", worker=leaver["id"], new_worker=True)

    run = story.run()

    assert run.state == Run.State.SUCCEEDED, run.message
    with story.scope():
        assert Link.objects.count() == 12
    assert story.run().state == Run.State.SUCCEEDED


def test_a_number_taken_over_by_a_known_worker_is_never_two_peoples(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)
    story.map_everything()
    story.run()
    first, second = last(story, 2)
    story.rippling.change("duplicate_number", worker=second["id"], other=first["id"])

    run = story.run()

    assert story.plex.snapshot()["duplicates"] == {}
    assert run.blocked == 1


def test_one_person_with_two_employments_at_once_is_hired_once(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)
    story.map_everything()
    [worker] = last(story)
    story.rippling.change("rehire", worker=worker["id"], new_worker=True)

    run = story.run()

    assert (run.created, run.blocked) == (12, 1)


@pytest.mark.parametrize("profile", ["connect", "documents"])
def test_a_person_typed_into_plex_later_is_not_hired_twice(sandbox: dict[str, str], profile: str) -> None:
    story = tell(sandbox, profile=profile)
    story.map_everything()
    story.run()
    like = last(story)[0]
    hire = story.rippling.change("hire", department=like["department"], title=like["title"])
    worker = next(w for w in story.workers().values() if w["id"] == hire["id"])
    by_hand(story, str(worker["number"]), worker)

    run = story.run(Run.Kind.CHANGES)

    assert story.plex.snapshot()["duplicates"] == {}
    assert (run.state, run.created, run.updated + run.transferred) == (Run.State.SUCCEEDED, 0, 1)
    assert story.employees()[str(worker["number"])]["lastName"] == worker["family_name"]


def test_a_number_two_employees_had_is_settled_by_a_replay_once_one_of_them_lost_it(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)
    [worker] = last(story)
    for n in (1, 2):
        typed(story, str(worker["number"]), f"x{n}", worker)
    story.map_everything()
    run = story.run()
    assert (run.created, run.blocked) == (11, 1)
    story.plex.change("update_employee", userId="x2", fields={"badgeNumber": "777777"})

    with story.scope():
        replay = replay_undone(run, now=story.world.now())
        execute_run(replay.pk, story.world)
        replay.refresh_from_db()

    assert (replay.state, replay.updated + replay.transferred) == (Run.State.SUCCEEDED, 1), replay.message


def test_two_records_without_an_id_are_one_problem(sandbox: dict[str, str]) -> None:
    page = WorkerPage(workers=[], unreadable=[UnreadableRecord(id="", field="f" * 30, reason="r" * 300)] * 2)
    story = tell(sandbox)
    story.map_everything()
    with mock.patch.object(RipplingConnector, "worker_pages", return_value=iter([page])):
        run = story.run()

    assert run.state == Run.State.PARTLY_FAILED, run.message
    with story.scope():
        assert Problem.objects.get(state="open").victims == 1


def test_two_sources_of_one_plex_never_take_each_others_people_over(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)
    story.map_everything()
    story.run()
    before = story.employees()
    company = Customer.create(sandbox["rippling"], size=12, seed=99)
    with story.scope():
        source = Connection(vendor="rippling", name="Second", settings={"api": "v2", "rest_url": company.url})
        source.settings["rest_url"] += company.connect["base_path_v2"]
        source.replace_credentials({"api_token": company.connect["token"]})
        source.save()
        integration = Integration.objects.create(name="Second", source=source, target=story.target)
        kinds = Flow.Kind.values
        flows = {k: Flow.objects.create(integration=integration, kind=k, writes_enabled=True) for k in kinds}
    second = replace(story, rippling=company, source=source, integration=integration, flows=flows)
    assert set(second.workers()) == set(story.workers())
    second.map_everything()

    run = second.run()

    assert (run.blocked, run.updated, run.terminated, run.created) == (12, 0, 0, 0)
    assert story.employees() == before


def test_a_leaver_with_two_active_employees_is_not_passed_over_in_silence(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)
    [leaver] = last(story)
    story.rippling.change("terminate", worker=leaver["id"])
    for n in (1, 2):
        typed(story, str(leaver["number"]), f"x{n}", leaver)
    story.map_everything()

    run = story.run()

    assert run.blocked == 1
    assert run.state == Run.State.PARTLY_FAILED


def test_a_first_run_against_the_wrong_company_is_held_before_it_terminates_strangers(sandbox: dict[str, str]) -> None:
    story = tell(sandbox, size=20)
    leavers = last(story, 8)
    for leaver in leavers:
        story.rippling.change("terminate", worker=leaver["id"])
        by_hand(story, str(leaver["number"]), leaver)
    story.map_everything()

    run = story.run()

    assert run.state == Run.State.HELD, (run.state, run.terminated)
    assert all(story.employees()[str(w["number"])]["active"] for w in leavers)


def test_a_first_load_that_stopped_half_way_goes_on_without_asking(sandbox: dict[str, str]) -> None:
    story = tell(sandbox, size=30)
    for worker in last(story, 20):
        by_hand(story, str(worker["number"]), worker)
    story.map_everything()
    story.rippling.heal()
    with mock.patch.object(people, "PAGE", 12):
        story.plex.fault("status", method="PUT", path=".*", status_code=403, skip=2, times=1)
        first = story.run()
    assert first.state == Run.State.FAILED, first.state
    story.plex.heal()

    run = story.run()

    assert run.state == Run.State.SUCCEEDED, run.message
    assert len(story.employees()) == 32


# crashes and lost answers


def die(what: str) -> Any:
    return mock.patch.object(writing, what, side_effect=Died)


def crash(story: Story, what: str, kind: str = Run.Kind.FULL) -> Run:
    with pytest.raises(Died), die(what):
        story.run(kind)
    with story.scope():
        run = Run.objects.latest("pk")
    story.world.ahead += timedelta(minutes=5)
    return run


def resume(story: Story, run: Run) -> Run:
    from audit.context import acting_as

    with story.scope(), acting_as("user", "pat"):
        done = execute_run(run.pk, story.world)
    assert done is not None
    return done


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


# blocked records, bad records


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


# watermark, cancel, config errors


def test_a_configuration_error_in_the_middle_is_done_again(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)
    story.map_everything()
    story.plex.fault("status", method="POST", path=".*mployees/?", status_code=403, skip=4, times=1)
    run = story.run()
    assert run.state == Run.State.FAILED
    with story.scope():
        story.flows["people"].refresh_from_db()
        assert story.flows["people"].watermark is None
        states = list(RunItem.objects.filter(run=run).values_list("state", flat=True))
    assert states.count("created") == run.created
    assert states.count("planned") == run.unsent
    story.plex.heal()
    again = story.run(Run.Kind.CHANGES)
    assert again.state == Run.State.SUCCEEDED, again.message
    assert len(story.employees()) == 14
    assert story.plex.snapshot()["writes"]["creates"] == 12


def test_a_temporary_failure_leaves_the_watermark_and_is_done_by_the_next_changes(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)
    story.map_everything()
    story.run()
    [worker] = last(story)
    with story.scope():
        story.flows["people"].refresh_from_db()
        before = story.flows["people"].watermark
    story.rippling.change("set_clock", advance_seconds=3 * 3600)
    story.rippling.change("update", worker=worker["id"], family_name="Newname")
    story.plex.fault("status", method="PUT", path=".*", status_code=429, times=None, headers={"Retry-After": "3000"})
    run = story.run(Run.Kind.CHANGES)
    assert (run.state, run.unsent) == (Run.State.PARTLY_FAILED, 1), (run.state, run.message)
    with story.scope():
        story.flows["people"].refresh_from_db()
        assert story.flows["people"].watermark == before
    story.plex.heal()
    assert story.run(Run.Kind.CHANGES).updated == 1


def test_a_cancel_in_the_middle_leaves_counters_and_problems_right(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)
    story.map_everything()
    unmapped_department(story, *last(story, 2))
    real = people._apply

    def apply_then_cancel(work: Any, *args: Any) -> None:
        real(work, *args)
        Run.objects.filter(pk=work.run.pk).update(cancel_requested=True)

    with mock.patch.object(people, "PAGE", 5), mock.patch.object(people, "_apply", apply_then_cancel):
        run = story.run()
    assert run.state == Run.State.CANCELLED
    with story.scope():
        items = list(RunItem.objects.filter(run=run).values_list("state", flat=True))
        assert (run.created, run.blocked) == (items.count("created"), items.count("blocked"))
        for problem in Problem.objects.filter(state="open"):
            assert problem.victims == BlockedRecord.objects.filter(problem=problem).count() > 0
    done = story.run()
    assert (done.created + run.created, done.blocked) == (10, 2)


def test_a_run_resumed_after_a_death_counts_everybody_once_even_when_it_then_fails(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)
    story.map_everything()
    unmapped_department(story, *last(story, 2))
    with pytest.raises(Died), mock.patch.object(people, "_assign_managers", side_effect=Died):
        story.run()
    story.world.ahead += timedelta(minutes=5)
    with story.scope():
        run = Run.objects.latest("pk")
    with mock.patch.object(people, "_assign_managers", side_effect=TemporaryError("Plex is away.", detail="")):
        done = resume(story, run)
    assert done.state == Run.State.FAILED
    assert (done.created, done.blocked) == (10, 2)


def test_a_refused_manager_is_told(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)
    story.map_everything()
    story.plex.fault(
        "status", method="PUT", path=".*", status_code=400, times=None, body={"errors": [{"message": "bad supervisor"}]}
    )

    run = story.run()

    assert run.state == Run.State.PARTLY_FAILED, (run.state, run.created, run.updated)


# time and tenants


def test_a_pending_hire_withdrawn_leaves_the_queue(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)
    story.map_everything()
    story.run()
    hire = story.rippling.change("hire", start_date=(story.world.now() + timedelta(days=9)).date().isoformat())
    assert story.run().queued == 1
    story.rippling.change("remove_worker", worker=hire["id"])
    assert story.run().queued == 0
    with story.scope():
        assert not PendingChange.objects.exists()


def test_fields_that_are_emptied_at_the_source_are_emptied(sandbox: dict[str, str]) -> None:
    story = tell(sandbox)
    [worker] = last(story)
    story.rippling.change("update", worker=worker["id"], middle_name="Mid")
    story.map_everything()
    story.run()
    assert story.employees()[str(worker["number"])]["supervisorId"]
    story.rippling.change("update", worker=worker["id"], work_email=None, middle_name=None, manager=None)

    run = story.run(Run.Kind.CHANGES)

    assert run.state == Run.State.SUCCEEDED, run.message
    employee = story.employees()[str(worker["number"])]
    assert not employee["email"]
    assert not employee["supervisorId"]
    assert not employee.get("middleName")


def test_nothing_personal_is_kept_or_logged(sandbox: dict[str, str], caplog: Any, capsys: Any) -> None:
    story = tell(sandbox)
    story.map_everything()
    [worker] = last(story)
    story.run()
    story.plex.fault(
        "status",
        method="PUT",
        path=".*",
        status_code=400,
        times=1,
        body={"errors": [{"message": "Xenoverse xenoverse@example.com is bad"}]},
    )
    story.rippling.change("update", worker=worker["id"], family_name="Xenoverse", work_email="xenoverse@example.com")
    assert story.run().rejected == 1
    story.rippling.change("update", worker=worker["id"], family_name="Zyxwvut", work_email="zyxwvut@example.com")
    story.plex.fault("cut_after", method="PUT", path=".*", times=1)
    story.run()
    from django.apps import apps
    from django.db import connection

    out = capsys.readouterr()
    text = caplog.text + out.out + out.err
    names = [w[k] for w in story.workers().values() for k in ("family_name", "work_email") if len(w[k]) > 4]
    names += ["Xenoverse", "xenoverse@example.com"]
    names += [story.rippling.connect["token"], story.plex.connect["api_key"], story.plex.connect["client_secret"]]
    with story.scope(), connection.cursor() as cursor:
        for model in apps.get_models():
            if model._meta.app_label in ("sync", "audit", "connectors", "django_q"):
                cursor.execute(f"SELECT t::text FROM {model._meta.db_table} t")
                rows = [r[0] for r in cursor.fetchall()]
                for name in names:
                    assert not [r for r in rows if name in r], (model, name)
    assert not [name for name in names if name in text]
