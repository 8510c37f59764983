"""Account rules as staff keep them: seen, changed, tried on past pay runs, saved or left alone."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from connectors.records import RefKind
from sync.execution import execute_run
from sync.models import AccountRule, PayItem, PayRun, ReferenceValue, Run
from sync.models.payroll import ALWAYS
from sync.payroll.account_rules import save_rule
from tenants.models import Role
from tests.cast import Cast, make_cast, make_user
from tests.sync.ledger import Books, books
from tests.sync.payroll.payday import Payday, ready


@dataclass
class Desk:
    """Acme's pay day, and the browsers its people sit at."""

    cast: Cast
    payday: Payday

    @property
    def integration(self) -> Any:
        return self.payday.story.integration

    def at(self, role: Role) -> Client:
        client = Client()
        client.force_login(self.cast.people[role])
        return client

    def page(self, name: str = "workbench") -> str:
        return reverse(f"admin:sync_accountrule_{name}", args=[self.integration.pk])

    def rule(self, code: str) -> AccountRule:
        with self.payday.scope():
            return AccountRule.objects.get(item__endswith=f":{code}", department="")

    def department(self, *, of: str) -> ReferenceValue:
        with self.payday.scope():
            key = PayRun.objects.get().lines.filter(item=of).exclude(department="").values_list("department")[0][0]
            return ReferenceValue.objects.get(
                connection=self.payday.story.source, kind=RefKind.DEPARTMENT, external_id=key
            )


@pytest.fixture(scope="module")
def acme(sandbox: dict[str, str]) -> Desk:
    cast = make_cast()
    payday, _ = ready(sandbox, tenant=cast.acme, rippling={"size": 30})
    return Desk(cast, payday)


@pytest.fixture
def desk(acme: Desk) -> Iterator[Desk]:
    """Every test begins with the rules of the first day."""
    with acme.payday.scope():
        rules = list(AccountRule.objects.all())
    yield acme
    with acme.payday.scope():
        AccountRule.objects.all().delete()
        AccountRule.objects.bulk_create(rules)


def item_of(desk: Desk, kind: str) -> str:
    """The pay item of this kind that most money goes by."""
    with desk.payday.scope():
        return str(PayItem.objects.filter(kind=kind).order_by("key")[0].key)


def inputs(rule: AccountRule, **values: str) -> dict[str, str]:
    """What the browser sends of the rule's line, with what was typed over it."""
    texts = {name: getattr(rule, name) for name in ("debit", "credit", "settlement")} | {"since": ""} | values
    return {f"{name}:r{rule.pk}": text for name, text in texts.items()}


def rules_of(desk: Desk, item: str) -> list[tuple[str, str, str, str]]:
    with desk.payday.scope():
        rows = AccountRule.objects.filter(item=item).order_by("department", "valid_from")
        return [
            (
                row.department,
                row.debit or row.credit,
                "" if row.valid_from == ALWAYS else row.valid_from.isoformat(),
                row.valid_to.isoformat() if row.valid_to else "",
            )
            for row in rows
        ]


def test_a_preparer_sees_every_pay_item_with_its_money_and_a_viewer_sees_no_amount(desk: Desk) -> None:
    answer = desk.at(Role.PREPARER).get(desk.page())
    shown = answer.content.decode()
    with desk.payday.scope():
        names = list(PayItem.objects.values_list("name", flat=True))
        total = sum(abs(line.amount) for line in PayRun.objects.get().lines.all())
    for name in names:
        assert name in shown
    (bar,) = answer.context["money"]
    assert bar.mapped == 100
    assert Decimal(bar.total.plain) == round(total, 2)
    assert f"{bar.total} USD" in shown

    seen = desk.at(Role.VIEWER).get(desk.page())
    amounts = [amount for line in seen.context["rows"].records for _, amount in line.money]
    assert amounts
    assert set(amounts) == {"•••"}
    assert str(bar.total) not in seen.content.decode()
    assert "100 % of the money" in seen.content.decode()
    assert "Save changes" not in seen.content.decode()
    assert '<input type="text" list=' not in seen.content.decode()


