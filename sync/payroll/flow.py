"""The payroll flow: pay runs become journals for people to look at. Read top to bottom from ``run_payroll``.

Nothing is written to the ledger here; what was approved is posted by ``posting``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction

from audit.record import Entry, record
from connectors.contract import LedgerTarget, PayRunSource, WorkerSource
from connectors.errors import ConnectionConfigError
from connectors.pay_runs import PayRun as SourceRun
from connectors.pay_runs import PayRunState
from sync.models import Flow, PayFinding, PayrollSettings, PayRun, Posting, Run
from sync.payroll.correcting import follow
from sync.payroll.drafting import draft, keep_findings, supersede
from sync.payroll.reading import (
    Assigned,
    assigned_on,
    keep_headers,
    keep_register,
    note_assignments,
    read_register,
)
from sync.payroll.states import refresh_state
from sync.payroll.surroundings import read_periods
from sync.payroll.trail import record_pay_run
from sync.reference import keep_accounts
from sync.runs import end, hold_lease, stop_if_asked

LOOK_BACK = timedelta(days=45)
"""Registers of runs paid within this time are read again by every full run: payroll corrects the recent ones."""


def run_payroll(
    run: Run,
    source: PayRunSource,
    target: LedgerTarget,
    *,
    time_zone: str,
    now: Callable[[], datetime],
) -> None:
    """Execute a claimed run to its end state: everything payroll has finished since the start date has its journals
    drafted, or its problems named. ConnectorErrors that stop it are raised to the caller, who ends it."""
    integration = run.flow.integration
    today = now().astimezone(ZoneInfo(time_zone)).date()
    settings = PayrollSettings.objects.get(integration=integration)
    if settings.start_date is None:
        raise ConnectionConfigError("Choose in the payroll settings from which check date on pay runs are to be read.")
    replays = run.kind == Run.Kind.REPLAY
    if replays:
        headers = [header for run_id in run.selection if (header := source.pay_run(run_id))]
    else:
        if isinstance(source, WorkerSource):
            note_assignments(run, source, on=today, now=now())
        headers = list(source.pay_runs(settings.start_date))
        if held := _unexpectedly_none(run, headers):
            end(run, Run.State.HELD, held, now=now())
            return
    rows = keep_headers(run, headers, settings, now=now())
    _read_ledger(run, target, headers, today, now=now())
    counted = _Counts()
    for header in sorted(headers, key=lambda header: (header.check_date, header.id)):
        stop_if_asked(run)
        _follow(run, source, target, header, rows[header.id], today, counted, now=now)
    if not replays:
        _note_gone(run, rows, settings.start_date, counted, now=now())
    _finish(run, len(headers), counted, now=now())


class _Counts:
    """What the run found."""

    def __init__(self) -> None:
        self.new = self.changed = self.unchanged = self.held = 0


def _unexpectedly_none(run: Run, headers: Sequence[SourceRun]) -> str:
    if headers or not run.flow.expected_records:
        return ""
    return (
        f"{run.flow.integration.source} shows no pay run at all, but showed {run.flow.expected_records} before. "
        "Nothing was changed. Test the connection: it may have lost a permission."
    )


def _read_ledger(run: Run, target: LedgerTarget, headers: Iterable[SourceRun], today: date, *, now: datetime) -> None:
    """The chart of accounts and the periods as they are now."""
    keep_accounts(run, run.flow.integration.target, target, now=now)
    dates = [today, *(header.check_date for header in headers)]
    dates += [header.period_start for header in headers if header.period_start]  # accruals are posted back to it
    read_periods(run.flow.integration, target, min(dates), max(dates), now=now)


def _follow(
    run: Run,
    source: PayRunSource,
    target: LedgerTarget,
    header: SourceRun,
    pay_run: PayRun,
    today: date,
    counted: _Counts,
    *,
    now: Callable[[], datetime],
) -> None:
    """One pay run as the source has it now."""
    pay_run.integration = run.flow.integration
    if not pay_run.finished:
        _withdraw(run, pay_run, voided=header.state is PayRunState.VOID, now=now())
        return
    first_time = pay_run.read_at is None
    changed = False
    if first_time or run.kind == Run.Kind.REPLAY or header.check_date >= today - LOOK_BACK:
        assigned = assigned_on(run.flow.integration.source, header.check_date)
        changed = _read(run, source, header, pay_run, assigned, now())
    elif pay_run.state in _SETTLED:
        counted.unchanged += 1
        return
    if (changed and not first_time) or pay_run.source_change == PayRun.SourceChange.GONE:
        _note_changed(pay_run, now())
    asked = [run.requested_key] if run.trigger in ("person", "replay") else []
    draft(pay_run, target, prepared_by=asked, now=now(), again=run.kind == Run.Kind.REPLAY)
    follow(pay_run, target, now=now())
    pay_run.refresh_from_db()
    counted.new += first_time
    counted.changed += changed and not first_time
    counted.unchanged += not changed
    counted.held += pay_run.state == PayRun.State.HELD


def _read(
    run: Run, source: PayRunSource, header: SourceRun, pay_run: PayRun, assigned: Assigned, now: datetime
) -> bool:
    read = read_register(source, header, assigned)
    changed = keep_register(run, pay_run, read, now=now)
    with transaction.atomic():
        hold_lease(run, now=now)
        keep_findings(pay_run, PayFinding.Stage.READ, read.register.findings, now=now)
        if changed:
            verb = "pay_run.read" if pay_run.drafted_at is None else "pay_run.changed"
            record_pay_run(verb, pay_run, now=now, content_digest=pay_run.register_hash, rows=len(read.register.lines))
    return changed


def _note_changed(pay_run: PayRun, now: datetime) -> None:
    """A register that changes after its journals left for the ledger is told, never silently followed."""
    if Posting.objects.filter(pay_run=pay_run, state__in=_LEFT).exists():
        _note_source_change(pay_run, PayRun.SourceChange.CHANGED, now)


_SETTLED = (PayRun.State.POSTED, PayRun.State.RECONCILED, PayRun.State.REVERSED, PayRun.State.EMPTY)
_LEFT = (*Posting.ON_LEDGER, Posting.State.POSTING, Posting.State.VERIFYING, Posting.State.ATTENTION)


def _note_source_change(pay_run: PayRun, change: str, now: datetime) -> None:
    with transaction.atomic():
        pay_run.source_change, pay_run.source_changed_at = change, now
        pay_run.save(update_fields=["source_change", "source_changed_at"])
        record_pay_run("pay_run.changed_after_posting", pay_run, now=now, change=change)


def _withdraw(run: Run, pay_run: PayRun, *, voided: bool, now: datetime) -> None:
    """A run that payroll does not, or no longer, call finished has no journals on their way."""
    with transaction.atomic():
        hold_lease(run, now=now)
        waiting = Posting.objects.select_for_update(of=("self",)).select_related(
            "pay_run__integration__source", "pay_run__integration__target"
        )
        for posting in waiting.filter(
            pay_run=pay_run, state__in=[Posting.State.DRAFTED, Posting.State.APPROVED], reverses=None
        ):
            supersede(posting, "Payroll no longer calls this pay run finished.", now=now)
        left = Posting.objects.filter(pay_run=pay_run, state__in=_LEFT)
        gone_on = left.exclude(state=Posting.State.REVERSED).exists()
        if gone_on and pay_run.source_change != PayRun.SourceChange.VOIDED:
            change = PayRun.SourceChange.VOIDED if voided else PayRun.SourceChange.CHANGED
            if pay_run.source_change != change:
                _note_source_change(pay_run, change, now)
        refresh_state(pay_run)


def _note_gone(run: Run, rows: dict[str, PayRun], start: date, counted: _Counts, *, now: datetime) -> None:
    """Runs payroll no longer shows: void if nothing was posted, said if something was."""
    gone = PayRun.objects.filter(integration=run.flow.integration_id, check_date__gte=start, void=False)
    for pay_run in gone.exclude(source_id__in=list(rows)).exclude(source_change=PayRun.SourceChange.GONE):
        pay_run.integration = run.flow.integration
        with transaction.atomic():
            if Posting.objects.filter(pay_run=pay_run, state__in=_LEFT).exists():
                _note_source_change(pay_run, PayRun.SourceChange.GONE, now)
            else:
                pay_run.void, pay_run.finished = True, False
                pay_run.save(update_fields=["void", "finished"])
                record_pay_run("pay_run.gone", pay_run, now=now)
                _withdraw(run, pay_run, voided=True, now=now)
            counted.changed += 1


def _finish(run: Run, total: int, counted: _Counts, *, now: datetime) -> None:
    numbers = {
        "read": total,
        "created": counted.new,
        "updated": counted.changed,
        "unchanged": counted.unchanged,
        "blocked": counted.held,
    }
    run.survey = {"new": counted.new, "changed": counted.changed, "held": counted.held}
    with transaction.atomic():
        hold_lease(run, now=now)
        Run.objects.filter(pk=run.pk).update(**numbers)
        if run.kind != Run.Kind.REPLAY:
            Flow.objects.filter(pk=run.flow_id).update(last_full_at=now, expected_records=total)
        record([_entry(run, numbers)], at=now)
        if not total:
            end(
                run,
                Run.State.SUCCEEDED,
                f"{run.flow.integration.source} shows no pay run since the start date.",
                now=now,
            )
        elif counted.held:
            runs = "1 pay run has" if counted.held == 1 else f"{counted.held} pay runs have"
            end(run, Run.State.PARTLY_FAILED, f"{runs} problems to mend before approval.", now=now)
        else:
            end(run, Run.State.SUCCEEDED, "", now=now)


def _entry(run: Run, numbers: dict[str, int]) -> Entry:
    return Entry(
        action="pay_run.compared",
        subject_kind="flow",
        subject_id=str(run.flow_id),
        subject_label=str(run.flow),
        run_id=run.pk,
        detail={"counts": numbers},
    )
