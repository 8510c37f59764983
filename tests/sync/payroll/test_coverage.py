"""Coverage in money: per run, per pay item, from run to run."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from connectors.records import RefKind
from sync.models import ReferenceValue
from sync.payroll.account_rules import save_rule
from sync.payroll.coverage import ItemState, Weight, coverage, history, items_of
from tenants.scope import tenant_scope
from tests.cast import make_tenant
from tests.sync.ledger import NOW, PAY_DAY, Books, books

REGULAR, BONUS, TAX = "earning:REG", "earning:BONUS", "employee_tax:FIT"
JANUARY = date(2026, 1, 30)


def weight(amount: str, lines: int, people: int) -> Weight:
    return Weight(amount=Decimal(amount), lines=lines, people=people)


@pytest.fixture
def acme() -> Books:
    """Regular pay has a default and a rule for the paint shop, tax a default, a bonus nothing yet."""
    found = books()
    with found.scope():
        found.source_value(RefKind.DEPARTMENT, "D1", "Paint Shop")
        for number in ("6000", "6100", "2200"):
            found.account(number)
        found.item(REGULAR, "Regular pay")
        found.item(TAX, "Federal income tax")
        found.item(BONUS, "Spot bonus")
        save_rule(found.integration, item=REGULAR, debit="6000", now=NOW)
        save_rule(found.integration, item=REGULAR, department="D1", debit="6100", valid_from=date(2026, 2, 1), now=NOW)
        save_rule(found.integration, item=TAX, credit="2200", now=NOW)
    return found


LINES = [
    ("w1", REGULAR, "1000", "D1"),
    ("w2", REGULAR, "2000", "D2"),
    ("w1", TAX, "100", "D1"),
    ("w2", TAX, "-50.50", "D2"),
    ("w2", BONUS, "300", "D2"),
    ("w2", "earning:ZERO", "0", "D2"),
]


def test_a_runs_money_is_told_by_rule_default_and_nothing_without_signs(acme: Books) -> None:
    with acme.scope():
        [found] = coverage(acme.pay_run(LINES))
    assert found.currency == "USD"
    assert found.total == weight("3450.50", 5, 2)
    assert found.ruled == weight("3150.50", 4, 2)
    assert found.override == weight("1000", 1, 1)
    assert found.default == weight("2150.50", 3, 2)
    assert found.without == weight("300", 1, 1)
    assert found.percent == 91


def test_over_time_every_run_goes_by_the_rules_of_its_check_date(acme: Books) -> None:
    with acme.scope():
        january = acme.pay_run(LINES, check_date=JANUARY)
        february = acme.pay_run(LINES)
        acme.pay_run(LINES, check_date=date(2026, 3, 13), read_at=None)
        acme.pay_run(LINES, check_date=date(2026, 3, 13), state="void")
        found = [(run, one.override.amount, one.default.amount) for run, [one] in history(acme.integration)]
    assert found == [
        (february, Decimal(1000), Decimal("2150.50")),
        (january, Decimal(0), Decimal("3150.50")),
    ]


def test_every_item_is_listed_with_its_state_and_what_it_is_worth(acme: Books) -> None:
    with acme.scope():
        acme.pay_run(LINES)
        acme.pay_run([("w3", REGULAR, "400", "D1")], check_date=JANUARY)
        save_rule(acme.integration, item="garnishment:CS", credit="2200", now=NOW)
        found = {one.item: one for one in items_of(acme.integration, on=PAY_DAY)}

        assert list(found) == [REGULAR, BONUS, TAX, "garnishment:CS"]
        assert {item: one.state for item, one in found.items()} == {
            REGULAR: ItemState.MAPPED,
            BONUS: ItemState.UNMAPPED,
            TAX: ItemState.DEFAULT,
            "garnishment:CS": ItemState.DEFAULT,
        }
        assert found[REGULAR].total == {"USD": weight("3400", 3, 3)}
        assert found[REGULAR].override == {"USD": weight("1400", 2, 2)}
        assert found[REGULAR].default == {"USD": weight("2000", 1, 1)}
        assert found[BONUS].without == {"USD": weight("300", 1, 1)}
        assert found["garnishment:CS"].total == {}
        assert [rule.debit for rule in found[REGULAR].rules] == ["6000", "6100"]

        ReferenceValue.objects.filter(external_id="2200").update(active=False)
        states = {one.item: one.state for one in items_of(acme.integration, on=PAY_DAY)}
        assert states[TAX] == ItemState.INACTIVE


def test_an_item_whose_rules_leave_a_department_out_is_unmapped(acme: Books) -> None:
    with acme.scope():
        save_rule(acme.integration, item=BONUS, department="D1", debit="6100", now=NOW)
        acme.pay_run([("w1", BONUS, "100", "D1"), ("w2", BONUS, "250", "D2")])
        [bonus] = [one for one in items_of(acme.integration, on=PAY_DAY) if one.item == BONUS]
    assert bonus.state == ItemState.UNMAPPED
    assert (bonus.total, bonus.without) == ({"USD": weight("350", 2, 2)}, {"USD": weight("250", 1, 1)})


def test_many_items_and_lines_cost_as_many_questions_as_few(acme: Books) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            items_of(acme.integration, on=PAY_DAY)
            history(acme.integration)
        return len(queries)

    with acme.scope():
        acme.pay_run(LINES)
        few = asked()
        for n in range(5):
            acme.pay_run([(f"w{m}", f"earning:{m}", "1", f"D{n}") for m in range(20)])
        assert asked() == few


def test_olga_sees_no_money_of_acmes(acme: Books) -> None:
    with acme.scope():
        run = acme.pay_run(LINES)
    with tenant_scope(make_tenant("Other Corp").id):
        assert coverage(run) == []
        assert history(acme.integration) == []
        assert items_of(acme.integration, on=PAY_DAY) == []
