"""What has come to a halt although nothing failed: journals that are not posted, announcements that nobody follows,
calendars that have no further pay date."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Count, Exists, Min, OuterRef, Q

from connectors.models import Connection
from sync.models import Delivery, Flow, NoticeKind, PayCalendar, PayExpectation, PayRun, Posting, Timing
from sync.notices.cause import Cause, page
from sync.scheduling.upcoming import next_pay_days, trouble_with

UNMOVED_FOR = timedelta(minutes=30)
"""An approved journal that has not left after so long is told of."""

UNHEARD_FOR = timedelta(hours=2)
"""Announcements are followed in seconds; after failed runs in an hour at most."""

ENDS_WITHIN = timedelta(days=21)
"""So long before its last pay date a calendar of dates of its own is to get new ones."""


def stalled(now: datetime) -> Iterator[Cause]:
    """Everything that does not get on at ``now`` (aware UTC). A constant number of queries."""
    yield from _journals(now)
    yield from _announcements(now)
    yield from _calendars(now)


def _journals(now: datetime) -> Iterator[Cause]:
    """Per pay run the approved journals that have not left, save those that wait for another one of their run."""
    held_up = Q(after__isnull=False) & ~Q(after__state__in=Posting.ON_LEDGER)
    unmoved = Posting.objects.filter(
        state__in=[Posting.State.APPROVED, Posting.State.POSTING], approved_at__lt=now - UNMOVED_FOR
    ).exclude(held_up)
    counted = dict(unmoved.order_by().values_list("pay_run").annotate(number=Count("pk")))
    runs = PayRun.objects.filter(pk__in=counted).select_related("integration__target")
    flows = Flow.objects.filter(kind=Flow.Kind.PAYROLL, integration__in=[run.integration_id for run in runs])
    by_integration = {flow.integration_id: flow for flow in flows}
    for run in runs:
        number, flow = counted[run.pk], by_integration.get(run.integration_id)
        many = "1 approved journal has" if number == 1 else f"{number} approved journals have"
        why, remedy = _why_unmoved(run, flow)
        yield Cause(
            kind=NoticeKind.ATTENTION,
            key=f"pay_run:{run.pk}:unmoved",
            sentence=f"Pay run {run.label}: {many} not been posted. {why}".strip(),
            remedy=remedy,
            link=page("sync_payrun_change", run.pk),
        )


def _why_unmoved(run: PayRun, flow: Flow | None) -> tuple[str, str]:
    target = run.integration.target
    if flow is not None and not flow.writes_enabled:
        return "Writing is switched off for payroll.", "Switch writing on for the payroll flow, or reject the journals."
    if flow is not None and flow.paused:
        return "The payroll flow is paused.", "Resume it, or reject the journals."
    if target.state == Connection.State.PAUSED:
        return f"The connection {target} is paused.", "Resume it when it may be used again."
    return "", "Open the pay run: it says what it waits for. If nothing moves, tell your operator."


def _announcements(now: datetime) -> Iterator[Cause]:
    reads = Flow.objects.filter(integration__source=OuterRef("connection"), paused=False)
    waiting = Delivery.objects.filter(
        Exists(reads),
        state__in=[Delivery.State.PENDING, Delivery.State.ASKED],
        received_at__lt=now - UNHEARD_FOR,
    ).exclude(connection__state=Connection.State.PAUSED)
    found = waiting.order_by().values_list("connection", "connection__name").annotate(since=Min("received_at"))
    for connection, name, since in found:
        hours = int((now - since).total_seconds() // 3600)
        yield Cause(
            kind=NoticeKind.WEBHOOKS,
            key=f"waiting:{connection}",
            sentence=f"What {name} announced has been waiting for {hours} hours to be read.",
            remedy="Look at the latest runs of its flows: they say what stops them. If there is none, tell your "
            "operator.",
            link=page("connectors_connection_change", connection),
        )


def _calendars(now: datetime) -> Iterator[Cause]:
    """Calendars that something rests on, and that have no further pay date, or soon will have none."""
    timed = Timing.objects.filter(calendar=OuterRef("pk"), flow__paused=False)
    expected = PayExpectation.objects.filter(calendar=OuterRef("pk"))
    for calendar in PayCalendar.objects.filter(Exists(timed) | Exists(expected)).prefetch_related("days"):
        if sentence := _end_of(calendar, now):
            yield Cause(
                kind=NoticeKind.CALENDAR,
                key=f"calendar:{calendar.pk}",
                sentence=sentence,
                remedy="Open the calendar and enter or import what is missing.",
                link=page("sync_paycalendar_change", calendar.pk),
            )


def _end_of(calendar: PayCalendar, now: datetime) -> str:
    today = now.astimezone(ZoneInfo(calendar.time_zone)).date()
    if trouble := trouble_with(calendar):
        return f"The pay calendar {calendar} cannot be used: {trouble}"
    if not next_pay_days(calendar, today, 1):
        return f"The pay calendar {calendar} has no further pay dates. What is tied to it does not start any more."
    if not next_pay_days(calendar, today + ENDS_WITHIN, 1):
        return f"The pay calendar {calendar} has no pay dates after the next {ENDS_WITHIN.days} days."
    return ""
