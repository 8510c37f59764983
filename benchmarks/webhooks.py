"""Webhook intake against an empty view that inserts one row, both served by the same process.

    .venv/bin/python -m benchmarks.webhooks [--seconds 2] [--rounds 15] [--connections 8] [--quick]

A server as in deployment (granian, here one process of four threads) serves the site and one more address, which looks
at nothing and inserts one row. Another process sends: first as fast as answers come, to floor and product in turn; the
median of the rounds counts. Then to the product alone, half as many a second as it took, each timed from the moment
it was to leave. A delivery is verified, parsed, routed and stored under row-level security with all indexes. What a
process remembers for seconds (who listens, what was enqueued) helps most where one company sends everything, so that
it is measured also with many in turn, where nearly each delivery is enqueued.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from statistics import median
from typing import Any, NamedTuple

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402

from benchmarks.timing import ROOT, timed  # noqa: E402
from benchmarks.verdicts import Verdicts  # noqa: E402
from benchmarks.webhook_site import TABLE  # noqa: E402
from connectors.models import Connection  # noqa: E402
from sync.models import Delivery  # noqa: E402
from tenants.models import Tenant  # noqa: E402
from tenants.scope import tenant_scope  # noqa: E402

SHARE = 0.7
P99 = 0.050
TOKEN = "benchmark-bearer"
COMPANIES = 200
BODY = (
    "event_name=employee.updated&id=65aa00000000000000000001&company_id={company}"
    "&company_primary_email=ops%2Bhr%40example.com"
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--quick", action="store_true", help="one second, one round")
    options = parser.parse_args()
    if options.quick:
        options.seconds, options.rounds = 1, 1
    call_command("migrate", verbosity=0)
    verdicts = Verdicts()
    listening = [listener(number) for number in range(COMPANIES)]
    with floor_table(), serving() as url:
        posts = [{"url": f"{url}/webhooks/rippling/{its.key}/", "body": its.body} for its in listening]
        load = {"connections": options.connections, "seconds": options.seconds}
        load["headers"] = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Authorization": f"Bearer {TOKEN}",
        }
        floor = {**load, "posts": [{**posts[0], "url": f"{url}/floor/"}]}
        answers = compare(verdicts, floor, {**load, "posts": posts[:1]}, options.rounds, "one company")
        answers += compare(verdicts, floor, {**load, "posts": posts}, options.rounds, f"{COMPANIES} companies in turn")
    verdicts.note(f"{stored(listening):,} deliveries stored for {answers:,} answers")
    assert stored(listening) == answers
    return int(verdicts.missed)


def stored(listening: list[Listener]) -> int:
    """How many deliveries there are, each with the company it is about."""
    found = 0
    for its in listening:
        with tenant_scope(its.tenant):
            found += Delivery.objects.filter(digest=sha256(its.body.encode()).hexdigest()).count()
    return found


def compare(verdicts: Verdicts, floor: dict[str, Any], product: dict[str, Any], rounds: int, whose: str) -> int:
    """Throughput of both in turn, then the product at half of its own; returns how often the product answered."""
    send({**floor, "seconds": 1})
    answers: int = send({**product, "seconds": 1})["answers"]
    rates: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for task, found in zip((floor, product), rates, strict=True):
            said = send(task)
            found.append(said["rate"])
        answers += said["answers"]  # of the product, the last of the two
    fast, slow = map(median, rates)
    share = median(p / f for f, p in zip(*rates, strict=True))
    what = f"deliveries a second, {whose}"
    verdicts.add(what, f"{fast:,.0f}", f"{slow:,.0f}", share, f"≥ {SHARE}×", met=share >= SHARE)
    half = {"rate": slow / 2, "connections": 4 * product["connections"], "seconds": 4 * product["seconds"]}
    plain, said = send({**floor, **half}), send({**product, **half})
    verdicts.add(
        f"  p99 at {slow / 2:,.0f} a second",
        f"{plain['p99'] * 1e3:.1f} ms",
        f"{said['p99'] * 1e3:.1f} ms",
        said["p99"] / plain["p99"],
        f"≤ {P99 * 1e3:.0f} ms",
        met=said["p99"] <= P99,
    )
    shown = ", ".join(f"{p:,.0f} of {f:,.0f}" for f, p in zip(*rates, strict=True))
    verdicts.note(f"median then {said['median'] * 1e3:.1f} ms; rounds: {shown}")
    return answers + int(said["answers"])


def send(task: dict[str, Any]) -> dict[str, Any]:
    """What the sending process reports; every answer must have been 200."""
    said = timed("benchmarks.posting_load", task).said
    assert said["statuses"] == [200], said
    return said


class Listener(NamedTuple):
    """A connection that listens: whose it is, its key, and what is announced about its company."""

    tenant: uuid.UUID
    key: str
    body: str


def listener(number: int) -> Listener:
    """A company with a connection that listens at a key of its own."""
    tenant_id, company = uuid.uuid4(), f"65bb{number:020}"
    with tenant_scope(tenant_id):
        Tenant.objects.create(id=tenant_id, name="Benchmark", slug=f"benchmark-{tenant_id.hex[:12]}")
        connection = Connection(vendor="rippling", name="Rippling", company=company)
        connection.replace_credentials({"webhook_token": TOKEN})
        connection.save()
        connection.refresh_from_db()
        return Listener(tenant_id, str(connection.webhook_key), BODY.format(company=company))


@contextmanager
def floor_table() -> Iterator[None]:
    """Where the floor inserts: a key and nothing else to keep."""
    application = connections["default"].settings_dict["USER"]
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {TABLE}")
        cursor.execute(
            f"CREATE TABLE {TABLE} (id bigserial PRIMARY KEY, event text NOT NULL, subject text NOT NULL, "
            "digest text NOT NULL, state text NOT NULL, received_at timestamptz NOT NULL)"
        )
        cursor.execute(f"GRANT INSERT ON {TABLE} TO {application}")
        cursor.execute(f"GRANT USAGE ON SEQUENCE {TABLE}_id_seq TO {application}")
    try:
        yield
    finally:
        with connections["owner"].cursor() as cursor:
            cursor.execute(f"DROP TABLE {TABLE}")


@contextmanager
def serving() -> Iterator[str]:
    """The site with the floor, on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--blocking-threads", "4", "benchmarks.webhook_site:application"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=ROOT, stdout=quiet, stderr=quiet, start_new_session=True) as server:
        try:
            while True:
                assert server.poll() is None, "the server ended"
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(server.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
