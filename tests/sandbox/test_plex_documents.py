"""The documents profile: envelopes, pages, date windows and underscored names over the same data."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.sandbox.plex_world import WELDER, Clock, Plex, complaint, start

EMPLOYEE = "/api/Employee"
DOCUMENTS_WELDER = {
    "User_Id": "j.doe",
    "First_Name": "Jo",
    "Last_Name": "Doe",
    "Status": "Active",
    "Position": "Welder",
    "Department": "Welding",
}


def test_pages_cover_everyone_once_and_the_last_has_no_next_offset() -> None:
    plex = Plex(employees=25)
    ids: list[str] = []
    offset: int | None = 0
    while offset is not None:
        page = plex.documents("GET", f"{EMPLOYEE}?limit=10&offset={offset}").json()
        ids += [row["Employee_Id"] for row in page["data"]]
        offset = page.get("next_offset")

    assert sorted(ids) == sorted(e["id"] for e in plex.connect("GET", "/mdm/v1/employees").json())
    assert "next_offset" not in plex.documents("GET", EMPLOYEE).json()
    for wrong in ("limit=0", "limit=ten", "offset=-1"):
        assert complaint(plex.documents("GET", f"{EMPLOYEE}?{wrong}"))[:2] == (400, "ARGUMENT_INVALID")


def test_without_a_limit_a_page_holds_500() -> None:
    page = Plex(employees=501).documents("GET", EMPLOYEE).json()
    assert (len(page["data"]), page["next_offset"]) == (500, 500)


@pytest.mark.parametrize("envelope", ["data", "rows", "value"])
def test_the_envelope_is_a_choice(envelope: str) -> None:
    page = Plex(employees=3, documents_envelope=envelope).documents("GET", f"{EMPLOYEE}?limit=2").json()
    assert page.keys() == {envelope, "next_offset"}
    assert len(page[envelope]) == 2


def test_the_envelope_may_be_missing() -> None:
    page = Plex(employees=3, documents_envelope="array").documents("GET", f"{EMPLOYEE}?limit=2").json()
    assert [type(row) for row in page] == [dict, dict]


def test_a_server_that_ignores_paging_sends_everything_again() -> None:
    plex = Plex(employees=7, documents_paging="ignored", documents_envelope="array")
    first = plex.documents("GET", f"{EMPLOYEE}?limit=2&offset=0").json()
    second = plex.documents("GET", f"{EMPLOYEE}?limit=2&offset=2").json()
    assert len(first) == 7
    assert first == second


def test_both_profiles_show_one_and_the_same_data() -> None:
    plex = Plex()
    hired = plex.hire(badgeNumber="7", email="jo@example.com", workExtension="12")

    shown = plex.documents("GET", f"{EMPLOYEE}/{hired['id']}").json()

    assert shown["Employee_Id"] == hired["id"]
    assert [value for name, value in shown.items() if not name.endswith("_date")] == list(hired.values())
    assert (shown["Badge_Number"], shown["Work_Extension"], shown["Middle_Name"]) == ("7", "12", None)
    account = plex.documents("GET", "/api/GL_Account?Account_No=61000-210-0100").json()["data"][0]
    assert account.keys() == {
        "GL_Account_Id",
        "Account_No",
        "Account_Name",
        "Category_Type",
        "Active",
        "Cost_Center",
        "created_date",
        "modified_date",
    }
    assert account["Cost_Center"] == "210"
    center = plex.documents("GET", "/api/Cost_Center?Cost_Center_No=210").json()["data"][0]
    assert (center["Cost_Center_No"], center["Active"]) == ("210", True)
    assert plex.documents("GET", "/api/Building").json()["data"][0]["Building_Code"] == plex.plants[0]["buildings"][0]
    assert plex.documents("GET", "/api/Fiscal_Period?Period_Display_Begin=12-2027").json()["data"][0][
        "Period_Display"
    ] == ("12-2027")


def test_names_in_a_body_are_read_without_case_and_underscores() -> None:
    plex = Plex()
    body = {"USERID": "j.doe", "firstName": "Jo", "last_name": "Doe"} | {
        name: DOCUMENTS_WELDER[name] for name in ("Status", "Position", "Department")
    }

    created = plex.documents("POST", EMPLOYEE, json=body)

    assert created.status_code == 201
    assert DOCUMENTS_WELDER.items() <= created.json().items()
    assert plex.documents("GET", f"{EMPLOYEE}?user_id=j.doe").json()["data"] == [created.json()]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"Hire_Date": "2026-01-01"}, "Hire_Date"),
        ({"modified_date": "2026-01-01T00:00:00Z"}, "modified_date"),
        ({"firstname": "again"}, "firstname"),
        ({"Department": "Moon"}, "Department"),
        ({"First_Name": ""}, "First_Name"),
    ],
)
def test_a_fault_is_named_as_the_caller_knows_it(fields: dict[str, str], named: str) -> None:
    refused = Plex().documents("POST", EMPLOYEE, json=DOCUMENTS_WELDER | fields)
    assert complaint(refused)[:2] == (400, "REQUEST_VALIDATION_FAILED")
    assert f"'{named}'" in complaint(refused)[2]


def test_an_employee_is_replaced_retired_reactivated_and_transferred() -> None:
    plex = Plex(plants=[{}, {}])
    hired = plex.documents("POST", EMPLOYEE, json=DOCUMENTS_WELDER | {"Email": "jo@example.com"}).json()
    url = f"{EMPLOYEE}/{hired['Employee_Id']}"
    body = {name: value for name, value in DOCUMENTS_WELDER.items() if name != "User_Id"}

    assert plex.documents("PUT", url, json=DOCUMENTS_WELDER).status_code == 400
    replaced = plex.documents("PUT", url, json=body | {"Position": "Machinist"}).json()
    assert (replaced["Position"], replaced["Email"], replaced["User_Id"]) == ("Machinist", None, "j.doe")
    assert plex.documents("POST", f"{url}/deactivate", json={"Status": "Terminated"}).status_code == 202
    assert plex.documents("GET", url).json()["Status"] == "Terminated"
    assert plex.documents("POST", f"{url}/activate", json={"status": "Active"}).status_code == 202
    order = {"Tenant_Id": plex.plants[1]["tenant_id"]}
    assert plex.documents("POST", f"{url}/transfer", json=order).status_code == 202
    assert plex.documents("GET", url).status_code == 404
    assert plex.documents("GET", url, pcn=plex.plants[1]["pcn"]).json()["Status"] == "Active"
    writes = plex.snapshot()["writes"]
    assert writes == {
        "creates": 1,
        "updates": 1,
        "activations": 1,
        "deactivations": 1,
        "transfers": 1,
        "journals": 0,
        "rejected": 1,
    }


def test_date_windows_include_both_ends() -> None:
    clock = Clock()
    plex = Plex(base=start(clock))
    early = plex.documents("POST", EMPLOYEE, json=DOCUMENTS_WELDER | {"User_Id": "early"}).json()
    clock.passes(60)
    late = plex.documents("POST", EMPLOYEE, json=DOCUMENTS_WELDER | {"User_Id": "late"}).json()
    clock.passes(60)
    plex.documents("POST", f"{EMPLOYEE}/{early['Employee_Id']}/deactivate", json={"Status": "Terminated"})

    def users(query: str) -> list[str]:
        return [row["User_Id"] for row in plex.documents("GET", f"{EMPLOYEE}?{query}").json()["data"]]

    assert users(f"modified_date_from={late['modified_date']}") == ["early", "late"]
    assert users(f"modified_date_from={late['modified_date']}&modified_date_to={late['modified_date']}") == ["late"]
    assert users(f"created_date_to={early['created_date']}") == ["early"]
    assert users("modified_date_from=2026-06-15T12:02Z") == ["early"]
    assert users("modified_date_from=2026-06-15T12:03:00Z") == []


@pytest.mark.parametrize(
    "text", ["2026-06-01", "2026-06-01T00:00:00", "2026-06-01%2000:00:00Z", "2026-13-01T00:00:00Z", "today"]
)
def test_a_date_in_another_form_is_refused(text: str) -> None:
    refused = Plex().documents("GET", f"{EMPLOYEE}?modified_date_from={text}")
    assert complaint(refused)[:2] == (400, "ARGUMENT_INVALID")


def test_a_page_never_shows_what_was_before_a_write() -> None:
    plex = Plex(employees=3, prerendered=True)
    url = f"{EMPLOYEE}?limit=2"
    before = plex.documents("GET", url).json()["data"]
    plex.change("update_employee", id=before[0]["Employee_Id"], fields={"lastName": "Changed"})

    after: list[dict[str, Any]] = plex.documents("GET", url).json()["data"]

    assert after[0]["Last_Name"] == "Changed"
    assert after[0]["modified_date"] > before[0]["modified_date"]
    assert after[1] == before[1]


def test_a_key_is_no_bearer_token() -> None:
    plex = Plex()
    for header in (f"Bearer {plex.made['api_key']}", f"Bearer {uuid.uuid4()}", "Bearer", "Basic eDp5"):
        assert plex.documents("GET", EMPLOYEE, headers={"Authorization": header}).status_code == 401
    assert plex.documents("POST", EMPLOYEE, headers={"Authorization": ""}, json=WELDER).status_code == 401
