"""The connect profile: exact names, bare arrays, silent ignorance, asynchronous commands."""

from __future__ import annotations

import re
import uuid

import httpx
import pytest

from tests.sandbox.plex_world import WELDER, Plex, complaint

EMPLOYEES = "/mdm/v1/employees"
ACCOUNTS = "/mdm/v1/chart-of-accounts"


def test_the_key_counts_only_in_its_header() -> None:
    plex = Plex()
    key = plex.made["api_key"]

    in_url = httpx.get(f"{plex.base}/mdm/v1/tenants?X-Plex-Connect-Api-Key={key}")
    as_bearer = httpx.get(f"{plex.base}/mdm/v1/tenants", headers={"Authorization": f"Bearer {key}"})

    assert complaint(in_url)[:2] == complaint(as_bearer)[:2] == (401, "REQUEST_NOT_AUTHENTICATED")
    assert plex.connect("GET", "/mdm/v1/tenants").status_code == 200
    plex.change("revoke_key")
    assert plex.connect("GET", "/mdm/v1/tenants").status_code == 401


def test_lists_are_bare_arrays_and_unknown_parameters_change_nothing() -> None:
    plex = Plex(employees=12)

    everyone = plex.connect("GET", EMPLOYEES).json()

    assert len(everyone) == 12
    for ignored in ("limit=1", "offset=5", "updatedAfter=2030-01-01T00:00:00Z", "badgenumber=none", "status="):
        assert plex.connect("GET", f"{EMPLOYEES}?{ignored}").json() == everyone


def test_a_blank_in_a_filter_must_be_percent_encoded() -> None:
    plex = Plex()
    hired = plex.hire(firstName="Mary Ann", lastName="Ö'Neil 🎉")

    assert plex.connect("GET", f"{EMPLOYEES}?firstName=Mary%20Ann").json() == [hired]
    assert plex.connect("GET", f"{EMPLOYEES}?firstName=Mary+Ann").json() == []


def test_every_filter_narrows_and_ids_repeat() -> None:
    plex = Plex(employees=30)
    chief = plex.hire(badgeNumber="B-1", email="chief@example.com", shift="3rd", type="Part Time")
    hand = plex.hire(supervisorId=chief["id"], building=plex.plants[0]["buildings"][0])

    for name in ("badgeNumber", "userId", "firstName", "email"):
        assert chief in plex.connect("GET", f"{EMPLOYEES}?{name}={chief[name]}").json(), name
    assert plex.connect("GET", f"{EMPLOYEES}?supervisorId={chief['id']}").json() == [hand]
    assert plex.connect("GET", f"{EMPLOYEES}?id={hand['id']}&id={chief['id'].upper()}").json() == [hand, chief]
    assert plex.connect("GET", f"{EMPLOYEES}?badgeNumber=B-1&shift=1st").json() == []
    welders = plex.connect("GET", f"{EMPLOYEES}?position=Welder").json()
    assert 2 <= len(welders) < 32
    assert {e["position"] for e in welders} == {"Welder"}


def test_a_word_where_a_uuid_belongs_is_refused() -> None:
    plex = Plex()
    for path in (f"{EMPLOYEES}/me", f"{EMPLOYEES}?id=me", f"{EMPLOYEES}?supervisorId=me"):
        assert complaint(plex.connect("GET", path))[:2] == (400, "ARGUMENT_INVALID")
    missing = plex.connect("GET", f"{EMPLOYEES}/{uuid.uuid4()}")
    assert complaint(missing)[:2] == (404, "RESOURCE_NOT_FOUND")


def test_the_caller_may_choose_the_id_but_only_once() -> None:
    plex = Plex()
    chosen = str(uuid.uuid4())

    created = plex.hire(id=chosen, userId="a")
    again = plex.connect("POST", EMPLOYEES, json=WELDER | {"id": chosen, "userId": "b"})

    assert created["id"] == chosen
    assert complaint(again)[:2] == (400, "REQUEST_VALIDATION_FAILED")
    assert len(plex.connect("GET", EMPLOYEES).json()) == 1
    plex.change("set_options", used_id_status=409)
    assert plex.connect("POST", EMPLOYEES, json=WELDER | {"id": chosen, "userId": "b"}).status_code == 409


