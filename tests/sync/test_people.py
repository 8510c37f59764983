"""Rippling's people become Plex's people: both ends of every story are read from the simulators."""

from __future__ import annotations

import pytest

from sync.models import Run
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
