"""A register becomes journals: built by the rules, validated against the ledger as last read, kept as drafts.

Drafting again is always safe: what is on its way to the ledger is never touched, an approval of another content is
voided, and the same content stays as it is, with its approvals.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from msgspec.structs import replace

from audit.context import current_actor
from connectors.contract import LedgerTarget
from sync.models import (
    AccountRule,
    Approval,
    PayFinding,
    PayrollSettings,
    PayRun,
    Posting,
    PostingLine,
    PostingShare,
    Run,
)
from sync.payroll.drafts import (
    AGAIN,
    Built,
    DraftJournal,
    JournalKind,
    RunFacts,
    Side,
    content_hash,
    place_of,
)
from sync.payroll.findings import Finding, FindingCode
from sync.payroll.journals import build
from sync.payroll.judging import keep_findings, posted_elsewhere
from sync.payroll.reading import load_lines
from sync.payroll.register import PaidLine, totals
from sync.payroll.rules import PLACEHOLDERS, RuleTable, placeholders
from sync.payroll.source_changes import LEFT
from sync.payroll.states import refresh_state
from sync.payroll.surroundings import load_ledger, load_rules, load_surroundings, options_of, who_decided
from sync.payroll.trail import record_journal
from sync.payroll.validation import control_totals, validate
from sync.runs import hold_lease

LINES_AT_ONCE = 2_000

CORRECTIONS = (Posting.Kind.REVERSAL, Posting.Kind.ADJUSTMENT)


def draft(
    pay_run: PayRun,
    target: LedgerTarget,
    *,
    prepared_by: Sequence[str],
    now: datetime,
    again: bool = False,
    run: Run | None = None,
) -> None:
    """Afterwards the run's findings are those of its register, the rules and the ledger as they are now, and its
    drafts are the journals they make; a run that cannot become journals has no drafts.

    ``prepared_by`` are the identities of people who had a hand in it. A journal that was rejected is made anew only
    with another content, or when a person asks for it (``again``). A register that was read anew meanwhile is left to
    who read it. ``run`` is the run that drafts, whose lease must hold (LeaseLost). Nothing is asked over the wire.
    """
    lines = list(load_lines(pay_run))
    built, because = made(pay_run, target, lines)
    findings = [*built.findings]
    if not findings:
        findings += validate(_to_be_posted(pay_run, built.journals), load_ledger(pay_run.integration, target))
        findings += control_totals(built.journals, totals(lines))
    findings += posted_elsewhere(pay_run)
    if not any(line.amount for line in lines):
        findings.append(Finding(code=FindingCode.EMPTY_RUN))
    with transaction.atomic():
        locked = PayRun.objects.select_for_update(of=("self",)).select_related(
            "integration__source", "integration__target"
        )
        if run is not None:
            hold_lease(run, now=now)
        current = locked.get(pk=pay_run.pk)
        if current.register_hash != pay_run.register_hash:
            return
        pay_run = current
        keep_findings(pay_run, PayFinding.Stage.DRAFT, findings, now=now)
        PayFinding.objects.filter(pay_run=pay_run, stage=PayFinding.Stage.POST).delete()
        journals = () if built.findings else built.journals
        _keep_drafts(pay_run, journals, because, prepared_by, now, again)
        pay_run.drafted_at = now
        pay_run.save(update_fields=["drafted_at"])
        refresh_state(pay_run)


def facts_of(pay_run: PayRun) -> RunFacts:
    """What the journals say about the run."""
    return RunFacts(
        run=pay_run.source_id,
        kind=pay_run.kind,
        check_date=pay_run.check_date,
        pay_group=pay_run.pay_group,
        period_start=pay_run.period_start,
        period_end=pay_run.period_end,
    )


def build_now(pay_run: PayRun, target: LedgerTarget, lines: Iterable[PaidLine], table: RuleTable) -> Built:
    """The journals these lines make by these rules with today's mappings and settings. Writes nothing."""
    integration = pay_run.integration
    settings = PayrollSettings.objects.get(integration=integration)
    around = load_surroundings(integration, target, pay_run.check_date)
    return build(facts_of(pay_run), lines, table, around, options_of(settings, target))