def test_a_rule_is_changed_from_a_day_on_and_the_page_says_which_run_to_check_again(desk: Desk) -> None:
    pat, rule = desk.at(Role.PREPARER), desk.rule(item_of(desk, "employee_tax").partition(":")[2])
    typed = inputs(rule, credit="21550-000-0000", since="2026-05-01")
    shown = pat.post(desk.page(), {"act": "save", **typed}, follow=True).content.decode()
    assert "1 rule saved. 1 pay run waits to be checked again by the new rules" in shown
    assert "21510-000-0000 from the beginning until 1 May 2026" in shown
    assert rules_of(desk, rule.item) == [
        ("", "21510-000-0000", "", "2026-05-01"),
        ("", "21550-000-0000", "2026-05-01", ""),
    ]

    answer = pat.post(desk.page(), {"act": "check"})
    with desk.payday.scope():
        run = Run.objects.get(state=Run.State.SCHEDULED)
        assert run.selection == [desk.payday.pay_run().source_id]
        assert run.requested_by == desk.cast.people[Role.PREPARER].username
        execute_run(run.pk, desk.payday.story.world)
    assert answer.headers["Location"] == reverse("admin:sync_run_change", args=[run.pk])
    assert "to check again" not in pat.get(desk.page()).content.decode()


def test_every_line_that_cannot_be_saved_keeps_what_was_typed_and_says_why(desk: Desk) -> None:
    pat = desk.at(Role.PREPARER)
    good = desk.rule(item_of(desk, "net_pay").partition(":")[2])
    bad = desk.rule(item_of(desk, "earning").partition(":")[2])
    form = {"act": "save", **inputs(good, credit="21550-000-0000"), **inputs(bad, debit="99999", since="soon")}
    shown = pat.post(desk.page(), form).content.decode()
    assert "“soon” is not a date like 2026-01-31." in shown
    assert 'value="99999"' in shown
    assert rules_of(desk, good.item) == [("", "21550-000-0000", "", "")]
    assert rules_of(desk, bad.item) == [("", bad.debit, "", "")]

    shown = pat.post(desk.page(), {"act": "save", **inputs(bad, debit="99999")}).content.decode()
    assert "has no account “99999”. Choose one of its chart of accounts." in shown
    shown = pat.post(desk.page(), {"act": "save", **inputs(bad, debit="")}).content.decode()
    assert "is debited: enter a debit account" in shown
    assert rules_of(desk, bad.item) == [("", bad.debit, "", "")]


def test_one_override_for_several_pay_items_is_tried_first_and_saved_then(desk: Desk) -> None:
    pat, item = desk.at(Role.PREPARER), item_of(desk, "earning")
    place = desk.department(of=item)
    form = {"act": "try", "item": [item], "department": place.name, "debit": "61000-910-0100", "since": ""}
    answer = pat.post(desk.page(), form)
    shown = answer.content.decode()
    assert "Nothing is saved yet" in shown
    assert place.name in shown
    (run,) = answer.context["runs"]
    assert [row.cells[0] for row in run.table.rows]
    assert rules_of(desk, item) == [("", desk.rule(item.partition(":")[2]).debit, "", "")]

    proposal = answer.context["proposal"]
    assert pat.post(desk.page("trial"), {"proposal": "{"}, follow=True).status_code == HTTPStatus.OK
    assert "1 rule saved." in pat.post(desk.page("trial"), {"proposal": proposal}, follow=True).content.decode()
    assert (place.external_id, "61000-910-0100", "", "") in rules_of(desk, item)
    shown = pat.get(desk.page(), {"show": "mapped"}).content.decode()
    assert f"Department: {place.name}" in shown


def test_which_rule_wins_is_told_with_the_reason(desk: Desk) -> None:
    item = item_of(desk, "earning")
    place = desk.department(of=item)
    with desk.payday.scope():
        save_rule(desk.integration, item=item, department=place.external_id, debit="61000-910-0100", now=timezone.now())
    vera = desk.at(Role.VIEWER)
    told = vera.get(desk.page("which"), {"item": item, "department": place.name, "on": "2026-06-05"})
    assert [(one.wins, one.why) for one in told.context["verdicts"]] == [
        (True, "Wins: it is for this department."),
        (False, "Fits, but the one that wins says more exactly where."),
    ]
    elsewhere = vera.get(desk.page("which"), {"item": item, "on": "2026-06-05"}).context["verdicts"]
    assert [(one.wins, one.why) for one in elsewhere] == [
        (True, "Wins: it is the default, and no override fits."),
        (False, "Is for another department."),
    ]
    refused = vera.get(desk.page("which"), {"item": item, "department": "Nowhere"}).content.decode()
    assert "has no department &#x27;Nowhere&#x27;" in refused