def test_a_user_id_is_unique_in_the_enterprise_and_a_badge_is_not() -> None:
    plex = Plex(plants=[{}, {}])
    plex.hire(userId="same", badgeNumber="7")

    elsewhere = plex.connect("POST", EMPLOYEES, pcn=plex.plants[1]["pcn"], json=WELDER | {"userId": "same"})

    assert complaint(elsewhere)[0] == 400
    assert "'userId' is already in use" in complaint(elsewhere)[2]
    plex.hire(userId="other", badgeNumber="7")
    assert list(plex.snapshot("?compact=1")["duplicates"]) == ["7"]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"hireDate": "2026-01-01"}, "hireDate"),
        ({"badge_number": "1"}, "badge_number"),
        ({"badgeNumber": 1}, "badgeNumber"),
        ({"firstName": None}, "firstName"),
        ({"lastName": ""}, "lastName"),
        ({"id": "me"}, "id"),
        ({"supervisorId": "00000000-0000-4000-8000-000000000000"}, "supervisorId"),
        ({"status": "Hired"}, "status"),
        ({"position": "Astronaut"}, "position"),
        ({"department": "Moon"}, "department"),
        ({"shift": "9th"}, "shift"),
        ({"type": "Volunteer"}, "type"),
        ({"building": "nowhere"}, "building"),
    ],
)
def test_a_create_with_a_fault_is_refused_naming_the_field(fields: dict[str, object], named: str) -> None:
    plex = Plex()

    refused = plex.connect("POST", EMPLOYEES, json=WELDER | fields)

    status, code, said = complaint(refused)
    assert (status, code) == (400, "REQUEST_VALIDATION_FAILED")
    assert f"'{named}'" in said
    assert plex.snapshot()["counts"]["employees"] == 0
    assert plex.snapshot()["writes"]["rejected"] == 1


def test_every_fault_of_a_body_is_said_at_once() -> None:
    answer = Plex().connect("POST", EMPLOYEES, json={"userId": "x", "pay": "1"}).json()
    said = [error["message"] for error in answer["errors"]]
    assert len(said) == 6
    assert said[0] == "The property 'pay' is not expected."


def test_a_body_must_be_a_json_object_and_say_so() -> None:
    plex = Plex()
    form = plex.connect("POST", EMPLOYEES, data={"userId": "x"})
    broken = plex.connect("POST", EMPLOYEES, content=b"{", headers={"Content-Type": "application/json"})
    array = plex.connect("POST", EMPLOYEES, json=[WELDER])

    assert form.status_code == 415
    assert complaint(broken)[:2] == complaint(array)[:2] == (400, "REQUEST_MALFORMED")


def test_put_replaces_the_whole_object() -> None:
    plex = Plex()
    hired = plex.hire(badgeNumber="1", email="jo@example.com", middleName="X", mobilePhone="555")
    url = f"{EMPLOYEES}/{hired['id']}"
    body = {name: WELDER[name] for name in WELDER if name != "userId"}

    replaced = plex.connect("PUT", url, json=body | {"lastName": "Roe", "badgeNumber": "2"})

    assert replaced.status_code == 200
    expected = dict.fromkeys(hired) | body | {"id": hired["id"], "userId": hired["userId"]}
    assert replaced.json() == expected | {"lastName": "Roe", "badgeNumber": "2"}
    assert plex.connect("GET", url).json() == replaced.json()
    assert plex.connect("GET", f"{EMPLOYEES}?badgeNumber=2").json() == [replaced.json()]
    assert plex.connect("GET", f"{EMPLOYEES}?badgeNumber=1").json() == []


@pytest.mark.parametrize("name", ["id", "userId"])
def test_put_refuses_what_identifies(name: str) -> None:
    plex = Plex()
    hired = plex.hire()
    body = {field: value for field, value in hired.items() if value is not None and field not in ("id", "userId")}

    refused = plex.connect("PUT", f"{EMPLOYEES}/{hired['id']}", json=body | {name: hired[name]})

    assert refused.status_code == 400
    assert f"'{name}' is not expected" in complaint(refused)[2]
    assert plex.connect("PUT", f"{EMPLOYEES}/{hired['id']}", json=body).json() == hired


def test_deactivate_and_activate_answer_202_without_body_and_want_the_right_kind_of_status() -> None:
    plex = Plex()
    url = f"{EMPLOYEES}/{plex.hire()['id']}"

    assert plex.connect("POST", f"{url}/deactivate", json={"status": "Active"}).status_code == 400
    assert plex.connect("POST", f"{url}/deactivate", json={"status": "Gone"}).status_code == 400
    assert plex.connect("POST", f"{url}/deactivate", json={}).status_code == 400
    done = plex.connect("POST", f"{url}/deactivate", json={"status": "Terminated"})
    assert (done.status_code, done.content) == (202, b"")
    assert plex.connect("GET", url).json()["status"] == "Terminated"
    assert plex.snapshot()["plants"][0]["employees"][0]["active"] is False

    assert plex.connect("POST", f"{url}/activate", json={"status": "Retired"}).status_code == 400
    assert plex.connect("POST", f"{url}/activate", json={"status": "Leave"}).status_code == 202
    assert plex.connect("GET", url).json()["status"] == "Leave"
    writes = plex.snapshot()["writes"]
    assert (writes["activations"], writes["deactivations"], writes["rejected"]) == (1, 1, 4)


