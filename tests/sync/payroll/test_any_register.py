"""Any register and any rules: balanced journals that are the register, or a finding for every line that is not."""

from __future__ import annotations

import random
import typing
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sync.payroll import drafts, findings, lines, placing, register, rules, validation
from sync.payroll.findings import FindingCode
from sync.payroll.journals import (
    Built,
    DraftJournal,
    JournalKind,
    Options,
    RunFacts,
    Side,
    Surroundings,
    build,
    content_hash,
    minor_unit,
)
from sync.payroll.register import CREDITED, DEBITED, PaidLine, totals
from sync.payroll.rules import Rule, RuleTable
from sync.payroll.validation import control_totals
from tests.sync.payroll.strategies import CHECK_DATE, defaults, facts, options, registers, rule_lists, surroundings

SALT = uuid.UUID(int=0)
UNPLACED = {FindingCode.NO_RULE, FindingCode.NO_COST_CENTER, FindingCode.NOT_MAPPED, FindingCode.NO_COMPANY}
Cause = tuple[FindingCode, str, str, str, str]
Entry = tuple[str, str, str, Decimal]
"""The ledger's company, currency, account and amount, debits positive."""


class Expected:
    """What must become of a register, line by line, in the plainest words there are."""

    def __init__(self, paid: Iterable[PaidLine], rules: list[Rule], around: Surroundings, options: Options) -> None:
        self.around, self.options = around, options
        self.table = RuleTable(rules, CHECK_DATE)
        self.causes: dict[Cause, tuple[Decimal, set[str]]] = defaultdict(lambda: (Decimal(0), set()))
        self.cost: list[Entry] = []
        self.settled: list[Entry] = []
        self.differences: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        self.dusty: dict[tuple[str, str], set[str]] = defaultdict(set)
        for line in paid:
            if line.amount:
                self._line(line)

    def dust(self, company: str, currency: str) -> Decimal:
        return len(self.dusty[company, currency]) * minor_unit(currency) / 2

    def _line(self, line: PaidLine) -> None:
        company = self.around.companies.get(line.dimensions.company, self.around.default_company)
        causes: set[Cause] = set()
        if company is None:
            causes.add((FindingCode.NO_COMPANY, "company", line.dimensions.company, line.currency, ""))
        if line.amount != line.amount.quantize(minor_unit(line.currency)):
            self.dusty[str(company), line.currency].add(line.worker)
        choice = self.table.choose(line.item, line.dimensions)
        if choice is None:
            causes.add((FindingCode.NO_RULE, "item", line.item, line.currency, ""))
        for kinds, side, sign in ((DEBITED, "debit", 1), (CREDITED, "credit", -1)):
            if line.kind not in kinds:
                continue
            self.differences[str(company), line.currency] += sign * line.amount
            if choice is not None:
                settles = sign < 0 and self.options.separate_settlement and choice.rule.settlement
                text = getattr(choice.rule, side)
                if not text:
                    causes.add((FindingCode.NO_RULE, "item", line.item, line.currency, f"{side} account"))
                    continue
                account = self._account(text, line, causes)
                self.cost.append((str(company), line.currency, account, sign * line.amount))
                if settles:
                    bank = self._account(choice.rule.settlement, line, causes)
                    self.settled.append((str(company), line.currency, account, line.amount))
                    self.settled.append((str(company), line.currency, bank, -line.amount))
        for cause in causes:
            amount, people = self.causes[cause]
            self.causes[cause] = (amount + abs(line.amount), people | {line.label})

    def _account(self, text: str, line: PaidLine, causes: set[Cause]) -> str:
        name, department = self.options.cost_center_from, line.dimensions.department
        value = getattr(line.dimensions, name)
        if "{cost_center}" in text and value not in self.around.cost_centers:
            causes.add((FindingCode.NO_COST_CENTER, name, value, line.currency, ""))
        if "{department}" in text and department not in self.around.departments:
            causes.add((FindingCode.NOT_MAPPED, "department", department, line.currency, ""))
        text = text.replace("{department}", self.around.departments.get(department, "?"))
        return text.replace("{cost_center}", self.around.cost_centers.get(value, "?"))


