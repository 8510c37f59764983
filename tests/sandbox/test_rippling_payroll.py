"""Pay runs in v2: what a company pays, to the cent, and how it is read."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal

import pytest

from sandbox.rippling.company import found
from tests.sandbox.rippling_world import Json, Rippling

Make = Callable[..., Rippling]

PAYROLL = {"runs": 3, "first_check_date": "2026-06-05"}
CENT = Decimal("0.01")
ONE_PLANT: list[dict[str, str]] = [{}]


def money(rows: list[Json], field: str) -> Decimal:
    return sum((Decimal(row[field]) for row in rows), Decimal())


def records(company: Rippling, run: Json) -> list[Json]:
    return company.walk(f"/payroll-runs/{run['id']}/worker-payroll-records/", limit=100)


def split(record: Json) -> dict[str, Decimal]:
    """What the lines of a record come to, by kind."""
    reimbursed = [one for one in record["earnings"] if one["earning_category"] == "REIMBURSEMENT"]
    return {
        "gross": money(record["earnings"], "amount") - money(reimbursed, "amount"),
        "reimbursements": money(reimbursed, "amount"),
        "employee_taxes": money([one for one in record["taxes"] if one["paid_by"] == "EMPLOYEE"], "amount"),
        "employer_taxes": money([one for one in record["taxes"] if one["paid_by"] == "EMPLOYER"], "amount"),
        "employee_deductions": money(record["deductions"], "employee_amount"),
        "employer_contributions": money(record["deductions"], "employer_amount"),
        "total_garnishments": money(record["garnishments"], "amount"),
    }


def test_a_company_without_payroll_lets_nobody_read_any(rippling: Make) -> None:
    company = rippling(size=2)

    for path in ("/payroll-runs/", "/earning-types/", "/report-runs/x/", "/platform/api/payroll_runs"):
        answer = company.get(path)
        assert (answer.status_code, "scope" in answer.json()["detail"]) == (403, True)
    assert company.snapshot()["pay_runs"] == []


def test_every_pay_day_has_a_run_of_each_legal_entity_with_everybody_active_in_it(rippling: Make) -> None:
    company = rippling(size=60, terminated=5, pending=3, payroll=PAYROLL)
    entities = {row["id"] for row in company.results("/legal-entities/")}

    runs = company.walk("/payroll-runs/")

    assert len(runs) == 6
    assert {(run["check_date"], run["company_entity_id"]) for run in runs} == {
        (day, entity) for day in ("2026-06-05", "2026-06-19", "2026-07-03") for entity in entities
    }
    first = next(run for run in runs if run["check_date"] == "2026-06-05")
    assert first["pay_period"] == {"start_date": "2026-05-17", "end_date": "2026-05-30", "pay_frequency": "BIWEEKLY"}
    assert (first["run_state"], first["run_type"], first["country_code"]) == ("PAID", "REGULAR", "US")
    active = {row["id"]: row["legal_entity_id"] for row in company.walk("/workers/") if row["status"] == "ACTIVE"}
    for run in runs:
        paid = {record["worker_id"] for record in records(company, run)}
        assert paid == {worker for worker, entity in active.items() if entity == run["company_entity_id"]}


def test_gross_to_net_ties_to_the_cent_for_everybody(rippling: Make) -> None:
    company = rippling(size=400, plants=ONE_PLANT, payroll={"first_check_date": "2026-06-05"})
    [run] = company.results("/payroll-runs/")

    everybody = records(company, run)

    assert len(everybody) == 400
    for record in everybody:
        sums = split(record)
        assert record["run_id"] == run["id"]
        assert Decimal(record["gross_pay"]) == sums["gross"] > 0
        assert Decimal(record["net_pay"]) == (
            sums["gross"] - sums["employee_taxes"] - sums["employee_deductions"] - sums["total_garnishments"]
            + sums["reimbursements"]
        )  # fmt: skip
        assert {name: Decimal(amount) for name, amount in record["summary"].items()} == {
            name: sums[name] for name in record["summary"]
        }
        taxes = {one["tax_code"]: Decimal(one["amount"]) for one in record["taxes"]}
        medical = [one for one in record["deductions"] if one["deduction_code"] == "MEDICAL"]
        insured = sums["gross"] - money(medical, "employee_amount")
        assert taxes["SS"] == taxes["SS-ER"] == (insured * Decimal("0.062")).quantize(CENT, ROUND_HALF_UP)
        assert taxes["MED"] == taxes["MED-ER"] == (insured * Decimal("0.0145")).quantize(CENT, ROUND_HALF_UP)
        paid = [one["amount"] for one in record["earnings"] + record["taxes"] + record["garnishments"]]
        assert all(amount[-3] == "." for amount in [*paid, record["gross_pay"], record["net_pay"]])
        for one in record["earnings"]:
            if one["rate"] is not None:
                assert abs(Decimal(one["rate"]) * Decimal(one["hours"]) - Decimal(one["amount"])) <= Decimal("0.005")
    codes = {one["earning_code"] for record in everybody for one in record["earnings"]}
    assert codes == {"SAL", "REG", "OT", "PTO", "REIMB"}
    assert {one["deduction_code"] for record in everybody for one in record["deductions"]} == {"401K", "MEDICAL"}
    assert any(record["garnishments"] for record in everybody)
    assert {one["tax_code"] for one in everybody[0]["taxes"]} == {
        "FIT", "SIT-OH", "SS", "MED", "SS-ER", "MED-ER", "FUTA", "SUTA-OH",
    }  # fmt: skip


def test_the_snapshot_says_what_the_records_come_to(rippling: Make) -> None:
    company = rippling(size=80, payroll=PAYROLL)
    run = company.results("/payroll-runs/")[0]

    [shown] = [one for one in company.snapshot()["pay_runs"] if one["id"] == run["id"]]

    everybody = records(company, run)
    sums = [split(record) for record in everybody]
    assert (shown["records"], shown["state"], shown["currencies"]) == (len(everybody), "PAID", ["USD"])
    assert {kind: Decimal(amount) for kind, amount in shown["totals"].items()} == {
        "earning": sum(one["gross"] for one in sums),
        "reimbursement": sum(one["reimbursements"] for one in sums),
        "employee_tax": sum(one["employee_taxes"] for one in sums),
        "employer_tax": sum(one["employer_taxes"] for one in sums),
        "employee_deduction": sum(one["employee_deductions"] for one in sums),
        "employer_contribution": sum(one["employer_contributions"] for one in sums),
        "garnishment": sum(one["total_garnishments"] for one in sums),
    }
    assert Decimal(shown["net_pay"]) == money(everybody, "net_pay")
    counts = company.control("GET", "?counts").json()
    assert (counts["pay_runs"], counts["pay_records"]) == (6, 240)


def test_the_same_seed_pays_the_same_and_another_seed_pays_otherwise(rippling: Make) -> None:
    one, same, other = (rippling(size=20, seed=seed, payroll=PAYROLL) for seed in (7, 7, 8))

    def all_of(company: Rippling) -> list[Json]:
        return [record for run in company.walk("/payroll-runs/") for record in records(company, run)]

    assert all_of(one) == all_of(same)
    assert money(all_of(one), "net_pay") != money(all_of(other), "net_pay")


def test_records_are_paged_without_a_gap(rippling: Make) -> None:
    company = rippling(size=120, plants=ONE_PLANT, payroll={}, prerendered=True, next_link="relative")
    [run] = company.results("/payroll-runs/")
    path = f"/payroll-runs/{run['id']}/worker-payroll-records"

    first = company.ok(path)
    walked = company.walk(path, limit=7)

    assert len(first["results"]) == 50
    assert first["__meta"] == {"redacted_fields": []}
    assert first["next_link"].startswith("/payroll-runs/")
    assert len({row["worker_id"] for row in walked}) == len(walked) == 120
    for query in ({"limit": 101}, {"limit": 0}, {"cursor": "x"}, {"cursor": "WzEsIDJd"}, {"cursor": "WzIsIFsxXV0"}):
        assert company.refused(path, **query)
    assert company.get("/payroll-runs/nobody/worker-payroll-records/").json() == {"detail": "Not found."}


@pytest.mark.parametrize("limit", [1, 4, 5, 100])
def test_runs_are_sorted_by_check_date_and_by_nothing_else(rippling: Make, limit: int) -> None:
    company = rippling(size=10, payroll={**PAYROLL, "runs": 5}, plants=ONE_PLANT)
    company.change("run_payroll", check_date="2026-06-12", type="OFF_CYCLE")

    newest_first = [
        run["check_date"] for run in company.walk("/payroll-runs/", order_by="check_date desc", limit=limit)
    ]
    oldest_first = [run["check_date"] for run in company.walk("/payroll-runs/", order_by="check_date", limit=limit)]

    assert oldest_first == sorted(oldest_first) == newest_first[::-1]
    assert (len(oldest_first), oldest_first[1]) == (6, "2026-06-12")
    for order in ("id", "created_at", "-check_date", "check_date backwards"):
        assert "order_by" in company.refused("/payroll-runs/", order_by=order)


def test_a_filter_on_runs_is_silently_ignored(rippling: Make) -> None:
    company = rippling(size=4, payroll=PAYROLL)

    assert company.results("/payroll-runs/", filter="check_date gte 2030-01-01") == company.results("/payroll-runs/")


def test_one_run_is_read_by_its_id(rippling: Make) -> None:
    company = rippling(size=4, payroll=PAYROLL)
    listed = company.results("/payroll-runs/")[0]

    assert company.ok(f"/payroll-runs/{listed['id']}/") == {"__meta": {"redacted_fields": []}, **listed}
    assert company.get("/payroll-runs/nobody/").json() == {"detail": "Not found."}
    assert company.request("POST", "/payroll-runs/").status_code == 405


def test_a_hidden_field_is_named_and_missing(rippling: Make) -> None:
    company = rippling(size=2, plants=ONE_PLANT, payroll={})
    [run] = company.results("/payroll-runs/")

    company.change("redact", resource="worker-payroll-records", field="net_pay", reason="Not for you")
    body = company.ok(f"/payroll-runs/{run['id']}/worker-payroll-records/")

    assert body["__meta"]["redacted_fields"] == [{"name": "net_pay", "reason": "Not for you"}]
    assert not any("net_pay" in record for record in body["results"])


@pytest.mark.parametrize(
    ("route", "v2", "v1", "report"),
    [("v2", 200, 403, 403), ("v1", 403, 200, 403), ("report", 403, 403, 404), (["v1", "v2"], 200, 200, 403)],
)
def test_the_route_decides_what_can_be_read(
    rippling: Make, route: str | list[str], v2: int, v1: int, report: int
) -> None:
    company = rippling(size=2, payroll={"route": route})

    assert company.get("/payroll-runs/").status_code == company.get("/earning-types/").status_code == v2
    assert company.get("/platform/api/payroll_runs").status_code == v1
    assert company.get("/report-runs/x/").status_code == report
    bought = {row["display_name"] for row in company.results("/entitlements/")}
    assert ("Global Payroll" in bought) == ("v2" in route)
    assert ("Reports API" in bought) == (route == "report")


def test_the_entitlement_and_the_scope_are_both_needed(rippling: Make) -> None:
    company = rippling(size=2, payroll={}, entitlements=["API Tier 1"])

    assert "entitlement Global Payroll" in company.get("/payroll-runs/").json()["detail"]
    company.change("set_options", entitlements=["Global Payroll"], scopes=["workers.read"])
    assert "scope payroll-runs.read" in company.get("/payroll-runs/").json()["detail"]
    company.change("set_options", scopes=["payroll-runs.read"])
    assert len(company.results("/payroll-runs/")) == 2
    assert "scope earning-types.read" in company.get("/earning-types/").json()["detail"]


def test_earning_types_are_the_usual_ones_and_every_other_that_was_paid(rippling: Make) -> None:
    company = rippling(size=2, payroll={"runs": 0})
    bonus = {"worker": 1001, "kind": "earning", "code": "BON2", "name": "Spot bonus", "amount": "1314.28"}
    company.change("run_payroll", extra=[{**bonus, "category": "BONUS"}])

    kinds = company.walk("/earning-types/", limit=2)

    assert [kind["earning_code"] for kind in kinds if kind["earning_category"] == "BONUS"] == ["BON2"]
    assert {kind["earning_code"] for kind in kinds} == {"SAL", "REG", "OT", "PTO", "REIMB", "BON2"}
    assert len({kind["id"] for kind in kinds}) == 6


@pytest.mark.parametrize(
    ("frequency", "first", "days", "period"),
    [
        ("WEEKLY", "2026-06-05", ["2026-06-05", "2026-06-12", "2026-06-19"], ("2026-05-24", "2026-05-30")),
        ("SEMIMONTHLY", "2026-01-31", ["2026-01-31", "2026-02-15", "2026-02-28"], ("2026-01-16", "2026-01-31")),
        ("SEMIMONTHLY", "2026-02-15", ["2026-02-15", "2026-02-28", "2026-03-15"], ("2026-02-01", "2026-02-15")),
        ("MONTHLY", "2026-01-30", ["2026-01-30", "2026-02-28", "2026-03-30"], ("2026-01-01", "2026-01-31")),
    ],
)
def test_pay_days_follow_the_frequency(
    rippling: Make, frequency: str, first: str, days: list[str], period: tuple[str, str]
) -> None:
    plan = {"runs": 3, "frequency": frequency, "first_check_date": first}
    company = rippling(size=2, plants=ONE_PLANT, payroll=plan)

    runs = company.walk("/payroll-runs/", order_by="check_date")

    assert [run["check_date"] for run in runs] == days
    assert (runs[0]["pay_period"]["start_date"], runs[0]["pay_period"]["end_date"]) == period


def test_runs_after_today_are_drafts_and_without_a_first_day_the_last_run_is_on_a_friday(rippling: Make) -> None:
    company = rippling(size=1, payroll={"runs": 3, "first_check_date": "2026-10-16"}, now="2026-11-02T09:00:00+00:00")
    lately = rippling(size=1, payroll={"runs": 2}, now="2026-11-02T09:00:00+00:00")

    drafts = company.walk("/payroll-runs/", order_by="check_date")

    assert [run["run_state"] for run in drafts] == ["PAID", "PAID", "DRAFT"]
    assert drafts[2]["approved_at"] is drafts[2]["paid_at"] is None
    assert [run["check_date"] for run in lately.walk("/payroll-runs/", order_by="check_date")] == [
        "2026-10-16",
        "2026-10-30",
    ]


@pytest.mark.parametrize(
    "payroll",
    [{"frequency": "DAILY"}, {"route": "v3"}, {"route": ["v1", "fax"]}, {"first_check_date": "x"}, {"runz": 1}],
)
def test_a_payroll_that_makes_no_sense_is_refused(payroll: Json) -> None:
    with pytest.raises((ValueError, TypeError)):
        found("key", {"size": 1, "payroll": payroll})
