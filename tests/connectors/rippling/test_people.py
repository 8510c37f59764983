"""People out of Rippling: complete, told apart, and nothing withheld mistaken for empty."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from msgspec import UNSET

from connectors.errors import RecordRejectedError, UnexpectedReplyError
from connectors.records import EmploymentStatus, Worker
from tests.connectors.rippling.conftest import Company, Connect, everybody


@pytest.mark.parametrize("api", ["v2", "v1"])
def test_a_person_arrives_whole(company: Company, connect: Connect, api: str) -> None:
    customer = company(size=3, v1_edition="2021")
    ada = customer.change(
        "hire", given_name="Ada", family_name="Lovelace", start_date="2026-10-05", department="Quality",
        title="Quality Inspector", work_email="ada@example.com", number=4711, middle_name="King",
    )  # fmt: skip
    found = everybody(connect(customer, api).worker_pages())[ada["id"]]
    assert found == Worker(
        id=ada["id"],
        person_id=ada["user_id"],
        number="4711",
        given_name="Ada",
        middle_name="King" if api == "v2" else UNSET,
        family_name="Lovelace",
        work_email="ada@example.com",
        status=EmploymentStatus.ACTIVE,
        start_date=date(2026, 10, 5),
        end_date=None,
        manager_id=ada["manager_id"],
        department_id=ada["department_id"],
        location_id=ada["location"]["work_location_id"],
        company_id=ada["legal_entity_id"] if api == "v2" else UNSET,
        position="Quality Inspector",
        employment_type_id=ada["employment_type_id"] if api == "v2" else "HOURLY_FT",
        updated_at=found.updated_at,
    )
    assert found.updated_at is not None
    written = datetime.fromisoformat(ada["updated_at"])
    assert found.updated_at == (written if api == "v2" else written.replace(microsecond=0))


@pytest.mark.parametrize("next_link", ["absolute", "relative", "cursor_only"])
def test_every_kind_of_link_leads_to_everybody_with_their_names(
    company: Company, connect: Connect, next_link: str
) -> None:
    customer = company(size=330, next_link=next_link)
    workers = everybody(connect(customer).worker_pages())
    assert len(workers) == 330
    assert all(isinstance(worker.given_name, str) for worker in workers.values())
    reads = [asked for asked in customer.requests() if asked["path"] == "/workers/"]
    assert len(reads) == 4
    for asked in reads:
        query = dict(asked["query"])
        assert (query["limit"], query["expand"], query["order_by"]) == ("100", "user", "created_at,id")
        assert "+" not in asked["raw_query"]


@pytest.mark.parametrize("trap", [{"next_link_host": "https://evil.example.com"}, {"repeat_page": 2}])
def test_a_walk_that_is_led_astray_is_an_error(company: Company, connect: Connect, trap: dict[str, Any]) -> None:
    with pytest.raises(UnexpectedReplyError):
        everybody(connect(company(size=330, **trap)).worker_pages())


def test_the_version_header_is_sent_and_can_be_switched_off(company: Company, connect: Connect) -> None:
    customer = company(size=1)
    for version in ("2024-08-01", "2025-01-01", ""):
        customer.forget_requests()
        connect(customer, api_version=version).check()
        sent = {asked["headers"].get("rippling-api-version") for asked in customer.requests()}
        assert sent == {version or None, None}, "the platform API has none"
    strict = company(size=1, require_version=True)
    assert connect(strict).check().ok


@pytest.mark.parametrize("operator", ["gte", "ge"])
def test_only_changes_are_read_where_the_filter_is_proved(company: Company, connect: Connect, operator: str) -> None:
    customer = company(size=250, filter_operator=operator)
    learned = connect(customer).check().learned
    assert learned["changed_since"] == operator
    since = datetime.fromisoformat(customer.snapshot()["now"])
    first = customer.change("update", worker=customer.snapshot()["workers"][9]["id"], title="Welder")
    late = customer.change("hire", lag_seconds=0)
    connector = connect(customer, learned=learned)
    assert connector.honours_changed_since()
    assert set(everybody(connector.worker_pages(since))) == {first["id"], late["id"]}
    exactly = datetime.fromisoformat(late["updated_at"])
    assert late["id"] in everybody(connector.worker_pages(exactly)), "the bound itself belongs to the changes"


def test_a_filter_spelt_otherwise_since_the_check_is_spelt_otherwise(company: Company, connect: Connect) -> None:
    customer = company(size=50, filter_operator="ge")
    since = datetime.fromisoformat(customer.snapshot()["now"])
    customer.change("touch", n=3)
    connector = connect(customer, learned={"changed_since": "gte"})
    assert len(everybody(connector.worker_pages(since))) == 3
    assert connector.honours_changed_since()


def test_a_filter_that_is_ignored_is_noticed_and_everybody_is_read(company: Company, connect: Connect) -> None:
    customer = company(size=230, filter_operator="ignored")
    assert connect(customer).check().learned["changed_since"] == "none"
    connector = connect(customer, learned={"changed_since": "gte"})
    since = datetime.fromisoformat(customer.snapshot()["now"])
    assert len(everybody(connector.worker_pages(since))) == 230
    assert not connector.honours_changed_since()


def test_without_proof_everybody_is_read(company: Company, connect: Connect) -> None:
    customer = company(size=120)
    connector = connect(customer)
    assert not connector.honours_changed_since()
    assert len(everybody(connector.worker_pages(datetime.fromisoformat(customer.snapshot()["now"])))) == 120


@pytest.mark.parametrize("where", ["list", "rows", "both"])
@pytest.mark.parametrize("style", ["absent", "null"])
@pytest.mark.parametrize("empty", ["absent", "null"])
def test_what_is_withheld_is_unset_and_what_is_empty_is_none(
    company: Company, connect: Connect, where: str, style: str, empty: str
) -> None:
    customer = company(size=120, redaction_in=where, redaction_style=style, empty=empty)
    boss = next(worker for worker in customer.snapshot()["workers"] if worker["title"] == "President")
    customer.change("redact", field="department_id", reason="No permission")
    customer.change("redact", field="name", resource="users")
    customer.change("redact", field="work_email", worker=boss["id"])
    pages = list(connect(customer).worker_pages())
    workers = {worker.id: worker for page in pages for worker in page.workers}
    assert {worker.department_id for worker in workers.values()} == {UNSET}
    assert {worker.given_name for worker in workers.values()} == {UNSET}
    assert workers[boss["id"]].work_email is UNSET
    assert workers[boss["id"]].manager_id is None, "the president has no manager, and Rippling may say so"
    assert workers[boss["id"]].end_date is None
    for page in pages:
        assert page.redacted["department_id"] == "No permission"
        assert {"given_name", "family_name"} <= set(page.redacted)
    others = [worker for worker_id, worker in workers.items() if worker_id != boss["id"]]
    assert all(isinstance(worker.work_email, str) for worker in others)


def test_a_withheld_field_of_one_person_read_again_is_unset(company: Company, connect: Connect) -> None:
    customer = company(size=2)
    worker_id = customer.snapshot()["workers"][1]["id"]
    customer.change("redact", field="title", worker=worker_id)
    worker = connect(customer).worker(worker_id)
    assert worker is not None
    assert worker.position is UNSET


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "unknown status": ({"status": "ON_LEAVE"}, "status"),
    "status of another type": ({"status": 7}, "status"),
    "no date": ({"start_date": "05/10/2026"}, "start_date"),
    "impossible date": ({"end_date": "2026-02-30"}, "end_date"),
    "left before the first day": ({"start_date": "2026-05-01", "end_date": "2026-04-30"}, "end_date"),
    "number is a list": ({"number": [1]}, "number"),
    "location is text": ({"location": "Maumee"}, "location_id"),
    "department is a number": ({"department_id": 5100}, "department_id"),
}


@pytest.mark.parametrize(("fields", "culprit"), WRONG.values(), ids=WRONG)
def test_one_unreadable_person_stops_nobody_else(
    company: Company, connect: Connect, fields: dict[str, Any], culprit: str
) -> None:
    customer = company(size=130)
    victim = customer.snapshot()["workers"][57]
    customer.change("raw", worker=victim["id"], fields=fields)
    connector = connect(customer)
    pages = list(connector.worker_pages())
    assert sum(len(page.workers) for page in pages) == 129
    [bad] = [bad for page in pages for bad in page.unreadable]
    assert (bad.id, bad.field) == (victim["id"], culprit)
    assert bad.reason.endswith(".")
    for secret in (victim["given_name"], victim["work_email"], "05/10/2026", "2026-04-30"):
        assert secret not in bad.reason
    with pytest.raises(RecordRejectedError) as caught:
        connector.worker(victim["id"])
    assert caught.value.field == culprit


def test_odd_people_are_people(company: Company, connect: Connect) -> None:
    customer = company(size=5)
    ids = [worker["id"] for worker in customer.snapshot()["workers"]]
    customer.change("update", worker=ids[0], given_name="😀" * 200, family_name="O'Brien-Ñuñez 浩")
    customer.change("update", worker=ids[1], department=None, work_location=None)
    customer.change("raw", worker=ids[2], fields={"user_id": None, "number": "0042"})
    customer.change("remove_department", department=customer.snapshot()["departments"][3]["name"])
    workers = everybody(connect(customer).worker_pages())
    assert len(workers) == 5
    assert workers[ids[0]].given_name == "😀" * 200
    assert (workers[ids[1]].department_id, workers[ids[1]].location_id) == (None, None)
    assert (workers[ids[2]].person_id, workers[ids[2]].number) == (ids[2], "0042")
    assert workers[ids[2]].given_name is UNSET, "a person without a user has unknown names, not empty ones"


def test_a_rehire_keeps_the_person(company: Company, connect: Connect) -> None:
    customer = company(size=3)
    worker_id = customer.snapshot()["workers"][1]["id"]
    customer.change("terminate", worker=worker_id, end_date="2026-10-30")
    gone = everybody(connect(customer).worker_pages())[worker_id]
    assert (gone.status, gone.end_date) == (EmploymentStatus.TERMINATED, date(2026, 10, 30))
    again = customer.change("rehire", worker=worker_id, new_worker=True)
    workers = everybody(connect(customer).worker_pages())
    assert workers[again["id"]].status is EmploymentStatus.ACTIVE
    assert workers[again["id"]].person_id == gone.person_id


def test_v1_asks_for_everybody_and_trusts_no_filter(company: Company, connect: Connect) -> None:
    customer = company(size=120, terminated=5, not_provisioned=7)
    connector = connect(customer, "v1", learned={"changed_since": "gte"})
    assert not connector.honours_changed_since()
    since = datetime.fromisoformat(customer.snapshot()["now"]) - timedelta(days=1)
    assert len(everybody(connector.worker_pages(since))) == 125
    asked = [dict(r["query"]) for r in customer.requests() if r["path"].endswith("/include_terminated")]
    assert {query["send_all_roles"] for query in asked} == {"true"}
    assert {query["updated_at"] for query in asked} == {since.strftime("%Y-%m-%dT%H:%M:%SZ")}


def test_v1_loses_nobody_while_people_come_and_go(company: Company, connect: Connect) -> None:
    customer = company(size=330)
    before = [worker["id"] for worker in customer.snapshot()["workers"]]
    pages = connect(customer, "v1").worker_pages()
    seen = {worker.id for worker in next(pages).workers}
    customer.change("remove_worker", worker=before[3])
    new = customer.change("hire")
    rest = everybody(pages)
    assert not seen & set(rest), "nobody comes twice"
    assert seen | set(rest) == {*before, new["id"]}


def test_v1_department_names_become_ids_or_the_person_waits(company: Company, connect: Connect) -> None:
    customer = company(size=120)
    snapshot = customer.snapshot()
    by_department: dict[str, list[str]] = {}
    for worker in snapshot["workers"]:
        by_department.setdefault(worker["department"], []).append(worker["id"])
    customer.change("add_department", name="Machining")
    customer.change("rename_department", department="Assembly", name="Assembly Hall")
    pages = list(connect(customer, "v1").worker_pages())
    unreadable = {bad.id: bad for page in pages for bad in page.unreadable}
    assert sorted(unreadable) == sorted(by_department["Machining"])
    assert {bad.field for bad in unreadable.values()} == {"department_id"}
    assert "2 departments" in next(iter(unreadable.values())).reason
    ids = {row["name"]: row["id"] for row in snapshot["departments"]}
    workers = {worker.id: worker for page in pages for worker in page.workers}
    assert {workers[one].department_id for one in by_department["Assembly"]} == {ids["Assembly"]}


def test_v1_without_the_list_of_departments_leaves_them_alone(company: Company, connect: Connect) -> None:
    customer = company(size=5)
    customer.fault("status", status_code=403, path="/platform/api/departments", times=None)
    [page] = connect(customer, "v1").worker_pages()
    assert {worker.department_id for worker in page.workers} == {UNSET}
    assert "department_id" in page.redacted
    assert all(isinstance(worker.location_id, str) for worker in page.workers)
