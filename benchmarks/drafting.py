"""The timed side of ``benchmarks.journals``: a pay run of any size, and what is done with it.

Reads {"name": "floor" or a level of detail, "workers": how many} from its input and reports a Timing.
"""

from __future__ import annotations

import json
import sys
import time
import uuid
from collections import defaultdict
from datetime import date
from decimal import Decimal

from benchmarks.timing import report
from connectors.journals import FiscalPeriod, PeriodState
from connectors.pay_runs import PayKind, PayLine, PayStatement, TimeShare
from sync.payroll.journals import Detail, Options, RunFacts, Split, Surroundings, build, content_hash
from sync.payroll.register import CREDITED, DEBITED, Dimensions, check_statements, item_key, paid_lines, totals
from sync.payroll.rules import Rule, RuleTable
from sync.payroll.validation import Ledger, control_totals, validate

ROUNDS = 3
SALT = uuid.UUID(int=0)
CHECK_DATE = date(2026, 6, 12)
FACTS = RunFacts(
    run="1",
    kind="regular",
    check_date=CHECK_DATE,
    period_start=date(2026, 5, 25),
    period_end=date(2026, 6, 7),
)
YEAR = FiscalPeriod(name="2026", begin=date(2026, 1, 1), end=date(2026, 12, 31), state=PeriodState.OPEN)
DEPARTMENTS = [f"D{n}" for n in range(40)]
ITEMS = [
    *((PayKind.EARNING, code) for code in ("REG", "OT", "SHIFT", "PTO", "BONUS")),
    (PayKind.REIMBURSEMENT, "TRAVEL"),
    *((PayKind.EMPLOYEE_TAX, code) for code in ("FIT", "SS", "MED", "SIT")),
    *((PayKind.EMPLOYEE_DEDUCTION, code) for code in ("401K", "MEDICAL", "DENTAL")),
    (PayKind.GARNISHMENT, "SUPPORT"),
    *((PayKind.EMPLOYER_TAX, code) for code in ("SS", "MED", "FUTA")),
    *((PayKind.EMPLOYER_CONTRIBUTION, code) for code in ("401K", "MEDICAL")),
]
"""And the net pay: 20 lines."""


def statement(number: int) -> PayStatement:
    """A worker's pay, the same on every machine; every tenth has time in two departments."""
    lines, net = [], Decimal(0)
    for place, (kind, code) in enumerate(ITEMS):
        size = 400_000 if kind is PayKind.EARNING else 20_000
        amount = Decimal((number * 7_919 + place * 104_729) % size + 1).scaleb(-2)
        lines.append(PayLine(kind, code, code, amount, Decimal(8) if kind is PayKind.EARNING else None))
        if kind not in (PayKind.EMPLOYER_TAX, PayKind.EMPLOYER_CONTRIBUTION):
            net += amount if kind in DEBITED else -amount
    lines.append(PayLine(PayKind.NET_PAY, "NET", "Net pay", net))
    shares = (TimeShare(hours=Decimal(30), department_id="D1"), TimeShare(hours=Decimal(10), department_id="D2"))
    return PayStatement(
        id=f"s{number}",
        worker_id=f"w{number}",
        worker_number=f"{10_000 + number}",
        currency="USD",
        lines=tuple(lines),
        time_shares=shares if number % 10 == 0 else (),
    )


def place_of(number: int) -> Dimensions:
    return Dimensions("ACME", DEPARTMENTS[number % len(DEPARTMENTS)], f"L{number % 3}", "")


def rules() -> list[Rule]:
    """A default for every item, and one for each department that has a cost."""
    found: list[Rule] = []
    for kind, code in [*ITEMS, (PayKind.NET_PAY, "NET")]:
        item, account = item_key(kind, code), len(found) % 900
        debit = f"6{account:03}-{{cost_center}}" if kind in DEBITED else ""
        credit = f"2{account:03}-0000" if kind in CREDITED else ""
        places = ["", *DEPARTMENTS] if kind is PayKind.EARNING else [""]
        found += [
            Rule(id=len(found) + n, item=item, department=place, debit=debit, credit=credit, settlement="1010-0000")
            for n, place in enumerate(places)
        ]
    return found


def product(statements: list[PayStatement], detail: Detail) -> dict[str, int]:
    """Everything between the statements and journals that may be posted."""
    assert not check_statements(statements, corrects=True)
    register = [line for number, one in enumerate(statements) for line in paid_lines(one, place_of(number))]
    around = Surroundings(
        companies={}, default_company="10", cost_centers={name: name for name in DEPARTMENTS}, words={}
    )
    options = Options(
        detail=detail,
        separate_settlement=detail is not Detail.WORKER,
        month_end=Split.NONE if detail is Detail.WORKER else Split.CALENDAR_DAYS,
        accrued_account="2900-0000",
        rounding_account="6999-0000",
    )
    built = build(FACTS, register, RuleTable(rules(), CHECK_DATE), around, options)
    assert not built.findings, built.findings
    numbers = {line.account for journal in built.journals for line in journal.lines}
    ledger = Ledger(
        accounts={"10": dict.fromkeys(numbers, True)},
        currencies={"10": "USD"},
        periods={"10": [YEAR]},
        account_error=lambda _: "",
    )
    assert not validate(built.journals, ledger)
    assert not control_totals(built.journals, totals(register))
    hashes = {content_hash(journal, SALT) for journal in built.journals}
    return {"journals": len(hashes), "lines": sum(len(journal.lines) for journal in built.journals)}


def floor(statements: list[PayStatement]) -> dict[str, int]:
    """The same amounts by item and department, and nothing else."""
    sums: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for number, one in enumerate(statements):
        department = DEPARTMENTS[number % len(DEPARTMENTS)]
        for line in one.lines:
            sums[line.kind, line.code, department] += line.amount
    return {"sums": len(sums)}


def main() -> None:
    task = json.load(sys.stdin)
    statements = [statement(number) for number in range(task["workers"])]
    seconds, processor, said = [], [], {}
    for _ in range(ROUNDS):
        started, used = time.perf_counter(), time.process_time()
        said = floor(statements) if task["name"] == "floor" else product(statements, Detail(task["name"]))
        seconds.append(time.perf_counter() - started)
        processor.append(time.process_time() - used)
    report(min(seconds), min(processor), **said)


if __name__ == "__main__":
    main()