def summed(entries: Iterable[Entry]) -> dict[tuple[str, str, str], Decimal]:
    sums: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for company, currency, account, amount in entries:
        sums[company, currency, account] += amount
    return {key: amount for key, amount in sums.items() if amount}


def exact_entries(journals: Iterable[DraftJournal]) -> Iterator[Entry]:
    """What the journals hold before rounding; what came to nothing is on no account."""
    for journal in journals:
        for line in journal.lines:
            yield journal.company, journal.currency, line.account, sum((s.amount for s in line.shares), Decimal(0))


def assert_well_formed(journal: DraftJournal, options: Options) -> None:
    unit = minor_unit(journal.currency)
    assert sum(line.debit for line in journal.lines) == sum(line.credit for line in journal.lines) == journal.debit > 0
    assert 2 <= len(journal.lines) <= options.max_lines
    assert [line.number for line in journal.lines] == list(range(1, len(journal.lines) + 1))
    assert 1 <= journal.part <= journal.parts
    assert journal.description.isascii()
    assert len(journal.description) <= 120
    for line in journal.lines:
        assert line.debit >= 0
        assert line.credit >= 0
        assert bool(line.debit) != bool(line.credit)
        assert line.debit % unit == line.credit % unit == 0
        assert line.description
        assert len(line.description) <= 100
        if line.shares:
            assert abs(sum(share.amount for share in line.shares) - line.debit + line.credit) <= unit / 2
        else:
            assert line.account == options.rounding_account


@given(paid=registers(), rules=rule_lists(), facts=facts, around=surroundings, options=options)
def test_every_line_without_a_place_is_in_a_finding_with_its_money_and_its_people(
    paid: list[PaidLine], rules: list[Rule], facts: RunFacts, around: Surroundings, options: Options
) -> None:
    expected = Expected(paid, rules, around, options)

    built = build(facts, paid, RuleTable(rules, CHECK_DATE), around, options)

    found = {
        (f.code, f.kind, f.culprit, f.currency, f.detail): (f.amount, set(f.people))
        for f in built.findings
        if f.code in UNPLACED
    }
    assert found == expected.causes
    assert all(f.people_count == len(f.people) for f in built.findings if f.code in UNPLACED)
    if not built.findings:
        assert_is_the_register(built, expected, paid, options)


@given(paid=registers(), facts=facts, options=options)
def test_with_a_rule_for_everything_the_journals_are_the_register(
    paid: list[PaidLine], facts: RunFacts, options: Options
) -> None:
    around = Surroundings(companies={"ACME": "10", "BOLT": "20"}, default_company="30", cost_centers={}, words={})
    options = msgspec.structs.replace(
        options, rounding_account="6999", rounding_limit=Decimal(1_000), accrued_account="2900"
    )
    rules = defaults()

    built = build(facts, paid, RuleTable(rules, CHECK_DATE), around, options)

    assert built.findings == ()
    assert_is_the_register(built, Expected(paid, rules, around, options), paid, options)


def assert_is_the_register(built: Built, expected: Expected, paid: list[PaidLine], options: Options) -> None:
    assert not any(expected.differences.values())
    for journal in built.journals:
        assert_well_formed(journal, options)
    assert len({journal.key for journal in built.journals}) == len(built.journals)

    def of(*kinds: JournalKind) -> list[DraftJournal]:
        return [journal for journal in built.journals if journal.kind in kinds]

    cost, settled = of(JournalKind.PAYROLL, JournalKind.ACCRUAL), of(JournalKind.SETTLEMENT)
    assert {journal.kind for journal in cost} <= {
        JournalKind.ACCRUAL if options.separate_settlement else JournalKind.PAYROLL
    }
    for journals, entries in ((cost, expected.cost), (settled, expected.settled)):
        exact, wanted = summed(exact_entries(journals)), summed(entries)
        for key in exact.keys() | wanted.keys():
            # A line that came to nothing is not posted: at most half a unit for each place it could have been.
            lost = abs(exact.get(key, Decimal(0)) - wanted.get(key, Decimal(0)))
            assert lost <= minor_unit(key[1]) / 2 * len(paid)
    posted = [share for j in cost for share in (*j.unposted, *(s for line in j.lines for s in line.shares))]
    if {(journal.company, journal.currency) for journal in cost} == expected.differences.keys():
        debits = sum((share.amount for share in posted if share.side is Side.DEBIT), Decimal(0))
        assert debits == sum((line.amount for line in paid if line.kind in DEBITED), Decimal(0))
        assert control_totals(built.journals, totals(paid)) == []
    accrued, reversed_ = of(JournalKind.MONTH_END), of(JournalKind.MONTH_END_REVERSAL)
    assert summed(exact_entries([*accrued, *reversed_])) == {}


