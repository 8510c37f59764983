"""What people do by hand in Plex and in Rippling, in more than one story."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest import mock

import pytest

from audit.context import acting_as
from sync import settling, writing
from sync.execution import execute_run
from sync.models import Run
from tests.sync.story import Story


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


def die(what: str) -> Any:
    """The process dies where it would call this step of the write protocol."""
    return mock.patch.object(writing if hasattr(writing, what) else settling, what, side_effect=Died)


def crash(story: Story, what: str, kind: str = Run.Kind.FULL) -> Run:
    with pytest.raises(Died), die(what):
        story.run(kind)
    with story.scope():
        run = Run.objects.latest("pk")
    story.world.ahead += timedelta(minutes=5)
    return run


def resume(story: Story, run: Run) -> Run:
    with story.scope(), acting_as("user", "pat"):
        done = execute_run(run.pk, story.world)
    assert done is not None
    return done
