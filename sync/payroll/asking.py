"""What people ask the workers for: read a pay run again, look a journal up, tie a run out anew."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from django.db import transaction

from sync.configuring import Paused
from sync.models import Flow, Integration, PayRun, Posting, Run
from sync.payroll.approval import Refusal
from sync.payroll.claims import locked_postings
from sync.payroll.trail import record_pay_run
from sync.queue import enqueue_ledger, enqueue_postings, enqueue_reconciliation, enqueue_run
from sync.runs import request_run


def check_again(pay_run: PayRun, *, now: datetime) -> Run:
    """Have this pay run read and drafted again, by the rules and the ledger as they are then. What is on its way to
    the ledger is never touched. Raises AlreadyRunning, Paused."""
    return check_all_again([pay_run], now=now)


def check_all_again(pay_runs: Sequence[PayRun], *, now: datetime) -> Run:
    """``check_again`` for several pay runs of one integration, in one run."""
    integration = pay_runs[0].integration_id
    flow = Flow.objects.select_related("integration").get(integration=integration, kind=Flow.Kind.PAYROLL)
    if flow.paused:
        raise Paused(f"{flow} is paused{': ' + flow.paused_reason if flow.paused_reason else ''}. Resume it first.")
    selection = [pay_run.source_id for pay_run in pay_runs]
    with transaction.atomic():
        run = request_run(flow, Run.Kind.REPLAY, now=now, trigger="replay", selection=selection)
        for pay_run in pay_runs:
            record_pay_run("pay_run.replayed", pay_run, now=now)
        enqueue_run(run)
    return run


def look_up(posting: Posting, *, now: datetime) -> None:
    """Have the ledger asked for this journal now: one without an answer is looked for, one on the ledger is read back
    and tied out. Nothing is sent. Raises Refusal for one that never left."""
    with transaction.atomic():
        (locked,) = locked_postings(Posting.objects.filter(pk=posting.pk))
        if locked.state == Posting.State.VERIFYING:
            Posting.objects.filter(pk=locked.pk).update(next_try_at=now)
            enqueue_postings(locked.pay_run)
        elif locked.state in Posting.ON_LEDGER:
            enqueue_reconciliation(locked.pay_run)
        elif locked.state == Posting.State.ATTENTION:
            raise Refusal(f"{locked} needs a decision: say whether it is to be looked for again.")
        else:
            raise Refusal(f"{locked} is {locked.get_state_display().lower()}: the ledger cannot know it.")


def tie_out(pay_run: PayRun) -> None:
    """Have what is on the ledger of this run read back and held against the register again. Raises Refusal when
    nothing is."""
    if not Posting.objects.filter(pay_run=pay_run, state__in=Posting.ON_LEDGER).exists():
        raise Refusal("Nothing of this pay run is on the ledger, so there is nothing to tie out.")
    with transaction.atomic():
        enqueue_reconciliation(pay_run)


def read_ledger_again(integration: Integration, month: date) -> None:
    """Have the ledger asked anew for every account our journals of this month are on. Nothing is sent."""
    with transaction.atomic():
        enqueue_ledger(integration, month.replace(day=1))
