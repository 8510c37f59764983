"""Setting up integrations and flows: one call per act, each with its audit entry."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from audit.record import Entry, record
from connectors.models import Connection
from sync.models import Flow, Integration, PayrollSettings, Run
from sync.queue import enqueue_run
from sync.runs import request_run
from sync.scheduling.clocks import check_gap
from sync.scheduling.schedules import restart_polling, wind_flow


def create_integration(name: str, source: Connection, target: Connection, *, now: datetime) -> Integration:
    """An integration with one flow of each kind, nothing running by itself, writing switched off.

    Raises ValidationError naming the field: a connection that cannot be a source or a target, a name in use.
    """
    integration = Integration(name=name, source=source, target=target)
    _check_roles(source, target)
    integration.full_clean()
    with transaction.atomic():
        integration.save()
        Flow.objects.bulk_create([Flow(integration=integration, kind=kind) for kind in Flow.Kind.values])
        PayrollSettings.objects.create(integration=integration)
        after = {"name": name, "source": source.name, "target": target.name}
        _record("integration.created", "integration", integration, now, after=after)
    return integration


def rename_integration(integration: Integration, name: str, *, now: datetime) -> None:
    """Afterwards it has this name. Its connections never change: links and references depend on them."""
    before = {"name": integration.name}
    integration.name = name
    integration.full_clean()
    with transaction.atomic():
        integration.save(update_fields=["name"])
        _record("integration.changed", "integration", integration, now, before=before, after={"name": name})


CHANGEABLE = ("every_minutes", "full_every_hours", "max_change_percent", "least_records", "writes_enabled")


def configure_flow(flow: Flow, values: Mapping[str, Any], *, now: datetime) -> None:
    """Afterwards the flow has these values (names of CHANGEABLE). Raises ValidationError naming the field."""
    if unknown := set(values) - set(CHANGEABLE):
        raise ValidationError(dict.fromkeys(unknown, "This cannot be set on a flow."))
    before = {name: getattr(flow, name) for name in values}
    changed = {name: value for name, value in values.items() if value != before[name]}
    if not changed:
        return
    for name, value in changed.items():
        setattr(flow, name, value)
    flow.full_clean()
    if changed.get("every_minutes"):
        check_gap(flow.integration, "every_minutes", timedelta(minutes=changed["every_minutes"]))
    with transaction.atomic():
        flow.save(update_fields=list(changed))
        if "every_minutes" in changed:
            restart_polling(flow, now=now)
        verb = "flow.changed"
        if set(changed) == {"writes_enabled"}:
            verb = "flow.writes_enabled" if flow.writes_enabled else "flow.writes_disabled"
        _record(verb, "flow", flow, now, before={name: before[name] for name in changed}, after=changed)


def pause_flow(flow: Flow, reason: str, *, now: datetime) -> None:
    """Afterwards the flow does not start by itself, and cannot be started, until it is resumed. What would have come
    until then does not start later."""
    _set_paused(flow, True, reason, "flow.paused", now)


def resume_flow(flow: Flow, *, now: datetime) -> None:
    """Afterwards the flow runs again as configured."""
    _set_paused(flow, False, "", "flow.resumed", now)


def _set_paused(flow: Flow, paused: bool, reason: str, verb: str, now: datetime) -> None:
    with transaction.atomic():
        flow.paused, flow.paused_reason = paused, reason[:300]
        flow.save(update_fields=["paused", "paused_reason"])
        wind_flow(flow, now=now)
        _record(verb, "flow", flow, now, after={"enabled": not paused}, why=reason)


class Paused(Exception):
    """The flow is paused. ``str()`` is the sentence for staff."""


def start(flow: Flow, kind: str, *, now: datetime) -> Run:
    """Ask for a run and hand it to the workers. Raises AlreadyRunning, Paused."""
    if flow.paused and kind != Run.Kind.PREVIEW:
        raise Paused(f"{flow} is paused{': ' + flow.paused_reason if flow.paused_reason else ''}. Resume it first.")
    with transaction.atomic():
        run = request_run(flow, kind, now=now)
        enqueue_run(run)
    return run


def _check_roles(source: Connection, target: Connection) -> None:
    if "source" not in source.product.roles:
        raise ValidationError({"source": f"{source.product.product} cannot be a source."})
    if "target" not in target.product.roles:
        raise ValidationError({"target": f"{target.product.product} cannot be a target."})


def _record(verb: str, subject_kind: str, subject: Integration | Flow, now: datetime, **values: Any) -> None:
    entry = Entry(
        action=verb, subject_kind=subject_kind, subject_id=str(subject.pk), subject_label=str(subject), **values
    )
    record([entry], at=now)
