"""Report runs and the presigned files they end in."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.sandbox.rippling_world import Json, Rippling

Make = Callable[..., Rippling]
REPORT = "5f00000000000000000000aa"
PAYROLL = {"first_check_date": "2026-06-05", "route": ["report", "v2"]}
STABLE: Json = {
    "format_date_fields": {"date_format": "ISO_8601"},
    "format_currency_fields": {"columns": "VALUE_ONLY"},
}
ID_COLUMNS = {"Run ID", "Legal entity ID", "Worker ID", "Department ID", "Location ID"}


def post(company: Rippling, body: Any) -> httpx.Response:
    return httpx.post(f"{company.address}/report-runs/", json=body, headers=company.headers)


def start(company: Rippling, **options: Any) -> Json:
    answer = post(company, {"report_id": REPORT, **options})
    assert answer.status_code == 200, answer.text
    started: Json = answer.json()
    return started


def poll(company: Rippling, run: Json) -> Json:
    answer: Json = company.ok(f"/report-runs/{run['id']}/")
    return answer


def finished(company: Rippling, **options: Any) -> Json:
    run = start(company, **options)
    for _ in range(10):
        answer = poll(company, run)
        if answer["status"] != "IN_PROGRESS":
            return answer
    raise AssertionError("still in progress")


def file_of(company: Rippling, **options: Any) -> httpx.Response:
    answer = httpx.get(finished(company, **options)["result"]["file_url"])
    assert answer.status_code == 200, answer.text
    return answer


@pytest.fixture
def company(rippling: Make) -> Rippling:
    return rippling(size=25, payroll=PAYROLL, report_id=REPORT)


def test_a_run_is_in_progress_for_as_many_polls_as_it_was_told(rippling: Make) -> None:
    company = rippling(size=2, payroll=PAYROLL, report_id=REPORT, report_polls=3)

    run = start(company)
    statuses = [poll(company, run)["status"] for _ in range(5)]

    assert (run["status"], run["report_id"], run["result"]) == ("IN_PROGRESS", REPORT, None)
    assert statuses == ["IN_PROGRESS"] * 3 + ["SUCCESS"] * 2
    assert poll(company, run)["result"] == poll(company, run)["result"]


def test_a_run_can_fail_and_the_next_one_succeed(company: Rippling) -> None:
    company.change("set_options", report_outcome="FAILURE", report_polls=0)
    failed = finished(company)
    company.change("set_options", report_outcome="SUCCESS")

    assert (failed["status"], failed["result"]) == ("FAILURE", None)
    assert finished(company)["status"] == "SUCCESS"
    assert poll(company, failed)["status"] == "FAILURE"


def test_the_file_has_every_pay_item_and_what_everybody_is_paid(company: Rippling) -> None:
    company.change("set_options", empty="absent")
    rows = file_of(company, include_object_ids=True, **STABLE).json()

    runs = company.walk("/payroll-runs/")
    workers = {row["id"]: row for row in company.walk("/workers/", expand="department,legal_entity")}
    records = [record for run in runs for record in company.walk(f"/payroll-runs/{run['id']}/worker-payroll-records/")]
    by_person = {(record["run_id"], record["worker_id"]): record for record in records}
    assert len(by_person) == 25
    for row in rows:
        worker = workers[row["Worker ID"]]
        assert row["Worker number"] == worker["number"]
        assert (row["Department"], row["Department ID"]) == (worker["department"]["name"], worker["department_id"])
        assert row["Legal entity"] == worker["legal_entity"]["legal_name"]
        assert (row["Check date"], row["Pay period start"], row["Currency"]) == ("2026-06-05", "2026-05-17", "USD")
    for (run_id, worker_id), record in by_person.items():
        mine = [row for row in rows if (row["Run ID"], row["Worker ID"]) == (run_id, worker_id)]
        sums = {kind: sum(Decimal(row["Amount"]) for row in mine if row["Kind"] == kind) for kind in KINDS}
        assert sums["Net pay"] == Decimal(record["net_pay"])
        assert sums["Earning"] == Decimal(record["gross_pay"])
        assert sums["Employee tax"] == Decimal(record["summary"]["employee_taxes"])
        assert sums["Employer contribution"] == Decimal(record["summary"]["employer_contributions"])
    assert {row["Kind"] for row in rows} <= KINDS


KINDS = {
    "Earning", "Employee tax", "Employer tax", "Employee deduction", "Employer contribution", "Garnishment",
    "Reimbursement", "Net pay",
}  # fmt: skip


def test_csv_says_the_same_as_json(company: Rippling) -> None:
    answer = file_of(company, output_type="CSV", include_object_ids=True, **STABLE)

    rows = list(csv.DictReader(io.StringIO(answer.text)))

    plain = file_of(company, include_object_ids=True, **STABLE).json()
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert rows == [{name: "" if value is None else str(value) for name, value in row.items()} for row in plain]
    assert set(rows[0]) >= ID_COLUMNS


def test_a_report_without_pay_runs_still_has_its_headings(rippling: Make) -> None:
    company = rippling(size=1, payroll={**PAYROLL, "runs": 0}, report_id=REPORT)

    [headings] = csv.reader(io.StringIO(file_of(company, output_type="CSV").text))

    assert headings[:3] == ["Run title", "Run type", "Run state"]
    assert file_of(company).json() == []


def test_what_is_left_out_is_written_for_people_to_read(company: Rippling) -> None:
    row = file_of(company).json()[0]
    counted = file_of(company, include_total_rows=True).json()
    text = file_of(company, include_total_rows=True, output_type="CSV").text

    assert not ID_COLUMNS & set(row)
    assert (row["Check date"], row["Amount"].split()[0]) == ("06/05/2026", "USD")
    assert counted["total_rows"] == len(counted["rows"])
    assert text.splitlines()[-1] == f"Total rows,{counted['total_rows']}"


def test_the_file_is_what_there_was_when_the_run_ended(company: Rippling) -> None:
    company.change("set_options", report_polls=0)
    early = finished(company)["result"]["file_url"]
    waiting = start(company)

    [run_id] = company.change("run_payroll", title="Late bonus", workers=[1001])["run_ids"]
    late = poll(company, waiting)["result"]["file_url"]

    assert "Late bonus" not in httpx.get(early).text
    assert "Late bonus" in httpx.get(late).text
    company.change("remove_run", run=run_id)
    assert "Late bonus" in httpx.get(late).text


def test_the_file_is_for_whoever_has_its_address_and_refuses_a_token(company: Rippling) -> None:
    url = finished(company)["result"]["file_url"]
    path, _, query = url.partition("?")

    assert url.startswith(company.address)
    assert httpx.get(url).status_code == 200
    with_token = httpx.get(url, headers=company.headers)
    assert (with_token.status_code, "Only one auth mechanism" in with_token.text) == (400, True)
    assert [httpx.get(f"{path}{end}").status_code for end in ("", "?" + query[:-1], "x?" + query)] == [403] * 3
    assert httpx.put(url).status_code == 403


def test_the_file_is_gone_when_its_time_is_over(company: Rippling) -> None:
    company.change("set_options", report_seconds=60)
    result = finished(company)["result"]

    company.change("set_clock", advance_seconds=50)
    assert httpx.get(result["file_url"]).status_code == 200
    company.change("set_clock", advance_seconds=20)
    gone = httpx.get(result["file_url"])

    assert (gone.status_code, "expired" in gone.text) == (403, True)
    assert result["expires_at"] < company.snapshot()["now"]


def test_a_download_is_logged_and_can_be_made_to_fail(company: Rippling) -> None:
    url = finished(company)["result"]["file_url"]
    company.control("POST", "/faults", {"kind": "status", "path": "/report-files/.*", "status_code": 503})

    assert [httpx.get(url).status_code for _ in range(2)] == [503, 200]
    seen = [one for one in company.control("GET", "/requests").json()["requests"] if "report-files" in one["path"]]
    assert len(seen) == 2


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, "report_id is required"),
        ([], "Invalid JSON"),
        ({"report_id": 7}, "expected: str, got: int"),
        ({"report_id": REPORT, "output_type": None}, "got: NoneType"),
        ({"report_id": REPORT, "format_date_fields": None}, "got: NoneType"),
        ({"report_id": REPORT, "format_currency_fields": None}, "got: NoneType"),
        ({"report_id": REPORT, "output_type": "XLSX"}, "output_type"),
        ({"report_id": REPORT, "include_object_ids": 1}, "expected: bool, got: int"),
        ({"report_id": REPORT, "include_total_rows": "true"}, "expected: bool, got: str"),
        ({"report_id": REPORT, "filters": []}, "filters is not a field"),
        ({"report_id": REPORT, "format_date_fields": {}}, "date_format is required"),
        ({"report_id": REPORT, "format_date_fields": {"date_format": "ISO"}}, "date_format"),
        (
            {"report_id": REPORT, "format_date_fields": {"date_format": "ISO_8601", "datetime_timezone": None}},
            "got: NoneType",
        ),
        (
            {"report_id": REPORT, "format_date_fields": {"date_format": "ISO_8601", "datetime_timezone": "Mars"}},
            "time zone",
        ),
        ({"report_id": REPORT, "format_currency_fields": {"columns": "VALUE"}}, "columns"),
        ({"report_id": REPORT, "format_currency_fields": {"columns": "VALUE_ONLY", "currency": "USD"}}, "not a field"),
    ],
)
def test_a_request_that_is_not_as_described_is_refused(company: Rippling, body: Any, told: str) -> None:
    answer = post(company, body)

    assert answer.status_code == 400
    assert told in answer.json()["detail"]


def test_only_the_saved_report_can_be_run_and_only_with_the_right_scope(company: Rippling) -> None:
    assert post(company, {"report_id": "another"}).status_code == 404
    assert company.get("/report-runs/nothing/").status_code == 404
    assert company.get("/report-runs/").status_code == 405
    broken = httpx.post(f"{company.address}/report-runs/", content=b"{", headers=company.headers)
    assert broken.json() == {"detail": "Invalid JSON provided."}

    company.change("set_options", scopes=["report-runs.read"])
    assert post(company, {"report_id": REPORT}).status_code == 403
    company.change("set_options", scopes=["report-runs.read-write"])
    assert finished(company)["status"] == "SUCCESS"
    company.change("set_options", entitlements=["Global Payroll"])
    assert "Reports API" in post(company, {"report_id": REPORT}).json()["detail"]


def test_the_id_of_the_report_is_told_when_the_company_is_made(rippling_address: str) -> None:
    made = httpx.post(f"{rippling_address}/_control/companies", json={"size": 1, "payroll": PAYROLL}).json()
    headers = {"Authorization": f"Bearer {made['token']}"}

    answer = httpx.post(f"{rippling_address}/report-runs", json={"report_id": made["report_id"]}, headers=headers)

    assert answer.json()["report_id"] == made["report_id"]
    httpx.delete(f"{rippling_address}/_control/companies/{made['key']}")
