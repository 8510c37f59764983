"""What one person earns, owes and is paid for one period: invented, the same for the same seed, exact to the cent.

Everything is computed in whole cents and hundredths of an hour; shares of an amount are rounded half up.
"""

from __future__ import annotations

import random
from typing import NamedTuple

from sandbox.rippling.pay_calendar import PER_YEAR
from sandbox.rippling.table import Row

KINDS = {
    "earning": "Earning",
    "reimbursement": "Reimbursement",
    "employee_tax": "Employee tax",
    "employer_tax": "Employer tax",
    "employee_deduction": "Employee deduction",
    "employer_contribution": "Employer contribution",
    "garnishment": "Garnishment",
}
"""Every kind of line, with its name in a report."""

STATE_TAX = {"OH": 300, "MI": 425}
"""Of the taxable pay, in hundredths of a percent."""


class Line(NamedTuple):
    """One pay item of one person; ``amount`` is text as the API writes it, and need not make sense."""

    kind: str
    code: str
    name: str
    amount: str
    category: str | None = None
    """The type of an earning or a deduction; of a tax, who pays it."""
    hours: str | None = None
    rate: str | None = None


def paycheck(chance: random.Random, worker: Row, region: str, frequency: str) -> tuple[Line, ...]:
    """The lines of a worker for one period of this frequency, in US dollars."""
    number = int(worker["id"][-6:], 16) + 1001
    wage = 1800 + number * 37 % 2400
    full_time = (208_000 + PER_YEAR[frequency] // 2) // PER_YEAR[frequency]
    if worker.get("overtime_exemption") == "EXEMPT":
        earnings = [_earning("SAL", "Salary", "SALARY", wage * full_time, full_time)]
    else:
        earnings = _hourly(chance, wage, full_time)
    gross = sum(cents for _, cents in earnings)
    withheld = _benefits(chance, gross)
    pre_tax = sum(cents for line, cents in withheld if line.kind == "employee_deduction")
    medical = sum(cents for line, cents in withheld if line.code == "MEDICAL" and line.kind == "employee_deduction")
    taxes = _taxes(chance, gross - medical, gross - pre_tax, region)
    return tuple(line for line, _ in (*earnings, *_reimbursed(chance), *taxes, *withheld, *_garnished(chance)))


Amount = tuple[Line, int]
"""A line and its cents."""


def _line(kind: str, code: str, name: str, category: str, cents: int) -> Amount:
    return Line(kind, code, name, _text(cents), category), cents


def _earning(code: str, name: str, category: str, wage_hours: int, hours: int, rate: int | None = None) -> Amount:
    """``wage_hours`` is cents an hour times hundredths of an hour; ``rate`` is cents an hour."""
    cents = (wage_hours + 50) // 100
    written = None if rate is None else _text(rate)
    return Line("earning", code, name, _text(cents), category, _text(hours), written), cents


def _hourly(chance: random.Random, wage: int, full_time: int) -> list[Amount]:
    leave = 800 if chance.random() < 0.15 else 0
    worked = full_time - leave
    earnings = [_earning("REG", "Regular Pay", "REGULAR_HOURS", wage * worked, worked, wage)]
    if chance.random() < 0.6:
        hours, rate = 25 * chance.randint(1, 64), (wage * 3 + 1) // 2
        earnings.append(_earning("OT", "Overtime (1.5x Base)", "OVERTIME", rate * hours, hours, rate))
    if leave:
        earnings.append(_earning("PTO", "PTO Hours", "PTO_HOURS", wage * leave, leave, wage))
    return earnings


def _benefits(chance: random.Random, gross: int) -> list[Amount]:
    """Savings and medical cover: what the person gives, and what the employer adds to it."""
    benefits: list[Amount] = []
    percent, premium = chance.choice((0, 0, 3, 4, 5, 6)), chance.choice((0, 6500, 6500, 14500))
    if percent:
        benefits += [
            _line("employee_deduction", "401K", "401K", "_401K", _share(gross, percent * 100)),
            _line("employer_contribution", "401K", "401K", "_401K", _share(gross, min(percent, 4) * 50)),
        ]
    if premium:
        benefits += [
            _line("employee_deduction", "MEDICAL", "Medical", "MEDICAL", premium),
            _line("employer_contribution", "MEDICAL", "Medical", "MEDICAL", premium * 4),
        ]
    return benefits


def _taxes(chance: random.Random, insured: int, taxable: int, region: str) -> list[Amount]:
    def tax(kind: str, code: str, name: str, base: int, rate: int) -> Amount:
        return _line(kind, code, name, "EMPLOYER" if kind == "employer_tax" else "EMPLOYEE", _share(base, rate))

    income = chance.randint(800, 1800)
    return [
        tax("employee_tax", "FIT", "Federal Income Tax", taxable, income),
        tax("employee_tax", f"SIT-{region}", f"State Withholding - {region}", taxable, STATE_TAX.get(region, 300)),
        tax("employee_tax", "SS", "Social Security", insured, 620),
        tax("employee_tax", "MED", "Medicare", insured, 145),
        tax("employer_tax", "SS-ER", "Social Security - Employer", insured, 620),
        tax("employer_tax", "MED-ER", "Employer Medicare Tax", insured, 145),
        tax("employer_tax", "FUTA", "Federal Unemployment Insurance Tax", insured, 60),
        tax("employer_tax", f"SUTA-{region}", f"State Unemployment Insurance Tax - {region}", insured, 270),
    ]


def _reimbursed(chance: random.Random) -> list[Amount]:
    if chance.random() >= 0.06:
        return []
    return [_line("reimbursement", "REIMB", "Reimbursements", "REIMBURSEMENT", chance.randint(1000, 20000))]


def _garnished(chance: random.Random) -> list[Amount]:
    if chance.random() >= 0.03:
        return []
    return [_line("garnishment", "CHILD", "Child Support", "CHILD_SUPPORT", chance.randint(5000, 15000))]


def _share(cents: int, rate: int) -> int:
    """``rate`` is in hundredths of a percent."""
    return (cents * rate + 5000) // 10000


def _text(hundredths: int) -> str:
    return f"{hundredths // 100}.{hundredths % 100:02d}"
