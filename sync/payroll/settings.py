"""How an integration's pay runs become journals, as people decide it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from audit.context import current_actor
from audit.record import Entry, record
from sync.models import PayrollSettings
from sync.payroll.rule_checks import Chart

CHANGEABLE = (
    "start_date",
    "post_when",
    "separate_settlement",
    "detail",
    "cost_center_from",
    "rounding_account",
    "rounding_limit",
    "month_end",
    "accrued_account",
    "two_people",
    "second_approver_above",
    "post_by_itself",
    "variance_percent",
    "variance_amount",
    "fewest_people",
)
CONTROLS = frozenset({"two_people", "second_approver_above", "fewest_people"})
"""What guards against those who work with it: only an administrator changes these. Callers see to it."""

ACCOUNTS = ("rounding_account", "accrued_account")
DECIDING = frozenset(
    {
        "separate_settlement",
        "detail",
        "cost_center_from",
        "rounding_limit",
        "month_end",
        "second_approver_above",
        *ACCOUNTS,
    }
)
"""What a journal is made of, or who must approve it: who changes that signs for it."""


def change_settings(settings: PayrollSettings, values: Mapping[str, Any], *, now: datetime) -> None:
    """Afterwards the settings have these values (names of CHANGEABLE); journals are made by them from the next reading
    on. Raises ValidationError naming the field: an account that is not active in the target, a missing start date."""
    if unknown := set(values) - set(CHANGEABLE):
        raise ValidationError(dict.fromkeys(unknown, "This cannot be set for payroll."))
    with transaction.atomic():
        locked = PayrollSettings.objects.select_for_update(of=("self",)).select_related("integration__target")
        current = locked.get(pk=settings.pk)
        before = {name: getattr(current, name) for name in values}
        for name, value in values.items():
            setattr(current, name, value.strip() if name in ACCOUNTS else value)
        changed = [name for name in values if getattr(current, name) != before[name]]
        if changed:
            _check(current, was_started=before.get("start_date", current.start_date) is not None)
            if DECIDING.intersection(changed):
                current.changed_key, current.changed_at = current_actor().identity[:220], now
            current.save(update_fields=[*changed, "changed_key", "changed_at"])
            _record(current, {name: before[name] for name in changed}, now)
    for name in values:
        setattr(settings, name, getattr(current, name))


def _check(settings: PayrollSettings, *, was_started: bool) -> None:
    found: dict[str, list[str]] = defaultdict(list)
    try:
        settings.full_clean()
    except ValidationError as error:
        found.update(error.message_dict)
    if was_started and settings.start_date is None:
        found["start_date"].append("Choose a date. To stop reading pay runs, pause the payroll flow.")
    if settings.month_end != PayrollSettings.Split.NONE and not settings.accrued_account:
        found["accrued_account"].append("Enter the account that the share of the earlier month is owed on.")
    chart = Chart(settings.integration)
    for name in ACCOUNTS:
        text = getattr(settings, name)
        if "{" in text:
            found[name].append("Enter one account of the chart, without a placeholder.")
        elif text and (sentence := chart.problem(text)):
            found[name].append(sentence)
    if found:
        raise ValidationError(found)


def _record(settings: PayrollSettings, before: Mapping[str, Any], now: datetime) -> None:
    integration = settings.integration
    entry = Entry(
        action="payroll_settings.changed",
        subject_kind="integration",
        subject_id=str(integration.pk),
        subject_label=integration.name,
        before={name: _shown(value) for name, value in before.items()},
        after={name: _shown(getattr(settings, name)) for name in before},
    )
    record([entry], at=now)


def _shown(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value
