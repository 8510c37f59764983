"""Vendors: an account from the number sequence, a group, a name; V2 and V3 are one table (dynamics §7)."""

from __future__ import annotations

from sandbox.dynamics.model import Record
from sandbox.dynamics.operations import Answer, Write
from sandbox.dynamics.reading import keyed
from sandbox.dynamics.refusals import invalid
from sandbox.dynamics.tables import Row

PROTECTED = frozenset({"BankAccountId", "DefaultVendorPaymentMethodName", "Tax1099FederalTaxId", "OnHoldStatus"})


def create(write: Write) -> Row:
    environment, values, company = write.environment, write.values, write.company
    faults = []
    if environment.tables["VendorGroups"].find(company, values.get("VendorGroupId", "")) is None:
        faults.append(
            f"The value '{values.get('VendorGroupId', '')}' in field 'Group' is not found in the related table "
            "'Vendor groups'."
        )
    if not _name(values):
        faults.append("Field 'Name' must be filled in.")
    number = values.get("VendorAccountNumber", "")
    if number and not environment.settings.vendor_numbers_manual:
        faults.append("Insert not allowed for field 'VendorAccountNumber'.")
    number = number or f"{company.upper()}-{environment.next_number(company, 'vendor').zfill(10)}"
    if environment.tables["VendorsV2"].find(company, number) is not None:
        faults.append(f"Vendor account {number} already exists.")
    if faults:
        raise invalid(write.entity, *faults)
    ledger = environment.tables["Ledgers"].find(company)
    defaults = {
        "VendorPartyType": "Organization",
        "VendorPartyNumber": environment.next_number("", "party"),
        "CurrencyCode": ledger.record["AccountingCurrency"] if ledger else "",
    }
    whole = defaults | values | {"dataAreaId": company, "VendorAccountNumber": number}
    return environment.tables["VendorsV2"].add({"VendorSearchName": _name(whole)} | whole)


def change(write: Write) -> Answer:
    row = keyed(write.environment, write.entity, write.key, write.query)
    for name in ("dataAreaId", "VendorAccountNumber", "VendorPartyNumber"):
        if name in write.values and write.values[name].lower() != row.record.get(name, "").lower():
            raise invalid(write.entity, f"Field '{name}' cannot be changed.", method="validateField")
    if write.environment.settings.vendor_approval and write.values.keys() & PROTECTED:
        raise invalid(write.entity, "Changes to this vendor have to be submitted for approval.")
    write.environment.tables["VendorsV2"].change(row, write.values)
    return Answer(204)


def remove(write: Write) -> Answer:
    row = keyed(write.environment, write.entity, write.key, write.query)
    write.environment.tables["VendorsV2"].remove(row)
    return Answer(204)


def _name(values: Record) -> str:
    if values.get("VendorPartyType") == "Person":
        parts = (values.get(name, "") for name in ("PersonFirstName", "PersonMiddleName", "PersonLastName"))
        return " ".join(part for part in parts if part)
    name: str = values.get("VendorOrganizationName", "")
    return name
