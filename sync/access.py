"""Who may see and do what: people, API keys and the company itself; one call per act, each with its audit entry.

Every call must be made in the tenant's scope; ``at`` is now, aware.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from audit.context import current_actor
from audit.record import Entry, record
from tenants.models import ApiKey, Membership, Role, Tenant
from tenants.scope import current_tenant_id


def change_tenant(tenant: Tenant, values: dict[str, Any], *, at: datetime) -> None:
    """Afterwards the company has this name or time zone. Raises ValidationError naming the field."""
    before = {name: getattr(tenant, name) for name in values}
    changed = {name: value for name, value in values.items() if value != before[name]}
    if not changed:
        return
    for name, value in changed.items():
        setattr(tenant, name, value)
    tenant.clean_fields()
    with transaction.atomic():
        tenant.save(update_fields=list(changed))
        _record("tenant.changed", "tenant", tenant.pk, tenant.name, at, _of(before, changed), changed)


def create_key(name: str, role: str, expires_at: datetime | None, *, at: datetime) -> tuple[ApiKey, str]:
    """A new key and its text, which is kept nowhere. Raises ValidationError naming the field."""
    if expires_at is not None and expires_at <= at:
        raise ValidationError({"expires_at": "This is in the past."})
    with transaction.atomic():
        key, text = ApiKey.objects.create_key(
            name=name,
            role=role,
            expiry_date=expires_at,
            created_by=current_actor().label[:200],
            acts_for=current_actor().identity[:220],
        )
        assert isinstance(key, ApiKey)
        after = {"role": Role(role).label, "prefix": key.prefix}
        _record("api_key.created", "api_key", key.prefix, key.name, at, None, after)
    return key, str(text)


def revoke_key(key: ApiKey, *, at: datetime) -> None:
    """Afterwards the key opens nothing any more, for ever. Idempotent."""
    with transaction.atomic():
        stored = ApiKey.objects.select_for_update().get(pk=key.pk)
        if not stored.revoked:
            stored.revoked = True
            stored.save(update_fields=["revoked"])
            _record("api_key.revoked", "api_key", key.prefix, key.name, at, None, None)
    key.revoked = True


def add_member(email: str, role: str, *, at: datetime) -> Membership:
    """Afterwards the person may work for the company. Somebody new gets an account without a password, with which
    nobody can sign in until the operator sets one. Raises ValidationError naming the field."""
    try:
        validate_email(email)
    except ValidationError as error:
        raise ValidationError({"user": error.messages}) from None
    with transaction.atomic():
        user = User.objects.filter(username__iexact=email).first()
        if user is None:
            user = User(username=email, email=email, is_staff=True)
            user.set_unusable_password()
            user.save()
        member = Membership(user=user, role=role)
        if Membership.objects.filter(user=user).exists():
            raise ValidationError({"user": "This person already has a role here; change that one."})
        member.save(force_insert=True)
        after = {"role": Role(role).label}
        _record("member.added", "member", user.pk, user.get_username(), at, None, after)
    return member


def change_member(member: Membership, role: str, *, at: datetime) -> None:
    """Afterwards the person has this role. Raises ValidationError when nobody would be administrator any more."""
    with transaction.atomic():
        stored = _locked(member)
        before, stored.role = stored.role, role
        if before != role:
            if before == Role.ADMINISTRATOR:
                _require_another_administrator(stored)
            stored.save(update_fields=["role"])
            _record(
                "member.changed",
                "member",
                stored.user.pk,
                stored.user.get_username(),
                at,
                {"role": Role(before).label},
                {"role": Role(role).label},
            )
    member.role = role


def remove_member(member: Membership, *, at: datetime) -> None:
    """Afterwards the person has no access here. Raises ValidationError for the last administrator."""
    with transaction.atomic():
        stored = _locked(member)
        if stored.role == Role.ADMINISTRATOR:
            _require_another_administrator(stored)
        stored.delete()
        before = {"role": Role(stored.role).label}
        _record("member.removed", "member", stored.user.pk, stored.user.get_username(), at, before, None)


def _locked(member: Membership) -> Membership:
    # All administrators are locked, always in the same order: two who demote each other must not both succeed.
    list(Membership.objects.select_for_update().filter(role=Role.ADMINISTRATOR).order_by("pk"))
    return Membership.objects.select_for_update(of=("self",)).select_related("user").get(pk=member.pk)


def _require_another_administrator(member: Membership) -> None:
    if not Membership.objects.filter(role=Role.ADMINISTRATOR).exclude(pk=member.pk).exists():
        raise ValidationError({"role": "Nobody would be administrator any more. Make somebody else one first."})


def _of(values: dict[str, Any], names: dict[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in names}


def _record(
    verb: str,
    kind: str,
    pk: Any,
    label: str,
    at: datetime,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
) -> None:
    entry = Entry(
        action=verb, subject_kind=kind, subject_id=str(pk), subject_label=label[:200], before=before, after=after
    )
    record([entry], at=at)


def own_tenant() -> Tenant:
    """The scope's tenant."""
    return Tenant.objects.get(pk=current_tenant_id())
