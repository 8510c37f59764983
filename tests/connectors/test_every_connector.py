"""What every connector promises, whatever the vendor. Runs against the vendors' simulators over real HTTP."""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.util import find_spec
from typing import Any

import msgspec
import pytest

from connectors.contract import Connector, Level, WorkerSource, WorkerTarget
from connectors.errors import (
    ConnectionConfigError,
    ConnectorError,
    OutcomeUnknownError,
    TemporaryError,
    UnexpectedReplyError,
)
from connectors.records import Employee, EmploymentStatus
from connectors.vendors import VENDORS
from tests.connectors.conftest import ServeSimulator
from tests.connectors.contract import Contract
from tests.connectors.customers import Customer
from tests.connectors.surroundings import Clock


def _contracts() -> list[Contract]:
    modules = [f"tests.connectors.{key}.contract" for key in VENDORS]
    return [one for module in modules if find_spec(module) for one in importlib.import_module(module).CONTRACTS]


CONTRACTS = _contracts()


def _with(role: str) -> list[Contract]:
    """Contracts of the vendors that can be a source, or a target."""
    return [one for one in CONTRACTS if role in VENDORS[one.simulator.name].roles]


each = pytest.mark.parametrize("contract", CONTRACTS, ids=lambda one: one.name)
each_source = pytest.mark.parametrize("contract", _with("source"), ids=lambda one: one.name)
each_target = pytest.mark.parametrize("contract", _with("target"), ids=lambda one: one.name)

Create = Callable[[Contract], Customer]
MISBEHAVIOURS: dict[str, dict[str, Any]] = {
    "html": {"kind": "html"},
    "garbage": {"kind": "garbage"},
    "truncated": {"kind": "truncate"},
    "cut": {"kind": "cut"},
    "500": {"kind": "status", "status_code": 500, "body": "<html>oops</html>"},
    "403": {"kind": "status", "status_code": 403, "body": {"detail": "no"}},
    "401": {"kind": "status", "status_code": 401, "body": {"detail": "no"}},
    "404": {"kind": "status", "status_code": 404, "body": "<html>Not Found!</html>"},
    "302": {"kind": "status", "status_code": 302, "headers": {"Location": "https://login.example.com/"}},
    "429": {"kind": "status", "status_code": 429},
}


@pytest.fixture
def create(serve_simulator: ServeSimulator, as_described: None) -> Create:
    def make(contract: Contract) -> Customer:
        customer = Customer.create(serve_simulator(contract.simulator), **contract.options)
        contract.prepare(customer)
        return customer

    return make


@pytest.fixture
def opened() -> Iterator[list[Connector]]:
    connectors: list[Connector] = []
    yield connectors
    for connector in connectors:
        connector.close()


@pytest.fixture
def connect(opened: list[Connector]) -> Callable[..., Any]:
    def make(contract: Contract, customer: Customer, clock: Clock | None = None, **values: Any) -> Any:
        opened.append(contract.connector(customer, clock, **values))
        return opened[-1]

    return make


def read(connector: Connector) -> list[Any]:
    """Everybody, from either side."""
    if isinstance(connector, WorkerSource):
        return [worker for page in connector.worker_pages() for worker in page.workers]
    assert isinstance(connector, WorkerTarget)
    return list(connector.employees())


def data(customer: Customer) -> dict[str, Any]:
    """What the customer has, without what is noted of the access to it."""
    return {name: value for name, value in customer.snapshot().items() if name not in ("app", "requests")}


def test_every_vendor_has_a_contract() -> None:
    assert {contract.simulator.name for contract in CONTRACTS} == set(VENDORS)


@each
def test_a_check_says_in_sentences_what_is_granted_and_writes_nothing(
    contract: Contract, create: Create, connect: Any
) -> None:
    customer = create(contract)
    before = data(customer)
    result = connect(contract, customer).check()
    assert result.ok, [finding.sentence for finding in result.findings if finding.level is Level.FAILED]
    assert result.account
    for finding in result.findings:
        assert not finding.sentence[0].islower()
        assert finding.sentence.endswith((".", "!"))
        assert len(finding.sentence.split()) > 3
    assert data(customer) == before
    assert {asked["method"] for asked in customer.requests()} <= {"GET", "POST"}


@each
@pytest.mark.parametrize("trouble", MISBEHAVIOURS.values(), ids=MISBEHAVIOURS)
def test_a_check_never_raises(contract: Contract, create: Create, connect: Any, trouble: dict[str, Any]) -> None:
    customer = create(contract)
    customer.fault(**trouble, times=None)
    result = connect(contract, customer).check()
    assert not result.ok
    assert_tells_no_secret(repr(result), contract.credentials(customer))


