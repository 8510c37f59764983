"""The two feeds of changes: ``/worker-changes/`` of v2 and ``company_activity`` of v1."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from tests.sandbox.rippling_world import Json, Rippling

Make = Callable[..., Rippling]
CHANGES = "/worker-changes/"
ACTIVITY = "/platform/api/company_activity"


def told(company: Rippling) -> list[tuple[str, str | None, str]]:
    """Event type, field and day of every worker change, oldest first."""
    rows = company.walk(CHANGES, order_by="created_at")
    return [(row["event_type"], row["field_key"], row["effective_on"]) for row in rows]


def activity(company: Rippling, **query: object) -> tuple[list[Json], str]:
    """The events of a page and its cursor."""
    body = company.ok(ACTIVITY, **query)
    assert body["error"] is None
    return body["data"]["events"], body["data"]["next"]


@pytest.mark.parametrize(
    ("action", "arguments", "rows"),
    [
        ("hire", {}, [("HIRE", None, "2026-11-02")]),
        ("hire", {"start_date": "2026-12-01"}, [("HIRE", None, "2026-12-01")]),
        ("terminate", {"worker": 1003}, [("OFFBOARD", None, "2026-11-02")]),
        ("terminate", {"worker": 1003, "end_date": "2026-12-01"}, [("SCHEDULED_OFFBOARD", None, "2026-12-01")]),
        ("transfer", {"worker": 1003, "department": "Quality"}, [("CHANGE", "department_id", "2026-11-02")]),
        ("update", {"worker": 1003, "family_name": "Newname"}, [("CHANGE", "name", "2026-11-02")]),
        ("update", {"worker": 1003, "title": "Welder", "quiet": True}, [("CHANGE", "title", "2026-11-02")]),
        ("touch", {"n": 3}, []),
        ("update", {"worker": 1003, "title": "Welder", "unannounced": True}, []),
        ("remove_worker", {"worker": 1003}, []),
    ],
)
def test_a_change_of_a_person_is_in_the_feed_by_its_kind(
    rippling: Make, action: str, arguments: Json, rows: list[tuple[str, str | None, str]]
) -> None:
    company = rippling(size=10)

    company.change(action, **arguments)

    assert told(company) == rows


def test_a_rehire_looks_like_a_hire_and_a_termination_taken_back_like_an_undo(rippling: Make) -> None:
    company = rippling(size=5)

    company.change("terminate", worker=1002)
    company.change("rehire", worker=1002)
    company.change("terminate", worker=1003, end_date="2026-12-01")
    company.change("rehire", worker=1003, start_date=company.worker(1003)["start_date"])

    assert [kind for kind, _, _ in told(company)] == ["OFFBOARD", "HIRE", "SCHEDULED_OFFBOARD", "UNDO"]


def test_what_is_effective_later_is_applied_when_its_day_has_come(rippling: Make) -> None:
    company = rippling(size=5)
    company.change("terminate", worker=1002, end_date="2026-11-10")

    [row] = company.results(CHANGES)
    assert (row["applied_on"], row["effective_on"]) == (None, "2026-11-10")
    company.change("set_clock", now="2026-11-11T09:00:00+00:00")

    assert told(company)[1:] == [("OFFBOARD", None, "2026-11-10")]


def test_a_row_names_the_worker_and_can_be_filtered_sorted_and_expanded(rippling: Make) -> None:
    company = rippling(size=5)
    changed = company.change("update", worker=1002, title="Welder")
    company.change("terminate", worker=1003, end_date="2026-12-01")

    [row] = company.results(CHANGES, filter=f"worker_id eq '{changed['id']}'", expand="worker")

    assert (row["worker_id"], row["worker"]["number"]) == (changed["id"], 1002)
    assert set(row) >= {"id", "event_type", "field_key", "created_at", "updated_at", "effective_on"}
    assert [r["worker_id"] for r in company.results(CHANGES, filter="effective_on gt 2026-11-02")] != [changed["id"]]
    assert len(company.results(CHANGES, filter="event_type eq 'CHANGE' and applied_on gte 2026-11-02")) == 1
    assert [r["effective_on"] for r in company.results(CHANGES, order_by="effective_on desc")] == [
        "2026-12-01",
        "2026-11-02",
    ]
    assert "not filterable" in company.refused(CHANGES, filter="created_at gte 2026-11-02")
    assert "datetime.date" in company.refused(CHANGES, filter="effective_on gt '2026-11-02'")
    assert company.refused(CHANGES, filter="effective_on gt 2026-11-02T00:00:00")
    assert "not sortable" in company.refused("/workers/", order_by="effective_on")


def test_the_feed_is_paged_like_any_list(rippling: Make) -> None:
    company = rippling(size=30)
    for number in range(1001, 1031):
        company.change("update", worker=number, title="Welder")

    first = company.ok(CHANGES, limit=20, order_by="created_at")

    assert len(first["results"]) == 20
    assert len(company.walk(CHANGES, limit=7, order_by="effective_on")) == 30


def test_the_feed_needs_its_entitlement_and_its_scope(rippling: Make) -> None:
    assert rippling(size=1, entitlements=["API Tier 1"]).get(CHANGES).status_code == 403
    assert rippling(size=1, scopes=["workers.read"]).get(CHANGES).status_code == 403
    open_ = rippling(size=1, scopes=["worker-changes.read"], entitlements=["Worker Changes API"])
    assert open_.ok(CHANGES) == {"__meta": {"redacted_fields": []}, "results": [], "next_link": None}


def test_any_worker_change_can_be_scripted(rippling: Make) -> None:
    company = rippling(size=2)

    company.change("worker_change", worker=1002, event_type="EFFECTIVE_DATE_AMENDMENT", effective_on="2026-10-01")

    assert told(company) == [("EFFECTIVE_DATE_AMENDMENT", None, "2026-10-01")]
    wrong = {"worker": 1002, "event_type": "REHIRE"}
    assert company.control("POST", "/changes/worker_change", wrong).status_code == 400


def test_the_activity_tells_of_accounts_and_groups_and_of_no_other_change(rippling: Make) -> None:
    company = rippling(size=5)

    company.change("update", worker=1001, title="Welder", family_name="Newname")
    moved = company.change("transfer", worker=1002, department="Quality")
    company.change("terminate", worker=1003)
    company.change("hire")

    events, _ = activity(company)
    assert [event["event_type"] for event in events] == [
        "EXTERNAL_GROUP_MEMBER_REMOVE",
        "EXTERNAL_GROUP_MEMBER_ADD",
        "EXTERNAL_ACCOUNT_DELETE",
        "EXTERNAL_ACCOUNT_CREATE",
    ]
    assert [(one["type"], one["instance"]) for one in events[1]["subjects"]] == [
        ("ROLE", moved["id"]),
        ("GROUP", moved["department_id"]),
    ]
    assert events[0]["company"] == company.company_id
    assert datetime.fromisoformat(events[0]["timestamp"]).utcoffset() is not None


def test_a_role_in_the_activity_is_the_person_as_v1_knows_them(rippling: Make) -> None:
    company = rippling(size=3, ids_differ=True)
    company.change("terminate", worker=1002)

    [event], _ = activity(company)

    role = event["subjects"][0]["instance"]
    assert company.ok(f"/platform/api/employees/{role}")["employeeNumber"] == "1002"


def test_the_cursor_of_the_last_page_brings_what_happens_later(rippling: Make) -> None:
    company = rippling(size=5)
    for number in (1001, 1002, 1003):
        company.change("terminate", worker=number)

    first, cursor = activity(company, startDate="2026-11-01", limit=2)
    second, last = activity(company, next=cursor, limit=2)
    assert (len(first), len(second)) == (2, 1)
    assert len({event["id"] for event in first + second}) == 3
    assert activity(company, next=last) == ([], last)
    company.change("terminate", worker=1004)
    later, newest = activity(company, next=last)

    assert len(later) == 1
    assert newest != last


def test_a_cursor_that_is_none_is_told_inside_of_a_success(rippling: Make) -> None:
    company = rippling(size=1)

    for cursor in ("nonsense", company.company_id, ""):
        body = company.ok(ACTIVITY, next=cursor)
        assert body["data"] is None
        assert body["error"]


def test_the_activity_reaches_back_ninety_days_and_no_further(rippling: Make) -> None:
    company = rippling(size=5)
    company.change("terminate", worker=1001)
    company.change("set_clock", now="2027-01-30T12:00:00+00:00")
    company.change("terminate", worker=1002)
    assert len(activity(company)[0]) == 2

    company.change("set_clock", now="2027-02-02T12:00:00+00:00")

    [event], _ = activity(company)
    assert event["timestamp"].startswith("2027-01-30")
    assert activity(company, startDate="2027-01-31")[0] == []
    assert len(activity(company, startDate="2027-01-30", endDate="2027-01-30")[0]) == 1
    assert "90 days" in company.refused(ACTIVITY, startDate="2026-11-02")


def test_the_activity_needs_its_scope_and_sensible_parameters(rippling: Make) -> None:
    company = rippling(size=1)

    for query in ({"limit": 1001}, {"limit": 0}, {"startDate": "2026-11-02T00:00:00"}, {"endDate": "yesterday"}):
        assert next(iter(query)) in company.refused(ACTIVITY, **query)
    assert rippling(size=1, scopes=["workers.read"]).get(ACTIVITY).status_code == 403


def test_any_activity_can_be_scripted_with_what_may_be_missing_missing(rippling: Make) -> None:
    company = rippling(size=3)

    company.change("activity", event_type="USER_LOGIN_FAILED", worker=1002)
    company.change("activity", event_type="RPASS_ITEM_USED", initiator=None, subjects=[None])

    events, _ = activity(company)
    assert [event["event_type"] for event in events] == ["USER_LOGIN_FAILED", "RPASS_ITEM_USED"]
    assert events[0]["subjects"][0]["type"] == "ROLE"
    assert events[0]["spoke"] is events[0]["request_data"] is events[0]["event_reason"] is None
    assert events[1]["initiator"] is None
    assert company.control("POST", "/changes/activity", {"event_type": "HIRE"}).status_code == 400
