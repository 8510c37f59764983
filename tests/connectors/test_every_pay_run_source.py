"""What every system that runs a payroll promises, whatever the vendor. Against the simulators, over real HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.contract import PayRunSource
from connectors.errors import ConnectorError
from connectors.pay_runs import PayKind, PayRun, PayRunState
from tests.connectors.conftest import ServeSimulator
from tests.connectors.contract import Contract
from tests.connectors.customers import Customer
from tests.connectors.test_every_connector import CONTRACTS, MISBEHAVIOURS, assert_tells_no_secret

EVER = date(2000, 1, 1)
each = pytest.mark.parametrize("contract", [one for one in CONTRACTS if one.pay_options], ids=lambda one: one.name)

Pay = Callable[[Contract], tuple[Customer, Any]]


@pytest.fixture
def pay(serve_simulator: ServeSimulator, as_described: None) -> Iterator[Pay]:
    """A company with pay runs and a connector to it."""
    opened = []

    def make(contract: Contract) -> tuple[Customer, Any]:
        customer = Customer.create(serve_simulator(contract.simulator), **contract.pay_options)
        contract.prepare(customer)
        opened.append(contract.connector(customer))
        return customer, opened[-1]

    yield make
    for connector in opened:
        connector.close()


def test_somebody_runs_a_payroll() -> None:
    assert any(contract.pay_options for contract in CONTRACTS)


def totals(connector: PayRunSource, run: PayRun) -> dict[PayKind, Decimal]:
    found: dict[PayKind, Decimal] = {}
    for paid in connector.pay_pages(run):
        assert paid.unreadable == []
        for statement in paid.statements:
            for line in statement.lines:
                found[line.kind] = found.get(line.kind, Decimal(0)) + line.amount
    return found


@each
def test_every_run_adds_up_to_what_was_paid_to_the_cent(contract: Contract, pay: Pay) -> None:
    customer, connector = pay(contract)
    assert isinstance(connector, PayRunSource)
    found = {run.id: totals(connector, run) for run in connector.pay_runs(EVER)}
    assert found == contract.paid(customer)
    assert len(found) > 1


@each
def test_every_person_is_paid_once_and_their_net_is_what_is_left(contract: Contract, pay: Pay) -> None:
    _, connector = pay(contract)
    run = next(connector.pay_runs(EVER))
    statements = [one for paid in connector.pay_pages(run) for one in paid.statements]
    assert len({one.worker_id for one in statements}) == len({one.id for one in statements}) == len(statements) > 100
    for one in statements:
        sums = dict.fromkeys(PayKind, Decimal(0))
        for line in one.lines:
            assert line.code, line.kind
            assert line.name, line.kind
            sums[line.kind] += line.amount
        taken = sums[PayKind.EMPLOYEE_TAX] + sums[PayKind.EMPLOYEE_DEDUCTION] + sums[PayKind.GARNISHMENT]
        assert sums[PayKind.EARNING] - taken + sums[PayKind.REIMBURSEMENT] == sums[PayKind.NET_PAY]
        assert one.gross in (None, sums[PayKind.EARNING])
        assert len(one.currency) == 3


@each
def test_runs_come_newest_first_and_none_from_before(contract: Contract, pay: Pay) -> None:
    _, connector = pay(contract)
    runs = list(connector.pay_runs(EVER))
    dates = [run.check_date for run in runs]
    assert dates == sorted(dates, reverse=True)
    assert len(set(dates)) > 1
    for since in (dates[0], dates[0] + timedelta(days=1)):
        assert list(connector.pay_runs(since)) == [run for run in runs if run.check_date >= since]
    for run in runs:
        assert run.source_state
        assert run.state is not PayRunState.UNKNOWN
        assert run.company_id
        assert run.period_start is not None
        assert run.period_end is not None
        assert run.period_start <= run.period_end <= run.check_date
        assert connector.pay_run(run.id) == run
    assert connector.pay_run("000000000000000000000000") is None


@each
@pytest.mark.parametrize("kind", ["html", "garbage", "cut", "truncate"])
def test_a_walk_that_fails_half_way_is_an_error_and_not_a_short_payroll(
    contract: Contract, pay: Pay, kind: str
) -> None:
    customer, connector = pay(contract)
    run = next(connector.pay_runs(EVER))
    customer.fault(kind, path=contract.pay_path, skip=1, times=None)
    with closing(connector.pay_pages(run)) as pages:
        assert next(pages).statements
        with pytest.raises(ConnectorError):
            list(pages)


@each
@pytest.mark.parametrize("trouble", MISBEHAVIOURS.values(), ids=MISBEHAVIOURS)
def test_a_read_that_fails_is_one_of_our_errors_and_tells_no_secret(
    contract: Contract, pay: Pay, trouble: dict[str, Any]
) -> None:
    customer, connector = pay(contract)
    run = next(connector.pay_runs(EVER))
    customer.fault(**trouble, times=None)
    reads: list[Callable[[], Any]] = [
        lambda: list(connector.pay_runs(EVER)),
        lambda: list(connector.pay_pages(run)),
        lambda: [connector.pay_run(run.id)],
    ]
    for read in reads:
        try:
            assert read() == [None], "an id that is not known"
        except ConnectorError as error:
            assert_tells_no_secret(f"{error.sentence} {error.detail} {error!r}", contract.credentials(customer))
