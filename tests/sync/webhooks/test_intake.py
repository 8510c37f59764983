"""What is taken in, what is refused, and that nothing refused leaves a trace."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode, urlsplit

import httpx
import pytest
from django.db import connections

from sync.models import Delivery
from sync.webhooks.listeners import LISTENER_KEPT
from tests.cast import make_tenant
from tests.processes import until
from tests.sync.story import Story, tell
from tests.sync.webhooks.site import (
    NEXT_TOKEN,
    OPERATORS_TOKENS,
    TOKEN,
    Site,
    bearer,
    deliveries,
    jobs_of,
    own_app,
    post,
)

REFUSE = """
    CREATE FUNCTION refuse_deliveries() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
    CREATE TRIGGER refuse_deliveries BEFORE INSERT ON sync_delivery
        FOR EACH ROW EXECUTE FUNCTION refuse_deliveries()
"""


@contextmanager
def full_disk() -> Iterator[None]:
    """PostgreSQL cannot store a delivery: there is no space left."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(REFUSE)
        yield
        cursor.execute("DROP FUNCTION refuse_deliveries() CASCADE")


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def other(sandbox: dict[str, str]) -> Story:
    """Another customer, with a company of its own in Rippling."""
    story = tell(sandbox, tenant=make_tenant("Other Corp"), size=3, rippling={"seed": 2})
    own_app(story)
    return story


def test_a_delivery_is_stored_without_its_mail_address_and_followed(site: Site, acme: Story) -> None:
    company = own_app(acme)

    answer = post(site.address(acme), event_name="employee.updated", id="65aa", company_id=company)

    assert (answer.status_code, answer.content) == (200, b"")
    [one] = deliveries(acme)
    assert (one.event, one.subject, one.state, one.origin) == ("employee.updated", "65aa", "pending", "webhook")
    body = urlencode({"company_primary_email": "ops+hr@example.com", "event_name": "employee.updated", "id": "65aa",
                      "company_id": company})  # fmt: skip
    assert one.digest == hashlib.sha256(body.encode()).hexdigest()
    assert "ops" not in json.dumps({name: str(value) for name, value in vars(one).items()})
    [job] = jobs_of(acme, "follow")
    assert job.key.startswith("webhooks:")
    assert job.args() == (str(acme.tenant.id), str(acme.source.pk))


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN[:-1], TOKEN + "x", NEXT_TOKEN])
def test_without_the_bearer_nothing_is_taken(site: Site, acme: Story, token: str | None) -> None:
    company = own_app(acme)

    answer = post(site.address(acme), token, event_name="employee.updated", id="65aa", company_id=company)

    assert answer.status_code == 401
    assert not deliveries(acme)
    assert not jobs_of(acme, "follow")


def test_both_bearers_count_while_they_are_changed(site: Site, acme: Story) -> None:
    company = own_app(acme, webhook_token_next=NEXT_TOKEN)

    statuses = [
        post(site.address(acme), token, event_name="employee.updated", id="1", company_id=company).status_code
        for token in (TOKEN, NEXT_TOKEN, "wrong")
    ]

    assert statuses == [200, 200, 401]


def test_a_bearer_that_was_just_changed_counts_and_the_one_before_no_longer(site: Site, acme: Story) -> None:
    """The server has already heard the one before, and keeps what it found for half a minute."""
    company = own_app(acme)

    def status(token: str) -> int:
        return post(site.address(acme), token, event_name="employee.updated", id="1", company_id=company).status_code

    assert status(TOKEN) == 200
    own_app(acme, webhook_token=NEXT_TOKEN)

    until(lambda: status(NEXT_TOKEN) == 200, "the new bearer counts", patience=LISTENER_KEPT / 2)
    assert status(TOKEN) == 401


def test_a_signed_body_that_was_tampered_with_is_refused(site: Site, acme: Story) -> None:
    """JSON with HMAC over the raw bytes, by either secret, together with the bearer."""
    company = own_app(acme, webhook_secret="today", webhook_secret_next="tomorrow")
    body = json.dumps({"event_name": "employee.terminated", "id": "65aa", "company_id": company}).encode()

    def send(content: bytes, secret: str, token: str = TOKEN) -> int:
        signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "X-Rippling-Signature": signature, **bearer(token)}
        return httpx.post(site.address(acme), content=content, headers=headers).status_code

    assert send(body, "today") == send(body, "tomorrow") == 200
    assert send(body.replace(b"65aa", b"65ab"), "today") == 401
    assert send(body + b" ", "today") == 401
    assert send(body, "yesterday") == 401
    assert send(body, "today", "wrong") == 401
    assert [one.subject for one in deliveries(acme)] == ["65aa", "65aa"]


def test_a_connection_without_a_secret_takes_nothing(site: Site, acme: Story) -> None:
    company = own_app(acme, webhook_token="")

    answer = post(site.address(acme), "", event_name="employee.updated", id="1", company_id=company)

    assert answer.status_code == 401
    assert not deliveries(acme)


