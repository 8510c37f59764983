"""The cast of every story: two companies, and the people who work for them.

Acme's Vera (viewer), Pat (preparer), Ann (approver) and Ada (administrator); Olga the outsider is administrator of
Other Corp and must never see or touch anything of Acme's.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.contrib.auth.models import User

from tenants.models import ApiKey, Membership, Role, Tenant
from tenants.scope import tenant_scope


@dataclass(frozen=True)
class Cast:
    """Acme and its people, and Olga with her company."""

    acme: Tenant
    other: Tenant
    people: dict[Role, User]
    olga: User


def make_tenant(name: str, *, time_zone: str = "America/Detroit") -> Tenant:
    """A new company; its slug is unique in the test database."""
    tenant_id = uuid.uuid4()
    with tenant_scope(tenant_id):
        return Tenant.objects.create(
            id=tenant_id, name=name, slug=f"{name.lower().replace(' ', '-')}-{tenant_id.hex[:8]}", time_zone=time_zone
        )


def make_user(name: str, tenant: Tenant, role: Role) -> User:
    """Someone who works for the company in this role; signs in with password "correct horse"."""
    user = User.objects.create_user(
        username=f"{name}-{uuid.uuid4().hex[:8]}@example.com", password="correct horse", is_staff=True
    )
    with tenant_scope(tenant.id):
        Membership.objects.create(user=user, role=role)
    return user


def make_key(tenant: Tenant, role: Role, name: str = "test") -> str:
    """An API key of the company, as its holder got to see it once."""
    with tenant_scope(tenant.id):
        _, key = ApiKey.objects.create_key(name=name, role=role)
    return str(key)


def make_cast() -> Cast:
    """Everybody, in companies of their own."""
    acme, other = make_tenant("Acme"), make_tenant("Other Corp")
    names = {Role.VIEWER: "vera", Role.PREPARER: "pat", Role.APPROVER: "ann", Role.ADMINISTRATOR: "ada"}
    return Cast(
        acme=acme,
        other=other,
        people={role: make_user(name, acme, role) for role, name in names.items()},
        olga=make_user("olga", other, Role.ADMINISTRATOR),
    )