Because = Mapping[int, tuple[str, ...]]
"""By the id of a rule, the dimensions it is limited to."""


def made(pay_run: PayRun, target: LedgerTarget, lines: Iterable[PaidLine]) -> tuple[Built, Because]:
    """The journals of these lines by the rules as they are now, not held against the ledger."""
    rules = load_rules(pay_run.integration)
    limited = {
        rule.id: tuple(name for name in ("job_code", "department", "location", "company") if getattr(rule, name))
        for rule in rules
    }
    return build_now(pay_run, target, lines, RuleTable(rules, pay_run.check_date)), limited


def _to_be_posted(pay_run: PayRun, journals: Sequence[DraftJournal]) -> list[DraftJournal]:
    """Those that have not left for the ledger, each on the day it is posted: the period of the others may close."""
    kept_so_far = Posting.objects.filter(pay_run=pay_run).exclude(kind__in=CORRECTIONS).order_by("pk")
    given_up = [Posting.State.REJECTED, Posting.State.SUPERSEDED]
    known = {place_of(posting.key): posting for posting in kept_so_far.exclude(state__in=given_up)}
    found = []
    for journal in journals:
        kept = known.get(journal.key)
        if kept is None:
            found.append(journal)
        elif kept.state in (Posting.State.DRAFTED, Posting.State.APPROVED):
            found.append(_on_its_day(kept, journal))
    return found


def _on_its_day(posting: Posting, journal: DraftJournal) -> DraftJournal:
    """What is posted anew after a reversal keeps the day that was chosen for it."""
    return replace(journal, posting_date=posting.posting_date) if AGAIN in posting.key else journal


def _keep_drafts(
    pay_run: PayRun,
    journals: Sequence[DraftJournal],
    because: Because,
    prepared_by: Sequence[str],
    now: datetime,
    again: bool,
) -> None:
    """Drafts become what the run makes now. What is posted anew after a reversal follows the journal of its place, and
    is drafted by ``correcting`` only.

    Once a journal has left for the ledger, and is not being replaced, the others stay what they were made with it as
    long as the run makes another one in its place now: half of one register and half of another, or the same cost
    under another key, would be posted otherwise. ``correcting`` shows and books the difference.
    """
    standing = list(
        Posting.objects.select_for_update(of=("self",))
        .select_related("pay_run__integration__source", "pay_run__integration__target", "after")
        .filter(pay_run=pay_run)
        .exclude(kind__in=CORRECTIONS)
        .exclude(state=Posting.State.SUPERSEDED)
        .order_by("pk")
    )
    wanted = {journal.key: journal for journal in journals}
    if not _goes_on(standing, wanted):
        return
    for posting in standing:
        if posting.state not in WAITING:
            continue
        journal = wanted.get(place_of(posting.key))
        if journal is None:
            # What is not posted anew is not taken back either, until a person asks again.
            for one in filter(None, (posting, posting.after)):
                if one.state in WAITING:
                    supersede(one, "The pay run makes other journals now.", now=now)
        elif posting.content_hash != content_hash(journal := _on_its_day(posting, journal), posting.salt):
            _rewrite(posting, journal, because, prepared_by, now)
    # Once anything was reversed, what follows is for a person to decide.
    if any(posting.state == Posting.State.REVERSED for posting in standing):
        return
    taken = {posting.key for posting in standing if posting.state not in Posting.ENDED}
    refused = {one.key for one in standing if one.state == Posting.State.REJECTED and _is_made(one, wanted)}
    for key, journal in wanted.items():
        if key not in taken and (again or key not in refused):
            keep_draft(pay_run, key, journal, because, prepared_by, now=now)


WAITING = (Posting.State.DRAFTED, Posting.State.APPROVED)
"""States of a journal that has not left for the ledger, and may."""


