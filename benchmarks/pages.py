"""List pages of admin and API: the same number of queries, and nearly the same time, however much there is.

    .venv/bin/python -m benchmarks.pages [--few 1000] [--many 1000000] [--rounds 40] [--quick]

Two companies of the same kind, one with few run items, audit entries, announcements and notices, one with many. Each
page is asked of both in turn, in this process and without a socket; the 95th percentile counts. The metrics are of all
companies together: scraped before the second one is made, and after. The many rows are made by SQL as the owner of
the tables, with the triggers of the audit trail off: they are no chain, and pages do not look at it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from datetime import UTC, datetime
from statistics import quantiles

import django
import msgspec

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("API_RATE", "1000000/min")
os.environ.setdefault("METRICS_TOKEN", "benchmark")
os.environ.setdefault("LOG_LEVEL", "WARNING")
django.setup()

from django.core.management import call_command  # noqa: E402 - needs the applications
from django.db import connection, connections, transaction  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from audit.models import AuditChain, Body  # noqa: E402
from benchmarks.pages_past import fill_told  # noqa: E402
from benchmarks.stage import company, simulators  # noqa: E402
from benchmarks.verdicts import Verdicts  # noqa: E402
from sync.models import Run  # noqa: E402
from tenants.models import Role  # noqa: E402
from tests.cast import make_key, make_user  # noqa: E402
from tests.sync.story import Story  # noqa: E402

TARGET = 1.5
RUNS = 5
"""Few enough that in either company every page has as many rows as it shows at once."""
AT = "2026-03-01T08:15:00.000000Z"

ADMIN = (
    "/admin/",
    "/admin/sync/run/",
    "/admin/sync/run/{run}/",
    "/admin/sync/run/{run}/progress/",
    "/admin/sync/flow/{flow}/",
    "/admin/sync/problem/",
    "/admin/sync/integration/",
    "/admin/sync/delivery/",
    "/admin/sync/notice/",
    "/admin/sync/notice/?state=mended",
    "/admin/audit/auditentry/",
    "/admin/audit/auditentry/of/worker/w-7/",
)
API = (
    "/api/v1/runs/",
    "/api/v1/runs/{run}/items/",
    "/api/v1/runs/{run}/items/?state=rejected",
    "/api/v1/items/",
    "/api/v1/items/?source_id=w-7",
    "/api/v1/items/?run={run}",
    "/api/v1/problems/",
    "/api/v1/deliveries/",
    "/api/v1/notices/",
    "/api/v1/audit-entries/",
    "/api/v1/audit-entries/?subject_kind=worker&subject_id=w-7",
    "/api/v1/audit-entries/?run={run}",
)


class Visitor:
    """An administrator of a company: pages by session, the API by key."""

    def __init__(self, story: Story, rows: int) -> None:
        run = fill(story, rows)
        fill_told(story, rows)
        self._places = {"run": run.pk, "flow": run.flow_id}
        self._program, self._client = Client(SERVER_NAME="localhost"), Client(SERVER_NAME="localhost")
        self._client.force_login(make_user("benchmark", story.tenant, Role.ADMINISTRATOR))
        self._headers = {"Authorization": f"Api-Key {make_key(story.tenant, Role.ADMINISTRATOR)}"}

    def ask(self, page: str) -> float:
        """Seconds until the page was there."""
        by_program = page.startswith("/api")
        client, headers = (self._program, self._headers) if by_program else (self._client, None)
        started = time.perf_counter()
        answer = client.get(page.format(**self._places), headers=headers)
        seconds = time.perf_counter() - started
        assert answer.status_code == 200, (page, answer.status_code, answer.content[:300])
        return seconds

    def queries(self, page: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            self.ask(page)
        return len(captured)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--few", type=int, default=1_000)
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--quick", action="store_true", help="50,000 rows, 10 rounds")
    options = parser.parse_args()
    if options.quick:
        options.many, options.rounds = 50_000, 10
    call_command("migrate", verbosity=0)
    verdicts = Verdicts()
    with simulators() as sandbox:
        few = Visitor(company(sandbox, 12), options.few)
        scraped = scrapes(options.rounds)
        many = Visitor(company(sandbox, 12), options.many)
        verdicts.note(
            f"few: {options.few:,}, many: {options.many:,} of run items, audit entries, announcements, notices"
        )
        judge(verdicts, "/metrics", scraped, scrapes(options.rounds), [1, 1])
        for page in ADMIN + API:
            compare(verdicts, page, few, many, options.rounds)
    return int(verdicts.missed)


def compare(verdicts: Verdicts, page: str, few: Visitor, many: Visitor, rounds: int) -> None:
    counts = [(visitor.ask(page), visitor.queries(page))[1] for visitor in (few, many)]
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        times[0].append(few.ask(page))
        times[1].append(many.ask(page))
    judge(verdicts, page, *times, counts)


def scrapes(rounds: int) -> list[float]:
    """Seconds each of so many scrapes of the metrics took: of all companies together."""
    visitor, times = Client(SERVER_NAME="localhost"), list[float]()
    for _ in range(rounds):
        started = time.perf_counter()
        answer = visitor.get("/metrics", headers={"Authorization": f"Bearer {os.environ['METRICS_TOKEN']}"})
        times.append(time.perf_counter() - started)
        assert answer.status_code == 200, answer.status_code
    return times


def judge(verdicts: Verdicts, page: str, few: list[float], many: list[float], counts: list[int]) -> None:
    """The 95th percentile of both, and how many queries each made."""
    small, large = (quantiles(one, n=20)[-1] for one in (few, many))
    queries = f"{counts[0]} queries" if counts[0] == counts[1] else f"{counts[0]} → {counts[1]} queries"
    verdicts.add(page, f"{small * 1e3:.1f} ms", f"{large * 1e3:.1f} ms", large / small, f"≤ {TARGET}×, {queries}",
                 met=large <= TARGET * small and counts[0] == counts[1])  # fmt: skip


def fill(story: Story, rows: int) -> Run:
    """A company's past: runs with this many items altogether, and an audit entry for each. Returns the last run."""
    now = datetime.now(UTC)
    with story.scope():
        flow = story.flows["people"]
        runs = [
            Run.objects.create(flow=flow, kind=Run.Kind.FULL, state=Run.State.SUCCEEDED, created_at=now, read=rows)
            for _ in range(RUNS)
        ]
        head = AuditChain.objects.get().seq
    each = rows // RUNS
    tenant = str(story.tenant.id)
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute("SELECT set_config('mlc.tenant', %s, true)", [tenant])
        cursor.execute("ALTER TABLE audit_auditentry DISABLE TRIGGER USER")
        for number, run in enumerate(runs):
            first = number * each + 1
            cursor.execute(ITEMS, [tenant, run.pk, first, first + each - 1])
            # Room for the entries that asking for pages may write.
            cursor.execute(
                ENTRIES, {**entry(story, run), "offset": head + 1_000, "from": first, "to": first + each - 1}
            )
        cursor.execute("ALTER TABLE audit_auditentry ENABLE TRIGGER USER")
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE sync_runitem, audit_auditentry")
    return runs[-1]


