"""A journal made ready for Dynamics, and what would be refused said before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from connectors.dynamics.dimensions import Dimensions
from connectors.dynamics.display import MAIN_ACCOUNT, Format, display, read_account
from connectors.dynamics.journal_groups import grouped
from connectors.dynamics.journal_lines import Entry, Values, key_of
from connectors.dynamics.ledgers import Ledgers
from connectors.dynamics.settings import BookSettings
from connectors.dynamics.structures import Structures
from connectors.errors import RecordRejectedError
from connectors.journals import ZERO, Journal, PeriodState

TEXT_LENGTH = 60
"""Letters of a line's text that are kept; how many more Dynamics takes is not public (dynamics, open question 1)."""
_SHOWN = 5


class Prepared(NamedTuple):
    """What is to be written: an entry for each line of the journal, the same in groups that balance, the format
    they were made for, and our spelling of accounts by ``key_of``."""

    entries: Sequence[Entry]
    groups: Sequence[Sequence[Entry]]
    form: Format
    spelled: dict[str, str]


class JournalChecks:
    """Thread-safe."""

    def __init__(self, dimensions: Dimensions, structures: Structures, ledgers: Ledgers, books: BookSettings) -> None:
        self._dimensions = dimensions
        self._structures = structures
        self._ledgers = ledgers
        self._books = books

    def prepare(self, journal: Journal, company: str) -> Prepared:
        """RecordRejectedError for a journal that does not balance, has a line without an amount, or an account that
        cannot be one in ``company``: by the active format, or by the structure of its main account."""
        form = self._dimensions.ledger_format()
        entries, spelled, known = [], dict[str, str](), dict[str, Values]()
        problems: dict[str, str] = {}
        for line in journal.lines:
            try:
                if line.account not in known:
                    known[line.account] = self.values(line.account, company)
            except ValueError as error:
                problems[line.account] = str(error)
                continue
            values = known[line.account]
            spelled.setdefault(key_of(values), line.account)
            entries.append(Entry(values, line.debit - line.credit, line.description[:TEXT_LENGTH]))
        _refuse([*problems.values()], "account")
        if sum((entry.amount for entry in entries), ZERO) or not all(entry.amount for entry in entries):
            _refuse(["Its debits and credits differ, or a line has no amount. Check the journal, then post it again."])
        groups = [
            [Entry(entries[place].values, amount, entries[place].text) for place, amount in group]
            for group in grouped([entry.amount for entry in entries], self._books.lines_per_voucher)
        ]
        return Prepared(entries, groups, form, spelled)

    def require(self, journal: Journal, company: str, prepared: Prepared) -> None:
        """RecordRejectedError naming main accounts and values that ``company`` cannot post to on the journal's day, or
        for a day in no open year."""
        day = journal.posting_date
        period = next((own for own in self._ledgers.periods(company) if own.begin <= day <= own.end), None)
        if period is None or period.state is PeriodState.CLOSED:
            problem = f"{company} has no open fiscal period for {day}. Have it opened, or choose another posting date."
            _refuse([problem], "posting_date")
        wanted: dict[str, set[str]] = {}
        for entry in prepared.entries:
            for name, value in entry.values.items():
                wanted.setdefault(name, set()).add(value)
        problems = self._ledgers.problems(company, day, wanted.pop(MAIN_ACCOUNT))
        _refuse(problems + self._dimensions.problems(company, day, wanted), "account")

    def values(self, account: str, company: str) -> Values:
        """The values by dimension that are written for an account in our words. ValueError with a sentence for staff
        when there are none."""
        form, values = self._dimensions.ledger_format(), read_account(account)
        display(values, form)
        values = {form.spelled(name) or name: value for name, value in values.items()}
        names = [name for name in values if name != MAIN_ACCOUNT]
        structures = self._ledgers.of(company).structures
        outside = self._structures.outside(structures, values[MAIN_ACCOUNT], names) if names else []
        if outside and not self._books.blanks_unknown_dimensions:
            raise ValueError(
                f"Main account {values[MAIN_ACCOUNT]} does not take {', '.join(outside)} in {company}: the account "
                "structure has no such segment there. Leave it out of the account, or change the structure in "
                "Dynamics."
            )
        return {name: value for name, value in values.items() if name not in outside}


def _refuse(problems: Sequence[str], field: str = "") -> None:
    if problems:
        several = list(dict.fromkeys(problems))
        more = f" And {len(several) - _SHOWN} more." if len(several) > _SHOWN else ""
        raise RecordRejectedError(
            f"This journal cannot be posted to Dynamics. {' '.join(several[:_SHOWN])}{more}", field=field
        )
