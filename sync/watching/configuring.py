"""Setting up which pay dates are expected: one call per act, each with its audit entry."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from audit.record import Entry, record
from sync.models import PayExpectation

CHANGEABLE = ("calendar", "company", "pay_group", "within_days", "at", "least_people", "starts_on")


def expect(values: Mapping[str, Any], *, now: datetime) -> PayExpectation:
    """A new expectation of these values (names of CHANGEABLE, and integration). Raises ValidationError naming the
    field."""
    expectation = PayExpectation(**values)
    expectation.full_clean()
    with transaction.atomic():
        expectation.save(force_insert=True)
        _record("expectation.created", expectation, now, after=_shown(expectation))
    return expectation


def change_expectation(expectation: PayExpectation, values: Mapping[str, Any], *, now: datetime) -> None:
    """Afterwards it has these values (names of CHANGEABLE). Raises ValidationError naming the field."""
    assert set(values) <= set(CHANGEABLE)
    before = _shown(expectation)
    for name, value in values.items():
        setattr(expectation, name, value)
    expectation.look_at = None
    expectation.full_clean()
    after = _shown(expectation)
    changed = [name for name in after if before[name] != after[name]]
    if not changed:
        return
    with transaction.atomic():
        expectation.save()
        _record(
            "expectation.changed",
            expectation,
            now,
            before={name: before[name] for name in changed},
            after={name: after[name] for name in changed},
        )


def stop_expecting(expectation: PayExpectation, *, now: datetime) -> None:
    """Afterwards nobody is alarmed about these pay dates any more."""
    with transaction.atomic():
        _record("expectation.removed", expectation, now, before=_shown(expectation))
        expectation.delete()


def _shown(expectation: PayExpectation) -> dict[str, Any]:
    return {
        "schedule": expectation.calendar.name,
        "company": expectation.company,
        "pay_group": expectation.pay_group,
        "interval": expectation.within_days,
        "until": f"{expectation.at:%H:%M}",
        "expected": expectation.least_people,
        "start_date": expectation.starts_on.isoformat(),
    }


def _record(verb: str, expectation: PayExpectation, now: datetime, **values: Any) -> None:
    entry = Entry(
        action=verb,
        subject_kind="expectation",
        subject_id=str(expectation.pk),
        subject_label=str(expectation),
        **values,
    )
    record([entry], at=now)
