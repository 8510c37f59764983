"""Journal lines: numbered and given their voucher by the server, checked one by one (dynamics §4.2, §4.3)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from sandbox.dynamics import accounts, vouchers
from sandbox.dynamics.journals import header_of, name_of, refuse_closed
from sandbox.dynamics.model import Record
from sandbox.dynamics.operations import Answer, Write
from sandbox.dynamics.reading import keyed
from sandbox.dynamics.refusals import invalid
from sandbox.dynamics.tables import Row
from sandbox.dynamics.vouchers import PAR, SIDES, ZERO

if TYPE_CHECKING:
    from sandbox.dynamics.environment import Environment

REQUIRED = {
    "JournalBatchNumber": "Journal batch number",
    "TransDate": "Date",
    "CurrencyCode": "Currency",
    "AccountType": "Account type",
    "AccountDisplayValue": "Account",
}


def create(write: Write) -> Row:
    environment, entity, values = write.environment, write.entity, write.values
    if "LineNumber" in values:
        raise invalid(entity, "Insert not allowed for field 'LineNumber'.", method="validateField")
    missing = [f"Field '{label}' must be filled in." for name, label in REQUIRED.items() if not values.get(name)]
    if missing:
        raise invalid(entity, *missing)
    header = header_of(write, write.company, values["JournalBatchNumber"])
    refuse_closed(write, header.record)
    last = header.record.get("_last_line", 0)
    record = _checked(write, header.record, values | {"dataAreaId": header.record["dataAreaId"]})
    record |= {"JournalBatchNumber": header.record["JournalBatchNumber"], "LineNumber": Decimal(last + 1)}
    vouchers.draw(write, header.record, record)
    row = environment.tables[entity.name].add(record)
    environment.tables["LedgerJournalHeaders"].change(header, {"_last_line": last + 1})
    vouchers.count(environment, header, record, 1)
    return row


def change(write: Write) -> Answer:
    row, header = _line(write)
    fixed = [name for name in write.entity.keys if name in write.values and write.values[name] != row.record[name]]
    if fixed:
        raise invalid(write.entity, f"Field '{fixed[0]}' cannot be changed.", method="validateField")
    record = _checked(write, header.record, row.record | write.values)
    vouchers.count(write.environment, header, row.record, -1)
    write.environment.tables[write.entity.name].change(row, record)
    vouchers.count(write.environment, header, record, 1)
    return Answer(204)


def remove(write: Write) -> Answer:
    row, header = _line(write)
    vouchers.count(write.environment, header, row.record, -1)
    write.environment.tables[write.entity.name].remove(row)
    left = [int(line.record["LineNumber"]) for line in write.environment.lines_of(header.record)]
    write.environment.tables["LedgerJournalHeaders"].change(header, {"_last_line": max(left, default=0)})
    return Answer(204)


def _line(write: Write) -> tuple[Row, Row]:
    row = keyed(write.environment, write.entity, write.key, write.query)
    header = header_of(write, row.record["dataAreaId"], row.record["JournalBatchNumber"])
    refuse_closed(write, header.record)
    return row, header


def _checked(write: Write, header: Record, values: Record) -> Record:
    """The line as it is kept, with accounts resolved and defaults filled in; a Refusal with every fault found."""
    environment = write.environment
    company = (values.get("Company") or header["dataAreaId"]).lower()
    record = {"DebitAmount": ZERO, "CreditAmount": ZERO} | values | {"Company": company.upper()}
    faults = [
        *_amount_faults(environment, header, record),
        *_currency_faults(environment, company, record),
        *_date_faults(environment, company, record),
    ]
    account = accounts.resolve(
        environment, company, record["AccountType"], record["AccountDisplayValue"], record["TransDate"]
    )
    record |= {"AccountDisplayValue": account.display, "_segments": account.segments}
    if record["AccountType"] == "Ledger":
        # Dynamics drops what it is told here about a ledger account, without a word (dynamics §4.2).
        record["DefaultDimensionDisplayValue"] = ""
    faults += [*account.faults, *_offset(environment, header, company, record)]
    if faults:
        raise invalid(write.entity, *faults, status=environment.settings.refusal_status)
    return record


def _amount_faults(environment: Environment, header: Record, record: Record) -> Iterator[str]:
    debit, credit = (record[side] for side in SIDES)
    if not debit and not credit:
        yield "Debit or credit must be filled in."
    if debit and credit:
        yield "Debit and credit cannot both be filled in."
    positive = name_of(environment, header).get("AllowOnlyPositiveDebitsAndCredits", "No") == "Yes"
    if positive and (debit < 0 or credit < 0):
        yield "Only positive amounts are allowed in debit and credit of this journal."


def _currency_faults(environment: Environment, company: str, record: Record) -> Iterator[str]:
    code = record["CurrencyCode"]
    if environment.tables["Currencies"].find(code) is None:
        yield f"The value '{code}' in field 'Currency' is not found in the related table 'Currencies'."
        return
    ledger = environment.tables["Ledgers"].find(company)
    own = ledger.record["AccountingCurrency"] if ledger else ""
    if code.upper() == own:
        record.setdefault("ExchRate", PAR)
    elif not record.get("ExchRate"):
        yield f"There is no exchange rate from {code} to {own} on {record['TransDate']:%m/%d/%Y}."


def _date_faults(environment: Environment, company: str, record: Record) -> Iterator[str]:
    if environment.settings.period_check == "insert":
        yield from period_faults(environment, company, record)


def period_faults(environment: Environment, company: str, record: Record) -> Iterator[str]:
    """Why the line's date is in no period that is open in the company."""
    day = record["TransDate"]
    if not environment.has_period(day):
        yield f"Fiscal period for {day:%m/%d/%Y} does not exist."
    elif environment.is_closed(company, day):
        yield f"The ledger calendar period for {day:%m/%d/%Y} is not open."


def _offset(environment: Environment, header: Record, company: str, record: Record) -> Iterator[str]:
    """The offset account: the line's own, else the journal name's; a fixed one admits no other (dynamics §4.2)."""
    name = name_of(environment, header)
    default = name.get("OffsetAccountDisplayValue", "")
    given = record.get("OffsetAccountDisplayValue", "")
    record["OffsetCompany"] = (record.get("OffsetCompany") or company).upper()
    if default and not given:
        record |= {"OffsetAccountDisplayValue": default, "OffsetAccountType": name.get("OffsetAccountType", "Ledger")}
    kind, text = record.setdefault("OffsetAccountType", "Ledger"), record.get("OffsetAccountDisplayValue", "")
    if not text:
        return
    offset = accounts.resolve(environment, record["OffsetCompany"].lower(), kind, text, record["TransDate"])
    record |= {"OffsetAccountDisplayValue": offset.display, "_offset_segments": offset.segments}
    yield from offset.faults
    if default and name.get("IsFixedOffsetAccount") == "Yes":
        fixed = accounts.resolve(
            environment, company, name.get("OffsetAccountType", "Ledger"), default, record["TransDate"]
        )
        if fixed.display != offset.display:
            yield f"The offset account of journal name {name['Name']} is fixed and cannot be changed."
