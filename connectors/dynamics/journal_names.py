"""The journal name that payroll journals get: whether it can take them. Source: dynamics §3, §4.3."""

from __future__ import annotations

import threading

import msgspec

from connectors.dynamics.literals import equal
from connectors.dynamics.odata import OData
from connectors.errors import ConnectionConfigError

_NAMES = "JournalNames"


class JournalName(msgspec.Struct, frozen=True, rename="pascal"):
    """A journal name as Dynamics shows it."""

    type: str | None = None
    new_voucher: str | None = None
    voucher_series_code: str | None = None
    offset_account_display_value: str | None = None
    is_fixed_offset_account: str | None = None
    delete_lines_after_posting: str | None = None

    @property
    def problem(self) -> str:
        """Why it cannot take our journals, completing "the journal name …"; empty when it can.

        Lines inherit an offset account, and then every amount would be booked twice.
        """
        if self.type != "Daily":
            return "is not of type Daily"
        if self.offset_account_display_value or self.is_fixed_offset_account == "Yes":
            return "has an offset account, which would book every amount a second time"
        if self.new_voucher == "Manually":
            return "wants vouchers entered by hand; set 'New voucher' to 'In connection with balance'"
        return "" if self.voucher_series_code else "has no voucher series"


_COLUMNS = tuple(field.encode_name for field in msgspec.structs.fields(JournalName))


class JournalNames:
    """The configured journal name in each legal entity, read once. Thread-safe."""

    def __init__(self, odata: OData) -> None:
        self._odata = odata
        self._name = odata.settings.books.journal_name
        self._learning = threading.Lock()
        self._good: dict[str, JournalName] = {}
        self._seen: set[str] = set()

    def require_sight(self, company: str) -> None:
        """ConnectionConfigError unless this connection sees the journal names of ``company``: then a journal of its
        that is not found is not there."""
        with self._learning:
            if company in self._seen or company in self._good:
                return
            where = equal("dataAreaId", company)
            if self._odata.first(_NAMES, select=_COLUMNS, where=where, type=JournalName) is None:
                raise ConnectionConfigError(
                    f"Dynamics shows no journal name of the legal entity {company}, so journals that are there may not "
                    "be shown either. Give the user of this connection's app a security role in it."
                )
            self._seen.add(company)

    def require(self, company: str) -> JournalName:
        """The journal name; ConnectionConfigError with the remedy unless it can take our journals in ``company``. It
        also proves that this connection sees the company."""
        with self._learning:
            if good := self._good.get(company):
                return good
            if not self._name:
                raise ConnectionConfigError(
                    "'Journal name' is missing in the settings of the Dynamics 365 connection. Enter the journal name "
                    "that payroll journals shall get."
                )
            row = self.read(company)
            problem = row.problem if row else "does not exist there, or this connection may not see it"
            if row is None or problem:
                raise ConnectionConfigError(
                    f"The journal name {self._name} of the legal entity {company} {problem}. Correct it in Dynamics, "
                    "or choose another one in the settings of the connection."
                )
            self._good[company] = row
            return row

    def read(self, company: str) -> JournalName | None:
        """The journal name as it is now, None when ``company`` does not have it."""
        key = {"dataAreaId": company, "Name": self._name}
        return self._odata.one(_NAMES, key, select=_COLUMNS, type=JournalName)
