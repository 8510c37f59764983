"""Account rules by the API: one, many, none when one is wrong, as a file, tried on past runs; and payroll settings."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from audit.models import AuditEntry
from sync.models import AccountRule, PayrollSettings
from tenants.models import Role
from tenants.scope import tenant_scope
from tests.api.caller import Caller
from tests.api.worker import work
from tests.cast import Cast, make_key
from tests.sync.payroll.payday import Payday, open_books, ready
from tests.sync.payroll.test_correcting import pay_more

WAGES = {"debit": "61000-{cost_center}-0100"}


@pytest.fixture
def payday(cast: Cast, sandbox: dict[str, str]) -> Payday:
    """Acme's pay run was read; no pay item has a rule yet."""
    payday = open_books(sandbox, tenant=cast.acme, rippling={"size": 30})
    payday.read()
    return payday


def of(payday: Payday) -> str:
    return str(payday.story.integration.pk)


def earnings(caller: Caller, payday: Payday) -> list[str]:
    items = caller.get(f"account-rules/pay-items/?integration={of(payday)}").ok()["results"]
    return [item["item"] for item in items if item["kind"] == "earning"]


def test_a_rule_from_a_date_on_ends_the_one_before(payday: Payday, cast: Cast, pat: Caller) -> None:
    item = earnings(pat, payday)[0]
    entry = {"integration": of(payday), "item": item, **WAGES}
    made = pat.post("account-rules/", entry, Idempotency_Key="one")
    assert pat.post("account-rules/", entry, Idempotency_Key="one").ok(201) == made.ok(201)
    later = pat.post("account-rules/", {**entry, "valid_from": "2026-07-01", "debit": "61200-{cost_center}-0100"})
    rows = pat.all(f"account-rules/?item={item}&integration={of(payday)}")
    assert [(row["debit"], row["valid_to"], row["changed_by"]) for row in rows] == [
        (WAGES["debit"], "2026-07-01", "test"),
        ("61200-{cost_center}-0100", None, "test"),
    ]
    address = f"account-rules/{later.ok(201)['id']}/"
    assert later.headers["Location"].endswith(address)
    changed = pat.patch(address, {"debit": WAGES["debit"], "valid_to": "2027-01-01"}).ok()
    assert (changed["id"], changed["valid_to"]) == (later.body["id"], "2027-01-01")
    assert set(pat.patch(address, {"debit": "nowhere"}).errors()) == {"debit"}
    pat.delete(address).ok(204)
    pat.get(address).problem(404)
    with tenant_scope(cast.acme.id):
        verbs = set(AuditEntry.objects.filter(subject_kind="account_rule").values_list("action", flat=True))
    assert verbs == {"account_rule.created", "account_rule.changed", "account_rule.removed"}


def test_a_rule_that_cannot_work_is_refused_by_field(payday: Payday, pat: Caller) -> None:
    item = earnings(pat, payday)[0]
    entry = {"integration": of(payday), "item": item}
    assert set(pat.post("account-rules/", entry).errors()) == {"debit"}
    assert set(pat.post("account-rules/", {**entry, **WAGES, "credit": "21550-000-0000"}).errors()) == {"credit"}
    assert set(pat.post("account-rules/", {**entry, "debit": "1", "department": "nowhere"}).errors()) == {
        "debit",
        "department",
    }
    assert set(pat.post("account-rules/", {**entry, **WAGES, "colour": "red"}).errors()) == {"colour"}
    assert set(pat.post("account-rules/", {**entry, **WAGES, "item": "salary"}).errors()) == {"item"}


def test_many_are_saved_all_or_none_and_each_mistake_has_its_place(payday: Payday, cast: Cast, pat: Caller) -> None:
    rules = [{"item": item, **WAGES} for item in earnings(pat, payday)[:2]]
    wrong = {"integration": of(payday), "rules": [*rules, {"item": rules[0]["item"], "debit": "nowhere"}]}
    assert set(pat.post("account-rules/bulk/", wrong).errors()) == {"rules.2.debit"}
    assert pat.all("account-rules/") == []
    saved = pat.post("account-rules/bulk/", {"integration": of(payday), "rules": rules}).ok()["results"]
    assert [row["item"] for row in saved] == [rule["item"] for rule in rules]
    assert set(pat.post("account-rules/bulk/", {"integration": of(payday), "rules": []}).errors()) == {"rules"}


def test_a_file_goes_out_and_comes_back(payday: Payday, cast: Cast, pat: Caller) -> None:
    payday.write_rules()
    before = {(row["item"], row["debit"], row["credit"]) for row in pat.all("account-rules/")}
    exported = pat.get(f"account-rules/export/?integration={of(payday)}")
    assert exported.type.startswith("text/csv")
    with tenant_scope(cast.acme.id):
        AccountRule.objects.all().delete()
    address = f"account-rules/import/?integration={of(payday)}"
    bad = exported.content + b"earning:regular,,,,,,nowhere,,,,\n"
    refused = pat("POST", address, bad, Content_Type="text/csv").problem(400)
    assert "Row" in str(refused["errors"])
    assert pat.all("account-rules/") == []
    assert pat("POST", address, exported.content, Content_Type="text/csv").ok() == {"imported": len(before)}
    assert {(row["item"], row["debit"], row["credit"]) for row in pat.all("account-rules/")} == before
    with tenant_scope(cast.acme.id):
        assert AuditEntry.objects.filter(action="account_rule.exported", actor_kind="api_key").count() == 1


