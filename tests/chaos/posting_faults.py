"""What goes wrong while a journal is posted: faults of the ledger, of our processes and clocks, and people's timing."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from audit.context import acting_as
from sync.execution import advance_postings
from sync.models import Flow, PayRun, Posting, Run
from sync.payroll.approval import Refusal, post_now
from sync.sweeping import sweep_postings
from tests.chaos.posting_ledgers import Ledger
from tests.chaos.posting_world import SLOW, Act, Moment, World, die
from tests.connectors.customers import Customer
from tests.sync.payroll.payday import Payday

READ_FAULTS = ("cut", "cut_after", "truncate", "html", "garbage", "status")
SWEPT_EVERY = 100
UNFENCED = 200
"""Seconds that a process may be suspended between its last look at its lease and the sending of its post. The ledger
cannot be told to ignore an old request: what leaves later than ABSENCE_HOLDS after that look could arrive twice."""
EVERY = ("plex", "dynamics")
"""The ledgers by name."""


@dataclass
class Hands:
    """Everybody else at work on the pay run of a trial."""

    payday: Payday
    pay_run: PayRun
    world: World
    ledger: Ledger

    @property
    def customer(self) -> Customer:
        """Whoever keeps the ledger."""
        return self.payday.story.here

    def another_worker(self) -> None:
        advance_postings(self.pay_run.pk, self.world)

    def sweep(self) -> None:
        with acting_as("schedule", "Schedule"):
            found = sweep_postings(now=self.world.now())
        for pay_run in found:
            advance_postings(pay_run.pk, self.world)

    def post(self) -> None:
        """Ann clicks "post now", and a worker is there at once."""
        with acting_as("user", "ann"), suppress(Refusal):
            post_now(list(Posting.objects.filter(pay_run=self.pay_run)), now=self.world.now())
        self.another_worker()

    def expire_tokens(self) -> None:
        self.customer.change("expire_tokens")

    def check_again(self) -> None:
        """Pat clicks "check again": the register is read and drafted anew."""
        story = self.payday.story
        story.run(Run.Kind.REPLAY, Flow.Kind.PAYROLL, selection=[self.pay_run.source_id])


@dataclass
class Plan:
    """What a trial does to the posting of one journal. ``child`` is a worker process of its own, hit at a moment, after
    a delay in seconds, or (None) not at all; ``beside`` says that another works at the same time."""

    ledger: Ledger
    names: list[str] = field(default_factory=list)
    faults: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    changes: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    moments: dict[Moment, Act] = field(default_factory=dict)
    refused: int = 0
    impatient: bool = False
    children: list[Moment | float | None] = field(default_factory=list)
    beside: bool = False
    distorted: str = ""

    def fault(self, kind: str, path: str, method: str = "GET", **details: Any) -> None:
        self.faults.append((kind, {"path": path, "method": method, **details}))

    def post_fault(self, kind: str, chance: random.Random, **details: Any) -> None:
        """At one of the requests that write a journal."""
        skip = chance.randrange(self.ledger.writes) if self.ledger.writes > 1 else 0
        self.fault(kind, self.ledger.posts, "POST", skip=skip, **details)

    def suspend(self, moment: Moment, seconds: int, hands: Hands) -> None:
        """The worker stands still for so long at this moment, and others go on meanwhile."""

        def stand_still(request: httpx.Request | None) -> None:
            about_to_post = (
                request is not None
                and moment.what in ("request", "post")
                and self.ledger.is_post(request.method, request.url.path)
            )
            left = min(seconds, UNFENCED) if about_to_post else seconds
            with hands.world.others_only():
                for _ in range(0, left, SWEPT_EVERY):
                    hands.world.stand_still(min(left, SWEPT_EVERY))
                    hands.sweep()

        self.moments[moment] = stand_still

    def distort(self, where: str, how: dict[str, Any]) -> None:
        """The next journal is another than ours in Plex's answer or on its ledger, not in both."""
        if not self.distorted:
            self.distorted = where
            self.changes.append(("distort_next_journal", {where: how}))


Ingredient = Callable[[Plan, random.Random, Hands], None]
INGREDIENTS: dict[str, dict[str, Ingredient]] = {ledger: {} for ledger in EVERY}
"""By the ledger they are for."""


def named(name: str, *ledgers: str) -> Callable[[Ingredient], Ingredient]:
    """Keeps an ingredient for these ledgers, for every one where none is said."""

    def keep(ingredient: Ingredient) -> Ingredient:
        for ledger in ledgers or EVERY:
            INGREDIENTS[ledger][name] = ingredient
        return ingredient

    return keep


def make_plan(chance: random.Random, hands: Hands) -> Plan:
    """One to three things that go wrong."""
    known = INGREDIENTS[hands.ledger.name]
    plan = Plan(hands.ledger, names=chance.sample(sorted(known), chance.choice((1, 2, 2, 3))))
    for name in plan.names:
        known[name](plan, chance, hands)
    return plan


def any_moment(chance: random.Random, ledger: Ledger) -> Moment:
    """Somewhere in a worker's work; around the post as often as anywhere else."""
    writes = ledger.writes
    ranges = {"statement": 70, "request": 20, "answer": 20, "post": writes, "posted": writes if writes > 1 else 2}
    what = chance.choice(list(ranges))
    return Moment(what, chance.randint(1, ranges[what]))


@named("connection refused")
def _refused(plan: Plan, chance: random.Random, hands: Hands) -> None:
    plan.refused = chance.randint(1, 7)


@named("cut before work")
def _cut(plan: Plan, chance: random.Random, hands: Hands) -> None:
    plan.post_fault("cut", chance, times=chance.randint(1, 3))


