"""How far a pay run has got, from how far its journals have got and what is wrong with it."""

from __future__ import annotations

from collections.abc import Collection

from sync.models import PayFinding, PayRun, Posting
from sync.payroll.drafts import place_of

_S = Posting.State
_WORST_FIRST: tuple[tuple[str, str], ...] = (
    (_S.ATTENTION, PayRun.State.ATTENTION),
    (_S.VERIFYING, PayRun.State.VERIFYING),
    (_S.POSTING, PayRun.State.POSTING),
)


def refresh_state(pay_run: PayRun) -> None:
    """Afterwards the row says where the run stands; call inside the transaction of whatever changed it."""
    state = _state(pay_run)
    if state != pay_run.state:
        pay_run.state = state
        pay_run.save(update_fields=["state"])


def _state(pay_run: PayRun) -> str:
    postings = Posting.objects.filter(pay_run=pay_run).exclude(state=_S.SUPERSEDED)
    states = set(postings.values_list("state", flat=True))
    live = states - {_S.REJECTED, _S.REVERSED}
    for posting_state, run_state in _WORST_FIRST:
        if posting_state in live:
            return run_state
    if live & {_S.POSTED, _S.RECONCILED}:
        return _state_on_ledger(pay_run, live)
    if pay_run.void:
        return PayRun.State.VOID
    if not pay_run.finished or not pay_run.drafted_at:
        return PayRun.State.WAITING
    if open_findings(pay_run):
        return PayRun.State.HELD
    if live:
        return PayRun.State.READY if _S.DRAFTED in live else PayRun.State.APPROVED
    return _state_without_journals(pay_run, states)


def _state_on_ledger(pay_run: PayRun, live: Collection[str]) -> str:
    if _S.DRAFTED in live:
        # What is wrong with the run now does not keep anybody from taking back what is on the ledger.
        making = Posting.objects.filter(pay_run=pay_run, state=_S.DRAFTED, reverses=None).exists()
        return PayRun.State.HELD if making and open_findings(pay_run) else PayRun.State.READY
    if _S.APPROVED in live:
        return PayRun.State.APPROVED
    only_reversals = not Posting.objects.filter(pay_run=pay_run, state__in=[_S.POSTED, _S.RECONCILED]).exclude(
        kind=Posting.Kind.REVERSAL
    )
    if only_reversals:
        return PayRun.State.REVERSED
    return PayRun.State.POSTED if _S.POSTED in live or rejected_places(pay_run) else PayRun.State.RECONCILED


def _state_without_journals(pay_run: PayRun, states: Collection[str]) -> str:
    if _S.REVERSED in states:
        return PayRun.State.REVERSED
    if _S.REJECTED in states:
        return PayRun.State.REJECTED
    return PayRun.State.EMPTY


def rejected_places(pay_run: PayRun) -> list[Posting]:
    """The rejected journals that nothing stands in for, the last of each place, in a run that otherwise stands: a part
    of it is booked, and a part is not."""
    booking = Posting.objects.filter(pay_run=pay_run).exclude(kind__in=[Posting.Kind.REVERSAL, Posting.Kind.ADJUSTMENT])
    latest: dict[str, Posting] = {}
    standing = set()
    for posting in booking.exclude(state__in=[_S.SUPERSEDED, _S.REVERSED]).order_by("pk"):
        if posting.state == _S.REJECTED:
            latest[place_of(posting.key)] = posting
        else:
            standing.add(place_of(posting.key))
    return [posting for place, posting in latest.items() if place not in standing] if standing else []


def open_findings(pay_run: PayRun) -> bool:
    """True while anything is wrong that nobody has accepted."""
    return PayFinding.objects.filter(pay_run=pay_run, accepted_at__isnull=True).exists()
