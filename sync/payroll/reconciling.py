"""After posting: the ledger is read back and held against the register, to the cent.

Reads only. Per journal one look-up by our reference, so that one that is there twice is seen; per account one for its
activity.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec
from django.db import transaction
from django.db.models import QuerySet, Sum
from msgspec.structs import replace

from audit.context import current_actor
from connectors.contract import LedgerTarget
from connectors.journals import Journal, JournalLine, LedgerLine, PostedJournal
from connectors.pay_runs import PayKind
from sync.models import (
    LedgerActivity,
    PaidLine,
    PayRun,
    Posting,
    PostingLine,
    PostingShare,
    Reconciliation,
)
from sync.payroll.claims import locked_postings
from sync.payroll.drafts import JournalKind
from sync.payroll.lookup import journal_of, look_up
from sync.payroll.register import CREDITED, DEBITED, item_key
from sync.payroll.states import refresh_state, rejected_places
from sync.payroll.surroundings import load_surroundings
from sync.payroll.trail import record_journal, record_pay_run
from sync.payroll.tying import (
    Clearing,
    Difference,
    JournalFigures,
    LedgerFigures,
    Measure,
    PostedFigures,
    RegisterFigures,
    TieOut,
    Where,
    tie,
)
from sync.upserting import upsert

ZERO = Decimal(0)
Place = tuple[str, str]
"""A ledger company and a currency."""


def reconcile(pay_run: PayRun, target: LedgerTarget, *, now: datetime) -> Reconciliation | None:
    """Afterwards the run's journals are *reconciled* when everything ties out, and *posted* with named differences
    when it does not. None, and nothing is changed, when a journal moved on while the ledger was read: the next
    tie-out sees it. Raises the errors of reading the ledger."""
    on_ledger = Posting.objects.filter(pay_run=pay_run, state__in=Posting.ON_LEDGER, deleted_there=False)
    postings = list(on_ledger.select_related("reverses", "adjusts").order_by("pk"))
    ours = {posting.pk: journal_of(posting) for posting in postings}
    journals = [_figures_of(posting, ours[posting.pk]) for posting in postings]
    found = {posting.pk: look_up(posting, ours[posting.pk], target) for posting in postings}
    posted = [figures for posting in postings for figures in _read_back(posting, ours[posting.pk], found[posting.pk])]
    booked = {pk for pk, ones in found.items() if ones and all(one.booked for one in ones)}
    activity = _read_activity(pay_run, target, postings, journals, found, now)
    result = tie(
        _register_figures(pay_run, target, postings),
        journals,
        posted,
        activity,
        _clearing(postings),
    )
    result = replace(result, differences=(*result.differences, *_rejected(pay_run)))
    return _settle(pay_run, postings, booked, result, now)


def _read_back(posting: Posting, journal: Journal, found: Sequence[PostedJournal]) -> list[PostedFigures]:
    """The journal as the ledger has it now; should it be there more than once, the one we know first."""
    if not found:
        return [_posted_figures(posting, journal, None)]
    return [
        _posted_figures(posting, journal, one) for one in sorted(found, key=lambda one: one.id != posting.vendor_id)
    ]


def _rejected(pay_run: PayRun) -> list[Difference]:
    return [
        Difference(
            where=Where.JOURNAL,
            measure=Measure.REJECTED,
            reference=posting.reference,
            company=posting.company,
            currency=posting.currency,
            expected=Decimal(posting.line_count),
            found=None,
        )
        for posting in rejected_places(pay_run)
    ]


def _figures_of(posting: Posting, journal: Journal) -> JournalFigures:
    return JournalFigures(
        reference=posting.reference,
        kind=JournalKind(posting.adjusts.kind if posting.adjusts else posting.kind),
        company=posting.company,
        currency=posting.currency,
        by_account=_nets(journal.lines),
        debit=posting.debit,
        credit=posting.credit,
        cost=posting.cost,
        owed=posting.owed,
        line_count=posting.line_count,
        reverses=posting.reverses.reference if posting.reverses else "",
    )


def _posted_figures(posting: Posting, journal: Journal, found: PostedJournal | None) -> PostedFigures:
    return PostedFigures(
        reference=posting.reference,
        company=posting.company,
        currency=posting.currency,
        number=found.number if found else posting.journal_number,
        by_account=_nets(found.lines if found else ()),
        debit=found.debit if found else ZERO,
        credit=found.credit if found else ZERO,
        line_count=len(found.lines) if found else 0,
        gone=found is None,
        differs=found is not None and bool(found.departure(journal)),
    )


def _nets(lines: Iterable[JournalLine | LedgerLine]) -> dict[str, Decimal]:
    """Debits less credits by account."""
    nets: dict[str, Decimal] = defaultdict(Decimal)
    for line in lines:
        nets[line.account] += line.debit - line.credit
    return dict(nets)


def _register_figures(pay_run: PayRun, target: LedgerTarget, postings: Sequence[Posting]) -> list[RegisterFigures]:
    """The register where its journals stand; where they were all reversed, nothing is to be on the ledger."""
    around = load_surroundings(pay_run.integration, target, pay_run.check_date)
    standing = {
        (posting.company, posting.currency)
        for posting in postings
        if posting.state != Posting.State.REVERSED and posting.kind != Posting.Kind.REVERSAL
    }
    sums: dict[Place, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    rows = PaidLine.objects.filter(pay_run=pay_run).values("company", "currency", "kind").annotate(amount=Sum("amount"))
    for row in rows.order_by():
        company = around.companies.get(row["company"], around.default_company or "")
        sums[company, row["currency"]][row["kind"]] += row["amount"]
    return [
        RegisterFigures(
            company=company,
            currency=currency,
            cost=_sum_of(kinds, DEBITED),
            owed=_sum_of(kinds, CREDITED),
            net_pay=kinds.get(PayKind.NET_PAY, ZERO),
        )
        for (company, currency), kinds in sorted(sums.items())
        if (company, currency) in standing
    ]


def _sum_of(kinds: Mapping[str, Decimal], wanted: frozenset[PayKind]) -> Decimal:
    return sum((amount for kind, amount in kinds.items() if kind in wanted), ZERO)


def _clearing(postings: Sequence[Posting]) -> list[Clearing]:
    """The accounts net pay went to, and what other pay items put on them."""
    net_pay = item_key(PayKind.NET_PAY, "")
    shares = PostingShare.objects.filter(line__posting__in=postings)
    accounts: dict[Place, set[str]] = defaultdict(set)
    places = shares.filter(item__startswith=net_pay, side="credit", line__posting__kind__in=["payroll", "accrual"])
    for company, currency, account in places.values_list(
        "line__posting__company", "line__posting__currency", "line__account"
    ).distinct():
        accounts[company, currency].add(account)
    settlements = [p.pk for p in postings if (p.adjusts or p).kind == Posting.Kind.SETTLEMENT]
    found = []
    for (company, currency), own in sorted(accounts.items()):
        lines = PostingLine.objects.filter(
            posting__in=postings, posting__company=company, posting__currency=currency, account__in=own
        )
        booked = lines.exclude(posting__in=settlements).exclude(posting__reverses__in=settlements)
        found.append(
            Clearing(
                company=company,
                currency=currency,
                accounts=frozenset(own),
                besides=_other_than(net_pay, booked),
                stays=_other_than(net_pay, lines),
            )
        )
    return found


def _other_than(item: str, lines: QuerySet[PostingLine]) -> Decimal:
    """What other pay items, and rounding, put on these lines; credits positive."""
    sums = lines.aggregate(debit=Sum("debit"), credit=Sum("credit"))
    shares = PostingShare.objects.filter(line__in=lines, item__startswith=item)
    net_pay = -(shares.aggregate(amount=Sum("amount"))["amount"] or ZERO)
    return (sums["credit"] or ZERO) - (sums["debit"] or ZERO) - net_pay


def _read_activity(
    pay_run: PayRun,
    target: LedgerTarget,
    postings: Sequence[Posting],
    journals: Sequence[JournalFigures],
    found: Mapping[int, Sequence[PostedJournal]],
    now: datetime,
) -> list[LedgerFigures]:
    """What the accounts show under our journals' numbers; all of it is kept, other people's lines included. Of one
    that the ledger has the totals of alone, the lines that they are the totals of."""
    numbers = {(posting.company, posting.journal_number) for posting in postings}
    lines: dict[tuple[str, str], list[JournalLine | LedgerLine]] = defaultdict(list)
    for posting in postings:
        for one in found[posting.pk]:
            if one.totals_only:
                lines[posting.company, one.number] += one.lines
    for company in sorted({posting.company for posting in postings}):
        own = [posting for posting in postings if posting.company == company]
        first, last = _span(own)
        accounts = {a for journal in journals if journal.company == company for a in journal.by_account}
        for account in sorted(accounts):
            shown = list(target.activity(company or None, account, first, last))
            keep_activity(pay_run, company, account, shown, {p.posting_date: p.period for p in own}, now=now)
            for line in shown:
                if (company, line.journal) in numbers:
                    lines[company, line.journal].append(line)
    return [_ledger_figures(company, number, own) for (company, number), own in sorted(lines.items())]


def _span(postings: Sequence[Posting]) -> tuple[date, date]:
    dates = [posting.posting_date for posting in postings]
    return min(dates), max(dates)


def _ledger_figures(company: str, number: str, lines: Sequence[JournalLine | LedgerLine]) -> LedgerFigures:
    return LedgerFigures(
        company=company,
        number=number,
        by_account=_nets(lines),
        debit=sum((line.debit for line in lines), ZERO),
        credit=sum((line.credit for line in lines), ZERO),
    )


def keep_activity(
    pay_run: PayRun,
    company: str,
    account: str,
    lines: Sequence[LedgerLine],
    periods: Mapping[date, str],
    *,
    now: datetime,
) -> None:
    """Afterwards we remember what was shown of this account, one row per journal and period."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for line in lines:
        period = periods.get(line.posting_date) or f"{line.posting_date:%m-%Y}"
        row = rows.setdefault(
            (line.journal, period),
            {
                "connection_id": pay_run.integration.target_id,
                "company": company,
                "period": period,
                "account": account,
                "journal": line.journal,
                "posting_date": line.posting_date,
                "description": line.description[:200],
                "debit": ZERO,
                "credit": ZERO,
                "lines": 0,
                "read_at": now,
            },
        )
        row["debit"] += line.debit
        row["credit"] += line.credit
        row["lines"] += 1
    upsert(
        LedgerActivity,
        list(rows.values()),
        unique_fields=("connection", "company", "account", "journal", "period"),
        update_fields=("posting_date", "description", "debit", "credit", "lines", "read_at"),
    )


