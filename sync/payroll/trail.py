"""Audit entries of payroll: what happened to pay runs and journals, and who did it. No amount is ever recorded."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from audit.record import Entry, record
from sync.models import PayRun, Posting


def record_pay_run(verb: str, pay_run: PayRun, *, now: datetime, why: str = "", **detail: Any) -> None:
    """One entry about a pay run; call inside the transaction of what it tells."""
    integration = pay_run.integration
    entry = Entry(
        action=verb,
        subject_kind="pay_run",
        subject_id=str(pay_run.pk),
        subject_label=pay_run.label,
        source_system=integration.source.product.product,
        source_id=pay_run.source_id,
        target_system=integration.target.product.product,
        why=why,
        detail={"check_date": pay_run.check_date.isoformat(), **detail},
    )
    record([entry], at=now)


def record_journal(verb: str, posting: Posting, *, now: datetime, why: str = "", **detail: Any) -> None:
    """One entry about a journal; call inside the transaction of what it tells. The content hash says what it held."""
    integration = posting.pay_run.integration
    entry = Entry(
        action=verb,
        subject_kind="journal",
        subject_id=str(posting.pk),
        subject_label=posting.description[:200],
        source_system=integration.source.product.product,
        source_id=posting.pay_run.source_id,
        target_system=integration.target.product.product,
        target_id=posting.vendor_id,
        why=why,
        detail={
            "reference": posting.reference,
            "content_digest": posting.content_hash,
            "pay_run": str(posting.pay_run_id),
            "posting_date": posting.posting_date.isoformat(),
            **({"journal": posting.journal_number} if posting.journal_number else {}),
            **_links(posting),
            **detail,
        },
    )
    record([entry], at=now)


def _links(posting: Posting) -> dict[str, str]:
    """Our reference of the journal that a correction is about."""
    linked = {"reverses": posting.reverses, "adjusts": posting.adjusts, "after": posting.after}
    return {name: other.reference for name, other in linked.items() if other is not None}
