"""Pay dates on which a pay run is expected, and where each stands at its deadline."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, takewhile
from uuid import UUID

import msgspec
from django.db.models import QuerySet

from sync.models import PayExpectation, PayRun
from sync.scheduling.business_days import Roll
from sync.scheduling.clocks import business_days_of, rule_of
from sync.scheduling.occurrences import Tied, occurrences_after
from sync.scheduling.refusing import ScheduleError
from sync.scheduling.wall_time import instant_at, zone_named

LOOKS_BACK = timedelta(days=60)
"""A pay date that is missing for longer is no news any more."""

LOOK_AGAIN = timedelta(days=1)
"""An expectation is looked at this often at least: its calendar may have changed."""

DONE = frozenset({PayRun.State.POSTED, PayRun.State.RECONCILED, PayRun.State.EMPTY, PayRun.State.REVERSED})
"""A pay run in one of these states has been dealt with; so has one that payroll made void."""

_STEPS: dict[str, tuple[str, str]] = {
    PayRun.State.WAITING: ("is not finished in payroll", "Finish it in payroll; it is read again by itself."),
    PayRun.State.HELD: ("is held by problems", "Open it: each problem says what to do."),
    PayRun.State.READY: ("waits for approval", "Review the journals, then approve or reject."),
    PayRun.State.APPROVED: ("is approved and not posted", "Open it: it says what it waits for."),
    PayRun.State.POSTING: ("is being posted", "It goes on by itself as soon as the workers run."),
    PayRun.State.VERIFYING: ("is being looked for in the ledger", "It goes on by itself once the ledger answers."),
    PayRun.State.ATTENTION: ("needs a person", "Open it: a journal has to be decided."),
    PayRun.State.REJECTED: ("was rejected", "Open it, mend what was wrong and check it again."),
    PayRun.State.VOID: ("is void in payroll", "Pay it again in payroll, or wait for the run that replaces it."),
}


class PayDate(msgspec.Struct, frozen=True, kw_only=True):
    """One pay date that is expected. ``nominal`` is the date by the rule and names it for ever; ``note`` says from
    where it was moved and why. ``deadline`` is UTC."""

    expectation: PayExpectation
    nominal: date
    pay_date: date
    deadline: datetime
    note: str = ""


class Unmet(msgspec.Struct, frozen=True, kw_only=True):
    """A pay date whose deadline has passed without a posted pay run. ``pay_run`` is the one that got stuck, if any."""

    expectation: PayExpectation
    nominal: date
    pay_date: date
    sentence: str
    remedy: str
    pay_run: int | None


def expectations() -> QuerySet[PayExpectation]:
    """Expectations with all that their dates need: three queries, however many there are."""
    return PayExpectation.objects.select_related("calendar", "integration").prefetch_related("calendar__days")


def pay_dates(expectation: PayExpectation, first: date, last: date) -> list[PayDate]:
    """The pay dates within these days, both included, none before the expectation starts. Raises ScheduleError."""
    calendar = expectation.calendar
    zone = zone_named(calendar.time_zone)
    clock = Tied(
        rule=rule_of(calendar),
        business_days=business_days_of(calendar),
        roll=Roll(calendar.roll),
        offset_days=0,
        at=time(0),
        zone=calendar.time_zone,
    )
    first = max(first, expectation.starts_on)
    before = instant_at(first, time(0), zone) - timedelta(microseconds=1)
    found = (one for one in occurrences_after(clock, before) if one.pay_date is not None and one.nominal is not None)
    return [
        PayDate(
            expectation=expectation,
            nominal=one.nominal or one.local.date(),
            pay_date=one.pay_date or one.local.date(),
            deadline=instant_at(
                clock.business_days.shift(one.local.date(), expectation.within_days), expectation.at, zone
            ).astimezone(UTC),
            note=one.note,
        )
        for one in takewhile(lambda one: one.local.date() <= last, islice(found, 400))
    ]


def unmet(now: datetime) -> list[Unmet]:
    """Every pay date whose deadline has passed at ``now`` without a pay run that has been dealt with, oldest first. A
    constant number of queries. A calendar that cannot be used expects nothing; its page says so."""
    due = [one for expectation in expectations() for one in _past(expectation, now)]
    runs = runs_of(due)
    return [found for one in sorted(due, key=lambda one: one.deadline) if (found := _unmet(one, runs)) is not None]


def runs_of(due: Iterable[PayDate]) -> dict[tuple[UUID, date], list[PayRun]]:
    """The regular pay runs with these pay dates, by integration and check date. One query."""
    keys = {(one.expectation.integration_id, one.pay_date) for one in due}
    found: dict[tuple[UUID, date], list[PayRun]] = defaultdict(list)
    if keys:
        days = {day for _, day in keys}
        runs = PayRun.objects.filter(integration__in={key for key, _ in keys}, check_date__in=days, kind="regular")
        for run in runs.order_by("pk"):
            found[run.integration_id, run.check_date].append(run)
    return found


def is_of(expectation: PayExpectation, run: PayRun) -> bool:
    """Whether the run is of the company and the pay group that are expected."""
    return expectation.company in ("", run.company) and expectation.pay_group in ("", run.pay_group)


def note_looked(now: datetime) -> None:
    """Afterwards each of the tenant's expectations says when it has to be looked at next: at its next deadline, and
    at once again while one is not met."""
    stuck = {one.expectation.pk for one in unmet(now)}
    changed = []
    for expectation in expectations():
        expectation.look_at = now if expectation.pk in stuck else _next_look(expectation, now)
        changed.append(expectation)
    PayExpectation.objects.bulk_update(changed, ["look_at"])


def _next_look(expectation: PayExpectation, now: datetime) -> datetime:
    day = now.date()
    try:
        coming = pay_dates(expectation, day - LOOKS_BACK, day + LOOKS_BACK)
    except ScheduleError:
        coming = []
    return min([one.deadline for one in coming if one.deadline > now] + [now + LOOK_AGAIN])


def _past(expectation: PayExpectation, now: datetime) -> Iterator[PayDate]:
    day = now.date()
    try:
        # Deadlines before the pay date: the dates to come count too.
        found = pay_dates(expectation, day - LOOKS_BACK, day + LOOKS_BACK)
    except ScheduleError:
        return
    yield from (one for one in found if one.deadline < now)


def _unmet(one: PayDate, runs: dict[tuple[UUID, date], list[PayRun]]) -> Unmet | None:
    expectation = one.expectation
    mine = [run for run in runs[expectation.integration_id, one.pay_date] if is_of(expectation, run)]
    left = [run for run in mine if run.state not in DONE]
    if len(mine) > len(left) and all(run.state == PayRun.State.VOID for run in left):
        return None
    said, remedy = "did not come", "Look in payroll whether it was finished, then run Payroll."
    stuck = next((run for run in left if run.state != PayRun.State.VOID), left[0] if left else None)
    if stuck is not None:
        said, remedy = _STEPS[stuck.state]
    whose = " · ".join(filter(None, (str(expectation.integration), expectation.pay_group)))
    return Unmet(
        expectation=expectation,
        nominal=one.nominal,
        pay_date=one.pay_date,
        sentence=f"{whose}: the pay run of {one.pay_date:%d %b %Y} {said}, and should be posted by now.",
        remedy=remedy,
        pay_run=stuck.pk if stuck else None,
    )