def test_a_body_of_10_mb_is_refused_without_being_read(site: Site, acme: Story) -> None:
    """The answer comes while not a byte of the body has been sent."""
    address = urlsplit(site.address(acme))
    head = f"POST {address.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10485760\r\n\r\n"
    with socket.create_connection((address.hostname, address.port or 80), timeout=10) as wire:
        wire.sendall(head.encode())
        assert wire.recv(4096).startswith(b"HTTP/1.1 413 ")
    whole = httpx.post(site.address(acme), content=b"x" * 70_000, headers={**FORM, **bearer(TOKEN)})
    assert whole.status_code == 413
    assert not deliveries(acme)


def test_a_body_of_no_length_is_refused(site: Site, acme: Story) -> None:
    answer = httpx.post(site.address(acme), content=iter([b"x" * 1000]), headers={**FORM, **bearer(TOKEN)})

    assert answer.status_code == 411


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"id": "1", "company_id": "c"}, "event_name"),
        ({"event_name": "employee.updated", "id": "1"}, "company_id"),
        ({"event_name": "employee.updated", "company_id": "c"}, "id"),
        ({"event_name": "e" * 100, "id": "1", "company_id": "c"}, "event_name"),
        ({"event_name": "employee.updated", "id": "i" * 101, "company_id": "c"}, "id"),
    ],
)
def test_what_cannot_be_understood_names_the_field(site: Site, acme: Story, fields: dict[str, str], named: str) -> None:
    answer = post(site.address(acme), **fields)

    assert answer.status_code == 400
    assert f"field {named} " in answer.text
    assert not deliveries(acme)


def test_an_address_is_deaf_to_another_customers_company(site: Site, acme: Story, other: Story) -> None:
    """With Acme's key and bearer, about the other company; and with the other's key and Acme's bearer."""
    theirs = own_app(other, webhook_token="others-bearer")

    crossed = post(site.address(acme), event_name="company.deleted", id=theirs, company_id=theirs)
    unknown = post(site.address(acme), event_name="company.deleted", id="no", company_id="no")
    foreign = post(site.address(other), event_name="employee.updated", id="1", company_id=theirs)

    assert (crossed.status_code, unknown.status_code, foreign.status_code) == (403, 403, 401)
    assert crossed.text == unknown.text, "whether a company is a customer is nobody's business"
    assert not deliveries(acme)
    assert not deliveries(other)


def test_the_operators_app_finds_the_company_wherever_it_is(site: Site, acme: Story, other: Story) -> None:
    """Test and production of one company may be two customers: each gets the delivery."""
    company = own_app(acme)
    own_app(other)
    with other.scope():
        other.source.company = company
        other.source.save()

    answers = [
        post(site.operators_address, token, event_name="employee.updated", id="65aa", company_id=company).status_code
        for token in (*OPERATORS_TOKENS, TOKEN)
    ]
    nobodys = post(site.operators_address, OPERATORS_TOKENS[0], event_name="employee.updated", id="1", company_id="no")

    assert answers == [200, 200, 401]
    assert nobodys.status_code == 403
    assert len(deliveries(acme)) == len(deliveries(other)) == 2


def test_addresses_that_are_nobodys(site: Site, acme: Story) -> None:
    address = site.address(acme)
    nobodys = address.replace(str(acme.source.webhook_key), "0b0e2ad6-1d2c-4c83-8a51-2f5f6f1b4c3a")

    for wrong in (nobodys, address.replace("rippling", "plex"), address.replace("rippling", "nobody")):
        assert post(wrong, event_name="employee.updated", id="1", company_id="c").status_code == 404
    assert httpx.get(address).status_code == 405


def test_events_that_ask_for_nothing_are_settled_and_shown(site: Site, acme: Story) -> None:
    company = own_app(acme)

    for event in ("leave_request.created", "401_deductions_updated", "employee.promoted_to_emperor"):
        assert post(site.address(acme), event_name=event, id="1", company_id=company).status_code == 200

    stored = {one.event: one for one in deliveries(acme)}
    assert stored["leave_request.created"].state == Delivery.State.IGNORED
    assert stored["leave_request.created"].reason == "Leave is not synced."
    assert stored["401_deductions_updated"].state == Delivery.State.IGNORED
    assert stored["employee.promoted_to_emperor"].state == Delivery.State.UNKNOWN
    assert all(one.settled_at for one in stored.values())


def test_what_cannot_be_stored_is_not_taken(site: Site, acme: Story) -> None:
    """The disk is full: the sender is asked to come again."""
    company = own_app(acme)
    with full_disk():
        answer = post(site.address(acme), event_name="employee.updated", id="2", company_id=company)
    again = post(site.address(acme), event_name="employee.updated", id="3", company_id=company)

    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert again.status_code == 200
    assert [one.subject for one in deliveries(acme)] == ["3"]
