"""How the queues are set up, and that nobody starts when they are set up wrong."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from config.queues import broker, check_queues, clusters, faults, q_cluster
from sync import queue
from tests.conftest import ROOT, database_environment


def test_every_queue_that_is_filled_has_a_cluster() -> None:
    assert set(clusters(settings.Q_CLUSTER)) == {
        queue.SHORT,
        queue.ALERTS,
        queue.WEBHOOKS,
        queue.PEOPLE,
        queue.PAYROLL,
    }
    assert not any(
        a != b and a.startswith(b) for a in clusters(settings.Q_CLUSTER) for b in clusters(settings.Q_CLUSTER)
    )


def test_runs_may_take_hours_and_what_everybody_waits_for_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKER_TASK_TIMEOUT", "7200")
    monkeypatch.setenv("WORKER_PROCESSES", "5")
    found = clusters(q_cluster())

    assert {name: its["timeout"] for name, its in found.items()} == {
        "mlc": 600,
        "alerts": 600,
        "webhooks": 3600,
        "people": 7200,
        "payroll": 7200,
    }
    assert all(its["retry"] > its["timeout"] for its in found.values())
    assert (found["people"]["workers"], found["payroll"]["workers"]) == (5, 5)


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"WORKER_RETRY": "21600"}, "WORKER_RETRY (21600 s)"),
        ({"WORKER_RETRY": "60", "WORKER_TASK_TIMEOUT": "60"}, "WORKER_RETRY (60 s)"),
        ({"WORKER_TASK_TIMEOUT": "0"}, "WORKER_TASK_TIMEOUT must be at least 1"),
        ({"WORKER_PROCESSES": "0"}, "WORKER_PROCESSES must be at least 1"),
    ],
)
def test_settings_that_would_hand_a_job_out_twice_are_refused(
    variables: dict[str, str], named: str, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    settings.Q_CLUSTER = q_cluster()

    assert named in faults(settings.Q_CLUSTER)[0]
    with pytest.raises(ImproperlyConfigured) as refused:
        check_queues()
    assert named in str(refused.value)
    with pytest.raises(SystemCheckError) as found:
        call_command("check")
    assert named in str(found.value)


WEB = ["-c", "import config.wsgi; print('serving')"]


@pytest.mark.parametrize(
    "arguments",
    [WEB, ["manage.py", "workers"], ["manage.py", "qcluster", "-n", "people"]],
    ids=["web", "workers", "qcluster"],
)
def test_nobody_starts_with_a_retry_shorter_than_a_job(arguments: list[str]) -> None:
    environment = database_environment() | {"WORKER_RETRY": "300"}
    ended = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )

    assert ended.returncode != 0
    assert "WORKER_RETRY (300 s) must be longer than WORKER_TASK_TIMEOUT (21600 s)" in ended.stderr
    assert "serving" not in ended.stdout


@pytest.mark.parametrize("command", [["workers", "--queues", "people,peple"], ["qcluster", "--name", "peple"]])
def test_a_queue_that_does_not_exist_is_named(command: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env=database_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode != 0
    assert "There is no queue peple; the queues are mlc, alerts, webhooks, people, payroll." in ended.stderr


def test_a_broker_is_named_by_its_address() -> None:
    assert broker("orm")["orm"] == "default"
    assert broker("redis://cache:6379/3")["redis"] == "redis://cache:6379/3"
    assert broker("sqs:eu-west-1:mlc-prod")["sqs"] == {"aws_region": "eu-west-1", "queue_prefix": "mlc-prod"}


@pytest.mark.parametrize("name", ["sqs:eu-west-1", "sqs::mlc", "rabbit://u:hunter2@host", "ORM"])
def test_a_broker_we_do_not_know_is_refused_without_repeating_its_password(name: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        broker(name)
    assert "BROKER must be" in str(refused.value)
    assert "hunter2" not in str(refused.value)
