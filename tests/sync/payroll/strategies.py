"""Any register, any rules: several companies and currencies, four decimals, money taken back, time shares, gaps."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from hypothesis import strategies as st

from connectors.pay_runs import PayKind, PayLine, PayStatement, TimeShare
from sync.payroll.journals import Detail, Options, RunFacts, Split, Surroundings
from sync.payroll.register import DEBITED, Dimensions, PaidLine, item_key, paid_lines
from sync.payroll.rules import PRECEDENCE, Rule

CURRENCIES = ("USD", "JPY", "KWD")
COMPANIES = ("ACME", "BOLT", "")
PLACES = {"company": COMPANIES, "department": ("D1", "D2", ""), "location": ("L1", ""), "job_code": ("J1", "J2", "")}
CODES = ("A", "B")
ITEMS = [item_key(kind, code) for kind in PayKind for code in CODES]
CHECK_DATE = date(2026, 6, 12)

amounts = st.decimals(min_value=-9_999, max_value=99_999, places=4) | st.decimals(0, 500, places=2)
hours = st.decimals(min_value=0, max_value=80, places=2)
dimensions = st.builds(
    Dimensions, *(st.sampled_from(PLACES[name]) for name in ("company", "department", "location", "job_code"))
)
time_shares = st.lists(
    st.builds(
        TimeShare,
        hours=hours,
        department_id=st.sampled_from([None, "D1", "D2"]),
        job_code_id=st.sampled_from([None, "J1"]),
    ),
    max_size=3,
)


@st.composite
def statements(draw: st.DrawFn, worker: str, *, balanced: bool) -> PayStatement:
    """One worker's pay; ``balanced`` ends it with the net pay that the other lines come to."""
    kinds = st.sampled_from([kind for kind in PayKind if not balanced or kind is not PayKind.NET_PAY])
    line = st.builds(PayLine, kinds, st.sampled_from(CODES), st.just("Item"), amounts, st.none() | hours)
    lines = draw(st.lists(line, max_size=8))
    if balanced:
        lines.append(PayLine(PayKind.NET_PAY, "A", "Net pay", net_of(lines)))
    return PayStatement(
        id=worker,
        worker_id=worker,
        worker_number=f"10{worker[1:]}",
        currency=draw(st.sampled_from(CURRENCIES)),
        lines=tuple(lines),
        time_shares=tuple(draw(time_shares)),
    )


def net_of(lines: list[PayLine]) -> Decimal:
    """What these lines come to for the worker."""
    net = Decimal(0)
    for line in lines:
        if line.kind in (PayKind.EARNING, PayKind.REIMBURSEMENT):
            net += line.amount
        elif line.kind not in DEBITED:
            net -= line.amount
    return net


@st.composite
def registers(draw: st.DrawFn, *, balanced: bool = True) -> list[PaidLine]:
    """The lines of up to six workers, each somewhere."""
    count = draw(st.integers(0, 6))
    lines: list[PaidLine] = []
    for number in range(count):
        statement = draw(statements(f"w{number}", balanced=balanced))
        lines += paid_lines(statement, draw(dimensions))
    return lines


accounts = st.sampled_from(["6000", "6100-{cost_center}", "6200-{department}-{cost_center}", "2100", "2200", "1010"])


def defaults(*, settlement: str = "1010") -> list[Rule]:
    """A rule for every item, with both accounts."""
    return [
        Rule(id=1 + n, item=item, debit=f"6{n:03}", credit=f"2{n % 3:03}", settlement=settlement)
        for n, item in enumerate(ITEMS)
    ]


@st.composite
def rule_lists(draw: st.DrawFn, items: list[str] = ITEMS) -> list[Rule]:
    """Any rules: some items have none, some rules lack a side, are limited to a place, or are not valid any more."""
    rule = st.builds(
        Rule,
        id=st.integers(1, 99),
        item=st.sampled_from(items),
        debit=accounts | st.just(""),
        credit=accounts | st.just(""),
        settlement=st.sampled_from(["", "1010", "1020-{cost_center}"]),
        valid_from=st.sampled_from([date.min, date(2026, 1, 1), CHECK_DATE, date(2026, 7, 1)]),
        valid_to=st.sampled_from([None, CHECK_DATE, date(2027, 1, 1)]),
        **{name: st.just("") | st.sampled_from(PLACES[name]) for name in PRECEDENCE},
    )
    return draw(st.lists(rule, max_size=40, unique_by=lambda rule: rule.id))


facts = st.builds(
    RunFacts,
    run=st.just("run-1"),
    kind=st.just("regular"),
    check_date=st.just(CHECK_DATE),
    period_start=st.none() | st.dates(date(2026, 4, 20), date(2026, 6, 5)),
    period_end=st.none() | st.dates(date(2026, 5, 20), date(2026, 6, 14)),
)
options = st.builds(
    Options,
    detail=st.sampled_from(Detail),
    separate_settlement=st.booleans(),
    cost_center_from=st.sampled_from(PRECEDENCE),
    rounding_account=st.sampled_from(["6999", ""]),
    rounding_limit=st.sampled_from([Decimal("0.01"), Decimal(1), Decimal(50)]),
    month_end=st.sampled_from(Split),
    accrued_account=st.sampled_from(["2900", ""]),
    max_lines=st.sampled_from([2, 3, 5, 1000]),
)
surroundings = st.builds(
    Surroundings,
    companies=st.sampled_from([{}, {"ACME": "10", "BOLT": "20"}, {"ACME": "10", "BOLT": "10", "": "10"}]),
    default_company=st.sampled_from([None, "10"]),
    cost_centers=st.sampled_from([{}, {"D1": "C1", "J1": "C1", "ACME": "C2"}, {"D1": "C1", "D2": "C2"}]),
    departments=st.sampled_from([{}, {"D1": "T1", "": "T0"}, {"D1": "T1", "D2": "T2"}]),
    words=st.just({("department", "D1"): "Assembly", ("item", "earning:A"): "Regular pay"}),
)
