"""Who may do what: every operation of the API with every role."""

from __future__ import annotations

import uuid

import pytest

from tenants.models import Role
from tests.api.caller import Caller
from tests.api.document import filled, operations
from tests.cast import Cast, make_key

# The least role, by operation; what only reads and is not here needs a viewer.
NEEDS = {
    Role.VIEWER: {"audit_entries_verify"},
    Role.PREPARER: {
        "flows_run",
        "flows_preview",
        "mappings_create",
        "mappings_partial_update",
        "mappings_destroy",
        "mappings_bulk",
        "mappings_confirm",
        "mappings_suggest",
        "mappings_import",
        "runs_cancel",
        "runs_replay",
        "runs_replay_undone",
        "items_replay",
        "problems_replay",
        "deliveries_replay",
        "payroll_settings_partial_update",
        "account_rules_create",
        "account_rules_partial_update",
        "account_rules_destroy",
        "account_rules_bulk",
        "account_rules_simulate",
        "account_rules_import",
        "pay_runs_check",
        "pay_runs_reconcile",
        "pay_runs_evidence",
        "postings_evidence",
        "postings_validate",
        "postings_verify",
    },
    Role.APPROVER: {
        "flows_release",
        "pay_runs_approve",
        "pay_runs_reject",
        "pay_runs_post",
        "pay_runs_repost",
        "pay_runs_adjust",
        "pay_runs_reveal",
        "findings_accept",
        "postings_approve",
        "postings_reject",
        "postings_post",
        "postings_replay",
        "postings_reverse",
        "postings_decide",
    },
    Role.ADMINISTRATOR: {
        "connections_create",
        "connections_partial_update",
        "connections_destroy",
        "connections_check",
        "connections_credentials",
        "connections_pause",
        "connections_resume",
        "integrations_create",
        "integrations_partial_update",
        "flows_partial_update",
        "flows_pause",
        "flows_resume",
        "pay_calendars_create",
        "pay_calendars_partial_update",
        "pay_calendars_destroy",
        "pay_calendars_import",
        "calendar_days_create",
        "calendar_days_destroy",
        "timings_create",
        "timings_partial_update",
        "timings_destroy",
        "alert_hooks_list",
        "alert_hooks_retrieve",
        "alert_hooks_create",
        "alert_hooks_partial_update",
        "alert_hooks_destroy",
        "alert_hooks_secret",
        "alert_hooks_test",
        "expectations_create",
        "expectations_partial_update",
        "expectations_destroy",
        "tenant_update",
        "api_keys_list",
        "api_keys_retrieve",
        "api_keys_create",
        "api_keys_revoke",
        "members_list",
        "members_retrieve",
        "members_create",
        "members_partial_update",
        "members_destroy",
    },
}


@pytest.mark.parametrize("role", list(Role))
def test_each_role_may_do_what_it_is_for_and_nothing_else(role: Role, cast: Cast) -> None:
    caller = Caller(make_key(cast.acme, role))
    least = {operation: needed for needed, known in NEEDS.items() for operation in known}
    seen = set()
    for operation, method, address in operations():
        seen.add(operation)
        assert method == "GET" or operation in least, f"{operation} is not in the table"
        # Nothing has these names, so that what is allowed finds nothing to do.
        identity = (
            uuid.uuid4()
            if "connections" in address or "integrations" in address or "/alert-hooks/" in address
            else 987654321
        )
        identity = uuid.uuid4() if "/pay-calendars/" in address or "/timings/" in address else identity
        identity = uuid.uuid4() if "/flows/" in address or "/payroll-settings/" in address else identity
        answer = caller(method, filled(address, identity), None if method == "GET" else {"no_such_field": 1})
        if role.covers(Role(least.get(operation, Role.VIEWER))):
            assert answer.status != 403, (operation, answer)
        else:
            assert "role" in answer.problem(403)["detail"], operation
    assert set(least) <= seen


def test_without_a_valid_key_nothing_is_shown(cast: Cast) -> None:
    for key in ("", "abcdefgh.12345678901234567890123456789012", "nonsense\x7f"):
        stranger = Caller(key)
        for _, method, address in operations():
            answer = stranger(method, filled(address, 1))
            assert answer.status in (401, 404), (method, address, answer)
            assert answer.type == "application/problem+json"
            if answer.status == 401:
                assert answer.headers["WWW-Authenticate"] == "Api-Key"
