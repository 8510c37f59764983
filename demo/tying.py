"""The proof of payroll: what Rippling paid held against what stands on Plex's ledger. Nothing here asks the product.

``known`` is the one thing it says: which references of journals belong to which pay run.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from demo import books, company
from demo.api import Customer
from demo.company import Plant

Journal = dict[str, Any]
References = Mapping[str, Sequence[str]]
"""Rippling's id of a pay run → the references of its journals on the ledger."""

COSTS = ("earning", "reimbursement", "employer_tax", "employer_contribution")
REFERENCE = re.compile(r"\bMLC-[0-9A-F]{20}\b")


@dataclass(frozen=True)
class Tied:
    """One pay run, which is one plant's: US dollars in Rippling's register and on Plex's ledger."""

    check_date: str
    title: str
    plant: Plant
    journals: int
    register: Decimal
    ledger: Decimal
    net_pay: Decimal
    wages_payable: Decimal

    @property
    def difference(self) -> Decimal:
        """The larger of both: of what the run costs, and of its net pay. Nothing but zero will do."""
        return max(abs(self.register - self.ledger), abs(self.net_pay - self.wages_payable))


def tie(rippling: Customer, plex: Customer, known: References) -> list[Tied]:
    """Every pay run that Rippling has paid, whether the product knows of it or not."""
    ledger = {plant: _journals(plex, plant) for plant in company.PLANTS}
    found = []
    for run in paid_runs(rippling):
        plant = company.plant_of(run)
        references = known.get(run["id"], ())
        own = [journal for journal in ledger[plant] if reference_of(journal) in references]
        found.append(
            Tied(
                check_date=run["check_date"],
                title=run["title"],
                plant=plant,
                journals=len(own),
                register=cost_of(run),
                ledger=costs_on(own),
                net_pay=Decimal(run["net_pay"]),
                wages_payable=-_net(own, lambda account: account == books.WAGES_PAYABLE),
            )
        )
    return found


def paid_runs(rippling: Customer) -> list[dict[str, Any]]:
    """Rippling's pay runs, the earliest first."""
    runs = [run for run in rippling.snapshot()["pay_runs"] if run["state"] == "PAID"]
    return sorted(runs, key=lambda run: (run["check_date"], company.plant_of(run).pcn))


def cost_of(run: Mapping[str, Any]) -> Decimal:
    """What a pay run costs the company, by Rippling's register."""
    return sum((Decimal(run["totals"][kind]) for kind in COSTS), Decimal())


def costs_on(journals: Iterable[Journal]) -> Decimal:
    """What these journals have put on cost accounts."""
    return _net(journals, books.is_cost)


def on_ledger(plex: Customer) -> list[Journal]:
    """Every journal of both plants, whoever entered it."""
    return [journal for plant in company.PLANTS for journal in _journals(plex, plant)]


def by_hand(plex: Customer) -> list[Journal]:
    """The journals that do not carry a reference of ours."""
    return [journal for journal in on_ledger(plex) if not reference_of(journal)]


def disorder(plex: Customer, known: References, entered: Sequence[Journal]) -> Iterator[str]:
    """A sentence for each journal that is there twice, missing, nobody's, unbalanced, or not as it was ``entered``."""
    journals = on_ledger(plex)
    there = Counter(reference for journal in journals if (reference := reference_of(journal)))
    expected = {reference for references in known.values() for reference in references}
    yield from (f"Journal {reference} is in Plex {count} times." for reference, count in there.items() if count > 1)
    yield from (f"Journal {reference} is not in Plex." for reference in sorted(expected - there.keys()))
    yield from (f"Journal {reference} in Plex is of no pay run." for reference in sorted(there.keys() - expected))
    yield from (f"Journal {j['number']} does not balance." for j in journals if _net([j], lambda account: True))
    if by_hand(plex) != list(entered):
        yield "The journals that people entered in Plex are not what they were."


def reference_of(journal: Journal) -> str:
    """Our reference in a journal's description, empty where there is none."""
    found = REFERENCE.search(journal["description"])
    return found[0] if found else ""


def _journals(plex: Customer, plant: Plant) -> list[Journal]:
    plants = {str(shown["pcn"]): shown["journals"] for shown in plex.snapshot()["plants"]}
    return list(plants[plant.pcn])


def _net(journals: Iterable[Journal], wanted: Callable[[str], bool]) -> Decimal:
    """Debits less credits on the accounts that are wanted."""
    return sum(
        (
            Decimal(line["debit"]) - Decimal(line["credit"])
            for journal in journals
            for line in journal["lines"]
            if wanted(line["accountNo"])
        ),
        Decimal(),
    )
