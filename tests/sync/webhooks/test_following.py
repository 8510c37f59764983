"""What is announced becomes true in the target: once, in whatever order and however often it is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest import mock

from django.db.models import Count

from connectors.models import Connection
from sync.configuring import pause_flow, resume_flow
from sync.models import Delivery, Flow, Integration, Run, RunItem
from sync.runs import claim, end, request_run
from sync.webhooks import keeping
from sync.webhooks.following import BACKOFF
from sync.webhooks.keeping import KEPT
from tests.cast import make_tenant
from tests.sync.hands import last
from tests.sync.story import Story, tell
from tests.sync.webhooks.site import TOKEN, Site, deliveries, jobs_of, post, tick, work


def listen(site: Site, story: Story, **options: Any) -> None:
    """Rippling announces to the site what happens from now on."""
    story.rippling.change("webhooks", url=site.address(story), bearer=TOKEN, **options)


def deliver(story: Story, **how: Any) -> None:
    """Rippling sends what waits to be sent, and all of it is taken."""
    said = story.rippling.change("deliver", **how)
    assert set(said["statuses"]) == {"200"}, said["statuses"]


def announce(site: Site, story: Story, event: str, subject: str = "") -> None:
    fields = {"id": subject} if subject else {}
    answer = post(site.address(story), event_name=event, company_id=story.source.company, **fields)
    assert answer.status_code == 200


def writes(story: Story) -> list[dict[str, Any]]:
    """What Plex was asked to change since the log was emptied."""
    return [r for r in story.plex.requests() if r["method"] in ("POST", "PUT", "PATCH") and "token" not in r["path"]]


def runs_of(story: Story, kind: str = Flow.Kind.PEOPLE, trigger: str = "webhook") -> list[Run]:
    with story.scope():
        return list(Run.objects.filter(flow=story.flows[kind], trigger=trigger).order_by("pk"))


def states(story: Story) -> dict[str, int]:
    with story.scope():
        counted = Delivery.objects.values_list("state").annotate(number=Count("pk")).order_by()
        return dict(counted)


def catch_up(story: Story) -> None:
    """A minute later everything is followed: also what the server did not enqueue a job for, because it had enqueued
    one in the same second, which the story's clock has jumped to since."""
    story.world.ahead += timedelta(minutes=1)
    tick(story)
    work(story)


def test_who_is_terminated_in_rippling_is_terminated_in_plex_within_seconds(site: Site, acme: Story) -> None:
    listen(site, acme)
    [leaver] = last(acme)
    acme.rippling.change("terminate", worker=leaver["id"])

    deliver(acme)
    work(acme)

    assert acme.employees()[str(leaver["number"])]["status"] == "Terminated"
    [run] = runs_of(acme)
    assert (run.kind, run.state, run.terminated, run.selection) == ("replay", "succeeded", 1, [leaver["id"]])
    assert states(acme) == {"settled": 2}, "terminated, and deleted: access withdrawn from our app"
    assert all(one.run_id == run.pk and one.settled_at for one in deliveries(acme))


def test_the_same_delivery_fifty_times_has_one_effect(site: Site, acme: Story) -> None:
    listen(site, acme)
    [leaver] = last(acme)
    acme.rippling.change("terminate", worker=leaver["id"])
    acme.plex.forget_requests()

    deliver(acme, copies=50)
    work(acme)

    assert len(writes(acme)) == 1
    assert states(acme) == {"settled": 100}
    assert len(runs_of(acme)) == 1
    assert len(jobs_of(acme, "follow")) == 0


def test_a_termination_that_is_announced_before_the_hire(site: Site, acme: Story) -> None:
    """Order means nothing: what is true when the person is read is what is done."""
    listen(site, acme)
    [like] = last(acme)
    acme.rippling.change("hire", department=like["department"], title=like["title"])
    [nina] = last(acme)
    announce(site, acme, "employee.terminated", nina["id"])
    work(acme)
    assert acme.employees()[str(nina["number"])]["status"] == "Active"

    acme.rippling.change("terminate", worker=nina["id"])
    deliver(acme, order="random", seed=3)
    acme.plex.forget_requests()
    catch_up(acme)
    announce(site, acme, "employee.hired", nina["id"])
    catch_up(acme)

    assert acme.employees()[str(nina["number"])]["status"] == "Terminated"
    assert len(writes(acme)) == 1


def test_access_withdrawn_is_not_a_termination(site: Site, acme: Story) -> None:
    [worker] = last(acme)

    announce(site, acme, "employee.deleted", worker["id"])
    work(acme)

    assert acme.employees()[str(worker["number"])]["status"] == "Active"
    assert states(acme) == {"settled": 1}


def test_who_is_gone_without_a_trace_is_a_matter_for_a_person(site: Site, acme: Story) -> None:
    [worker] = last(acme)
    acme.rippling.change("remove_worker", worker=worker["id"])

    announce(site, acme, "employee.deleted", worker["id"])
    work(acme)

    [run] = runs_of(acme)
    [item] = acme.items(run).values()
    assert (item.state, item.message) == (RunItem.State.REJECTED, "Rippling no longer has this worker.")
    assert acme.employees()[str(worker["number"])]["status"] == "Active"


