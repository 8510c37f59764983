"""A first load of more people than a page or the memory of a run holds."""

from __future__ import annotations

import pytest

from sync.models import Link, Run
from tests.sync.story import Story, tell


@pytest.mark.parametrize("kept", [1000, 3], ids=["kept in memory", "read again"])
def test_managers_go_first_so_that_their_people_need_no_second_write(
    sandbox: dict[str, str], monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    monkeypatch.setattr("sync.people.PAGE", 10)
    monkeypatch.setattr("sync.surveying.KEPT_CHANGES", kept)
    story = tell(sandbox, size=150, rippling={"seed": 5})
    story.map_everything()

    run = story.run()

    assert run.state == Run.State.SUCCEEDED, run.message
    assert_everybody_reports_to_their_manager(story)
    assert run.created == 150
    managers = {worker["manager_id"] for worker in story.workers().values()} - {None}
    writes = story.plex.snapshot()["writes"]
    assert writes["creates"] == 150
    # Only a manager, or somebody on the page of theirs, can have come before the person they report to.
    assert writes["updates"] <= len(managers) + 10, (writes, len(managers))
    with story.scope():
        assert not Link.objects.exclude(manager_due="").exists()


def assert_everybody_reports_to_their_manager(story: Story) -> None:
    employees, workers = story.employees(), story.workers()
    number_of = {employee["id"]: number for number, employee in employees.items()}
    worker_number = {worker["id"]: number for number, worker in workers.items()}
    for number, worker in workers.items():
        assert number_of.get(employees[number]["supervisorId"]) == worker_number.get(worker["manager_id"])
