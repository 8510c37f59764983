"""The companies of the unattended run, and the life in them: people come, move and go, pay days come, journals are
approved. Whoever works in the office repeats what a broken connection interrupted, as a person would."""

from __future__ import annotations

import random
import threading
import traceback
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import psycopg
from django.db import InterfaceError, OperationalError, connection
from django.db.models import Exists, OuterRef
from django.utils import timezone

from audit.context import acting_as
from sync.configuring import configure_flow, start
from sync.execution import SystemWorld
from sync.models import AccountRule, Flow, PayItem, PayrollSettings, PayRun, Posting, Run, Timing
from sync.payroll.approval import Refusal, approve, post_now
from sync.runs import AlreadyRunning
from sync.scheduling.schedules import wind_timings
from tenants.scope import tenant_scope
from tests.cast import make_tenant
from tests.connectors.customers import Customer
from tests.sync.payroll.payday import PAYROLL, Payday, open_books
from tests.sync.webhooks.site import TOKEN, own_app

FIRST_CHECK = date(2026, 6, 5)
LAST_CHECK = date(2026, 12, 18)
FORTNIGHT = timedelta(days=14)
FEWEST = 6
"""So many people stay, so that every department goes on."""
BROKEN = (OperationalError, InterfaceError, psycopg.OperationalError)
PAUSE = 0.3
"""Seconds between two looks of the office at what is to be approved."""


@dataclass
class Company:
    """One tenant with its companies in both simulators, and the timings by which it runs."""

    payday: Payday
    cron: str
    check_date: date = FIRST_CHECK

    @property
    def tenant_id(self) -> uuid.UUID:
        return self.payday.story.tenant.id

    @property
    def rippling(self) -> Customer:
        return self.payday.story.rippling

    @property
    def plex(self) -> Customer:
        return self.payday.story.plex


def found(sandbox: dict[str, str], number: int, cron: str) -> Company:
    """A company in agreement: everybody on both sides, its first pay run drafted, nothing running by itself yet."""
    rippling = {"size": 10, "seed": 100 + number, "payroll": PAYROLL}
    payday = open_books(sandbox, rippling=rippling, tenant=make_tenant(f"Company {number}"))
    story = payday.story
    with story.scope(), acting_as("user", "ada"):
        # What is at stake is that nothing is lost or doubled, not whether much change is held.
        configure_flow(story.flows[Flow.Kind.PEOPLE], {"max_change_percent": 100}, now=timezone.now())
        PayrollSettings.objects.update(post_by_itself=True)
    own_app(story)
    story.map_everything()
    story.run()
    payday.read()
    payday.write_rules()
    payday.read()
    return Company(payday, cron)


def wind_up(company: Company, site: str) -> None:
    """From now on everything runs by itself: both flows by the cron expression, reference data by polling; what changes
    is announced to the site."""
    story, now = company.payday.story, timezone.now()
    story.world = SystemWorld()  # type: ignore[assignment]
    with story.scope(), acting_as("user", "ada"):
        kinds = (Flow.Kind.PEOPLE, Flow.Kind.PAYROLL)
        # Closer together than the vendors' floor lets anybody enter: there is not so much time.
        timings = [
            Timing(flow=story.flows[kind], kind=Timing.Kind.CRON, cron=company.cron, time_zone="America/Detroit")
            for kind in kinds
        ]
        wind_timings([timing.pk for timing in Timing.objects.bulk_create(timings)], now=now)
        reference = Flow.objects.get(pk=story.flows[Flow.Kind.REFERENCE].pk)
        configure_flow(reference, {"every_minutes": 5}, now=now)
        story.source.refresh_from_db()
        company.rippling.change(
            "webhooks", url=f"{site}/webhooks/rippling/{story.source.webhook_key}/", bearer=TOKEN, retry_on_5xx=True
        )


def send_for(company: Company) -> None:
    """Pat starts the people flow by hand: it starts by itself again when the vendors' floor allows."""
    connection.close()  # the server it led to may have been restarted
    with company.payday.acting("pat"), suppress(AlreadyRunning):
        start(company.payday.story.flows[Flow.Kind.PEOPLE], Run.Kind.CHANGES, now=timezone.now())


