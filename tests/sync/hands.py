"""What people do by hand in Plex and in Rippling, in more than one story."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.db import connection

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


def cut_others() -> int:
    """All connections of this process's database are gone but the caller's own; how many there were."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
        )
        count: int = cursor.fetchone()[0]
        return count


def cut_ours() -> None:
    """The caller's connection is gone, and it does not know yet."""

    def cut() -> None:
        try:
            assert cut_others() >= 1
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as elsewhere:
        elsewhere.submit(cut).result()


@contextmanager
def losing_the_database(*, after: int) -> Iterator[None]:
    """Inside, the caller's connection is cut before its statement of this number."""
    left = after

    def count(execute: Any, *statement: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            cut_ours()
        return execute(*statement)

    with connection.execute_wrapper(count):
        yield
