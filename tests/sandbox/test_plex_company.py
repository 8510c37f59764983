"""Plants and routing, permissions, delays, limits, and what a test can script."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime

import httpx
import pytest

from tests.sandbox.plex_world import WELDER, Clock, Plex, complaint, start

EMPLOYEES = "/mdm/v1/employees"
BOTH = [("connect", EMPLOYEES), ("documents", "/api/Employee")]
PLANTS = [{"pcn": 4711, "code": "north"}, {"pcn": 4712, "code": "south", "buildings": ["S1", "S2"]}]


def speak(plex: Plex, profile: str, method: str, path: str, **request: object) -> httpx.Response:
    answer: httpx.Response = getattr(plex, profile)(method, path, **request)
    return answer


@pytest.mark.parametrize(("profile", "path"), [("connect", "/mdm/v1/tenants"), ("documents", "/api/Tenant")])
def test_a_header_chooses_the_plant_and_the_first_is_the_default(profile: str, path: str) -> None:
    plex = Plex(plants=PLANTS)
    north, south = plex.plants

    def codes(**headers: str) -> str:
        return speak(plex, profile, "GET", path, headers=headers).text

    assert "north" in codes()
    assert "south" not in codes()
    assert "south" in codes(**{"X-Plex-Connect-Customer-Id": "4712"})
    assert "south" in codes(**{"X-Plex-Connect-Tenant-Id": south["tenant_id"]})
    both = {"X-Plex-Connect-Customer-Id": "4712", "X-Plex-Connect-Tenant-Id": south["tenant_id"]}
    assert "south" in codes(**both)
    disagreeing = speak(plex, profile, "GET", path, headers=both | {"X-Plex-Connect-Tenant-Id": north["tenant_id"]})
    assert disagreeing.status_code == 400
    foreign = speak(plex, profile, "GET", path, headers={"X-Plex-Connect-Customer-Id": "4713"})
    assert complaint(foreign)[:2] == (401, "REQUEST_NOT_AUTHENTICATED")


def test_another_companys_tenant_may_answer_by_default() -> None:
    plex = Plex(plants=PLANTS, employees=2, default_pcn_wrong=True)

    assert plex.connect("GET", "/mdm/v1/tenants").json()[0]["code"] == "otherco"
    assert plex.connect("GET", "/mdm/v1/tenants", pcn=4711).json()[0]["code"] == "north"
    plex.hire()
    counts = plex.snapshot()
    assert (counts["counts"]["employees"], counts["foreign"]["counts"]["employees"]) == (2, 4)


@pytest.mark.parametrize(("profile", "path"), BOTH)
def test_missing_product_forbidden_resource_and_missing_role_answer_differently(profile: str, path: str) -> None:
    plex = Plex(employees=2)
    one = plex.snapshot()["plants"][0]["employees"][0]["id"]

    plex.change("set_options", products=["chart-of-accounts", "Tenant"])
    assert complaint(speak(plex, profile, "GET", path))[:2] == (401, "REQUEST_NOT_AUTHENTICATED")
    plex.change("set_options", products=None, forbidden=["Employee"])
    assert speak(plex, profile, "GET", path).status_code == 403
    plex.change("set_options", forbidden=[], role_missing=["employees"])
    empty = speak(plex, profile, "GET", path)
    assert (empty.status_code, empty.json()) == (200, [] if profile == "connect" else {"data": []})
    assert speak(plex, profile, "GET", f"{path}/{one}").status_code == 404
    assert speak(plex, profile, "POST", path, json=WELDER).status_code == 403
    plex.change("set_options", role_missing=[])
    assert speak(plex, profile, "GET", f"{path}/{one}").status_code == 200


@pytest.mark.parametrize(("profile", "path"), BOTH)
def test_no_data_may_be_not_found(profile: str, path: str) -> None:
    plex = Plex(no_data_404=True)
    assert complaint(speak(plex, profile, "GET", path))[:2] == (404, "RESOURCE_NOT_FOUND")
    plex.hire(badgeNumber="1")
    assert speak(plex, profile, "GET", path).status_code == 200
    assert speak(plex, profile, "GET", f"{path}?badgeNumber=2").status_code == 404


def test_a_pcn_migrated_to_iam_reads_but_refuses_employee_writes() -> None:
    plex = Plex()
    hired = plex.hire()
    plex.change("set_options", iam_migrated=True)
    url = f"{EMPLOYEES}/{hired['id']}"

    refused = plex.connect("POST", f"{url}/deactivate", json={"status": "Terminated"})
    assert refused.status_code == 403
    assert "IAM" in complaint(refused)[1]
    assert "IAM" in complaint(refused)[2]
    assert plex.connect("GET", url).json() == hired
    plex.change("set_options", iam_status=400, iam_code="REQUEST_VALIDATION_FAILED")
    assert complaint(plex.connect("POST", EMPLOYEES, json=WELDER))[:2] == (400, "REQUEST_VALIDATION_FAILED")
    account = {"accountNumber": "1-2-3", "name": "n", "categoryType": "Asset"}
    assert plex.connect("POST", "/mdm/v1/chart-of-accounts", json=account).status_code == 201


@pytest.mark.parametrize("delay", [2, {"reads": 2}])
def test_an_accepted_command_shows_after_some_reads(delay: object) -> None:
    plex = Plex(deactivate_delay=delay)
    hired = plex.hire()
    url = f"{EMPLOYEES}/{hired['id']}"
    plex.connect("POST", f"{url}/deactivate", json={"status": "Terminated"})

    seen = [plex.connect("GET", url).json()["status"] for _ in range(2)]
    seen += [plex.connect("GET", f"{EMPLOYEES}?userId={hired['userId']}").json()[0]["status"]]

    assert seen == ["Active", "Active", "Terminated"]


def test_an_accepted_command_shows_after_some_seconds_or_before_the_next_write() -> None:
    clock = Clock()
    plex = Plex(base=start(clock), deactivate_delay={"seconds": 30})
    patient, hurried = plex.hire(), plex.hire()
    for hired in (patient, hurried):
        plex.connect("POST", f"{EMPLOYEES}/{hired['id']}/deactivate", json={"status": "Terminated"})

    plex.connect("POST", f"{EMPLOYEES}/{hurried['id']}/activate", json={"status": "Leave"})
    statuses = {e["id"]: e["status"] for e in plex.connect("GET", EMPLOYEES).json()}
    assert statuses == {patient["id"]: "Active", hurried["id"]: "Terminated"}
    clock.passes(30)
    statuses = {e["id"]: e["status"] for e in plex.connect("GET", EMPLOYEES).json()}
    assert statuses == {patient["id"]: "Terminated", hurried["id"]: "Leave"}


def test_a_slow_commit_happens_although_the_caller_went_away() -> None:
    plex = Plex(commit_delay_seconds=1.5)
    with pytest.raises(httpx.ReadTimeout):
        plex.connect("POST", EMPLOYEES, json=WELDER, timeout=0.1)
    plex.change("set_options", commit_delay_seconds=0)

    seen = [plex.connect("GET", EMPLOYEES).json()]
    deadline = time.monotonic() + 30
    while not seen[-1] and time.monotonic() < deadline:
        seen.append(plex.connect("GET", EMPLOYEES).json())

    assert seen[0] == []
    assert [e["userId"] for e in seen[-1]] == [WELDER["userId"]]


@pytest.mark.parametrize("style", ["seconds", "date", "none"])
def test_too_many_calls_are_throttled_until_the_window_moves(style: str) -> None:
    clock = Clock()
    plex = Plex(base=start(clock), rate_limit=3, rate_limit_style=style)
    clock_start = clock.instant
    for _ in range(3):
        assert plex.connect("GET", "/mdm/v1/tenants").status_code == 200
        clock.passes(10)

    throttled = plex.connect("GET", "/mdm/v1/tenants")

    assert throttled.status_code == 429
    header = throttled.headers.get("Retry-After")
    if style == "seconds":
        assert header == "30"
    elif style == "date":
        assert 0 <= (parsedate_to_datetime(str(header)) - clock_start).total_seconds() - 59 < 2
    else:
        assert header is None
    assert re.search(r"in 30 seconds", complaint(throttled)[2])
    clock.passes(30)
    assert plex.connect("GET", "/mdm/v1/tenants").status_code == 200


def test_setup_values_come_go_and_are_renamed() -> None:
    plex = Plex(setup={"departments": ["Welding", "Paint"], "statuses": {"Active": "active", "Left": "inactive"}})
    hired = plex.hire()
    url = f"{EMPLOYEES}/{hired['id']}"

    assert plex.change("rename_setup_value", kind="departments", value="Welding", to="Weld Shop") == {"renamed": 1}
    assert plex.connect("GET", f"{EMPLOYEES}?department=Weld%20Shop").json() == [hired | {"department": "Weld Shop"}]
    assert plex.connect("POST", EMPLOYEES, json=WELDER).status_code == 400
    plex.change("add_setup_value", kind="departments", value="Welding")
    assert plex.connect("POST", EMPLOYEES, json=WELDER).status_code == 201
    plex.change("remove_setup_value", kind="departments", value="Weld Shop")
    assert plex.connect("GET", url).json()["department"] == "Weld Shop"
    plex.change("add_setup_value", kind="statuses", value="Laid off", active=False)
    assert plex.connect("POST", f"{url}/deactivate", json={"status": "Laid off"}).status_code == 202
    plex.change("add_setup_value", kind="buildings", value="B9")
    assert plex.connect("GET", "/mdm/v1/buildings?buildingCode=B9").json()[0]["active"] is True


def test_employees_and_accounts_change_behind_our_back_without_being_counted_as_writes() -> None:
    plex = Plex(employees=[{"userId": "a", "badgeNumber": "1", "firstName": "A", "lastName": "A", "status": "Active"}])
    twin = plex.change("add_employee", badgeNumber="1", userId="b", firstName="B", lastName="B", status="Terminated")
    plex.change("update_employee", userId="a", fields={"lastName": "Renamed"})
    plex.change("deactivate_account", accountNumber="61000-210-0100")
    plex.change("rename_account", accountNumber="21500-000-0000", to="Accrued wages")
    plex.change("add_account", accountNumber="no segments", name="Odd")

    shown = plex.snapshot()
    assert [(e["lastName"], e["active"]) for e in shown["plants"][0]["employees"]] == [("Renamed", True), ("B", False)]
    assert twin["id"] in shown["duplicates"]["1"]
    assert set(shown["writes"].values()) == {0}
    accounts = {a["accountNumber"]: a for a in plex.connect("GET", "/mdm/v1/chart-of-accounts").json()}
    assert accounts["61000-210-0100"]["active"] is False
    assert accounts["21500-000-0000"]["name"] == "Accrued wages"
    odd = plex.documents("GET", "/api/GL_Account?Account_No=no%20segments").json()["data"][0]
    assert odd["Cost_Center"] is None
    plex.change("remove_employee", badgeNumber="1")
    assert [e["userId"] for e in plex.connect("GET", EMPLOYEES).json()] == ["b"]


@pytest.mark.parametrize(
    "options",
    [
        {"unknown": 1},
        {"documents_envelope": "xml"},
        {"role_missing": ["payroll"]},
        {"setup": {"colors": ["red"]}},
        {"setup": {"statuses": {"Active": "yes"}}},
        {"employees": [{"badge": "1"}]},
    ],
)
def test_a_slip_in_the_options_is_said(options: dict[str, object]) -> None:
    made = httpx.post(f"{Plex().base}/_control/companies", json=options)
    assert made.status_code == 400
    assert "company options" in made.text


def test_a_seed_always_gives_the_same_company_and_companies_never_meet() -> None:
    first, second, other = Plex(seed=7, employees=20), Plex(seed=7, employees=20), Plex(seed=8, employees=20)

    listed = [plex.connect("GET", EMPLOYEES).json() for plex in (first, second, other)]

    assert listed[0] == listed[1] != listed[2]
    first.hire()
    assert len(second.connect("GET", EMPLOYEES).json()) == 20
    httpx.delete(f"{first.base}/_control/companies/{first.made['key']}")
    assert first.connect("GET", EMPLOYEES).status_code == 401


def test_the_compact_snapshot_counts_without_listing() -> None:
    plex = Plex(plants=PLANTS, employees=5)
    shown = plex.snapshot("?compact=1")
    assert [plant["counts"]["employees"] for plant in shown["plants"]] == [3, 2]
    assert shown["counts"] == {"employees": 5, "active": 5, "accounts": shown["counts"]["accounts"]}
    assert "employees" not in shown["plants"][0]


def test_a_commit_followed_by_a_cut_leaves_the_employee_behind() -> None:
    plex = Plex()
    fault = {"kind": "cut_after", "method": "POST", "path": EMPLOYEES}
    httpx.post(f"{plex.base}/_control/companies/{plex.made['key']}/faults", json=fault)

    with pytest.raises(httpx.HTTPError):
        plex.connect("POST", EMPLOYEES, json=WELDER)

    assert [e["userId"] for e in plex.connect("GET", EMPLOYEES).json()] == [WELDER["userId"]]


def test_of_many_who_create_the_same_user_at_once_one_succeeds() -> None:
    plex = Plex()
    with ThreadPoolExecutor(8) as crowd:
        statuses = list(crowd.map(lambda _: plex.connect("POST", EMPLOYEES, json=WELDER).status_code, range(24)))
    assert sorted(statuses) == [201] + [400] * 23
    assert plex.snapshot()["writes"]["creates"] == 1
