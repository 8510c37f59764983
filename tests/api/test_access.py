"""Keys, people and the company itself, by the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import time_machine
from django.contrib.auth import get_user_model

from audit.models import AuditEntry
from tenants.scope import tenant_scope
from tests.api.caller import Caller
from tests.cast import Cast


def test_a_key_works_from_the_answer_that_showed_it_until_it_is_revoked(cast: Cast, ada: Caller) -> None:
    made = ada.post("api-keys/", {"name": "Payroll", "role": "preparer"}).ok(201)
    program = Caller(made["key"])
    me = program.get("me/").ok()
    assert (me["tenant"]["name"], me["role"], me["key"]["name"]) == ("Acme", "preparer", "Payroll")
    listed = ada.get(f"api-keys/{made['prefix']}/")
    assert "key" not in listed.ok()
    assert made["key"].split(".")[1] not in listed.content.decode()
    assert ada.post(f"api-keys/{made['prefix']}/revoke/").ok()["revoked"] is True
    program.get("me/").problem(401)
    assert ada.post(f"api-keys/{made['prefix']}/revoke/").ok()["revoked"] is True
    with tenant_scope(cast.acme.id):
        actions = AuditEntry.objects.filter(subject_id=made["prefix"]).order_by("seq")
        assert [entry.action for entry in actions] == ["api_key.created", "api_key.revoked"]
        assert made["key"].split(".")[1] not in "".join(entry.body for entry in actions)


def test_a_key_expires_when_it_says(ada: Caller) -> None:
    now = datetime.now(UTC)
    past, soon = (now - timedelta(days=1)).isoformat(), (now + timedelta(days=1)).isoformat()
    assert set(ada.post("api-keys/", {"name": "Old", "role": "viewer", "expires_at": past}).errors()) == {"expires_at"}
    key = ada.post("api-keys/", {"name": "New", "role": "viewer", "expires_at": soon}).ok(201)["key"]
    Caller(key).get("me/").ok()
    with time_machine.travel(now + timedelta(days=2)):
        Caller(key).get("me/").problem(401)


def test_people_come_change_and_go_but_the_last_administrator_stays(cast: Cast, ada: Caller) -> None:
    email = f"new-{cast.acme.pk.hex[:8]}@example.com"
    added = ada.post("members/", {"user": email, "role": "viewer"}).ok(201)
    assert set(ada.post("members/", {"user": email, "role": "preparer"}).errors()) == {"user"}
    assert set(ada.post("members/", {"user": "nobody", "role": "preparer"}).errors()) == {"user"}
    assert not get_user_model().objects.get(username=email).has_usable_password()
    assert ada.patch(f"members/{added['id']}/", {"role": "administrator"}).ok()["role"] == "administrator"
    [first] = [row for row in ada.all("members/?role=administrator") if row["user"] != email]
    ada.patch(f"members/{first['id']}/", {"role": "viewer"}).ok()
    assert set(ada.patch(f"members/{added['id']}/", {"role": "viewer"}).errors()) == {"role"}
    assert set(ada.delete(f"members/{added['id']}/").errors()) == {"role"}
    ada.delete(f"members/{first['id']}/").ok(204)
    assert email in {row["user"] for row in ada.all("members/")}
    with tenant_scope(cast.acme.id):
        verbs = list(AuditEntry.objects.order_by("seq").values_list("action", flat=True))
    assert verbs == ["member.added", "member.changed", "member.changed", "member.removed"]


def test_somebody_of_two_companies_can_be_added_to_both(cast: Cast, ada: Caller, olga: Caller) -> None:
    ada.post("members/", {"user": cast.olga.get_username(), "role": "viewer"}).ok(201)
    [own] = olga.all("members/")
    assert own["role"] == "administrator"


def test_the_company_keeps_its_slug_and_takes_only_real_time_zones(cast: Cast, ada: Caller, vera: Caller) -> None:
    assert vera.get("tenant/").ok()["time_zone"] == "America/Detroit"
    assert set(ada.patch("tenant/", {"time_zone": "Mars/Base", "slug": "x"}).errors()) == {"time_zone", "slug"}
    assert ada.patch("tenant/", {"time_zone": "America/Chicago", "name": "Acme Steel"}).ok()["name"] == "Acme Steel"
    assert vera.get("tenant/").ok()["time_zone"] == "America/Chicago"


def test_credentials_go_in_and_never_come_out(cast: Cast, ada: Caller) -> None:
    body = {"vendor": "rippling", "name": "HR", "credentials": {"api_token": "very-secret-token"}}
    made = ada.post("connections/", body)
    address = f"connections/{made.ok(201)['id']}/"
    answers = [
        made,
        ada.get(address),
        ada.get("connections/"),
        ada.put(f"{address}credentials/", {"credentials": {"api_token": "other-secret-token"}}),
        ada.get("audit-entries/"),
        ada.get("audit-entries/export/"),
    ]
    for answer in answers:
        assert answer.status < 300
        assert b"secret-token" not in answer.content
    assert ada.get(address).ok()["has_credentials"] is True


def test_settings_change_one_by_one_and_a_changed_connection_wants_testing(ada: Caller) -> None:
    plex = {"vendor": "plex", "name": "ERP", "settings": {"pcn": "12", "company_code": "ACME", "scope": "all"}}
    address = f"connections/{ada.post('connections/', plex).ok(201)['id']}/"
    changed = ada.patch(address, {"settings": {"pcn": "13", "scope": None}}).ok()
    assert changed["settings"] == {"pcn": "13", "company_code": "ACME"}
    assert changed["state"] == "new"
    assert ada.patch(address, {"name": "Plex"}).ok()["settings"] == changed["settings"]
    assert ada.post(f"{address}pause/", {"reason": "Audit week"}).ok()["state"] == "paused"
    assert ada.get(address).ok()["state_reason"] == "Audit week"
    assert ada.post(f"{address}resume/").ok()["state"] == "new"
    ada.delete(address).ok(204)
    ada.get(address).problem(404)
