"""The v1 API: bare arrays, limit and offset, names instead of ids."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.sandbox.rippling_world import Json, Rippling

Make = Callable[..., Rippling]
V1 = "/platform/api"


def test_employees_leave_out_the_terminated_and_the_unprovisioned(rippling: Make) -> None:
    company = rippling(size=30, terminated=5, pending=3, not_provisioned=2)
    everyone = f"{V1}/employees/include_terminated"

    assert len(company.ok(f"{V1}/employees")) == 31
    assert len(company.ok(everyone)) == 36
    assert len(company.ok(everyone, send_all_roles="true")) == 38
    states = {one["roleState"] for one in company.ok(everyone)}
    assert states == {"ACTIVE", "TERMINATED", "ACCEPTED", "HIRED", "INIT"}


def test_employees_can_be_asked_for_by_legal_entity(rippling: Make) -> None:
    company = rippling(size=30)
    entities = company.results("/legal-entities/")
    everyone = f"{V1}/employees/include_terminated"

    parts = [company.ok(everyone, EIN=entity["tax_identifier"]) for entity in entities]

    assert all(parts)
    assert sum(map(len, parts)) == 30
    assert company.ok(everyone, EIN="00-0000000") == []


def test_without_a_limit_the_whole_company_comes_and_a_limit_stops_at_a_hundred(rippling: Make) -> None:
    company = rippling(size=230)

    whole = company.ok(f"{V1}/employees")
    pages = [company.ok(f"{V1}/employees", limit=100, offset=offset) for offset in (0, 100, 200, 300)]

    assert [len(page) for page in pages] == [100, 100, 30, 0]
    assert [one for page in pages for one in page] == whole
    for query in ({"limit": 101}, {"limit": 0}, {"limit": "x"}, {"offset": -1}):
        assert next(iter(query)) in company.refused(f"{V1}/employees", **query)


def test_updated_at_and_cursor_are_silently_ignored(rippling: Make) -> None:
    company = rippling(size=3)

    assert company.ok(f"{V1}/employees", updated_at="2030-01-01", cursor="x") == company.ok(f"{V1}/employees")


def test_a_termination_during_a_walk_shifts_the_next_page(rippling: Make) -> None:
    company = rippling(size=6)
    first = company.ok(f"{V1}/employees", limit=3)

    company.change("terminate", worker=1001)
    second = company.ok(f"{V1}/employees", limit=3, offset=3)

    seen = {one["employeeNumber"] for one in first + second}
    assert seen == {"1001", "1002", "1003", "1005", "1006"}


def test_an_employee_is_the_worker_in_other_words(rippling: Make) -> None:
    company = rippling(size=20)
    worker = company.worker(1015)
    [department] = [row for row in company.results("/departments/") if row["id"] == worker["department_id"]]

    employee: Json = company.ok(f"{V1}/employees/{worker['id']}")

    assert employee["department"] == department["name"]
    assert (employee["id"], employee["userId"]) == (worker["id"], worker["user_id"])
    assert (employee["firstName"], employee["lastName"]) == (
        worker["user"]["name"]["given_name"],
        worker["user"]["name"]["family_name"],
    )
    assert (employee["employeeNumber"], employee["manager"]) == ("1015", worker["manager_id"])
    assert not {"startDate", "updatedAt", "departmentId"} & set(employee)
    assert company.get(f"{V1}/employees/nobody").json() == {"detail": "Not found."}


def test_the_edition_of_2021_says_more(rippling: Make) -> None:
    company = rippling(size=1, v1_edition="2021")
    worker = company.worker(1001)

    [employee] = company.ok(f"{V1}/employees")
    root = company.ok(f"{V1}/departments")[0]

    assert (employee["startDate"], employee["departmentId"]) == (worker["start_date"], worker["department_id"])
    assert employee["updatedAt"] == worker["updated_at"][:19] + "+0000"
    assert root["parent"] == root["id"]


def test_fields_outside_the_scopes_are_left_out_without_a_word(rippling: Make) -> None:
    company = rippling(size=1, v1_left_out=["department", "manager"])

    [employee] = company.ok(f"{V1}/employees")

    assert not {"department", "manager"} & set(employee)
    assert {"id", "personalEmail", "roleState"} <= set(employee)


@pytest.mark.parametrize("differ", [False, True])
def test_the_ids_of_people_may_differ_between_the_apis(rippling: Make, differ: bool) -> None:
    company = rippling(size=20, ids_differ=differ)
    v2 = {row["work_email"]: row for row in company.walk("/workers/")}

    v1 = {one["workEmail"]: one for one in company.ok(f"{V1}/employees")}

    assert set(v1) == set(v2)
    assert all((v1[email]["id"] != row["id"]) is differ for email, row in v2.items())
    last = v1["".join(max(v1, key=lambda email: v1[email]["employeeNumber"]))]
    assert last["manager"] in {one["id"] for one in v1.values()}
    assert company.ok(f"{V1}/employees/{last['id']}") == last
    assert (company.get(f"{V1}/employees/{v2[last['workEmail']]['id']}").status_code == 404) is differ


def test_reference_lists_are_bare_arrays(rippling: Make) -> None:
    company = rippling(size=1)

    for path in ("departments", "work_locations", "teams", "levels", "custom_fields"):
        rows = company.ok(f"{V1}/{path}")
        assert company.ok(f"{V1}/{path}", limit=1, offset=1) == rows[1:2]
    assert [place["nickname"] for place in company.ok(f"{V1}/work_locations")] == [
        "Plant 1 - Maumee",
        "Plant 2 - Monroe",
    ]
    assert company.ok(f"{V1}/custom_fields")[0]["Id"]
    assert company.ok(f"{V1}/companies/current")["id"] == company.ok(f"{V1}/me")["company"] == company.company_id
    assert company.get(f"{V1}/pay_schedules").status_code == 404


def test_the_app_is_marked_as_installed_by_a_post(rippling: Make) -> None:
    company = rippling(size=1)

    assert company.request("POST", f"{V1}/mark_app_installed").json() == {"ok": True}
    assert company.request("GET", f"{V1}/mark_app_installed").status_code == 405
