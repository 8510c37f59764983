"""Installing an app at a vendor and its end: one call each, with its audit entry.

Every call must be made in the scope of the connection's tenant; ``at`` is now, aware.
"""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import connection as database
from django.db import transaction

from audit.record import Entry, record
from connectors.access import Grant
from connectors.administration import save_connection
from connectors.contract import Company
from connectors.models import AccessToken, Connection
from connectors.registry import installed_settings
from connectors.routing import connections_of_company
from connectors.tokens import SharedTokens


def new_connection(vendor: str, company: Company, *, at: datetime) -> Connection:
    """A connection for a company that installed the app from the vendor's side. Call ``install`` next, in the same
    transaction."""
    made = Connection(vendor=vendor, settings=installed_settings(vendor))
    label = f"{made.product.product} {company.name}".strip()[:100]
    taken = set(Connection.objects.values_list("name", flat=True))
    made.name = next(name for name in (label, *(f"{label} {n}" for n in range(2, 10_000))) if name not in taken)
    save_connection(made, at=at)
    return made


def awaiting(vendor: str, company: Company) -> list[Connection]:
    """The connections an install of the operator's app may be for, by name: of that app, and of no other company so
    far."""
    found = Connection.objects.filter(vendor=vendor, company__in=["", company.id]).order_by("name")
    return [connection for connection in found if is_of_operators_app(connection)]


def is_of_operators_app(connection: Connection) -> bool:
    """True when the operator's app is installed for this connection, where that app is."""
    ours = installed_settings(connection.vendor)
    addresses = [field for field in connection.product.settings if field.is_url]
    return (
        connection.is_installed
        and not connection.settings.get("client_id")
        and all(
            connection.settings.get(field.name, field.default) == ours.get(field.name, field.default)
            for field in addresses
        )
    )


def install(connection: Connection, company: Company, grant: Grant, *, at: datetime) -> None:
    """Afterwards the connection has this access and no other, and belongs to this company.

    What was found out before is forgotten: test the connection next. A connection that a person paused stays paused.
    Raises ValidationError when the connection is another company's or takes no install, or when the company is
    connected by somebody else; then nothing is stored.
    """
    with transaction.atomic():
        _one_at_a_time(connection.vendor, company)
        stored = Connection.objects.select_for_update(no_key=True).get(pk=connection.pk)
        _refuse_what_does_not_fit(stored, company)
        verb = "reconnected" if stored.company else "installed"
        stored.company = company.id
        stored.forget_check()
        stored.account = company.name[:200]
        stored.save()
        SharedTokens(stored.tenant_id, stored.pk, now=lambda: at).keep(grant)
        _record(stored, verb, at, detail={"account": stored.account})
    connection.refresh_from_db()


def uninstalled(connection: Connection, *, at: datetime) -> None:
    """Afterwards our access is erased and the connection says that it was withdrawn. Idempotent.

    For a connection that signs in otherwise nothing happens. The company stays noted, so that an install brings back
    the same one. Call it when the vendor's word was proved by asking: nobody signs an announcement.
    """
    with transaction.atomic():
        stored = Connection.objects.select_for_update(no_key=True).get(pk=connection.pk)
        erased, _ = AccessToken.objects.filter(connection=stored).delete() if stored.is_installed else (0, {})
        if not erased:
            return
        if stored.state != Connection.State.PAUSED:
            stored.state = Connection.State.ATTENTION
            stored.state_reason = (
                f"The app was removed in {stored.product.product}, and with it our access. An administrator must "
                "connect it again."
            )
            stored.save(update_fields=["state", "state_reason"])
        _record(stored, "uninstalled", at)
    connection.refresh_from_db()


def _one_at_a_time(vendor: str, company: Company) -> None:
    """Until the transaction ends nobody else installs for this company: who comes second sees who was first."""
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"install {vendor} {company.id}"])


def _refuse_what_does_not_fit(stored: Connection, company: Company) -> None:
    product = stored.product.product
    if not stored.is_installed:
        raise ValidationError(
            f"{stored.name} signs in with credentials. Change “Signing in” in its settings first, or take another "
            "connection."
        )
    if stored.company and stored.company != company.id:
        raise ValidationError(
            f"{stored.name} belongs to another {product} company, and its people would be mixed up. Add a new "
            "connection for this company."
        )
    if any(route.tenant_id != stored.tenant_id for route in connections_of_company(stored.vendor, company.id)):
        raise ValidationError(f"This {product} company cannot be connected here. Ask your operator.")


def _record(connection: Connection, verb: str, at: datetime, **content: object) -> None:
    entry = Entry(
        action=f"connection.{verb}",
        subject_kind="connection",
        subject_id=str(connection.id),
        subject_label=connection.name,
        **content,  # type: ignore[arg-type]
    )
    record([entry], at=at)
