"""Trials of exactly-once posting: each posts one journal while things go wrong, then lets everything recover.

``CHAOS_SEED=seed CHAOS_TRIALS=1`` repeats the trial of that seed. A trial's seed decides what goes wrong and when; a
worker process of its own, and how long it takes to die, are as real as the machine.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import tempfile
import traceback
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import django
import msgspec

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.db import connection  # noqa: E402 - needs the applications above

from audit.verify import verify  # noqa: E402
from sync.execution import advance_postings, reconcile_postings  # noqa: E402
from sync.models import PayRun, Posting, Reconciliation  # noqa: E402
from sync.payroll import outcomes  # noqa: E402
from sync.payroll.approval import post_now  # noqa: E402
from tenants.scope import tenant_scope  # noqa: E402
from tests.chaos import dynamics_faults  # noqa: E402, F401 - its faults are known from now on
from tests.chaos.posting_faults import Hands, make_plan  # noqa: E402
from tests.chaos.posting_ledgers import LEDGERS, Ledger  # noqa: E402
from tests.chaos.posting_world import Killed, Log, Moment, Worker, World, kill  # noqa: E402
from tests.connectors.customers import CREATED  # noqa: E402
from tests.sync.payroll.payday import Payday  # noqa: E402

RUNS = 26
"""Pay runs of one company; each is posted by one trial."""
PAYROLL = {"runs": RUNS, "frequency": "WEEKLY", "first_check_date": "2026-01-09", "route": "v2"}
SETTLED = (Posting.State.RECONCILED, Posting.State.ATTENTION)
LOSING = {"died", "kill -9", "suspended", "suspended between two attempts", "clock ahead", "two workers at once"}
"""Faults after which an answer that arrived may have arrived at nobody."""
REFUSING = {"journal refused", "changeset refused", "open at a person's"}
"""Faults after which a journal comes back to be approved anew."""
PAUSES = (0, 10, 61, 310, 700)
"""Seconds between two tries while things go wrong."""
RECOVERY = (61, 61, 301, 301, 301, 901, 901, 3601) * 3
"""Seconds between two tries once nothing does any more."""
processes = multiprocessing.get_context("forkserver")


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a trial ended; ``trouble`` says what is wrong with it, empty when all is well. ``deaths`` counts workers that
    died, ``kills`` those of them that were processes killed by SIGKILL."""

    seed: int
    faults: tuple[str, ...]
    state: str
    posts: int
    tries: int
    deaths: int
    kills: int
    trouble: str = ""


class Attempt(msgspec.Struct, frozen=True):
    """When the first and the last of ``sent`` requests left, and what became of them."""

    first: datetime
    last: datetime
    sent: int
    fate: str


class Stage:
    """Companies with drafted pay runs, made as they are needed; every company is posted to over one profile."""

    def __init__(self, sandbox: dict[str, str], ledger: Ledger) -> None:
        self._sandbox, self._ledger = sandbox, ledger
        self._waiting: dict[str, tuple[Payday, list[PayRun]]] = {}

    def next(self, profile: str) -> tuple[Payday, PayRun]:
        """A pay run nobody has approved yet."""
        payday, runs = self._waiting.get(profile, (None, []))
        if payday is None or not runs:
            CREATED.clear()
            payday = self._ledger.open(self._sandbox, profile, {"size": 3, "payroll": PAYROLL})
            runs = payday.pay_runs()
            self._waiting[profile] = payday, runs
        return payday, runs.pop()


def run_trials(sandbox: dict[str, str], ledger_name: str, seed: int, count: int, step: int = 1) -> Iterator[Outcome]:
    """The trials of the seeds ``seed``, ``seed + step``, … one after the other; trouble does not stop the next."""
    ledger = LEDGERS[ledger_name]()
    stage = Stage(sandbox, ledger)
    for number in range(count):
        with tempfile.TemporaryDirectory() as directory:
            trial_seed = seed + number * step
            payday, pay_run = stage.next(ledger.profile(trial_seed))
            yield Trial(trial_seed, ledger, payday, pay_run, Log(Path(directory) / "sent")).run()


