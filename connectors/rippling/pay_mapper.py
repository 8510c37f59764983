"""From Rippling's pay runs and pay records to ours. Pure; no amount is guessed, and none is dropped but zeros."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TypeVar

import msgspec
from msgspec import UNSET

from connectors.pay_runs import PayKind, PayLine, PayPage, PayRun, PayRunKind, PayRunState, PayStatement
from connectors.records import UnreadableRecord
from connectors.rippling.mapper import PLACE, Unreadable, id_of_raw
from connectors.rippling.pay_schemas import (
    DeductionRow,
    EarningRow,
    PayRecordRow,
    PayRunRow,
    PlatformDeductionRow,
    PlatformEarningRow,
    PlatformRecordRow,
    PlatformRunRow,
    TaxRow,
)
from connectors.rippling.schemas import Meta
from connectors.rippling.taxes import Payers

R = TypeVar("R", PayRecordRow, PlatformRecordRow)

# CLOSED was cancelled before it was paid. Source: rippling §8.2.
STATES = {
    "PAID": PayRunState.PAID,
    "APPROVED": PayRunState.APPROVED,
    "DRAFT": PayRunState.DRAFT,
    "INIT": PayRunState.DRAFT,
    "FAILED": PayRunState.VOID,
    "CLOSED": PayRunState.VOID,
}
OFF_CYCLE = frozenset(
    {
        "OFF_CYCLE",
        "TERMINATION",
        "BULK_TERMINATION",
        "SEVERANCE",
        "NEW_HIRE",
        "SIGN_ON_BONUS",
        "EXCESS_HOURS",
        "REIMBURSEMENT_SWEEP",
    }
)
AMOUNT = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,6})?")
MONEY_FIELDS = frozenset({"gross_pay", "net_pay", "currency", "earnings", "taxes", "deductions", "garnishments"})

TWICE = (
    "Rippling shows two different pay records for this person in one pay run, and we cannot tell them apart. Look at "
    "the pay run in Rippling, then check it again."
)

Company = Callable[[str], str | None]
"""What a run says of its legal entity → our id of it."""


def state_of(word: str) -> PayRunState:
    """Our word for a run's state; UNKNOWN for one that no document has."""
    plain = word.strip().upper()
    return PayRunState.VOID if plain.startswith("VOID") else STATES.get(plain, PayRunState.UNKNOWN)


def kind_of(word: str) -> PayRunKind:
    """Our word for a run's type; the list of types is open. Source: rippling §8.2."""
    plain = word.strip().upper().replace("-", "_").replace(" ", "_")
    if plain == "REGULAR":
        return PayRunKind.REGULAR
    if plain in OFF_CYCLE:
        return PayRunKind.OFF_CYCLE
    if plain.startswith(("CORRECTION", "QUARTERLY_CORRECTION")) or plain.endswith("RECONCILIATION"):
        return PayRunKind.CORRECTION
    return PayRunKind.OTHER


def run_of_v2(row: PayRunRow, company: Company) -> PayRun | None:
    """A v2 run; None while it has no check date, because it is then not due on any day."""
    if row.check_date is None:
        return None
    period = row.pay_period
    return PayRun(
        id=row.id,
        title=row.title or "",
        state=state_of(row.run_state),
        source_state=row.run_state,
        kind=kind_of(row.run_type or ""),
        source_kind=row.run_type or "",
        check_date=row.check_date,
        period_start=period.start_date if period else None,
        period_end=period.end_date if period else None,
        pay_group=(period.pay_frequency or "") if period else "",
        company_id=company(row.company_entity_id) if row.company_entity_id else None,
    )


def run_of_v1(row: PlatformRunRow, company: Company) -> PayRun | None:
    """A v1 run; ``company`` takes the EIN, as text with its leading zeros. None while the run has no check date."""
    if row.check_date is None:
        return None
    period = row.pay_period
    return PayRun(
        id=row.id,
        title=row.name or "",
        state=state_of(row.run_state),
        source_state=row.run_state,
        kind=kind_of(row.run_type or ""),
        source_kind=row.run_type or "",
        check_date=row.check_date,
        period_start=period.start_date if period else None,
        period_end=period.end_date if period else None,
        pay_group=(period.pay_schedule or "") if period else "",
        company_id=company(row.ein) if row.ein else None,
    )


def records(raws: Iterable[msgspec.Raw], kind: type[R]) -> list[R | UnreadableRecord]:
    """Each pay record decoded by itself, in order; one of another form is unreadable and stops no other."""
    decoder = msgspec.json.Decoder(kind)
    found: list[R | UnreadableRecord] = []
    for raw in raws:
        try:
            found.append(decoder.decode(raw))
        except msgspec.ValidationError as error:
            place = PLACE.search(str(error))
            field = re.sub(r"\[.*?\]", "", place[1]).lstrip(".") if place else ""
            reason = f"The {field or 'pay record'} Rippling sent for this person is not of the form it documents."
            found.append(UnreadableRecord(id=id_of_raw(raw), field=field or "record", reason=reason))
    return found


