"""The company an operator names on the command line."""

from __future__ import annotations

from collections.abc import Iterator

from django.core.management.base import CommandError

from tenants.models import Tenant
from tenants.rls import tenant_ids
from tenants.scope import tenant_scope


def chosen_tenants(slug: str | None) -> Iterator[Tenant]:
    """The company with this slug, or every company without one; CommandError when there is none of that name."""
    for tenant_id in tenant_ids():
        with tenant_scope(tenant_id):
            tenant = Tenant.objects.get(pk=tenant_id)
        if slug in (None, tenant.slug):
            yield tenant
        if slug == tenant.slug:
            return
    if slug is not None:
        raise CommandError(f"There is no company with the slug {slug!r}.")