class Trial:
    """One journal, from its approval until it is settled."""

    def __init__(self, seed: int, ledger: Ledger, payday: Payday, pay_run: PayRun, log: Log) -> None:
        self.seed, self.ledger, self.payday, self.pay_run, self.log = seed, ledger, payday, pay_run, log
        self.chance = random.Random(seed)
        payday.story.world = self.world = World(payday.story.world.ahead)
        self.plan = make_plan(self.chance, self._hands())
        self.worker = Worker(self.world, log, ledger, self.plan.moments, self.plan.refused, self.plan.impatient)
        self.tries = self.deaths = self.kills = 0
        self.approved_hash = ""

    def run(self) -> Outcome:
        """Everything goes wrong, everything recovers, and what came of it is looked at."""
        trouble = ""
        customer = self.payday.story.here
        try:
            with self.payday.scope(), self.worker.watched():
                (posting,) = self.payday.approve(self.pay_run)
                self.approved_hash = posting.approved_hash
                customer.forget_requests()
                self._storm()
                self.plan.moments.clear()
                self.worker.refused, self.worker.impatient = 0, False
                self.ledger.calm(customer)
                self._recover()
            self._judge()
        except Exception:  # noqa: BLE001 - every trouble is reported with its seed, and the next trial goes on
            trouble = traceback.format_exc(limit=-4)
            self.ledger.calm(customer)
        posting = self._posting()
        return Outcome(
            seed=self.seed,
            faults=tuple(sorted(self.plan.names)),
            state=posting.state,
            posts=len(self._attempts()),
            tries=self.tries,
            deaths=self.deaths,
            kills=self.kills,
            trouble=trouble and f"{trouble}{posting.reference} {posting.message}\n{self.log.read()}",
        )

    def _storm(self) -> None:
        customer = self.payday.story.here
        for kind, details in self.plan.faults:
            customer.fault(kind, **details)
        for change, arguments in self.plan.changes:
            customer.change(change, **arguments)
        for _ in range(self.chance.randint(1, 3)):
            with self._children():
                self._try()
            self.world.stand_still(self.chance.choice(PAUSES))

    @contextmanager
    def _children(self) -> Iterator[None]:
        """Worker processes of their own, beside us or before us."""
        started = [self._start(hit) for hit in self.plan.children]
        self.plan.children.clear()
        if self.plan.beside:
            yield
        for process, hit in started:
            process.join(hit if isinstance(hit, float) else 120)
            if process.is_alive():
                process.kill()
                process.join()
            if self.plan.impatient:
                self.world.wait_for_arrival()
            assert process.exitcode in (0, -signal.SIGKILL), f"the worker process ended with {process.exitcode}"
            self.kills += process.exitcode != 0
            self.deaths += process.exitcode != 0
        if not self.plan.beside:
            yield

    def _start(self, hit: Moment | float | None) -> tuple[Any, Moment | float | None]:
        moment = hit if isinstance(hit, Moment) else None
        tenant = str(self.payday.story.tenant.id)
        work = (tenant, self.pay_run.pk, self.world.ahead, self.log)
        arguments = (*work, self.ledger.name, moment, self.plan.impatient)
        process = processes.Process(target=work_alone, args=arguments, daemon=True)
        process.start()
        return process, hit

    def _try(self) -> None:
        self.tries += 1
        try:
            with self.worker.at_work():
                advance_postings(self.pay_run.pk, self.world)
        except Killed:
            self.deaths += 1
            connection.close()

    def _recover(self) -> None:
        hands = self._hands()
        for seconds in RECOVERY:
            posting = self._posting()
            if posting.state in SETTLED:
                return
            if posting.state == Posting.State.DRAFTED:
                assert REFUSING & {*self.plan.names}, posting.message
                hands.check_again()
                self.payday.approve(self.pay_run)
            elif posting.state == Posting.State.APPROVED and posting.next_try_at is None:
                post_now([posting], now=self.world.now())  # it says so, and a person does it
            self.world.sleep(seconds)
            self.tries += 1
            hands.sweep()

    def _posting(self) -> Posting:
        with self.payday.scope():
            return Posting.objects.select_related("pay_run__integration__target").get(pay_run=self.pay_run)

    def _hands(self) -> Hands:
        return Hands(self.payday, self.pay_run, self.world, self.ledger)

    def _attempts(self) -> list[Attempt]:
        """Each attempt at posting in order, with what its sender could know of it: taken, refused, or unknown."""
        lines = self.log.read()
        fates = {line["by"]: line["fate"] for line in lines if line["what"] == "answer"}
        sent: dict[str, list[datetime]] = {}
        for line in lines:
            if line["what"] == "post":
                sent.setdefault(line["by"], []).append(datetime.fromisoformat(line["at"]))
        return [
            Attempt(first=at[0], last=at[-1], sent=len(at), fate=fates.get(by, "unknown")) for by, at in sent.items()
        ]

    def _judge(self) -> None:
        posting = self._posting()
        held = [j for j in self.payday.journals() if posting.reference in j["description"] + (j.get("note") or "")]
        assert len(held) == 1, f"{len(held)} journals on the ledger"
        right = self.ledger.is_as_approved(self.payday, posting, held[0])
        if self.plan.distorted == "by hand" and not right:
            with self.payday.scope():  # whoever comes after the first tie-out is seen by the next
                reconcile_postings(self.pay_run.pk, self.world)
            posting = self._posting()
        if self.plan.distorted in ("ledger", "by hand") and not right:
            assert self._told_to_differ(posting), f"{posting.state} although the ledger holds other amounts"
        else:
            assert right, "other amounts on the ledger"
            assert posting.state in self._allowed(), posting.state
        assert posting.state != Posting.State.ATTENTION or posting.journal_number in posting.message
        assert posting.journal_number == str(held[0]["number"])
        assert posting.approved_hash == posting.content_hash == self.approved_hash
        self._judge_posts()
        with self.payday.scope():
            assert not Posting.objects.filter(state__in=("posting", "verifying")).exists()
            assert verify(self.payday.story.tenant.id).ok

    def _allowed(self) -> tuple[str, ...]:
        """A distorted answer is for a person, unless it was lost: then what the ledger holds is found."""
        if not self.plan.distorted:
            return (Posting.State.RECONCILED,)
        if self.plan.distorted == "by hand":
            return SETTLED
        lost = LOSING & {*self.plan.names} or not any(attempt.fate == "taken" for attempt in self._attempts())
        return SETTLED if lost else (Posting.State.ATTENTION,)

    def _told_to_differ(self, posting: Posting) -> bool:
        """A person is asked, or the run does not tie out and says why."""
        with self.payday.scope():
            tie_out = Reconciliation.objects.filter(pay_run=self.pay_run).order_by("pk").last()
        differs = tie_out is not None and not tie_out.tied_out and bool(tie_out.differences)
        return posting.state == Posting.State.ATTENTION or (posting.state == Posting.State.POSTED and differs)

    def _judge_posts(self) -> None:
        """After an attempt that may have arrived, wholly or in part, nothing is sent before the ledger has twice said
        that it did not; and nothing of an attempt is sent once there is a later one."""
        attempts = self._attempts()
        absences = [datetime.fromisoformat(line["at"]) for line in self.log.read() if line["what"] == "absent"]
        for earlier, later in pairwise(attempts):
            assert earlier.last < later.first, "two attempts at once"
            if earlier.fate == "refused":
                continue
            assert earlier.fate == "unknown", "posted again although it was taken"
            absent = [at for at in absences if earlier.first < at < later.first]
            apart = absent[-1] - absent[0] if absent else timedelta()
            assert apart >= outcomes.ABSENCE_HOLDS, f"posted again after absences {apart} apart"
        arrived = [r for r in self.payday.story.here.requests() if self.ledger.is_post(r["method"], r["path"])]
        assert len(arrived) <= sum(attempt.sent for attempt in attempts), "a post that nobody sent"


def work_alone(
    tenant_id: str,
    pay_run_id: int,
    ahead: timedelta,
    log: Log,
    ledger: str,
    moment: Moment | None,
    impatient: bool,
) -> None:
    """What a worker process does; at ``moment`` it kills itself with SIGKILL."""
    world = World(ahead)
    worker = Worker(world, log, LEDGERS[ledger](), {moment: kill} if moment else {}, impatient=impatient)
    with tenant_scope(uuid.UUID(tenant_id)), worker.watched(alone=True), worker.at_work():
        advance_postings(pay_run_id, world)
