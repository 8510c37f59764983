"""The payroll flow: pay runs become journals for people to look at. Read top to bottom from ``run_payroll``.

Nothing is written to the ledger here; what was approved is posted by ``posting``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import QuerySet

from audit.record import Entry, record
from connectors.contract import LedgerTarget, PayRunSource, WorkerSource
from connectors.errors import ConnectionConfigError, RecordRejectedError
from connectors.pay_runs import PayRun as SourceRun
from connectors.pay_runs import PayRunState
from sync.holding import fewer_than
from sync.models import Flow, PayFinding, PayrollSettings, PayRun, Posting, Run
from sync.payroll.claims import locked_postings
from sync.payroll.correcting import follow
from sync.payroll.drafting import draft, supersede
from sync.payroll.findings import Finding, FindingCode, refused
from sync.payroll.judging import keep_findings
from sync.payroll.lookup import journal_of
from sync.payroll.reading import (
    assigned_on,
    keep_headers,
    keep_register,
    note_assignments,
    read_register,
)
from sync.payroll.source_changes import LEFT, note_if_left, note_source_change
from sync.payroll.states import refresh_state
from sync.payroll.surroundings import read_periods
from sync.payroll.trail import record_pay_run
from sync.payroll.volume import few_people
from sync.reference import keep_accounts
from sync.runs import end, hold_lease, stop_if_asked

LOOK_BACK = timedelta(days=45)
"""What was posted for runs paid within this time is held against payroll again by every full run: payroll corrects the
recent ones. A run that is not posted yet is read again however old it is."""

FEW = 2
"""So many pay runs may vanish at once without a question."""


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
    if change := target.format_change():
        end(run, Run.State.HELD, f"{change} Nothing was drafted.", now=now())
        return
    replays = run.kind == Run.Kind.REPLAY
    if replays:
        headers = [header for run_id in run.selection if (header := source.pay_run(run_id))]
        expected_here = PayRun.objects.filter(integration=integration, source_id__in=run.selection)
    else:
        if isinstance(source, WorkerSource):
            note_assignments(run, source, on=today, now=now())
        headers = list(source.pay_runs(settings.start_date))
        expected_here = PayRun.objects.filter(integration=integration, check_date__gte=settings.start_date)
        if held := _unexpectedly_few(run, headers, expected_here):
            end(run, Run.State.HELD, held, now=now())
            return
    rows = keep_headers(run, headers, settings, now=now())
    _read_ledger(run, target, headers, today, now=now())
    counted = _Counts()
    for header in sorted(headers, key=lambda header: (header.check_date, header.id)):
        _follow(run, source, target, header, rows[header.id], today, counted, now=now)
    _note_gone(run, expected_here.exclude(source_id__in=list(rows)), counted, now=now())
    _finish(run, len(headers), counted, now=now())


class _Counts:
    """What the run found."""

    def __init__(self) -> None:
        self.new = self.changed = self.unchanged = self.held = 0


def _unexpectedly_few(run: Run, headers: Sequence[SourceRun], expected: QuerySet[PayRun]) -> str:
    """Why the run must stop and ask, before anything is changed; empty when it need not, or was released."""
    source, known = run.flow.integration.source, run.flow.expected_records
    if not headers and known:
        return (
            f"{source} shows no pay run at all, but showed {known} before. "
            "Nothing was changed. Test the connection: it may have lost a permission."
        )
    few = fewer_than(run.flow.least_records, len(headers), "pay runs", source=source.name)
    if few and run.release_of_id is None:
        return few
    waiting = expected.filter(void=False, finished=True).exclude(state__in=_SETTLED)
    gone = waiting.exclude(source_id__in=[header.id for header in headers]).count()
    if gone > FEW and 100 * gone > run.flow.max_change_percent * expected.count() and run.release_of_id is None:
        return (
            f"{source} no longer shows {gone} pay runs that were to be posted. Nothing was changed. Release this run "
            "if that is right."
        )
    return ""


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
    first_time = pay_run.read_at is None
    if not pay_run.finished:
        if first_time:
            refresh_state(pay_run)
        elif pay_run.state != PayRun.State.VOID:  # one that is void already has nothing left to withdraw
            _withdraw(run, pay_run, voided=header.state is PayRunState.VOID, now=now())
        return
    recent = run.kind == Run.Kind.REPLAY or header.check_date >= today - LOOK_BACK
    if pay_run.state in _SETTLED and not recent:
        counted.unchanged += 1
        return
    stop_if_asked(run)
    if pay_run.source_change == PayRun.SourceChange.GONE:
        note_source_change(pay_run, PayRun.SourceChange.CHANGED, now=now())
    changed = _read(run, source, header, pay_run, now())
    if changed is None:
        counted.held += 1
        return
    asked = [run.requested_key] if run.trigger in ("person", "replay") else []
    draft(pay_run, target, prepared_by=asked, now=now(), again=run.kind == Run.Kind.REPLAY, run=run)
    _ask_ledger(pay_run, target, now())
    follow(pay_run, target, now=now())
    pay_run.refresh_from_db()
    counted.new += first_time
    counted.changed += changed and not first_time
    counted.unchanged += not changed
    counted.held += pay_run.state == PayRun.State.HELD


def _ask_ledger(pay_run: PayRun, target: LedgerTarget, now: datetime) -> None:
    """What the ledger would refuse of the drafts is a problem of the run before anybody approves it."""
    found = [
        refused(posting.reference, posting.key, sentence)
        for posting in Posting.objects.filter(pay_run=pay_run, state=Posting.State.DRAFTED)
        if (sentence := target.refusal(journal_of(posting)))
    ]
    if not found:
        return
    with transaction.atomic():
        keep_findings(pay_run, PayFinding.Stage.POST, found, now=now)
        refresh_state(pay_run)


def _read(run: Run, source: PayRunSource, header: SourceRun, pay_run: PayRun, now: datetime) -> bool | None:
    """True when the register is another than before, None when it cannot be read: then it stays as it was."""
    try:
        read = read_register(source, header, assigned_on(run.flow.integration.source, header.check_date))
    except RecordRejectedError as error:
        # One run that cannot be read must not keep the others from being posted.
        _note_unreadable(run, pay_run, error, now)
        return None
    with transaction.atomic():
        changed = keep_register(run, pay_run, read, now=now)
        findings = [*read.register.findings, *few_people(pay_run, read.register.statements)]
        keep_findings(pay_run, PayFinding.Stage.READ, findings, now=now)
        if changed:
            verb = "pay_run.read" if pay_run.drafted_at is None else "pay_run.changed"
            record_pay_run(verb, pay_run, now=now, content_digest=pay_run.register_hash, rows=len(read.register.lines))
            # In the same transaction: whoever dies after it leaves no change untold.
            note_if_left(pay_run, PayRun.SourceChange.CHANGED, now=now)
    return changed


def _note_unreadable(run: Run, pay_run: PayRun, error: RecordRejectedError, now: datetime) -> None:
    finding = Finding(
        code=FindingCode.UNREADABLE_PAY, kind="field", culprit=error.field or "statement", detail=error.sentence[:200]
    )
    with transaction.atomic():
        hold_lease(run, now=now)
        keep_findings(pay_run, PayFinding.Stage.READ, [finding], now=now)
        pay_run.drafted_at = pay_run.drafted_at or now
        pay_run.save(update_fields=["drafted_at"])
        refresh_state(pay_run)


_SETTLED = (PayRun.State.POSTED, PayRun.State.RECONCILED, PayRun.State.REVERSED, PayRun.State.EMPTY)


def _withdraw(run: Run, pay_run: PayRun, *, voided: bool, now: datetime) -> None:
    """A run that payroll does not, or no longer, call finished has no journals on their way."""
    with transaction.atomic():
        hold_lease(run, now=now)
        waiting = Posting.objects.filter(
            pay_run=pay_run, state__in=[Posting.State.DRAFTED, Posting.State.APPROVED], reverses=None
        )
        for posting in locked_postings(waiting):
            supersede(posting, "Payroll no longer calls this pay run finished.", now=now)
        stands = Posting.objects.filter(pay_run=pay_run, state__in=LEFT).exclude(state=Posting.State.REVERSED)
        if stands.exists() and pay_run.source_change != PayRun.SourceChange.VOIDED:
            change = PayRun.SourceChange.VOIDED if voided else PayRun.SourceChange.CHANGED
            note_source_change(pay_run, change, now=now)
        refresh_state(pay_run)


def _note_gone(run: Run, gone: QuerySet[PayRun], counted: _Counts, *, now: datetime) -> None:
    """Runs payroll no longer shows: void if nothing was posted, said if something was."""
    for pay_run in gone.filter(void=False).exclude(source_change=PayRun.SourceChange.GONE):
        pay_run.integration = run.flow.integration
        counted.changed += 1
        with transaction.atomic():
            hold_lease(run, now=now)
            if note_if_left(pay_run, PayRun.SourceChange.GONE, now=now):
                continue
            pay_run.void, pay_run.finished = True, False
            pay_run.save(update_fields=["void", "finished"])
            record_pay_run("pay_run.gone", pay_run, now=now)
            _withdraw(run, pay_run, voided=True, now=now)


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
            what = "no longer shows what was asked for" if run.kind == Run.Kind.REPLAY else "shows no pay run yet"
            end(run, Run.State.SUCCEEDED, f"{run.flow.integration.source} {what}.", now=now)
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
