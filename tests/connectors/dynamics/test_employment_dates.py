"""When employments begin and end on the simulator: moved, employed again, ended before they began."""

from __future__ import annotations

from datetime import UTC, date, datetime

import msgspec
import pytest

from tests.connectors.dynamics.conftest import DynamicsCustomer
from tests.connectors.dynamics.test_people import newcomer

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
