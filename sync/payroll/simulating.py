"""What account rules would have made of past pay runs, before they take effect. Writes nothing.

The journals of the latest runs are built twice from their registers, by the rules as they are and as proposed, with
the mappings of the check date and today's settings. Nothing is asked over the wire.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal

import msgspec
from msgspec.structs import replace

from connectors.contract import LedgerTarget
from sync.models import Integration, PayrollSettings, PayRun
from sync.payroll.account_rules import applied, check_rules
from sync.payroll.coverage import Weight
from sync.payroll.drafting import facts_of
from sync.payroll.drafts import Built, Detail, Options, Surroundings
from sync.payroll.findings import Finding
from sync.payroll.journals import build
from sync.payroll.money import ZERO
from sync.payroll.placing import Posting, place
from sync.payroll.reading import load_lines
from sync.payroll.register import PaidLine
from sync.payroll.rules import Rule, RuleTable
from sync.payroll.surroundings import load_ledger, load_rules, load_surroundings, options_of
from sync.payroll.validation import Ledger, validate


class AccountChange(msgspec.Struct, frozen=True, kw_only=True):
    """The net debit (debits minus credits) of one account in one run, by the rules as they are and as proposed.

    ``moved`` is how many people's own part of it changed: whoever may not see the pay of ``people``, of
    ``people_before`` or of ``moved`` may not see the row, since the difference is the pay of those who moved.
    """

    company: str
    currency: str
    account: str
    before: Decimal
    after: Decimal
    people_before: int
    people: int
    moved: int

    @property
    def difference(self) -> Decimal:
        """By how much the net debit grows."""
        return self.after - self.before


class SimulatedRun(msgspec.Struct, frozen=True, kw_only=True):
    """One past run. ``accounts`` are all accounts of its journals; ``covered`` and ``uncovered`` are by currency what
    would gain a rule and what would lose it; ``appeared`` and ``vanished`` are findings only the proposed rules have,
    and only the present ones."""

    pay_run: PayRun
    accounts: list[AccountChange]
    covered: dict[str, Weight]
    uncovered: dict[str, Weight]
    appeared: list[Finding]
    vanished: list[Finding]


def simulate(
    integration: Integration,
    changes: Sequence[Rule],
    *,
    target: LedgerTarget,
    runs: int,
    removed: Collection[int] = (),
) -> list[SimulatedRun]:
    """The latest ``runs`` pay runs that had journals, the latest first, if ``changes`` (``account_rules.proposed``)
    were saved and the rules with the ids ``removed`` were gone.

    Raises ValidationError as ``save_rule`` does. A constant number of queries per run.
    """
    check_rules(integration, changes)
    rules = load_rules(integration)
    kept = [rule for rule in rules if rule.id not in removed]
    touched = {rule.item for rule in (*changes, *rules) if rule.id == 0 or rule.id in removed}
    options = options_of(PayrollSettings.objects.get(integration=integration), target)
    ledger = load_ledger(integration, target)
    drafted = PayRun.objects.filter(integration=integration, drafted_at__isnull=False)
    latest = drafted.exclude(state=PayRun.State.VOID).order_by("-check_date", "-pk")[:runs]
    proposed = applied(kept, changes)
    return [
        _simulated(
            pay_run,
            touched,
            _Side(RuleTable(rules, pay_run.check_date), around, options, ledger),
            _Side(RuleTable(proposed, pay_run.check_date), around, options, ledger),
        )
        for pay_run in latest
        for around in [load_surroundings(integration, target, pay_run.check_date)]
    ]


Account = tuple[str, str, str]
"""Company of the ledger, currency, number."""


class _Side:
    """One set of rules, and what it makes of a register."""

    def __init__(self, table: RuleTable, around: Surroundings, options: Options, ledger: Ledger) -> None:
        self.table, self.around, self.options, self.ledger = table, around, options, ledger

    def build(self, pay_run: PayRun, lines: Sequence[PaidLine]) -> Built:
        """The journals and every finding. Periods do not matter: what was paid then is not posted again."""
        built = build(facts_of(pay_run), lines, self.table, self.around, self.options)
        found = built.findings or validate(built.journals, self.ledger)
        return replace(built, findings=tuple(finding for finding in found if finding.kind != "period"))

    def workers(self, lines: Iterable[PaidLine]) -> dict[Account, set[str]]:
        """Whose pay is on each account."""
        found: dict[Account, set[str]] = defaultdict(set)
        for posting in place(lines, self.table, self.around, self.options).postings:
            for account in _accounts(posting):
                found[account] |= posting.workers
        return found

    def parts(self, lines: Iterable[PaidLine]) -> dict[tuple[Account, str], Decimal]:
        """Each worker's own part of each account."""
        found: dict[tuple[Account, str], Decimal] = defaultdict(Decimal)
        by_worker = replace(self.options, detail=Detail.WORKER)
        for posting in place(lines, self.table, self.around, by_worker).postings:
            # What is settled later is put on the account and taken off again; who moves there moves all the same.
            for account in _accounts(posting):
                found[account, posting.worker] += posting.amount
        return found


