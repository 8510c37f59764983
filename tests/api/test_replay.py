"""What is blocked is found, mended and done again by the API; a held run goes on when an approver says so."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django_q.models import OrmQ

from sync.configuring import configure_flow
from sync.models import Run
from tenants.models import Role
from tests.api.caller import Caller
from tests.api.company import found
from tests.api.worker import work
from tests.cast import Cast, make_key
from tests.sync.story import tell


def test_a_problem_is_understood_mended_and_its_victims_done_again(
    cast: Cast, pat: Caller, sandbox: dict[str, str]
) -> None:
    story = tell(sandbox, tenant=cast.acme)
    story.map_everything()
    story.run()
    story.rippling.change("add_department", name="Paint Shop", reference_code="PT-200")
    movers = sorted(story.workers().values(), key=lambda w: w["number"])[-3:]
    for worker in movers:
        story.rippling.change("transfer", worker=worker["id"], department="Paint Shop")
    flows = {flow["kind"]: flow["id"] for flow in pat.all(f"flows/?integration={story.integration.pk}")}
    pat.post(f"flows/{flows['reference']}/run/").ok(201)
    work(cast.acme.id)
    run = pat.post(f"flows/{flows['people']}/run/", {"kind": "changes"}).ok(201)
    work(cast.acme.id)

    run = pat.get(f"runs/{run['id']}/").ok()
    assert (run["state"], run["blocked"]) == ("partly_failed", 3)
    [problem] = pat.all("problems/?state=open")
    assert (problem["code"], problem["victims"]) == ("unmapped", 3)
    assert "Paint Shop" in problem["sentence"]
    victims = pat.all(f"problems/{problem['id']}/victims/")
    assert {victim["source_id"] for victim in victims} == {worker["id"] for worker in movers}
    items = pat.all(f"runs/{run['id']}/items/?state=blocked&problem={problem['id']}")
    assert len(items) == 3

    # Mended by one mapping; the difference that asked for it is gone.
    asked = f"integrations/{story.integration.pk}/differences/?kind=department"
    assert "Paint Shop" in [row["name"] for row in pat.get(asked).ok()["results"] if row["side"] == "source"]
    target = movers[0]["department"]
    [value] = [row for row in pat.all(f"reference-values/?connection={story.target.pk}") if row["name"] == target]
    body = {
        "integration": str(story.integration.pk),
        "kind": "department",
        "source_key": problem["culprit"],
        "target_key": value["external_id"],
    }
    assert pat.post("mappings/", body).ok(201)["state"] == "confirmed"
    assert "Paint Shop" not in [row["name"] for row in pat.get(asked).ok()["results"] if row["side"] == "source"]

    # The effect is shown before it is started.
    effect = pat.get(f"problems/{problem['id']}/replay_effect/").ok()
    assert effect["records"] == 3
    assert effect["sentence"].startswith("3 people will be read again")
    assert pat.get(f"runs/{run['id']}/replay_effect/").ok()["records"] == 3
    assert pat.get(f"items/{items[0]['id']}/replay_effect/").ok()["sentence"].startswith("1 person")
    replay = pat.post(f"problems/{problem['id']}/replay/").ok(201)
    work(cast.acme.id)
    done = pat.get(f"runs/{replay['id']}/").ok()
    assert (done["kind"], done["state"], done["read"]) == ("replay", "succeeded", 3)
    assert pat.get(f"problems/{problem['id']}/").ok()["state"] == "resolved"
    assert {story.employees()[str(w["number"])]["department"] for w in movers} == {target}
    pat.post(f"problems/{problem['id']}/replay/").problem(409)


@pytest.mark.parametrize("what", ["item", "undone", "run"])
def test_a_record_what_was_not_done_and_a_run_are_done_again(
    what: str, cast: Cast, pat: Caller, sandbox: dict[str, str]
) -> None:
    story = tell(sandbox, tenant=cast.acme)
    first = story.run()
    assert first.blocked == 12
    items = pat.all(f"runs/{first.pk}/items/")
    story.map_everything()
    address = {
        "item": f"items/{items[0]['id']}/replay/",
        "undone": f"runs/{first.pk}/replay_undone/",
        "run": f"runs/{first.pk}/replay/",
    }[what]
    again = pat.post(address).ok(201)
    assert again["replay_of"] == first.pk
    work(cast.acme.id)
    done = pat.get(f"runs/{again['id']}/").ok()
    assert (done["state"], done["created"]) == ("succeeded", 1 if what == "item" else 12)


def test_a_held_run_goes_on_when_an_approver_releases_it(cast: Cast, pat: Caller, sandbox: dict[str, str]) -> None:
    story = tell(sandbox, size=20, tenant=cast.acme)
    story.map_everything()
    story.run()
    for worker in sorted(story.workers().values(), key=lambda w: w["number"])[-8:]:
        story.rippling.change("terminate", worker=worker["id"])
    held = story.run()
    flow = f"flows/{story.flows['people'].pk}/"
    assert "terminate 8 of 20" in pat.get(f"runs/{held.pk}/").ok()["message"]
    pat.post(f"{flow}release/").problem(403)
    ann = Caller(make_key(cast.acme, Role.APPROVER))
    released = ann.post(f"{flow}release/").ok(201)
    assert released["release_of"] == held.pk
    work(cast.acme.id)
    done = ann.get(f"runs/{released['id']}/").ok()
    assert (done["state"], done["terminated"]) == ("succeeded", 8)
    assert "released before" in ann.post(f"{flow}release/").problem(409)["detail"]


def test_a_held_run_that_a_later_one_has_overtaken_is_not_released(
    cast: Cast, pat: Caller, sandbox: dict[str, str]
) -> None:
    story = tell(sandbox, size=20, tenant=cast.acme)
    story.map_everything()
    story.run()
    leavers = sorted(story.workers().values(), key=lambda w: w["number"])[-8:]
    for worker in leavers:
        story.rippling.change("terminate", worker=worker["id"])
    held = story.run()
    assert held.state == "held"
    with story.scope():
        configure_flow(story.flows["people"], {"max_change_percent": 90}, now=story.world.now())
    assert story.run(kind=Run.Kind.PREVIEW).state == "succeeded"
    ann = Caller(make_key(cast.acme, Role.APPROVER))
    assert story.run().terminated == 8

    refused = ann.post(f"flows/{story.flows['people'].pk}/release/").problem(409)

    assert refused["detail"].startswith("A later run has finished since")
    assert [run["id"] for run in pat.all("runs/?state=scheduled")] == []
    client = Client()
    client.force_login(cast.people[Role.APPROVER])
    page = client.get(reverse("admin:sync_run_change", args=[held.pk])).content.decode()
    assert "A later run has finished since" in page
    assert reverse("admin:sync_run_release", args=[held.pk]) not in page
    asked = client.get(reverse("admin:sync_run_release", args=[held.pk]), follow=True).content.decode()
    assert "A later run has finished since" in asked


def test_a_run_is_handed_to_the_workers_in_the_transaction_that_makes_it(cast: Cast, pat: Caller) -> None:
    acme = found(cast.acme)
    run = pat.post(f"flows/{acme.people.pk}/run/").ok(201)
    queued = [task for task in OrmQ.objects.all() if task.args() == (str(cast.acme.id), run["id"])]
    assert [task.func() for task in queued] == ["sync.jobs.execute"]
    cancelled = pat.post(f"runs/{run['id']}/cancel/").ok()
    assert (cancelled["state"], cancelled["active"]) == ("cancelled", False)
    assert pat.post(f"runs/{run['id']}/cancel/").ok()["state"] == "cancelled"
