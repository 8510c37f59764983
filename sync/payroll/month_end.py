"""A month's payroll by account: our journals beside the ledger's own accounts, and a reason for what differs.

A journal is of the month its posting date is in. Amounts are net debits (debits minus credits).
"""

from __future__ import annotations

import calendar
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

import msgspec
from django.db import transaction
from django.db.models import Max, Sum

from connectors.contract import LedgerTarget
from sync.models import Integration, LedgerActivity, Posting, PostingLine
from sync.payroll.money import ZERO
from sync.payroll.reconciling import keep_activity

_S = Posting.State

Account = tuple[str, str]
"""Company of the ledger and number."""


class MonthRow(msgspec.Struct, frozen=True, kw_only=True):
    """One account in one month. ``ours`` is what our journals put on it, ``ledger`` what the ledger shows of them,
    ``others`` what other people's journals put on it; ``not_posted`` is what journals of ours that are not on the
    ledger yet would add.

    ``cost_center`` is empty where the account has none. Whoever may not see the pay of ``people`` may not see ``ours``,
    ``ledger``, ``difference`` or ``not_posted``. ``reasons`` are sentences without amounts.
    """

    company: str
    currency: str
    account: str
    cost_center: str
    ours: Decimal
    ledger: Decimal
    others: Decimal
    not_posted: Decimal
    people: int
    reasons: tuple[str, ...]

    @property
    def difference(self) -> Decimal:
        """By how much the ledger shows more of our journals than we posted."""
        return self.ledger - self.ours


def payroll_of(integration: Integration, month: date) -> list[MonthRow]:
    """Every account our journals of the month touch, in order, as the ledger was read last. Four queries."""
    first, last = days_of(month)
    postings = _journals(integration, first, last)
    lines = _Lines(postings)
    shown: dict[Account, list[LedgerActivity]] = defaultdict(list)
    read = LedgerActivity.objects.filter(connection=integration.target_id, posting_date__range=(first, last))
    for row in read.filter(account__in={account for _, account in lines.places}).order_by("pk"):
        shown[row.company, row.account].append(row)
    return [_row(integration, lines, place, shown.get(place, ())) for place in sorted(lines.places)]


def read_month(integration: Integration, target: LedgerTarget, month: date, *, now: datetime) -> int:
    """Afterwards we remember what the ledger shows now of every account our journals of the month are on, and no
    longer what it has dropped; returns how many accounts were read. One request an account at least."""
    first, last = days_of(month)
    postings = [posting for posting in _journals(integration, first, last) if posting.state in Posting.ON_LEDGER]
    periods: dict[str, dict[date, str]] = defaultdict(dict)
    for posting in postings:
        periods[posting.company][posting.posting_date] = posting.period
    accounts = sorted(_Lines(postings).places)
    for company, account in accounts:
        shown = list(target.activity(company or None, account, first, last))
        with transaction.atomic():
            keep_activity(postings[0].pay_run, company, account, shown, periods[company], now=now)
            LedgerActivity.objects.filter(
                connection=integration.target_id,
                company=company,
                account=account,
                posting_date__range=(first, last),
                read_at__lt=now,
            ).delete()
    return len(accounts)


def days_of(month: date) -> tuple[date, date]:
    """The first and the last day of the month this day is in."""
    return month.replace(day=1), month.replace(day=calendar.monthrange(month.year, month.month)[1])


def _journals(integration: Integration, first: date, last: date) -> list[Posting]:
    """Ours of these days, but for those that will never be posted."""
    found = Posting.objects.filter(pay_run__integration=integration, posting_date__range=(first, last))
    found = found.filter(deleted_there=False).exclude(state__in=[_S.REJECTED, _S.SUPERSEDED])
    return list(found.select_related("pay_run__integration").order_by("pk"))


class _Lines:
    """What our journals put where."""

    def __init__(self, postings: Sequence[Posting]) -> None:
        self.postings = {posting.pk: posting for posting in postings}
        self.places: dict[Account, tuple[str, str]] = {}
        self.nets: dict[Account, dict[int, Decimal]] = defaultdict(dict)
        heads: dict[Account, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        rows = PostingLine.objects.filter(posting__in=self.postings).order_by()
        columns = rows.values_list("posting", "account", "department")
        for pk, account, department, cost_center, debit, credit, people in columns.annotate(
            Max("cost_center"), Sum("debit"), Sum("credit"), Sum("people")
        ):
            posting = self.postings[pk]
            place = (posting.company, account)
            self.places[place] = (posting.currency, cost_center)
            self.nets[place][pk] = self.nets[place].get(pk, ZERO) + debit - credit
            # Several journals of a month are about the same people.
            heads[place][department] = max(heads[place][department], people)
        self.people = {place: sum(by_department.values()) for place, by_department in heads.items()}

    def of(self, place: Account, *, on_ledger: bool) -> dict[int, Decimal]:
        """The net debits on the account by journal, of those on the ledger or of those that are not yet."""
        return {
            pk: net
            for pk, net in self.nets[place].items()
            if (self.postings[pk].state in Posting.ON_LEDGER) is on_ledger
        }


def _row(integration: Integration, lines: _Lines, place: Account, shown: Sequence[LedgerActivity]) -> MonthRow:
    company, account = place
    currency, cost_center = lines.places[place]
    posted, waiting = lines.of(place, on_ledger=True), lines.of(place, on_ledger=False)
    own = {lines.postings[pk].journal_number for pk in posted}
    return MonthRow(
        company=company,
        currency=currency,
        account=account,
        cost_center=cost_center,
        ours=sum(posted.values(), ZERO),
        ledger=_net(row for row in shown if row.journal in own),
        others=_net(row for row in shown if row.journal not in own),
        not_posted=sum(waiting.values(), ZERO),
        people=lines.people[place],
        reasons=tuple(_reasons(integration, lines, posted, waiting, shown)),
    )


def _net(rows: Iterable[LedgerActivity]) -> Decimal:
    return sum((row.debit - row.credit for row in rows), ZERO)


def _reasons(
    integration: Integration,
    lines: _Lines,
    posted: Mapping[int, Decimal],
    waiting: Mapping[int, Decimal],
    shown: Sequence[LedgerActivity],
) -> list[str]:
    ledger = integration.target.name
    by_number: dict[str, list[LedgerActivity]] = defaultdict(list)
    for row in shown:
        by_number[row.journal].append(row)
    said = []
    for pk, net in posted.items():
        posting = lines.postings[pk]
        rows = by_number.pop(posting.journal_number, [])
        if not rows and net:
            said.append(f"{ledger} did not show journal {posting.journal_number} here when it was last read.")
        elif _net(rows) != net:
            said.append(f"Journal {posting.journal_number} was changed in {ledger}.")
        if posting.state == _S.REVERSED:
            said.append(f"Journal {posting.journal_number}: {posting.message}")
    for title in dict.fromkeys(_waiting(lines.postings[pk]) for pk in waiting):
        said.append(title)
    if by_number:
        count = len(by_number)
        said.append(f"{count} {'journal' if count == 1 else 'journals'} of other people.")
    return said


def _waiting(posting: Posting) -> str:
    return f"Not posted yet: {posting.pay_run} ({posting.get_state_display().lower()})."
