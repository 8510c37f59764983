"""What proposed rules would have made of past pay runs."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from connectors.records import RefKind
from sync.mappings import save_mapping
from sync.models import AccountRule, LedgerPeriod, PayrollSettings
from sync.payroll.account_rules import proposed, save_rule
from sync.payroll.coverage import Weight
from sync.payroll.findings import FindingCode
from sync.payroll.simulating import SimulatedRun, simulate
from tenants.scope import tenant_scope
from tests.cast import make_tenant
from tests.sync.ledger import NOW, PAY_DAY, Books, books

REGULAR, TAX, NET = "earning:REG", "employee_tax:FIT", "net_pay:NET"
LINES = [
    *(("w1", REGULAR, "1000", "D1"), ("w2", REGULAR, "2000", "D2"), ("w3", REGULAR, "500.25", "D2")),
    *(("w1", TAX, "100", "D1"), ("w2", TAX, "200", "D2"), ("w3", TAX, "50.25", "D2")),
    *(("w1", NET, "900", "D1"), ("w2", NET, "1800", "D2"), ("w3", NET, "450", "D2")),
]


@pytest.fixture
def acme() -> Books:
    """Wages, tax and net pay with a default each, and one drafted pay run of three people."""
    found = books()
    with found.scope():
        for key, name, center in (("D1", "Paint Shop", "210"), ("D2", "Tooling", "220")):
            found.source_value(RefKind.DEPARTMENT, key, name)
            found.target_value(RefKind.COST_CENTER, center, name)
        for number in ("6000", "6100", "6000-210", "6000-220", "2200", "1010"):
            found.account(number)
        save_rule(found.integration, item=REGULAR, debit="6000", now=NOW)
        save_rule(found.integration, item=TAX, credit="2200", now=NOW)
        save_rule(found.integration, item=NET, credit="1010", now=NOW)
        found.open_period(date(2026, 2, 1), date(2026, 2, 28))
        found.pay_run(LINES)
    return found


def accounts(run: SimulatedRun) -> dict[str, tuple[str, str, int, int, int]]:
    """Of the accounts that change: net before and after, people before and after, people who moved."""
    return {
        row.account: (str(row.before), str(row.after), row.people_before, row.people, row.moved)
        for row in run.accounts
        if row.difference
    }


def test_one_departments_wages_would_go_elsewhere_and_nothing_is_written(acme: Books) -> None:
    with acme.scope():
        before = list(AccountRule.objects.values())
        change = proposed(REGULAR, department="D1", debit="6100")
        [run] = simulate(acme.integration, [change], target=acme.target, runs=5)

        assert accounts(run) == {
            "6000": ("3500.25", "2500.25", 3, 2, 1),
            "6100": ("0", "1000.00", 0, 1, 1),
        }
        assert {row.account for row in run.accounts} == {"6000", "6100", "2200", "1010"}
        assert sum(row.after for row in run.accounts) == 0
        assert (run.covered, run.uncovered, run.appeared, run.vanished) == ({}, {}, [], [])
        assert list(AccountRule.objects.values()) == before


def test_cost_centers_are_those_mapped_on_the_check_date(acme: Books) -> None:
    with acme.scope():
        for key, center in (("D1", "210"), ("D2", "220")):
            save_mapping(acme.integration, kind="cost_center", source_key=key, target_key=center, now=NOW)
        [run] = simulate(acme.integration, [proposed(REGULAR, debit="6000-{cost_center}")], target=acme.target, runs=1)
    assert accounts(run) == {
        "6000": ("3500.25", "0", 3, 0, 3),
        "6000-210": ("0", "1000.00", 0, 1, 1),
        "6000-220": ("0", "2500.25", 0, 2, 2),
    }


def test_without_its_rule_money_would_be_uncovered_and_the_finding_is_told(acme: Books) -> None:
    with acme.scope():
        tax = AccountRule.objects.get(item=TAX)
        [run] = simulate(acme.integration, [], removed=[tax.pk], target=acme.target, runs=1)
        assert run.uncovered == {"USD": Weight(amount=Decimal("350.25"), lines=3, people=3)}
        assert [(finding.code, finding.culprit) for finding in run.appeared] == [(FindingCode.NO_RULE, TAX)]

        tax.delete()
        # The period has long been closed, which keeps nobody from trying rules on it.
        LedgerPeriod.objects.update(state="closed")
        change = proposed(TAX, credit="2200")
        [run] = simulate(acme.integration, [change], target=acme.target, runs=1)
        assert run.covered == {"USD": Weight(amount=Decimal("350.25"), lines=3, people=3)}
        assert ([finding.code for finding in run.vanished], run.appeared) == ([FindingCode.NO_RULE], [])


def test_a_rule_that_starts_later_changes_nothing_of_earlier_runs(acme: Books) -> None:
    with acme.scope():
        change = proposed(REGULAR, debit="6100", valid_from=PAY_DAY)
        acme.pay_run(LINES, check_date=date(2026, 2, 13))
        later, earlier = simulate(acme.integration, [change], target=acme.target, runs=5)
    assert set(accounts(later)) == {"6000", "6100"}
    assert accounts(earlier) == {}


def test_only_the_settlement_changes_and_whoever_is_settled_has_moved(acme: Books) -> None:
    with acme.scope():
        PayrollSettings.objects.update(separate_settlement=True)
        change = proposed(NET, department="D1", credit="2200", settlement="1010")
        [run] = simulate(acme.integration, [change], target=acme.target, runs=1)
        # What is owed for Paint Shop's net pay goes on 2200 and is paid from 1010: only the way there changes.
        assert accounts(run) == {}
        assert {row.account: row.moved for row in run.accounts if row.moved} == {"2200": 1}


def test_a_rule_that_could_not_be_kept_is_not_simulated_either(acme: Books) -> None:
    with acme.scope(), pytest.raises(ValidationError, match="no account"):
        simulate(acme.integration, [proposed(REGULAR, debit="9999")], target=acme.target, runs=1)


def test_big_runs_cost_as_many_questions_as_small_ones(acme: Books) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            simulate(acme.integration, [proposed(REGULAR, debit="6100")], target=acme.target, runs=1)
        return len(queries)

    with acme.scope():
        few = asked()
        lines = [(f"w{n}", item, "10", f"D{n % 40}") for n in range(200) for item in (REGULAR, NET)]
        acme.pay_run(lines, check_date=date(2026, 2, 28))
        assert asked() == few


def test_olga_simulates_nothing_of_acmes(acme: Books) -> None:
    with tenant_scope(make_tenant("Other Corp").id):
        with pytest.raises(ValidationError):
            simulate(acme.integration, [proposed(REGULAR, debit="6100")], target=acme.target, runs=5)
        with pytest.raises(ObjectDoesNotExist):
            simulate(acme.integration, [], removed=[1], target=acme.target, runs=5)
