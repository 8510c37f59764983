"""The general ledger of one plant: journal entries, their numbers and keys, and what they move (plex §2.4.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sandbox.plex import naming
from sandbox.plex.tables import Record, Row, Table

if TYPE_CHECKING:
    from sandbox.plex.company import PlexCompany
    from sandbox.plex.plant import Plant

CENT = Decimal("0.01")
ZERO = Decimal("0.00")
AMOUNTS = ("debit", "credit", "currencyDebit", "currencyCredit")
SIDES = {"debit": "credit", "credit": "debit", "currencyDebit": "currencyCredit", "currencyCredit": "currencyDebit"}
_LINES: dict[str, Callable[[list[Record]], list[Record]]] = {
    "keep": lambda lines: lines,
    "drop_last": lambda lines: lines[:-1],
    "swap_sides": lambda lines: [line | {side: line[other] for side, other in SIDES.items()} for line in lines],
}


@dataclass
class Books:
    """``links``: the integer key of every journal; ``references``: what its custom field holds, by journal id.

    ``unseen``: (journal id, account id) → how many reads of that account's activity do not show the journal yet.
    """

    first_link: int
    journals: Table = field(default_factory=lambda: Table(naming.JOURNAL, ("description", "journalNumber")))
    links: dict[str, int] = field(default_factory=dict)
    references: dict[str, str] = field(default_factory=dict)
    unseen: dict[tuple[str, str], int] = field(default_factory=dict)
    next_number: int = 1

    def enter(self, record: Record, lag: int = 0) -> Row:
        """Journal numbers of a plant are consecutive and never used again."""
        row = self.journals.add(record | {"journalNumber": self.next_number})
        self.links[record["id"]] = self.first_link + self.next_number
        self.next_number += 1
        if lag:
            self.unseen.update({(record["id"], line["accountId"]): lag for line in record["lines"]})
        return row

    def remove(self, row: Row) -> None:
        self.journals.remove(row)
        del self.links[row.record["id"]]
        self.references.pop(row.record["id"], None)

    def has_arrived(self, journal_id: str, account_id: str, *, counted: bool) -> bool:
        """Whether a read of the account's activity shows the journal; one that does not is ``counted``."""
        reads_left = self.unseen.get((journal_id, account_id), 0)
        if reads_left > 0 and counted:
            self.unseen[journal_id, account_id] = reads_left - 1
        return reads_left == 0

    def moved(self, wanted: Callable[[Record], bool]) -> dict[tuple[str, str], tuple[Decimal, Decimal]]:
        """(period, account id) → debit and credit of all wanted journals."""
        sums: dict[tuple[str, str], tuple[Decimal, Decimal]] = {}
        for journal in self.journals:
            if wanted(journal.record):
                for line in journal.record["lines"]:
                    place = (journal.record["periodDisplay"], line["accountId"])
                    debit, credit = sums.get(place, (ZERO, ZERO))
                    sums[place] = (debit + line["debit"], credit + line["credit"])
        return sums


def compose(company: PlexCompany, plant: Plant, given: Record, by: str) -> Record:
    """The whole record of a new journal; KeyError for an account the plant does not have."""
    now = company.stamp()
    return {
        "note": None,
        "reversing": False,
        "exchangeRate": Decimal(1),
        "createdById": by,
        "createdDate": now,
        "voucherNumber": None,
        "booked": company.settings.books,
        "period13": False,
        "governmentIssuedNo": None,
        "periodAdjustment": False,
        **{name: value for name, value in given.items() if value is not None},
        "id": company.new_id(),
        "modifiedById": by,
        "modifiedDate": now,
        "lines": compose_lines(company, plant, given["lines"], by),
    }


def compose_lines(company: PlexCompany, plant: Plant, given: Iterable[Record], by: str) -> list[Record]:
    """A line without an id is a new one; an amount that is not given is zero, in the currency that of the books."""
    now = company.stamp()
    lines = []
    for line in given:
        account = plant.account(line["accountNumber"])
        debit, credit = _cents(line.get("debit")), _cents(line.get("credit"))
        base, center, sub = segments(line["accountNumber"])
        lines.append(
            {
                "createdDate": now,
                **{name: value for name, value in line.items() if value is not None},
                "lineId": line.get("lineId") or company.new_id(),
                "accountId": account["id"],
                "debit": debit,
                "credit": credit,
                "modifiedById": by,
                "modifiedDate": now,
                "currencyDebit": _cents(line.get("currencyDebit"), debit),
                "currencyCredit": _cents(line.get("currencyCredit"), credit),
                "baseSegment": base,
                "costCenterSegment": center,
                "subAccountSegment": sub,
            }
        )
    return lines


def segments(account_number: str) -> list[str]:
    """Base, cost center and sub account; empty where the number has none."""
    return [*account_number.split("-"), "", "", ""][:3]


def distorted(record: Record, how: dict[str, Any]) -> Record:
    """Another journal than the one given: ``lines`` dropped or swapped, amounts times ``amount_factor``, ``fields``
    of the header replaced. ValueError for a word that is none of these."""
    unknown = how.keys() - {"lines", "amount_factor", "fields"}
    if unknown or how.get("lines", "keep") not in _LINES:
        raise ValueError(f"a distortion has lines ({', '.join(_LINES)}), amount_factor and fields, not {how}")
    factor = Decimal(str(how.get("amount_factor", 1)))
    lines = [
        line | {name: (line[name] * factor).quantize(CENT) for name in AMOUNTS}
        for line in _LINES[how.get("lines", "keep")](record["lines"])
    ]
    fields: Record = how.get("fields", {})
    return record | fields | {"lines": lines}


def _cents(amount: Decimal | None, otherwise: Decimal = ZERO) -> Decimal:
    return otherwise if amount is None else amount.quantize(CENT)
