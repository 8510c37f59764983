"""What is not right is refused with a problem document that names the field, whatever was sent."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.models import Connection
from sync.models import Integration
from tenants.scope import tenant_scope
from tests.api.caller import Caller
from tests.api.company import found
from tests.cast import Cast
from tests.logs import logged

RIPPLING = {"vendor": "rippling", "name": "HR"}


def test_a_problem_says_what_is_wrong_where_and_under_which_id(ada: Caller) -> None:
    answer = ada.post("connections/", {"vendor": "nobody", "colour": "red"}, X_Correlation_Id="from-the-caller")
    problem = answer.problem(400)
    assert problem["type"] == "urn:ml-connector:problem:invalid"
    assert problem["correlation_id"] == "from-the-caller"
    assert {error["field"] for error in problem["errors"]} == {"vendor", "name", "colour"}


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"name": "a" "vendor": 1}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"name": NaN}',
        b'{"name": "\\u0000", "vendor": "rippling"}',
        b'{"name": "\\ud800", "vendor": "rippling"}',
        b'{"\\ud800": 1}',
        b'{"name": 99999999999999999999999}',
        b'{"name": ' + b"9" * 10_000 + b"}",
        b"[]",
        b"null",
        b'"text"',
        b"7",
    ],
)
def test_a_body_that_cannot_be_read_or_kept_is_refused(ada: Caller, body: bytes) -> None:
    for method, address in (("POST", "connections/"), ("POST", "mappings/bulk/"), ("PATCH", "tenant/")):
        assert ada(method, address, body).problem(400)["detail"]


def test_other_kinds_of_body_and_endless_ones_are_refused(ada: Caller) -> None:
    ada("POST", "connections/", b"name=a", Content_Type="application/x-www-form-urlencoded").problem(415)
    ada("POST", "connections/", b"<a/>", Content_Type="text/xml").problem(415)
    ada("POST", "connections/", b'{"name": "' + b"a" * 3_000_000 + b'"}').problem(413)


def test_a_field_or_parameter_that_does_not_exist_is_not_ignored(cast: Cast, ada: Caller) -> None:
    acme = found(cast.acme)
    flow = f"flows/{acme.people.pk}/"
    assert ada.patch(flow, {"every_minute": 10}).errors() == {"every_minute": "There is no such field."}
    assert ada.patch(f"connections/{acme.source.pk}/", {"vendor": "plex"}).errors() == {
        "vendor": "There is no such field."
    }
    assert ada.post("connections/", {**RIPPLING, "state": "ready"}).errors() == {"state": "This field cannot be set."}
    assert set(ada.post(f"{flow}preview/", {"kind": "full"}).errors()) == {""}
    assert set(ada.get("runs/?stat=held").errors()) == {"stat"}
    assert set(ada.get(f"{flow}?cursor=1").errors()) == {"cursor"}
    assert set(ada.get("runs/?state=held&state=failed").errors()) == {"state"}
    assert set(ada.post("flows/?a=1", {}).problem(405)) >= {"detail"}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("runs/?state=lost", "state"),
        ("runs/?flow=7", "flow"),
        ("items/?run=one", "run"),
        ("items/?run=1.5", "run"),
        ("items/?source_id=%00", "source_id"),
        ("flows/?paused=maybe", "paused"),
        ("audit-entries/?since=yesterday", "since"),
        ("audit-entries/?since=2026-01-01T00:00:00", "since"),
        ("audit-entries/export/?from_seq=0", "from_seq"),
        ("audit-entries/export/?from_seq=99999999999999999999", "from_seq"),
        ("audit-entries/export/?from_seq=500", "from_seq"),
        ("runs/?page_size=0", "page_size"),
        ("runs/?page_size=201", "page_size"),
        ("runs/?page_size=²", "page_size"),
        ("runs/?cursor=nonsense", "cursor"),
        ("runs/?cursor=WyJwayIsICIxIl0", "cursor"),
        ("runs/?cursor=WyJuYW1lIiwgIjEiXQ==", "cursor"),
        ("runs/?cursor=WyJwayIsICJhIl0=", "cursor"),
        ("mappings/coverage/", "integration"),
        ("mappings/coverage/?integration=1", "integration"),
    ],
)
def test_a_parameter_that_cannot_be_is_refused_by_name(ada: Caller, query: str, field: str) -> None:
    assert set(ada.get(query).errors()) == {field}


def test_numbers_no_column_can_hold_find_nothing(ada: Caller) -> None:
    for query in (f"items/?run={10**30}", f"items/?problem={10**30}", f"audit-entries/?run={10**30}"):
        assert ada.all(query) == []
    for address in (f"runs/{10**30}/", f"runs/{'9' * 5000}/", f"mappings/{2**63}/", f"audit-entries/{2**64}/"):
        ada.get(address).problem(404)
    ada.post("mappings/confirm/", {"mappings": [2**63 - 1]}).problem(400)
    for instant in ("0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00"):
        assert set(ada.get(f"audit-entries/?since={instant}").errors()) == {"since"}
    assert ada.all("audit-entries/?until=0577-10-07T06:49:39-19:02") == []


NO_FLOW = "6e1f6a0e-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    "address",
    ["", "nowhere/", "connections", "connections/7/", "runs/x/", f"flows/{NO_FLOW}/x/", "api-keys/%00/"],
)
def test_an_address_that_is_none_is_answered_like_any_other_error(ada: Caller, address: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        assert ada(method, address).problem(404)["title"] == "There is nothing at this address"


def test_a_method_that_is_not_offered_is_refused(cast: Cast, ada: Caller) -> None:
    acme = found(cast.acme)
    ada.delete(f"flows/{acme.people.pk}/").problem(405)
    ada.put(f"connections/{acme.source.pk}/", {}).problem(405)
    ada.delete("audit-entries/1/").problem(405)
    ada.patch("audit-entries/1/", {}).problem(405)
    ada("OPTIONS", "runs/").problem(405)
    assert ada("HEAD", "runs/").status == 200


def test_settings_are_refused_by_their_own_names(ada: Caller) -> None:
    plex = {
        "vendor": "plex",
        "name": "ERP",
        "settings": {"pcn": "twelve", "base_url": "https://evil.example", "api_key": "k"},
    }
    errors = ada.post("connections/", plex).errors()
    assert set(errors) == {"settings.pcn", "settings.base_url", "settings.api_key", "settings.company_code"}
    errors = ada.post("connections/", {**RIPPLING, "credentials": {"password": "p"}}).errors()
    assert errors["credentials.password"] == "There is no such credential."
    assert ada.all("connections/") == []


def test_nothing_is_half_made(cast: Cast, ada: Caller) -> None:
    acme = found(cast.acme)
    ada.post("connections/", {**RIPPLING, "credentials": {"password": "p"}}).problem(400)
    swapped = {"name": "Wrong way", "source": str(acme.target.pk), "target": str(acme.source.pk)}
    assert set(ada.post("integrations/", swapped).errors()) == {"source"}
    again = {"name": "Twice", "source": str(acme.source.pk), "target": str(acme.target.pk)}
    assert ada.post("integrations/", again).problem(400)["errors"][0]["message"].endswith("already paired.")
    assert set(ada.patch(f"flows/{acme.people.pk}/", {"every_minutes": 1, "writes_enabled": True}).errors()) == {
        "every_minutes"
    }
    with tenant_scope(cast.acme.id):
        assert Connection.objects.count() == 2
        assert Integration.objects.count() == 1
        acme.people.refresh_from_db()
        assert acme.people.writes_enabled is False


def test_what_does_not_fit_the_present_state_changes_nothing(cast: Cast, ada: Caller) -> None:
    acme = found(cast.acme)
    flow = f"flows/{acme.people.pk}/"
    assert "An integration uses" in ada.delete(f"connections/{acme.source.pk}/").problem(409)["detail"]
    ada.post(f"{flow}release/").problem(409)
    first = ada.post(f"{flow}run/", {"kind": "changes"}).ok(201)
    assert f"#{first['id']}" in ada.post(f"{flow}run/").problem(409)["detail"]
    assert ada.post(f"runs/{first['id']}/cancel/").ok()["state"] == "cancelled"
    ada.post(f"runs/{first['id']}/replay_undone/").problem(409)
    ada.post(f"{flow}pause/", {"reason": "Year end"}).ok()
    assert "Year end" in ada.post(f"{flow}run/").problem(409)["detail"]
    assert ada.post(f"{flow}resume/").ok()["paused"] is False
    assert len(ada.all(f"runs/?flow={acme.people.pk}")) == 1


def test_a_name_taken_at_the_same_moment_is_a_conflict_and_no_defect(
    ada: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check of the name has passed for both; the database lets only one in."""
    ada.post("connections/", RIPPLING).ok(201)
    monkeypatch.setattr("connectors.administration._validate", lambda connection, stored: None)
    assert "at the same moment" in ada.post("connections/", RIPPLING).problem(409)["detail"]


def test_a_defect_of_ours_is_a_problem_too_and_gives_nothing_away(ada: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError(f"salary of {4700 + 11}")

    monkeypatch.setattr("sync.access.own_tenant", broken)
    ada.forgive()
    with logged() as log:
        problem = ada.get("me/", X_Correlation_Id="ask-about-this").problem(500)
    assert problem["correlation_id"] == "ask-about-this"
    assert [line["error"] for line in log.lines("api.defect")] == ["RuntimeError"]
    assert "4711" not in str(problem) + log.text


def test_each_key_has_its_own_allowance(ada: Caller, vera: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync.api.throttling.KeyThrottle.THROTTLE_RATES", {"api_key": "3/min"})
    for _ in range(3):
        ada.get("me/").ok()
    refused = ada.get("me/")
    assert refused.problem(429)["type"].endswith("throttled")
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    vera.get("me/").ok()
