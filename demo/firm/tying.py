"""The proof of payroll: what Rippling paid held against the journals in Dynamics. Nothing here asks the product.

``references`` is the one thing it says: which journals belong to which pay run.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from demo.api import Customer
from demo.firm import books, company
from demo.firm.company import Entity

Journal = dict[str, Any]
References = Mapping[str, Sequence[str]]
"""Rippling's id of a pay run → the references of its journals in Dynamics."""

COST_KINDS = ("earning", "reimbursement", "employer_tax", "employer_contribution")
COST_ACCOUNTS = frozenset(books.COSTS.values())
REFERENCE = re.compile(r"\bMLC-[0-9A-F]{20}\b")
DIMENSIONS = frozenset({"CostCenter", "BusinessUnit"})
CENTERS = frozenset(map(company.cost_center, company.DEPARTMENTS))


@dataclass(frozen=True)
class Tied:
    """One legal entity's pay run: US dollars in Rippling's register and in Dynamics."""

    check_date: str
    title: str
    entity: Entity
    journals: int
    lines: int
    debits: Decimal
    credits: Decimal
    by_account: tuple[tuple[str, Decimal, Decimal], ...]
    """Kind of account, what Rippling's register has, what the journal has."""

    @property
    def difference(self) -> Decimal:
        """The largest of all. Nothing but zero will do."""
        apart = [abs(register - ledger) for _, register, ledger in self.by_account]
        return max(*apart, abs(self.debits - self.credits))


def tie(rippling: Customer, dynamics: Customer, references: References) -> list[Tied]:
    """Every pay run that Rippling has paid, whether the product knows of it or not."""
    journals: list[Journal] = dynamics.snapshot()["journals"]
    found = []
    for run in paid_runs(rippling):
        entity = company.entity_of(run)
        wanted = references.get(run["id"], ())
        own = [one for one in journals if one["company"] == entity.id and reference_of(one) in wanted]
        lines = [line for journal in own for line in journal["lines"]]
        found.append(
            Tied(
                check_date=run["check_date"],
                title=run["title"],
                entity=entity,
                journals=len(own),
                lines=len(lines),
                debits=sum((Decimal(line["debit"]) for line in lines), Decimal()),
                credits=sum((Decimal(line["credit"]) for line in lines), Decimal()),
                by_account=tuple(_by_account(run, lines)),
            )
        )
    return found


def paid_runs(rippling: Customer) -> list[dict[str, Any]]:
    """Rippling's pay runs in the order of the legal entities."""
    runs = [run for run in rippling.snapshot()["pay_runs"] if run["state"] == "PAID"]
    return sorted(runs, key=lambda run: company.entity_of(run).business_unit)


def reference_of(journal: Journal) -> str:
    """Our reference in a journal's description, empty where there is none."""
    found = REFERENCE.search(journal["description"])
    return found[0] if found else ""


def disorder(dynamics: Customer, references: References) -> Iterator[str]:
    """A sentence for each journal that is there twice, missing, nobody's, not posted, or on dimensions it must not be
    on."""
    journals = dynamics.snapshot()["journals"]
    there = Counter(map(reference_of, journals))
    expected = {reference for several in references.values() for reference in several}
    yield from (f"Journal {reference} is in Dynamics {n} times." for reference, n in there.items() if n > 1)
    yield from (f"Journal {reference} is not in Dynamics." for reference in sorted(expected - there.keys()))
    yield from (
        f"Journal {reference or 'of nobody'} is of no pay run." for reference in sorted(there.keys() - expected)
    )
    units = {entity.id: entity.business_unit for entity in company.ENTITIES}
    for journal in journals:
        if not journal["posted"]:
            yield f"Journal {journal['number']} is not posted."
        for line in journal["lines"]:
            values = line["segments"]
            costs = values["MainAccount"] in COST_ACCOUNTS
            right = (values.get("CostCenter") in CENTERS, values.get("BusinessUnit") == units[journal["company"]])
            if all(right) is not costs or (not costs and values.keys() & DIMENSIONS):
                yield f"Line {line['number']} of journal {journal['number']} has the dimensions {values}."


def _by_account(run: dict[str, Any], lines: Sequence[dict[str, Any]]) -> Iterator[tuple[str, Decimal, Decimal]]:
    totals = {kind: Decimal(amount) for kind, amount in run["totals"].items()}
    yield "costs", sum((totals[kind] for kind in COST_KINDS), Decimal()), _net(lines, COST_ACCOUNTS)
    taxes = totals["employee_tax"] + totals["employer_tax"]
    benefits = totals["employee_deduction"] + totals["employer_contribution"]
    for name, account, owed in (
        ("net pay", books.ACCRUED_WAGES, Decimal(run["net_pay"])),
        ("taxes", books.TAXES, taxes),
        ("benefits", books.BENEFITS, benefits),
        ("garnishments", books.GARNISHMENTS, totals["garnishment"]),
    ):
        yield name, owed, -_net(lines, {account})
    benefit_costs = totals["employer_contribution"]
    yield "employer taxes", totals["employer_tax"], _net(lines, {books.COSTS["employer_tax:FUTA"]})
    yield "employer benefits", benefit_costs, _net(lines, {books.COSTS["employer_contribution:401K"]})
    yield "reimbursements", totals["reimbursement"], _net(lines, {books.COSTS["reimbursement:REIMB"]})
    wages = {books.COSTS["earning:REG"], books.COSTS["earning:OT"]}
    yield "wages", totals["earning"], _net(lines, wages)


def _net(lines: Iterable[dict[str, Any]], accounts: Iterable[str]) -> Decimal:
    """Debits less credits on these main accounts."""
    return sum(
        (
            Decimal(line["debit"]) - Decimal(line["credit"])
            for line in lines
            if line["segments"]["MainAccount"] in accounts
        ),
        Decimal(),
    )
