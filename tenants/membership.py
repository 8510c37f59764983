"""Which tenant a person works for right now."""

from __future__ import annotations

from django.db.models import QuerySet

from tenants.models import Membership
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
