"""Dynamics: requests and seconds of a large journal, many dimension values, and who writes at the same time.

    .venv/bin/python -m benchmarks.dynamics [--quick]

The least number of requests follows from the rules alone: vouchers of at most ten lines that balance, at most fifty
lines a request, one request after the other, and the header before them. Lines that do not balance among themselves
have to be parted, one more for each voucher. The floor of the seconds sends the same bodies once more, to another
environment, and looks at nothing.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from math import ceil
from typing import Any

import django
import httpx

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.core.management import call_command  # noqa: E402 - needs the applications

from audit.context import acting_as  # noqa: E402
from benchmarks.stage import simulators  # noqa: E402
from benchmarks.timing import Timing, timed  # noqa: E402
from benchmarks.verdicts import Verdicts  # noqa: E402
from sync.models import Flow, PayrollSettings, PayRun, ReferenceValue, Run  # noqa: E402
from sync.runs import request_run  # noqa: E402
from tests.connectors.customers import Customer  # noqa: E402
from tests.sync.payroll.dynamics_payday import DynamicsPayday, tell_dynamics  # noqa: E402
from tests.sync.payroll.payday import PAYROLL, drafted  # noqa: E402

LINES_A_VOUCHER, LINES_A_REQUEST = 10, 50
REQUESTS_TARGET = 1.01
VALUES_SECONDS, MEMORY_TARGET = 60, 1.1
LINE_MILLISECONDS = 10
"""How long Dynamics takes for a line where requests shall have time to meet."""
SMALL = {"Department": ["022"], "CostCenter": ["0015"], "BusinessUnit": ["001"]}
COMPANIES = ({"id": "usmf"}, {"id": "ussi", "name": "Contoso Consulting USA"})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the lines and values")
    quick = parser.parse_args().quick
    call_command("migrate", verbosity=0)
    verdicts = Verdicts()
    with simulators() as sandbox:
        for balanced in (True, False):
            one_journal(verdicts, sandbox["dynamics"], 1_000 if quick else 10_000, balanced=balanced)
        values(verdicts, sandbox, 10_000, 20_000 if quick else 100_000)
        side_by_side(verdicts, sandbox, 30 if quick else 100)
    return int(verdicts.missed)


def one_journal(verdicts: Verdicts, address: str, lines: int, *, balanced: bool) -> None:
    """A journal of so many lines, the lines of each person balanced or all of them against one line of net pay."""
    customer = Customer.create(address)
    done = timed("benchmarks.dynamics_work", {"do": "post", **place(customer), "lines": lines, "balanced": balanced})
    snapshot = customer.snapshot()
    asked = snapshot["requests"]
    sent = asked["POST $batch"] + asked["POST LedgerJournalHeaders"]
    (journal,) = snapshot["journals"]
    assert journal["debit"] == journal["credit"] == done.said["debit"], "the ledger has other amounts"
    least = least_requests(lines, balanced=balanced)
    what = f"{lines:,} lines, {'balanced by person' if balanced else 'against one net pay'}"
    verdicts.add(f"requests for {what}", str(least), str(sent), sent / least, f"<= {REQUESTS_TARGET}",
                 met=sent <= REQUESTS_TARGET * least)  # fmt: skip
    again = replayed(customer, Customer.create(address))
    reads = sum(count for name, count in asked.items() if name.startswith("GET"))
    written = asked["batch: POST LedgerJournalLines"]
    verdicts.note(f"{done.seconds:.1f} s, of which ours {done.processor:.1f} s of a processor; the floor {again:.1f} s")
    verdicts.note(f"{written:,} lines sent, {reads} reads, peak {done.peak_mb:.0f} MB")
    at_once = snapshot["overlaps"]["in_one_journal"]
    verdicts.add("  requests at once", "1", str(at_once), None, "1", met=at_once == 1)


def least_requests(lines: int, *, balanced: bool) -> int:
    """Of ``lines`` amounts of which no few balance, so many vouchers need as many cuts, less one."""
    vouchers = ceil(lines / LINES_A_VOUCHER) if balanced else ceil((lines - 1) / (LINES_A_VOUCHER - 1))
    return ceil(vouchers / (LINES_A_REQUEST // LINES_A_VOUCHER)) + 1


def place(customer: Customer) -> dict[str, Any]:
    return {"url": customer.url, "connect": customer.connect}


def replayed(customer: Customer, other: Customer) -> float:
    """Seconds for the same changes once more, in another environment."""
    written = [one for one in customer.requests() if one["method"] == "POST" and one["path"].startswith("/data/")]
    form = {
        "grant_type": "client_credentials",
        "client_id": other.connect["client_id"],
        "client_secret": other.connect["client_secret"],
        "scope": f"{other.url}/.default",
    }
    with httpx.Client(base_url=other.url, timeout=60, trust_env=False) as client:
        began = time.perf_counter()
        token = client.post(other.connect["token_path"], data=form).raise_for_status().json()["access_token"]
        for one in written:
            headers = {
                "Authorization": f"Bearer {token}",
                **{name: one["headers"][name] for name in ("content-type", "accept")},
            }
            url = f"{one['path']}?{one['raw_query']}" if one["raw_query"] else one["path"]
            client.post(url, content=one["body"].encode(), headers=headers).raise_for_status()
        return time.perf_counter() - began


def values(verdicts: Verdicts, sandbox: dict[str, str], few: int, many: int) -> None:
    """So many values of a dimension are kept, and then found to be as they were."""
    first, again = [], []
    for count in (few, many):
        payday = DynamicsPayday(
            tell_dynamics(
                sandbox,
                dynamics={"dimensions": {**SMALL, "Project": count}, "workers": 3, "log_requests": False},
                settings={"location_dimension": "Project"},
            )
        )
        first.append(reference(payday))
        again.append(reference(payday))
        with payday.scope():
            kept = ReferenceValue.objects.filter(connection=payday.story.target, kind="location", active=True).count()
        units = len(SMALL["BusinessUnit"])
        assert kept == count + units, f"{kept} of {count + units} values are kept"
    for what, (small, large) in (("read and kept", first), ("read and compared", again)):
        verdicts.add(f"{many:,} dimension values {what}", "", f"{large.seconds:.1f} s", None, f"<= {VALUES_SECONDS} s",
                     met=large.seconds <= VALUES_SECONDS)  # fmt: skip
        ratio = large.peak_mb / small.peak_mb
        least, most = f"{small.peak_mb:.0f} MB", f"{large.peak_mb:.0f} MB"
        verdicts.add(f"  peak memory, {few:,} and {many:,}", least, most, ratio, f"<= {MEMORY_TARGET}",
                     met=ratio <= MEMORY_TARGET)  # fmt: skip


def reference(payday: DynamicsPayday) -> Timing:
    """One run of the reference flow in a worker process; it must have succeeded."""
    story = payday.story
    with story.scope(), acting_as("user", "benchmark"):
        flow = Flow.objects.get(pk=story.flows[Flow.Kind.REFERENCE].pk)
        run = request_run(flow, Run.Kind.FULL, now=datetime.now(UTC))
        timing = timed("benchmarks.product", {"tenant": str(story.tenant.id), "run": run.pk})
        run.refresh_from_db()
    assert run.state == Run.State.SUCCEEDED, (run.state, run.message)
    return timing


def side_by_side(verdicts: Verdicts, sandbox: dict[str, str], people: int) -> None:
    """Two companies post in one environment, each with two workers that want the same journal."""
    options = {"legal_entities": COMPANIES, "line_delay_ms": LINE_MILLISECONDS}
    here = Customer.create(sandbox["dynamics"], **options)
    paydays = [company_of(sandbox, here, entity["id"], people) for entity in COMPANIES]
    tasks = [
        {"do": "advance", "tenant": str(payday.story.tenant.id), "pay_run": pay_run.pk}
        for payday, pay_run in paydays
        for _ in range(2)
    ]
    began = time.perf_counter()
    with ThreadPoolExecutor(len(tasks)) as pool:
        took = list(pool.map(lambda task: timed("benchmarks.dynamics_work", task).seconds, tasks))
    seconds = time.perf_counter() - began
    snapshot = here.snapshot()
    for payday, pay_run in paydays:
        (posting,) = payday.postings(pay_run)
        assert posting.state == "reconciled", (posting.state, posting.message)
    assert len(snapshot["journals"]) == len(paydays)
    overlaps = snapshot["overlaps"]
    verdicts.add("writes to one journal at once", "1", str(overlaps["in_one_journal"]), None, "1",
                 met=overlaps["in_one_journal"] == 1)  # fmt: skip
    verdicts.add("journals of two companies at once", "2", str(overlaps["journals"]), None, "2",
                 met=overlaps["journals"] == len(paydays))  # fmt: skip
    lines = sum(len(journal["lines"]) for journal in snapshot["journals"])
    verdicts.note(f"{lines:,} lines in {seconds:.1f} s by four workers; the longest worked for {max(took):.1f} s")


def company_of(sandbox: dict[str, str], here: Customer, entity: str, people: int) -> tuple[DynamicsPayday, PayRun]:
    """A tenant with its own legal entity in an environment, and a journal with a line by person, approved."""
    story = tell_dynamics(sandbox, here=here, settings={"legal_entities": entity},
                          rippling={"size": people, "payroll": PAYROLL})  # fmt: skip
    payday = DynamicsPayday(story)
    with payday.scope():
        PayrollSettings.objects.filter(integration=story.integration).update(detail="worker")
    story.run(flow=Flow.Kind.REFERENCE)
    payday.map_cost_centers()
    pay_run = drafted(payday)
    payday.approve(pay_run)
    return payday, pay_run


if __name__ == "__main__":
    sys.exit(main())
