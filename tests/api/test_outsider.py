"""Olga, administrator of another company, never sees or touches anything of Acme's."""

from __future__ import annotations

from typing import Any

from audit.models import AuditEntry
from connectors.models import Connection
from sync.models import (
    AccountRule,
    AlertHook,
    Approval,
    CalendarDay,
    Delivery,
    Dispatch,
    Flow,
    Mapping,
    Notice,
    PayCalendar,
    PayExpectation,
    PayFinding,
    PayrollSettings,
    PayRun,
    Posting,
    Problem,
    Reconciliation,
    Reveal,
    Run,
    Slot,
    Timing,
)
from tenants.models import ApiKey, Membership
from tenants.scope import tenant_scope
from tests.api.caller import Caller
from tests.api.company import found
from tests.api.document import filled, operations, resource_of
from tests.cast import Cast

BODIES: dict[str, Any] = {
    "alert_hooks_partial_update": {"name": "Olga's"},
    "expectations_partial_update": {"within_days": 3},
    "connections_partial_update": {"name": "Olga's"},
    "connections_credentials": {"credentials": {"api_token": "olgas"}},
    "connections_pause": {"reason": "Olga"},
    "integrations_partial_update": {"name": "Olga's"},
    "flows_partial_update": {"writes_enabled": True},
    "flows_pause": {"reason": "Olga"},
    "flows_run": {"kind": "full"},
    "pay_calendars_partial_update": {"name": "Olga's"},
    "timings_partial_update": {"offset_days": 3},
    "mappings_partial_update": {"target_key": "D1"},
    "members_partial_update": {"role": "viewer"},
    "payroll_settings_partial_update": {"detail": "account"},
    "account_rules_partial_update": {"debit": "1"},
    "pay_runs_approve": {"hashes": {"1": "0"}},
    "pay_runs_reject": {"reason": "Olga"},
    "pay_runs_repost": {"reason": "Olga"},
    "pay_runs_adjust": {"reason": "Olga"},
    "pay_runs_reveal": {"reason": "Olga"},
    "findings_accept": {"reason": "Olga"},
    "postings_approve": {"content_hash": "0" * 64},
    "postings_reject": {"reason": "Olga"},
    "postings_reverse": {"reason": "Olga"},
    "postings_decide": {"decision": "give_up", "reason": "Olga"},
}


def state_of(cast: Cast) -> list[Any]:
    """Everything of Acme's that Olga could have changed."""
    with tenant_scope(cast.acme.id):
        payroll = (PayrollSettings, AccountRule, PayRun, PayFinding, Posting, Approval, Reveal, Reconciliation)
        clocks = (PayCalendar, CalendarDay, Timing, Slot)
        models = (Connection, Flow, Mapping, Problem, Run, ApiKey, Membership, AuditEntry, *payroll, *clocks)
        told = (Notice, AlertHook, Dispatch, PayExpectation, Delivery)
        return [list(model.objects.order_by("pk").values()) for model in (*models, *told)]


def test_every_object_of_another_company_is_not_there(cast: Cast, ada: Caller, olga: Caller) -> None:
    acme = found(cast.acme)
    acme.add(2)
    ids = acme.ids()
    ada.get("me/").ok()  # notes the use of the key, before the state is taken
    before = state_of(cast)
    tried = 0
    for operation, method, address in operations():
        if "{" not in address:
            continue
        for identity in ids[resource_of(address)]:
            theirs = olga(method, filled(address, identity), BODIES.get(operation))
            assert theirs.problem(404)["detail"], operation
            tried += 1
    assert tried > 60
    assert state_of(cast) == before
    # The same addresses exist for Acme: the 404 was about whose they are.
    for _, method, address in operations():
        if method == "GET" and "{" in address:
            ada.get(filled(address, ids[resource_of(address)][0])).ok()


