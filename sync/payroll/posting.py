"""The write protocol for journals: look up, intend, send, settle. Read top to bottom from ``advance``.

1. ``claim``: one worker has the journal in hand.
2. Look it up by its reference: what is there already is settled, never posted again. So is what was given up before:
   where it turns out to be there after all, a person is needed. What is there in part only is posted: a ledger that
   takes a journal in parts then writes the rest.
3. Intend: ``sent_at`` is committed before anything leaves the process.
4. Send, once. Whatever comes back, or does not, is settled in one transaction.

A journal with ``sent_at`` and no answer is *verifying*: it is asked for, with growing delays, and only what the ledger
twice says it does not have is posted again. Of what it twice has in part the rest is written, without its ever being
open to people again. ``find`` comes before ``post`` every time, whoever
asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import structlog
from django.db import transaction
from django.db.models import Q

from connectors.contract import LedgerTarget
from connectors.errors import (
    ConnectionConfigError,
    ConnectorError,
    RecordRejectedError,
    TemporaryError,
)
from connectors.journals import Journal, PeriodState, PostedJournal
from sync.leases import LeaseLost, renewed
from sync.models import PayRun, Posting
from sync.payroll import outcomes
from sync.payroll.approval import writes_enabled
from sync.payroll.claims import Claim, claim, due, held, in_hand, renew
from sync.payroll.correcting import follow
from sync.payroll.findings import Finding, FindingCode, refused
from sync.payroll.lookup import given_up_but_there, journal_of, look_up
from sync.payroll.reconciling import reconcile
from sync.payroll.surroundings import read_periods

log = structlog.get_logger()


def advance(
    pay_run: PayRun, target: LedgerTarget, *, now: Callable[[], datetime], sleep: Callable[[float], None]
) -> None:
    """Afterwards every journal of the run that is due has gone as far as it can go now, and what is on the ledger has
    been tied out. A journal's trouble is settled with the journal; raised is only that the connection must be mended
    (ConnectionConfigError), and what reading the ledger back for the tie-out raises."""
    if not writes_enabled(pay_run):
        return
    unsettled: list[int] = []
    for posting_id in _in_order(pay_run, now()):
        taken = claim(posting_id, now=now())
        if taken is not None and _work_on(taken, target, now) == Posting.State.VERIFYING:
            unsettled.append(posting_id)
    if unsettled:
        sleep(outcomes.LOOK_AGAIN[0].total_seconds() + 1)
        for posting_id in unsettled:
            if (taken := claim(posting_id, now=now())) is not None:
                _work_on(taken, target, now)
    if Posting.objects.filter(Q(state=Posting.State.POSTED) | Q(awaits_booking=True), pay_run=pay_run).exists():
        reconcile(pay_run, target, now=now())
        follow(pay_run, target, now=now())


def _in_order(pay_run: PayRun, now: datetime) -> list[int]:
    """What others wait for goes first."""
    wanted = Posting.objects.filter(due(now), pay_run=pay_run)
    followers = Posting.objects.filter(pay_run=pay_run, after__isnull=False, state=Posting.State.APPROVED)
    first = list(wanted.filter(after=None).order_by("pk").values_list("pk", flat=True))
    return first + list(followers.order_by("pk").values_list("pk", flat=True))


def _work_on(taken: Claim, target: LedgerTarget, now: Callable[[], datetime]) -> str:
    """One journal, one step. Returns the state it is in afterwards."""
    posting = taken.posting
    with (
        structlog.contextvars.bound_contextvars(journal=posting.reference),
        in_hand(taken),
        renewed(lambda: renew(taken, now=now()), posting.reference),
    ):
        try:
            if posting.state == Posting.State.VERIFYING:
                _verify(taken, target, now)
            else:
                _post(taken, target, now)
        except LeaseLost:
            log.warning("journal.lease_lost")
    return Posting.objects.values_list("state", flat=True).get(pk=posting.pk)


def _post(taken: Claim, target: LedgerTarget, now: Callable[[], datetime]) -> None:
    journal = journal_of(taken.posting)
    try:
        if change := target.format_change():
            raise ConnectionConfigError(change)
        if findings := _in_the_way(taken, journal, target, now()):
            outcomes.send_back(taken, findings, "Something has changed since it was approved.", now=now())
            return
        found = look_up(taken.posting, journal, target)
        former = () if found else tuple(given_up_but_there(taken.posting, target))
        is_gone = not found and _is_gone(taken.posting.reverses, target)
    except ConnectorError as error:
        _note_not_sent(taken, error, now)
        return
    if found and not _is_part(found):
        outcomes.settle_found(taken, journal, found, now=now())
    elif former:
        outcomes.settle_attention(taken, _not_given_up(*former[0]), now=now())
    elif is_gone:
        outcomes.settle_gone(taken, now=now())
    else:
        _send(taken, journal, target, now)


def _send(taken: Claim, journal: Journal, target: LedgerTarget, now: Callable[[], datetime]) -> None:
    """It leaves. Whatever comes back, or does not, is settled."""
    _intend(taken, now())
    renew(taken, now=now())
    try:
        posted = target.post_journal(journal)
    except RecordRejectedError as error:
        finding = refused(taken.posting.reference, taken.posting.key, error.sentence)
        outcomes.send_back(taken, [finding], error.sentence, now=now())
    except (TemporaryError, ConnectionConfigError) as error:
        _note_not_sent(taken, error, now)
    except ConnectorError as error:
        # Whatever else went wrong after sending: it may be there.
        log.warning("journal.unanswered", error=type(error).__name__, detail=error.detail)
        outcomes.settle_unknown(taken, _unanswered(taken.posting), trouble=error.sentence, now=now())
        if isinstance(error.__cause__, ConnectionConfigError):
            raise error.__cause__ from None  # for the connection's page, too
    else:
        if _is_part([posted]):
            outcomes.settle_unknown(taken, _unanswered(taken.posting), now=now())
        else:
            outcomes.settle_found(taken, journal, [posted], now=now())


def _verify(taken: Claim, target: LedgerTarget, now: Callable[[], datetime]) -> None:
    """Ask for a journal that may be there; nothing is sent but the rest of one that is there in part."""
    journal = journal_of(taken.posting)
    try:
        found = look_up(taken.posting, journal, target)
    except ConnectorError as error:
        log.warning("journal.lookup_failed", error=type(error).__name__, detail=error.detail)
        outcomes.settle_unknown(taken, f"{_unanswered(taken.posting)} {error.sentence}", now=now())
        if isinstance(error, ConnectionConfigError):
            raise
        return
    if not found:
        outcomes.settle_absent(taken, now=now())
    elif not _is_part(found):
        outcomes.settle_found(taken, journal, found, now=now())
    elif outcomes.settle_part(taken, found[0], now=now()):
        _complete(taken, journal, target, now)


def _complete(taken: Claim, journal: Journal, target: LedgerTarget, now: Callable[[], datetime]) -> None:
    """The rest of a journal is written; where that is not possible as things are, a person is needed."""
    try:
        if change := target.format_change():
            raise ConnectionConfigError(change)
        in_the_way = _in_the_way(taken, journal, target, now())
    except ConnectorError as error:
        outcomes.settle_unknown(taken, _unanswered(taken.posting), trouble=error.sentence, now=now())
        if isinstance(error, ConnectionConfigError):
            raise
        return
    if in_the_way:
        outcomes.settle_attention(taken, _cannot_be_completed(taken.posting, in_the_way[0]), now=now())
    else:
        _send(taken, journal, target, now)


def _is_gone(original: Posting | None, target: LedgerTarget) -> bool:
    """Whether the ledger does not have, or no longer has, the journal that is to be taken back."""
    return original is not None and not look_up(original, journal_of(original), target)


def _is_part(found: Sequence[PostedJournal]) -> bool:
    """Whether the ledger has the journal, and of it a part only."""
    return len(found) == 1 and not found[0].complete


def _in_the_way(taken: Claim, journal: Journal, target: LedgerTarget, now: datetime) -> list[Finding]:
    """What has become wrong since the approval: the period, or the content itself."""
    posting = taken.posting
    if not outcomes.is_as_approved(posting, journal):
        # The database does not let this happen; if it did, nothing may leave.
        return [Finding(code=FindingCode.TOTALS_DIFFER, kind="journal", culprit="content", journal=posting.key)]
    read_periods(posting.pay_run.integration, target, posting.posting_date, posting.posting_date, now=now)
    for period in target.fiscal_periods(posting.company or None, posting.posting_date, posting.posting_date):
        if period.begin <= posting.posting_date <= period.end and period.state is PeriodState.CLOSED:
            return [Finding(code=FindingCode.PERIOD_CLOSED, kind="period", culprit=period.name, journal=posting.key)]
    return []


def _intend(taken: Claim, now: datetime) -> None:
    """Committed before anything leaves: from here on the journal may be on the ledger."""
    with transaction.atomic():
        posting = held(taken)
        posting.sent_at = posting.heartbeat_at = now
        posting.looked_up, posting.absent_since = 0, None
        posting.save(update_fields=["sent_at", "heartbeat_at", "looked_up", "absent_since"])


def _note_not_sent(taken: Claim, error: ConnectorError, now: Callable[[], datetime]) -> None:
    again = isinstance(error, TemporaryError)
    if taken.posting.part_since is None:
        outcomes.settle_not_sent(taken, error.sentence, again=again, now=now())
    else:
        outcomes.settle_unknown(taken, _unanswered(taken.posting), trouble=error.sentence, now=now())
    if isinstance(error, ConnectionConfigError):
        raise error


def _not_given_up(posting: Posting, found: PostedJournal) -> str:
    target = posting.pay_run.integration.target.name
    return (
        f"{target} has journal {found.number}, which was given up here as {posting.reference}: this one may book the "
        "same again. Delete that one there, or reverse it there and take our reference out of it, then check again."
    )


def _cannot_be_completed(posting: Posting, finding: Finding) -> str:
    target, why = posting.pay_run.integration.target.name, finding.code.replace("_", " ")
    return (
        f"{target} has a part of it as {posting.journal_number}, and the rest cannot be written ({why}: "
        f"{finding.culprit}). Mend that, or delete the part there; then check again."
    )


def _unanswered(posting: Posting) -> str:
    target = posting.pay_run.integration.target.name
    return (
        f"We did not get an answer from {target}. We are checking whether journal {posting.reference} was created. "
        "Nothing has been sent twice."
    )
