"""When employments begin and end on the simulator: moved, employed again, ended before they began."""

from __future__ import annotations

from datetime import UTC, date, datetime

import msgspec
import pytest

from connectors.errors import RecordRejectedError
from connectors.records import Employee
from tests.connectors.dynamics.conftest import DynamicsCustomer
from tests.connectors.dynamics.test_people import newcomer, writes

OPEN = "2154-12-31T23:59:59Z"
HIRED = date(2020, 1, 6)


def spans(customer: DynamicsCustomer, number: str = "90001") -> list[tuple[str, str, str]]:
    """Legal entity, first instant and last second of each employment, the first one first."""
    names = ("LegalEntityId", "EmploymentStartDate", "EmploymentEndDate")
    return [(one[names[0]], one[names[1]], one[names[2]]) for one in customer.employments(number)]


def test_a_move_on_the_first_day_leaves_a_short_employment_behind(customer: DynamicsCustomer) -> None:
    connector = customer.connector()
    hired = connector.create(newcomer(connector))
    moved = connector.transfer(msgspec.structs.replace(hired, company="gbsi"), from_company="usmf")
    assert (moved.company, moved.active) == ("gbsi", True)
    assert spans(customer) == [
        ("usmf", "2026-11-21T06:00:00Z", "2026-11-21T06:00:01Z"),
        ("gbsi", "2026-11-21T06:00:02Z", OPEN),
    ]


def test_a_move_back_is_a_third_employment(customer: DynamicsCustomer) -> None:
    connector = customer.connector()
    hired = msgspec.structs.replace(connector.create(newcomer(connector, start_date=HIRED)), start_date=HIRED)
    customer.clock.moment = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)
    connector.transfer(msgspec.structs.replace(hired, company="gbsi"), from_company="usmf")
    customer.clock.moment = datetime(2026, 12, 2, 8, 0, tzinfo=UTC)
    connector.transfer(hired, from_company="gbsi")
    assert spans(customer) == [
        ("usmf", "2020-01-06T06:00:00Z", "2026-11-25T05:59:59Z"),
        ("gbsi", "2026-11-25T06:00:00Z", "2026-12-02T05:59:59Z"),
        ("usmf", "2026-12-02T06:00:00Z", OPEN),
    ]


@pytest.mark.parametrize(
    ("told", "begins"),
    [
        (HIRED, "2026-11-21T06:00:00Z"),
        (date(2026, 11, 16), "2026-11-16T06:00:00Z"),
        (date(2026, 5, 4), "2026-07-01T05:00:00Z"),
        (date(2026, 12, 7), "2026-11-21T06:00:00Z"),
    ],
    ids=["first hire", "rehire", "before the former end", "ahead"],
)
@pytest.mark.parametrize("company", ["usmf", "gbsi"])
def test_a_rehire_overlaps_no_former_employment(
    customer: DynamicsCustomer, company: str, told: date, begins: str
) -> None:
    connector = customer.connector()
    hired = connector.create(newcomer(connector, start_date=HIRED))
    connector.deactivate(msgspec.structs.replace(hired, end_date=date(2026, 6, 30)))
    wanted = msgspec.structs.replace(hired, company=company, start_date=told)
    if company != "usmf":
        connector.transfer(wanted, from_company="usmf")
    back = connector.activate(wanted)
    assert (back.company, back.active) == (company, True)
    assert spans(customer) == [
        ("usmf", "2020-01-06T06:00:00Z", "2026-07-01T04:59:59Z"),
        (company, begins, OPEN),
    ]


def test_whoever_never_came_is_inactive(customer: DynamicsCustomer) -> None:
    connector = customer.connector()
    hired = connector.create(newcomer(connector, start_date=date(2026, 11, 16)))
    left = connector.deactivate(msgspec.structs.replace(hired, end_date=date(2026, 11, 13)))
    assert not left.active
    assert spans(customer) == [("usmf", "2026-11-16T06:00:00Z", "2026-11-16T06:00:01Z")]
    assert customer.worker("90001")["WorkerStatus"] == "Terminated"


def planned_abroad(customer: DynamicsCustomer) -> Employee:
    """Somebody employed by usmf, of whom Dynamics knows an employment by gbsi from the seventh of December on."""
    customer.change(
        "add_worker",
        PersonnelNumber="90001",
        LegalEntityId="gbsi",
        FirstName="Ada",
        LastName="Ek",
        EmploymentStartDate="2026-12-07T06:00:00Z",
    )
    connector = customer.connector()
    (planned,) = connector.find_by_number("90001")
    assert not planned.active, "has not begun"
    return connector.activate(msgspec.structs.replace(planned, company="usmf", start_date=date(2026, 11, 2)))


def test_an_employment_ahead_is_ended_with_the_running_one(customer: DynamicsCustomer) -> None:
    connector, somebody = customer.connector(), planned_abroad(customer)
    assert (somebody.active, somebody.company) == (True, "usmf")
    left = connector.deactivate(msgspec.structs.replace(somebody, end_date=date(2026, 11, 13)))
    assert not left.active
    assert spans(customer) == [
        ("usmf", "2026-11-02T06:00:00Z", "2026-11-14T05:59:59Z"),
        ("gbsi", "2026-12-07T06:00:00Z", "2026-12-07T06:00:01Z"),
    ]
    customer.forget_requests()
    assert not connector.deactivate(somebody).active
    assert writes(customer) == []


def test_an_employment_ahead_that_cannot_be_ended_is_told_and_keeps_nobody_active(customer: DynamicsCustomer) -> None:
    connector, somebody = customer.connector(), planned_abroad(customer)
    customer.change("fault_in_batch", status=400, skip=1, message="Infolog: Error: The calendar is closed.")
    with pytest.raises(RecordRejectedError, match="The calendar is closed"):
        connector.deactivate(msgspec.structs.replace(somebody, end_date=date(2026, 11, 13)))
    assert spans(customer) == [
        ("usmf", "2026-11-02T06:00:00Z", "2026-11-14T05:59:59Z"),
        ("gbsi", "2026-12-07T06:00:00Z", OPEN),
    ]
    (shown,) = connector.find_by_number("90001")
    assert not shown.active


@pytest.mark.parametrize("cancelled", [False, True])
def test_whoever_comes_earlier_than_planned_begins_earlier(customer: DynamicsCustomer, *, cancelled: bool) -> None:
    connector, somebody = customer.connector(), planned_abroad(customer)
    if cancelled:
        connector.deactivate(somebody)
    wanted = msgspec.structs.replace(somebody, company="gbsi", start_date=date(2026, 11, 2))
    moved = connector.transfer(wanted, from_company="usmf")
    assert (moved.company, moved.active) == ("gbsi", True)
    assert spans(customer) == [
        ("usmf", "2026-11-02T06:00:00Z", "2026-11-21T05:59:59Z"),
        ("gbsi", "2026-11-21T06:00:00Z", OPEN),
    ]


def test_a_first_day_that_is_not_yet_where_the_company_is_comes_by_itself(customer: DynamicsCustomer) -> None:
    customer.clock.moment = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
    connector = customer.connector()
    wanted = newcomer(connector, start_date=date(2026, 11, 21))
    assert not connector.create(wanted).active
    customer.forget_requests()
    assert not connector.activate(msgspec.structs.replace(wanted, id="90001")).active
    assert writes(customer) == []
    customer.clock.moment = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
    (begun,) = connector.find_by_number("90001")
    assert begun.active
    assert spans(customer) == [("usmf", "2026-11-21T06:00:00Z", OPEN)]
