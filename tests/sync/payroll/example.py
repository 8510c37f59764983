"""A run of two departments and three workers, and the rules that an accountant made for it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec

from connectors.pay_runs import PayKind
from sync.payroll.journals import Built, DraftJournal, Options, RunFacts, Surroundings, build
from sync.payroll.register import Dimensions, PaidLine, item_key
from sync.payroll.rules import Rule, RuleTable

FACTS = RunFacts(
    run="pr-1",
    kind="regular",
    check_date=date(2026, 6, 15),
    period_start=date(2026, 5, 25),
    period_end=date(2026, 6, 7),
)
AROUND = Surroundings(
    companies={},
    default_company="10",
    cost_centers={"ASM": "310", "WLD": "320"},
    words={
        ("department", "ASM"): "Assembly",
        ("department", "WLD"): "Welding",
        ("item", "earning:REG"): "Regular pay",
        ("item", "earning:OT"): "Overtime",
        ("item", "employer_tax:FICA"): "Employer FICA",
        ("item", "employee_tax:FICA"): "Employee FICA",
        ("item", "net_pay:NET"): "Net pay",
    },
)
OPTIONS = Options(rounding_account="6990-000", accrued_account="2300-000")
RULES = [
    Rule(id=1, item="earning:REG", debit="6000-{cost_center}"),
    Rule(id=2, item="earning:OT", debit="6000-{cost_center}"),
    Rule(id=3, item="earning:OT", department="WLD", debit="6010-{cost_center}"),
    Rule(id=4, item="employer_tax:FICA", debit="6100-{cost_center}", credit="2110-000"),
    Rule(id=5, item="employee_tax:FICA", credit="2110-000"),
    Rule(id=6, item="net_pay:NET", credit="2200-000", settlement="1010-000"),
]


def paid(worker: str, department: str, **amounts: str) -> list[PaidLine]:
    """A worker's register: amounts by item, in the order of the rules."""
    codes = {
        "regular": (PayKind.EARNING, "REG"),
        "overtime": (PayKind.EARNING, "OT"),
        "employer": (PayKind.EMPLOYER_TAX, "FICA"),
        "tax": (PayKind.EMPLOYEE_TAX, "FICA"),
        "net": (PayKind.NET_PAY, "NET"),
    }
    return [
        PaidLine(
            worker=worker,
            label=f"10{worker[1:]}",
            kind=codes[name][0],
            item=item_key(*codes[name]),
            amount=Decimal(amount),
            currency="USD",
            dimensions=Dimensions(company="ACME", department=department),
        )
        for name, amount in amounts.items()
    ]


RUN = [
    *paid("w1", "ASM", regular="2400.00", overtime="135.50", employer="193.97", tax="193.97", net="2341.53"),
    *paid("w2", "ASM", regular="1980.25", employer="151.49", tax="151.49", net="1828.76"),
    *paid("w3", "WLD", regular="2750.00", overtime="310.00", employer="234.09", tax="234.09", net="2825.91"),
]


def journals_of(lines: list[PaidLine] = RUN, **changes: object) -> Built:
    around = changes.pop("around", AROUND)
    facts = changes.pop("facts", FACTS)
    rules = changes.pop("rules", RULES)
    table = RuleTable(rules, FACTS.check_date)  # type: ignore[arg-type]
    return build(facts, lines, table, around, msgspec.structs.replace(OPTIONS, **changes))  # type: ignore[arg-type]


def written(journal: DraftJournal) -> list[tuple[str, str, str, str]]:
    """Account, debit, credit and text of each line, as on paper."""
    return [(x.account, str(x.debit or ""), str(x.credit or ""), x.description) for x in journal.lines]


def money(journal: DraftJournal) -> dict[str, Decimal]:
    """The net debit of each account."""
    net: dict[str, Decimal] = {}
    for line in journal.lines:
        net[line.account] = net.get(line.account, Decimal(0)) + line.debit - line.credit
    return net
