"""A new version comes while the one before is at work: nobody is kept waiting, nothing fails, nothing is done twice.

The version before is the one that is in use, ``RELEASED``, or the one that ``UPGRADE_FROM`` names.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from demo.desk import Desk
from sync.models import Posting, Run
from tests.conftest import ROOT
from tests.connectors.customers import Customer
from tests.operating.installation import Installation, server

RELEASED = "4eb47e7278b40e33110eb247cd2fb71d1dbf20cc"
"""The last version with other tables than this one; to be moved on by whoever changes tables after a release."""

LONGEST = 30.0
"""Seconds that nobody's request may take meanwhile, on a machine that is busy with other tests: half of what proxies
wait."""

STORY = """
import json, sys
import django
django.setup()
from tenants.models import Role
from tests.cast import make_key, make_user
from tests.sync.payroll.payday import ready
payday, pay_run = ready(json.loads(sys.argv[1]), rippling={"size": 40})
story = payday.story
story.map_everything()
print(json.dumps({
    "tenant": str(story.tenant.id), "flow": str(story.flows["people"].pk), "pay_run": pay_run.pk,
    "key": make_key(story.tenant, Role.PREPARER), "login": make_user("ann", story.tenant, Role.APPROVER).username,
    "plex": [story.plex.url, story.plex.connect],
}))
"""


def git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True).stdout


def version_before() -> str:
    """The commit to come from; skips where there is no history."""
    version = os.environ.get("UPGRADE_FROM", RELEASED)
    try:
        return git("rev-parse", "--verify", "--quiet", f"{version}^{{commit}}").decode().strip()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no history here to take the version before from: a checkout with all its commits is needed")


@contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """The files of that commit, in a directory of their own."""
    with tempfile.TemporaryDirectory(prefix="mlc-", dir="/tmp") as directory:
        with tarfile.open(fileobj=io.BytesIO(git("archive", commit))) as files:
            files.extractall(directory, filter="data")
        yield Path(directory)


@dataclass
class Company:
    """A company set up by the version before, as its people and programs reach it."""

    installation: Installation
    told: dict[str, Any]

    @property
    def plex(self) -> Customer:
        return Customer(*self.told["plex"])

    def get(self, client: httpx.Client, address: str) -> Any:
        answer = client.get(f"/api/v1/{address}", headers={"Authorization": f"Api-Key {self.told['key']}"})
        assert answer.status_code == 200, f"{address}: {answer.status_code} {answer.text}"
        return answer.json()

    def start(self, client: httpx.Client) -> int:
        """The number of a new run of the people."""
        headers = {"Authorization": f"Api-Key {self.told['key']}"}
        answer = client.post(f"/api/v1/flows/{self.told['flow']}/run/", json={"kind": "full"}, headers=headers)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    def ended(self, client: httpx.Client, run: int) -> Any:
        found = self.get(client, f"runs/{run}/")
        return found if found["state"] in Run.ENDED else None

    def postings(self, client: httpx.Client, state: str) -> list[Any]:
        return [p for p in self.get(client, "postings/")["results"] if p["state"] == state]

    def journals(self) -> list[Any]:
        """What Plex holds of ours."""
        found = [journal for plant in self.plex.snapshot()["plants"] for journal in plant["journals"]]
        return [journal for journal in found if "MLC-" in journal["description"]]


class Visitors(threading.Thread):
    """Somebody looks at something all the time, and notes how long it took and what was not answered."""

    def __init__(self, company: Company, client: httpx.Client) -> None:
        super().__init__()
        self.company, self.address = company, client.base_url
        self.over = threading.Event()
        self.slowest, self.visits, self.wrong = 0.0, 0, [""][:0]

    def run(self) -> None:
        headers = {"Authorization": f"Api-Key {self.company.told['key']}"}
        with httpx.Client(base_url=self.address, headers=headers, timeout=60) as client:
            while not self.over.wait(0.05):
                for address in ("runs/", "items/", "postings/", "audit-entries/"):
                    began = time.monotonic()
                    answer = client.get(f"/api/v1/{address}")
                    self.slowest, self.visits = max(self.slowest, time.monotonic() - began), self.visits + 1
                    if answer.status_code != 200:
                        self.wrong.append(f"{address}: {answer.status_code}")

    def __enter__(self) -> Visitors:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.join()


def tell(installation: Installation, sandbox: dict[str, str]) -> Company:
    """The company, made by the version that is installed there."""
    command = [sys.executable, "-c", STORY, json.dumps(sandbox)]
    done = subprocess.run(
        command, cwd=installation.code, env=installation.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return Company(installation, json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.timeout(900)
def test_the_version_before_works_on_while_the_tables_change_and_hands_over(sandbox: dict[str, str]) -> None:
    with checked_out(version_before()) as code, server() as here:
        here.create_roles()
        old, new = Installation.on(here, code=code), Installation.on(here)
        old.manage("migrate", "-v0")
        company = tell(old, sandbox)
        # Slow enough that the tables change in the middle of a first load.
        company.plex.fault("slow", method="POST", path=".*mployees/?", times=None, seconds=30)
        with old.web() as client, old.worker() as worker:
            first = company.start(client)
            old.until(
                lambda: company.get(client, f"runs/{first}/")["state"] == Run.State.APPLYING,
                worker,
                "the run does not begin",
            )
            with Visitors(company, client) as visitors:
                new.manage("migrate", "-v0")
                assert company.ended(client, first) is None, "the tables did not change in the middle of a run"
                company.plex.heal()
                done = old.until(lambda: company.ended(client, first), worker, "the run does not end")
            assert done["state"] == Run.State.SUCCEEDED, done
            assert not visitors.wrong
            assert visitors.slowest < LONGEST
            goes_on(company, client, worker)
        takes_over(Company(new, company.told), done["created"])


def goes_on(company: Company, client: httpx.Client, worker: Any) -> None:
    """The version before, on the tables of the next: a run, a page, a journal."""
    run = company.start(client)
    done = company.installation.until(lambda: company.ended(client, run), worker, "the next run does not end")
    assert (done["state"], done["created"]) == (Run.State.SUCCEEDED, 0)
    desk = Desk(str(client.base_url), company.told["login"], "correct horse", lambda: None)
    drafts = company.postings(client, Posting.State.DRAFTED)
    with closing(desk._client):
        assert desk.approve(company.told["pay_run"])
    posted = company.installation.until(
        lambda: company.postings(client, Posting.State.RECONCILED), worker, "the journals are not posted"
    )
    assert len(posted) == len(drafts) == len(company.journals()) > 0


def takes_over(company: Company, people: int) -> None:
    """The next version goes on where the one before ended: nobody is hired again, no journal is posted again."""
    journals = company.journals()
    employees = company.plex.snapshot()["writes"]["creates"]
    assert employees == people > 0
    with company.installation.web() as client, company.installation.worker() as worker:
        assert client.get("/readyz").json() == {"status": "ready"}
        run = company.start(client)
        done = company.installation.until(lambda: company.ended(client, run), worker, "the run does not end")
        assert (done["state"], done["created"]) == (Run.State.SUCCEEDED, 0)
    assert company.plex.snapshot()["writes"]["creates"] == employees
    assert company.journals() == journals
    assert "verified" in company.installation.manage("verify_audit", "--all")
