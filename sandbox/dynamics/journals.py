"""Journal headers: their number, what of them may be written, when they may go (dynamics §4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.dynamics.model import Record
from sandbox.dynamics.operations import Answer, Write
from sandbox.dynamics.reading import keyed
from sandbox.dynamics.refusals import Refusal, invalid
from sandbox.dynamics.tables import Row

if TYPE_CHECKING:
    from sandbox.dynamics.environment import Environment

WRITABLE = frozenset({"dataAreaId", "JournalName", "Description", "IntegrationKey"})


def create(write: Write) -> Row:
    """The number comes from the sequence; whatever is not the caller's to say is refused."""
    environment, entity, values = write.environment, write.entity, write.values
    for name in values:
        if name not in WRITABLE or _key_refused(write, name):
            raise invalid(entity, f"Insert not allowed for field '{name}'.", method="validateField")
    company = write.company
    if not values.get("JournalName"):
        raise invalid(entity, "Field 'Name' must be filled in.")
    journal_name = environment.tables["JournalNames"].find(company, values["JournalName"])
    if journal_name is None or journal_name.record["Type"] != "Daily":
        raise invalid(
            entity,
            f"The value '{values['JournalName']}' in field 'Name' is not found in the related table 'Journal names'.",
            method="validateField",
        )
    if not environment.settings.journal_number_sequence:
        raise invalid(entity, "A number sequence reference is missing for 'Journal batch number'.", method="write")
    ledger = environment.tables["Ledgers"].find(company)
    record = values | {
        "dataAreaId": company,
        "JournalBatchNumber": environment.next_number(company, "journal"),
        "JournalName": journal_name.record["Name"],
        "IsPosted": "No",
        "PostingLayer": journal_name.record.get("PostingLayer", "Current"),
        "AccountingCurrency": ledger.record["AccountingCurrency"] if ledger else "",
    }
    return environment.tables[entity.name].add(record)


def change(write: Write) -> Answer:
    """204; only the description and the key of integrations may change, and of a posted journal nothing."""
    row = keyed(write.environment, write.entity, write.key, write.query)
    refuse_closed(write, row.record)
    for name, value in write.values.items():
        if (name not in WRITABLE or _key_refused(write, name)) or (
            name in ("dataAreaId", "JournalName") and value.lower() != row.record[name].lower()
        ):
            raise invalid(write.entity, f"Field '{name}' cannot be changed.", method="validateField")
    write.environment.tables[write.entity.name].change(row, write.values)
    return Answer(204)


def remove(write: Write) -> Answer:
    """204 once no line is left; a posted journal stays."""
    row = keyed(write.environment, write.entity, write.key, write.query)
    refuse_closed(write, row.record)
    if write.environment.lines_of(row.record):
        raise invalid(
            write.entity,
            f"Journal {row.record['JournalBatchNumber']} cannot be deleted while dependent Journal lines exist.",
            method="validateDelete",
        )
    write.environment.tables[write.entity.name].remove(row)
    return Answer(204)


def refuse_closed(write: Write, header: Record) -> None:
    """A Refusal for a journal that is posted, or that somebody has open."""
    number = header["JournalBatchNumber"]
    if header["IsPosted"] == "Yes":
        raise invalid(write.entity, f"Journal {number} has been posted and cannot be changed.")
    if header.get("_in_use_by"):
        raise invalid(write.entity, f"Journal {number} is in use by user {header['_in_use_by']}.")


def header_of(write: Write, company: str, number: str) -> Row:
    row = write.environment.tables["LedgerJournalHeaders"].find(company, number)
    if row is None:
        raise invalid(
            write.entity,
            f"The value '{number}' in field 'Journal batch number' is not found in the related table 'Ledger journal'.",
            method="validateField",
        )
    return row


def name_of(environment: Environment, header: Record) -> Record:
    """The journal name's record."""
    row = environment.tables["JournalNames"].find(header["dataAreaId"], header["JournalName"])
    if row is None:
        raise Refusal(500, "An error has occurred.", inner="Object reference not set to an instance of an object.")
    return row.record


def _key_refused(write: Write, name: str) -> bool:
    return name == "IntegrationKey" and write.environment.settings.integration_key == "not_writable"
