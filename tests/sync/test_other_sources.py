"""A source knows no target: people and pay in the shapes of other products arrive in Dynamics as they are.

Such products have numbers with leading zeros and org levels, or ids of 32 hex digits and changes that take effect on a
day; nothing in them was made for Dynamics, and nothing in Dynamics for them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from audit.context import acting_as
from connectors import registry, vendors
from connectors.checks import check_connection
from connectors.models import Connection
from connectors.pay_runs import PayKind, PayLine, PayRun, PayRunKind, PayRunState, PayStatement, TimeShare
from connectors.records import EmploymentStatus, OrgUnit, RefKind, Worker
from sync.execution import advance_postings, execute_run
from sync.models import (
    AccountRule,
    Flow,
    Integration,
    Link,
    Mapping,
    PayFinding,
    PayrollSettings,
    Posting,
    Run,
    TargetEmployee,
)
from sync.models import PayRun as KeptRun
from sync.payroll.approval import approve
from sync.runs import request_run
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.cast import make_tenant
from tests.connectors.customers import Customer
from tests.connectors.dynamics.contract import CONTRACTS
from tests.connectors.imagined import IMAGINED, ImaginedSource
from tests.sync.story import FastWorld

TODAY = datetime.now(UTC).date()
PAY_DAY = TODAY - timedelta(days=3)
RULES = {
    "earning:REG": {"debit": "601500|CostCenter={cost_center}"},
    "employer_tax:FICA": {"debit": "602100|CostCenter={cost_center}", "credit": "201200"},
    "employee_tax:FIT": {"credit": "201200"},
    "net_pay:NET": {"credit": "201100|BusinessUnit=001"},
}


@dataclass(frozen=True)
class Shape:
    """What a product shows of a company of the same people, and what stands for its values in Dynamics."""

    source: ImaginedSource
    mapped: dict[tuple[RefKind, str], str]
    hired: dict[str, tuple[str, str, str]]
    """Personnel number → family name, default dimensions, legal entity of those who must be in Dynamics."""
    cost_centers: dict[str, Decimal]
    """Wages by cost center."""


def unit(kind: RefKind, key: str, name: str, code: str = "") -> OrgUnit:
    return OrgUnit(kind=kind, id=key, name=name, code=code)


def worker(key: str, number: str, family_name: str, **values: Any) -> Worker:
    given: dict[str, Any] = {
        "person_id": key,
        "given_name": "Zoë",
        "middle_name": None,
        "work_email": f"{number}@example.com",
        "status": EmploymentStatus.ACTIVE,
        "start_date": date(2024, 3, 4),
        "end_date": None,
    }
    return Worker(id=key, number=number, family_name=family_name, **given | values)


def pay_run(key: str, company: str) -> PayRun:
    return PayRun(
        id=key,
        title="Biweekly",
        state=PayRunState.PAID,
        source_state="Closed",
        kind=PayRunKind.REGULAR,
        source_kind="Regular",
        check_date=PAY_DAY,
        period_start=PAY_DAY - timedelta(days=18),
        period_end=PAY_DAY - timedelta(days=5),
        company_id=company,
    )


def statement(who: str, wages: str, **values: Any) -> PayStatement:
    """Wages of which a tenth is withheld; the employer pays a twentieth more."""
    gross = Decimal(wages)
    lines = (
        PayLine(PayKind.EARNING, "REG", "Regular", gross),
        PayLine(PayKind.EMPLOYEE_TAX, "FIT", "Federal income tax", gross / 10),
        PayLine(PayKind.EMPLOYER_TAX, "FICA", "Social security", gross / 20),
        PayLine(PayKind.NET_PAY, "NET", "Net pay", gross * 9 / 10),
    )
    return PayStatement(id=f"{who}-1", worker_id=who, currency="USD", gross=gross, lines=lines, **values)


def with_org_levels() -> Shape:
    """Numbers as text with leading zeros, places by level and code; hours are spread over levels."""
    levels = {"department_id": "2:200", "location_id": "HQ1", "company_id": "AB1C2"}
    shares = (
        TimeShare(hours=Decimal(60), department_id="2:200"),
        TimeShare(hours=Decimal(20), department_id="2:300"),
    )
    return Shape(
        source=ImaginedSource(
            units=[
                unit(RefKind.COMPANY, "AB1C2", "Contoso USA", "CONUS"),
                unit(RefKind.DEPARTMENT, "2:200", "Operations", "200"),
                unit(RefKind.DEPARTMENT, "2:300", "Engineering", "300"),
                unit(RefKind.LOCATION, "HQ1", "Headquarters", "HQ1"),
            ],
            workers=[
                worker("0000000104711", "000104711", "O'Neil", **levels),
                worker("0000000104712", "000104712", "Šimůnek", **levels | {"department_id": "2:300"}),
            ],
            runs=[pay_run("20261120001", "AB1C2")],
            statements={
                "20261120001": [
                    statement("0000000104711", "4000.00", **levels, time_shares=shares),
                    statement("0000000104712", "2500.00", **levels | {"department_id": "2:300"}),
                ]
            },
        ),
        mapped={
            (RefKind.COMPANY, "AB1C2"): "usmf",
            (RefKind.DEPARTMENT, "2:200"): "023",
            (RefKind.DEPARTMENT, "2:300"): "024",
            (RefKind.LOCATION, "HQ1"): "0017",
            (RefKind.COST_CENTER, "2:200"): "0015",
            (RefKind.COST_CENTER, "2:300"): "0016",
        },
        hired={"000104711": ("O'Neil", "023-0017-", "usmf"), "000104712": ("Šimůnek", "024-0017-", "usmf")},
        cost_centers={"0015": Decimal("3000.00"), "0016": Decimal("3500.00")},
    )


def with_effective_dates() -> Shape:
    """Ids of 32 hex digits; a statement says nothing of places, and a hire is known before it takes effect."""
    company, sales, office, first, second, future, run = (f"3aa5550b7fe348b98d7b5741afc655{n:02x}" for n in range(7))
    places = {"department_id": sales, "location_id": office, "company_id": company}
    return Shape(
        source=ImaginedSource(
            units=[
                unit(RefKind.COMPANY, company, "Contoso UK", "GMS_UK"),
                unit(RefKind.DEPARTMENT, sales, "Field Sales", "41100"),
                unit(RefKind.LOCATION, office, "Reading", "RDG"),
            ],
            workers=[
                worker(first, "21001", "Ó Briain", **places),
                worker(second, "21002", "Lee", **places, end_date=TODAY + timedelta(days=20)),
                worker(
                    future,
                    "21003",
                    "Later",
                    **places,
                    status=EmploymentStatus.PENDING,
                    start_date=TODAY + timedelta(days=30),
                ),
            ],
            runs=[pay_run(run, company)],
            statements={run: [statement(first, "3200.40"), statement(second, "1800.20")]},
        ),
        mapped={
            (RefKind.COMPANY, company): "usmf",
            (RefKind.DEPARTMENT, sales): "022",
            (RefKind.LOCATION, office): "0016",
            (RefKind.COST_CENTER, sales): "0017",
        },
        hired={"21001": ("Ó Briain", "022-0016-", "usmf"), "21002": ("Lee", "022-0016-", "usmf")},
        cost_centers={"0017": Decimal("5000.60")},
    )


@dataclass(frozen=True)
class Told:
    """A company whose people and pay come from such a source and go to Dynamics."""

    tenant: Tenant
    shape: Shape
    dynamics: Customer
    integration: Integration
    world: FastWorld

    def run(self, flow: str) -> Run:
        with tenant_scope(self.tenant.id), acting_as("user", "pat"):
            wanted = Flow.objects.get(integration=self.integration, kind=flow)
            run = request_run(wanted, Run.Kind.FULL, now=self.world.now())
            done = execute_run(run.pk, self.world)
        assert done is not None
        assert done.state == Run.State.SUCCEEDED, done.message
        return done

    def map_values(self) -> None:
        with tenant_scope(self.tenant.id):
            for (kind, theirs), ours in self.shape.mapped.items():
                Mapping.objects.create(
                    integration=self.integration,
                    kind=kind,
                    source_key=theirs,
                    target_key=ours,
                    valid_from=date(2020, 1, 1),
                    state=Mapping.State.CONFIRMED,
                )

    def write_rules(self) -> None:
        with tenant_scope(self.tenant.id):
            for item, accounts in RULES.items():
                changed = {"changed_by": "rita", "changed_key": "user:rita", "changed_at": self.world.now()}
                AccountRule.objects.create(integration=self.integration, item=item, **accounts, **changed)


@pytest.fixture(params=[with_org_levels, with_effective_dates], ids=["org levels", "effective dates"])
def told(
    installation: None, request: pytest.FixtureRequest, sandbox: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Told:
    """Everything connected and tested, values mapped, writing switched on; in a database of its own, as nobody else
    knows the product these people come from."""
    made: Callable[[], Shape] = request.param
    shape, world, tenant = made(), FastWorld(), make_tenant("Contoso")
    monkeypatch.setitem(vendors.VENDORS, IMAGINED.key, IMAGINED)
    monkeypatch.setitem(registry.OPENERS, IMAGINED.key, lambda context: shape.source)
    dynamics = Customer.create(sandbox["dynamics"], workers=2)
    (contract,) = CONTRACTS
    with tenant_scope(tenant.id):
        source = Connection.objects.create(vendor=IMAGINED.key, name="HR")
        target = Connection(vendor="dynamics", name="Dynamics", settings=contract.settings(dynamics))
        target.replace_credentials(contract.credentials(dynamics))
        target.save()
        integration = Integration.objects.create(name="HR → Dynamics", source=source, target=target)
        for kind in Flow.Kind.values:
            Flow.objects.create(integration=integration, kind=kind, writes_enabled=True)
        PayrollSettings.objects.create(integration=integration, start_date=PAY_DAY - timedelta(days=7))
        for connection in (source, target):
            check_connection(
                connection, now=world.now, sleep=world.sleep, random=world.random, correlation_id="other sources"
            )
    told = Told(tenant, shape, dynamics, integration, world)
    told.run(Flow.Kind.REFERENCE)
    told.map_values()
    return told


def test_people_of_another_product_are_hired(told: Told) -> None:
    before = {one["PersonnelNumber"] for one in told.dynamics.snapshot()["workers"]}

    told.run(Flow.Kind.PEOPLE)

    held = told.dynamics.snapshot()
    names = {one["PersonnelNumber"]: one["LastName"] for one in held["workers"]}
    assert {
        one["PersonnelNumber"]: (names[one["PersonnelNumber"]], one["DimensionDisplayValue"], one["LegalEntityId"])
        for one in held["employments"]
        if one["PersonnelNumber"] not in before
    } == told.shape.hired
    with tenant_scope(told.tenant.id):
        linked = {link.source_id: link.target_id for link in Link.objects.all()}
    assert linked == {one.id: one.number for one in told.shape.source.workers if one.number in told.shape.hired}
    requests = len(told.dynamics.requests())
    assert told.run(Flow.Kind.PEOPLE).state == Run.State.SUCCEEDED
    again = told.dynamics.requests()[requests:]
    assert not [asked for asked in again if asked["method"] != "GET" and asked["path"].startswith("/data/")]


def test_a_hire_of_next_month_that_was_entered_by_hand_is_left_alone(told: Told) -> None:
    first_day = TODAY + timedelta(days=30)
    coming = worker("coming", "21077", "Later", status=EmploymentStatus.PENDING, start_date=first_day)
    workers = told.shape.source.workers
    assert isinstance(workers, list)
    workers.append(coming)
    start = f"{first_day}T06:00:00Z"
    told.dynamics.change(
        "add_worker",
        PersonnelNumber="21077",
        FirstName="Zoë",
        LastName="Later",
        LegalEntityId="usmf",
        EmploymentStartDate=start,
    )
    told.run(Flow.Kind.REFERENCE)

    told.run(Flow.Kind.PEOPLE)

    (kept,) = [one for one in told.dynamics.snapshot()["employments"] if one["PersonnelNumber"] == "21077"]
    assert (kept["EmploymentStartDate"], kept["EmploymentEndDate"]) == (start, "2154-12-31T23:59:59Z")
    with tenant_scope(told.tenant.id):
        assert not TargetEmployee.objects.get(number="21077").active
        assert not Link.objects.filter(source_id="coming").exists()


def test_pay_of_another_product_arrives_cent_by_cent(told: Told) -> None:
    told.write_rules()
    told.run(Flow.Kind.PAYROLL)
    with tenant_scope(told.tenant.id), acting_as("user", "ann"):
        drafted = KeptRun.objects.get()
        assert drafted.state == KeptRun.State.READY, [one.sentence for one in PayFinding.objects.all()]
        postings = list(Posting.objects.all())
        approve(postings, hashes={one.pk: one.content_hash for one in postings}, now=told.world.now())
        done = advance_postings(drafted.pk, told.world)
        (posting,) = Posting.objects.all()

    (journal,) = told.dynamics.snapshot()["journals"]
    sums: dict[str, Decimal] = {}
    for line in journal["lines"]:
        amount = Decimal(line["debit"]) - Decimal(line["credit"])
        sums[line["account"]] = sums.get(line["account"], Decimal(0)) + amount
    wages = sum(told.shape.cost_centers.values(), Decimal(0))
    assert sums == {
        **{f"601500--{center}-": amount for center, amount in told.shape.cost_centers.items()},
        **{f"602100--{center}-": amount / 20 for center, amount in told.shape.cost_centers.items()},
        "201100---001": -wages * 9 / 10,
        "201200---": -wages * 3 / 20,
    }
    assert (done.state, posting.state) == (KeptRun.State.RECONCILED, Posting.State.RECONCILED), posting.message
    assert (journal["company"], journal["number"]) == ("usmf", posting.journal_number)
    assert posting.reference in journal["description"]