@each
@pytest.mark.parametrize("trouble", MISBEHAVIOURS.values(), ids=MISBEHAVIOURS)
def test_a_read_that_fails_is_one_of_our_errors_and_tells_no_secret(
    contract: Contract, create: Create, connect: Any, trouble: dict[str, Any]
) -> None:
    customer = create(contract)
    customer.fault(**trouble, times=None)
    with pytest.raises(ConnectorError) as caught:
        read(connect(contract, customer))
    error = caught.value
    shown = "".join(traceback.format_exception(error)) + error.sentence + error.detail + repr(error)
    assert_tells_no_secret(shown, contract.credentials(customer))
    assert " " in error.sentence


@each
def test_wrong_credentials_are_a_finding_and_stop_a_read(contract: Contract, create: Create, connect: Any) -> None:
    connector = connect(contract, create(contract), credentials=contract.wrong_credentials())
    result = connector.check()
    assert not result.ok
    with pytest.raises(ConnectionConfigError) as caught:
        read(connector)
    assert_tells_no_secret(repr(result) + repr(caught.value) + caught.value.detail, contract.wrong_credentials())


@each
def test_a_web_page_or_half_json_is_unexpected(contract: Contract, create: Create, connect: Any) -> None:
    for kind in ("html", "garbage"):
        customer = create(contract)
        customer.fault(kind, path=contract.people_path, times=None)
        with pytest.raises((UnexpectedReplyError, TemporaryError)):
            read(connect(contract, customer))


@each
def test_a_truncated_answer_is_asked_for_again(contract: Contract, create: Create, connect: Any) -> None:
    customer = create(contract)
    whole = read(connect(contract, customer))
    customer.fault("truncate", path=contract.people_path)
    again = connect(contract, customer)
    try:
        assert read(again) == whole
    except TemporaryError:
        assert read(again) == whole, "a streamed list is read again by the caller"


@each
def test_a_vendor_that_says_wait_is_obeyed_to_the_second(contract: Contract, create: Create, connect: Any) -> None:
    customer, clock = create(contract), Clock()
    customer.fault("status", status_code=429, headers={"Retry-After": "17"}, path=contract.people_path, times=2)
    assert read(connect(contract, customer, clock))
    assert clock.slept == [17.0, 17.0]


@each
def test_closing_twice_is_fine(contract: Contract, create: Create) -> None:
    connector = contract.connector(create(contract))
    connector.close()
    connector.close()


@each
def test_nothing_printed_shows_a_credential(contract: Contract, create: Create, connect: Any) -> None:
    customer = create(contract)
    connector = connect(contract, customer)
    read(connector)
    assert_tells_no_secret(repr(connector) + repr(vars(connector)), contract.credentials(customer))


@each
def test_no_credential_is_in_a_url(contract: Contract, create: Create, connect: Any) -> None:
    customer = create(contract)
    connector = connect(contract, customer)
    connector.check()
    read(connector)
    for asked in customer.requests():
        assert_tells_no_secret(asked["path"] + asked["raw_query"], contract.credentials(customer))


def assert_tells_no_secret(shown: str, credentials: dict[str, str]) -> None:
    for value in credentials.values():
        assert value not in shown


@each_source
def test_a_walk_is_complete(contract: Contract, create: Create, connect: Any) -> None:
    customer = create(contract)
    connector = connect(contract, customer)
    workers = read(connector)
    assert isinstance(connector, WorkerSource)
    assert {worker.id: worker.work_email for worker in workers} == contract.people(customer)
    assert len(workers) == len(contract.people(customer)), "nobody comes twice while nothing changes"
    assert {worker.status for worker in workers} == set(EmploymentStatus)


@each_source
@pytest.mark.parametrize("kind", ["html", "garbage", "cut", "truncate"])
def test_a_walk_that_fails_half_way_is_an_error_and_not_a_part(
    contract: Contract, create: Create, connect: Any, kind: str
) -> None:
    customer = create(contract)
    customer.fault(kind, path=contract.people_path, skip=1 if contract.pages else 0, times=None)
    with closing(connect(contract, customer).worker_pages()) as pages, pytest.raises(ConnectorError):
        list(pages)


@each_source
def test_one_worker_can_be_read_again(contract: Contract, create: Create, connect: Any) -> None:
    connector = connect(contract, create(contract))
    workers = read(connector)
    assert connector.worker(workers[-1].id) == workers[-1]
    assert connector.worker("000000000000000000000000") is None


