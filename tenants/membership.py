"""Which tenant a person works for right now, and what they may do there."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest

from tenants.models import Membership, Role
from tenants.scope import user_scope


def memberships_of(user_id: int) -> list[Membership]:
    """Every tenant the user belongs to, by name; read as the user, outside any tenant."""
    with user_scope(user_id):
        every: QuerySet[Membership] = Membership._base_manager.filter(user_id=user_id)
        return list(every.select_related("tenant").order_by("tenant__name", "pk"))


def choose_membership(user_id: int, preferred_tenant: str | None) -> Membership | None:
    """The membership in the preferred tenant, else the first one, else None."""
    memberships = memberships_of(user_id)
    chosen = (m for m in memberships if str(m.tenant_id) == preferred_tenant)
    return next(chosen, memberships[0] if memberships else None)


def membership_of(request: HttpRequest) -> Membership | None:
    """The membership in whose tenant this request runs, None for somebody who works for no company."""
    return getattr(request, "membership", None)


def allows(request: HttpRequest, role: Role) -> bool:
    """True when the person's role in their company covers ``role``."""
    membership = membership_of(request)
    return membership is not None and Role(membership.role).covers(role)


def require(request: HttpRequest, role: Role) -> None:
    """PermissionDenied, with a sentence for the person, unless their role covers ``role``."""
    if not allows(request, role):
        raise PermissionDenied(
            f"This needs the role {role.label.lower()} or a higher one. Ask an administrator of your company."
        )
