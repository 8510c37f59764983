"""Journals are asked for: what the ledger has of one of ours, and of those that were to stand in its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.db.models import Q

from connectors.contract import LedgerTarget
from connectors.journals import Journal, JournalLine, PostedJournal
from sync.models import Posting, PostingLine


def journal_of(posting: Posting) -> Journal:
    """What is posted, from what is kept."""
    rows = PostingLine.objects.filter(posting=posting).order_by("number")
    columns = rows.values_list("account", "description", "debit", "credit")
    return Journal(
        reference=posting.reference,
        company=posting.company or None,
        currency=posting.currency,
        posting_date=posting.posting_date,
        description=posting.description,
        lines=tuple(
            JournalLine(account=account, description=description, debit=debit, credit=credit)
            for account, description, debit, credit in columns.iterator()
        ),
        content_hash=posting.content_hash,
        id=posting.vendor_id,
    )


def look_up(posting: Posting, journal: Journal, target: LedgerTarget) -> Sequence[PostedJournal]:
    """Every journal under our reference; one that was seen before also by the ledger's own id, should somebody have
    removed ours. Raises the errors of reading the ledger."""
    found = target.find_journal(journal)
    if found or not posting.vendor_id:
        return found
    seen = target.get_journal(posting.vendor_id, posting.company or None)
    return [seen] if seen else []


def given_up_but_there(posting: Posting, target: LedgerTarget) -> Iterator[tuple[Posting, PostedJournal]]:
    """What the ledger has of journals of the same run that a worker had in hand and that were given up since, or that
    counted as deleted there: a slow ledger, or a person who was wrong about it. Raises the errors of reading the
    ledger."""
    given_up = Posting.objects.filter(
        Q(state__in=[Posting.State.REJECTED, Posting.State.SUPERSEDED]) | Q(deleted_there=True),
        pay_run=posting.pay_run_id,
        attempts__gt=0,
    )
    for one in given_up.order_by("pk"):
        for found in look_up(one, journal_of(one), target):
            yield one, found
