"""A signed-in person works in one tenant at a time, as themselves, for the length of the request."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.test import Client
from django.urls import path

from audit.context import current_actor
from connectors.models import Connection
from tenants.models import Membership, Role, Tenant
from tenants.scope import NoTenantScope, has_tenant_scope, tenant_scope
from tests.cast import Cast, make_cast
from tests.connectors.stored import make_connection


def look(request: HttpRequest) -> JsonResponse:
    membership = request.membership  # type: ignore[attr-defined]
    actor = current_actor()
    return JsonResponse(
        {
            "in_scope": has_tenant_scope(),
            "role": membership and membership.role,
            "names": [c.name for c in Connection.objects.all()] if has_tenant_scope() else None,
            "actor": [actor.kind, actor.label],
            "correlation_id": actor.correlation_id,
        }
    )


def render_late(request: HttpRequest) -> TemplateResponse:
    template = engines["django"].from_string("{% for c in connections %}{{ c.name }}{% endfor %}")
    return TemplateResponse(request, template, {"connections": Connection.objects.all()})


def fail(request: HttpRequest) -> HttpResponse:
    assert has_tenant_scope()
    raise ZeroDivisionError


def need_a_tenant(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(Connection.objects.count()))


urlpatterns = [path("look", look), path("late", render_late), path("fail", fail), path("need", need_a_tenant)]
pytestmark = [
    pytest.mark.urls(__name__),
    # Static files are collected for a deployment only.
    pytest.mark.filterwarnings("ignore:No directory at"),
]


@pytest.fixture
def cast() -> Cast:
    cast = make_cast()
    make_connection(cast.acme, name="AcmePlex")
    make_connection(cast.other, name="OtherPlex")
    return cast


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> Iterator[None]:
    yield
    assert not has_tenant_scope()
    assert current_actor().kind == "system"


def signed_in(user: object) -> Client:
    client = Client()
    client.force_login(user)  # type: ignore[arg-type]
    return client


def choose(client: Client, tenant: Tenant) -> None:
    session = client.session
    session["tenant"] = str(tenant.id)
    session.save()


def test_a_person_sees_their_tenant_and_acts_as_themselves(cast: Cast) -> None:
    vera = cast.people[Role.VIEWER]
    answer = signed_in(vera).get("/look", headers={"X-Correlation-Id": "click-4711"})

    assert answer.json() == {
        "in_scope": True,
        "role": "viewer",
        "names": ["AcmePlex"],
        "actor": ["user", vera.get_username()],
        "correlation_id": "click-4711",
    }
    assert signed_in(cast.olga).get("/look").json()["names"] == ["OtherPlex"]


def test_a_person_with_two_tenants_switches(cast: Cast) -> None:
    with tenant_scope(cast.other.id):
        Membership.objects.create(user=cast.people[Role.VIEWER], role=Role.APPROVER)
    client = signed_in(cast.people[Role.VIEWER])

    seen = [client.get("/look").json()]
    for tenant in (cast.other, cast.acme, cast.other):
        choose(client, tenant)
        seen.append(client.get("/look").json())
    assert [(one["names"], one["role"]) for one in seen] == [
        (["AcmePlex"], "viewer"),
        (["OtherPlex"], "approver"),
        (["AcmePlex"], "viewer"),
        (["OtherPlex"], "approver"),
    ]


@pytest.mark.parametrize("chosen", ["theirs", "nonsense"])
def test_a_tenant_one_does_not_belong_to_cannot_be_chosen(cast: Cast, chosen: str) -> None:
    client = signed_in(cast.olga)
    session = client.session
    session["tenant"] = str(cast.acme.id) if chosen == "theirs" else "' OR 1=1 --"
    session.save()

    assert client.get("/look").json()["names"] == ["OtherPlex"]


def test_access_ends_when_the_membership_does(cast: Cast) -> None:
    client = signed_in(cast.people[Role.VIEWER])
    assert client.get("/look").json()["in_scope"]
    with tenant_scope(cast.acme.id):
        Membership.objects.filter(user=cast.people[Role.VIEWER]).delete()

    assert client.get("/look").json()["in_scope"] is False


@pytest.mark.parametrize("who", ["nobody", "without a tenant"])
def test_without_a_tenant_there_is_no_scope_and_no_data(cast: Cast, who: str) -> None:
    client = Client()
    if who == "without a tenant":
        client = signed_in(cast.olga)
        with tenant_scope(cast.other.id):
            Membership.objects.all().delete()
    answer = client.get("/look").json()

    assert (answer["in_scope"], answer["role"], answer["actor"]) == (False, None, ["system", "System"])
    with pytest.raises(NoTenantScope):
        client.get("/need")


def test_a_page_rendered_late_is_rendered_in_the_tenant(cast: Cast) -> None:
    assert signed_in(cast.olga).get("/late").content == b"OtherPlex"
    assert not has_tenant_scope()


def test_an_exception_ends_the_scope_too(cast: Cast) -> None:
    client = signed_in(cast.olga)
    with pytest.raises(ZeroDivisionError):
        client.get("/fail")
    assert not has_tenant_scope()
    assert current_actor().kind == "system"

    quiet = signed_in(cast.olga)
    quiet.raise_request_exception = False
    assert quiet.get("/fail").status_code == 500


@pytest.mark.parametrize("given", ["short", "with blanks in it", "x" * 65, "<script>alert(1)</script>", ""])
def test_a_correlation_id_that_is_not_sane_is_replaced(cast: Cast, given: str) -> None:
    answer = signed_in(cast.olga).get("/look", headers={"X-Correlation-Id": given})

    assert answer["X-Correlation-Id"] != given
    assert len(answer["X-Correlation-Id"]) == 32
    assert answer.json()["correlation_id"] == answer["X-Correlation-Id"]