def test_removing_a_rule_shows_what_would_be_held_and_happens_only_when_agreed(desk: Desk) -> None:
    pat = desk.at(Role.PREPARER)
    rule = desk.rule(item_of(desk, "employer_tax").partition(":")[2])
    answer = pat.post(desk.page(), {"act": f"remove:{rule.pk}"})
    shown = answer.content.decode()
    assert "No longer covered:" in shown
    assert "New problem:" in shown
    assert rules_of(desk, rule.item)
    said = pat.post(desk.page("trial"), {"proposal": answer.context["proposal"]}, follow=True).content.decode()
    assert "Removed. What it decided goes by a less specific rule from now on, or is held." in said
    assert rules_of(desk, rule.item) == []
    unmapped = pat.get(desk.page(), {"show": "unmapped"}).context["rows"].records
    assert [line.item.item for line in unmapped] == [rule.item]


def test_rules_go_out_and_in_as_a_file_and_a_bad_row_changes_nothing(desk: Desk) -> None:
    pat = desk.at(Role.PREPARER)
    exported = pat.get(desk.page("export")).content
    with desk.payday.scope():
        before = list(AccountRule.objects.order_by("pk").values_list("pk", "debit", "credit"))
    bad = exported + b"earning:NEW,,,,,,99999,,,,\r\n"
    shown = pat.post(desk.page("import"), {"file": io.BytesIO(bad)}).content.decode()
    assert "Nothing was imported." in shown
    answer = pat.post(desk.page("import"), {"file": io.BytesIO(exported)}, follow=True).content.decode()
    assert f"{len(before)} rules saved." in answer
    with desk.payday.scope():
        assert list(AccountRule.objects.order_by("pk").values_list("pk", "debit", "credit")) == before


def test_a_viewer_changes_nothing_and_the_outsider_finds_nothing(desk: Desk) -> None:
    with desk.payday.scope():
        before = list(AccountRule.objects.order_by("pk").values())
    rule = desk.rule(item_of(desk, "net_pay").partition(":")[2])
    olga = Client()
    olga.force_login(desk.cast.olga)
    for client, refusal in ((desk.at(Role.VIEWER), HTTPStatus.FORBIDDEN), (olga, HTTPStatus.NOT_FOUND)):
        for form in ({"act": "save", **inputs(rule, credit="1")}, {"act": f"remove:{rule.pk}"}, {"act": "check"}):
            assert client.post(desk.page(), form).status_code == refusal
        assert client.post(desk.page("import")).status_code == refusal
        assert client.post(desk.page("trial"), {"proposal": '{"rules":[],"removed":[]}'}).status_code == refusal
    for name in ("workbench", "export", "import", "which", "trial"):
        assert olga.get(desk.page(name)).status_code == HTTPStatus.NOT_FOUND
    with desk.payday.scope():
        assert list(AccountRule.objects.order_by("pk").values()) == before


LINES = [
    *((f"w{n}", "earning:REG", "1000", "D1") for n in range(3)),
    *(("w0", "earning:BONUS", "333", "D1"), ("w0", "garnishment:CS", "44", "D1"), ("w1", "earning:OT", "55", "D1")),
    *((f"w{n}", "net_pay:NET", "900", "D1") for n in range(3)),
]


@pytest.fixture
def small() -> Books:
    """Three people, one of whom alone has a bonus and a garnishment."""
    found = books()
    with found.scope():
        for number in ("6000", "2200"):
            found.account(number)
        for key in ("REG", "BONUS", "OT"):
            found.item(f"earning:{key}", key)
            save_rule(found.integration, item=f"earning:{key}", debit="6000", now=timezone.now())
        for key in ("garnishment:CS", "net_pay:NET"):
            found.item(key, key)
            save_rule(found.integration, item=key, credit="2200", now=timezone.now())
        found.pay_run(LINES)
    return found


