"""What Rippling sends about pay, as far as we use it. Source: rippling §8.2 (v1), §8.3 (v2), §8.4 (reports).

Amounts are documented as decimal text. They stay raw JSON until ``pay_mapper.money`` has judged them, so that one
that is no amount fails its record and not its page, and none ever becomes a binary fraction.
"""

from __future__ import annotations

from datetime import date

from msgspec import Raw, Struct, field

from connectors.rippling.schemas import Meta

NOTHING = Raw(b"null")


class PayPeriod(Struct, gc=False):
    """The period of a v2 run; off-cycle runs may have none."""

    start_date: date | None = None
    end_date: date | None = None
    pay_frequency: str | None = None


class PayRunRow(Struct):
    """A v2 run."""

    id: str
    run_state: str
    run_type: str | None = None
    title: str | None = None
    check_date: date | None = None
    pay_period: PayPeriod | None = None
    company_entity_id: str | None = None


class EarningRow(Struct, gc=False):
    earning_code: str | None = None
    earning_category: str | None = None
    display_name: str | None = None
    amount: Raw = NOTHING
    hours: Raw = NOTHING


class TaxRow(Struct, gc=False):
    tax_code: str | None = None
    display_name: str | None = None
    amount: Raw = NOTHING
    paid_by: str | None = None


class DeductionRow(Struct, gc=False):
    deduction_code: str | None = None
    display_name: str | None = None
    employee_amount: Raw = NOTHING
    employer_amount: Raw = NOTHING


class GarnishmentRow(Struct, gc=False):
    garnishment_code: str | None = None
    display_name: str | None = None
    amount: Raw = NOTHING


class PayRecordRow(Struct):
    """One worker in a v2 run."""

    worker_id: str
    id: str = ""
    currency: str | None = None
    gross_pay: Raw = NOTHING
    net_pay: Raw = NOTHING
    earnings: list[EarningRow] | None = None
    taxes: list[TaxRow] | None = None
    deductions: list[DeductionRow] | None = None
    garnishments: list[GarnishmentRow] | None = None
    meta: Meta | None = field(name="__meta", default=None)


class PlatformPayPeriod(Struct, gc=False, rename="camel"):
    """The period of a v1 run; the end is missing in one of the documented samples."""

    start_date: date | None = None
    end_date: date | None = None
    pay_schedule: str | None = None


class PlatformRunRow(Struct, rename="camel"):
    """A v1 run."""

    id: str
    run_state: str
    run_type: str | None = None
    name: str | None = None
    check_date: date | None = None
    pay_period: PlatformPayPeriod | None = None
    ein: str | None = None


class PlatformEarningRow(Struct, gc=False, rename="camel"):
    """``company_earning_type`` is the company's own id of the earning type."""

    name: str | None = None
    company_earning_type: str | None = None
    earning_type_enum: str | None = None
    amount: Raw = NOTHING
    hours: Raw = NOTHING


class PlatformTaxRow(Struct, gc=False):
    name: str | None = None
    amount: Raw = NOTHING


class PlatformDeductionRow(Struct, gc=False, rename="camel"):
    """The settings beside the money (``employeeDeduction``, ``companyContribution``) may be percentages: not read."""

    name: str | None = None
    deduction_type_enum: str | None = None
    employee_deduction_amt: Raw = NOTHING
    company_contribution_amt: Raw = NOTHING


class PlatformGarnishmentRow(Struct, gc=False, rename="camel"):
    name: str | None = None
    cdt_amt: Raw = NOTHING


class PlatformRecordRow(Struct, rename="camel"):
    """One employee in a v1 run; ``role`` is the employee's id."""

    id: str
    role: str
    gross_pay: Raw = NOTHING
    net_pay: Raw = NOTHING
    earnings: list[PlatformEarningRow | None] | None = None
    taxes: list[PlatformTaxRow] | None = None
    deductions: list[PlatformDeductionRow] | None = None
    garnishments: list[PlatformGarnishmentRow] | None = None


class ReportFile(Struct):
    """Where the file of a finished report run is, and until when."""

    file_url: str
    expires_at: str | None = None


class ReportRun(Struct):
    id: str
    status: str
    result: ReportFile | None = None
