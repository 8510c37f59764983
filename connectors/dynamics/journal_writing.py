"""The lines of a journal: read, written in groups that balance, removed. Source: dynamics §4.2, §4.3, §8."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from connectors.dynamics.display import display
from connectors.dynamics.journal_checks import Prepared
from connectors.dynamics.journal_headers import Header
from connectors.dynamics.journal_lines import LINE_FIELDS, Entry, Held, LineRow, compare, key_of, parted
from connectors.dynamics.journal_refusals import explained, is_in_use
from connectors.dynamics.literals import both, equal, key
from connectors.dynamics.mistakes import RefusedError
from connectors.dynamics.odata import ChangesetOutcome, OData, Operation
from connectors.errors import ConnectorError, OutcomeUnknownError, RecordRejectedError, TemporaryError
from connectors.journals import ZERO, Journal

LINES = "LedgerJournalLines"
LINES_A_REQUEST = 50
"""A line takes up to a second (dynamics §8); a request must be answered well before we give up on it."""
ATTEMPTS = 6
LONGEST_PAUSE = 300
"""Seconds; when Dynamics wants more, the journal is completed another time."""
_CENT = Decimal("0.01")
T = TypeVar("T")


class LineWriter:
    """Nothing else may write to a journal meanwhile: every line changes its header (dynamics §8)."""

    def __init__(self, odata: OData) -> None:
        self._odata = odata

    def read(self, header: Header) -> list[LineRow]:
        """The lines in order."""
        where = both(*(equal(name, value) for name, value in header.key.items()))
        order = ("LineNumber",)
        return list(self._odata.rows(LINES, select=LINE_FIELDS, where=where, order=order, type=LineRow))

    def write(self, header: Header, journal: Journal, prepared: Prepared, rows: Sequence[LineRow]) -> list[LineRow]:
        """The lines after those that were missing among ``rows`` were written.

        A group that Dynamics did not get to, or that somebody else was in the way of, is sent again once what is
        there has been read; lines that are not exactly groups of the journal's stop it. RecordRejectedError for a
        refused group: others may be there. OutcomeUnknownError when an answer is missing.
        """
        for attempt in itertools.count():
            if compare(prepared.groups, journal, header.data_area_id, rows, prepared.form) is not Held.PART:
                break
            found = parted(prepared.groups, rows, prepared.form)
            hurdle = self._send(header, journal, prepared, found.missing if found else ())
            rows = self.read(header)
            if hurdle is None:
                break
            self._pause(header, hurdle, attempt)
        return list(rows)

    def remove(self, header: Header, groups: Sequence[Sequence[LineRow]]) -> None:
        """Afterwards the lines of these groups are gone; raises what kept them, and then groups are there still, whole
        ones alone."""
        for some in _requests(groups[::-1]):
            operations = [_removal(header, row) for group in some for row in reversed(group)]
            for outcome in self._odata.batch([operations]):
                if outcome.error:
                    raise outcome.error

    def _send(
        self, header: Header, journal: Journal, prepared: Prepared, groups: Sequence[Sequence[Entry]]
    ) -> TemporaryError | None:
        """Groups in order, some in a request. What Dynamics asked to wait for, None when all was accepted."""
        for some in _requests(groups):
            changesets = [[_line(header, journal, prepared, entry) for entry in group] for group in some]
            outcomes = self._odata.batch(changesets)
            for group, outcome in zip(some, outcomes, strict=True):
                if isinstance(outcome.error, RecordRejectedError):
                    raise _explained(outcome.error, group, prepared)
            if hurdle := _hurdle(outcomes):
                return hurdle
        return None

    def _pause(self, header: Header, hurdle: TemporaryError, attempt: int) -> None:
        context = self._odata.context
        seconds = hurdle.retry_after or 2**attempt + context.random()
        if seconds > LONGEST_PAUSE or attempt + 1 == ATTEMPTS:
            raise unfinished(header, hurdle)
        context.sleep(seconds)


def unfinished(header: Header, why: ConnectorError) -> OutcomeUnknownError:
    """There is something of the journal, and not known to be all of it: it is looked up, then completed."""
    return OutcomeUnknownError(
        f"Journal {header.journal_batch_number} is in Dynamics, but may not be whole. It will be looked up before "
        f"anything is sent again. {why.sentence}",
        detail=why.detail,
    )


def _requests(groups: Sequence[Sequence[T]]) -> Iterator[list[Sequence[T]]]:
    """Some groups at a time; a large one alone."""
    some: list[Sequence[T]] = []
    for group in groups:
        if some and sum(map(len, some)) + len(group) > LINES_A_REQUEST:
            yield some
            some = []
        some.append(group)
    if some:
        yield some


def _removal(header: Header, row: LineRow) -> Operation:
    return Operation(method="DELETE", path=LINES + key({**header.key, "LineNumber": row.line_number.normalize()}))


def _hurdle(outcomes: Sequence[ChangesetOutcome]) -> TemporaryError | None:
    """What stood in the way of a group that did not happen; those behind it may not have been reached. Raises what
    leaves open whether a group happened."""
    errors = [outcome.error for outcome in outcomes if outcome.error]
    temporary = next((error for error in errors if isinstance(error, TemporaryError)), None)
    if temporary is None and errors:
        raise errors[0]
    return temporary


def _line(header: Header, journal: Journal, prepared: Prepared, entry: Entry) -> Operation:
    """Numbers of lines and vouchers are Dynamics' to give; what an amount depends on comes before it (dynamics
    §4.2, §12)."""
    side = "DebitAmount" if entry.amount > ZERO else "CreditAmount"
    body: dict[str, Any] = {
        **header.key,
        "TransDate": journal.posting_date,
        "AccountType": "Ledger",
        "AccountDisplayValue": display(entry.values, prepared.form),
        "CurrencyCode": journal.currency,
        side: _exact(abs(entry.amount)),
        "Text": entry.text,
    }
    return Operation(method="POST", path=LINES, body=body)


def _exact(amount: Decimal) -> Decimal:
    """With two decimals where that is the same amount; what is finer is Dynamics' to refuse, we never round."""
    cents = amount.quantize(_CENT)
    return cents if cents == amount else amount


def _explained(error: RecordRejectedError, group: Sequence[Entry], prepared: Prepared) -> ConnectorError:
    if not isinstance(error, RefusedError):
        return error
    if is_in_use(error):
        return OutcomeUnknownError(
            "Somebody has the journal open in Dynamics. Have it closed there; the rest is written by itself then.",
            detail=error.detail,
        )
    return explained(error, [prepared.spelled[key_of(entry.values)] for entry in group])