def test_while_a_run_is_in_progress_deliveries_wait_for_its_end(site: Site, acme: Story) -> None:
    """The run may have passed the person already: only a reading that starts afterwards settles the delivery."""
    [worker] = last(acme)
    with acme.scope():
        run = request_run(acme.flows["people"], Run.Kind.FULL, now=acme.world.now())
        assert claim(run.pk, now=acme.world.now())
        run.refresh_from_db()
    announce(site, acme, "employee.updated", worker["id"])
    work(acme)
    assert states(acme) == {"pending": 1}
    assert not runs_of(acme)

    with acme.scope():
        end(run, Run.State.SUCCEEDED, "", now=acme.world.now())
    acme.world.ahead += timedelta(minutes=1)
    tick(acme)
    work(acme)

    [asked] = runs_of(acme)
    assert asked.pk > run.pk
    assert states(acme) == {"settled": 1}


def test_a_process_that_dies_after_storing_loses_nothing(site: Site, acme: Story) -> None:
    """The job was never enqueued: the minute's work finds the delivery."""
    [leaver] = last(acme)
    acme.rippling.change("terminate", worker=leaver["id"])
    announce(site, acme, "employee.terminated", leaver["id"])
    for job in jobs_of(acme, "follow"):
        job.delete()
    assert work(acme) == 0

    tick(acme)
    assert not jobs_of(acme, "follow"), "it is given a moment"
    acme.world.ahead += timedelta(minutes=1)
    tick(acme)
    work(acme)

    assert acme.employees()[str(leaver["number"])]["status"] == "Terminated"
    assert states(acme) == {"settled": 1}


def test_a_failed_run_puts_deliveries_back_until_they_are_given_up(site: Site, acme: Story) -> None:
    [leaver] = last(acme)
    acme.rippling.change("terminate", worker=leaver["id"])
    acme.rippling.fault("status", status_code=401, times=None)
    announce(site, acme, "employee.terminated", leaver["id"])

    for attempt, pause in enumerate(BACKOFF, start=1):
        work(acme)
        [one] = deliveries(acme)
        assert (one.state, one.attempts) == (Delivery.State.PENDING, attempt)
        tick(acme)
        work(acme)
        assert len(runs_of(acme)) == attempt, "nothing is asked again before its time"
        acme.world.ahead += pause + timedelta(minutes=1)
        tick(acme)
    work(acme)

    assert len(runs_of(acme)) == len(BACKOFF) + 1
    [given_up] = deliveries(acme)
    assert given_up.state == Delivery.State.FAILED
    assert "did not come to its end" in given_up.reason


def test_once_the_source_answers_again_what_waited_is_followed(site: Site, acme: Story) -> None:
    [leaver] = last(acme)
    acme.rippling.change("terminate", worker=leaver["id"])
    acme.rippling.fault("status", status_code=401, times=None)
    announce(site, acme, "employee.terminated", leaver["id"])
    work(acme)
    announce(site, acme, "employee.updated", leaver["id"])
    work(acme)
    assert len(runs_of(acme)) == 1, "what arrives while all wait, waits too"

    acme.rippling.heal()
    acme.world.ahead += BACKOFF[0]
    tick(acme)
    work(acme)

    assert acme.employees()[str(leaver["number"])]["status"] == "Terminated"
    assert states(acme) == {"settled": 2}
    assert len(runs_of(acme)) == 2


def test_reference_data_that_cannot_be_read_holds_up_no_termination(site: Site, acme: Story) -> None:
    acme.rippling.fault("status", status_code=401, times=None)
    announce(site, acme, "group.updated", "g1")
    work(acme)
    [reference] = deliveries(acme)
    assert (reference.state, reference.attempts) == (Delivery.State.PENDING, 1)
    acme.rippling.heal()
    [leaver] = last(acme)
    acme.rippling.change("terminate", worker=leaver["id"])

    announce(site, acme, "employee.terminated", leaver["id"])
    for job in jobs_of(acme, "follow"):
        job.delete()
    acme.world.ahead += timedelta(seconds=50)
    tick(acme)
    work(acme, wait=timedelta())

    assert acme.employees()[str(leaver["number"])]["status"] == "Terminated"
    assert states(acme) == {"pending": 1, "settled": 1}


def test_reference_data_is_read_again_once_for_much_that_is_announced(site: Site, acme: Story) -> None:
    acme.rippling.change("add_department", name="Paint Shop", reference_code="PT-200")
    for _ in range(5):
        announce(site, acme, "group.updated", "g1")
    work(acme)
    announce(site, acme, "group.created", "g2")
    acme.world.ahead += timedelta(minutes=2)
    tick(acme)
    work(acme)
    assert len(runs_of(acme, Flow.Kind.REFERENCE)) == 1
    assert states(acme) == {"settled": 5, "pending": 1}

    acme.world.ahead += timedelta(minutes=14)
    tick(acme)
    work(acme)

    assert len(runs_of(acme, Flow.Kind.REFERENCE)) == 2
    assert states(acme) == {"settled": 6}
    assert not runs_of(acme)


