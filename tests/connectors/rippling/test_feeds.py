"""Feeds of changes: hints by whichever API the connection uses, and people found by the ids that webhooks use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from connectors.contract import ChangeFeed, WorkerSource
from connectors.errors import RecordRejectedError, UnexpectedReplyError
from connectors.rippling.connector import RipplingConnector
from sandbox.rippling import RipplingSimulator
from tests.connectors.conftest import ServeSimulator
from tests.connectors.customers import Customer
from tests.connectors.rippling.contract import BY_NAME
from tests.connectors.surroundings import context

Make = Callable[..., tuple[Customer, RipplingConnector]]


@pytest.fixture
def make(serve_simulator: ServeSimulator) -> Iterator[Make]:
    """A company and a checked connector to it."""
    opened: list[Any] = []

    def start(way: str = "rippling v2", learned: Any = None, **options: Any) -> tuple[Customer, RipplingConnector]:
        contract = BY_NAME[way]
        customer = Customer.create(serve_simulator(RipplingSimulator), **{"size": 12, **options})
        contract.prepare(customer)
        if learned is None:
            opened.append(contract.connector(customer))
            learned = opened[-1].check().learned
        opened.append(contract.connector(customer, learned=learned))
        return customer, opened[-1]

    yield start
    for connector in opened:
        connector.close()


def people(customer: Customer) -> list[str]:
    return [row["id"] for row in customer.snapshot()["workers"]]


def test_a_change_is_hinted_once_behind_the_cursor(make: Make) -> None:
    customer, connector = make()
    assert isinstance(connector, ChangeFeed)
    assert connector.has_feed()
    first = connector.changes("")
    assert first.hints == ()
    one, two = people(customer)[3:5]
    customer.change("update", worker=one, title="Welder")
    customer.change("update", worker=one, title="Fitter")
    customer.change("update", worker=two, title="Fitter")
    told = connector.changes(first.cursor)

    assert sorted(told.hints) == sorted([one, two])
    assert connector.changes(told.cursor).hints == ()
    assert connector.worker(one) is not None


def test_without_the_entitlement_there_is_no_feed_and_the_check_says_so(make: Make) -> None:
    entitlements = ["API Tier 1", "API Tier 2"]
    customer, connector = make(entitlements=entitlements)
    assert not connector.has_feed()
    customer.forget_requests()
    assert connector.changes("x").hints == ()
    assert customer.requests() == []


def test_rows_of_another_form_are_not_understood_and_crash_nothing(make: Make) -> None:
    rows = {"results": [{"id": "c1", "employee": "w1"}], "next_link": None}
    customer, _ = make(learned={})
    customer.fault("status", status_code=200, body=rows, path=r"/worker-changes/.*", times=None)
    connector = BY_NAME["rippling v2"].connector(customer)
    result = connector.check()
    found = next(one for one in result.findings if one.entity == "the feed of changes")
    connector.close()

    assert result.learned["feed"] == "none"
    assert "do not understand" in found.sentence
    assert result.ok


def test_a_feed_that_begins_with_the_oldest_is_not_relied_on(make: Make) -> None:
    customer, _ = make(learned={})
    times = ("2026-03-01T09:00:00Z", "2026-03-02T09:00:00Z")
    rows = [{"id": at, "worker_id": "w1", "created_at": at} for at in times]
    connector = BY_NAME["rippling v2"].connector(customer)
    learned = []
    for order in (rows, rows[::-1]):
        body = {"results": order, "next_link": None}
        customer.fault("status", status_code=200, body=body, path=r"/worker-changes/.*", times=1)
        learned.append(connector.check().learned["feed"])
    connector.close()

    assert learned == ["none", "worker_changes"]


def test_the_activity_of_v1_hints_at_roles_and_goes_on_from_its_cursor(make: Make) -> None:
    customer, connector = make("rippling v1")
    assert connector.has_feed()
    first = connector.changes("")
    somebody = people(customer)[2]
    customer.change("activity", event_type="USER_LOGIN_SUCCESS", worker=somebody)
    customer.change("activity", event_type="EXTERNAL_GROUP_ADD", group="g1")
    customer.change("activity", event_type="ACCOUNT_PASSWORD_CHANGED", subjects=None, initiator=None)
    told = connector.changes(first.cursor)

    assert tuple(told.hints) == (somebody,)
    assert connector.changes(told.cursor).hints == ()


def test_an_error_inside_a_200_is_an_error(make: Make) -> None:
    customer, connector = make("rippling v1")
    customer.fault(
        "status", status_code=200, body={"data": None, "error": "x"}, path=r".*/company_activity", times=None
    )
    with pytest.raises(UnexpectedReplyError):
        connector.changes("")


def test_a_cursor_that_is_forgotten_begins_anew(make: Make) -> None:
    _, connector = make("rippling v1")
    assert connector.changes("no-such-cursor").cursor not in ("", "no-such-cursor")


@pytest.mark.parametrize("differ", [False, True], ids=["the same ids", "other ids"])
def test_a_person_is_found_by_the_id_a_webhook_carries(make: Make, differ: bool) -> None:
    customer, connector = make("rippling v2 app", ids_differ=differ)
    person = next(row for row in customer.snapshot()["workers"] if row["status"] == "ACTIVE")
    v1_id = v1_of(customer, person["work_email"])
    assert (v1_id == person["id"]) is not differ
    found = connector.worker(v1_id)

    assert found is not None
    assert found.id == person["id"]
    assert connector.worker("ffffffffffffffffffffffff") is None


def test_who_cannot_be_told_apart_is_refused_and_not_gone(make: Make) -> None:
    customer, connector = make("rippling v2 app", ids_differ=True)
    person = customer.snapshot()["workers"][4]
    v1_id = v1_of(customer, person["work_email"])
    customer.change("update", worker=person["id"], work_email=None)
    with pytest.raises(RecordRejectedError, match="next full read"):
        connector.worker(v1_id)


def v1_of(customer: Customer, email: str) -> str:
    """The Platform API's id of this person, as its own list has it."""
    contract = BY_NAME["rippling v1"]
    connector = contract.open(context(settings=contract.settings(customer), credentials=contract.credentials(customer)))
    assert isinstance(connector, WorkerSource)
    try:
        found = [w for page in connector.worker_pages() for w in page.workers if w.work_email == email]
    finally:
        connector.close()
    (worker,) = found
    return str(worker.id)
