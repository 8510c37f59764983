"""Every line is JSON of one shape, whoever wrote it, and gives nobody away."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import uuid
from typing import Any

import pytest
import structlog
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, connection, transaction
from django.test import Client

from config.logging import configuration, describe_traceback
from tests.cast import Cast
from tests.conftest import ROOT, database_environment
from tests.logs import logged

SECRET = "Xenoverse-4711.00"


def test_lines_of_ours_and_of_others_have_one_shape() -> None:
    with logged() as log, structlog.contextvars.bound_contextvars(correlation_id="c-1", tenant="t-1"):
        structlog.get_logger("sync.anything").warning("run.stopped", run=7)
        logging.getLogger("some.library").warning("took %d s", 3)

    ours, theirs = log.lines()
    for line in (ours, theirs):
        assert (line["level"], line["correlation_id"], line["tenant"]) == ("warning", "c-1", "t-1")
        assert line["time"].endswith("Z")
    assert (ours["event"], ours["run"], ours["logger"]) == ("run.stopped", 7, "sync.anything")
    assert (theirs["event"], theirs["logger"]) == ("took 3 s", "some.library")


def _fail(secret: str) -> None:
    local = secret  # noqa: F841 - what a traceback with locals would show
    raise ValueError(f"cannot read {secret}")


@pytest.mark.parametrize("who", ["ours", "library"])
def test_an_exception_is_told_without_message_or_locals(who: str) -> None:
    with logged() as log:
        try:
            try:
                _fail(SECRET)
            except ValueError as error:
                error.add_note("tenant 1")
                raise ExceptionGroup(SECRET, [error, KeyError(SECRET)]) from error
        except ExceptionGroup:
            if who == "ours":
                structlog.get_logger("ours").exception("it.failed")
            else:
                logging.getLogger("library").exception("it failed")

    [line] = log.lines()
    assert [one["error"] for one in line["errors"]] == ["ExceptionGroup", "ValueError", "KeyError"]
    assert line["errors"][1]["at"][-1].endswith(" _fail")
    assert line["errors"][1]["notes"] == ["tenant 1"]
    assert SECRET not in log.text


def test_a_refusal_of_the_database_names_the_rule_and_not_the_row(cast: Cast) -> None:
    name = cast.people["viewer"].username  # type: ignore[index]
    with logged() as log:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(
                    "INSERT INTO auth_user (username, password, first_name, last_name, email, is_superuser, is_staff, "
                    "is_active, date_joined) VALUES (%s, '', '', '', '', false, false, true, now())",
                    [name],
                )
        except IntegrityError:
            structlog.get_logger().exception("it.failed")

    told = {one["error"]: one for one in log.lines()[0]["errors"]}
    assert told["UniqueViolation"]["constraint"] == "auth_user_username_key"
    assert told["UniqueViolation"]["sqlstate"] == "23505"
    assert name not in log.text


def test_a_failed_job_is_told_by_class_and_place() -> None:
    trace = (
        f'{SECRET} : Traceback (most recent call last):\n  File "/app/worker.py", line 103, in worker\n'
        f"    res = f(*args)\n          ^^^^^^^^\n  File \"/app/jobs.py\", line 7, in execute\n    int('{SECRET}')\n"
        f"builtins.ValueError: {SECRET}\n{SECRET}: more\n"
    )
    told = describe_traceback(trace)

    assert told["errors"] == [{"error": "builtins.ValueError"}]
    assert told["at"] == ["/app/worker.py:103 worker", "/app/jobs.py:7 execute"]
    assert SECRET not in str(told)


def test_a_request_is_one_line_with_its_route_and_never_its_address(cast: Cast) -> None:
    client = Client()
    client.force_login(cast.people["viewer"])  # type: ignore[index]
    with logged() as log:
        client.get(f"/admin/sync/run/?q={SECRET}", headers={"X-Correlation-Id": "my-request-1"})
        logging.getLogger("django.server").info('"%s" %s', f"GET /admin/?q={SECRET} HTTP/1.1", 200)
        logging.getLogger("django.request").warning("Forbidden: %s", f"/webhooks/acme/{SECRET}/")

    [line] = log.lines("http.request")
    assert (line["method"], line["route"], line["status"]) == ("GET", "admin/sync/run/", 200)
    assert (line["correlation_id"], line["tenant"]) == ("my-request-1", str(cast.acme.id))
    assert SECRET not in log.text
    assert [entry["event"] for entry in log.lines()[1:]] == [
        '"GET /admin/ HTTP/1.1" 200',
        "Forbidden: /webhooks/acme/…/",
    ]


def test_a_level_that_does_not_exist_is_named() -> None:
    with pytest.raises(ImproperlyConfigured, match="LOG_LEVEL"):
        configuration("LOUD")


JOBS = """
import sys
import django
django.setup()
from django_q.tasks import async_task
async_task("builtins.int", sys.argv[1])
async_task("sync.jobs.execute", sys.argv[2], 0)
"""


def test_a_worker_names_queue_job_and_tenant_and_tells_no_message() -> None:
    """A real cluster; it works on what waits here, whoever asked for it."""
    tenant = str(uuid.uuid4())
    environment = database_environment() | {"DJANGO_SETTINGS_MODULE": "config.settings", "WORKER_PROCESSES": "1"}
    subprocess.run([sys.executable, "-c", JOBS, SECRET, tenant], cwd=ROOT, env=environment, check=True)
    command = [sys.executable, "manage.py", "qcluster"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as cluster:
        assert cluster.stderr is not None
        lines: list[dict[str, Any]] = []
        while not {"builtins.int", "sync.jobs.execute"} <= {line.get("job") for line in lines if _ended(line)}:
            text = cluster.stderr.readline()
            assert text, "the cluster has ended"
            assert SECRET not in text
            lines.append(json.loads(text))
        os.kill(cluster.pid, 15)
        rest = cluster.stderr.read()

    assert SECRET not in rest
    ours = next(line for line in lines if _ended(line) and line["job"] == "sync.jobs.execute")
    assert (ours["tenant"], ours["success"]) == (tenant, True)
    assert ours["queue"]
    assert ours["worker"]
    lines += [json.loads(line) for line in rest.splitlines()]
    [failed] = [line for line in lines if line["event"] == "job.failed" and line["job"] == "builtins.int"]
    assert failed["errors"] == [{"error": "ValueError"}]


def _ended(line: dict[str, Any]) -> bool:
    return bool(line["event"] == "job.ended")
