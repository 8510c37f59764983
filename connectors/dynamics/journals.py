"""Journals written so that a crash at any point leaves one that is found, told from a whole one, and completed.

1. Whatever can be known is checked before anything is sent, and the reference is looked up.
2. The header is made. Dynamics numbers it; our reference is in it.
3. Lines follow strictly one after the other, in small groups that balance, each all or nothing: writes side by side
   conflict, and would mix vouchers (dynamics §4.3, §8).
4. What is there is read back, and compared line by line with what should be.

A refusal on the way takes back what was written: after it nothing is there. Anything else leaves a part, and posting
the same journal again completes it. A header is never made while there is one with our reference.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import date

import msgspec

from connectors.dynamics.dimensions import Dimensions
from connectors.dynamics.journal_checks import JournalChecks, Prepared
from connectors.dynamics.journal_headers import Header, Headers
from connectors.dynamics.journal_lines import Held, LineRow, compare, departure, lines_of, parted
from connectors.dynamics.journal_names import JournalNames
from connectors.dynamics.journal_writing import LineWriter, unfinished
from connectors.dynamics.literals import EMPTY_DATE
from connectors.dynamics.odata import OData
from connectors.errors import ConnectorError, OutcomeUnknownError, RecordRejectedError
from connectors.journals import ZERO, Journal, JournalLine, PostedJournal


class Journals:
    """The journals of one environment. Thread-safe; they are posted one at a time."""

    def __init__(
        self, odata: OData, dimensions: Dimensions, checks: JournalChecks, period_name: Callable[[str, date], str]
    ) -> None:
        self._odata = odata
        self._settings = odata.settings
        self._service = odata.settings.books.posting_service
        self._dimensions = dimensions
        self._checks = checks
        self._period_name = period_name
        self._headers = Headers(odata)
        self._lines = LineWriter(odata)
        self._names = JournalNames(odata)
        self._posting = threading.Lock()

    def find(self, journal: Journal) -> list[PostedJournal]:
        """Empty only when this connection really sees the company's journals."""
        company = self._settings.legal_entity(journal.company)
        self._names.require_sight(company)
        found = self._there(journal, company)
        prepared = self._expressed(journal, company) if found else None
        return [self._shown(header, self._lines.read(header), journal, prepared) for header in found]

    def get(self, number: str, company: str | None) -> PostedJournal | None:
        """A journal without lines has no day: Dynamics' own empty date stands for it."""
        header = self._headers.get(self._settings.legal_entity(company), number)
        if header is None:
            return None
        rows = self._lines.read(header)
        reference, content_hash = header.mark
        lines = lines_of(rows, self._dimensions.ledger_format(), {}) if rows else ()
        shown = self._posted(header, rows, lines, reference, content_hash, EMPTY_DATE)
        differs = departure(rows, shown.company or "", shown.currency, shown.posting_date)
        return msgspec.structs.replace(shown, differs=differs)

    def post(self, journal: Journal) -> PostedJournal:
        """What Dynamics has afterwards, also when somebody else has a hand in it: comparing is the caller's.

        A part that is there already is completed, and what is there whole is not written again.
        """
        company = self._settings.legal_entity(journal.company)
        with self._posting:
            # Written for a format that was changed since, values would be booked to other dimensions.
            self._dimensions.forget()
            self._names.require(company)
            found = self._there(journal, company)
            if len(found) > 1:
                raise OutcomeUnknownError(
                    f"Dynamics has this journal {len(found)} times. It will be looked up before anything is sent."
                )
            if found and self._expressed(journal, company) is None:
                return self._shown(found[0], self._lines.read(found[0]), journal, None)
            prepared = self._checks.prepare(journal, company)
            if not found:
                self._checks.require(journal, company, prepared)
            header = found[0] if found else self._headers.create(journal, company)
            return self._completed(header, journal, prepared)

    def _there(self, journal: Journal, company: str) -> list[Header]:
        """Those with our reference; where somebody removed it, the one of the number that the journal got."""
        if found := self._headers.find(company, journal.reference):
            return found
        numbered = self._headers.get(company, journal.id) if journal.id else None
        return [numbered] if numbered else []

    def _completed(self, header: Header, journal: Journal, prepared: Prepared) -> PostedJournal:
        """From here on there is something of the journal: only a refusal that was taken back means that nothing is."""
        try:
            return self._complete(header, journal, prepared)
        except RecordRejectedError as error:
            self._take_back(header, journal, prepared, error)
            raise
        except ConnectorError as error:
            raise unfinished(header, error) from error

    def _complete(self, header: Header, journal: Journal, prepared: Prepared) -> PostedJournal:
        rows = self._lines.read(header)
        if not header.booked and _held(header, rows, journal, prepared) is Held.PART:
            rows = self._lines.write(header, journal, prepared, rows)
            header = self._again(header)
            self._check_totals(header, rows, journal)
        shown = self._shown(header, rows, journal, prepared)
        if self._service and not shown.complete and _held(header, rows, journal, prepared) is Held.WHOLE:
            header = self._post_by_service(header)
            shown = self._shown(header, rows, journal, prepared, handed_over=True)
        return shown

    def _post_by_service(self, header: Header) -> Header:
        """The header after the customer's service was told to post it. What the service says of a journal that is
        posted does not matter; one that fails may have posted it, or be about to: then nobody knows."""
        body = {"dataAreaId": header.data_area_id, "journalBatchNumber": header.journal_batch_number}
        try:
            self._odata.action(self._service, body)
        except (RecordRejectedError, OutcomeUnknownError):
            now = self._again(header)
            if not now.booked:
                raise
            return now
        return self._again(header)

    def _take_back(self, header: Header, journal: Journal, prepared: Prepared, refusal: RecordRejectedError) -> None:
        """Afterwards nothing of the journal is there. OutcomeUnknownError when that is not certain, or when somebody
        else has a hand in it."""
        try:
            now = self._headers.get(header.data_area_id, header.journal_batch_number)
            if now is None:
                return
            rows = self._lines.read(now)
            found = parted(prepared.groups, rows, prepared.form)
            if not now.booked and found and _held(now, rows, journal, prepared) is not Held.OTHER:
                self._lines.remove(now, found.there)
                self._headers.remove(now)
                return
        except ConnectorError as error:
            raise unfinished(header, refusal) from error
        raise unfinished(header, refusal)

    def _again(self, header: Header) -> Header:
        now = self._headers.get(header.data_area_id, header.journal_batch_number)
        if now is None:
            raise OutcomeUnknownError(
                f"Journal {header.journal_batch_number} disappeared from Dynamics while it was written. It will be "
                "looked up before anything is sent again."
            )
        return now

    def _check_totals(self, header: Header, rows: Sequence[LineRow], journal: Journal) -> None:
        """OutcomeUnknownError when the header adds up to something else than the lines we were shown."""
        debit = sum((row.debit_amount for row in rows), ZERO)
        credit = sum((row.credit_amount for row in rows), ZERO)
        if not header.adds_up_to(debit, credit, journal.currency):
            raise OutcomeUnknownError(
                f"The totals of journal {header.journal_batch_number} in Dynamics are not those of its lines. It will "
                "be looked up before anything is sent again."
            )

    def _expressed(self, journal: Journal, company: str) -> Prepared | None:
        """The journal as it would be written now; None when it could not be: then what is there is shown as it is."""
        try:
            return self._checks.prepare(journal, company)
        except RecordRejectedError:
            return None

    def _shown(
        self,
        header: Header,
        rows: Sequence[LineRow],
        journal: Journal,
        prepared: Prepared | None,
        *,
        handed_over: bool = False,
    ) -> PostedJournal:
        """What is there under the journal's reference. What can still be completed, by us, is not ``complete``: with
        a service of the customer's also what was not posted yet, unless it was just ``handed_over``."""
        held = Held.OTHER if prepared is None else _held(header, rows, journal, prepared)
        pending = held is Held.PART or (held is Held.WHOLE and self._service and not handed_over)
        if held is Held.WHOLE:
            lines = journal.lines
        elif rows:
            lines = lines_of(rows, self._dimensions.ledger_format(), prepared.spelled if prepared else {})
        else:
            lines = ()
        shown = self._posted(header, rows, lines, journal.reference, header.mark[1], journal.posting_date)
        return msgspec.structs.replace(
            shown,
            complete=header.booked or not pending,
            differs=departure(rows, header.data_area_id, journal.currency, journal.posting_date),
            totals_only=held is Held.WHOLE and not rows,
        )

    def _posted(
        self,
        header: Header,
        rows: Sequence[LineRow],
        lines: tuple[JournalLine, ...],
        reference: str,
        content_hash: str,
        day: date,
    ) -> PostedJournal:
        """``day`` is the journal's where no line says one."""
        company = header.data_area_id.lower()
        day = next((own for row in rows if (own := row.day)), day)
        return PostedJournal(
            id=header.journal_batch_number,
            number=header.journal_batch_number,
            reference=reference,
            company=company,
            posting_date=day,
            period=self._period_name(company, day),
            lines=lines,
            content_hash=content_hash,
            currency=(rows[0].currency_code or "").upper() if rows else "",
            booked=header.booked,
        )


def _held(header: Header, rows: Sequence[LineRow], journal: Journal, prepared: Prepared) -> Held:
    """Lines may be removed by posting itself (dynamics §4.4): then the totals tell."""
    content_hash = header.mark[1]
    if content_hash and journal.content_hash and not journal.content_hash.lower().startswith(content_hash):
        return Held.OTHER
    if header.booked and not rows:
        same = header.adds_up_to(journal.debit, journal.credit, journal.currency)
        return Held.WHOLE if same else Held.OTHER
    return compare(prepared.groups, journal, header.data_area_id, rows, prepared.form)