def entry(story: Story, run: Run) -> dict[str, str | int]:
    """The body of one entry, with #N# where the numbers differ."""
    body = Body(
        tenant=str(story.tenant.id),
        seq=0,
        at=AT,
        action="worker.created",
        actor_kind="system",
        actor_label=f"Run #{run.pk}",
        subject_kind="worker",
        subject_id="w-#N#",
        subject_label="#N#",
        source_system="Rippling",
        source_id="w-#N#",
        target_system="Plex",
        target_id="t-#N#",
        run_id=run.pk,
        correlation_id="c",
        why="",
        before={},
        after={"department": "Assembly", "position": "Welder"},
        detail={"change": "create"},
    )
    return {"tenant": str(story.tenant.id), "run": run.pk, "body": msgspec.json.encode(body).decode(), "at": AT}


ITEMS = """
    INSERT INTO sync_runitem (
        tenant_id, run_id, source_id, label, change, state, attempts, reference, target_id, company, person_id,
        fingerprint, before, after, message, looked_up, created_at, settled_at
    )
    SELECT %s, %s, 'w-' || n, n::text, 'create', CASE WHEN n %% 4 = 0 THEN 'rejected' ELSE 'created' END, 1,
        gen_random_uuid()::text, gen_random_uuid()::text, '300101', 'p-' || n, '', '{}',
        '{"department": "Assembly", "position": "Welder"}', '', 0, now(), now()
    FROM generate_series(%s, %s) AS n
"""
ENTRIES = """
    INSERT INTO audit_auditentry (
        tenant_id, seq, at, action, actor_kind, actor_label, subject_kind, subject_id, subject_label, source_system,
        source_id, target_system, target_id, run_id, correlation_id, body, previous_hash, hash
    )
    SELECT %(tenant)s, %(offset)s + n, %(at)s, 'worker.created', 'system', 'Run #' || %(run)s, 'worker', 'w-' || n,
        n::text, 'rippling', 'w-' || n, 'plex', 't-' || n, %(run)s, 'c', replace(%(body)s, '#N#', n::text), '', ''
    FROM generate_series(%(from)s, %(to)s) AS n
"""

if __name__ == "__main__":
    sys.exit(main())
