"""Expected against happened: what should have started, or been posted, and was not. Reads only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Greatest

from connectors.models import Connection
from sync.models import Flow, NoticeKind, Run, Timing
from sync.notices.cause import Cause, page
from sync.watching.pay_dates import unmet
from tenants.models import Tenant
from tenants.scope import current_tenant_id

GRACE = timedelta(minutes=10)
"""A start may be so late before it counts as missed."""

LATE_POLL = 15
"""Minutes, or twice its interval if that is more, that a flow polled by itself may be late."""


def overdue(now: datetime) -> list[Cause]:
    """Everything that has not happened at ``now`` (aware UTC) although it was due. A constant number of queries."""
    return [*_timings(now), *_polls(now), *_pay_dates(now)]


def late_timings(now: datetime) -> QuerySet[Timing]:
    """Timings whose next occurrence should have started."""
    late = Timing.objects.filter(~_asleep("flow__"), next_at__lt=now - GRACE)
    return late.select_related("flow__integration").order_by("next_at", "pk")


def _timings(now: datetime) -> Iterator[Cause]:
    late = list(late_timings(now))
    busy = _in_progress([timing.flow for timing in late])
    for timing in late:
        assert timing.next_at is not None
        run = busy.get(timing.flow_id)
        yield Cause(
            kind=NoticeKind.MISSED,
            key=f"timing:{timing.pk}",
            sentence=f"{timing.flow} did not start when it was due, {_at(timing.next_at, ZoneInfo(timing.time_zone))}."
            + (f" Run #{run} of it is still in progress." if run else ""),
            remedy="It starts as soon as that run has ended."
            if run
            else "It is caught up by itself as soon as the workers run. If nothing starts, tell your operator.",
            link=page("sync_flow_change", timing.flow_id),
            occurrence=f"slot:{timing.next_at.isoformat()}",
        )


def _polls(now: datetime) -> Iterator[Cause]:
    zone = ZoneInfo(Tenant.objects.values_list("time_zone", flat=True).get(pk=current_tenant_id()))
    polled = Flow.objects.filter(~_asleep(), every_minutes__isnull=False, next_run_at__lt=now)
    tolerated = polled.annotate(minutes=Greatest(F("every_minutes") * 2, LATE_POLL)).select_related("integration")
    for flow in tolerated:
        assert flow.next_run_at is not None
        if flow.next_run_at >= now - timedelta(minutes=flow.minutes):
            continue
        yield Cause(
            kind=NoticeKind.MISSED,
            key=f"flow:{flow.pk}",
            sentence=f"{flow} has not run by itself since it was due, {_at(flow.next_run_at, zone)}.",
            remedy="One run makes up for it as soon as the workers run. If nothing starts, tell your operator.",
            link=page("sync_flow_change", flow.pk),
            occurrence=flow.next_run_at.isoformat(),
        )


def _pay_dates(now: datetime) -> Iterator[Cause]:
    for one in unmet(now):
        yield Cause(
            kind=NoticeKind.MISSED,
            key=f"expectation:{one.expectation.pk}:{one.nominal.isoformat()}",
            sentence=one.sentence,
            remedy=one.remedy,
            link=page("sync_payrun_change", one.pay_run) if one.pay_run else page("sync_payrun_changelist"),
            occurrence=one.pay_date.isoformat(),
        )


def _in_progress(flows: list[Flow]) -> dict[object, int]:
    if not flows:
        return {}
    active = Run.objects.filter(Q(state__in=Run.ACTIVE), flow__in=flows)
    return dict(active.order_by().values_list("flow", "pk"))


def _asleep(of_flow: str = "") -> Q:
    """Flows that do not start by themselves: paused, or with a paused connection, of which there is a notice."""
    paused = Q(**{f"{of_flow}paused": True})
    for side in ("source", "target"):
        paused |= Q(**{f"{of_flow}integration__{side}__state": Connection.State.PAUSED})
    return paused


def _at(instant: datetime, zone: ZoneInfo) -> str:
    return f"{instant.astimezone(zone):%d %b %H:%M %Z}"