@each_source
def test_changes_only_is_proved_or_not_claimed(contract: Contract, create: Create, connect: Any) -> None:
    customer = create(contract)
    learned = connect(contract, customer).check().learned
    connector = connect(contract, customer, learned=learned)
    newest = max((worker.updated_at for worker in read(connector) if worker.updated_at), default=None)
    changed = contract.change_somebody(customer)
    if not connector.honours_changed_since():
        return
    assert newest is not None
    pages = list(connector.worker_pages(newest))
    ids = {worker.id for page in pages for worker in page.workers}
    assert changed in ids
    assert len(ids) < len(contract.people(customer)) / 2
    assert connector.honours_changed_since()


@each_target
def test_references_are_the_same_for_ever_and_for_one_worker_only(
    contract: Contract, create: Create, connect: Any
) -> None:
    connector = connect(contract, create(contract))
    assert isinstance(connector, WorkerTarget)
    assert connector.reference_for("i1", "w1") == connector.reference_for("i1", "w1")
    assert len({connector.reference_for(i, w) for i in ("i1", "i2") for w in ("w1", "w2")}) == 4


@each_target
def test_a_created_employee_is_found_and_read_back(contract: Contract, create: Create, connect: Any) -> None:
    customer = create(contract)
    connector = connect(contract, customer)
    employee = newcomer(contract, connector, customer)
    assert connector.find_by_reference([employee.reference]) == {}
    created = connector.create(employee)
    assert created.id
    assert_holds(created, employee)
    found = connector.find_by_reference([employee.reference, connector.reference_for("i1", "nobody")])
    assert list(found) == [employee.reference]
    assert_holds(found[employee.reference], employee)
    assert_holds(connector.get(created.id, created.company or None), employee)
    assert [one.id for one in connector.employees()].count(created.id) == 1


@each_target
def test_a_create_whose_answer_is_lost_is_unknown_and_can_be_found(
    contract: Contract, create: Create, connect: Any
) -> None:
    customer = create(contract)
    connector = connect(contract, customer)
    employee = newcomer(contract, connector, customer)
    customer.fault("cut_after", **contract.create_fault)
    with pytest.raises(OutcomeUnknownError):
        connector.create(employee)
    assert list(connector.find_by_reference([employee.reference])) == [employee.reference]
    assert [one.reference for one in connector.employees()].count(employee.reference) == 1


@each_target
def test_an_update_changes_what_is_set_and_nothing_else(contract: Contract, create: Create, connect: Any) -> None:
    customer = create(contract)
    connector = connect(contract, customer)
    created = connector.create(newcomer(contract, connector, customer))
    unmapped = contract.unmapped(customer, created)
    assert unmapped, "there must be something that could get lost"
    change = Employee(reference=created.reference, id=created.id, company=created.company, **contract.update)
    updated = connector.update(change)
    assert_holds(updated, change)
    expected = msgspec.structs.replace(created, **contract.update)
    assert msgspec.structs.asdict(updated) == msgspec.structs.asdict(expected), "UNSET fields keep their values"
    assert contract.unmapped(customer, created) == unmapped


@each_target
def test_employees_leave_and_come_back(contract: Contract, create: Create, connect: Any) -> None:
    customer = create(contract)
    connector = connect(contract, customer)
    created = connector.create(newcomer(contract, connector, customer))
    left = connector.deactivate(created)
    assert not left.active
    assert not connector.get(created.id, created.company or None).active
    back = connector.activate(left)
    assert back.active
    assert back.id == created.id
    assert_holds(back, msgspec.structs.replace(created, active=True))


@each_target
def test_employees_move_between_companies(contract: Contract, create: Create, connect: Any) -> None:
    if contract.other_company is None:
        pytest.skip("this connection covers one company")
    customer = create(contract)
    connector = connect(contract, customer)
    created = connector.create(newcomer(contract, connector, customer))
    moved = connector.transfer(
        msgspec.structs.replace(created, company=contract.other_company), from_company=created.company
    )
    assert moved.company == contract.other_company
    assert moved.active
    assert_holds(moved, msgspec.structs.replace(created, id=moved.id, company=contract.other_company))


def newcomer(contract: Contract, connector: WorkerTarget, customer: Customer) -> Employee:
    return contract.newcomer(customer, connector.reference_for("i1", "w1"))


def assert_holds(held: Employee | None, wanted: Employee) -> None:
    """``held`` has every field that is set in ``wanted``; the id is the target's to give."""
    assert held is not None
    for name, value in msgspec.structs.asdict(wanted).items():
        if value is not msgspec.UNSET and not (name == "id" and value is None):
            assert getattr(held, name) == value, name
