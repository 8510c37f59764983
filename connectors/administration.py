"""What people do to a connection: one call each, with its audit entry. The admin and the API share them.

Every call must be made in the scope of the connection's tenant; ``at`` is now, aware.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import ProtectedError

from audit.record import Entry, record
from connectors.inputs import clean_credentials, clean_settings
from connectors.models import AccessToken, Connection
from connectors.seal import SealBroken
from connectors.vendors import VENDORS
from tenants.scope import current_tenant_id

# What a person enters; the other columns follow from checks, credentials and pausing.
ENTERED = ("name", "environment", "settings")


def save_connection(connection: Connection, *, at: datetime) -> None:
    """Afterwards a new or changed connection is stored, its settings checked and tidied.

    Of a changed one, name, environment and settings are taken over and the rest is what is stored. With another
    environment or other settings, what the last check found out is dropped; with it the access, where the change is one
    of how to sign in, and the company, where it is one of environment or address: they were another system's. Raises
    ValidationError by field, a setting's as ``settings.<name>``.
    """
    with transaction.atomic():
        stored = None if connection._state.adding else _locked(connection)
        if stored is None:
            connection.tenant_id = current_tenant_id()
        _validate(connection, stored)
        if stored is None:
            connection.save(force_insert=True)
            _record(connection, "created", at, after=_shown(connection))
            return
        changed = [name for name in ENTERED if getattr(stored, name) != getattr(connection, name)]
        _take_the_rest(connection, stored)
        if not changed:
            return
        if changed != ["name"]:
            _forget_the_former(connection, stored)
        connection.save()
        _record(connection, "changed", at, before=_shown(stored), after=_shown(connection))


def replace_credentials(connection: Connection, credentials: Mapping[str, object], *, at: datetime) -> None:
    """Afterwards these are all the credentials of the connection; none of the former is kept.

    The access token and the findings of the last check are dropped, unless nothing we sign in with has changed. Raises
    ValidationError as ``credentials.<name>``.
    """
    with transaction.atomic():
        _take_the_rest(connection, _locked(connection), entered=())
        try:
            cleaned = clean_credentials(connection.product, credentials, connection.settings)
        except ValidationError as error:
            raise _prefixed("credentials", error) from None
        labels = {field.name: field.label for field in connection.product.settings}
        if _signs_in_with_others(connection, cleaned):
            connection.forget_check()
            AccessToken.objects.filter(connection=connection).delete()
        connection.replace_credentials(cleaned)
        connection.save()
        _record(connection, "credentials_replaced", at, detail={"fields": [labels[name] for name in sorted(cleaned)]})


def pause(connection: Connection, *, reason: str, at: datetime) -> None:
    """Afterwards nothing is sent or read through the connection until it is resumed. Idempotent."""
    with transaction.atomic():
        _take_the_rest(connection, _locked(connection), entered=())
        if connection.state == Connection.State.PAUSED:
            return
        connection.state, connection.state_reason = Connection.State.PAUSED, reason
        connection.save(update_fields=["state", "state_reason"])
        _record(connection, "paused", at, detail={"cause": reason})


def resume(connection: Connection, *, at: datetime) -> None:
    """Afterwards the connection is used again, in the state that its last check found. Idempotent."""
    with transaction.atomic():
        _take_the_rest(connection, _locked(connection), entered=())
        if connection.state != Connection.State.PAUSED:
            return
        connection.take_state_from_check()
        connection.save(update_fields=["state", "state_reason"])
        _record(connection, "resumed", at, detail={"state": connection.state})


def remove_connection(connection: Connection, *, at: datetime) -> None:
    """Afterwards the connection and its credentials are gone. ValidationError while an integration uses it."""
    with transaction.atomic():
        stored = _locked(connection)
        try:
            stored.delete()
        except ProtectedError:
            raise ValidationError("An integration uses this connection. Remove the integration first.") from None
        _record(connection, "removed", at, before=_shown(connection))


def _locked(connection: Connection) -> Connection:
    """Whoever stores a row that belongs to the connection, an announcement say, does not wait for us."""
    return Connection.objects.select_for_update(no_key=True).get(pk=connection.pk)


def _take_the_rest(connection: Connection, stored: Connection, entered: tuple[str, ...] = ENTERED) -> None:
    """What is stored now wins over what the caller read some time ago, save for what was entered."""
    for field in stored._meta.concrete_fields:
        if field.name not in entered:
            setattr(connection, field.attname, getattr(stored, field.attname))


def _forget_the_former(connection: Connection, stored: Connection) -> None:
    """What was found out and given with the former settings, as far as it is not good for these."""
    connection.forget_check()
    settings = {**stored.settings, **connection.settings}
    changed = {name for name in settings if stored.settings.get(name) != connection.settings.get(name)}
    fields = [field for field in connection.product.settings if field.name in changed]
    moved = stored.environment != connection.environment
    if moved or any(field.is_url or field.signs_in for field in fields):
        AccessToken.objects.filter(connection=connection).delete()
    if moved or any(field.is_url for field in fields):
        connection.company = ""


def _signs_in_with_others(connection: Connection, credentials: Mapping[str, str]) -> bool:
    try:
        stored = connection.open_credentials()
    except SealBroken:
        return True
    fields = [field.name for field in connection.product.settings if field.secret and field.signs_in]
    return any(stored.get(name) != credentials.get(name) for name in fields) or not connection.has_credentials


def _validate(connection: Connection, stored: Connection | None) -> None:
    if stored and stored.vendor != connection.vendor:
        raise ValidationError({"vendor": ["A connection keeps its product. Make a new connection for another one."]})
    if connection.vendor not in VENDORS:
        raise ValidationError({"vendor": ["There is no such product."]})
    if not isinstance(connection.settings, Mapping):
        raise ValidationError({"settings": ["Enter names and values."]})
    try:
        connection.settings = clean_settings(connection.product, connection.settings)
    except ValidationError as error:
        raise _prefixed("settings", error) from None
    connection.name = connection.name.strip()
    connection.full_clean(validate_constraints=False)
    if Connection.objects.exclude(pk=connection.pk).filter(name=connection.name).exists():
        raise ValidationError({"name": ["Another connection has this name."]})


def _prefixed(prefix: str, error: ValidationError) -> ValidationError:
    return ValidationError({f"{prefix}.{name}": sentences for name, sentences in error.message_dict.items()})


def _shown(connection: Connection) -> dict[str, Any]:
    """What was entered, as a person knows it: settings by their labels. None of it is secret."""
    labels = {field.name: field.label for field in connection.product.settings}
    return {
        "vendor": connection.product.product,
        "name": connection.name,
        "environment": connection.get_environment_display(),
        "settings": [f"{labels.get(name, name)}: {value}" for name, value in sorted(connection.settings.items())],
    }


def _record(connection: Connection, verb: str, at: datetime, **content: Any) -> None:
    entry = Entry(
        action=f"connection.{verb}",
        subject_kind="connection",
        subject_id=str(connection.id),
        subject_label=connection.name,
        **content,
    )
    record([entry], at=at)
