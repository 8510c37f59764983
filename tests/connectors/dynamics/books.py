"""A legal entity with books on the simulator, as a run and as a person see it, and a payroll journal for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from connectors.dynamics.ledger import Books
from connectors.dynamics.odata import OData
from connectors.dynamics.settings import read_settings
from connectors.journals import Journal, JournalLine
from sandbox.core import running
from sandbox.dynamics.simulator import DynamicsSimulator
from tests.connectors.customers import Customer
from tests.connectors.dynamics.specification import check_requests
from tests.connectors.surroundings import START, Clock, TokenMemory, context

REFERENCE = "MLC-0123456789ABCDEF0123"
HASH = "ab12" * 16
DAY = date(2026, 11, 20)
WAGES, OFFICE, NET_PAY, TAXES = (
    "601500|Department=022|CostCenter=0015",
    "601500|CostCenter=0017",
    "201100|BusinessUnit=001",
    "201200",
)


class Environment(Customer, frozen=True, kw_only=True):
    """What a person would see in Dynamics, and books as runs open them."""

    clock: Clock
    tokens: TokenMemory
    opened: ExitStack

    def books(self, learned: Mapping[str, str] = MappingProxyType({}), /, **settings: str) -> Books:
        """Books as another run has them, with these settings instead of the usual ones, and what a check learned."""
        given = {
            "base_url": self.url,
            "authority": self.url,
            "directory_id": self.connect["directory_id"],
            "client_id": self.connect["client_id"],
            "legal_entities": "usmf,gbsi",
            "journal_name": "PAYJRN",
            **settings,
        }
        secret = {"client_secret": self.connect["client_secret"]}
        surroundings = context(self.clock, settings=given, credentials=secret, tokens=self.tokens, learned=learned)
        odata = OData(surroundings, read_settings(surroundings), 2)
        self.opened.enter_context(closing(odata))
        return Books(odata, odata.settings)

    def journals(self) -> list[dict[str, Any]]:
        return list(self.snapshot()["journals"])

    def sums(self, number: str) -> dict[str, Decimal]:
        """Debits less credits by account of one journal, by Dynamics' own record."""
        (journal,) = [one for one in self.journals() if one["number"] == number]
        sums: dict[str, Decimal] = {}
        for one in journal["lines"]:
            sums[one["account"]] = sums.get(one["account"], Decimal(0)) + Decimal(one["debit"]) - Decimal(one["credit"])
        return sums

    def vouchers(self) -> dict[str, list[Decimal]]:
        """Voucher → debits less credits of its lines, of the one journal there is."""
        (journal,) = self.journals()
        found: dict[str, list[Decimal]] = {}
        for one in journal["lines"]:
            found.setdefault(one["voucher"], []).append(Decimal(one["debit"]) - Decimal(one["credit"]))
        return found

    def asked(self) -> list[str]:
        """Method and entity set of every request for data, oldest first."""
        requests = [request for request in self.requests() if request["path"].startswith("/data/")]
        return [f"{one['method']} {one['path'].removeprefix('/data/').partition('(')[0]}" for one in requests]


MakeEnvironment = Callable[..., Environment]


@contextmanager
def dynamics() -> Iterator[str]:
    """The simulator's address; its clock stands still."""
    with running(DynamicsSimulator(lambda: START)) as address:
        yield address


@contextmanager
def environments(address: str) -> Iterator[MakeEnvironment]:
    """Environments by the simulator's options. Afterwards every request they got is held against the specification."""
    made: list[Environment] = []
    with ExitStack() as opened:

        def make(**options: Any) -> Environment:
            company = Customer.create(address, **options)
            made.append(Environment(company.url, company.connect, clock=Clock(), tokens=TokenMemory(), opened=opened))
            return made[-1]

        yield make
        for environment in made:
            check_requests(environment.requests())


def payroll(reference: str = REFERENCE, **fields: Any) -> Journal:
    """Wages of 1234567.99 against net pay and taxes."""
    given: dict[str, Any] = {
        "reference": reference,
        "company": "usmf",
        "currency": "USD",
        "posting_date": DAY,
        "description": "PAYROLL 2026-11-20 1/1",
        "lines": (
            line(WAGES, debit="1234567.89"),
            line(OFFICE, debit="0.1000"),
            line(NET_PAY, credit="1233317.99"),
            line(TAXES, credit="1250"),
        ),
        "content_hash": HASH,
    }
    return Journal(**given | fields)


def long_payroll(people: int, **fields: Any) -> Journal:
    """One line of wages for each of some people, and all of their net pay in one line."""
    lines = tuple(line(WAGES, f"Person {number}", debit=f"{number}.01") for number in range(1, people + 1))
    total = sum((one.debit for one in lines), Decimal(0))
    return payroll(lines=(*lines, line(NET_PAY, credit=str(total))), **fields)


def line(account: str, description: str = "Gross wages", *, debit: str = "0", credit: str = "0") -> JournalLine:
    return JournalLine(account=account, description=description, debit=Decimal(debit), credit=Decimal(credit))