@given(paid=registers(balanced=False), facts=facts, around=surroundings, options=options)
def test_a_register_that_does_not_balance_is_never_rounded_into_shape(
    paid: list[PaidLine], facts: RunFacts, around: Surroundings, options: Options
) -> None:
    around = msgspec.structs.replace(around, default_company="10")
    expected = Expected(paid, defaults(), around, options)

    built = build(facts, paid, RuleTable(defaults(), CHECK_DATE), around, options)

    unbalanced = {
        tuple(f.journal.split(":")[1:3]): f.amount for f in built.findings if f.code is FindingCode.UNBALANCED
    }
    assert unbalanced == {
        key: amount for key, amount in expected.differences.items() if abs(amount) > expected.dust(*key)
    }
    for journal in built.journals:
        if (
            journal.kind in (JournalKind.PAYROLL, JournalKind.ACCRUAL)
            and (journal.company, journal.currency) in unbalanced
        ):
            assert all(line.shares for line in journal.lines)


@given(paid=registers(), rules=rule_lists(), facts=facts, around=surroundings, options=options, chance=st.randoms())
def test_the_order_of_the_lines_changes_nothing(
    paid: list[PaidLine],
    rules: list[Rule],
    facts: RunFacts,
    around: Surroundings,
    options: Options,
    chance: random.Random,
) -> None:
    rules = rules or defaults()
    built = build(facts, paid, RuleTable(rules, CHECK_DATE), around, options)
    chance.shuffle(paid)
    chance.shuffle(rules)

    again = build(facts, paid, RuleTable(rules, CHECK_DATE), around, options)

    assert again == built
    hashes = [content_hash(journal, SALT) for journal in again.journals]
    assert hashes == [content_hash(journal, SALT) for journal in built.journals]


@given(paid=registers(), rules=rule_lists(), facts=facts, around=surroundings, options=options)
def test_no_value_on_the_way_is_a_float(
    paid: list[PaidLine], rules: list[Rule], facts: RunFacts, around: Surroundings, options: Options
) -> None:
    built = build(facts, paid, RuleTable(rules or defaults(), CHECK_DATE), around, options)

    kinds = {type(value) for value in walk([paid, built, control_totals(built.journals, totals(paid))])}
    assert float not in kinds


def walk(value: object) -> Iterator[object]:
    """The value and everything in it."""
    yield value
    if isinstance(value, msgspec.Struct):
        value = [getattr(value, name) for name in value.__struct_fields__]
    elif isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list | tuple | set | frozenset):
        for part in value:
            yield from walk(part)


def test_no_declaration_on_the_way_knows_a_float() -> None:
    structs = [
        declared
        for module in (drafts, findings, lines, placing, register, rules, validation)
        for declared in vars(module).values()
        if isinstance(declared, type) and issubclass(declared, msgspec.Struct)
    ]

    types = {kind for struct in structs for hint in typing.get_type_hints(struct).values() for kind in unfold(hint)}
    assert Decimal in types
    assert float not in types


def unfold(hint: object) -> Iterator[object]:
    """The type and all that it is made of."""
    parts = hint if isinstance(hint, list) else typing.get_args(hint)
    if not isinstance(hint, list):
        yield hint
    for part in parts:
        yield from unfold(part)