def test_more_people_than_a_run_may_change_are_not_changed_without_asking(site: Site, acme: Story) -> None:
    """Everybody is announced as terminated, and is: the run surveys first, and stops."""
    listen(site, acme)
    active = [w for w in acme.workers().values() if w["status"] == "ACTIVE"]
    assert len(active) > 8
    for worker in active:
        acme.rippling.change("terminate", worker=worker["id"])
    acme.plex.forget_requests()

    deliver(acme)
    work(acme)

    [run] = runs_of(acme)
    assert (run.kind, run.state) == (Run.Kind.CHANGES, Run.State.HELD)
    assert not writes(acme)
    assert all(one.reason.startswith(f"Run #{run.pk} stopped and asks") for one in deliveries(acme))


def test_whom_the_changes_do_not_show_is_read_by_id(site: Site, acme: Story) -> None:
    """Many are announced, and one of them changed without a new time stamp: the changes alone would miss them."""
    people = last(acme, 8)
    acme.rippling.change("update", worker=people[0]["id"], family_name="Quietly", quiet=True)
    acme.world.ahead += timedelta(days=2)
    acme.plex.forget_requests()

    for worker in people:
        announce(site, acme, "employee.updated", worker["id"])
    work(acme)

    [run] = runs_of(acme)
    assert run.kind == Run.Kind.CHANGES
    assert acme.employees()[str(people[0]["number"])]["lastName"] == "Quietly"


def test_a_paused_flow_is_not_started_and_goes_on_when_it_is_resumed(site: Site, acme: Story) -> None:
    [leaver] = last(acme)
    acme.rippling.change("terminate", worker=leaver["id"])
    with acme.scope():
        pause_flow(acme.flows["people"], "Month end", now=acme.world.now())
    announce(site, acme, "employee.terminated", leaver["id"])
    work(acme)
    assert not runs_of(acme)
    assert states(acme) == {"pending": 1}

    with acme.scope():
        resume_flow(acme.flows["people"], now=acme.world.now())
    acme.world.ahead += timedelta(minutes=1)
    tick(acme)
    work(acme)

    assert acme.employees()[str(leaver["number"])]["status"] == "Terminated"
    assert states(acme) == {"settled": 1}


def test_behind_a_long_pause_nothing_piles_up(site: Site, acme: Story) -> None:
    """What waits is left to the next run after a day, and one that still waits keeps no older one from being
    forgotten."""
    [worker] = last(acme)
    with acme.scope():
        pause_flow(acme.flows["people"], "Month end", now=acme.world.now())
    announce(site, acme, "employee.updated", worker["id"])
    work(acme)
    acme.world.ahead += timedelta(days=1, minutes=1)
    tick(acme)
    work(acme)
    assert states(acme) == {"ignored": 1}
    assert not runs_of(acme)

    with acme.scope():
        [done] = Delivery.objects.all()
        Delivery.objects.create(
            pk=-done.pk, connection=acme.source, event="employee.updated", received_at=done.received_at
        )
        later = acme.world.now() + KEPT
        with mock.patch.object(keeping, "FORGOTTEN_AT_ONCE", 1):
            assert keeping.forget_old(now=later) == 1
    assert states(acme) == {"pending": 1}


def test_while_writing_is_off_nothing_is_written(site: Site, acme: Story) -> None:
    [leaver] = last(acme)
    acme.rippling.change("terminate", worker=leaver["id"])
    with acme.scope():
        Flow.objects.filter(pk=acme.flows["people"].pk).update(writes_enabled=False)
    acme.plex.forget_requests()

    announce(site, acme, "employee.terminated", leaver["id"])
    work(acme)

    assert not writes(acme)
    assert states(acme) == {"settled": 1}


def test_every_flow_that_reads_from_the_connection_follows(site: Site, acme: Story, sandbox: dict[str, str]) -> None:
    """One Rippling feeds two Plexes: the delivery is settled when both have read the person."""
    there = tell(sandbox, tenant=make_tenant("Other Corp"), size=3)
    with there.scope():
        settings, credentials = there.target.settings, there.target.open_credentials()
    with acme.scope():
        target = Connection(vendor="plex", name="Second Plex", settings=settings)
        target.replace_credentials(credentials)
        target.save()
        pair = Integration.objects.create(name="To the second", source=acme.source, target=target)
        second = Flow.objects.create(integration=pair, kind=Flow.Kind.PEOPLE)
    announce(site, acme, "employee.updated", last(acme)[0]["id"])

    work(acme)

    with acme.scope():
        runs = list(Run.objects.filter(trigger="webhook"))
    assert {run.flow_id for run in runs} == {acme.flows["people"].pk, second.pk}
    assert len({run.correlation_id for run in runs}) == 1
    assert states(acme) == {"settled": 1}