def test_lists_and_filters_show_nothing_of_another_company(cast: Cast, olga: Caller) -> None:
    acme = found(cast.acme)
    acme.add(2)
    ids = acme.ids()
    own_keys = {row["prefix"] for row in olga.all("api-keys/")}
    assert not own_keys & set(ids["api-keys"])
    assert {row["user"] for row in olga.all("members/")} == {cast.olga.get_username()}
    for address in (
        "connections",
        "integrations",
        "flows",
        "reference-values",
        "mappings",
        "runs",
        "items",
        "problems",
        "payroll-settings",
        "account-rules",
        "pay-runs",
        "findings",
        "postings",
        "reconciliations",
        "pay-calendars",
        "calendar-days",
        "timings",
        "slots",
    ):
        assert olga.all(f"{address}/") == []
    assert olga.all("audit-entries/") == []
    for query in (
        f"runs/?flow={acme.people.pk}",
        f"items/?run={ids['runs'][0]}",
        f"items/?problem={ids['problems'][0]}",
        f"mappings/?integration={acme.integration.pk}",
        f"reference-values/?connection={acme.source.pk}",
        f"pay-runs/?integration={acme.integration.pk}",
        f"postings/?pay_run={ids['pay-runs'][0]}",
        f"findings/?pay_run={ids['pay-runs'][0]}",
        f"calendar-days/?calendar={ids['pay-calendars'][0]}",
        f"timings/?flow={acme.people.pk}",
        f"slots/?timing={ids['timings'][0]}",
    ):
        assert olga.all(query) == []
    for query in (
        "mappings/coverage/",
        "mappings/export/",
        "account-rules/coverage/",
        "account-rules/pay-items/",
        "account-rules/export/",
    ):
        olga.get(f"{query}?integration={acme.integration.pk}").problem(404)
    assert olga.get("audit-entries/export/").content == b""
    assert olga.get("me/").ok()["tenant"]["id"] == str(cast.other.id)


def test_objects_of_another_company_cannot_be_named_in_a_body(cast: Cast, olga: Caller) -> None:
    acme = found(cast.acme)
    acme.add(1)
    ids = acme.ids()
    before = state_of(cast)
    pair = {"name": "Mine", "source": str(acme.source.pk), "target": str(acme.target.pk)}
    assert set(olga.post("integrations/", pair).errors()) == {"source", "target"}
    integration = str(acme.integration.pk)
    mapping = {"integration": integration, "kind": "department", "source_key": "D0", "target_key": "D0"}
    assert set(olga.post("mappings/", mapping).errors()) == {"integration"}
    assert set(olga.post("mappings/bulk/", {"mappings": [mapping]}).errors()) == {"mappings.0.integration"}
    assert set(olga.post("mappings/suggest/", {"integration": integration}).errors()) == {"integration"}
    assert set(olga.post("mappings/confirm/", {"mappings": ids["mappings"]}).errors()) == {"mappings.0"}
    csv = b"kind,source_key,target_key\ndepartment,D0,D0\n"
    olga("POST", f"mappings/import/?integration={integration}", csv, Content_Type="text/csv").problem(404)
    rule = {"item": "earning:regular", "debit": "61000"}
    assert set(olga.post("account-rules/", {"integration": integration, **rule}).errors()) == {"integration"}
    for act in ("bulk", "simulate"):
        refused = olga.post(f"account-rules/{act}/", {"integration": integration, "rules": [rule]})
        assert set(refused.errors()) == {"integration"}
    olga("POST", f"account-rules/import/?integration={integration}", csv, Content_Type="text/csv").problem(404)
    day = {"calendar": str(ids["pay-calendars"][0]), "kind": "holiday", "day": "2026-12-24"}
    assert set(olga.post("calendar-days/", day).errors()) == {"calendar"}
    timing = {"flow": str(acme.people.pk), "kind": "calendar", "calendar": day["calendar"], "at": "06:00"}
    assert set(olga.post("timings/", timing).errors()) == {"flow", "calendar"}
    assert state_of(cast) == before
