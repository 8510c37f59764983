"""A new company is made by one command, whole or not at all."""

from __future__ import annotations

import io
import re
import uuid

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from audit.models import AuditEntry
from connectors.models import Connection
from tenants.membership import memberships_of
from tenants.models import ApiKey, Membership, Role, Tenant
from tenants.rls import tenant_ids
from tenants.scope import tenant_scope
from tests.cast import make_cast


def unique(name: str) -> str:
    return f"{name}-{uuid.uuid4().hex[:8]}"


def create(
    *flags: str,
    name: str = "Acme Stamping",
    slug: str | None = None,
    zone: str = "America/Detroit",
    email: str | None = None,
) -> str:
    out = io.StringIO()
    email = email or f"{unique('ada')}@example.com"
    arguments = ["--slug", slug or unique("acme"), "--time-zone", zone, "--admin-email", email, *flags]
    call_command("create_tenant", name, *arguments, stdout=out)
    return out.getvalue()


def type_password(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(password + "\n"))


def tenant_of(email: str) -> Tenant:
    (membership,) = memberships_of(User.objects.get(username=email).pk)
    return membership.tenant


def test_the_administrator_can_sign_in_and_the_company_is_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    email, slug = f"{unique('ada')}@example.com", unique("acme")
    type_password(monkeypatch, "correct horse battery")
    out = create("--admin-password-stdin", slug=slug, email=email)

    assert Client().login(username=email, password="correct horse battery")
    assert User.objects.get(username=email).is_staff
    tenant = tenant_of(email)
    assert (tenant.name, tenant.slug, tenant.time_zone) == ("Acme Stamping", slug, "America/Detroit")
    with tenant_scope(tenant.id):
        assert Membership.objects.get().role == Role.ADMINISTRATOR
        assert not ApiKey.objects.exists()
        actions = list(AuditEntry.objects.order_by("seq").values_list("action", "actor_kind"))
    assert actions == [("tenant.created", "system"), ("member.added", "system")]
    assert slug in out
    assert email in out
    assert "correct horse" not in out


def test_the_api_key_is_shown_once_and_works() -> None:
    email = f"{unique('ada')}@example.com"
    out = create("--api-key", email=email)

    (key,) = re.findall(r"[A-Za-z0-9]{8}\.[A-Za-z0-9]{32}", out)
    with tenant_scope(tenant_of(email).id):
        row = ApiKey.objects.get()
        assert ApiKey.objects.key_generator.verify(key, row.hashed_key)
        assert row.role == Role.ADMINISTRATOR
        entry = AuditEntry.objects.get(action="api_key.created")
    assert entry.subject_id == row.prefix
    assert key.partition(".")[2] not in entry.body


def test_without_a_password_nobody_can_sign_in_until_one_is_set() -> None:
    email = f"{unique('ada')}@example.com"
    out = create(email=email)

    assert f"manage.py changepassword {email}" in out
    assert not User.objects.get(username=email).has_usable_password()


def test_a_person_who_has_an_account_gets_a_second_company() -> None:
    cast = make_cast()
    email = cast.olga.get_username()
    out = create(email=email.upper(), name="Second Corp")

    assert "existing account" in out
    assert {m.tenant.name for m in memberships_of(cast.olga.pk)} == {"Other Corp", "Second Corp"}
    assert Client().login(username=email, password="correct horse")


def test_the_new_company_sees_nothing_of_the_others() -> None:
    cast = make_cast()
    with tenant_scope(cast.acme.id):
        Connection.objects.create(vendor="plex", name="Plex")
    email = f"{unique('ada')}@example.com"
    create(email=email)

    with tenant_scope(tenant_of(email).id):
        assert Tenant.objects.count() == 1
        assert not Connection.objects.exists()


def test_a_taken_slug_is_refused_and_nothing_is_made() -> None:
    slug, email = unique("acme"), f"{unique('bob')}@example.com"
    create(slug=slug)
    tenants = tenant_ids()
    with pytest.raises(CommandError, match=f"The slug {slug} is taken"):
        create("--api-key", slug=slug, email=email)

    assert tenant_ids() == tenants
    assert not User.objects.filter(username=email).exists()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"zone": "Detroit"}, "'Detroit' is no time zone. Use a name such as America/Detroit."),
        ({"slug": "not a slug"}, "Enter a valid “slug”"),
        ({"email": "nobody"}, "Enter a valid email address"),
        ({"name": " "}, "This field cannot be blank"),
    ],
    ids=["zone", "slug", "email", "name"],
)
def test_wrong_words_are_refused_in_a_sentence_and_nothing_is_made(wrong: dict[str, str], sentence: str) -> None:
    tenants, users = tenant_ids(), User.objects.count()
    with pytest.raises(CommandError) as caught:
        create(**wrong)

    assert sentence in str(caught.value)
    assert (tenant_ids(), User.objects.count()) == (tenants, users)


@pytest.mark.parametrize("password", ["short", "", "12345678901"])
def test_a_weak_password_is_refused_and_nothing_is_made(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    email, tenants = f"{unique('ada')}@example.com", tenant_ids()
    type_password(monkeypatch, password)
    with pytest.raises(CommandError):
        create("--admin-password-stdin", email=email)

    assert tenant_ids() == tenants
    assert not User.objects.filter(username=email).exists()


def test_a_password_for_somebody_who_has_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    cast = make_cast()
    tenants = tenant_ids()
    type_password(monkeypatch, "another horse battery")
    with pytest.raises(CommandError, match="keeps its password"):
        create("--admin-password-stdin", email=cast.olga.get_username())

    assert Client().login(username=cast.olga.get_username(), password="correct horse")
    assert tenant_ids() == tenants
