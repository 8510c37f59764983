"""What is announced, to whom, in which form, and what becomes of a delivery."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.sandbox.rippling_app import Partner, Receiver, receiving
from tests.sandbox.rippling_world import Json, Rippling

Make = Callable[..., Rippling]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


@pytest.fixture
def company(rippling: Make, receiver: Receiver) -> Rippling:
    """A company whose events wait until they are sent."""
    made = rippling(size=10)
    made.change("webhooks", url=receiver.url)
    return made


def sent(company: Rippling, receiver: Receiver, **how: Any) -> list[tuple[str, str | None]]:
    """The events that arrive when what waits is delivered, in order."""
    receiver.bodies.clear()
    company.change("deliver", **{"concurrency": 1} | how)
    return receiver.events


def test_a_delivery_is_a_form_with_four_fields_and_nothing_else(company: Rippling, receiver: Receiver) -> None:
    terminated = company.change("terminate", worker=1004)

    sent(company, receiver)

    form = receiver.forms[0]
    assert form == {
        "event_name": "employee.terminated",
        "company_id": company.company_id,
        "company_primary_email": company.results("/companies/")[0]["primary_email"],
        "id": terminated["id"],
    }
    assert receiver.headers[0]["content-type"] == "application/x-www-form-urlencoded"
    assert not {"authorization", "x-rippling-signature"} & set(receiver.headers[0])


def test_a_plus_in_the_mail_address_is_escaped(company: Rippling, receiver: Receiver) -> None:
    company.change("announce", event_name="company.updated", company_primary_email="ops+hr@example.com")

    sent(company, receiver)

    assert b"company_primary_email=ops%2Bhr%40example.com" in receiver.bodies[0]


@pytest.mark.parametrize(
    ("action", "arguments", "names"),
    [
        ("hire", {}, ["employee.hired", "employee.created"]),
        ("hire", {"start_date": "2026-12-01"}, ["employee.hired", "employee.created"]),
        ("terminate", {"worker": 1003}, ["employee.terminated", "employee.deleted"]),
        ("terminate", {"worker": 1003, "end_date": "2026-12-01"}, ["employee.updated"]),
        ("transfer", {"worker": 1003, "department": "Quality"}, ["employee.updated"]),
        ("update", {"worker": 1003, "family_name": "Newname"}, ["employee.updated"]),
        ("raw", {"worker": 1003, "resource": "users", "fields": {"locale": "de-DE"}}, ["employee.updated"]),
        ("raw", {"worker": 1003, "resource": "users", "remove": ["name"]}, ["employee.updated"]),
        ("raw", {"worker": 1003, "remove": ["end_date", "start_date"]}, ["employee.updated"]),
        ("update", {"worker": 1003, "title": "Welder", "quiet": True}, ["employee.updated"]),
        ("touch", {"n": 2}, ["employee.updated", "employee.updated"]),
        ("remove_worker", {"worker": 1003}, ["employee.deleted"]),
        ("update", {"worker": 1003, "title": "Welder", "unannounced": True}, []),
        ("rename_department", {"department": "Quality", "name": "Q"}, []),
        ("redact", {"field": "title"}, []),
    ],
)
def test_a_change_is_announced_by_the_documented_events(
    company: Rippling, receiver: Receiver, action: str, arguments: Json, names: list[str]
) -> None:
    company.change(action, **arguments)

    assert [name for name, _ in sent(company, receiver)] == names


def test_a_rehire_is_a_hire_and_access_given_again(company: Rippling, receiver: Receiver) -> None:
    gone = company.change("terminate", worker=1003)["id"]
    sent(company, receiver)

    company.change("update", worker=1003, title="Welder")
    assert sent(company, receiver) == []
    company.change("rehire", worker=1003)
    assert sent(company, receiver) == [("employee.hired", gone), ("employee.created", gone)]


def test_what_was_scheduled_is_announced_when_its_day_has_come(company: Rippling, receiver: Receiver) -> None:
    leaving = company.change("terminate", worker=1003, end_date="2026-11-10")["id"]
    coming = company.change("hire", start_date="2026-11-12")["id"]
    sent(company, receiver)

    company.change("set_clock", now="2026-11-20T09:00:00+00:00")

    assert sorted(sent(company, receiver)) == sorted(
        [("employee.terminated", leaving), ("employee.deleted", leaving), ("employee.updated", coming)]
    )


def test_people_outside_of_the_access_rules_are_hired_and_terminated_only(rippling: Make, receiver: Receiver) -> None:
    company = rippling(size=5, not_provisioned=1)
    company.change("webhooks", url=receiver.url)

    company.change("update", worker=1005, title="Welder")
    company.change("terminate", worker=1005)

    assert [name for name, _ in sent(company, receiver)] == ["employee.terminated"]


def test_the_subject_is_the_person_as_v1_knows_them(rippling: Make, receiver: Receiver) -> None:
    company = rippling(size=3, ids_differ=True)
    company.change("webhooks", url=receiver.url)
    changed = company.change("update", worker=1002, title="Welder")

    [(_, subject)] = sent(company, receiver)

    assert subject != changed["id"]
    assert company.ok(f"/platform/api/employees/{subject}")["employeeNumber"] == "1002"


@pytest.mark.parametrize(
    ("departments", "names"),
    [
        ("none", []),
        ("group", ["group.created", "group.updated", "group.deleted"]),
        ("company", ["company.updated"] * 3),
    ],
)
def test_departments_are_announced_as_each_reading_has_it(
    company: Rippling, receiver: Receiver, departments: str, names: list[str]
) -> None:
    company.change("webhooks", url=receiver.url, departments=departments)

    company.change("add_department", name="New")
    company.change("rename_department", department="New", name="Newer")
    company.change("remove_department", department="Newer")

    assert [name for name, _ in sent(company, receiver)] == names


def test_uninstalling_is_the_last_that_is_heard_and_ends_every_token(company: Rippling, receiver: Receiver) -> None:
    partner = Partner(company)
    given = partner.tokens()
    assert partner.status(given["access_token"], "/platform/api/me") == 200

    company.change("uninstall")
    company.change("hire")

    assert sent(company, receiver) == [("company.deleted", company.company_id)]
    assert partner.status(given["access_token"]) == 401
    assert partner.refresh(given["refresh_token"]).status_code == 400
    assert partner.seen()["installed"] is False
    partner.tokens()
    company.change("hire")
    assert [name for name, _ in sent(company, receiver)] == ["employee.hired", "employee.created"]


def test_the_bearer_and_the_signature_are_what_was_set(company: Rippling, receiver: Receiver) -> None:
    company.change("webhooks", url=receiver.url, bearer="b1", hmac_secret="h1", header="X-Hub")
    company.change("touch")

    sent(company, receiver)

    [headers], [body] = receiver.headers, receiver.bodies
    assert headers["authorization"] == "Bearer b1"
    assert headers["x-hub"] == hmac.new(b"h1", body, hashlib.sha256).hexdigest()
    assert "b1" not in company.control("GET").text
    assert "h1" not in company.control("GET").text


def test_the_body_can_be_json(company: Rippling, receiver: Receiver) -> None:
    company.change("webhooks", url=receiver.url, content_type="json")
    company.change("touch")

    company.change("deliver")

    assert receiver.headers[0]["content-type"] == "application/json"
    assert set(json.loads(receiver.bodies[0])) == {"event_name", "company_id", "company_primary_email", "id"}


def test_any_event_can_be_announced_however_wrong(company: Rippling, receiver: Receiver) -> None:
    company.change("announce", event_name="employee.promoted", id="nobody", company_id="another")
    company.change("announce", event_name="employee.updated", without=["company_id", "id"], colour="red")

    sent(company, receiver)

    first, second = receiver.forms
    assert (first["event_name"], first["id"], first["company_id"]) == ("employee.promoted", "nobody", "another")
    assert set(second) == {"event_name", "company_primary_email", "colour"}


def test_events_can_be_delivered_at_once(company: Rippling, receiver: Receiver) -> None:
    company.change("webhooks", url=receiver.url, at_once=True)

    hired = company.change("hire")["id"]

    assert sorted(receiver.events) == [("employee.created", hired), ("employee.hired", hired)]
    assert company.snapshot()["webhooks"] == {"queued": 0, "delivered": {"200": 2}}


def test_nothing_waits_while_webhooks_are_off(company: Rippling, receiver: Receiver) -> None:
    company.change("webhooks", url=receiver.url, enabled=False)
    company.change("hire")
    company.change("webhooks", url=receiver.url)

    assert sent(company, receiver) == []
    refused = company.control("POST", "/changes/webhooks", {"url": receiver.url, "content_type": "xml"})
    assert refused.status_code == 400


def test_a_part_can_be_delivered_and_the_rest_waits(company: Rippling, receiver: Receiver) -> None:
    company.change("touch", n=5)
    ids = [one["id"] for one in company.snapshot()["queued"]]

    assert [subject for _, subject in sent(company, receiver, limit=2)] == ids[:2]
    assert company.snapshot()["webhooks"]["queued"] == 3
    assert [subject for _, subject in sent(company, receiver)] == ids[2:]


def test_events_can_come_several_times_and_in_any_order_and_the_same_again_by_the_seed(
    company: Rippling, receiver: Receiver
) -> None:
    orders = []
    for seed in (1, 1, 2):
        company.change("touch", n=10)
        queued = [one["id"] for one in company.snapshot()["queued"]]
        orders.append([subject for _, subject in sent(company, receiver, order="random", copies=3, seed=seed)])
        assert Counter(orders[-1]) == dict.fromkeys(queued, 3)

    assert orders[0] == orders[1] != orders[2]


def test_an_event_is_sent_once_whatever_is_answered(company: Rippling, receiver: Receiver) -> None:
    receiver.answers = [500, 503]
    company.change("touch", n=3)

    report = company.change("deliver", concurrency=1)

    assert (report["events"], report["deliveries"], report["queued"]) == (3, 3, 0)
    assert report["statuses"] == {"500": 1, "503": 1, "200": 1}
    assert set(report["milliseconds"]) == {"median", "p95", "p99", "longest"}
    assert len(receiver.bodies) == 3
    listed = company.snapshot()["deliveries"]
    assert [one["status"] for one in listed] == [500, 503, 200]
    assert all(one["milliseconds"] > 0 and one["at"] and one["attempts"] == 1 for one in listed)


def test_a_failed_delivery_can_be_repeated(company: Rippling, receiver: Receiver) -> None:
    company.change("webhooks", url=receiver.url, retry_on_5xx=True)
    receiver.answers = [500, 502, 200, 400]
    company.change("touch", n=2)

    report = company.change("deliver", concurrency=1)

    assert report["statuses"] == {"200": 1, "400": 1}
    assert [one["attempts"] for one in company.snapshot()["deliveries"]] == [3, 1]
    receiver.answers = [500] * 9
    company.change("touch")
    assert company.change("deliver")["statuses"] == {"500": 1}
    assert len(receiver.answers) == 5


def test_nobody_listening_is_an_outcome_like_any_other(company: Rippling) -> None:
    company.change("webhooks", url="http://127.0.0.1:9/hooks/")
    company.change("touch")

    report = company.change("deliver")

    assert report["statuses"] == {"ClientConnectorError": 1}
    assert company.snapshot()["deliveries"][0]["status"] is None


def test_a_redirect_is_not_followed(company: Rippling, receiver: Receiver) -> None:
    receiver.answers = [302]
    company.change("touch")

    assert company.change("deliver")["statuses"] == {"302": 1}
    assert len(receiver.bodies) == 1


def test_ten_thousand_events_of_a_thousand_people_are_made_and_delivered_fast(
    rippling: Make, receiver: Receiver
) -> None:
    company = rippling(size=1000, log_requests=False)
    company.change("webhooks", url=receiver.url)

    began = time.monotonic()
    for _ in range(10):
        company.change("touch", n=1000)
    made = time.monotonic() - began
    report = company.change("deliver", order="random", concurrency=16)

    assert report["statuses"] == {"200": 10_000}
    assert len(receiver.bodies) == 10_000
    assert set(Counter(receiver.events).values()) == {10}
    assert made < 10
    assert report["seconds"] < 50
