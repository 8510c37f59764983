"""The board: which pay runs there are and which are to come, per company and pay group, and the words for where each
stands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

import msgspec
from django.db.models import Q, QuerySet

from connectors.records import RefKind
from sync.models import Integration, PayExpectation, PayFinding, PayRun, ReferenceValue
from sync.payroll.expecting import Seen, State, expected
from sync.payroll.findings import FindingCode
from sync.scheduling.refusing import ScheduleError
from sync.watching.pay_dates import PayDate, expectations, is_of, pay_dates

LOOKS_BACK = timedelta(days=200)
"""So far back runs tell a rhythm: six monthly ones."""

SHOWN_BACK, SHOWN_AHEAD = timedelta(days=35), timedelta(days=30)
GRACE_DAYS = 2
"""Payroll may be finished so many days after the check date before a run counts as missed."""

MAPPING_CODES = (*(FindingCode.NO_RULE, FindingCode.NO_COST_CENTER, FindingCode.NOT_MAPPED, FindingCode.NO_COMPANY),)
"""Findings that go away by saying where something belongs."""


class Badge(msgspec.Struct, frozen=True):
    """Where a run stands, in two words, and its tone: good, busy, warn, bad, or empty for nothing to do."""

    text: str
    tone: str = ""


_STATES: dict[str, Badge] = {
    PayRun.State.WAITING: Badge("Not finished"),
    PayRun.State.HELD: Badge("Problems", "warn"),
    PayRun.State.READY: Badge("Ready for review", "warn"),
    PayRun.State.APPROVED: Badge("Approved", "busy"),
    PayRun.State.POSTING: Badge("Posting", "busy"),
    PayRun.State.VERIFYING: Badge("Verifying", "busy"),
    PayRun.State.ATTENTION: Badge("Needs a person", "bad"),
    PayRun.State.POSTED: Badge("Posted", "busy"),
    PayRun.State.RECONCILED: Badge("Reconciled", "good"),
    PayRun.State.EMPTY: Badge("Nothing to post"),
    PayRun.State.REJECTED: Badge("Rejected", "bad"),
    PayRun.State.REVERSED: Badge("Reversed"),
    PayRun.State.VOID: Badge("Void in payroll"),
}
NEEDS_MAPPING = Badge("Needs mapping", "warn")
CHANGED = {
    PayRun.SourceChange.VOIDED: Badge("Voided after posting", "bad"),
    PayRun.SourceChange.CHANGED: Badge("Changed after posting", "bad"),
    PayRun.SourceChange.GONE: Badge("Gone after posting", "bad"),
}
EXPECTED, MISSED, STOPPED = Badge("Expected"), Badge("Missed", "bad"), Badge("No runs since", "warn")


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One pay date of a pay group; without ``pay_run`` (an id) there is no run. ``note`` says from where a holiday or
    a weekend moved it."""

    check_date: date
    badge: Badge
    pay_run: int | None = None
    title: str = ""
    note: str = ""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One pay group of a company, with its pay dates in order."""

    integration: str
    company: str
    pay_group: str
    cells: tuple[Cell, ...]


def badges_of(pay_runs: Iterable[PayRun]) -> dict[int, Badge]:
    """Per run's id where it stands. What the source did after posting comes before everything else. One query."""
    runs = list(pay_runs)
    held = [run.pk for run in runs if run.state == PayRun.State.HELD]
    codes: dict[int, set[str]] = defaultdict(set)
    findings = PayFinding.objects.filter(pay_run__in=held, accepted_at=None).order_by()
    for pay_run, code in findings.values_list("pay_run", "code").distinct():
        codes[pay_run].add(code)
    return {
        run.pk: CHANGED[PayRun.SourceChange(run.source_change)]
        if run.source_change
        else NEEDS_MAPPING
        if codes[run.pk].intersection(MAPPING_CODES)
        else _STATES[run.state]
        for run in runs
    }


def calendar(today: date, now: datetime) -> list[Line]:
    """Every pay group with a run in the last months, or whose pay dates are expected: its runs of the last weeks, those
    missed, and those to come. Where somebody set up which pay dates are expected, these are they; elsewhere the rhythm
    of earlier runs tells.

    Dates are the employer's; what is on the same day stays apart. A constant number of queries.
    """
    recent = list(PayRun.objects.filter(check_date__gte=today - LOOKS_BACK).order_by("check_date", "pk"))
    by_integration: dict[UUID, list[PayRun]] = defaultdict(list)
    for run in recent:
        by_integration[run.integration_id].append(run)
    shown = [run for run in recent if run.check_date >= today - SHOWN_BACK]
    badges = badges_of(shown)
    set_up = _set_up(today)
    cells: dict[tuple[UUID, str, str], list[Cell]] = defaultdict(list)
    for run in shown:
        days = [day for one, days in set_up if _covers(one, run) for day in days if day.pay_date == run.check_date]
        note = next((day.note for day in days if run.kind == "regular"), "")
        cells[run.integration_id, run.company, run.pay_group].append(
            Cell(check_date=run.check_date, badge=badges[run.pk], pay_run=run.pk, title=run.title, note=note)
        )
    for (integration, company, pay_group), cell in _awaited(set_up, by_integration, now):
        cells[integration, company, pay_group].append(cell)
    for integration, runs in by_integration.items():
        guessed = [run for run in runs if not any(_covers(one, run) for one, _ in set_up)]
        for company, pay_group, cell in _expected(guessed, today):
            cells[integration, company, pay_group].append(cell)
    return _lines(cells)


