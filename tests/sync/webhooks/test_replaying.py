"""A person has a delivery followed again, on its page and through the API; nobody of another company does."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from audit.models import AuditEntry
from sync.models import Delivery
from tenants.models import Role
from tests.api.caller import Caller
from tests.cast import Cast, make_cast, make_key
from tests.sync.hands import last
from tests.sync.story import Story, tell
from tests.sync.webhooks.site import deliveries, work
from tests.sync.webhooks.test_following import runs_of


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def acme(sandbox: dict[str, str], cast: Cast) -> Story:
    story = tell(sandbox, tenant=cast.acme)
    story.map_everything()
    story.run()
    return story


def settled(story: Story, event: str = "employee.terminated") -> Delivery:
    """A delivery about the last person that was settled long ago."""
    [worker] = last(story)
    now = story.world.now()
    with story.scope():
        return Delivery.objects.create(
            connection=story.source, event=event, subject=worker["id"], received_at=now, state="settled", settled_at=now
        )


def test_a_preparer_has_it_followed_again(acme: Story, cast: Cast) -> None:
    one = settled(acme)
    acme.rippling.change("terminate", worker=one.subject)
    pat, page = Client(), reverse("admin:sync_delivery_change", args=[one.pk])
    pat.force_login(cast.people[Role.PREPARER])
    address = reverse("admin:sync_delivery_replay", args=[one.pk])
    assert "read again" in pat.get(address).content.decode()
    assert len(deliveries(acme)) == 1, "asking does nothing"

    pat.post(address)
    work(acme)

    [_, again] = deliveries(acme)
    assert (again.replay_of_id, again.state, again.event) == (one.pk, "settled", one.event)
    assert runs_of(acme)[0].terminated == 1
    with acme.scope():
        entry = AuditEntry.objects.get(action="delivery.replayed")
    assert entry.actor_label == cast.people[Role.PREPARER].username
    assert "Followed again" in pat.get(page).content.decode()


def test_an_event_that_asks_for_nothing_is_not_followed(acme: Story, cast: Cast) -> None:
    one = settled(acme, "leave_request.created")

    refused = Caller(make_key(cast.acme, Role.PREPARER)).post(f"deliveries/{one.pk}/replay/")

    assert refused.problem(409)["detail"] == "There is nothing to read again for “leave_request.created”."
    assert len(deliveries(acme)) == 1


def test_the_api_follows_again_for_preparers_of_the_company_only(acme: Story, cast: Cast) -> None:
    one = settled(acme)
    address = f"deliveries/{one.pk}/replay/"

    assert Caller(make_key(cast.acme, Role.VIEWER)).post(address).problem(403)
    assert Caller(make_key(cast.other, Role.ADMINISTRATOR)).post(address).problem(404)
    made = Caller(make_key(cast.acme, Role.PREPARER)).post(address).ok(201)

    assert (made["replay_of"], made["state"]) == (one.pk, "pending")
    assert [d.pk for d in deliveries(acme)] == [one.pk, made["id"]]


def test_viewers_see_no_address_of_the_webhook(acme: Story, cast: Cast) -> None:
    """Whoever knows it can knock: it is the administrators' to know."""
    page = reverse("admin:connectors_connection_change", args=[acme.source.pk])
    with acme.scope():
        acme.source.refresh_from_db()
    shown = {}
    for role in Role:
        client = Client()
        client.force_login(cast.people[role])
        shown[role] = str(acme.source.webhook_key) in client.get(page).content.decode()

    assert shown == {role: role is Role.ADMINISTRATOR for role in Role}
