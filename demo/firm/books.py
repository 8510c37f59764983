"""Lakemont's books in Dynamics: which main account and financial dimensions payroll costs and debts go to.

``rules`` is what the controller says; the proof goes by ``account_of`` and ``is_cost``.
"""

from __future__ import annotations

from demo.firm.company import ENTITIES, Entity

ACCRUED_WAGES = "201100"
"""Where net pay waits until the bank has paid it."""
TAXES, BENEFITS, GARNISHMENTS = "201200", "201300", "201400"
JOURNAL_NAME = "PAYJRN"

COSTS = {
    "earning:SAL": "601500",
    "earning:REG": "601500",
    "earning:PTO": "601500",
    "earning:OT": "601510",
    "reimbursement:REIMB": "606300",
    "employer_tax:SS-ER": "602100",
    "employer_tax:MED-ER": "602100",
    "employer_tax:FUTA": "602100",
    "employer_contribution:401K": "602200",
    "employer_contribution:MEDICAL": "602200",
} | {f"employer_tax:SUTA-{entity.region}": "602100" for entity in ENTITIES}
"""Pay item → main account that its cost goes to."""
OWED = {
    "employee_tax:FIT": TAXES,
    "employee_tax:SS": TAXES,
    "employee_tax:MED": TAXES,
    "employer_tax:SS-ER": TAXES,
    "employer_tax:MED-ER": TAXES,
    "employer_tax:FUTA": TAXES,
    "employee_deduction:401K": BENEFITS,
    "employer_contribution:401K": BENEFITS,
    "employee_deduction:MEDICAL": BENEFITS,
    "employer_contribution:MEDICAL": BENEFITS,
    "garnishment:CHILD": GARNISHMENTS,
    "net_pay:net_pay": ACCRUED_WAGES,
} | {f"{item}-{entity.region}": TAXES for entity in ENTITIES for item in ("employee_tax:SIT", "employer_tax:SUTA")}
"""Pay item → main account that it is owed on."""


def rules() -> str:
    """Account rules as the controller keeps them in a spreadsheet: costs by cost center and by business unit of the
    legal entity, debts by main account alone."""
    rows = ["item,company,debit,credit"]
    for item in COSTS | OWED:
        owed = OWED.get(item, "")
        if item not in COSTS:
            rows.append(f"{item},,,{owed}")
        else:
            rows += [f"{item},{entity.legal_name},{_cost(item, entity)},{owed}" for entity in ENTITIES]
    return "\n".join(rows) + "\n"


def _cost(item: str, entity: Entity) -> str:
    return f"{COSTS[item]}|CostCenter={{cost_center}}|BusinessUnit={entity.business_unit}"
