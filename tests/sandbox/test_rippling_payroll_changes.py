"""What can be made to happen on payroll: runs on demand, other states, records that change after the fact."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.sandbox.rippling_world import Json, Rippling

Make = Callable[..., Rippling]
PLAN = {"runs": 0, "route": ["v1", "v2", "report"]}
BONUS = {"worker": 1001, "kind": "earning", "code": "BON2", "name": "Spot bonus", "amount": "1314.28"}
ONE_PLANT: list[dict[str, str]] = [{}]


def line(kind: str, amount: str, **more: str) -> Json:
    return {"kind": kind, "code": kind.upper(), "name": kind.replace("_", " "), "amount": amount, **more}


def record(company: Rippling, run_id: str, number: int) -> Json:
    worker_id = company.worker(number)["id"]
    rows = company.walk(f"/payroll-runs/{run_id}/worker-payroll-records/", limit=100)
    [found] = [row for row in rows if row["worker_id"] == worker_id]
    return found


def refused(company: Rippling, action: str, **arguments: object) -> str:
    answer = company.control("POST", f"/changes/{action}", arguments)
    assert answer.status_code == 400, answer.text
    return answer.text


def test_one_call_pays_every_legal_entity_and_a_named_one_alone(rippling: Make) -> None:
    company = rippling(size=40, payroll=PLAN)
    first, second = company.results("/legal-entities/")

    both = company.change("run_payroll", check_date="2026-06-05")
    alone = company.change("run_payroll", check_date="2026-06-19", company_entity=second["legal_name"])

    assert [run["company_entity_id"] for run in both["runs"]] == [first["id"], second["id"]]
    assert [run["company_entity_id"] for run in alone["runs"]] == [second["id"]]
    assert alone["run_id"] == alone["run_ids"][0]
    assert [run["records"] for run in both["runs"]] == [
        len([row for row in company.walk("/workers/") if row["legal_entity_id"] == entity["id"]])
        for entity in (first, second)
    ]


def test_a_run_is_what_it_was_asked_to_be(rippling: Make) -> None:
    company = rippling(size=10, plants=ONE_PLANT, payroll=PLAN)

    run_id = company.change(
        "run_payroll", check_date="2026-06-05", period_start="2026-05-18", period_end="2026-05-31", type="CORRECTION",
        state="APPROVED", title="Second thoughts", workers=[1003, company.worker(1004)["work_email"]],
        currencies={"1004": "CAD"}, extra=[{**BONUS, "worker": 1003}],
    )["run_id"]  # fmt: skip

    [run] = company.results("/payroll-runs/")
    assert (run["id"], run["title"], run["run_type"], run["run_state"]) == (
        run_id,
        "Second thoughts",
        "CORRECTION",
        "APPROVED",
    )
    assert (run["pay_period"]["start_date"], run["pay_period"]["end_date"]) == ("2026-05-18", "2026-05-31")
    assert (run["paid_at"], bool(run["approved_at"])) == (None, True)
    paid = record(company, run_id, 1003)
    assert paid["earnings"][-1]["amount"] == "1314.28"
    earned = [one["amount"] for one in paid["earnings"] if one["earning_category"] != "REIMBURSEMENT"]
    assert Decimal(paid["gross_pay"]) == sum(map(Decimal, earned))
    assert (paid["currency"], record(company, run_id, 1004)["currency"]) == ("USD", "CAD")
    assert company.snapshot()["pay_runs"][0]["currencies"] == ["CAD", "USD"]


def test_lines_are_shown_word_for_word_however_odd(rippling: Make) -> None:
    company = rippling(size=3, plants=ONE_PLANT, payroll=PLAN)

    run_id = company.change(
        "run_payroll",
        workers=[1001, 1002, 1003],
        lines={
            "1001": [line("earning", "1000.1250", category="MOON_PAY", hours="3.5"), line("employee_tax", "-12.00")],
            "1002": [line("earning", "NaN"), line("employer_tax", "5.00", category="AGENCY")],
            "1003": [line("reimbursement", "50.00", category="REIMBURSEMENT"), line("garnishment", "80.00")],
        },
        stated={"1002": {"net_pay": "17.00"}},
    )["run_id"]

    odd, broken, negative = (record(company, run_id, number) for number in (1001, 1002, 1003))
    assert odd["earnings"][0] == {
        "earning_code": "EARNING", "earning_category": "MOON_PAY", "display_name": "earning", "amount": "1000.1250",
        "hours": "3.5", "rate": None,
    }  # fmt: skip
    assert (odd["taxes"][0]["amount"], odd["gross_pay"], odd["net_pay"]) == ("-12.00", "1000.1250", "1012.1250")
    assert (broken["earnings"][0]["amount"], broken["gross_pay"], broken["net_pay"]) == ("NaN", "0.00", "17.00")
    assert broken["taxes"][0]["paid_by"] == "AGENCY"
    assert (negative["gross_pay"], negative["net_pay"]) == ("0.00", "-30.00")
    v1 = {one["id"]: one for one in company.ok(f"/platform/api/payroll_runs/{run_id}/employees")}
    assert v1[odd["id"]]["earnings"][0]["hours"] == "3.5000"
    assert v1[broken["id"]]["earnings"][0]["amount"] == "NaN"
    assert v1[negative["id"]]["netPay"] == "-30.00"


def test_an_employer_share_without_an_employee_share_is_one_deduction(rippling: Make) -> None:
    company = rippling(size=1, payroll=PLAN)
    lines = [
        line("employee_deduction", "10.00", code="HSA"),
        line("employer_contribution", "4.00", code="HSA"),
        line("employer_contribution", "9.00", code="LIFE"),
        line("employee_deduction", "1.00", code="HSA"),
    ]

    run_id = company.change("run_payroll", lines={"1001": lines})["run_id"]

    shown = record(company, run_id, 1001)["deductions"]
    assert [(one["deduction_code"], one["employee_amount"], one["employer_amount"]) for one in shown] == [
        ("HSA", "10.00", "4.00"),
        ("LIFE", "0.00", "9.00"),
        ("HSA", "1.00", "0.00"),
    ]


@pytest.mark.parametrize("state", ["DRAFT", "APPROVED", "PAID", "FAILED", "CLOSED", "VOIDED", "UNHEARD_OF"])
def test_a_run_goes_into_any_state(rippling: Make, state: str) -> None:
    company = rippling(size=1, payroll={"route": ["v1", "v2"], "first_check_date": "2026-06-05"})
    [run] = company.results("/payroll-runs/")

    company.change("set_run", run=run["id"], state=state, check_date="2026-06-08", title="Again", type="POP")

    [after] = company.results("/payroll-runs/")
    assert (after["run_state"], after["check_date"], after["title"]) == (state, "2026-06-08", "Again")
    assert (after["run_type"], after["pay_period"]) == ("POP", run["pay_period"])
    assert (bool(after["paid_at"]), bool(after["approved_at"])) == (state == "PAID", state != "DRAFT")
    [v1] = company.ok("/platform/api/payroll_runs")
    assert (v1["runState"], v1["checkDate"]) == (state, "2026-06-08")


def test_a_run_may_name_a_legal_entity_that_is_not_among_them(rippling: Make) -> None:
    company = rippling(size=1, payroll={"route": ["v1", "v2"]})
    [run] = company.results("/payroll-runs/")

    company.change("set_run", run=run["id"], company_entity_id="5f00000000000000000000ff")

    assert company.results("/payroll-runs/")[0]["company_entity_id"] == "5f00000000000000000000ff"
    assert company.ok("/platform/api/payroll_runs")[0]["ein"] is None


def test_one_record_changes_after_the_fact_and_no_other(rippling: Make) -> None:
    company = rippling(size=5, plants=ONE_PLANT, payroll={}, prerendered=True)
    [run] = company.results("/payroll-runs/")
    before = [record(company, run["id"], number) for number in (1001, 1002)]

    company.change("change_record", run=run["id"], worker=1001, amounts={"FIT": "0.01"})
    after = record(company, run["id"], 1001)

    [old_tax] = [one["amount"] for one in before[0]["taxes"] if one["tax_code"] == "FIT"]
    assert Decimal(after["net_pay"]) == Decimal(before[0]["net_pay"]) + Decimal(old_tax) - Decimal("0.01")
    assert (after["id"], after["gross_pay"]) == (before[0]["id"], before[0]["gross_pay"])
    assert record(company, run["id"], 1002) == before[1]

    extra = {name: value for name, value in BONUS.items() if name != "worker"}
    company.change("change_record", run=run["id"], worker=1001, extra=[extra], currency="EUR")
    company.change("change_record", run=run["id"], worker=1001, stated={"net_pay": "1.00"})
    last = record(company, run["id"], 1001)
    assert Decimal(last["gross_pay"]) == Decimal(after["gross_pay"]) + Decimal("1314.28")
    assert (last["net_pay"], last["currency"]) == ("1.00", "EUR")


def test_a_record_and_a_run_can_vanish(rippling: Make) -> None:
    company = rippling(size=5, plants=ONE_PLANT, payroll={"runs": 2})
    first, second = company.results("/payroll-runs/")

    company.change("change_record", run=first["id"], worker=1002, remove=True)
    company.change("remove_run", run=second["id"])

    assert len(company.walk(f"/payroll-runs/{first['id']}/worker-payroll-records/")) == 4
    assert [run["id"] for run in company.results("/payroll-runs/")] == [first["id"]]
    assert company.get(f"/payroll-runs/{second['id']}/").status_code == 404


def test_the_terminated_are_paid_only_when_they_are_named(rippling: Make) -> None:
    company = rippling(size=3, plants=ONE_PLANT, payroll=PLAN)
    company.change("terminate", worker=1002)

    usual, final = company.change("run_payroll"), company.change("run_payroll", workers=[1002], type="TERMINATION")

    assert [run["records"] for run in (*usual["runs"], *final["runs"])] == [2, 1]
    assert record(company, final["run_id"], 1002)["net_pay"]


@pytest.mark.parametrize(
    ("action", "arguments", "told"),
    [
        ("run_payroll", {"extra": [{**BONUS, "amount": 1314.28}]}, "are text"),
        ("run_payroll", {"extra": [{**BONUS, "kind": "gift"}]}, "kind is one of"),
        ("run_payroll", {"workers": [1002], "extra": [BONUS]}, "in none of the runs"),
        ("run_payroll", {"workers": [9999]}, "no worker"),
        ("run_payroll", {"company_entity": "Nobody Ltd"}, "no row"),
        ("run_payroll", {"period_start": "2026-06-05"}, "a period"),
        ("run_payroll", {"stated": {"1001": {"hours": "1"}}}, "stated is any of"),
        ("run_payroll", {"bonus": 1}, "bonus"),
        ("set_run", {"run": "x", "state": "PAID"}, "no pay run"),
        ("remove_run", {"run": "x"}, "no pay run"),
    ],
)
def test_arguments_that_make_no_sense_change_nothing(rippling: Make, action: str, arguments: Json, told: str) -> None:
    company = rippling(size=3, payroll=PLAN)

    assert told in refused(company, action, **arguments)

    assert company.snapshot()["pay_runs"] == []


def test_a_record_that_is_not_there_cannot_change(rippling: Make) -> None:
    company = rippling(size=3, plants=ONE_PLANT, payroll=PLAN)
    run_id = company.change("run_payroll", workers=[1001])["run_id"]

    assert "is not in the run" in refused(company, "change_record", run=run_id, worker=1002, amounts={})
    assert "no line with the code" in refused(company, "change_record", run=run_id, worker=1001, amounts={"XX": "1"})