def _accounts(posting: Posting) -> Iterable[Account]:
    numbers = [posting.account, *([posting.settlement[0]] if posting.settlement else [])]
    return [(posting.company, posting.currency, number) for number in numbers]


def _simulated(pay_run: PayRun, touched: Collection[str], old: _Side, new: _Side) -> SimulatedRun:
    lines = [line for line in load_lines(pay_run) if line.amount]
    concerned = [line for line in lines if line.item in touched]
    before, after = old.build(pay_run, lines), new.build(pay_run, lines)
    known, found = {_cause(f) for f in before.findings}, {_cause(f) for f in after.findings}
    return SimulatedRun(
        pay_run=pay_run,
        accounts=_changes(before, after, old, new, lines, concerned),
        covered=_gained(concerned, old.table, new.table),
        uncovered=_gained(concerned, new.table, old.table),
        appeared=[finding for finding in after.findings if _cause(finding) not in known],
        vanished=[finding for finding in before.findings if _cause(finding) not in found],
    )


def _changes(
    before: Built, after: Built, old: _Side, new: _Side, lines: Sequence[PaidLine], concerned: Sequence[PaidLine]
) -> list[AccountChange]:
    nets, new_nets = _nets(before), _nets(after)
    workers, new_workers = old.workers(lines), new.workers(lines)
    parts, new_parts = old.parts(concerned), new.parts(concerned)
    moved: dict[Account, set[str]] = defaultdict(set)
    for account, worker in {*parts, *new_parts}:
        if parts.get((account, worker), ZERO) != new_parts.get((account, worker), ZERO):
            moved[account].add(worker)
    return [
        AccountChange(
            company=account[0],
            currency=account[1],
            account=account[2],
            before=nets.get(account, ZERO),
            after=new_nets.get(account, ZERO),
            people_before=len(workers.get(account, ())),
            people=len(new_workers.get(account, ())),
            moved=len(moved.get(account, ())),
        )
        for account in sorted({*nets, *new_nets})
    ]


def _nets(built: Built) -> dict[Account, Decimal]:
    nets: dict[Account, Decimal] = defaultdict(Decimal)
    for journal in built.journals:
        for line in journal.lines:
            nets[journal.company, journal.currency, line.account] += line.debit - line.credit
    return nets


def _gained(lines: Iterable[PaidLine], old: RuleTable, new: RuleTable) -> dict[str, Weight]:
    """By currency, what has no rule in the one table and one in the other."""
    found: dict[str, list[PaidLine]] = defaultdict(list)
    for line in lines:
        if old.choose(line.item, line.dimensions) is None and new.choose(line.item, line.dimensions) is not None:
            found[line.currency].append(line)
    return {
        currency: Weight(
            amount=sum((abs(line.amount) for line in gained), ZERO),
            lines=len(gained),
            people=len({line.worker for line in gained}),
        )
        for currency, gained in sorted(found.items())
    }


def _cause(finding: Finding) -> tuple[str, ...]:
    """What makes two findings the same, however much money and whomever they concern."""
    return finding.code, finding.kind, finding.culprit, finding.detail, finding.currency, finding.journal
