"""A program's key opens its own tenant, for the length of the request, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection as database
from django.http import HttpResponseBase, StreamingHttpResponse
from django.test import Client
from django.urls import path
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.context import current_actor
from config.api_scope import ApiTenantMixin
from config.authentication import REFUSAL
from connectors.models import Connection
from tenants.models import ApiKey, Role, Tenant
from tenants.scope import has_tenant_scope, tenant_scope
from tests.cast import make_cast, make_key, make_tenant, make_user
from tests.connectors.stored import make_connection

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def names() -> Iterator[str]:
    for connection in Connection.objects.order_by("name"):
        yield connection.name


class LateNames(list[str]):
    """Asks the database only when the answer is rendered."""

    def __iter__(self) -> Iterator[str]:
        return names()

    def __len__(self) -> int:
        return 1


class Connections(ApiTenantMixin, APIView):
    """What a view sees; ``how`` is the way it answers."""

    def get(self, request: Request, how: str) -> HttpResponseBase:
        actor = current_actor()
        match how:
            case "stream":
                return StreamingHttpResponse(f"{name}\n" for name in names())
            case "late":
                return Response({"names": LateNames()})
            case "missing":
                raise NotFound
            case "defect":
                raise ZeroDivisionError
        return Response(
            {"names": list(names()), "actor": [actor.kind, actor.label], "correlation_id": actor.correlation_id}
        )

    def post(self, request: Request, how: str) -> Response:
        return Response({"made": True})


urlpatterns = [path("connections/<str:how>", Connections.as_view())]
pytestmark = [
    pytest.mark.urls(__name__),
    # Static files are collected for a deployment only.
    pytest.mark.filterwarnings("ignore:No directory at"),
]


def ask(key: str | None, how: str = "plain", client: Client | None = None, correlation_id: str = "click-0815") -> Any:
    headers = {"X-Correlation-Id": correlation_id} | ({"Authorization": f"Api-Key {key}"} if key is not None else {})
    return (client or Client()).get(f"/connections/{how}", headers=headers)


def refused(key: str) -> None:
    """401, and always the same words."""
    answer = ask(key)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Api-Key"
    assert json.loads(answer.content)["detail"] == REFUSAL


def row(tenant: Tenant) -> ApiKey:
    with tenant_scope(tenant.id):
        key: ApiKey = ApiKey.objects.get()
        return key


@pytest.fixture
def acme() -> Tenant:
    acme = make_tenant("Acme")
    make_connection(acme, name="Acme's Plex")
    return acme


@pytest.fixture
def other() -> Tenant:
    other = make_tenant("Other")
    make_connection(other, name="Other's Plex")
    return other


def test_a_key_works_in_its_own_tenant_and_as_itself(acme: Tenant, other: Tenant) -> None:
    mine, theirs = make_key(acme, Role.VIEWER, "payroll export"), make_key(other, Role.ADMINISTRATOR)

    answer = ask(mine, correlation_id="order-4711").json()
    assert answer == {
        "names": ["Acme's Plex"],
        "actor": ["api_key", "payroll export"],
        "correlation_id": "order-4711",
    }
    assert ask(theirs).json()["names"] == ["Other's Plex"]
    assert ask(mine).json()["names"] == ["Acme's Plex"]


@pytest.mark.parametrize("how", ["stream", "late"])
def test_what_is_asked_while_answering_is_still_in_the_tenant(acme: Tenant, other: Tenant, how: str) -> None:
    answer = ask(make_key(acme, Role.VIEWER), how)
    assert not has_tenant_scope()

    text = b"".join(answer).decode()
    assert "Acme's Plex" in text
    assert "Other's Plex" not in text
    assert not has_tenant_scope()


def test_the_scope_ends_with_the_request_whatever_happens(acme: Tenant) -> None:
    key = make_key(acme, Role.VIEWER)
    assert ask(key, "missing").status_code == 404
    assert not has_tenant_scope()
    with pytest.raises(ZeroDivisionError):
        ask(key, "defect")
    assert not has_tenant_scope()
    assert current_actor().kind == "system"
    with database.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM connectors_connection")
        assert cursor.fetchone() == (0,)


def test_a_wrong_an_expired_a_revoked_and_a_deleted_key_are_told_apart_by_nobody(acme: Tenant, other: Tenant) -> None:
    good = make_key(acme, Role.VIEWER)
    theirs = make_key(other, Role.VIEWER)
    prefix, _, secret = good.partition(".")
    for wrong in (
        f"{prefix}.{secret[::-1]}",
        f"{theirs.partition('.')[0]}.{secret}",
        f"{secret[:8]}.{secret}",
        prefix,
        "",
        "x" * 5000,
        f"{prefix}.{secret}\x00",
        "ключ",
        f"' OR 1=1 --.{secret}",
    ):
        refused(wrong.encode().decode("latin-1"))
    with tenant_scope(acme.id):
        ApiKey.objects.update(revoked=True)
    refused(good)
    with tenant_scope(acme.id):
        ApiKey.objects.all().delete()
    refused(good)
    assert ask(theirs).status_code == 200


def test_a_key_expires_to_the_second(acme: Tenant) -> None:
    key = make_key(acme, Role.VIEWER)
    with tenant_scope(acme.id):
        ApiKey.objects.update(expiry_date=NOW)
    with time_machine.travel(NOW - timedelta(seconds=1), tick=False):
        assert ask(key).status_code == 200
    with time_machine.travel(NOW, tick=False):
        refused(key)


def test_without_a_key_there_is_no_access_even_with_a_session(acme: Tenant) -> None:
    for header in ({}, {"Authorization": "Bearer abc"}, {"Authorization": "Basic YTpi"}):
        assert Client().get("/connections/plain", headers=header).status_code == 401
    client = Client()
    client.force_login(make_user("ada", acme, Role.ADMINISTRATOR))
    assert ask(None, client=client).status_code == 401


def test_a_key_wins_over_the_session_of_somebody_elses_browser(acme: Tenant, other: Tenant) -> None:
    client = Client()
    client.force_login(make_user("olga", other, Role.ADMINISTRATOR))
    answer = ask(make_key(acme, Role.VIEWER, "export"), client=client).json()

    assert answer["names"] == ["Acme's Plex"]
    assert answer["actor"] == ["api_key", "export"]


def test_the_role_decides(acme: Tenant) -> None:
    statuses = {
        role: Client()
        .post("/connections/plain", headers={"Authorization": f"Api-Key {make_key(acme, role)}"})
        .status_code
        for role in Role
    }

    assert statuses == {Role.VIEWER: 403, Role.PREPARER: 403, Role.APPROVER: 403, Role.ADMINISTRATOR: 200}


def test_the_keyword_is_read_in_any_case(acme: Tenant) -> None:
    key = make_key(acme, Role.VIEWER)

    assert Client().get("/connections/plain", headers={"Authorization": f"api-key {key}"}).status_code == 200


def test_the_last_use_is_kept_to_the_minute(acme: Tenant) -> None:
    key = make_key(acme, Role.VIEWER)
    assert row(acme).last_used_at is None
    seen = []
    for seconds in (0, 30, 59, 60, 90):
        with time_machine.travel(NOW + timedelta(seconds=seconds), tick=False):
            ask(key)
        seen.append(row(acme).last_used_at)

    minute = NOW + timedelta(minutes=1)
    assert seen == [NOW, NOW, NOW, minute, minute]


def test_a_refused_use_is_not_a_use(acme: Tenant) -> None:
    key = make_key(acme, Role.VIEWER)
    with tenant_scope(acme.id):
        ApiKey.objects.update(revoked=True)
    refused(key)

    assert row(acme).last_used_at is None


def test_only_a_hash_of_the_key_is_stored() -> None:
    acme = make_cast().acme
    key = make_key(acme, Role.VIEWER)
    with tenant_scope(acme.id), database.cursor() as cursor:
        cursor.execute("SELECT row_to_json(k)::text FROM tenants_apikey k")
        stored = cursor.fetchone()[0]

    assert key.partition(".")[2] not in stored