def test_coverage_is_in_money_and_a_new_rule_raises_it(payday: Payday, pat: Caller, vera: Caller) -> None:
    address = f"account-rules/coverage/?integration={of(payday)}"
    [bare] = pat.get(address).ok()["results"]
    assert (bare["percent"], bare["without"]["amount"]) == (0, bare["total"]["amount"])
    payday.write_rules()
    [full] = pat.get(address).ok()["results"]
    assert (full["percent"], full["without"]["amount"], full["without"]["lines"]) == (100, "0.00", 0)
    [hidden] = vera.get(address).ok()["results"]
    assert (hidden["percent"], hidden["total"]["amount"], hidden["total"]["masked"]) == (None, None, True)
    states = {item["state"] for item in vera.get(f"account-rules/pay-items/?integration={of(payday)}").ok()["results"]}
    assert states == {"default"}


def test_an_item_of_one_person_is_not_had_from_the_other_items_of_its_kind(payday: Payday, pat: Caller) -> None:
    pay_more(payday)
    items = pat.get(f"account-rules/pay-items/?integration={of(payday)}").ok()["results"]
    totals = {item["item"]: item["paid"][0]["total"] for item in items if item["kind"] == "earning" and item["paid"]}
    assert (totals["earning:BON2"]["people"], totals["earning:BON2"]["amount"]) == (1, None)
    masked = [total for total in totals.values() if total["masked"]]
    assert max(total["people"] for total in masked) > 1, "the kind's total, which is shown, less the rest would tell"


def test_rules_are_tried_on_past_runs_and_save_nothing(cast: Cast, sandbox: dict[str, str], pat: Caller) -> None:
    payday, _ = ready(sandbox, tenant=cast.acme, rippling={"size": 30})
    rules = pat.all("account-rules/")
    taxes = [rule for rule in rules if rule["item"].startswith("employer_tax:")]
    tried: dict[str, Any] = {
        "integration": of(payday),
        "runs": 2,
        "rules": [
            {"item": rule["item"], "debit": "61300-{cost_center}-0100", "credit": rule["credit"]} for rule in taxes
        ],
    }
    [run] = pat.post("account-rules/simulate/", tried).ok()["results"]
    moved = [row for row in run["accounts"] if row["moved"]]
    assert {row["account"][:5] for row in moved} == {"61200", "61300"}
    shown = [row for row in moved if not row["masked"]]
    assert shown
    assert all(Decimal(row["after"]) - Decimal(row["before"]) == Decimal(row["difference"]) for row in shown)
    assert {row["before"] for row in moved if row["masked"]} <= {None}
    tried["rules"][0]["credit"] = "nowhere"
    assert set(pat.post("account-rules/simulate/", tried).errors()) == {"rules.0.credit"}
    removed = {"integration": of(payday), "rules": [], "removed": [taxes[0]["id"]]}
    [without] = pat.post("account-rules/simulate/", removed).ok()["results"]
    assert [finding["code"] for finding in without["appeared"]] == ["no_rule"]
    assert [row["people"] for row in without["uncovered"]] == [30]
    assert pat.all("account-rules/") == rules


def test_a_rule_mends_what_was_held_and_its_writer_cannot_approve(payday: Payday, cast: Cast) -> None:
    key = Caller(make_key(cast.acme, Role.APPROVER, name="both"))
    payday.write_rules(leave_out=["net_pay"])
    [row] = key.all("pay-runs/")
    key.post(f"pay-runs/{row['id']}/check/").ok(201)
    work(cast.acme.id)
    [held] = key.all("pay-runs/?state=held")
    [finding] = key.all(f"findings/?pay_run={held['id']}&code=no_rule")
    entry = {"integration": of(payday), "item": finding["culprit"], "credit": "21500-000-0000"}
    key.post("account-rules/", entry).ok(201)
    key.post(f"pay-runs/{row['id']}/check/").ok(201)
    work(cast.acme.id)
    [journal] = key.get(f"pay-runs/{row['id']}/").ok()["postings"]
    body = {"hashes": {str(journal["id"]): journal["content_hash"]}}
    assert "Somebody else" in key.post(f"pay-runs/{row['id']}/approve/", body).problem(409)["detail"]


def test_settings_are_changed_recorded_and_guarded(payday: Payday, cast: Cast, pat: Caller, ada: Caller) -> None:
    address = f"payroll-settings/{of(payday)}/"
    changed = pat.patch(address, {"detail": "account", "variance_amount": "250.50", "start_date": "2026-02-01"}).ok()
    assert (changed["detail"], changed["variance_amount"], changed["start_date"]) == ("account", "250.50", "2026-02-01")
    for name, value in {"rounding_account": "nowhere", "start_date": None, "variance_percent": 0}.items():
        assert set(pat.patch(address, {name: value}).errors()) == {name}
    assert set(pat.patch(address, {"month_end": "calendar_days"}).errors()) == {"accrued_account"}
    both = {"month_end": "calendar_days", "accrued_account": "21500-000-0000"}
    assert pat.patch(address, both).ok()["accrued_account"] == "21500-000-0000"
    pat.patch(address, {"rounding_account": "61000-{cost_center}-0100"}).problem(400)
    pat.patch(address, {"two_people": False}).problem(403)
    pat.patch(address, {"fewest_people": 2, "detail": "worker"}).problem(403)
    assert ada.patch(address, {"two_people": False}).ok()["two_people"] is False
    with tenant_scope(cast.acme.id):
        settings = PayrollSettings.objects.get()
        entries = AuditEntry.objects.filter(action="payroll_settings.changed").order_by("seq")
        assert settings.detail == "account"
        assert [{change.field for change in entry.changes()} for entry in entries] == [
            {"detail", "variance_amount", "start_date"},
            {"month_end", "accrued_account"},
            {"two_people"},
        ]
        assert "250.50" in entries[0].body
