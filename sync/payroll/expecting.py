"""Which regular pay runs are to be expected, going by those that were seen, and which did not come. Pure.

Dates are the employer's local calendar dates. Nothing is asked of anybody: a pay group whose runs keep no rhythm that
we know has no expectations.
"""

from __future__ import annotations

import enum
from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import combinations

import msgspec

SHIFT = timedelta(days=3)
"""How far a bank holiday or a weekend may move a run: one that is so near to a date is that date's."""

RUNS = 6
"""A rhythm is read from so many of the latest runs."""

SILENCE = timedelta(days=60)
"""After so long without a run a pay group has stopped; a run that was missed is no longer news either."""

HALF_A_MONTH = range(10, 22)
"""So many days are between the two pay days of a month."""

SHOWN_MISSED = 2


class State(enum.StrEnum):
    """EXPECTED: the run is to come, or is late within the grace. MISSED: it should have come."""

    EXPECTED = "expected"
    MISSED = "missed"


class Seen(msgspec.Struct, frozen=True):
    """A regular run there is, whatever became of it; off-cycle runs tell nothing."""

    company: str
    pay_group: str
    check_date: date


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """A run there is not. ``stopped`` means that none has come since for more than SILENCE, and none is expected."""

    company: str
    pay_group: str
    check_date: date
    state: State
    stopped: bool = False


def expected(seen: Sequence[Seen], today: date, horizon_days: int, grace_days: int) -> list[Expected]:
    """The runs that are to come up to ``horizon_days`` from today, and those missed, by company, pay group and date.

    A run is missed when its check date is more than ``grace_days`` ago, and only the last SHOWN_MISSED are named. A
    pay group that stopped has one row, the first run that did not come, which stays the same from day to day.
    """
    groups: dict[tuple[str, str], set[date]] = defaultdict(set)
    for run in seen:
        groups[run.company, run.pay_group].add(run.check_date)
    return [
        Expected(company=company, pay_group=pay_group, check_date=day, state=state, stopped=stopped)
        for (company, pay_group), days in sorted(groups.items())
        for day, state, stopped in _outstanding(
            sorted(days), today, today + timedelta(days=horizon_days), today - timedelta(days=grace_days)
        )
    ]


def _outstanding(
    seen: Sequence[date], today: date, horizon: date, missed_before: date
) -> list[tuple[date, State, bool]]:
    """Check date, state and whether the group stopped, for one pay group; ``seen`` in order."""
    latest = seen[-RUNS:]
    rhythm = rhythm_of(latest)
    if rhythm is None:
        return []
    due = [day for day in rhythm.between(latest[0], horizon) if not _is_near(day, seen)]
    since = [day for day in due if day > latest[-1]]
    if since and since[0] < today - SILENCE:
        return [(since[0], State.MISSED, True)]
    missed = [day for day in due if today - SILENCE <= day < missed_before]
    coming = [day for day in due if day >= missed_before]
    return [
        *((day, State.MISSED, False) for day in missed[-SHOWN_MISSED:]),
        *((day, State.EXPECTED, False) for day in coming),
    ]


class Roll(enum.Enum):
    """What becomes of a pay day on a Saturday or Sunday: the Friday before, the same day, the Monday after."""

    BEFORE = "before"
    KEPT = "kept"
    AFTER = "after"


class Weekly(msgspec.Struct, frozen=True):
    """Every so many days, counted from a day on which there was a run."""

    days: int
    anchor: date
    least = 2

    def between(self, first: date, last: date) -> list[date]:
        """The pay days in these days, both included."""
        day = first + timedelta(days=(self.anchor - first).days % self.days)
        return [day + timedelta(days=n) for n in range(0, (last - day).days + 1, self.days)]


class Monthly(msgspec.Struct, frozen=True):
    """On one day of the month or on two; the 31st is the last day of any month."""

    days: tuple[int, ...]
    roll: Roll

    @property
    def least(self) -> int:
        """How many runs must have kept it."""
        return len(self.days) + 1

    def between(self, first: date, last: date) -> list[date]:
        """The pay days in these days, both included."""
        # Two months more: a weekend on a month's first or last day moves its pay day into the next month.
        months = range(first.year * 12 + first.month - 2, last.year * 12 + last.month + 1)
        dates = (_pay_day(month, day, self.roll) for month in months for day in self.days)
        return sorted({day for day in dates if first <= day <= last})


def rhythm_of(seen: Sequence[date]) -> Weekly | Monthly | None:
    """The rhythm that these runs, in order, keep best: every 7 or 14 days, monthly, or twice a month.

    At least two runs (three for twice a month), and half of them, are on the very day; at most one for every three is
    on none of its days or did not come. None where there is no such rhythm.
    """
    best, best_cost = None, (len(seen), 0)
    for rhythm in _rhythms(seen):
        days = rhythm.between(seen[0] - SHIFT, seen[-1] + SHIFT)
        kept = len(set(days).intersection(seen))
        strays = sum(not _is_near(day, days) for day in seen)
        gaps = sum(not _is_near(day, seen) for day in days)
        cost = (strays + gaps, -kept)
        if kept >= max(rhythm.least, len(seen) / 2) and strays + gaps <= len(seen) // 3 and cost < best_cost:
            best, best_cost = rhythm, cost
    return best


def _rhythms(seen: Sequence[date]) -> Iterator[Weekly | Monthly]:
    """Every rhythm with one of these days in it. Of two that are kept as well the earlier one is meant."""
    for length in (7, 14):
        for anchor in reversed(seen):
            yield Weekly(length, anchor)
    for roll in Roll:
        # From the last day of the month downwards: a 30th that is the last working day of April is the month's end.
        days = [day for day in range(31, 0, -1) if any(Monthly((day,), roll).between(run, run) for run in seen)]
        yield from (Monthly((day,), roll) for day in days)
        yield from (Monthly(pair, roll) for pair in combinations(days, 2) if pair[0] - pair[1] in HALF_A_MONTH)


def _pay_day(month: int, day: int, roll: Roll) -> date:
    """``month`` counts from the year 0."""
    year, month = month // 12, month % 12 + 1
    nominal = date(year, month, min(day, monthrange(year, month)[1]))
    into_weekend = nominal.weekday() - 4
    if into_weekend <= 0 or roll is Roll.KEPT:
        return nominal
    return nominal + timedelta(days=-into_weekend if roll is Roll.BEFORE else 3 - into_weekend)


def _is_near(day: date, days: Sequence[date]) -> bool:
    return any(abs(day - other) <= SHIFT for other in days)