def _goes_on(standing: Sequence[Posting], wanted: Mapping[str, DraftJournal]) -> bool:
    """True when every journal that has left, and is not being replaced, is one the run makes now."""
    replaced = {place_of(one.key) for one in standing if AGAIN in one.key and one.state in WAITING}
    left = [one for one in standing if one.state in LEFT and place_of(one.key) not in replaced]
    return all(_is_made(one, wanted) for one in left)


def _is_made(posting: Posting, wanted: Mapping[str, DraftJournal]) -> bool:
    """True when the run makes this journal now, as it stands; one that was reversed stands for nothing."""
    if posting.state == Posting.State.REVERSED:
        return True
    journal = wanted.get(place_of(posting.key))
    return journal is not None and content_hash(_on_its_day(posting, journal), posting.salt) == posting.content_hash


def keep_draft(
    pay_run: PayRun,
    key: str,
    journal: DraftJournal,
    because: Because,
    prepared_by: Sequence[str],
    *,
    now: datetime,
    **further: Any,
) -> Posting:
    """A new draft with its lines. ``further`` are columns of corrections: reverses, adjusts, after, why, cost, owed."""
    revision = Posting.objects.filter(pay_run=pay_run, key=key).count() + 1
    posting = Posting(
        pay_run=pay_run,
        kind=journal.kind.value,
        key=key,
        part=journal.part,
        parts=journal.parts,
        revision=revision,
        reference=reference_of(pay_run, key, revision),
        prepared_by=_name_of(prepared_by),
        prepared_keys=_preparers(pay_run, journal, prepared_by),
        prepared_at=now,
    )
    _fill(posting, journal)
    for column, value in further.items():
        setattr(posting, column, value)
    posting.save()
    _keep_lines(posting, journal, because)
    record_journal("journal.drafted", posting, now=now, rows=posting.line_count)
    return posting


def reference_of(pay_run: PayRun, key: str, revision: int) -> str:
    """Our reference for this journal: the same arguments give the same text for ever."""
    name = f"{pay_run.source_id}/{key}/{revision}"
    return f"MLC-{uuid.uuid5(pay_run.integration.key, name).hex[:20].upper()}"


def _fill(posting: Posting, journal: DraftJournal) -> None:
    posting.company = journal.company
    posting.currency = journal.currency
    posting.posting_date = journal.posting_date
    posting.description = journal.description
    posting.content_hash = content_hash(journal, posting.salt)
    posting.line_count = len(journal.lines)
    posting.debit = posting.credit = journal.debit
    posting.people = journal.people
    posting.cost, posting.owed = booked_of_register(journal)


def booked_of_register(journal: DraftJournal) -> tuple[Decimal, Decimal]:
    """What the journal books of the register: its cost, and what is owed. Only the journals that book a run do."""
    if journal.kind not in (JournalKind.PAYROLL, JournalKind.ACCRUAL):
        return Decimal(0), Decimal(0)
    shares = [*journal.unposted, *(share for line in journal.lines for share in line.shares)]
    cost = sum((share.amount for share in shares if share.side is Side.DEBIT), Decimal(0))
    return cost, -sum((share.amount for share in shares if share.side is Side.CREDIT), Decimal(0))


def _rewrite(
    posting: Posting, journal: DraftJournal, because: Because, prepared_by: Sequence[str], now: datetime
) -> None:
    if Approval.objects.filter(posting=posting).exists():
        void_approval(posting, "The journal's content has changed.", now=now)
    PostingLine.objects.filter(posting=posting).delete()
    _fill(posting, journal)
    posting.part, posting.parts = journal.part, journal.parts
    posting.prepared_by, posting.prepared_at = _name_of(prepared_by), now
    posting.prepared_keys = sorted({*posting.prepared_keys, *_preparers(posting.pay_run, journal, prepared_by)})
    posting.save()
    _keep_lines(posting, journal, because)
    record_journal("journal.drafted", posting, now=now, rows=posting.line_count)


