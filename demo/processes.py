"""The real processes: an embedded PostgreSQL, the simulators, web and worker, each with a log of its own.

They run in sessions of their own, so that Ctrl-C reaches this process alone, which then stops them in order.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from config.database import embedded_server
from demo.api import DemoError
from demo.clock import Clock

ROOT = Path(__file__).resolve().parent.parent
WEB_PORT = 8000
PATIENCE = 60.0
"""Seconds a process may take to come up, or a command to end."""
GRACE = 10.0
"""Seconds a process may take to end before it is killed."""
TAIL = 25

FOREIGN = (
    "DATABASE_URL", "DATABASE_OWNER_URL", "SECRET_KEY", "FERNET_KEYS", "ML_DEVELOPMENT", "ALLOWED_HOSTS",
    "CSRF_TRUSTED_ORIGINS", "ALLOWED_VENDOR_HOSTS", "BEHIND_TLS_PROXY", "API_RATE", "BROKER",
)  # fmt: skip
"""Settings of a deployment, which the demonstration must never work on."""


class Child:
    """One process and its log."""

    def __init__(self, name: str, arguments: list[str], log: Path, environment: dict[str, str]) -> None:
        self.name, self.log = name, log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                arguments, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True,
            )  # fmt: skip

    def require_alive(self) -> None:
        """DemoError with the end of its log when it has ended."""
        if (code := self.process.poll()) is not None:
            raise DemoError(f"The {self.name} ended with code {code}. Its last words:\n{tail(self.log)}")

    def stop(self, how: signal.Signals) -> None:
        """Afterwards it has ended, and so have the processes it started."""
        if self.process.poll() is None:
            self.process.send_signal(how)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(GRACE)
        with suppress(ProcessLookupError):
            # Its session is its own: nobody else's process is in the group.
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Stage:
    """Where the demonstration plays: its directory, its processes. Made fresh at every start."""

    def __init__(self, directory: Path, database: Any) -> None:
        self.directory, self.database = directory, database
        self.logs = directory / "log"
        self.children: list[Child] = []
        kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        self.environment = kept | {
            "ML_DATA_DIR": str(directory),
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "ALLOW_LOOPBACK_VENDORS": "true",
            "PYTHONUNBUFFERED": "1",
        }

    def start(self, name: str, *arguments: str) -> Child:
        """A process that stays."""
        child = Child(name, [sys.executable, *arguments], self.logs / f"{name}.log", self.environment)
        self.children.append(child)
        return child

    def manage(self, *arguments: str, given: str = "") -> str:
        """What a ``manage.py`` command printed, once it has ended well."""
        try:
            done = subprocess.run(
                [sys.executable, "manage.py", *arguments], cwd=ROOT, env=self.environment, input=given, text=True,
                capture_output=True, timeout=2 * PATIENCE, start_new_session=True,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise DemoError(f"manage.py {arguments[0]} did not end in {2 * PATIENCE:.0f} seconds.") from None
        if done.returncode:
            raise DemoError(f"manage.py {arguments[0]} failed:\n{done.stderr[-3000:]}")
        return done.stdout

    def require_alive(self) -> None:
        """DemoError naming the first process that has ended."""
        for child in self.children:
            child.require_alive()

    def complaints(self) -> str:
        """The ends of all logs in which something went wrong."""
        texts = {child: child.log.read_text(errors="replace") for child in self.children}
        wrong = [child for child, text in texts.items() if "Traceback" in text]
        return "\n".join(f"From the log of the {child.name} ({child.log}):\n{tail(child.log)}" for child in wrong)

    def start_sandbox(self) -> dict[str, str]:
        """Vendor → base URL of its simulator."""
        child = self.start("simulators", "-m", "sandbox")
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for line in child.log.read_text().splitlines():
                if line.startswith("{") and line.endswith("}"):
                    addresses: dict[str, str] = json.loads(line)
                    return addresses
            child.require_alive()
            time.sleep(0.05)
        raise DemoError(f"The simulators did not come up in {PATIENCE:.0f} seconds:\n{tail(child.log)}")

    def start_web(self) -> str:
        """The site's address; it accepts connections."""
        port = free_port(WEB_PORT)
        child = self.start(
            "web", "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port),
            "--workers", "1", "--blocking-threads", "4", "config.wsgi:application",
        )  # fmt: skip
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            child.require_alive()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return f"http://127.0.0.1:{port}"
            time.sleep(0.05)
        raise DemoError(f"The web server did not come up in {PATIENCE:.0f} seconds:\n{tail(child.log)}")

    def start_worker(self, name: str = "worker") -> Child:
        """Workers of all queues, that take up what is asked for."""
        return self.start(name, "manage.py", "workers")

    def kill(self, child: Child) -> None:
        """The process and all it started are killed where they stand; nobody misses them afterwards."""
        os.killpg(child.process.pid, signal.SIGKILL)
        child.process.wait()
        self.children.remove(child)

    def clock(self) -> Clock:
        """The database's clock, which can be put forward. Only sessions that begin from now on go by it."""
        info = self.database.get_postmaster_info()
        return Clock(str(info.socket_dir), str(info.port))


@contextmanager
def stage(directory: Path) -> Iterator[Stage]:
    """A fresh stage with a running database. Afterwards everything that was started has ended."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with _alone(directory.with_name(f"{directory.name}.lock")):
        _clear(directory)
        with _database(directory / "postgres") as database:
            here = Stage(directory, database)
            here.logs.mkdir(parents=True)
            try:
                yield here
            finally:
                # A second Ctrl-C must not leave processes behind; what follows takes GRACE seconds each at most.
                for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                    signal.signal(number, signal.SIG_IGN)
                for child in reversed(here.children):
                    child.stop(signal.SIGINT if child.name == "simulators" else signal.SIGTERM)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Only one demonstration at a time works in a directory."""
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DemoError(
                "Another demonstration is running in this directory. Stop it, or set ML_DATA_DIR to another one."
            ) from None
        yield


def _clear(directory: Path) -> None:
    try:
        if directory.exists():
            shutil.rmtree(directory)
    except OSError as error:
        raise DemoError(f"The former demonstration cannot be removed from {directory}: {error.strerror}.") from None


@contextmanager
def _database(directory: Path) -> Iterator[Any]:
    """The embedded server, which the other processes then share; stopped whoever else still uses it."""
    # It stops when we say so, below, and not by itself at exit, when it would find itself stopped and complain.
    server = embedded_server(directory, stops_itself=False)
    try:
        yield server
    finally:
        server.stop()


def free_port(preferred: int) -> int:
    """The preferred port of this machine, or any free one when it is taken."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise DemoError("No port is free on this machine.")


def tail(log: Path, lines: int = TAIL) -> str:
    """The end of a log."""
    with log.open(errors="replace") as file:
        return "".join(_last(file, lines)) or "(nothing)"


def _last(file: IO[str], lines: int) -> list[str]:
    return file.readlines()[-lines:]