@dataclass
class Life:
    """What happens at the companies, by a generator of its own."""

    companies: list[Company]
    chance: random.Random
    acts: Counter[str] = field(default_factory=Counter)

    def step(self) -> None:
        """One thing happens at one company, and is announced."""
        company = self.chance.choice(self.companies)
        happenings: list[tuple[int, Callable[[Company], str]]] = [
            *((3, self._hire), (2, self._terminate), (2, self._rehire), (4, self._transfer), (2, self._promote)),
            *((2, self._pay), (1, self._expire)),
        ]
        happen = self.chance.choices([act for _, act in happenings], [weight for weight, _ in happenings])[0]
        self.acts[happen(company)] += 1
        company.rippling.change(
            "deliver", order="random", seed=self.chance.randint(1, 999), copies=self.chance.choice((1, 1, 2)),
            timeout_seconds=5,
        )  # fmt: skip

    def _workers(self, company: Company, status: str) -> list[dict[str, Any]]:
        return [w for w in company.rippling.snapshot()["workers"] if w["status"] == status]

    def _hire(self, company: Company) -> str:
        like = self.chance.choice(self._workers(company, "ACTIVE"))
        places = {name: like[name] for name in ("department", "title", "legal_entity")}
        company.rippling.change("hire", **places)
        return "hired"

    def _terminate(self, company: Company) -> str:
        active = self._workers(company, "ACTIVE")
        if len(active) <= FEWEST:
            return self._hire(company)
        company.rippling.change("terminate", worker=self.chance.choice(active)["id"])
        return "terminated"

    def _rehire(self, company: Company) -> str:
        gone = self._workers(company, "TERMINATED")
        if not gone:
            return self._terminate(company)
        company.rippling.change("rehire", worker=self.chance.choice(gone)["id"])
        return "rehired"

    def _transfer(self, company: Company) -> str:
        active = self._workers(company, "ACTIVE")
        mover, there = self.chance.choice(active), self.chance.choice(active)
        company.rippling.change("transfer", worker=mover["id"], department=there["department"])
        return "transferred"

    def _promote(self, company: Company) -> str:
        active = self._workers(company, "ACTIVE")
        who, like = self.chance.choice(active), self.chance.choice(active)
        company.rippling.change("update", worker=who["id"], title=like["title"])
        return "promoted"

    def _pay(self, company: Company) -> str:
        if company.check_date >= LAST_CHECK:
            return self._promote(company)
        company.check_date += FORTNIGHT
        company.rippling.change("run_payroll", check_date=company.check_date.isoformat())
        return "paid"

    def _expire(self, company: Company) -> str:
        company.plex.change("expire_tokens")
        return "tokens expired"


@dataclass
class Office:
    """Rita at every company gives rules to pay items that are new; Ann approves what is drafted and ready, and posts
    what says that a person must."""

    companies: list[Company]
    over: threading.Event = field(default_factory=threading.Event)
    acts: Counter[str] = field(default_factory=Counter)
    trouble: str = ""

    def work(self) -> None:
        """Until it is over; what is not expected ends it and is kept in ``trouble``."""
        try:
            while not self.over.wait(PAUSE):
                for company in self.companies:
                    with suppress(*BROKEN):
                        self._visit(company)
                        continue
                    connection.close()
                    self.acts["interrupted"] += 1
        except BaseException:  # noqa: BLE001 - the run's own thread, whose end the judge must hear of
            self.trouble = traceback.format_exc()
        finally:
            connection.close()

    def _visit(self, company: Company) -> None:
        with tenant_scope(company.tenant_id):
            rules = AccountRule.objects.filter(integration=OuterRef("integration"), item=OuterRef("key"))
            new = PayItem.objects.filter(~Exists(rules)).exists()
        if new:
            company.payday.write_rules()
            self.acts["rules written"] += 1
        with tenant_scope(company.tenant_id), acting_as("user", "ann"):
            waiting = Posting.objects.filter(state=Posting.State.DRAFTED, pay_run__state=PayRun.State.READY)
            for pay_run in PayRun.objects.filter(pk__in=waiting.values("pay_run")):
                self._try("approved", lambda drafts: approve(
                    drafts, hashes={one.pk: one.content_hash for one in drafts}, now=timezone.now()
                ), list(waiting.filter(pay_run=pay_run)))  # fmt: skip
            stopped = Posting.objects.filter(state=Posting.State.APPROVED, next_try_at=None)
            for posting in stopped:
                self._try("posted again", lambda found: post_now(found, now=timezone.now()), [posting])

    def _try(self, name: str, act: Callable[[list[Posting]], object], postings: list[Posting]) -> None:
        try:
            act(postings)
            self.acts[name] += 1
        except Refusal:
            # Somebody was faster, or it has changed meanwhile: she looks again.
            self.acts["refused"] += 1
