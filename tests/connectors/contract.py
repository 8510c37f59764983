"""What the shared contract suite needs to know about a vendor.

Each vendor has ``tests/connectors/<vendor>/contract.py`` with ``CONTRACTS``: one ``Contract`` per way of connecting
(API version, profile). ``test_every_connector.py`` finds them through ``connectors.vendors.VENDORS``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import closing
from decimal import Decimal
from typing import Any

from connectors.contract import Connector, ConnectorContext, LedgerTarget
from connectors.journals import Journal
from connectors.pay_runs import PayKind
from connectors.records import Employee
from sandbox.core import Simulator
from tests.connectors.customers import Customer
from tests.connectors.surroundings import Clock, context


class Contract(ABC):
    """One way of connecting to one vendor. A subclass fills in what its connector's capabilities need."""

    name: str
    simulator: type[Simulator[Any]]
    options: Mapping[str, Any] = {}
    """The simulator's options for a company of a few hundred people, so that lists have several pages."""
    people_path: str
    """Regular expression of the paths that people are read from."""
    pages: bool = True
    """People come in several answers."""
    allowed_hosts: frozenset[str] = frozenset()

    @abstractmethod
    def open(self, surroundings: ConnectorContext) -> Connector:
        """The vendor's connector."""

    @abstractmethod
    def settings(self, customer: Customer) -> dict[str, str]:
        """The connection's settings."""

    @abstractmethod
    def credentials(self, customer: Customer) -> dict[str, str]:
        """The connection's secrets."""

    @abstractmethod
    def wrong_credentials(self) -> dict[str, str]:
        """Well-formed secrets that belong to nobody."""

    def prepare(self, customer: Customer) -> None:
        """What happens at a new customer before any connector is made: nothing, where credentials are all it takes."""
        assert customer.connect, "made by the simulator"

    def connector(self, customer: Customer, clock: Clock | None = None, **values: Any) -> Connector:
        """A connector for this customer; ``values`` override parts of its context."""
        given = {"settings": self.settings(customer), "credentials": self.credentials(customer)}
        return self.open(context(clock, **(given | values)))

    # For a WorkerSource.

    def people(self, customer: Customer) -> dict[str, str | None]:
        """Source id → work e-mail of everyone the simulator has, whatever their status."""
        raise NotImplementedError

    def change_somebody(self, customer: Customer) -> str:
        """Something about one person changes now; returns their source id."""
        raise NotImplementedError

    # For a PayRunSource.

    pay_options: Mapping[str, Any] = {}
    """The simulator's options for a company with several pay runs of several pages each; empty without payroll."""
    pay_path: str = ""
    """Regular expression of the paths that the statements of a run are read from."""

    def paid(self, customer: Customer) -> dict[str, dict[PayKind, Decimal]]:
        """Run id → what it comes to by kind, by the simulator's own books; kinds that come to nothing left out."""
        raise NotImplementedError

    # For a WorkerTarget.

    create_fault: Mapping[str, str] = {}
    """Method and path of the request that creates an employee."""
    update: Mapping[str, Any] = {}
    """Fields of ``Employee`` and new values that the target accepts."""
    other_company: str | None = None
    """Where employees can be transferred to, None when there is one company only."""

    def newcomer(self, customer: Customer, reference: str) -> Employee:
        """An employee that the target does not have yet and will accept."""
        raise NotImplementedError

    def unmapped(self, customer: Customer, employee: Employee) -> Mapping[str, Any]:
        """What the simulator holds of this employee apart from what we map."""
        raise NotImplementedError

    # For a LedgerTarget.

    ledger_options: Mapping[str, Any] = {}
    """The simulator's options for a company of which only the books matter."""
    post_fault: Mapping[str, str] = {}
    """Method and path of the requests that write a journal."""
    post_requests: int = 1
    """How many of them a journal of a hundred lines takes."""
    hash_length: int = 64
    """How much of a content's hash the ledger has room for."""

    def journal(self, customer: Customer) -> Journal:
        """A journal the ledger will accept, to a ledger that has other people's journals already."""
        raise NotImplementedError

    def double(self, customer: Customer, journal: Journal) -> str:
        """Afterwards the ledger has another journal with the reference of ``journal``, which it has already; returns
        its number. Here by posting again: some ledgers take a reference as often as it is sent."""
        return self.post(customer, journal)

    def post(self, customer: Customer, journal: Journal) -> str:
        """The journal is on the ledger, posted by another run; returns its number."""
        with closing(self.connector(customer)) as ledger:
            assert isinstance(ledger, LedgerTarget)
            return ledger.post_journal(journal).number

    def books(self, customer: Customer) -> list[tuple[str, list[tuple[str, Decimal, Decimal]]]]:
        """Number and lines (account in our words, debit, credit) of every journal the simulator has."""
        raise NotImplementedError
