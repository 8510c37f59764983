"""Who is who: numbers used twice, several employments, strangers, two sources. Nobody is hired or ended for another."""

from __future__ import annotations

from dataclasses import replace
from unittest import mock

import pytest

from connectors.models import Connection
from connectors.records import UnreadableRecord, WorkerPage
from connectors.rippling.connector import RipplingConnector
from sync import people
from sync.execution import execute_run
from sync.models import Flow, Integration, Link, Problem, Run
from sync.replay import replay_undone
from tests.connectors.customers import Customer
from tests.sync.hands import by_hand, last, typed, unmapped_department
from tests.sync.story import tell


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