def _settle(
    pay_run: PayRun, postings: Sequence[Posting], booked: Collection[int], result: TieOut, now: datetime
) -> Reconciliation | None:
    with transaction.atomic():
        locked = locked_postings(Posting.objects.filter(pk__in=[posting.pk for posting in postings]))
        if {(p.pk, p.state) for p in locked} != {(p.pk, p.state) for p in postings}:
            return None
        tied_state = Posting.State.RECONCILED if result.tied else Posting.State.POSTED
        for posting in locked:
            if posting.state in (Posting.State.POSTED, Posting.State.RECONCILED) and posting.state != tied_state:
                posting.state = tied_state
                posting.save(update_fields=["state"])
            if posting.awaits_booking and posting.pk in booked:
                posting.awaits_booking = False
                posting.save(update_fields=["awaits_booking"])
                record_journal("journal.booked", posting, now=now, voucher=posting.journal_number)
        done = Reconciliation.objects.create(
            pay_run=pay_run,
            at=now,
            tied_out=result.tied,
            figures=list(_plain(result.figures)),
            differences=list(_plain(result.differences)),
            by=current_actor().label,
        )
        current = locked[0].pay_run if locked else pay_run
        verb = "pay_run.reconciled" if result.tied else "pay_run.differs"
        record_pay_run(
            verb, current, now=now, counts={"journals": len(postings), "differences": len(result.differences)}
        )
        refresh_state(current)
    return done


def _plain(parts: Sequence[msgspec.Struct]) -> Iterator[dict[str, Any]]:
    """What JSON can hold; amounts as decimal text."""
    for part in parts:
        yield {
            name: str(value) if isinstance(value, Decimal) else value
            for name, value in msgspec.structs.asdict(part).items()
        }