def pay_page(found: Iterable[R | UnreadableRecord], convert: Callable[[R], PayStatement]) -> PayPage:
    """Records as statements; one that cannot be read whole is not there in part."""
    page = PayPage(statements=[], unreadable=[])
    for row in found:
        if isinstance(row, UnreadableRecord):
            page.unreadable.append(row)
            continue
        try:
            page.statements.append(convert(row))
        except Unreadable as error:
            page.unreadable.append(UnreadableRecord(id=row.id, field=error.field, reason=error.reason))
    return page


def content_of(row: PayRecordRow | PlatformRecordRow | UnreadableRecord) -> str:
    """All that a record says, to tell a repeated one from another."""
    return msgspec.json.encode(row).decode()


class Seen:
    """The records of one run met so far."""

    def __init__(self) -> None:
        self._contents: dict[str, int] = {}

    def new(self, rows: Iterable[R | UnreadableRecord]) -> list[R | UnreadableRecord]:
        """Those not met before. One that comes again and says something else is unreadable: which of the two holds,
        or whether both were paid, only Rippling knows."""
        found: list[R | UnreadableRecord] = []
        for row in rows:
            known, content = self._contents.get(row.id), hash(content_of(row))
            if known is None or not row.id:
                self._contents[row.id] = content
                found.append(row)
            elif known != content:
                found.append(UnreadableRecord(id=row.id, field="pay record", reason=TWICE))
        return found


def withheld(meta: Meta | None) -> str:
    """What of a pay record Rippling says it withheld, in words; empty when it is nothing that is money."""
    names = {item.name.split(".")[0] for item in (meta.redacted_fields if meta else None) or ()}
    return ", ".join(sorted(name.replace("_", " ") for name in names & MONEY_FIELDS))


def money(raw: msgspec.Raw, field: str) -> Decimal | None:
    """The amount exactly as written, None where there is none; Unreadable when it is no plain decimal number.

    At most six decimals, no exponent, no separators; JSON text and JSON numbers alike. Source: rippling §8.2, §10.4.
    """
    text = bytes(raw)
    return None if text == b"null" else exact(text.decode().strip('"'), field)


def exact(text: str, field: str) -> Decimal:
    """``text`` as an amount; Unreadable when it is no plain decimal number of at most six decimals."""
    if not AMOUNT.fullmatch(text):
        raise Unreadable(field, f"The {field} Rippling sent for this person is not an amount. Correct it in Rippling.")
    return Decimal(text)


class Lines:
    """The lines of one statement as they are found. Items without a name or an amount are Unreadable."""

    def __init__(self) -> None:
        self._found: list[PayLine] = []

    def add(self, kind: PayKind, code: str | None, name: str | None, amount: Decimal | None, noun: str) -> None:
        """One item, unless it comes to nothing. Source for the rows of zero: rippling, additions."""
        self.add_hours(kind, code, name, amount, None, noun)

    def add_hours(
        self,
        kind: PayKind,
        code: str | None,
        name: str | None,
        amount: Decimal | None,
        hours: Decimal | None,
        noun: str,
    ) -> None:
        """Like ``add``, for an item that may be paid by the hour."""
        if amount is None:
            raise Unreadable(f"{noun} amount", f"Rippling sent no amount for one {noun} of this person.")
        if not amount:
            return
        if not (code or name):
            raise Unreadable(f"{noun} name", f"Rippling sent neither a code nor a name for one {noun} of this person.")
        self._found.append(PayLine(kind, code or name or "", name or code or "", amount, hours))

    def with_net(self, net: Decimal | None) -> tuple[PayLine, ...]:
        """All lines, the net pay last; a net of zero is a line."""
        if net is None:
            raise Unreadable("net pay", "Rippling sent no net pay for this person.")
        return (*self._found, PayLine(PayKind.NET_PAY, "net_pay", "Net pay", net))


def statement_of_v2(row: PayRecordRow, company_id: str | None) -> PayStatement:
    """A v2 pay record in a run of this legal entity. Department, location and job are not on it.

    Source: rippling §8.3, §12.6.
    """
    if hidden := withheld(row.meta):
        raise Unreadable(hidden, f"Rippling withholds the {hidden} of this person's pay.")
    if not row.currency:
        raise Unreadable("currency", "Rippling sent no currency for this person's pay.")
    lines = Lines()
    for earning in row.earnings or ():
        _add_earning(lines, earning)
    for tax in row.taxes or ():
        _add_tax(lines, tax)
    for deduction in row.deductions or ():
        _add_deduction(lines, deduction)
    for taken in row.garnishments or ():
        code, name = taken.garnishment_code, taken.display_name
        lines.add(PayKind.GARNISHMENT, code, name, money(taken.amount, "garnishment amount"), "garnishment")
    return PayStatement(
        id=row.id,
        worker_id=row.worker_id,
        currency=row.currency,
        gross=money(row.gross_pay, "gross pay"),
        lines=lines.with_net(money(row.net_pay, "net pay")),
        company_id=company_id or UNSET,
    )


