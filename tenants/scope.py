"""Whose data the running code may touch.

``tenant_scope`` says so for the application (scoped managers, ``NoTenantScope``) and, through
``tenants.postgresql``, for the database (row-level security). Outside a scope nothing of any tenant is visible.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from django.db import models

SETTINGS = ("mlc.tenant", "mlc.user", "mlc.api_key")
"""PostgreSQL settings the policies read: the tenant, and the identities that lead to one before it is known."""

_settings: ContextVar[tuple[str, ...]] = ContextVar("tenant_settings", default=("", "", ""))


class NoTenantScope(Exception):
    """A tenant's data was asked for outside ``tenant_scope``; always a defect of ours, never of the user."""


def current_settings() -> tuple[str, ...]:
    """The values of ``SETTINGS`` for statements made here and now; empty text means not set."""
    return _settings.get()


def current_tenant_id() -> uuid.UUID:
    """The tenant of the scope we are in; raises NoTenantScope outside."""
    tenant = _settings.get()[0]
    if not tenant:
        raise NoTenantScope("Enter tenant_scope(tenant) before touching a tenant's data.")
    return uuid.UUID(tenant)


def has_tenant_scope() -> bool:
    """True inside ``tenant_scope``."""
    return bool(_settings.get()[0])


@contextmanager
def _scope(index: int, value: str, *, clear_others: bool = False) -> Iterator[None]:
    settings = [""] * len(SETTINGS) if clear_others else list(_settings.get())
    settings[index] = value
    token = _settings.set(tuple(settings))
    try:
        yield
    finally:
        _settings.reset(token)


@contextmanager
def tenant_scope(tenant_id: uuid.UUID) -> Iterator[None]:
    """Inside, queries see and write this tenant's rows only. Scopes nest; the inner one wins."""
    with _scope(0, str(uuid.UUID(str(tenant_id))), clear_others=True):
        yield


@contextmanager
def user_scope(user_id: int) -> Iterator[None]:
    """Inside, and outside any tenant, a user's own memberships and their tenants can be read."""
    with _scope(1, str(int(user_id))):
        yield


@contextmanager
def api_key_scope(prefix: str) -> Iterator[None]:
    """Inside, the API key with this prefix can be read, to find out whose it is."""
    with _scope(2, prefix):
        yield


ModelT = TypeVar("ModelT", bound=models.Model)


class ScopedManager(models.Manager[ModelT]):
    """Filters on the scope's tenant and raises ``NoTenantScope`` before the database has to refuse."""

    def get_queryset(self) -> models.QuerySet[ModelT]:
        return super().get_queryset().filter(tenant_id=current_tenant_id())