def amounts_of(found: Books) -> dict[str, list[str]]:
    pat = Client()
    pat.force_login(make_user("pat", found.tenant, Role.PREPARER))
    answer = pat.get(reverse("admin:sync_accountrule_workbench", args=[found.integration.pk]))
    return {line.item.item: [str(amount) for _, amount in line.money] for line in answer.context["rows"].records}


def test_one_persons_pay_is_not_had_by_subtraction_either(small: Books) -> None:
    """Earnings come to a sum that the pay run's page shows, and so does what goes by default rules."""
    shown = amounts_of(small)
    for item in ("earning:BONUS", "earning:OT", "garnishment:CS"):
        assert shown[item] == ["•••"]
    # The bonus and the overtime are two people's, but together they could be one's.
    assert shown["earning:REG"] == ["•••"]


def test_neither_the_sum_of_a_kind_nor_that_of_all_defaults_gives_a_bonus_away() -> None:
    found = books()
    with found.scope():
        for number in ("6000", "2200"):
            found.account(number)
        for item in ("earning:REG", "earning:BONUS"):
            found.item(item, item)
            save_rule(found.integration, item=item, debit="6000", now=timezone.now())
        found.item("employee_tax:FIT", "Tax")
        save_rule(found.integration, item="employee_tax:FIT", credit="2200", now=timezone.now())
        workers = [f"w{n}" for n in range(3)]
        lines = [(worker, "earning:REG", "1000", "D1") for worker in workers]
        taxes = [(worker, "employee_tax:FIT", "100", "D1") for worker in workers[:2]]
        found.pay_run([*lines, *taxes, ("w0", "earning:BONUS", "333", "D1")])
    assert amounts_of(found) == {"earning:REG": ["•••"], "earning:BONUS": ["•••"], "employee_tax:FIT": ["•••"]}


def test_the_filters_find_what_they_say(small: Books) -> None:
    with small.scope():
        small.account("6100")
        small.item("earning:NEW", "New")
        small.source_value(RefKind.DEPARTMENT, "D1", "Paint Shop")
        PayRun.objects.update(drafted_at=timezone.now())
        save_rule(small.integration, item="earning:REG", department="D1", debit="6100", now=timezone.now())
        ReferenceValue.objects.filter(external_id="2200").update(active=False)
    ann = Client()
    ann.force_login(make_user("ann", small.tenant, Role.APPROVER))
    page = reverse("admin:sync_accountrule_workbench", args=[small.integration.pk])

    def found(**query: str) -> set[str]:
        return {line.item.item for line in ann.get(page, query).context["rows"].records}

    assert found(show="unmapped") == {"earning:NEW"}
    assert found(show="default") == {"earning:BONUS", "earning:OT"}
    assert found(show="mapped") == {"earning:REG"}
    assert found(show="changed") == {"earning:REG"}
    assert found(show="inactive") == {"garnishment:CS", "net_pay:NET"}
    assert found(q="bon") == {"earning:BONUS"}
    assert len(found()) == 6


def test_the_page_costs_the_same_however_many_rules_there_are(small: Books) -> None:
    ada = Client()
    ada.force_login(make_user("ada", small.tenant, Role.ADMINISTRATOR))
    page = reverse("admin:sync_accountrule_workbench", args=[small.integration.pk])

    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert ada.get(page).status_code == HTTPStatus.OK
        return len([query for query in queries if query["sql"].startswith("SELECT ")])

    asked()
    few = asked()
    with small.scope():
        for n in range(30):
            small.item(f"earning:E{n}", f"Earning {n}")
            small.source_value(RefKind.DEPARTMENT, f"D{n + 10}", f"Department {n}")
            save_rule(
                small.integration, item=f"earning:E{n}", department=f"D{n + 10}", debit="6000", now=timezone.now()
            )
            small.pay_run([("w1", f"earning:E{n}", "10", f"D{n + 10}")])
    assert asked() == few
    assert few < 30


def test_without_an_integration_the_page_says_what_to_do() -> None:
    cast = make_cast()
    client = Client()
    client.force_login(cast.people[Role.VIEWER])
    shown = client.get(reverse("admin:sync_accountrule_changelist")).content.decode()
    assert "Set up an" in shown