def statement_of_v1(row: PlatformRecordRow, payers: Payers, company_id: str | None) -> PayStatement:
    """A v1 pay record in a run of this legal entity, in US dollars, the only currency v1 pays in.

    A deduction's id and a garnishment's are one employee's own, so their names are the codes.
    Source: rippling §8.2, §12.6.
    """
    lines = Lines()
    for earning in row.earnings or ():
        if earning is not None:
            _add_platform_earning(lines, earning)
    for tax in row.taxes or ():
        amount = money(tax.amount, "tax amount")
        kind = _payer(payers, tax.name or "") if amount else PayKind.EMPLOYEE_TAX
        lines.add(kind, None, tax.name, amount, "tax")
    for deduction in row.deductions or ():
        _add_platform_deduction(lines, deduction)
    for taken in row.garnishments or ():
        amount = money(taken.cdt_amt, "garnishment amount")
        lines.add(PayKind.GARNISHMENT, None, taken.name, amount, "garnishment")
    return PayStatement(
        id=row.id,
        worker_id=row.role,
        currency="USD",
        gross=money(row.gross_pay, "gross pay"),
        lines=lines.with_net(money(row.net_pay, "net pay")),
        company_id=company_id or UNSET,
    )


def _add_earning(lines: Lines, row: EarningRow) -> None:
    reimburses = "REIMBURSEMENT" in (row.earning_category or "").upper()
    kind = PayKind.REIMBURSEMENT if reimburses else PayKind.EARNING
    amount, hours = money(row.amount, "earning amount"), money(row.hours, "hours")
    lines.add_hours(kind, row.earning_code, row.display_name, amount, hours, "earning")


def _add_tax(lines: Lines, row: TaxRow) -> None:
    kinds = {"EMPLOYEE": PayKind.EMPLOYEE_TAX, "EMPLOYER": PayKind.EMPLOYER_TAX}
    amount = money(row.amount, "tax amount")
    kind = kinds.get((row.paid_by or "").upper())
    if kind is None and amount:
        name = row.display_name or row.tax_code or "one without a name"
        raise Unreadable("paid by", f"Rippling does not say who pays the tax “{name}”, the person or the employer.")
    lines.add(kind or PayKind.EMPLOYEE_TAX, row.tax_code, row.display_name, amount, "tax")


def _add_deduction(lines: Lines, row: DeductionRow) -> None:
    code, name = row.deduction_code, row.display_name
    _add_both(lines, code, name, money(row.employee_amount, "deduction"), money(row.employer_amount, "contribution"))


def _add_platform_earning(lines: Lines, row: PlatformEarningRow) -> None:
    reimburses = row.earning_type_enum == "REIMBURSEMENT"
    kind = PayKind.REIMBURSEMENT if reimburses else PayKind.EARNING
    amount, hours = money(row.amount, "earning amount"), money(row.hours, "hours")
    code = row.company_earning_type or row.earning_type_enum
    lines.add_hours(kind, code, row.name or row.earning_type_enum, amount, hours, "earning")


def _add_platform_deduction(lines: Lines, row: PlatformDeductionRow) -> None:
    employee = money(row.employee_deduction_amt, "deduction")
    _add_both(
        lines, None, row.name or row.deduction_type_enum, employee, money(row.company_contribution_amt, "contribution")
    )


def _add_both(
    lines: Lines, code: str | None, name: str | None, employee: Decimal | None, employer: Decimal | None
) -> None:
    """What the person gives and what the employer adds: the same item in two kinds, either of which may be missing."""
    if employee is None and employer is None:
        raise Unreadable("deduction", "Rippling sent a deduction without an amount for this person.")
    lines.add(PayKind.EMPLOYEE_DEDUCTION, code, name, employee or Decimal(0), "deduction")
    lines.add(PayKind.EMPLOYER_CONTRIBUTION, code, name, employer or Decimal(0), "contribution")


def _payer(payers: Payers, name: str) -> PayKind:
    kind = payers.of(name)
    if kind is None:
        raise Unreadable(
            "tax",
            f"Rippling does not say who pays the tax “{name}”, the person or the employer. Enter its name under "
            "“Taxes the employer pays” or “Taxes employees pay” in the settings of the Rippling connection.",
        )
    return kind
