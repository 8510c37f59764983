"""What goes wrong only in Dynamics: inside of a batch's answer, and by the people who work in its journals."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx

from tests.chaos.posting_faults import Hands, Plan, any_moment, named

UNKNOWN = "Object reference not set to an instance of an object."
REFUSED = "Write failed for table row of type 'LedgerJournalLineEntity'. Infolog: Warning: The period is not open."


@named("429 inside of a batch", "dynamics")
def _limited_inside(plan: Plan, chance: random.Random, hands: Hands) -> None:
    _inside(plan, chance, status=429, retry_after=chance.choice((1, 30, 250, 3600)), times=chance.choice((1, 2, 9)))


@named("429 inside of a batch after commit", "dynamics")
def _limited_after(plan: Plan, chance: random.Random, hands: Hands) -> None:
    _inside(plan, chance, status=429, retry_after=chance.choice((1, 30)), committed=True)


@named("500 inside of a batch", "dynamics")
def _failed_inside(plan: Plan, chance: random.Random, hands: Hands) -> None:
    status = chance.choice((408, 500, 503))
    _inside(plan, chance, status=status, message=UNKNOWN, committed=chance.random() < 0.5, times=chance.choice((1, 3)))


@named("changeset refused", "dynamics")
def _refused_inside(plan: Plan, chance: random.Random, hands: Hands) -> None:
    _inside(plan, chance, status=chance.choice((400, 500)), message=REFUSED)


@named("update conflicts", "dynamics")
def _conflicts(plan: Plan, chance: random.Random, hands: Hands) -> None:
    plan.changes.append(("conflict_next", {"times": chance.choice((1, 3, 40))}))


@named("taken back in vain", "dynamics")
def _not_taken_back(plan: Plan, chance: random.Random, hands: Hands) -> None:
    """A changeset is refused, and what was written before cannot be removed, or nobody knows whether it was."""
    plan.names.append("changeset refused")
    _inside(plan, chance, status=400, message=REFUSED)
    kind = chance.choice(("cut", "cut_after", "status"))
    plan.fault(kind, "/data/LedgerJournalHeaders.*", "DELETE", times=chance.choice((1, 4)))


@named("open at a person's", "dynamics")
def _locked(plan: Plan, chance: random.Random, hands: Hands) -> None:
    _by_hand(plan, chance, hands, lambda journal: hands.customer.change("lock_journal", number=journal["number"]))


@named("posted by finance", "dynamics")
def _posted_early(plan: Plan, chance: random.Random, hands: Hands) -> None:
    """The nightly posting job takes whatever balances, so also a journal of which a part is there."""
    plan.distorted = "by hand"
    _by_hand(plan, chance, hands, lambda journal: hands.customer.change("post_journals", number=journal["number"]))


@named("changed by a person", "dynamics")
def _changed(plan: Plan, chance: random.Random, hands: Hands) -> None:
    plan.distorted = "by hand"
    factor = chance.choice((Decimal("0.5"), Decimal(2)))

    def change(journal: dict[str, Any]) -> None:
        if journal["lines"]:
            line = chance.choice(journal["lines"])
            side = "DebitAmount" if Decimal(line["debit"]) else "CreditAmount"
            amount = str(Decimal(line["debit"] if side == "DebitAmount" else line["credit"]) * factor)
            place = {"number": journal["number"], "line": line["number"]}
            hands.customer.change("change_line", **place, fields={side: amount})

    _by_hand(plan, chance, hands, change)


@named("a line deleted by a person", "dynamics")
def _line_deleted(plan: Plan, chance: random.Random, hands: Hands) -> None:
    plan.distorted = "by hand"

    def delete(journal: dict[str, Any]) -> None:
        if journal["lines"]:
            line = chance.choice(journal["lines"])["number"]
            hands.customer.change("delete_line", number=journal["number"], line=line)

    _by_hand(plan, chance, hands, delete)


def _inside(plan: Plan, chance: random.Random, **details: Any) -> None:
    """At one of the changesets, of which there are about as many as requests."""
    plan.changes.append(("fault_in_batch", {"skip": chance.randrange(plan.ledger.writes), **details}))


def _by_hand(plan: Plan, chance: random.Random, hands: Hands, act: Callable[[dict[str, Any]], Any]) -> None:
    """Somebody in Dynamics does something to our journal, if it is there at that moment."""

    def do(request: httpx.Request | None) -> None:
        for journal in hands.payday.journals():
            if hands.payday.postings(hands.pay_run)[0].reference in journal["description"] and not journal["posted"]:
                act(journal)

    plan.moments[any_moment(chance, plan.ledger)] = do
