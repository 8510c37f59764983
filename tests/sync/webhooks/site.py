"""The site as a real server process, and what workers do with what it stored."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from unittest import mock
from urllib.parse import urlencode

import httpx
from django_q.models import OrmQ

from sync import jobs
from sync.models import Delivery
from tests.conftest import ROOT, database_environment
from tests.sync.story import Story

OPERATORS_KEY = "operators-key-nobody-guesses"
OPERATORS_TOKENS = ("operators-bearer-of-today", "operators-bearer-of-tomorrow")
OPERATORS_SECRETS = ("operators-secret-of-today", "operators-secret-of-tomorrow")
TOKEN = "acmes-own-bearer"
NEXT_TOKEN = "acmes-next-bearer"


@dataclass(frozen=True)
class Site:
    """A server of the site, and the process it is."""

    url: str
    process: subprocess.Popen[bytes]

    def address(self, story: Story) -> str:
        """Where the story's own app announces to."""
        with story.scope():
            story.source.refresh_from_db()
        return f"{self.url}/webhooks/rippling/{story.source.webhook_key}/"

    @property
    def operators_address(self) -> str:
        return f"{self.url}/webhooks/rippling/{OPERATORS_KEY}/"


@contextmanager
def serving(**environment: str) -> Iterator[Site]:
    """The site on a free port, in a process of its own, with the operator's app set up."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    variables = {
        **database_environment(),
        "RIPPLING_WEBHOOK_KEY": OPERATORS_KEY,
        "RIPPLING_WEBHOOK_TOKENS": ",".join(OPERATORS_TOKENS),
        **environment,
    }
    command = ["-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    with subprocess.Popen(
        [sys.executable, *command, "--blocking-threads", "4", "config.wsgi:application"],
        cwd=ROOT,
        env=variables,
        start_new_session=True,
    ) as process:
        try:
            _wait_for(port, process)
            yield Site(f"http://127.0.0.1:{port}", process)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server ended"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the server did not come up")


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def post(address: str, token: str | None = TOKEN, **fields: str) -> httpx.Response:
    """One delivery, as Rippling sends it."""
    body = urlencode({"company_primary_email": "ops+hr@example.com", **fields})
    headers = {"Content-Type": "application/x-www-form-urlencoded", **(bearer(token) if token else {})}
    return httpx.post(address, content=body, headers=headers, timeout=30)


def own_app(story: Story, **credentials: str) -> str:
    """Acme has an app of its own in Rippling, with a bearer; returns the company's id there."""
    company: str = story.rippling.connect["company_id"]
    with story.scope():
        story.source.refresh_from_db()
        story.source.company = company
        kept = story.source.open_credentials()
        story.source.replace_credentials({**kept, "webhook_token": TOKEN, **credentials})
        story.source.save()
    return company


def deliveries(story: Story, **lookup: Any) -> list[Delivery]:
    """Acme's deliveries, oldest first."""
    with story.scope():
        return list(Delivery.objects.filter(**lookup).order_by("pk"))


def jobs_of(story: Story, *names: str) -> list[OrmQ]:
    """Acme's jobs in the queues, oldest first."""
    jobs = OrmQ.objects.filter(key__contains=str(story.tenant.id)).order_by("pk")
    return [job for job in jobs if not names or job.func().rpartition(".")[2] in names]


def work(story: Story, *, wait: timedelta = timedelta(seconds=30)) -> int:
    """Does Acme's jobs and those they lead to, as workers would who wait so long for the next: the story's clock moves
    on to each job that is not due yet. Returns how many there were."""
    done = 0
    with at_story_time(story):
        while job := min(jobs_of(story), key=lambda one: (one.lock, one.pk), default=None):
            if job.lock > story.world.now() + wait:
                break
            story.world.ahead += max(job.lock - story.world.now(), timedelta())
            task = job.task
            OrmQ.objects.filter(pk=job.pk).delete()
            getattr(jobs, task["func"].rpartition(".")[2])(*task["args"], **task["kwargs"])
            done += 1
    return done


def tick(story: Story) -> None:
    """The minute's work."""
    with at_story_time(story):
        jobs.tick()


@contextmanager
def at_story_time(story: Story) -> Iterator[None]:
    """The jobs live in the story's time."""
    with (
        mock.patch.object(jobs, "SystemWorld", return_value=story.world),
        mock.patch.object(jobs, "database_now", story.world.now),
        mock.patch.object(jobs, "timezone", mock.Mock(now=story.world.now)),
    ):
        yield