def void_approval(posting: Posting, why: str, *, now: datetime) -> None:
    """Afterwards the journal is a draft that nobody has approved; call inside a transaction that holds the row."""
    actor = current_actor()
    Approval.objects.create(
        posting=posting,
        decision=Approval.Decision.VOIDED,
        content_hash=posting.content_hash,
        by=actor.label,
        by_key=actor.identity,
        at=now,
        reason=why[:500],
    )
    posting.state, posting.approved_hash, posting.approved_at = Posting.State.DRAFTED, "", None
    posting.message, posting.next_try_at = why[:500], None
    posting.save(update_fields=["state", "approved_hash", "approved_at", "message", "next_try_at"])
    record_journal("journal.approval_voided", posting, now=now, why=why)


def supersede(posting: Posting, why: str, *, now: datetime) -> None:
    """Afterwards this draft, approved or not, will never be posted; call inside a transaction that holds the row."""
    if posting.state == Posting.State.APPROVED:
        void_approval(posting, why, now=now)
    posting.state, posting.message = Posting.State.SUPERSEDED, why
    posting.save(update_fields=["state", "message"])
    record_journal("journal.superseded", posting, now=now)


def _name_of(prepared_by: Sequence[str]) -> str:
    """Whom staff are told to ask: the person who asked for it, or what did it by itself."""
    return prepared_by[0].partition(":")[2] if prepared_by else current_actor().label


def supersede_followers(posting: Posting, *, now: datetime) -> None:
    """Afterwards nothing waits for this journal, which will not be posted; call as ``supersede``."""
    waiting = Posting.objects.select_for_update(of=("self",)).select_related(
        "pay_run__integration__source", "pay_run__integration__target"
    )
    for follower in waiting.filter(after=posting, state__in=[Posting.State.DRAFTED, Posting.State.APPROVED]):
        supersede(follower, f"It was to follow journal {posting.reference}, which will not be posted.", now=now)


def _preparers(pay_run: PayRun, journal: DraftJournal, prepared_by: Sequence[str]) -> list[str]:
    """Who may not approve it: who asked for it, and who changed a rule, a mapping or a setting that decides it since
    the run was found."""
    rules = {share.rule for line in journal.lines for share in line.shares}
    of_rules = AccountRule.objects.filter(pk__in=rules)
    changed = of_rules.filter(changed_at__gte=pay_run.found_at)
    centers = {line.cost_center for line in journal.lines if line.cost_center}
    texts = " ".join(text for row in of_rules.values_list("debit", "credit", "settlement") for text in row)
    kinds = {PLACEHOLDERS[place] for place in placeholders(texts)} - {"cost_center"}
    decided = who_decided(pay_run, journal.company, centers, kinds)
    return sorted({*prepared_by, *decided, *changed.values_list("changed_key", flat=True).distinct()})


def _keep_lines(posting: Posting, journal: DraftJournal, because: Because) -> None:
    lines = PostingLine.objects.bulk_create(
        [
            PostingLine(
                posting=posting,
                number=line.number,
                account=line.account,
                description=line.description,
                debit=line.debit,
                credit=line.credit,
                department=line.department,
                cost_center=line.cost_center,
                worker=line.worker,
                people=line.people,
            )
            for line in journal.lines
        ],
        batch_size=LINES_AT_ONCE,
    )
    shares: dict[int, list[PostingShare]] = defaultdict(list)
    for row, line in zip(lines, journal.lines, strict=True):
        for share in line.shares:
            shares[row.pk].append(
                PostingShare(
                    line=row,
                    item=share.item,
                    side=share.side.value,
                    rule_id=share.rule or None,
                    because=", ".join(because.get(share.rule, ())),
                    amount=share.amount,
                    people=share.people,
                    hours=share.hours,
                )
            )
    PostingShare.objects.bulk_create([s for of_line in shares.values() for s in of_line], batch_size=LINES_AT_ONCE)
