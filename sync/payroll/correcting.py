"""What is on the ledger is never changed: it is taken back by a linked reversal, or adjusted by a journal of its own.

Corrections are drafts. Somebody else approves them, and they are posted by the same protocol as every other journal.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime

from django.db import transaction

from audit.context import current_actor
from connectors.contract import LedgerTarget
from sync.models import PayRun, Posting, PostingLine, PostingShare
from sync.payroll.adjusting import Adjustment, adjustments
from sync.payroll.approval import Refusal
from sync.payroll.days import open_day
from sync.payroll.describing import LONGEST_JOURNAL
from sync.payroll.drafting import Because, keep_draft, supersede
from sync.payroll.drafts import AGAIN, DraftJournal, DraftLine, JournalKind, Share, Side, place_of
from sync.payroll.effects import Effect, EffectKind, Step, effect_of, is_true
from sync.payroll.states import refresh_state
from sync.payroll.trail import record_pay_run

_S = Posting.State


def reverse(posting: Posting, reason: str, *, posting_date: date | None = None, now: datetime) -> Posting:
    """A draft that takes this journal back line by line, on its own day or the first open one after it.

    Raises Refusal: it is not on the ledger, is a reversal itself, is being reversed or was; no reason; no open period.
    """
    _check(reason)
    with transaction.atomic():
        pay_run = _locked(posting.pay_run_id)
        current = Posting.objects.select_for_update().get(pk=posting.pk)
        if refusal := _why_not_reversed(current):
            raise Refusal(refusal)
        day = open_day(pay_run, current.company, current.posting_date, posting_date)
        draft = _reversal(pay_run, current, reason, day, now)
        refresh_state(pay_run)
    return draft


def reverse_and_repost(
    pay_run: PayRun, reason: str, target: LedgerTarget, *, posting_date: date | None = None, now: datetime
) -> list[Posting]:
    """For every journal on the ledger that differs from what the run makes now a reversal, and a draft of what it makes
    now, which is posted only after the reversal is on the ledger.

    Raises Refusal when there is nothing to do, or something in the way (``effect_of`` says which), or no reason.
    """
    _check(reason)
    with transaction.atomic():
        pay_run = _locked(pay_run.pk)
        effect = _effect(pay_run, target, posting_date, now)
        drafts: list[Posting] = []
        for step in effect.steps:
            drafts += _drafted(pay_run, step, effect.because, reason, now)
        refresh_state(pay_run)
    return drafts


def adjust(
    pay_run: PayRun, reason: str, target: LedgerTarget, *, posting_date: date | None = None, now: datetime
) -> list[Posting]:
    """For each company and currency a draft of the difference only; what is on the ledger stays. An accrual and its
    settlement are adjusted each by its own.

    Raises Refusal as ``reverse_and_repost``, and where the difference is not one of amounts: journals came or went.
    """
    _check(reason)
    with transaction.atomic():
        pay_run = _locked(pay_run.pk)
        effect = _effect(pay_run, target, posting_date, now)
        if any(_is_more_than_amounts(step) for step in effect.steps):
            raise Refusal("Journals came, went, moved to another day or are a month end's. Reverse and repost instead.")
        drafts = []
        for adjustment in adjustments(pay_run, effect):
            if len(adjustment.lines) > target.max_lines:
                raise Refusal("The difference has more lines than one journal may have. Reverse and repost instead.")
            drafts.append(_adjusting(pay_run, adjustment, effect.because, reason, posting_date, now))
        refresh_state(pay_run)
    return drafts


def follow(pay_run: PayRun, target: LedgerTarget, *, now: datetime) -> None:
    """Afterwards no adjustment is waiting whose difference has become another; and a change by payroll after posting
    is no longer told once the ledger shows what the run makes."""
    adjusting = Posting.objects.filter(kind=Posting.Kind.ADJUSTMENT, state__in=[_S.DRAFTED, _S.APPROVED])
    if not pay_run.source_change and not adjusting.filter(pay_run=pay_run).exists():
        return
    with transaction.atomic():
        pay_run = _locked(pay_run.pk)
        waiting = list(adjusting.select_for_update(of=("self",)).select_related("adjusts").filter(pay_run=pay_run))
        if waiting and not is_true(pay_run, target, *waiting):
            for posting in waiting:
                posting.pay_run = pay_run
                supersede(posting, "The pay run makes other journals now.", now=now)
        if pay_run.source_change and is_true(pay_run, target):
            pay_run.source_change, pay_run.source_changed_at = PayRun.SourceChange.NONE, None
            pay_run.save(update_fields=["source_change", "source_changed_at"])
            record_pay_run("pay_run.corrected", pay_run, now=now)
        refresh_state(pay_run)


def _check(reason: str) -> None:
    if not reason.strip():
        raise Refusal("Say why, so that whoever approves it, and an auditor, can follow.")


def _locked(pay_run_id: int) -> PayRun:
    rows = PayRun.objects.select_for_update(of=("self",)).select_related("integration__source", "integration__target")
    return rows.get(pk=pay_run_id)


def _effect(pay_run: PayRun, target: LedgerTarget, posting_date: date | None, now: datetime) -> Effect:
    effect = effect_of(pay_run, target, now=now, posting_date=posting_date)
    if effect.kind in (EffectKind.NOTHING, EffectKind.BLOCKED):
        raise Refusal(effect.sentence)
    return effect


def _why_not_reversed(posting: Posting) -> str:
    if posting.kind == Posting.Kind.REVERSAL:
        return "This is a reversal itself. To book the pay run again, let its journals be drafted anew."
    if posting.state == _S.REVERSED:
        return f"Journal {posting.journal_number} is reversed already – nothing to do. {posting.message}"
    if posting.state not in (_S.POSTED, _S.RECONCILED):
        state = posting.get_state_display().lower()
        return f"This journal is not known to be on the ledger ({state}), so there is nothing to reverse."
    if Posting.objects.filter(reverses=posting).exclude(state__in=Posting.ENDED).exists():
        return f"A reversal of journal {posting.journal_number} is prepared already. Approve or reject it."
    return ""


def _drafted(pay_run: PayRun, step: Step, because: Because, reason: str, now: datetime) -> Iterator[Posting]:
    reversal = None
    if step.posting is not None and step.reversed_on is not None:
        reversal = _reversal(pay_run, step.posting, reason, step.reversed_on, now)
        yield reversal
    if step.journal is not None:
        place = step.journal.key
        taken_back = Posting.objects.filter(pay_run=pay_run, state=_S.REVERSED)
        number = sum(place_of(key) == place for key in taken_back.values_list("key", flat=True))
        again = f"{place}{AGAIN}{number + 1}" if reversal or number else place
        yield keep_draft(pay_run, again, step.journal, because, _preparer(), now=now, after=reversal, why=reason[:500])


def _is_more_than_amounts(step: Step) -> bool:
    if step.posting is None or step.moved or step.posting.kind in _MONTH_END:
        return True
    return step.journal is None and step.posting.kind != Posting.Kind.ADJUSTMENT


_MONTH_END = (Posting.Kind.MONTH_END, Posting.Kind.MONTH_END_REVERSAL)


def _adjusting(
    pay_run: PayRun, adjustment: Adjustment, because: Because, reason: str, chosen: date | None, now: datetime
) -> Posting:
    base = adjustment.adjusts
    day = open_day(pay_run, base.company, base.posting_date, chosen)
    journal = _correction(JournalKind.ADJUSTMENT, "Adjustment", base, day, adjustment.lines)
    number = Posting.objects.filter(adjusts=base, state__in=Posting.ON_LEDGER).count() + 1
    further = {"adjusts": base, "cost": adjustment.cost, "owed": adjustment.owed, "why": reason[:500]}
    key = f"adjustment:{base.pk}:{number}"
    return keep_draft(pay_run, key, journal, because, _preparer(), now=now, **further)


def _preparer() -> list[str]:
    return [current_actor().identity]


def _reversal(pay_run: PayRun, posting: Posting, reason: str, day: date, now: datetime) -> Posting:
    """The mirror of a journal: what it debited is credited, of the same pay items by the same rules."""
    shares, because = _shares_of(posting)
    lines = tuple(
        DraftLine(
            number=line.number,
            account=line.account,
            debit=line.credit,
            credit=line.debit,
            description=line.description,
            department=line.department,
            cost_center=line.cost_center,
            worker=line.worker,
            people=line.people,
            shares=tuple(shares[line.pk]),
        )
        for line in PostingLine.objects.filter(posting=posting).order_by("number")
    )
    mirror = _correction(JournalKind.REVERSAL, "Reversal", posting, day, lines)
    further = {"reverses": posting, "cost": -posting.cost, "owed": -posting.owed, "why": reason[:500]}
    return keep_draft(pay_run, f"reversal:{posting.pk}", mirror, because, _preparer(), now=now, **further)


def _correction(
    kind: JournalKind, word: str, posting: Posting, day: date, lines: tuple[DraftLine, ...]
) -> DraftJournal:
    number = posting.journal_number or posting.vendor_id
    return DraftJournal(
        kind=kind,
        company=posting.company,
        currency=posting.currency,
        part=1,
        parts=1,
        posting_date=day,
        description=f"{word} of journal {number}: {posting.description}"[:LONGEST_JOURNAL].rstrip(),
        lines=lines,
        people=posting.people,
    )


def _shares_of(posting: Posting) -> tuple[dict[int, list[Share]], Because]:
    """The shares of each line, taken back, and what the rules behind them are limited to."""
    shares: dict[int, list[Share]] = defaultdict(list)
    because: dict[int, tuple[str, ...]] = {}
    for row in PostingShare.objects.filter(line__posting=posting).order_by("pk"):
        rule = row.rule_id or 0
        because[rule] = tuple(filter(None, row.because.split(", ")))
        shares[row.line_id].append(
            Share(
                item=row.item,
                rule=rule,
                side=Side(row.side),
                amount=-row.amount,
                people=row.people,
                hours=-row.hours,
            )
        )
    return shares, because
