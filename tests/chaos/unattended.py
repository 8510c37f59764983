"""The unattended run: companies that run by themselves on two machines, while things go wrong for minutes.

``python -m tests.chaos.unattended SEED MINUTES COMPANIES`` prints one JSON object with figures and complaints; it exits
with 1 when there are any. The seed decides what goes wrong and in which order; when it hits is the machine's affair.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from tests.chaos.unattended_judge import Judge, Watched
from tests.chaos.unattended_stage import Postgres, Stage, settings_of

QUICK = 2.0
"""Up to so many minutes everything is in a hurry: short leases, timings that strike every minute."""
BREATH = 1.0
"""Seconds between two looks whether all is quiet."""
ARRIVED = timedelta(seconds=20)
"""A post that left so long ago has arrived, whoever sent it, or never will."""
HURRY = 10.0


@dataclass(frozen=True)
class Form:
    """How long and how hard. ``every`` is how many minutes lie between two slots of a timing; ``pause`` are the seconds
    between two things that go wrong on average, ``happens`` those between two that happen at a company."""

    seed: int
    minutes: float
    companies: int

    @property
    def quick(self) -> bool:
        return self.minutes <= QUICK

    @property
    def lease(self) -> int:
        return 5 if self.quick else 15

    @property
    def every(self) -> int:
        return 1 if self.quick else 5

    @property
    def pause(self) -> float:
        return 3.0 if self.quick else 10.0

    @property
    def happens(self) -> float:
        return 0.5 if self.quick else 3.0

    @property
    def patience(self) -> float:
        return 420.0 if self.quick else 1200.0

    def environment(self) -> dict[str, str]:
        """Settings of the product in this form."""
        looks, workers = ("2", "1") if self.quick else ("5", "2")
        return {"RUN_LEASE_SECONDS": str(self.lease), "SECOND_LOOK_SECONDS": looks, "WORKER_PROCESSES": workers}


def main(seed: str, minutes: str, companies: str) -> int:
    # Told to stop, it still ends whatever it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
    form = Form(int(seed), float(minutes), int(companies))
    with tempfile.TemporaryDirectory(prefix="unattended-", ignore_cleanup_errors=True) as name:
        directory = Path(os.environ.get("CHAOS_KEEP") or name)
        directory.mkdir(parents=True, exist_ok=True)
        with _database(directory, form) as postgres:
            summary = _play(directory, postgres, form)
    sys.stdout.write(json.dumps(summary, default=str) + "\n")
    return 1 if summary["complaints"] else 0


@contextmanager
def _database(directory: Path, form: Form) -> Iterator[Postgres]:
    """A database of our own with all tables; every process of the run works on it, this one too."""
    postgres = Postgres(directory)
    try:
        os.environ |= settings_of(postgres, directory, **form.environment())
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        yield postgres
    finally:
        postgres.stop()


def _play(directory: Path, postgres: Postgres, form: Form) -> dict[str, Any]:
    """Set up, storm, quiet, judgement; returns the summary."""
    from tests.chaos.unattended_acts import Storm, misbehave
    from tests.chaos.unattended_companies import Life, Office, found, send_for, wind_up

    clock = Clock()
    stage = Stage(directory)
    try:
        stage.start()
        companies = [found(stage.sandbox, n, _cron(form, n)) for n in range(form.companies)]
        stage.wait()
        for company in companies:
            wind_up(company, stage.site)
            misbehave(company)
        since = datetime.now(UTC)
        clock.lap("setting_up")
        life = Life(companies, random.Random(form.seed))
        office = Office(companies)
        storm = Storm(stage, postgres, random.Random(form.seed + 1), longest_freeze=1.6 * form.lease)
        working = threading.Thread(target=office.work, name="office", daemon=True)
        working.start()
        _rage(storm, life, form)
        for company in companies:
            company.rippling.heal()
            company.plex.heal()
        until = datetime.now(UTC)
        for company in companies if form.quick else ():
            send_for(company)
        clock.lap("storm")
        watched = [
            Watched(str(c.tenant_id), c.rippling, c.plex, form.every, n % form.every) for n, c in enumerate(companies)
        ]
        judge = Judge(postgres.administrator, watched, timedelta(seconds=form.lease), since, until)
        complaints = _settle(judge, postgres, form)
        clock.lap("quiet")
        office.over.set()
        working.join()
        complaints += [f"The office stopped:\n{office.trouble}"] if office.trouble else []
        complaints += [said for company in companies for said in _audit(company)]
        clock.lap("verifying")
        return {
            "seed": form.seed,
            "minutes": form.minutes,
            "companies": form.companies,
            "seconds": clock.laps,
            "happened": dict(life.acts),
            "office": dict(office.acts),
            "acts": dict(storm.acts),
            "killed": dict(storm.killed),
            "started_again": dict(stage.restarts()),
            **judge.figures,
            "complaints": complaints,
        }
    finally:
        stage.close()


def _rage(storm: Any, life: Any, form: Form) -> None:
    """Things happen and go wrong until the time is over; afterwards nobody is frozen."""
    over = time.monotonic() + form.minutes * 60
    next_act = time.monotonic()
    while time.monotonic() < over:
        life.step()
        storm.thaw()
        if time.monotonic() >= next_act:
            storm.step()
            next_act = time.monotonic() + storm.chance.uniform(0.5, 1.5) * form.pause
        time.sleep(form.happens)
    storm.thaw(everybody=True)


def _settle(judge: Judge, postgres: Postgres, form: Form) -> list[str]:
    """What the judge has to complain of once it is quiet, or when patience is over."""
    over = time.monotonic() + form.patience
    hurry = 0.0
    while (complaints := judge.complaints()) and time.monotonic() < over:
        if time.monotonic() >= hurry:
            _hurry(postgres)
            hurry = time.monotonic() + HURRY
        time.sleep(BREATH)
    return complaints


def _hurry(postgres: Postgres) -> None:
    """Time passes: who waits a while before trying again has waited, the minute is over, and what refusals of the
    storm have taught is forgotten."""
    with psycopg.connect(postgres.administrator, autocommit=True) as connection:
        connection.execute(
            "UPDATE sync_posting SET next_try_at = now(), absent_since = absent_since - interval '5 minutes'"
            " WHERE state IN ('approved', 'verifying') AND next_try_at > now()"
            " AND (sent_at IS NULL OR sent_at < now() - %s)",
            [ARRIVED],
        )
        connection.execute("UPDATE connectors_ratebudget SET learned = NULL")
        connection.execute("UPDATE sync_delivery SET not_before = now() WHERE not_before > now()")
        connection.execute("UPDATE django_q_schedule SET next_run = now() WHERE func = 'sync.jobs.tick'")


def _cron(form: Form, number: int) -> str:
    return "* * * * *" if form.every == 1 else f"{number % form.every}-59/{form.every} * * * *"


def _audit(company: Any) -> list[str]:
    """What the product's own verification says of the company's trail."""
    from django.db import connection

    from audit.verify import verify

    connection.close()  # the server it led to was restarted since
    with company.payday.scope():
        found = verify(company.tenant_id)
    return [] if found.ok else [f"{company.tenant_id}: {found.reason}"]


class Clock:
    """How many seconds each part took."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._since = time.monotonic()

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.laps[name], self._since = round(now - self._since, 1), now


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
