"""What can be made to happen at a company, as its APIs then tell it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.sandbox.rippling_world import Rippling

Make = Callable[..., Rippling]


def facts(row: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


def test_a_hire_is_a_new_worker_that_an_incremental_read_finds(rippling: Make) -> None:
    company = rippling(size=5)

    hired = company.change(
        "hire", given_name="Zoë", family_name="O'Neill", department="Quality", work_location="Plant 2 - Monroe",
        title="Metrology Technician", start_date="2026-11-02",
    )  # fmt: skip

    [row] = company.results("/workers/", filter="updated_at gte 2026-11-02T09:00:00", expand="user,department")
    assert row["id"] == hired["id"]
    assert facts(row, "status", "start_date", "title", "number") == (
        "ACTIVE",
        "2026-11-02",
        "Metrology Technician",
        1006,
    )
    assert row["user"]["name"]["formatted"] == row["user"]["display_name"] == "Zoë O'Neill"
    assert row["department"]["name"] == "Quality"
    assert company.snapshot()["workers"][-1]["work_location"] == "Plant 2 - Monroe"


def test_a_hire_with_a_start_to_come_becomes_active_when_the_clock_gets_there(rippling: Make) -> None:
    company = rippling(size=1)

    hired = company.change("hire", start_date="2026-11-10")
    offered = company.change("hire", start_date="2026-12-01", status="HIRED")
    company.change("set_clock", now="2026-11-09T23:59:00Z")
    assert company.worker(1002)["status"] == "ACCEPTED"
    moved = company.change("set_clock", advance_seconds=120)

    assert moved["changed"] == [hired["id"]]
    assert [row["status"] for row in company.results("/workers/")] == ["ACTIVE", "ACTIVE", "HIRED"]
    assert company.worker(1002)["updated_at"] > hired["updated_at"]
    assert company.worker(1003)["updated_at"] == offered["updated_at"]


def test_a_termination_takes_effect_on_its_day(rippling: Make) -> None:
    company = rippling(size=3)

    company.change("terminate", worker=1001, end_date="2026-11-01", type="RETIREMENT", reason="Retired")
    company.change("terminate", worker=1002, end_date="2026-11-30")

    gone, leaving = company.worker(1001), company.worker(1002)
    assert facts(gone, "status", "end_date") == ("TERMINATED", "2026-11-01")
    assert gone["termination_details"] == {"type": "RETIREMENT", "reason": "Retired"}
    assert gone["user"]["active"] is False
    assert facts(leaving, "status", "end_date") == ("ACTIVE", "2026-11-30")
    company.change("set_clock", now="2026-11-30T00:00:00Z")
    assert company.worker(1002)["status"] == "TERMINATED"
    assert company.control("GET", "?counts").json()["workers_by_status"] == {"TERMINATED": 2, "ACTIVE": 1}


@pytest.mark.parametrize("new_worker", [False, True])
def test_a_rehire_is_the_same_worker_or_a_new_one_of_the_same_user(rippling: Make, new_worker: bool) -> None:
    company = rippling(size=3)
    before = company.worker(1002)
    company.change("terminate", worker=1002, end_date="2026-11-02")

    back = company.change("rehire", worker=1002, new_worker=new_worker, department="Assembly")

    rows = company.results("/workers/", filter=f"user_id eq '{before['user_id']}'")
    assert [row["status"] for row in rows] == (["TERMINATED", "ACTIVE"] if new_worker else ["ACTIVE"])
    assert (back["id"] == before["id"]) is not new_worker
    assert facts(back, "user_id", "start_date", "end_date") == (before["user_id"], "2026-11-02", None)
    assert back["user"]["active"] is True


def test_a_transfer_changes_only_the_places_given(rippling: Make) -> None:
    company = rippling(size=20)
    before = company.worker(1015)
    other = next(row for row in company.results("/legal-entities/") if row["id"] != before["legal_entity_id"])

    company.change("transfer", worker=before["work_email"], department="8200")
    company.change("transfer", worker=before["id"], legal_entity=other["legal_name"])

    after = company.worker(1015)
    assert after["legal_entity_id"] == other["id"]
    [department] = [row for row in company.results("/departments/") if row["id"] == after["department_id"]]
    assert department["name"] == "Human Resources"
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"department_id", "legal_entity_id", "updated_at"}


def test_an_update_reaches_worker_user_and_v1(rippling: Make) -> None:
    company = rippling(size=2)

    company.change(
        "update", worker=1002, family_name="Nguyễn", title="Buyer", work_email="new@example.com", number=77,
        locale="fr-CA", manager=1001, custom_fields=[{"name": "Clock badge", "value": "X"}],
    )  # fmt: skip

    row = company.worker(77)
    assert facts(row, "title", "work_email", "manager_id") == ("Buyer", "new@example.com", company.worker(1001)["id"])
    assert facts(row["user"], "number", "locale", "username") == ("77", "fr-CA", "new@example.com")
    assert row["user"]["name"]["family_name"] == "Nguyễn"
    assert row["updated_at"] == row["user"]["updated_at"] == "2026-11-02T09:00:01.000000+00:00"
    employee = company.ok(f"/platform/api/employees/{row['id']}")
    assert facts(employee, "lastName", "employeeNumber") == ("Nguyễn", "77")
    assert employee["customFields"] == {"Clock badge": "X"}


def test_touching_moves_update_times_and_nothing_else(rippling: Make) -> None:
    company = rippling(size=10)
    before = company.walk("/workers/")

    company.change("touch", n=4)

    after = company.walk("/workers/")
    assert [old["updated_at"] < new["updated_at"] for old, new in zip(before, after, strict=True)] == [True] * 4 + [
        False
    ] * 6
    assert [old | {"updated_at": None} for old in before] == [new | {"updated_at": None} for new in after]


def test_a_late_row_and_a_quiet_change_hide_from_an_incremental_read(rippling: Make) -> None:
    company = rippling(size=3)
    before = company.worker(1002)["updated_at"]

    company.change("update", worker=1001, title="Late", lag_seconds=7200)
    company.change("update", worker=1002, title="Quiet", quiet=True)

    assert company.results("/workers/", filter="updated_at gte 2026-11-02T08:00:00") == []
    assert company.worker(1001)["updated_at"] == "2026-11-02T07:00:01.000000+00:00"
    assert facts(company.worker(1002), "title", "updated_at") == ("Quiet", before)


def test_departments_come_change_and_go(rippling: Make) -> None:
    company = rippling(size=20)
    company.change("transfer", worker=1001, department="Quality")
    before = company.worker(1001)

    added = company.change("add_department", name="Robotics", reference_code="5600", parent="Operations")
    company.change("rename_department", department="Quality", name="Quality Assurance")
    company.change("remove_department", department="Maintenance")

    rows = {row["name"]: row for row in company.results("/departments/", expand="parent")}
    assert rows["Robotics"]["parent"]["name"] == "Operations"
    assert rows["Robotics"]["department_hierarchy_id"] == [rows["Operations"]["id"], added["id"]]
    assert rows["Quality Assurance"]["id"] == before["department_id"]
    assert rows["Quality Assurance"]["reference_code"] == "6100"
    assert company.worker(1001) == before
    assert not {"Quality", "Maintenance"} & set(rows)


def test_data_can_go_wrong_in_every_way(rippling: Make) -> None:
    company = rippling(size=6)

    company.change("raw", worker=1001, fields={"status": "ON_SABBATICAL", "end_date": "1999-01-01"})
    company.change("raw", worker=1002, fields={"department_id": None}, remove=["title"])
    company.change("raw", worker=1003, resource="users", fields={"display_name": "🦊" * 200})
    company.change("update", worker=1004, given_name="🏭" * 200)
    company.change("duplicate_number", worker=1005, other=1006)
    company.change("raw", resource="departments", id="Executive", fields={"reference_code": ""})

    first, second, third, fourth, fifth, sixth = company.results("/workers/", expand="user")
    assert facts(first, "status", "end_date") == ("ON_SABBATICAL", "1999-01-01")
    assert second["department_id"] is None
    assert "title" not in second
    assert third["user"]["display_name"] == "🦊" * 200
    assert fourth["user"]["name"]["given_name"] == "🏭" * 200
    assert fifth["number"] == sixth["number"] == 1005
    assert company.results("/departments/")[0]["reference_code"] == ""
    assert len(company.ok("/platform/api/employees")) == 6


def test_a_worker_can_vanish(rippling: Make) -> None:
    company = rippling(size=3)
    gone = company.worker(1002)["id"]

    company.change("remove_worker", worker=1002)

    assert [row["number"] for row in company.results("/workers/")] == [1001, 1003]
    assert company.get(f"/workers/{gone}/").status_code == 404


def test_the_behaviour_of_a_company_can_change_under_way(rippling: Make) -> None:
    company = rippling(size=2)

    company.change("set_options", entitlements=["API Tier 1"], filter_operator="ge")

    assert company.get("/job-codes/").status_code == 403
    assert "'gte'" in company.refused("/workers/", filter="updated_at gte 2026-11-02T09:00:00")


@pytest.mark.parametrize(
    ("action", "arguments"),
    [
        ("promote", {}),
        ("terminate", {"worker": 9999}),
        ("transfer", {"worker": 1001, "department": "Nowhere"}),
        ("update", {"worker": 1001, "colour": "red"}),
        ("update", {"worker": 1001, "id": "other"}),
        ("hire", {"shoe_size": 44}),
        ("rehire", {"worker": 1002, "department": "Nowhere"}),
        ("touch", {"many": 3}),
    ],
)
def test_a_change_that_makes_no_sense_is_refused_and_changes_nothing(
    rippling: Make, action: str, arguments: dict[str, object]
) -> None:
    company = rippling(size=2)
    before = company.snapshot()

    answer = company.control("POST", f"/changes/{action}", arguments)

    assert answer.status_code == 400
    assert answer.text.startswith(action)
    after = company.snapshot()
    assert (after["workers"], after["departments"]) == (before["workers"], before["departments"])
