"""What every ledger promises, whatever the vendor. Runs against the vendors' simulators over real HTTP."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from connectors.contract import LedgerTarget
from connectors.errors import ConnectorError, OutcomeUnknownError, RecordRejectedError
from connectors.journals import Journal
from connectors.vendors import VENDORS
from tests.connectors.conftest import ServeSimulator
from tests.connectors.contract import Contract
from tests.connectors.customers import Customer

CONTRACTS: list[Contract] = [
    contract
    for key, vendor in VENDORS.items()
    if "target" in vendor.roles
    for contract in importlib.import_module(f"tests.connectors.{key}.contract").CONTRACTS
]
each_ledger = pytest.mark.parametrize("contract", CONTRACTS, ids=lambda one: one.name)
Connect = Callable[[], LedgerTarget]


@pytest.fixture
def customer(contract: Contract, serve_simulator: ServeSimulator, as_described: None) -> Customer:
    return Customer.create(serve_simulator(contract.simulator), **{**contract.options, "employees": 2})


@pytest.fixture
def journal(contract: Contract, customer: Customer) -> Journal:
    return contract.journal(customer)


@pytest.fixture
def connect(contract: Contract, customer: Customer) -> Iterator[Connect]:
    """Another connector each time, as another run has."""
    with ExitStack() as opened:

        def make() -> LedgerTarget:
            connector: Any = opened.enter_context(closing(contract.connector(customer)))
            assert isinstance(connector, LedgerTarget)
            return connector

        yield make


def ours(contract: Contract, customer: Customer, journal: Journal) -> list[str]:
    """Numbers of the journals on the books with exactly these lines."""
    lines = [(one.account, one.debit, one.credit) for one in journal.lines]
    return [number for number, held in contract.books(customer) if held == lines]


@each_ledger
def test_a_posted_journal_is_on_the_books_once_and_found(
    contract: Contract, customer: Customer, journal: Journal, connect: Connect
) -> None:
    ledger = connect()
    assert ledger.find_journal(journal) == []
    posted = ledger.post_journal(journal)
    assert ours(contract, customer, journal) == [posted.number]
    assert posted.lines == journal.lines
    assert (posted.reference, posted.content_hash) == (journal.reference, journal.content_hash)
    assert (posted.company, posted.posting_date) == (journal.company, journal.posting_date)
    assert (posted.debit, posted.credit) == (journal.debit, journal.credit)
    assert list(connect().find_journal(journal)) == [posted]
    assert connect().get_journal(posted.id, journal.company) == posted


@each_ledger
def test_no_other_reference_finds_the_journal(journal: Journal, connect: Connect) -> None:
    connect().post_journal(journal)
    for reference in (f"{journal.reference}1", journal.reference[:-1], f"x{journal.reference}"):
        assert connect().find_journal(msgspec.structs.replace(journal, reference=reference)) == []


@each_ledger
@pytest.mark.parametrize("kind", ["cut_after", "truncate"])
def test_a_post_whose_answer_is_lost_is_unknown_and_found(
    contract: Contract, customer: Customer, journal: Journal, connect: Connect, kind: str
) -> None:
    customer.fault(kind, **contract.post_fault)
    with pytest.raises(OutcomeUnknownError):
        connect().post_journal(journal)
    (found,) = connect().find_journal(journal)
    assert ours(contract, customer, journal) == [found.number]
    assert found.lines == journal.lines


@each_ledger
@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_post_that_failed_on_their_side_is_not_repeated(
    contract: Contract, customer: Customer, journal: Journal, connect: Connect, status: int
) -> None:
    customer.fault("status", status_code=status, times=None, **contract.post_fault)
    with pytest.raises(OutcomeUnknownError):
        connect().post_journal(journal)
    customer.heal()
    assert connect().find_journal(journal) == []
    assert ours(contract, customer, journal) == []


@each_ledger
def test_a_refused_journal_did_not_happen(
    contract: Contract, customer: Customer, journal: Journal, connect: Connect
) -> None:
    unbalanced = msgspec.structs.replace(journal, lines=journal.lines[:-1])
    with pytest.raises(RecordRejectedError) as refused:
        connect().post_journal(unbalanced)
    assert refused.value.sentence.endswith(".")
    assert ours(contract, customer, unbalanced) == []
    assert connect().find_journal(journal) == []


@each_ledger
@pytest.mark.parametrize("kind", ["html", "garbage", "cut", "truncate"])
def test_a_look_up_that_fails_is_an_error_and_not_a_no(
    customer: Customer, journal: Journal, connect: Connect, kind: str
) -> None:
    connect().post_journal(journal)
    customer.fault(kind, times=None)
    with pytest.raises(ConnectorError):
        connect().find_journal(journal)


@each_ledger
def test_two_journals_with_one_reference_are_both_shown(journal: Journal, connect: Connect) -> None:
    numbers = {connect().post_journal(journal).number for _ in range(2)}
    assert len(numbers) == 2
    assert {found.number for found in connect().find_journal(journal)} == numbers


@each_ledger
def test_a_journal_the_ledger_does_not_have_is_none(journal: Journal, connect: Connect) -> None:
    assert connect().get_journal("00000000-0000-0000-0000-000000000000", journal.company) is None


@each_ledger
def test_the_posting_date_lies_in_the_period_it_is_posted_to(journal: Journal, connect: Connect) -> None:
    ledger = connect()
    day = journal.posting_date
    (period,) = ledger.fiscal_periods(journal.company, day, day)
    assert period.begin <= day <= period.end
    assert ledger.post_journal(journal).period == period.name
    following = ledger.fiscal_periods(journal.company, day, period.end + timedelta(days=1))
    assert [one.begin for one in following] == [period.begin, period.end + timedelta(days=1)]


@each_ledger
def test_activity_adds_up_to_what_was_posted(journal: Journal, connect: Connect) -> None:
    posted, day = connect().post_journal(journal), journal.posting_date
    ledger = connect()
    for account in {line.account for line in journal.lines}:
        lines = [line for line in ledger.activity(journal.company, account, day, day) if line.journal == posted.number]
        wanted = [line for line in journal.lines if line.account == account]
        assert sorted((one.debit, one.credit) for one in lines) == sorted((one.debit, one.credit) for one in wanted)
        later = day + timedelta(days=1)
        assert posted.number not in {one.journal for one in ledger.activity(journal.company, account, later, later)}


@each_ledger
def test_a_ledger_knows_its_companies_its_currency_and_its_accounts(journal: Journal, connect: Connect) -> None:
    ledger = connect()
    assert journal.company in ledger.companies()
    assert ledger.currency(journal.company) == journal.currency
    assert ledger.max_lines >= len(journal.lines)
    numbers = {account.number for account in ledger.accounts()}
    for line in journal.lines:
        assert line.account in numbers
        assert ledger.account_error(line.account) == ""
