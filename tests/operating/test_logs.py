"""A whole story, with errors, in real processes: their logs hold no credential, no name, no address, no pay."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import override_settings

from sync.models import Posting, Run
from tenants.models import Role
from tests.cast import make_key
from tests.operating.installation import Installation, server, using
from tests.sync.payroll.payday import Payday, ready


def secrets_of(payday: Payday, key: str) -> Iterator[str]:
    """Everything that must not be in a log, as long as it is long enough to mean something."""
    story = payday.story
    yield key
    yield story.rippling.connect["token"]
    yield story.plex.connect["client_secret"]
    yield story.plex.connect["api_key"]
    for worker in story.rippling.snapshot()["workers"]:
        yield from (worker["family_name"], worker["given_name"], worker["work_email"])
    yield from amounts(payday.register())


def amounts(value: Any) -> Iterator[str]:
    """Each amount of the register, as it is written."""
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from amounts(inner)
    elif re.fullmatch(r"\d{2,}\.\d{2}", str(value)):
        yield str(value)


@pytest.mark.timeout(900)
def test_the_logs_of_a_story_with_errors_give_nobody_away(sandbox: dict[str, str]) -> None:
    with server() as here, override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.PBKDF2PasswordHasher"]):
        here.create_roles()
        installation = Installation.on(here)
        installation.manage("migrate", "-v0")
        with using(here):
            payday, pay_run = ready(sandbox)
            payday.story.map_everything()
            key = make_key(payday.story.tenant, Role.PREPARER)
            payday.approve(pay_run)
        worker_of = payday.story.rippling.snapshot()["workers"][0]
        body = {"errors": [{"message": f"{worker_of['family_name']} {worker_of['work_email']} earns 4711.00"}]}
        payday.story.plex.fault("status", method="POST", path=".*mployees/?", status_code=400, times=2, body=body)
        payday.story.plex.fault("garbage", method="POST", path=".*mployees/?", times=1)
        flow, headers = payday.story.flows["people"].pk, {"Authorization": f"Api-Key {key}"}
        with installation.web() as client, installation.worker() as worker:
            asked = client.post(f"/api/v1/flows/{flow}/run/", headers=headers, json={"kind": "full"})
            assert asked.status_code == 201, asked.text
            # A job that fails with a person's name in its message.
            installation.manage(
                "shell", "-v0", "-c",
                f"from django_q.tasks import async_task; async_task('builtins.int', {worker_of['family_name']!r})",
            )  # fmt: skip
            client.get(f"/api/v1/runs/?note={key}&q={worker_of['work_email']}", headers=headers)

            def over() -> bool:
                run = client.get(f"/api/v1/runs/{asked.json()['id']}/", headers=headers).json()
                posted = client.get("/api/v1/postings/", headers=headers).json()["results"]
                done = {posting["state"] for posting in posted} == {Posting.State.RECONCILED}
                return run["state"] in Run.ENDED and done and "ValueError" in installation.told()

            installation.until(over, worker, "the story does not come to its end")
            logs = "".join(log.read_text() for log in installation.logs)

    lines = [json.loads(line) for line in logs.splitlines() if line.startswith("{")]
    told = {line["event"] for line in lines}
    assert {"http.request", "job.failed", "job.ended"} <= told
    assert [line for line in lines if line.get("tenant") == str(payday.story.tenant.id) and line.get("queue")]
    wanted = {secret for secret in secrets_of(payday, key) if len(secret) > 4}
    assert len(wanted) > 25
    assert not [secret for secret in wanted if secret in logs]
    assert "4711.00" not in logs
