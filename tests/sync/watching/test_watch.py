"""Every worker is dead, and people hear of it all the same: from the web process, or from cron."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from django.db.models import F
from django_q.models import Schedule

from sync.models import Flow, Looked, Notice, Slot, Timing
from tests.conftest import ROOT, database_environment
from tests.sync.notices.company import Company, found_company
from tests.sync.watching.mailbox import Mailbox, free_port, mail_server, until

TOKEN = "monitor-token"


@contextmanager
def process(arguments: list[str], mailbox: Mailbox) -> Iterator[subprocess.Popen[bytes]]:
    """One of our processes, with this mail server."""
    environment = {**database_environment(), "EMAIL_URL": mailbox.url, "WATCH_TOKEN": TOKEN}
    with subprocess.Popen([sys.executable, *arguments], cwd=ROOT, env=environment) as child:
        try:
            yield child
        finally:
            child.terminate()
            child.wait(60)


@contextmanager
def workers(mailbox: Mailbox, *queues: str) -> Iterator[None]:
    """Clusters of these queues, or of all, a minute after the last ones."""
    Schedule.objects.filter(schedule_type=Schedule.MINUTES).update(next_run=datetime.now(UTC))
    with process(["manage.py", "workers", *(["--queues", ",".join(queues)] if queues else [])], mailbox):
        yield


@contextmanager
def web(mailbox: Mailbox) -> Iterator[httpx.Client]:
    """The web server, alone."""
    port = free_port()
    arguments = ["-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "config.wsgi"]
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with (
        process([*arguments[:-1], "config.wsgi:application"], mailbox),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60) as monitor,
    ):
        until(lambda: _answers(monitor))
        yield monitor


def _answers(monitor: httpx.Client) -> bool:
    try:
        return monitor.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False


def overdue(company: Company) -> Timing:
    """The payroll should have started eleven minutes ago."""
    due = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=11)
    with company.scope():
        return Timing.objects.create(
            flow=company.flows["payroll"], kind="cron", cron="0 9 * * *", time_zone="America/Detroit", next_at=due
        )


@pytest.fixture
def northfield(installation: None) -> Company:
    """The only company of its installation."""
    return found_company()


def test_the_alarm_comes_within_one_poll_while_no_worker_lives_and_is_called_off_once_it_is_caught_up(
    northfield: Company,
) -> None:
    timing = overdue(northfield)
    with mail_server() as mailbox, web(mailbox) as monitor:
        answer = monitor.get("/watch/")
        assert answer.status_code == 503
        assert answer.json()["workers"] == "silent"
        assert answer.json()["missed"] >= 1
        mails = mailbox.about("did not start when it was due")
        assert sorted(mail["To"].split("-")[0] for mail in mails) == ["ada", "ann", "pat"]
        assert "/admin/sync/flow/" in mails[0].get_body(("plain",)).get_content()  # type: ignore[union-attr]
        with northfield.scope():
            assert Slot.objects.get(timing=timing).state == Slot.State.MISSED
        for _ in range(5):
            assert monitor.get("/watch/").status_code == 503
        assert len(mailbox.mails) == 3, "nobody is told twice"

        with workers(mailbox, "mlc", "payroll"):
            until(lambda: _slot(northfield, timing) == Slot.State.CAUGHT_UP, 120)
        with workers(mailbox, "mlc"):
            until(lambda: not _missed(northfield), 120)
        # Half an hour goes by.
        with northfield.scope():
            Notice.objects.filter(kind="missed").update(resolved_at=F("resolved_at") - timedelta(minutes=31))
            Looked.objects.update(again_at=F("again_at") - timedelta(minutes=31))
            Timing.objects.all().delete()
        with workers(mailbox):
            until(lambda: len(mailbox.about("mended: ")) == 3, 120)
            until(lambda: _beat(monitor), 120)


def _slot(company: Company, timing: Timing) -> str:
    with company.scope():
        return Slot.objects.get(timing=timing).state


def _missed(company: Company) -> bool:
    with company.scope():
        return Notice.objects.filter(kind="missed", resolved_at=None).exists()


def _beat(monitor: httpx.Client) -> bool:
    return bool(monitor.get("/watch/").json()["workers"] == "working")


def test_cron_tells_people_too_and_ends_with_one_while_something_is_missed(northfield: Company) -> None:
    overdue(northfield)
    with mail_server() as mailbox:
        environment = {**database_environment(), "EMAIL_URL": mailbox.url}
        told = subprocess.run(
            [sys.executable, "manage.py", "watch"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert told.returncode == 1, told.stderr
        assert f"{northfield.tenant.slug}: Northfield · Payroll did not start when it was due" in told.stdout
        assert "Start the workers." in told.stdout
        assert len(mailbox.mails) == 3
        for mail in mailbox.mails:
            assert "@" not in mail["Subject"]


def test_nobody_reads_it_without_the_token(client: Any, settings: Any) -> None:
    settings.WATCH_TOKEN = ""
    assert client.get("/watch/", headers={"Authorization": "Bearer "}).status_code == 404
    settings.WATCH_TOKEN = TOKEN
    assert client.get("/watch/").status_code == 401
    assert client.get("/watch/", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert client.post("/watch/", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 405


def test_what_is_paused_is_not_missed(northfield: Company) -> None:
    overdue(northfield)
    northfield.now = datetime.now(UTC)
    with northfield.scope():
        Flow.objects.update(paused=True)
    northfield.keep()
    assert "missed" not in northfield.open()