def _set_up(today: date) -> list[tuple[PayExpectation, list[PayDate]]]:
    """What people said is expected, with the pay dates that are shown. A calendar that cannot be used has none."""
    found = []
    for expectation in expectations():
        try:
            days = pay_dates(expectation, today - SHOWN_BACK, today + SHOWN_AHEAD)
        except ScheduleError:
            days = []
        found.append((expectation, days))
    return found


def _covers(expectation: PayExpectation, run: PayRun) -> bool:
    return expectation.integration_id == run.integration_id and is_of(expectation, run)


def _awaited(
    set_up: Sequence[tuple[PayExpectation, list[PayDate]]], runs: Mapping[UUID, list[PayRun]], now: datetime
) -> list[tuple[tuple[UUID, str, str], Cell]]:
    """The pay dates without a regular run, once on each line they are about: where that is any pay group, on those
    there were lately."""
    found: dict[tuple[UUID, str, str, date], Cell] = {}
    for expectation, days in set_up:
        integration = expectation.integration_id
        mine = [run for run in runs.get(integration, ()) if run.kind == "regular" and is_of(expectation, run)]
        there = {run.check_date for run in mine}
        lines = {(run.company, run.pay_group) for run in mine} or {(expectation.company, expectation.pay_group)}
        for day in days:
            for company, pay_group in lines if day.pay_date not in there else ():
                badge = MISSED if day.deadline < now else EXPECTED
                found[integration, company, pay_group, day.pay_date] = Cell(
                    check_date=day.pay_date, badge=badge, note=day.note
                )
    return [((integration, company, group), cell) for (integration, company, group, _), cell in found.items()]


def _expected(runs: Sequence[PayRun], today: date) -> list[tuple[str, str, Cell]]:
    seen = [
        Seen(company=run.company, pay_group=run.pay_group, check_date=run.check_date)
        for run in runs
        if run.kind == "regular"
    ]
    found = []
    for one in expected(seen, today, SHOWN_AHEAD.days, GRACE_DAYS):
        badge = EXPECTED if one.state is State.EXPECTED else STOPPED if one.stopped else MISSED
        found.append((one.company, one.pay_group, Cell(check_date=one.check_date, badge=badge)))
    return found


def _lines(cells: dict[tuple[UUID, str, str], list[Cell]]) -> list[Line]:
    integrations = {one.pk: one for one in Integration.objects.filter(pk__in={key[0] for key in cells})}
    names = company_names(integrations.values())
    lines = [
        Line(
            integration=integrations[integration].name,
            company=names.get((integrations[integration].source_id, company), company),
            pay_group=pay_group,
            cells=tuple(sorted(found, key=lambda cell: (cell.check_date, cell.pay_run or 0))),
        )
        for (integration, company, pay_group), found in cells.items()
    ]
    return sorted(lines, key=lambda line: (line.integration, line.company, line.pay_group))


def company_names(integrations: Iterable[Integration]) -> dict[tuple[UUID, str], str]:
    """(source connection, id) to the name of every legal entity. One query."""
    sources = {integration.source_id for integration in integrations}
    found = ReferenceValue.objects.filter(connection__in=sources, kind=RefKind.COMPANY)
    return {(source, key): name for source, key, name in found.values_list("connection", "external_id", "name")}


def page_below(runs: QuerySet[PayRun], below: str, size: int) -> tuple[list[PayRun], str]:
    """The runs below a place in the list, latest check date first, and the place the next page starts below, empty on
    the last. One query, that costs the same on every page; a text that is no place is the beginning."""
    day, _, key = below.partition(".")
    try:
        on, number = date.fromisoformat(day), int(key)
    except ValueError:
        pass
    else:
        runs = runs.filter(check_date__lte=on).exclude(Q(check_date=on, pk__gte=min(number, 2**63 - 1)))
    found = list(runs.order_by("-check_date", "-pk")[: size + 1])
    if len(found) <= size:
        return found, ""
    last = found[size - 1]
    return found[:size], f"{last.check_date.isoformat()}.{last.pk}"
