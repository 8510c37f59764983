"""Payroll and report runs against the vendor's own API descriptions, where they are at hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from openapi_schema_validator import OAS30ReadValidator

from tests.sandbox.rippling_world import Json, Rippling
from tests.sandbox.test_rippling_payroll_reports import REPORT, STABLE, finished, post, start
from tests.sandbox.test_rippling_specs import FOLDER, V2_FILE, description, faults, registry

Make = Callable[..., Rippling]
V1_PAYROLL_FILE = FOLDER / "RipplingOpenAPI.v1.2021-07.yaml"
RUNS = "/payroll_runs"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the vendor's API descriptions are not beside the project")


def request_faults(body: Any) -> list[str]:
    schema = {"$ref": "urn:description#/components/schemas/ReportRunPostRequest"}
    return [error.message for error in OAS30ReadValidator(schema, registry=registry(V2_FILE)).iter_errors(body)]


@pytest.mark.parametrize("outcome", ["SUCCESS", "FAILURE"])
def test_report_runs_answer_as_described(rippling: Make, outcome: str) -> None:
    company = rippling(
        size=3, payroll={"route": "report"}, report_id=REPORT, report_outcome=outcome, report_polls=0, empty="absent"
    )

    started, ended = start(company), finished(company)

    assert (started["status"], ended["status"]) == ("IN_PROGRESS", outcome)
    assert faults(V2_FILE, "/report-runs/", started, "post") == []
    assert faults(V2_FILE, "/report-runs/{run_id}/", ended) == []


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"output_type": "CSV", "include_object_ids": True, "include_total_rows": False, **STABLE},
        {"format_date_fields": {"date_format": "APPLY_VISUALIZATION_SETTINGS", "datetime_timezone": "US/Eastern"}},
        {"format_currency_fields": {"columns": "TYPE_AND_AMOUNT", "currency_type": "USD"}},
    ],
)
def test_what_is_taken_is_what_the_description_offers(rippling: Make, options: Json) -> None:
    company = rippling(size=1, payroll={"route": "report"}, report_id=REPORT)

    assert request_faults({"report_id": REPORT, **options}) == []
    assert post(company, {"report_id": REPORT, **options}).status_code == 200


@pytest.mark.parametrize(
    "options", [{"report_id": 7}, {"output_type": "XLSX"}, {"include_object_ids": "yes"}, {"format_date_fields": {}}]
)
def test_what_the_description_forbids_is_refused(rippling: Make, options: Json) -> None:
    company = rippling(size=1, payroll={"route": "report"}, report_id=REPORT)

    assert request_faults({"report_id": REPORT, **options})
    assert post(company, {"report_id": REPORT, **options}).status_code == 400


def test_report_runs_need_what_the_description_says() -> None:
    paths = description(V2_FILE)["paths"]
    starting, polling = paths["/report-runs/"]["post"], paths["/report-runs/{run_id}/"]["get"]

    assert starting["x-rippling-entitlements"] == polling["x-rippling-entitlements"] == ["Reports_API"]
    assert {"OAuth2Production": ["report-runs.read-write"]} in starting["security"]
    assert {"OAuth2Production": ["report-runs.read"]} in polling["security"]


def test_v1_payroll_answers_as_described(rippling: Make) -> None:
    company = rippling(size=60, payroll={"route": "v1"})
    company.change("run_payroll", type="OFF_CYCLE", state="DRAFT", workers=[1001])

    runs = company.ok(f"/platform/api{RUNS}")
    people = [company.ok(f"/platform/api{RUNS}/{run['id']}/employees") for run in runs]

    assert faults(V1_PAYROLL_FILE, RUNS, runs) == []
    assert [faults(V1_PAYROLL_FILE, f"{RUNS}/{{payrollRunId}}/employees", one) for one in people] == [[], [], []]
    people[0][0]["grossPay"] = 12.5
    assert faults(V1_PAYROLL_FILE, f"{RUNS}/{{payrollRunId}}/employees", people[0]) != []


def test_v1_payroll_has_the_fields_of_the_vendors_own_sample(rippling: Make) -> None:
    company = rippling(size=60, payroll={"route": "v1"})
    paths = description(V1_PAYROLL_FILE)["paths"]
    [_, sample_run, *_] = paths[RUNS]["get"]["responses"]["200"]["content"]["application/json"]["examples"]["Success"][
        "value"
    ]
    answered = paths[f"{RUNS}/{{payrollRunId}}/employees"]["get"]["responses"]["200"]
    sample = answered["content"]["application/json"]["examples"]["Sample"]["value"][0]

    run = company.ok(f"/platform/api{RUNS}")[0]
    one = company.ok(f"/platform/api{RUNS}/{run['id']}/employees")[0]

    assert run.keys() == sample_run.keys()
    assert run["payPeriod"].keys() == sample_run["payPeriod"].keys()
    assert one.keys() == sample.keys()
    for name in ("earnings", "taxes", "deductions"):
        assert one[name][0].keys() == sample[name][0].keys()
