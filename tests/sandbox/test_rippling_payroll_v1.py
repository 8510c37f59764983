"""Pay runs in v1: the shapes of 2021 and their traps."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.sandbox.rippling_world import Json, Rippling

Make = Callable[..., Rippling]
RUNS = "/platform/api/payroll_runs"
PAYROLL = {"runs": 2, "first_check_date": "2026-06-05", "route": ["v1", "v2"]}

EMPLOYER_TAXES = ("Employer", "Unemployment")


def people(company: Rippling, run: Json, **query: object) -> list[Json]:
    found: list[Json] = company.ok(f"{RUNS}/{run['id']}/employees", **query)
    return found


def amount(rows: list[Json], field: str) -> Decimal:
    return sum((Decimal(row[field]) for row in rows), Decimal())


def test_runs_are_asked_for_by_ein_as_text(rippling: Make) -> None:
    company = rippling(size=20, payroll=PAYROLL)
    entities = company.results("/legal-entities/")

    runs = company.ok(RUNS)
    parts = [company.ok(RUNS, EIN=entity["tax_identifier"]) for entity in entities]

    assert [len(part) for part in parts] == [2, 2]
    assert {run["id"] for part in parts for run in part} == {run["id"] for run in runs}
    assert {run["ein"] for run in parts[0]} == {"00-1000001"}
    assert company.ok(RUNS, EIN="1000001") == []
    assert company.ok(RUNS, limit=1, offset=1) == runs[1:2]
    assert {run["runState"] for run in runs} == {"PAID"}
    other_ein = entities[1]["tax_identifier"]
    assert company.get(f"{RUNS}/{parts[0][0]['id']}/employees", EIN=other_ein).status_code == 404


def test_an_employee_in_a_run_ties_when_taxes_are_told_apart_by_name(rippling: Make) -> None:
    company = rippling(size=200, payroll=PAYROLL)
    run = company.ok(RUNS)[0]

    everybody = people(company, run)

    assert len(everybody) > 80
    for one in everybody:
        reimbursed = [row for row in one["earnings"] if row["earningTypeEnum"] == "REIMBURSEMENT"]
        own_taxes = [row for row in one["taxes"] if not any(word in row["name"] for word in EMPLOYER_TAXES)]
        assert set(one["taxes"][0]) == {"name", "amount"}
        assert amount(one["earnings"], "amount") - amount(reimbursed, "amount") == Decimal(one["grossPay"])
        assert Decimal(one["netPay"]) == (
            Decimal(one["grossPay"])
            - amount(own_taxes, "amount")
            - amount(one["deductions"], "employeeDeductionAmt")
            - amount(one["garnishments"], "cdtAmt")
            + amount(reimbursed, "amount")
        )
        assert (one["run"], one["ein"]) == (run["id"], run["ein"])
        assert any(Decimal(row["amount"]) == 0 for row in one["taxes"])
        assert {row["name"] for row in reimbursed} == {"Reimbursements"}
        for row in one["deductions"]:
            setting = row["employeeDeductionAmt"] if not row["isEEPercent"] else None
            assert row["employeeDeduction"][-5] == "."
            assert setting is None or Decimal(row["employeeDeduction"]) == Decimal(setting)
    savings = [row for one in everybody for row in one["deductions"] if row["deductionTypeEnum"] == "_401K"]
    assert all(row["isEEPercent"] and Decimal(row["employeeDeduction"]) < 10 for row in savings)
    assert any(Decimal(row["employeeDeductionAmt"]) > 10 for row in savings)
    assert {row["hours"] for one in everybody for row in one["earnings"]} >= {None, "80.0000"}
    assert all(len({row["companyEarningType"] for row in one["earnings"]}) == len(one["earnings"]) for one in everybody)


def test_both_generations_pay_the_same(rippling: Make) -> None:
    company = rippling(size=30, payroll=PAYROLL, ids_differ=True)
    run = company.ok(RUNS)[0]
    role_of = {one["workEmail"]: one["id"] for one in company.ok("/platform/api/employees")}
    roles = {row["id"]: role_of[row["work_email"]] for row in company.walk("/workers/")}

    v1 = {one["role"]: (one["id"], one["netPay"], one["grossPay"]) for one in people(company, run)}
    v2 = company.walk(f"/payroll-runs/{run['id']}/worker-payroll-records/")

    assert v1 == {roles[one["worker_id"]]: (one["id"], one["net_pay"], one["gross_pay"]) for one in v2}
    assert not set(v1) & set(roles)


def test_people_in_a_run_are_paged_and_asked_for_by_role(rippling: Make) -> None:
    company = rippling(size=30, plants=[{}], payroll=PAYROLL)
    run = company.ok(RUNS)[0]

    everybody = people(company, run)

    assert [one for at in (0, 20) for one in people(company, run, limit=20, offset=at)] == everybody
    assert people(company, run, role=everybody[3]["role"]) == [everybody[3]]
    assert people(company, run, role="nobody") == []
    assert "limit" in company.refused(f"{RUNS}/{run['id']}/employees", limit=101)
    assert company.get(f"{RUNS}/nobody/employees").json() == {"detail": "Not found."}
    assert company.get(f"{RUNS}/{run['id']}").status_code == 404
    assert company.request("POST", RUNS).status_code == 405


def test_an_off_cycle_run_has_no_pay_period(rippling: Make) -> None:
    company = rippling(size=3, payroll={**PAYROLL, "runs": 0})
    company.change("run_payroll", workers=[1001], type="OFF_CYCLE", state="APPROVED", check_date="2026-06-12")

    [run] = company.ok(RUNS)

    assert (run["runType"], run["runState"], run["payPeriod"]) == ("OFF_CYCLE", "APPROVED", None)
    assert [one["role"] for one in people(company, run)] == [company.worker(1001)["id"]]


@pytest.mark.parametrize("path", [RUNS, f"{RUNS}/x/employees"])
def test_payroll_needs_its_scope(rippling: Make, path: str) -> None:
    company = rippling(size=1, payroll={"route": "v2"})

    assert company.get(path).json() == {"detail": "The token does not have the scope employee:payroll."}
