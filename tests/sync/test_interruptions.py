"""Errors in the middle, cancels, withdrawn changes: counted right, told, and done again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest import mock

import pytest

from connectors.errors import TemporaryError
from sync import applying, people
from sync.models import BlockedRecord, PendingChange, Problem, Run, RunItem
from tests.sync.hands import Died, last, resume, unmapped_department
from tests.sync.story import tell


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
    real = applying.apply_page

    def apply_then_cancel(work: Any, *args: Any) -> None:
        real(work, *args)
        Run.objects.filter(pk=work.run.pk).update(cancel_requested=True)

    with mock.patch.object(people, "PAGE", 5), mock.patch.object(people, "apply_page", apply_then_cancel):
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
    with pytest.raises(Died), mock.patch.object(applying, "_assign_managers", side_effect=Died):
        story.run()
    story.world.ahead += timedelta(minutes=5)
    with story.scope():
        run = Run.objects.latest("pk")
    with mock.patch.object(applying, "_assign_managers", side_effect=TemporaryError("Plex is away.", detail="")):
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


def test_nothing_personal_is_kept_or_logged(sandbox: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
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

    text = caplog.text
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
