"""The daily digest: what ran, what is open, what is expected; at seven in the morning of the company's working days."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
from django.db.models import Q, Sum
from django.db.models.functions import Coalesce

from sync.models import (
    BlockedRecord,
    Dispatch,
    Flow,
    Notice,
    NoticeChoice,
    PayrollSettings,
    PayRun,
    Posting,
    Run,
    Timing,
)
from sync.notices.telling import DIGEST, listeners
from sync.payroll.masks import kinds_of, masks_of
from sync.payroll.register import DEBITED
from sync.payroll.variances import load_journals
from sync.payroll.visibility import Sight
from sync.scheduling.wall_time import instant_at
from tenants.models import Tenant
from tenants.scope import current_tenant_id

AT = time(7)
SATURDAY = 5
ONE_DAY = timedelta(days=1)
SHOWN = 20
"""So many open notices and expected starts are written out; of more, how many."""

MONEY_OF = 20
"""With more pay runs than this in a day, money is left to the pages."""

ZERO = Decimal(0)
COUNTED = ("created", "updated", "transferred", "terminated", "rehired", "rejected", "verifying")


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """What was paid in one currency by the pay runs posted, as registered, as posted, and what is between."""

    currency: str
    register: Decimal
    posted: Decimal

    @property
    def difference(self) -> Decimal:
        """Zero when all of it is on the ledger."""
        return self.register - self.posted


class Digest(msgspec.Struct, frozen=True, kw_only=True):
    """One morning's facts. ``money`` is for those who see amounts of groups; ``hidden_runs`` have none to show."""

    company: str
    day: date
    since: date
    people: dict[str, int]
    failed_runs: int
    blocked: int
    pay_runs: int
    money: list[Money]
    hidden_runs: int
    open: list[tuple[str, int]]
    more_open: int
    expected: list[tuple[datetime, str]]


def next_digest(now: datetime) -> datetime:
    """The next instant (UTC) after ``now`` at which the digests of the tenant are due."""
    zone = _zone()
    day = now.astimezone(zone).date()
    while day.weekday() >= SATURDAY or instant_at(day, AT, zone) <= now:
        day += ONE_DAY
    return instant_at(day, AT, zone)


def plan_digests(now: datetime) -> None:
    """Afterwards everybody who wants today's digest has it waiting or got it, if it is time. Earlier days' are not
    made up for. Any number of times: the database keeps one per person and day."""
    zone = _zone()
    today = now.astimezone(zone).date()
    if today.weekday() >= SATURDAY or now < instant_at(today, AT, zone):
        return
    waiting = [
        Dispatch(purpose=Dispatch.Purpose.DIGEST, user=one.user, day=today, created_at=now, next_at=now)
        for one in listeners()
        if one.address and one.how(DIGEST) != NoticeChoice.How.NEVER
    ]
    there = set(Dispatch.objects.filter(purpose=Dispatch.Purpose.DIGEST, day=today).values_list("user", flat=True))
    missing = [one for one in waiting if one.user_id not in there]
    Dispatch.objects.bulk_create(missing, ignore_conflicts=True)


def digest_of(day: date, now: datetime) -> Digest:
    """What the digest of this local day says at ``now``. A constant number of queries.

    It tells of everything from the working day before (its local midnight) to the midnight that began ``day``.
    """
    tenant = Tenant.objects.get(pk=current_tenant_id())
    zone = ZoneInfo(tenant.time_zone)
    since = day - ONE_DAY
    while since.weekday() >= SATURDAY:
        since -= ONE_DAY
    begin, end = instant_at(since, time(0), zone), instant_at(day, time(0), zone)
    runs = Run.objects.filter(finished_at__gte=begin, finished_at__lt=end).exclude(kind=Run.Kind.PREVIEW)
    written = runs.filter(flow__kind=Flow.Kind.PEOPLE).aggregate(**{name: Coalesce(Sum(name), 0) for name in COUNTED})
    notices = Notice.objects.filter(settled_at__isnull=True, resolved_at__isnull=True).order_by("opened_at", "pk")
    open_now = [(one.sentence, (now - one.opened_at).days) for one in notices]
    pay_runs, money, hidden = _money(begin, end)
    return Digest(
        company=tenant.name,
        day=day,
        since=since,
        people=written,
        failed_runs=runs.filter(state=Run.State.FAILED).count(),
        blocked=BlockedRecord.objects.order_by().values("source_id").distinct().count(),
        pay_runs=pay_runs,
        money=money,
        hidden_runs=hidden,
        open=open_now[:SHOWN],
        more_open=max(len(open_now) - SHOWN, 0),
        expected=_expected(now, instant_at(day + 2 * ONE_DAY, time(0), zone)),
    )


def _zone() -> ZoneInfo:
    return ZoneInfo(Tenant.objects.values_list("time_zone", flat=True).get(pk=current_tenant_id()))


def _expected(now: datetime, until: datetime) -> list[tuple[datetime, str]]:
    """What starts by a pay calendar or a cron expression before ``until``."""
    due = Timing.objects.filter(flow__paused=False, next_at__gte=now, next_at__lt=until)
    found = due.select_related("flow__integration").order_by("next_at")[:SHOWN]
    return [(timing.next_at, str(timing.flow)) for timing in found if timing.next_at is not None]


def _money(begin: datetime, end: datetime) -> tuple[int, list[Money], int]:
    """How many pay runs were posted between these instants, their money by currency as those see it who see amounts of
    groups, and how many have figures that would tell one person's pay."""
    posted = Posting.objects.filter(posted_at__gte=begin, posted_at__lt=end, state__in=Posting.ON_LEDGER)
    runs = list(PayRun.objects.filter(Q(pk__in=posted.values("pay_run"))).order_by("pk"))
    if len(runs) > MONEY_OF:
        return len(runs), [], len(runs)
    fewest = dict(PayrollSettings.objects.values_list("integration", "fewest_people"))
    journals = load_journals(runs)
    kinds = kinds_of([posting for postings, _ in journals.values() for posting in postings])
    register: dict[str, Decimal] = defaultdict(lambda: ZERO)
    booked: dict[str, Decimal] = defaultdict(lambda: ZERO)
    hidden = 0
    for run in runs:
        postings, lines = journals[run.pk]
        if masks_of(run, postings, lines, kinds, Sight.GROUPS, fewest[run.integration_id]).hides_run:
            hidden += 1
            continue
        for total in run.totals:
            register[total["currency"]] += sum(
                (Decimal(amount) for kind, amount in total["by_kind"].items() if kind in DEBITED), ZERO
            )
        for posting in postings:
            if posting.state in Posting.ON_LEDGER:
                booked[posting.currency] += posting.cost
    money = [
        Money(currency=currency, register=register[currency], posted=booked[currency])
        for currency in sorted({*register, *booked})
    ]
    return len(runs), money, hidden
