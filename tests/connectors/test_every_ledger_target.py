"""What every ledger promises, whatever the vendor. Runs against the vendors' simulators over real HTTP."""

from __future__ import annotations

import importlib
import re
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
each_write = pytest.mark.parametrize(
    ("contract", "nth"),
    [
        pytest.param(contract, nth, id=f"{contract.name} {nth + 1}")
        for contract in CONTRACTS
        for nth in range(contract.post_requests)
    ],
)
"""Every request that writes a part of a long journal."""
Connect = Callable[..., LedgerTarget]
INTERRUPTIONS: dict[str, dict[str, Any]] = {
    "cut": {"kind": "cut"},
    **{str(status): {"kind": "status", "status_code": status} for status in (500, 502, 504)},
}


@pytest.fixture
def customer(contract: Contract, serve_simulator: ServeSimulator, as_described: None) -> Customer:
    return Customer.create(serve_simulator(contract.simulator), **contract.ledger_options)


@pytest.fixture
def journal(contract: Contract, customer: Customer) -> Journal:
    return contract.journal(customer)


@pytest.fixture
def long_journal(journal: Journal) -> Journal:
    """The same amounts again and again, in about a hundred lines."""
    return msgspec.structs.replace(journal, lines=journal.lines * (100 // len(journal.lines)))


@pytest.fixture
def connect(contract: Contract, customer: Customer) -> Iterator[Connect]:
    """Another connector each time, as another run has."""
    with ExitStack() as opened:

        def make(**values: Any) -> LedgerTarget:
            connector: Any = opened.enter_context(closing(contract.connector(customer, **values)))
            assert isinstance(connector, LedgerTarget)
            return connector

        yield make


def ours(contract: Contract, customer: Customer, journal: Journal) -> list[str]:
    """Numbers of the journals on the books with exactly these lines."""
    lines = [(one.account, one.debit, one.credit) for one in journal.lines]
    return [number for number, held in contract.books(customer) if held == lines]


def writes(contract: Contract, customer: Customer) -> int:
    """How many requests were to write a journal."""
    method, path = contract.post_fault["method"], re.compile(contract.post_fault["path"])
    return len([one for one in customer.requests() if one["method"] == method and path.fullmatch(one["path"])])


def assert_there_once(contract: Contract, customer: Customer, journal: Journal, connect: Connect) -> None:
    """The journal is on the books whole and a single time, and so it is found."""
    (number,) = ours(contract, customer, journal)
    (found,) = connect().find_journal(journal)
    assert (found.number, found.lines, found.complete) == (number, journal.lines, True)
    assert len(contract.books(customer)) == 2, "it and the one that was there before"


@each_ledger
def test_a_posted_journal_is_on_the_books_once_and_found(
    contract: Contract, customer: Customer, journal: Journal, connect: Connect
) -> None:
    ledger = connect()
    assert ledger.find_journal(journal) == []
    posted = ledger.post_journal(journal)
    assert ours(contract, customer, journal) == [posted.number]
    assert posted.lines == journal.lines
    assert (posted.reference, posted.complete) == (journal.reference, True)
    assert posted.content_hash == journal.content_hash[: contract.hash_length]
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
def test_a_long_journal_is_on_the_books_once_with_all_its_lines(
    contract: Contract, customer: Customer, long_journal: Journal, connect: Connect
) -> None:
    before = writes(contract, customer)
    assert connect().post_journal(long_journal).lines == long_journal.lines
    assert writes(contract, customer) - before == contract.post_requests
    assert_there_once(contract, customer, long_journal, connect)


@each_write
@pytest.mark.parametrize("kind", ["cut_after", "truncate"])
def test_a_post_whose_answer_is_lost_is_unknown_and_found(
    contract: Contract, nth: int, customer: Customer, long_journal: Journal, connect: Connect, kind: str
) -> None:
    """Where an answer before the last one is lost there is a part, which does not pass for the whole and is completed
    by the same journal posted again."""
    customer.fault(kind, skip=nth, **contract.post_fault)
    with pytest.raises(OutcomeUnknownError):
        connect().post_journal(long_journal)
    (found,) = connect().find_journal(long_journal)
    assert found.complete is (nth == contract.post_requests - 1)
    if not found.complete:
        assert len(found.lines) < len(long_journal.lines)
        assert connect().post_journal(long_journal).number == found.number
    assert_there_once(contract, customer, long_journal, connect)


@each_write
@pytest.mark.parametrize("trouble", INTERRUPTIONS.values(), ids=INTERRUPTIONS)
def test_a_post_that_is_interrupted_is_not_repeated_and_posting_it_again_makes_it_whole(
    contract: Contract, nth: int, customer: Customer, long_journal: Journal, connect: Connect, trouble: dict[str, Any]
) -> None:
    before = writes(contract, customer)
    customer.fault(**trouble, skip=nth, times=None, **contract.post_fault)
    with pytest.raises(OutcomeUnknownError):
        connect().post_journal(long_journal)
    assert writes(contract, customer) - before == nth + 1
    customer.heal()
    assert [found.complete for found in connect().find_journal(long_journal)] == [False] * min(nth, 1)
    assert ours(contract, customer, long_journal) == []
    connect().post_journal(long_journal)
    assert_there_once(contract, customer, long_journal, connect)


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
def test_two_journals_with_one_reference_are_both_shown(
    contract: Contract, customer: Customer, journal: Journal, connect: Connect
) -> None:
    numbers = {connect().post_journal(journal).number, contract.double(customer, journal)}
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
def test_a_ledger_knows_its_companies_its_currency_and_its_accounts(
    contract: Contract, journal: Journal, connect: Connect
) -> None:
    ledger, vendor = connect(), VENDORS[contract.simulator.name]
    assert journal.company in ledger.companies()
    assert ledger.currency(journal.company) == journal.currency
    assert ledger.max_lines >= len(journal.lines)
    numbers = {account.number for account in ledger.accounts() if account.company in (journal.company, None)}
    for line in journal.lines:
        assert vendor.chart_number(line.account) in numbers
        assert ledger.account_error(line.account) == ""


@each_ledger
def test_accounts_are_read_as_they_were_when_the_connection_was_tested(connect: Connect) -> None:
    ledger: Any = connect()
    checked = ledger.check()
    assert checked.ok, [finding.sentence for finding in checked.findings]
    assert connect(learned=checked.learned).format_change() == ""
