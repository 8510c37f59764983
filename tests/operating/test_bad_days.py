"""The database goes away, or is full: people and programs are told so and send again, and nothing is half done."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.test import override_settings

from sync.models import Run
from tenants.models import Role
from tests.cast import make_key, make_user
from tests.operating.installation import Installation, Server, server, using
from tests.sync.story import Story, tell

TABLE = "sync_run"


class Scene:
    """A company whose people flow can be started by a person and by a program; nothing is done for them yet."""

    def __init__(self, here: Server, sandbox: dict[str, str]) -> None:
        self.server = here
        self.installation = Installation.on(here)
        here.create_roles()
        self.installation.manage("migrate", "-v0")
        # The web process checks passwords as a deployment does.
        hashers = override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.PBKDF2PasswordHasher"])
        with using(here), hashers:
            self.story: Story = tell(sandbox)
            self.key = make_key(self.story.tenant, Role.PREPARER)
            self.login = make_user("pat", self.story.tenant, Role.PREPARER).username
        self.flow = self.story.flows["people"].pk

    def sign_in(self, client: httpx.Client) -> None:
        """The client has Pat's session, and the token for forms."""
        client.get("/admin/login/")
        form = {"username": self.login, "password": "correct horse", "csrfmiddlewaretoken": client.cookies["csrftoken"]}
        assert client.post("/admin/login/?next=/admin/", data=form).status_code == 302

    def start_by_page(self, client: httpx.Client) -> httpx.Response:
        form = {"csrfmiddlewaretoken": client.cookies["csrftoken"]}
        return client.post(f"/admin/sync/flow/{self.flow}/run-now/", data=form)

    def start_by_api(self, client: httpx.Client) -> httpx.Response:
        headers = {"Authorization": f"Api-Key {self.key}"}
        return client.post(f"/api/v1/flows/{self.flow}/run/", json={"kind": "full"}, headers=headers)

    def left_behind(self) -> dict[str, str]:
        """What a start leaves: the run, its job, the audit trail's entries."""
        tables = (TABLE, "django_q_ormq", "audit_auditentry")
        return {table: self.server.sql(f"SELECT count(*) FROM {table}") for table in tables}


@pytest.mark.timeout(900)
def test_a_restart_of_the_database_costs_one_request_and_no_work(sandbox: dict[str, str]) -> None:
    with server() as here:
        scene = Scene(here, sandbox)
        with scene.installation.web() as client, scene.installation.worker() as worker:
            scene.sign_in(client)
            assert client.get("/admin/sync/run/").status_code == 200
            alive = "SELECT count(*) FROM sync_heartbeat WHERE name LIKE 'cluster:%'"
            scene.installation.until(lambda: here.sql(alive) == "4", worker, "the workers do not start")

            here.stop("immediate")
            told = [client.get("/admin/sync/run/"), scene.start_by_api(client), client.get("/readyz")]
            here.start()

            assert [answer.status_code for answer in told] == [503, 503, 503]
            assert "Nothing can be stored right now" in told[0].text
            assert told[1].json()["type"] == "urn:ml-connector:problem:unavailable"
            assert told[2].json() == {"status": "not ready", "reason": "database"}
            assert client.get("/healthz").status_code == 200
            assert client.get("/admin/sync/run/").status_code == 200
            asked = scene.start_by_api(client)
            assert asked.status_code == 201, asked.text

            def ended() -> Any:
                state = here.sql(f"SELECT state FROM {TABLE}")
                return state if state in Run.ENDED else ""

            assert scene.installation.until(ended, worker, "no worker came back") != Run.State.FAILED


@contextmanager
def full_disk(here: Server) -> Iterator[Callable[[], None]]:
    """The table of runs lies on a disk of its own with no space left; the call gives space."""
    with tempfile.TemporaryDirectory(prefix="mlc-", dir="/tmp", ignore_cleanup_errors=True) as directory:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", directory], check=False)
        if mounted.returncode:
            pytest.skip("only root may mount a small disk")
        try:
            place = Path(directory) / "tables"
            place.mkdir()
            shutil.chown(place, "pgserver", "pgserver")
            place.parent.chmod(0o755)
            here.sql(f"CREATE TABLESPACE small LOCATION '{place}'")
            here.sql(f"ALTER TABLE {TABLE} SET TABLESPACE small")
            ballast = place.parent / "ballast"
            with suppress(OSError), ballast.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
            yield ballast.unlink
        finally:
            here.stop("immediate")
            subprocess.run(["umount", "--lazy", directory], check=True)


@contextmanager
def refusing(here: Server) -> Iterator[Callable[[], None]]:
    """The database says of every new run that the disk is full, until the call."""
    here.sql(
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$"
    )
    here.sql(f"CREATE TRIGGER full_disk BEFORE INSERT ON {TABLE} FOR EACH ROW EXECUTE FUNCTION full_disk()")

    def make_space() -> None:
        here.sql(f"DROP TRIGGER full_disk ON {TABLE}")

    yield make_space


@pytest.mark.timeout(900)
@pytest.mark.parametrize("how", [full_disk, refusing])
def test_a_full_disk_is_told_and_nothing_is_half_done(how: Any, sandbox: dict[str, str]) -> None:
    with server() as here:
        scene = Scene(here, sandbox)
        with scene.installation.web() as client:
            scene.sign_in(client)
            before = scene.left_behind()
            with how(here) as make_space:
                by_page, by_api = scene.start_by_page(client), scene.start_by_api(client)

                assert (by_page.status_code, by_api.status_code) == (503, 503)
                assert "Nothing can be stored right now" in by_page.text
                assert by_api.json()["type"] == "urn:ml-connector:problem:unavailable"
                assert int(by_page.headers["Retry-After"]) == int(by_api.headers["Retry-After"]) > 0
                assert scene.left_behind() == before
                assert client.get("/admin/sync/run/").status_code == 200

                make_space()
                assert scene.start_by_api(client).status_code == 201
