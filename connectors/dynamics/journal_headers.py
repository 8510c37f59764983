"""The headers of journals: made, found again by our reference, removed. Source: dynamics §4.1, §4.6.

The reference and the beginning of the content's hash are the first words of the description, which is searched in any
case; with the setting they are the integration key as well. Dynamics does not keep either unique.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

import msgspec

from connectors.dynamics.journal_refusals import explained
from connectors.dynamics.literals import Value, both, either, equal
from connectors.dynamics.mistakes import RefusedError
from connectors.dynamics.odata import OData
from connectors.journals import Journal

HEADERS = "LedgerJournalHeaders"
DESCRIPTION_LENGTH = 60
"""Letters a description may have; not public, this much is safe (dynamics §4.1)."""
HASH_LENGTH = 12
FIELDS = (
    "dataAreaId",
    "JournalBatchNumber",
    "Description",
    "IntegrationKey",
    "IsPosted",
    "AccountingCurrency",
    "JournalTotalDebit",
    "JournalTotalCredit",
)
_OURS = re.compile(rf"(?<!\S)(\S+) ([0-9a-f]{{{HASH_LENGTH}}})(?!\w)", re.IGNORECASE)


class Header(msgspec.Struct, frozen=True, rename="pascal"):
    """A journal's header as Dynamics shows it; totals are in the accounting currency."""

    data_area_id: str = msgspec.field(name="dataAreaId")
    journal_batch_number: str
    journal_total_debit: Decimal
    journal_total_credit: Decimal
    description: str | None = None
    integration_key: str | None = None
    is_posted: str | None = None
    accounting_currency: str | None = None

    @property
    def booked(self) -> bool:
        return self.is_posted == "Yes"

    def adds_up_to(self, debit: Decimal, credit: Decimal, currency: str) -> bool:
        """True when the totals are these amounts; of another currency than the ledger's they tell nothing."""
        if (self.accounting_currency or currency).upper() != currency.upper():
            return True
        return (self.journal_total_debit, self.journal_total_credit) == (debit, credit)

    @property
    def key(self) -> Mapping[str, Value]:
        return {"dataAreaId": self.data_area_id, "JournalBatchNumber": self.journal_batch_number}

    def carries(self, reference: str) -> bool:
        """True when description or integration key names ``reference`` as a whole, not as a part of a longer one.

        Upper and lower case are one: a journal found too much stops for a person, one not found is posted twice.
        """
        whole = re.compile(rf"(?<![\w:-]){re.escape(reference)}(?![\w:-])", re.IGNORECASE)
        return any(whole.search(text or "") for text in (self.description, self.integration_key))

    @property
    def mark(self) -> tuple[str, str]:
        """Reference and beginning of the hash that were left here, both empty where there are none."""
        for text in (self.integration_key, self.description):
            if match := _OURS.search(text or ""):
                return match[1], match[2].lower()
        return "", ""


class Headers:
    """The headers of one environment."""

    def __init__(self, odata: OData) -> None:
        self._odata = odata
        self._books = odata.settings.books
        self._marks_key = self._books.marker_field == "IntegrationKey"

    def find(self, company: str, reference: str) -> list[Header]:
        """Every header of ``company`` that carries the reference, whatever its journal name."""
        fields = ("Description", "IntegrationKey") if self._marks_key else ("Description",)
        marked = either([equal(field, f"*{reference}*") for field in fields])
        where = both(equal("dataAreaId", company), marked)
        rows = self._odata.rows(HEADERS, select=FIELDS, where=where, order=FIELDS[:2], type=Header)
        return [header for header in rows if header.carries(reference)]

    def get(self, company: str, number: str) -> Header | None:
        """The header with this number, None when ``company`` has none."""
        key = {"dataAreaId": company, "JournalBatchNumber": number}
        return self._odata.one(HEADERS, key, select=FIELDS, type=Header)

    def create(self, journal: Journal, company: str) -> Header:
        """A header with our mark and the number Dynamics gave it; RecordRejectedError with the remedy."""
        mark = f"{journal.reference} {journal.content_hash[:HASH_LENGTH]}".strip()
        body = {
            "dataAreaId": company,
            "JournalName": self._books.journal_name,
            "Description": f"{mark} {journal.description}"[:DESCRIPTION_LENGTH].rstrip(),
        }
        try:
            return self._odata.create(HEADERS, body | ({"IntegrationKey": mark} if self._marks_key else {}), Header)
        except RefusedError as refused:
            raise explained(refused, ()) from None

    def remove(self, header: Header) -> None:
        """Dynamics refuses it while there are lines."""
        self._odata.remove(HEADERS, header.key)
