"""The register is checked to the cent, and a split cost loses none."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.pay_runs import PayKind, PayLine, PayStatement, TimeShare
from sync.payroll.findings import SHOWN_PEOPLE, Finding, FindingCode
from sync.payroll.register import DEBITED, Dimensions, check_statements, paid_lines, totals
from tests.sync.payroll.strategies import dimensions, statements

HOME = Dimensions(company="ACME", department="D1", location="L1", job_code="J1")


def pay(worker: str = "w1", *, net: str = "680.00", **values: object) -> PayStatement:
    """1,000.00 gross with 200.00 of taxes, 100.00 saved, 50.00 garnished and 30.00 of expenses: 680.00 net."""
    lines = (
        PayLine(PayKind.EARNING, "REG", "Regular pay", Decimal("1000.00"), Decimal(40)),
        PayLine(PayKind.REIMBURSEMENT, "TRAVEL", "Travel", Decimal("30.00")),
        PayLine(PayKind.EMPLOYEE_TAX, "FIT", "Federal income tax", Decimal("200.00")),
        PayLine(PayKind.EMPLOYEE_DEDUCTION, "401K", "401(k)", Decimal("100.00")),
        PayLine(PayKind.GARNISHMENT, "SUPPORT", "Child support", Decimal("50.00")),
        PayLine(PayKind.EMPLOYER_TAX, "SS", "Social security", Decimal("62.00")),
        PayLine(PayKind.NET_PAY, "NET", "Net pay", Decimal(net)),
    )
    plain: dict[str, object] = {
        "id": worker,
        "worker_id": worker,
        "worker_number": f"10{worker}",
        "currency": "USD",
        "lines": lines,
        "gross": Decimal("1000.00"),
    }
    return PayStatement(**{**plain, **values})  # type: ignore[arg-type]


def one(kind: PayKind, amount: str, hours: Decimal | None = None) -> PayLine:
    return PayLine(kind, "X", "X", Decimal(amount), hours)


def test_a_statement_whose_net_is_what_the_lines_come_to_is_right() -> None:
    assert check_statements([pay("w1"), pay("w2")], corrects=False) == []


def test_a_cent_less_is_found_with_everybody_it_concerns_and_none_set_off() -> None:
    wrong = [pay("w2", net="680.01"), pay("w1", net="679.99"), pay("w3")]

    assert check_statements(wrong, corrects=False) == [
        Finding(
            code=FindingCode.NET_DIFFERS,
            kind="net_pay",
            amount=Decimal("0.02"),
            currency="USD",
            people=("10w1", "10w2"),
            people_count=2,
        )
    ]


def test_a_statement_without_a_net_pay_is_not_right() -> None:
    (finding,) = check_statements([pay(lines=pay().lines[:-1])], corrects=False)

    assert (finding.code, finding.amount) == (FindingCode.NET_DIFFERS, Decimal("680.00"))


@pytest.mark.parametrize(
    ("earned", "net", "right"),
    [
        ("100.0049", "100.00", True),
        ("100.0050", "100.01", True),
        ("100.0050", "100.00", False),
        ("99.9950", "100.00", True),
    ],
)
def test_both_sides_are_rounded_half_up_before_they_are_compared(earned: str, net: str, right: bool) -> None:
    lines = (one(PayKind.EARNING, earned), one(PayKind.NET_PAY, net))

    assert (check_statements([pay(lines=lines, gross=None)], corrects=False) == []) is right


def test_a_yen_has_no_cents() -> None:
    lines = (one(PayKind.EARNING, "100.4"), one(PayKind.NET_PAY, "100"))

    assert check_statements([pay(lines=lines, gross=None, currency="JPY")], corrects=False) == []


def test_gross_is_the_earnings_without_what_is_reimbursed() -> None:
    (finding,) = check_statements([pay(gross=Decimal("1030.00"))], corrects=False)

    assert (finding.code, finding.amount) == (FindingCode.GROSS_DIFFERS, Decimal("30.00"))


def test_money_taken_back_is_a_finding_unless_the_run_corrects() -> None:
    lines = (one(PayKind.EARNING, "100"), one(PayKind.EMPLOYEE_TAX, "-5"), one(PayKind.NET_PAY, "105"))
    statement = pay(lines=lines, gross=None)

    (finding,) = check_statements([statement], corrects=False)
    assert (finding.code, finding.kind, finding.amount) == (FindingCode.DIRECTION, "employee_tax", Decimal(5))
    assert check_statements([statement], corrects=True) == []


@pytest.mark.parametrize("corrects", [True, False])
def test_a_net_below_zero_is_always_a_finding(corrects: bool) -> None:
    lines = (one(PayKind.EARNING, "10"), one(PayKind.EMPLOYEE_TAX, "15"), one(PayKind.NET_PAY, "-5"))

    (finding,) = check_statements([pay(lines=lines, gross=None)], corrects=corrects)

    assert (finding.code, finding.kind, finding.amount) == (FindingCode.DIRECTION, "net_pay", Decimal(5))


def test_many_people_are_counted_and_some_of_them_shown() -> None:
    (finding,) = check_statements([pay(f"w{n}", net="0") for n in range(SHOWN_PEOPLE + 9)], corrects=False)

    assert len(finding.people) == SHOWN_PEOPLE
    assert finding.people_count == SHOWN_PEOPLE + 9


def test_what_the_statement_says_goes_before_the_worker_s_own() -> None:
    (line, *_) = paid_lines(pay(department_id="D9", location_id=None), HOME)

    assert line.dimensions == Dimensions(company="ACME", department="D9", location="", job_code="J1")
    assert (line.worker, line.label, line.item, line.hours) == ("w1", "10w1", "earning:REG", Decimal(40))


def test_a_worker_without_a_number_is_known_by_the_source_s_id() -> None:
    assert {line.label for line in paid_lines(pay(worker_number=""), HOME)} == {"w1"}


def test_costs_follow_the_hours_and_what_is_owed_does_not() -> None:
    shares = (
        TimeShare(hours=Decimal(10), department_id="D2"),
        TimeShare(hours=Decimal(10)),
        TimeShare(hours=Decimal(10), department_id="D2", job_code_id="J2"),
        TimeShare(hours=Decimal(0), department_id="D7"),
    )
    lines = (one(PayKind.EARNING, "100.00", Decimal(30)), one(PayKind.NET_PAY, "100.00"))

    found = paid_lines(pay(lines=lines, time_shares=shares), HOME)

    assert [(x.dimensions.department, x.dimensions.job_code, x.amount, x.hours) for x in found] == [
        ("D1", "J1", Decimal("33.34"), Decimal(10)),
        ("D2", "J1", Decimal("33.33"), Decimal(10)),
        ("D2", "J2", Decimal("33.33"), Decimal(10)),
        ("D1", "J1", Decimal("100.00"), None),
    ]


def test_the_last_cents_go_to_the_largest_share() -> None:
    shares = (TimeShare(hours=Decimal(1), department_id="D2"), TimeShare(hours=Decimal(5), department_id="D3"))

    found = paid_lines(pay(lines=(one(PayKind.EARNING, "-0.10"),), time_shares=shares), HOME)

    assert [(line.dimensions.department, line.amount) for line in found] == [
        ("D3", Decimal("-0.09")),
        ("D2", Decimal("-0.01")),
    ]


@given(statement=statements("w1", balanced=False), place=dimensions)
def test_a_split_line_adds_up_to_what_it_was(statement: PayStatement, place: Dimensions) -> None:
    found = paid_lines(statement, place)

    for line in statement.lines:
        parts = [x for x in found if x.item == f"{line.kind}:{line.code}"]
        alike = [x for x in statement.lines if (x.kind, x.code) == (line.kind, line.code)]
        assert sum(x.amount for x in parts) == sum(x.amount for x in alike)
        assert sum(x.hours or 0 for x in parts) == sum(x.hours or 0 for x in alike)
        if line.kind not in DEBITED:
            assert len(parts) == len(alike)


@given(amount=st.decimals(-99_999, 99_999, places=4), hours=st.lists(st.integers(1, 200), min_size=1, max_size=9))
def test_no_share_of_an_amount_has_the_other_sign(amount: Decimal, hours: list[int]) -> None:
    shares = tuple(TimeShare(hours=Decimal(h), department_id=f"D{n}") for n, h in enumerate(hours))

    found = paid_lines(pay(lines=(one(PayKind.EARNING, str(amount)),), time_shares=shares), HOME)

    assert all(line.amount * amount >= 0 for line in found)


def test_the_register_in_figures() -> None:
    lines = [line for worker in ("w1", "w2") for line in paid_lines(pay(worker), HOME)]
    yen = paid_lines(pay("w3", currency="JPY"), HOME)

    jpy, usd = totals([*lines, *yen])

    assert (jpy.currency, jpy.people, usd.currency, usd.people) == ("JPY", 1, "USD", 2)
    assert usd.by_kind[PayKind.EARNING] == Decimal("2000.00")
    assert usd.debit == usd.credit == Decimal("2184.00")
