"""Account rules as people keep them: checked, dated, signed, carried in and out."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.context import acting_as
from audit.models import AuditEntry
from connectors.records import RefKind
from sync.models import AccountRule
from sync.models.payroll import ALWAYS
from sync.payroll.account_rule_files import COLUMNS, export_csv, import_csv
from sync.payroll.account_rules import remove_rule, save_rule, save_rules_for, suggest_accounts
from sync.payroll.register import Dimensions
from sync.payroll.rules import RuleTable
from sync.payroll.surroundings import load_rules
from tenants.scope import tenant_scope
from tests.cast import make_tenant
from tests.sync.ledger import NOW, Books, books

REGULAR, BONUS, TAX, HEALTH = "earning:REG", "earning:BONUS", "employee_tax:FIT", "employer_contribution:MED"
MARCH = date(2026, 3, 1)


@pytest.fixture
def acme() -> Books:
    """Paint Shop and Tooling; wages by cost center, liabilities, one account that is no longer active."""
    found = books()
    with found.scope():
        found.item(REGULAR, "Regular pay")
        found.item(TAX, "Federal income tax")
        found.source_value(RefKind.DEPARTMENT, "D1", "Paint Shop", code="PAINT")
        found.source_value(RefKind.DEPARTMENT, "D2", "Tooling")
        found.source_value(RefKind.DEPARTMENT, "D3", "Forge", active=False)
        found.source_value(RefKind.LOCATION, "L1", "Plant")
        found.source_value(RefKind.LOCATION, "L2", "Plant")
        for number in ("6000-000-00", "6000-210-00", "2200-000-00", "2300-000-00"):
            found.account(number)
        found.account("2100-000-00", active=False)
    return found


def as_text(rule: AccountRule) -> tuple[str, str, str, str]:
    return (
        rule.department,
        rule.debit or rule.credit,
        "" if rule.valid_from == ALWAYS else rule.valid_from.isoformat(),
        rule.valid_to.isoformat() if rule.valid_to else "",
    )


def kept() -> list[tuple[str, str, str, str]]:
    return [as_text(rule) for rule in AccountRule.objects.order_by("item", "department", "valid_from")]


def test_a_rule_holds_from_its_day_and_ends_the_former_one(acme: Books) -> None:
    with acme.scope(), acting_as("user", "Pat", identity="user:7"):
        save_rule(acme.integration, item=REGULAR, debit=" 6000-000-00 ", now=NOW)
        save_rule(acme.integration, item=REGULAR, department="D1", debit="6000-{cost_center}-00", now=NOW)
        rule = save_rule(acme.integration, item=REGULAR, debit="6000-210-00", valid_from=MARCH, now=NOW)

        assert kept() == [
            ("", "6000-000-00", "", "2026-03-01"),
            ("", "6000-210-00", "2026-03-01", ""),
            ("D1", "6000-{cost_center}-00", "", ""),
        ]
        assert (rule.changed_by, rule.changed_key, rule.changed_at) == ("Pat", "user:7", NOW)

        chosen = {
            day: RuleTable(load_rules(acme.integration), day).choose(REGULAR, Dimensions(department="D2"))
            for day in (MARCH - timedelta(days=1), MARCH)
        }
        assert [choice and choice.rule.debit for choice in chosen.values()] == ["6000-000-00", "6000-210-00"]

        changed = AuditEntry.objects.filter(action="account_rule.changed").get()
        assert changed.subject_label == "Regular pay (earning)"
        [end] = [change for change in changed.changes() if change.field == "valid_to"]
        assert (end.before, end.after) == (None, "2026-03-01")
        labels = AuditEntry.objects.filter(action="account_rule.created").values_list("subject_label", flat=True)
        assert "Regular pay (earning), department Paint Shop" in labels


def test_a_rule_saved_again_is_replaced_and_one_that_says_the_same_stays_whose_it_was(acme: Books) -> None:
    with acme.scope():
        with acting_as("user", "Pat"):
            first = save_rule(acme.integration, item=TAX, credit="2200-000-00", now=NOW)
        with acting_as("user", "Ann"):
            same = save_rule(acme.integration, item=TAX, credit="2200-000-00", now=NOW + timedelta(days=1))
            assert (same.pk, same.changed_by, same.changed_at) == (first.pk, "Pat", NOW)
            assert AuditEntry.objects.count() == 1

            other = save_rule(acme.integration, item=TAX, credit="2300-000-00", now=NOW + timedelta(days=1))
        assert (other.pk, other.changed_by) == (first.pk, "Ann")
        assert kept() == [("", "2300-000-00", "", "")]


@pytest.mark.parametrize(
    ("values", "field", "sentence"),
    [
        ({"item": REGULAR}, "debit", "is debited: enter a debit account"),
        ({"item": REGULAR, "debit": "6000-000-00", "credit": "2200-000-00"}, "credit", "never credited"),
        ({"item": REGULAR, "debit": "6000-000-00", "settlement": "2200-000-00"}, "settlement", "Nothing is owed"),
        ({"item": TAX, "debit": "2200-000-00", "credit": "2200-000-00"}, "debit", "never debited"),
        ({"item": TAX}, "credit", "is credited: enter a credit account"),
        ({"item": HEALTH, "debit": "6000-000-00"}, "credit", "is credited"),
        ({"item": HEALTH, "credit": "2200-000-00"}, "debit", "is debited"),
        ({"item": "REG", "debit": "6000-000-00"}, "item", "Write kind:code"),
        ({"item": "salary:REG", "debit": "6000-000-00"}, "item", "Write kind:code"),
        ({"item": "earning:", "debit": "6000-000-00"}, "item", "Write kind:code"),
        ({"item": "earning:" + "x" * 200, "debit": "6000-000-00"}, "item", "At most 200 characters"),
        ({"item": REGULAR, "debit": "9999"}, "debit", "Ledger has no account “9999”"),
        ({"item": TAX, "credit": "2100-000-00"}, "credit", "is not active in Ledger"),
        ({"item": REGULAR, "debit": "7{cost_center}"}, "debit", "no active account like"),
        ({"item": REGULAR, "debit": "2100-{cost_center}-00"}, "debit", "no active account like"),
        ({"item": REGULAR, "debit": "6000-{cost_center}-{cost_center}"}, "debit", "no active account like"),
        ({"item": REGULAR, "debit": "6000-{job}-00"}, "debit", "only {cost_center}, {department} and {location} can"),
        ({"item": REGULAR, "debit": "6000-{department}-{department}"}, "debit", "whatever the department"),
        ({"item": REGULAR, "debit": "6000-000-00", "department": "D9"}, "department", "has no department “D9”"),
        ({"item": REGULAR, "debit": "6000-000-00", "department": "D3"}, "department", "no longer uses"),
        ({"item": REGULAR, "debit": "6000-000-00", "location": "D1"}, "location", "has no location “D1”"),
        (
            {"item": REGULAR, "debit": "6000-000-00", "valid_from": MARCH, "valid_to": MARCH},
            "valid_to",
            "must end after the day it starts",
        ),
    ],
)
def test_a_rule_that_could_not_be_booked_is_refused_by_field(
    acme: Books, values: dict[str, str], field: str, sentence: str
) -> None:
    with acme.scope():
        with pytest.raises(ValidationError) as refused:
            save_rule(acme.integration, **values, now=NOW)  # type: ignore[arg-type]
        assert list(refused.value.message_dict) == [field]
        assert sentence in refused.value.message_dict[field][0]
        assert not AccountRule.objects.exists()
        assert not AuditEntry.objects.exists()


def test_the_same_accounts_for_many_items_at_once_or_for_none(acme: Books) -> None:
    with acme.scope():
        rules = save_rules_for(acme.integration, [REGULAR, BONUS, REGULAR], debit="6000-000-00", now=NOW)
        assert [rule.item for rule in rules] == [REGULAR, BONUS]

        with pytest.raises(ValidationError, match="employee tax"):
            save_rules_for(acme.integration, [BONUS, TAX], debit="6000-210-00", now=NOW)
        assert [rule.debit for rule in AccountRule.objects.all()] == ["6000-000-00", "6000-000-00"]

        found = suggest_accounts(acme.integration, "earning:OT")
        assert found is not None
        assert (found.debit, found.credit, found.rules) == ("6000-000-00", "", 2)
        assert suggest_accounts(acme.integration, TAX) is None


def test_a_removed_rule_is_gone_and_the_trail_says_what_it_was(acme: Books) -> None:
    with acme.scope():
        rule = save_rule(acme.integration, item=TAX, credit="2200-000-00", now=NOW)
        remove_rule(rule, now=NOW)
        assert not AccountRule.objects.exists()
        entry = AuditEntry.objects.get(action="account_rule.removed")
        assert entry.content.before is not None
        assert (entry.content.before["credit_account"], entry.content.after) == ("2200-000-00", None)


def test_rules_go_out_as_a_file_and_come_back_the_same(acme: Books) -> None:
    with acme.scope():
        save_rule(acme.integration, item=REGULAR, debit="6000-000-00", valid_to=MARCH, now=NOW)
        save_rule(acme.integration, item=REGULAR, department="D1", debit="6000-{cost_center}-00", now=NOW)
        save_rule(acme.integration, item=TAX, credit="2200-000-00", valid_from=MARCH, now=NOW)
        before = kept()
        text = "".join(export_csv(acme.integration, now=NOW))
        assert text.splitlines()[:2] == [",".join(COLUMNS), "earning:REG,Regular pay,,,,,6000-000-00,,,,2026-03-01"]

        AccountRule.objects.all().delete()
        assert import_csv(acme.integration, text, now=NOW) == 3
        assert kept() == before
        actions = AuditEntry.objects.values_list("action", flat=True)
        assert {"account_rule.exported", "account_rule.imported"} <= set(actions)


def test_a_file_names_departments_as_people_do(acme: Books) -> None:
    with acme.scope():
        rows = ("earning:REG,PAINT,6000-000-00,", "earning:REG,Tooling,6000-210-00,", "earning:NEW,D1,6000-000-00,")
        import_csv(acme.integration, "\r\n".join(["item,department,debit,credit", *rows]), now=NOW)
        assert sorted(AccountRule.objects.values_list("item", "department")) == [
            ("earning:NEW", "D1"),
            ("earning:REG", "D1"),
            ("earning:REG", "D2"),
        ]


def test_one_bad_row_imports_nothing_and_names_row_and_column(acme: Books) -> None:
    header = "item,item_name,location,department,debit,credit,valid_from\n"
    rows = {
        "earning:REG,,,,6000-000-00,,": None,
        "earning:REG,,Plant,,6000-000-00,,": "Row 3, location: there are several called 'Plant'; write the id.",
        "earning:REG,,,Nowhere,6000-000-00,,": "Row 4, department: Payroll has no department 'Nowhere'.",
        "earning:REG,,,,6000-000-00,,1 March": "Row 5, valid_from: '1 March' is not a date like 2026-01-31.",
        "earning:REG,,,,9999,,2026-01-01": "Row 6, debit: Ledger has no account “9999”.",
        "earning:REG,,,,6000-210-00,,1900-01-01": "Row 7, item: the same pay item, dimensions and start as in row 2.",
        "earning:OT,,,,6000-000-00,,,more": "Row 8: there are more cells than columns.",
        "earning:OT,,,Forge,6000-000-00,,": "Row 9, department: Payroll has no department 'Forge'.",
    }
    with acme.scope():
        with pytest.raises(ValidationError) as refused:
            import_csv(acme.integration, header + "\n".join(rows), now=NOW)
        wanted = [sentence for sentence in rows.values() if sentence]
        assert [
            found.startswith(sentence) for found, sentence in zip(refused.value.messages, wanted, strict=False)
        ] == [True] * len(wanted)
        assert refused.value.messages[len(wanted) :] == ["Nothing was imported."]
        assert not AccountRule.objects.exists()

        with pytest.raises(ValidationError, match="the column debit is missing"):
            import_csv(acme.integration, "item,credit\n", now=NOW)


def test_what_a_spreadsheet_would_run_goes_out_as_text_and_comes_back_as_it_was(acme: Books) -> None:
    with acme.scope():
        acme.account("-6000")
        acme.item("earning:=1+1", "=HYPERLINK(1)")
        save_rule(acme.integration, item="earning:=1+1", debit="-6000", now=NOW)
        text = "".join(export_csv(acme.integration, now=NOW))
        assert text.splitlines()[1] == "earning:=1+1,'=HYPERLINK(1),,,,,'-6000,,,,"

        AccountRule.objects.all().delete()
        import_csv(acme.integration, text, now=NOW)
        assert AccountRule.objects.get().debit == "-6000"


def test_many_rules_cost_as_many_questions_as_one(acme: Books) -> None:
    def asked(items: list[str]) -> int:
        with CaptureQueriesContext(connection) as queries:
            save_rules_for(acme.integration, items, debit="6000-000-00", now=NOW)
        return len(queries)

    with acme.scope():
        asked(["earning:FIRST"])
        one = asked(["earning:A"])
        assert asked([f"earning:{n}" for n in range(50)]) == one


def test_olga_keeps_no_rule_of_acmes(acme: Books) -> None:
    with acme.scope():
        rule = save_rule(acme.integration, item=TAX, credit="2200-000-00", now=NOW)
    with tenant_scope(make_tenant("Other Corp").id):
        with pytest.raises(ValidationError):
            save_rule(acme.integration, item=TAX, credit="2200-000-00", now=NOW)
        with pytest.raises(ValidationError):
            import_csv(acme.integration, "item,debit,credit\nemployee_tax:FIT,,2200-000-00\n", now=NOW)
        with pytest.raises(ObjectDoesNotExist):
            remove_rule(rule, now=NOW)
        assert suggest_accounts(acme.integration, TAX) is None
        assert "2200" not in "".join(export_csv(acme.integration, now=NOW))
    with acme.scope():
        assert kept() == [("", "2200-000-00", "", "")]
        assert AuditEntry.objects.count() == 1