def test_a_transfer_moves_the_employee_when_the_other_plant_knows_every_value() -> None:
    plex = Plex(plants=[{}, {"setup": {"departments": ["Assembly"]}}])
    here, there = plex.plants
    hired = plex.hire()
    url = f"{EMPLOYEES}/{hired['id']}"
    order = {"tenantId": there["tenant_id"]}

    refused = plex.connect("POST", f"{url}/transfer", json=order)
    assert "'department'" in complaint(refused)[2]
    assert plex.connect("POST", f"{url}/transfer", json={"tenantId": str(uuid.uuid4())}).status_code == 400

    plex.change("add_setup_value", pcn=there["pcn"], kind="departments", value="Welding")
    assert plex.connect("POST", f"{url}/transfer", json=order).status_code == 202
    assert plex.connect("GET", url, pcn=here["pcn"]).status_code == 404
    assert plex.connect("GET", url, pcn=there["pcn"]).json() == hired
    assert [p["counts"]["employees"] for p in plex.snapshot()["plants"]] == [0, 1]


def test_accounts_are_segmented_dated_and_written_by_their_own_rules() -> None:
    plex = Plex()
    accounts = plex.connect("GET", ACCOUNTS).json()

    assert {a["active"] for a in accounts} == {True, False}
    assert len({a["accountNumber"].split("-")[1] for a in accounts}) >= 5
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z", a["modifiedDate"]) for a in accounts)
    closed = plex.connect("GET", f"{ACCOUNTS}?active=false").json()
    assert closed == [a for a in accounts if not a["active"]]
    assert plex.connect("GET", f"{ACCOUNTS}?active=maybe").status_code == 400

    wanted = {"accountNumber": "61000-410-0100", "name": "Direct labor paint", "categoryType": "Expense"}
    created = plex.connect("POST", ACCOUNTS, json=wanted)
    assert created.status_code == 201
    url = f"{ACCOUNTS}/{created.json()['id']}"
    assert plex.connect("POST", ACCOUNTS, json=wanted).status_code == 400
    assert plex.connect("POST", ACCOUNTS, json=wanted | {"categoryType": "Labour"}).status_code == 400

    renamed = {"name": "Paint labor", "categoryType": "Expense"}
    assert "'id' is required" in complaint(plex.connect("PUT", url, json=renamed))[2]
    another = renamed | {"id": accounts[0]["id"]}
    assert "not the id in the path" in complaint(plex.connect("PUT", url, json=another))[2]
    changed = plex.connect("PUT", url, json=renamed | {"id": created.json()["id"]}).json()
    assert (changed["name"], changed["accountNumber"]) == ("Paint labor", "61000-410-0100")
    assert changed["modifiedDate"] > created.json()["modifiedDate"]
    assert plex.connect("POST", f"{url}/deactivate").status_code == 202
    off = plex.connect("GET", url).json()
    assert off["active"] is False
    assert off["inactiveDate"]
    assert plex.connect("POST", f"{url}/activate").status_code == 202
    assert plex.connect("GET", url).json()["inactiveDate"] is None


def test_the_trial_balance_shows_cost_centers_in_use_only() -> None:
    plex = Plex()
    path = "/accounting/v1/trial-balance?periodDisplayBegin=06-2026&periodDisplayEnd=07-2026"

    lines = plex.connect("GET", path).json()["trialBalanceLines"]

    assert {line["periodDisplay"] for line in lines} == {"06-2026", "07-2026"}
    assert {"210", "910"} <= {line["costCenterSegment"] for line in lines}
    assert "990" not in {line["costCenterSegment"] for line in lines}
    assert complaint(plex.connect("GET", path.replace("06-2026", "2026-06")))[:2] == (400, "ARGUMENT_INVALID")
    plex.change("set_options", role_missing=["trial-balance"])
    assert plex.connect("GET", path).json()["trialBalanceLines"] == []


def test_fiscal_periods_close() -> None:
    plex = Plex()
    path = "/accounting/v1/fiscal-period-statuses?periodDisplayBegin=12-2025&periodDisplayEnd=01-2026"
    assert [p["periodStatus"] for p in plex.connect("GET", path).json()] == ["Closed", "Open"]

    plex.change("set_period", period="01-2026", status="Soft Closed")

    assert [p["periodStatus"] for p in plex.connect("GET", path).json()] == ["Closed", "Soft Closed"]


@pytest.mark.parametrize(("method", "path"), [("GET", "/mdm/v1/nothing"), ("DELETE", EMPLOYEES), ("GET", "/")])
def test_what_is_not_there_is_not_found(method: str, path: str) -> None:
    assert complaint(Plex().connect(method, path))[:2] == (404, "RESOURCE_NOT_FOUND")