@named("cut after commit")
def _cut_after(plan: Plan, chance: random.Random, hands: Hands) -> None:
    plan.post_fault("cut_after", chance)


@named("500 after commit", "plex")
def _failed_after(plan: Plan, chance: random.Random, hands: Hands) -> None:
    plan.changes.append(("fail_after_commit", {}))


@named("5xx without commit")
def _failed(plan: Plan, chance: random.Random, hands: Hands) -> None:
    code = chance.choice((408, 500, 502, 503, 504))
    plan.post_fault("status", chance, status_code=code, times=chance.randint(1, 3))


@named("slow commit")
def _slow(plan: Plan, chance: random.Random, hands: Hands) -> None:
    plan.post_fault("slow", chance, seconds=SLOW)
    plan.impatient = True


@named("429 with Retry-After")
def _limited(plan: Plan, chance: random.Random, hands: Hands) -> None:
    wait = str(chance.choice((5, 60, 420, 800)))
    plan.post_fault("status", chance, status_code=429, headers={"Retry-After": wait}, times=chance.randint(1, 2))


@named("429")
def _limited_silently(plan: Plan, chance: random.Random, hands: Hands) -> None:
    plan.post_fault("status", chance, status_code=429, times=chance.choice((1, 3, 40)))


@named("unreadable answer")
def _unreadable(plan: Plan, chance: random.Random, hands: Hands) -> None:
    plan.post_fault(chance.choice(("garbage", "html", "truncate")), chance, times=chance.randint(1, 2))


@named("journal refused")
def _rejected(plan: Plan, chance: random.Random, hands: Hands) -> None:
    plan.post_fault(
        "status", chance, status_code=chance.choice((400, 403)), body={"message": "The period is not valid."}
    )


@named("look-up faulty")
def _look_up(plan: Plan, chance: random.Random, hands: Hands) -> None:
    _read_fault(plan, chance, plan.ledger.look_up)


@named("read-back faulty")
def _read_back(plan: Plan, chance: random.Random, hands: Hands) -> None:
    _read_fault(plan, chance, chance.choice(plan.ledger.read_back))


@named("other reads faulty")
def _other_reads(plan: Plan, chance: random.Random, hands: Hands) -> None:
    _read_fault(plan, chance, plan.ledger.rest, method="*")


def _read_fault(plan: Plan, chance: random.Random, path: str, method: str = "GET") -> None:
    code = chance.choice((401, 403, 404, 429, 500, 503))
    times, skip = chance.choice((1, 3, 6)), chance.randint(0, 2)
    plan.fault(chance.choice(READ_FAULTS), path, method, times=times, skip=skip, status_code=code)


@named("activity late", "plex")
def _late(plan: Plan, chance: random.Random, hands: Hands) -> None:
    plan.changes.append(("set_options", {"activity_lag_reads": chance.randint(1, 3)}))


@named("answer distorted", "plex")
def _distorted_answer(plan: Plan, chance: random.Random, hands: Hands) -> None:
    plan.distort("answer", {"lines": chance.choice(("drop_last", "swap_sides"))})


@named("ledger distorted", "plex")
def _distorted_ledger(plan: Plan, chance: random.Random, hands: Hands) -> None:
    plan.distort("ledger", {"amount_factor": 2})


@named("token expired")
def _expired(plan: Plan, chance: random.Random, hands: Hands) -> None:
    plan.moments[any_moment(chance, plan.ledger)] = lambda request: hands.expire_tokens()


@named("died")
def _died(plan: Plan, chance: random.Random, hands: Hands) -> None:
    for _ in range(chance.randint(1, 3)):
        plan.moments[any_moment(chance, plan.ledger)] = die


@named("kill -9")
def _killed(plan: Plan, chance: random.Random, hands: Hands) -> None:
    for _ in range(chance.randint(1, 2)):
        plan.children.append(any_moment(chance, plan.ledger) if chance.random() < 0.7 else chance.uniform(0.0, 0.5))
    plan.beside = chance.random() < 0.3


@named("two workers at once")
def _beside(plan: Plan, chance: random.Random, hands: Hands) -> None:
    plan.children.append(None)
    plan.beside = True


@named("another worker in between")
def _between(plan: Plan, chance: random.Random, hands: Hands) -> None:
    plan.moments[any_moment(chance, plan.ledger)] = lambda request: hands.another_worker()


@named("suspended")
def _suspended(plan: Plan, chance: random.Random, hands: Hands) -> None:
    plan.suspend(any_moment(chance, plan.ledger), chance.choice((50, 70, 400, 1200)), hands)


@named("suspended between two attempts")
def _suspended_between(plan: Plan, chance: random.Random, hands: Hands) -> None:
    plan.post_fault("status", chance, status_code=429, headers={"Retry-After": "5"})
    plan.suspend(Moment("posted", 1 + int(plan.faults[-1][1]["skip"])), 1200, hands)


@named("clock ahead")
def _ahead(plan: Plan, chance: random.Random, hands: Hands) -> None:
    seconds = chance.choice((10, 50, 100, UNFENCED))
    plan.moments[any_moment(chance, plan.ledger)] = lambda request: hands.world.stand_still(seconds)


@named("posted by a person")
def _person_posts(plan: Plan, chance: random.Random, hands: Hands) -> None:
    for _ in range(2):
        plan.moments[any_moment(chance, plan.ledger)] = lambda request: hands.post()


@named("checked again")
def _person_checks(plan: Plan, chance: random.Random, hands: Hands) -> None:
    plan.moments[any_moment(chance, plan.ledger)] = lambda request: hands.check_again()


@named("swept")
def _swept(plan: Plan, chance: random.Random, hands: Hands) -> None:
    plan.moments[any_moment(chance, plan.ledger)] = lambda request: hands.sweep()
