"""What is wrong with a run, kept for staff in sentences; and whether its cost was posted under another run already."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sync.models import PayFinding, PayRun, Posting
from sync.payroll.findings import ACCEPTABLE, Finding, FindingCode
from sync.payroll.surroundings import load_words
from sync.payroll.wording import remedy_of, sentence_of


def posted_elsewhere(pay_run: PayRun) -> list[Finding]:
    """SAME_PERIOD and ALREADY_POSTED findings: what would be the same cost twice."""
    return [*_same_period(pay_run), *_already_posted(pay_run)]


def _same_period(pay_run: PayRun) -> list[Finding]:
    """Another regular run of the same people and period that has journals, of whatever state."""
    if pay_run.kind != "regular" or pay_run.period_start is None:
        return []
    others = PayRun.objects.filter(
        integration=pay_run.integration_id,
        kind="regular",
        company=pay_run.company,
        pay_group=pay_run.pay_group,
        period_start=pay_run.period_start,
        period_end=pay_run.period_end,
        postings__state__in=[Posting.State.DRAFTED, *Posting.UNDER_WAY, Posting.State.POSTED, Posting.State.RECONCILED],
    ).exclude(pk=pay_run.pk)
    return [
        Finding(code=FindingCode.SAME_PERIOD, kind="pay_run", culprit=str(other)) for other in others.distinct()[:5]
    ]


def _already_posted(pay_run: PayRun) -> list[Finding]:
    """The same run of the same payroll, whose journals another integration has brought to the same kind of ledger."""
    twins = Posting.objects.filter(
        pay_run__source_id=pay_run.source_id,
        pay_run__integration__source__vendor=pay_run.integration.source.vendor,
        pay_run__integration__target__vendor=pay_run.integration.target.vendor,
        state__in=[*Posting.UNDER_WAY, Posting.State.POSTED, Posting.State.RECONCILED],
    ).exclude(pay_run__integration=pay_run.integration_id)
    return [
        Finding(code=FindingCode.ALREADY_POSTED, kind="journal", culprit=twin.journal_number or twin.reference)
        for twin in twins.order_by("pk")[:5]
    ]


def keep_findings(
    pay_run: PayRun, stage: str, findings: Sequence[Finding], *, now: datetime, journal: str | None = None
) -> None:
    """Afterwards the run has these findings of this stage; with ``journal``, those of that journal (its key) only, and
    others keep theirs. One that a person has accepted stays accepted as long as it concerns the same money and the same
    people."""
    integration = pay_run.integration
    names = {"source": integration.source.name, "target": integration.target.name}
    words = load_words(integration) if findings else {}
    kept = PayFinding.objects.filter(pay_run=pay_run, stage=stage)
    if journal is not None:
        kept = kept.filter(journal=journal[:200])
    former = {(f.code, f.kind, f.culprit, f.journal, f.currency): f for f in kept}
    kept.delete()
    rows = {}
    for finding in findings:
        key = (finding.code.value, finding.kind[:25], finding.culprit[:200], finding.journal[:200], finding.currency)
        row = PayFinding(
            pay_run=pay_run,
            stage=stage,
            code=key[0],
            kind=key[1],
            culprit=key[2],
            journal=key[3],
            currency=key[4],
            amount=finding.amount,
            people=list(finding.people),
            people_count=finding.people_count,
            sentence=sentence_of(finding, words=words, **names),
            remedy=remedy_of(finding, words=words, **names),
            found_at=now,
        )
        known = former.get(key)
        if known and finding.code in ACCEPTABLE and _concerns_the_same(known, row):
            row.accepted_by, row.accepted_why = known.accepted_by, known.accepted_why
            row.accepted_at = known.accepted_at
        rows[key] = row
    PayFinding.objects.bulk_create(rows.values())


def _concerns_the_same(known: PayFinding, row: PayFinding) -> bool:
    return known.accepted_at is not None and (known.amount, known.people_count, known.people) == (
        row.amount,
        row.people_count,
        row.people,
    )
