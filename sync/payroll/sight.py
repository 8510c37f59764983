"""Who may see which amounts of a pay run: by role, and for a while by a reason given."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from audit.context import current_actor
from sync.models import PayRun, Reveal
from sync.payroll.approval import HUMAN, Refusal
from sync.payroll.trail import record_pay_run
from sync.payroll.visibility import Sight
from tenants.models import Role

LASTS = timedelta(minutes=15)
"""How long a reveal lasts."""


def sight_of(role: Role | None, pay_run: PayRun | None, *, now: datetime) -> Sight:
    """What the acting person sees: viewers no amounts, everybody else those of groups, and all of a run for as long as
    their reveal of it lasts."""
    if role is None or not role.covers(Role.PREPARER):
        return Sight.NONE
    if pay_run is not None and role.covers(Role.APPROVER) and revealed_until(pay_run, now=now):
        return Sight.ALL
    return Sight.GROUPS


def revealed_until(pay_run: PayRun, *, now: datetime) -> datetime | None:
    """Until when the acting person's reveal of this run lasts, None when there is none."""
    mine = Reveal.objects.filter(pay_run=pay_run, by_key=current_actor().identity, until__gt=now)
    latest = mine.order_by("-until").first()
    return latest.until if latest else None


def reveal(pay_run: PayRun, reason: str, *, now: datetime) -> Reveal:
    """Afterwards the acting person sees the amounts of single people in this run for a while, and the trail says why.

    Callers make sure that they are an approver. Raises Refusal without a reason.
    """
    actor = current_actor()
    if actor.kind not in HUMAN:
        raise Refusal("Only a person, or a key a person made, can look at single people's pay.")
    if not reason.strip():
        raise Refusal("Say why you need to see single people's pay. Your reason is recorded.")
    with transaction.atomic():
        shown = Reveal.objects.create(
            pay_run=pay_run,
            by=actor.label,
            by_key=actor.identity,
            reason=reason[:500],
            at=now,
            until=now + LASTS,
        )
        record_pay_run("pay_run.revealed", pay_run, now=now, why=reason)
    return shown
