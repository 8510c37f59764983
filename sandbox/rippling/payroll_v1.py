"""Payroll in v1, as it was described in 2021. Source: rippling §8.2.

Taxes carry no mark of who pays them, only a name. Reimbursements are among the earnings. Rows that come to nothing are
shown, and the money of a deduction is in its ``…Amt``: the fields without it are the setting.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal, InvalidOperation

from sandbox.rippling.company import RipplingCompany
from sandbox.rippling.paycheck import Line
from sandbox.rippling.payroll import PayRecord, PayRun, deductions, number
from sandbox.rippling.table import Row

SCOPE = "employee:payroll"
PERCENT = "_401K"
"""The type of deduction that is set as a share of the gross."""


def runs_of(company: RipplingCompany, ein: str | None) -> list[PayRun]:
    """The runs of the legal entity with this EIN, all without one. The EIN is compared as text."""
    return [run for run in company.payroll.runs.values() if ein is None or _ein(company, run) == ein]


def pay_run(company: RipplingCompany, run: PayRun) -> Row:
    """One run as the list shows it; an off-cycle run may have no pay period."""
    return {
        "id": run.id,
        "runState": run.state,
        "runType": run.type,
        "checkDate": run.check_date.isoformat(),
        "name": run.title,
        "approvalDeadline": (run.check_date - timedelta(days=3)).isoformat(),
        "approvedAt": run.approved_at,
        "payPeriod": None
        if run.period is None
        else {
            "startDate": run.period.start.isoformat(),
            "endDate": run.period.end.isoformat(),
            "paySchedule": company.ids("pay-schedules", 0),
        },
        "ein": _ein(company, run),
    }


def paid_employee(company: RipplingCompany, run: PayRun, record: PayRecord, role: str) -> Row:
    """One person in a run; ``role`` is their id as an employee."""
    return {
        "id": record.id,
        "run": run.id,
        "role": role,
        "earnings": _earnings(company, record),
        "taxes": [
            *(
                {"name": line.name, "amount": line.amount}
                for line in record.lines
                if line.kind in ("employee_tax", "employer_tax")
            ),
            {"name": "Additional Medicare", "amount": "0.00"},
        ],
        "deductions": _deductions(company, record),
        "garnishments": [
            {
                "name": line.name,
                "cdtAmt": line.amount,
                "employeeGarnishment": company.ids(f"garnishments {line.code}", 0),
            }
            for line in record.lines
            if line.kind == "garnishment"
        ],
        "netPay": record.net,
        "grossPay": record.gross,
        "ein": _ein(company, run),
        "totalPayForPercentageDeductions": record.gross,
    }


def _earnings(company: RipplingCompany, record: PayRecord) -> list[Row]:
    lines = [line for line in record.lines if line.kind in ("earning", "reimbursement")]
    if not any(line.kind == "reimbursement" for line in lines):
        lines.append(Line("reimbursement", "REIMB", "Reimbursements", "0.00", "REIMBURSEMENT"))
    return [
        {
            "amount": line.amount,
            "hours": _four_places(line.hours),
            "name": line.name,
            "companyEarningType": company.ids(f"earning-types {line.code} {line.name}", 0),
            "earningTypeEnum": line.category,
        }
        for line in lines
    ]


def _deductions(company: RipplingCompany, record: PayRecord) -> list[Row]:
    loan = ("LOAN", "401K Loan Payment", "_401K_LOAN_PAYMENT", "0.00", "0.00")
    return [
        {
            "employeeDeduction": _setting(employee, record, category == PERCENT),
            "companyContribution": _setting(employer, record, category == PERCENT),
            "name": name,
            "isEEPercent": category == PERCENT,
            "isERPercent": category == PERCENT,
            "employeeDeductionType": company.ids(f"deduction-types {code}", 0),
            "employeeDeductionAmt": employee,
            "companyContributionAmt": employer,
            "deductionTypeEnum": category,
        }
        for code, name, category, employee, employer in (*deductions(record.lines), loan)
    ]


def _setting(amount: str, record: PayRecord, percent: bool) -> str | None:
    """The amount itself, or how many percent of the gross it is."""
    gross = number(record.gross)
    return _four_places(str(number(amount) * 100 / gross) if percent and gross else amount)


def _four_places(text: str | None) -> str | None:
    """A text that is no number stays as it is."""
    try:
        return None if text is None else f"{Decimal(text):.4f}"
    except InvalidOperation:
        return text


def _ein(company: RipplingCompany, run: PayRun) -> str | None:
    entity = company.tables["legal-entities"].get(run.company_entity_id)
    return None if entity is None else entity["tax_identifier"]
