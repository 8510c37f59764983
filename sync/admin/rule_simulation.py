"""What rules that are not kept yet would have made of the latest pay runs: carried in the form, saved or discarded."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec
from django.core.exceptions import ValidationError

from sync.admin.amounts import Amount, Row, Table, Value
from sync.models import Integration, PayRun
from sync.payroll.coverage import Weight
from sync.payroll.findings import Finding
from sync.payroll.rules import Rule
from sync.payroll.run_secrets import Account, RunSecrets
from sync.payroll.simulating import AccountChange, SimulatedRun
from sync.payroll.visibility import MASK, Cell, Sight, masked
from sync.payroll.wording import sentence_of

RUNS = 3
"""So many of the latest pay runs are tried."""


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """Rules to save, and the ids of those to remove, on their way from one form to the next."""

    rules: list[Rule]
    removed: list[int] = []


class RunShown(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the trial. ``gained`` and ``lost`` say what money gets or loses a rule; findings are sentences."""

    pay_run: PayRun
    table: Table
    same: int
    gained: list[str]
    lost: list[str]
    appeared: list[str]
    vanished: list[str]


def packed(proposal: Proposal) -> str:
    """As a form's hidden field carries it."""
    return msgspec.json.encode(proposal).decode()


def unpacked(text: str) -> Proposal:
    """What ``packed`` made, checked for its form only: every rule is checked again before it is kept, and made new.
    Raises ValidationError for anything else."""
    try:
        proposal = msgspec.json.decode(text, type=Proposal)
    except msgspec.MsgspecError:
        raise ValidationError("These rules did not arrive whole. Enter them again.") from None
    rules = [msgspec.structs.replace(rule, id=0) for rule in proposal.rules[:1000]]
    return Proposal(rules=rules, removed=proposal.removed[:1000])


def shown_run(
    run: SimulatedRun,
    integration: Integration,
    words: Mapping[tuple[str, str], str],
    chart: Mapping[str, str],
    sight: Sight,
    fewest: int,
    secrets: RunSecrets,
) -> RunShown:
    """The run as this person may see it. Accounts of which nothing changes are counted only."""
    hidden = _hidden(run.accounts, sight, fewest, secrets.accounts(run.pay_run.pk), secrets.groups())
    rows = [
        _row(change, is_hidden, chart)
        for change, is_hidden in zip(run.accounts, hidden, strict=True)
        if change.difference or change.moved
    ]

    def sentences(findings: Iterable[Finding]) -> list[str]:
        source, target = integration.source.name, integration.target.name
        return [sentence_of(finding, source=source, target=target, words=words) for finding in findings]

    return RunShown(
        pay_run=run.pay_run,
        table=Table(
            name=f"run-{run.pay_run.pk}",
            title=str(run.pay_run),
            columns=["Account", "", "Company", "Currency", "Now", "With these rules", "Difference", "People moved"],
            numbers=frozenset({4, 5, 6, 7}),
            rows=rows,
            empty="No account of this pay run changes.",
        ),
        same=len(run.accounts) - len(rows),
        gained=_weights(run.covered, sight, fewest),
        lost=_weights(run.uncovered, sight, fewest),
        appeared=sentences(run.appeared),
        vanished=sentences(run.vanished),
    )


def _hidden(
    accounts: Sequence[AccountChange],
    sight: Sight,
    fewest: int,
    secret: Collection[Account],
    groups: Mapping[Account, str],
) -> list[bool]:
    """A row is about the fewest of those whose pay is on the account before, after, or on its way. What accounts of a
    kind of pay item come to is shown with the run, and what a company's journals do is known to be nothing."""
    cells = [
        Cell(
            groups=(f"{groups.get(place)} {change.company} {change.currency}", f"{change.company} {change.currency}"),
            people=min(_fewest_of(change), 1) if place in secret else _fewest_of(change),
        )
        for change in accounts
        for place in [(change.company, change.account)]
    ]
    return masked(cells, sight, fewest, balanced={group for cell in cells for group in cell.groups}).cells


def _fewest_of(change: AccountChange) -> int:
    return min((n for n in (change.people_before, change.people, change.moved) if n), default=0)


def _row(change: AccountChange, is_hidden: bool, chart: Mapping[str, str]) -> Row:
    amounts: list[Value] = [
        MASK if is_hidden else Amount(value, change.currency)
        for value in (change.before, change.after, change.difference)
    ]
    name = chart.get(change.account, "")
    return Row(cells=[change.account, name, change.company, change.currency, *amounts, change.moved])


def _weights(weights: Mapping[str, Weight], sight: Sight, fewest: int) -> list[str]:
    found = []
    for currency, weight in weights.items():
        cell = Cell(groups=(currency,), people=weight.people)
        (is_hidden,) = masked([cell], sight, fewest).cells
        people = "1 person" if weight.people == 1 else f"{weight.people} people"
        found.append(f"{MASK if is_hidden else Amount(weight.amount, currency)} {currency} of {people}")
    return found
