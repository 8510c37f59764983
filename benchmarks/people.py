"""The people flow: first load, re-run without changes, changes only, and memory, by the number of workers.

    .venv/bin/python -m benchmarks.people [--workers 50000] [--few 5000] [--many 100000] [--rounds 3] [--quick]

Times are from the start of the work to its end in a process of its own, without the start of the interpreter; each is
the median of its rounds, floor and product in turn.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from statistics import median
from typing import Any

import django
import httpx

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.core.management import call_command  # noqa: E402 - needs the applications
from django.db import connections  # noqa: E402

from audit.context import acting_as  # noqa: E402
from benchmarks.stage import company, simulators  # noqa: E402
from benchmarks.timing import Timing, timed  # noqa: E402
from benchmarks.verdicts import Verdicts  # noqa: E402
from sync.models import Flow, ReferenceValue, Run  # noqa: E402
from sync.runs import request_run  # noqa: E402
from tests.connectors.customers import Customer  # noqa: E402
from tests.sync.story import Story  # noqa: E402

LOAD_TARGET, RERUN_TARGET, CHANGES_TARGET, MEMORY_TARGET = 1.5, 2.0, 1.5, 1.1
RATE_TARGET = 8_000
THREADS = 8
"""As many as the Plex connector uses."""
WRITE_SECONDS = 0.02
"""How long Plex takes for a write where it is to be like a server that is not on this machine."""
FIRST_NUMBER = 1001
"""The employee number of the first worker at the simulator."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=50_000)
    parser.add_argument("--few", type=int, default=5_000)
    parser.add_argument("--many", type=int, default=100_000, help="for memory; 0 leaves it out")
    parser.add_argument("--rounds", type=int, default=3, help="of everything but first loads, which run once")
    parser.add_argument("--quick", action="store_true", help="2,000, 500 and 5,000 workers, one round")
    options = parser.parse_args()
    if options.quick:
        options.workers, options.few, options.many, options.rounds = 2_000, 500, 5_000, 1
    call_command("migrate", verbosity=0)
    verdicts = Verdicts()
    with simulators() as sandbox:
        many, few = company(sandbox, options.workers), company(sandbox, options.few)
        loads = first_load(verdicts, sandbox, many, options.workers)
        few_load = product(few)
        slow = company(sandbox, options.few, commit_delay_seconds=WRITE_SECONDS)
        first_load(verdicts, sandbox, slow, options.few, commit_delay_seconds=WRITE_SECONDS)
        rerun(verdicts, many, options.workers, options.rounds)
        changes(verdicts, few, many, options.workers, options.rounds)
        memory(verdicts, sandbox, few, options, [few_load, loads])
    return int(verdicts.missed)


def product(story: Story, kind: str = Run.Kind.FULL) -> Timing:
    """One run in a worker process; it must have succeeded."""
    with story.scope(), acting_as("user", "benchmark"):
        flow = Flow.objects.get(pk=story.flows[Flow.Kind.PEOPLE].pk)
        run = request_run(flow, kind, now=datetime.now(UTC))
        timing = timed("benchmarks.product", {"tenant": str(story.tenant.id), "run": run.pk})
        run.refresh_from_db()
    assert run.state == Run.State.SUCCEEDED, (run.state, run.message)
    return timing


def floor(do: str, story: Story, plex: Customer | None = None, **more: Any) -> Timing:
    """One run of the floor on the same simulators; a load needs an empty customer in Plex."""
    source = story.rippling
    task = {"do": do, "rippling": source.url + source.connect["base_path_v2"], "token": source.connect["token"], **more}
    if plex is not None:
        task |= {"plex": plex.url, "key": plex.connect["api_key"], "pcn": str(plex.connect["plants"][0]["pcn"])}
    return timed("benchmarks.floor", task)


def first_load(
    verdicts: Verdicts, sandbox: dict[str, str], story: Story, workers: int, **plex_options: float
) -> Timing:
    """Everybody is created in Plex; once each, because it takes minutes."""
    with story.scope():
        known = ReferenceValue.objects.filter(connection=story.source, active=True)
        names = {value.external_id: value.name for value in known}
    story.rippling.change("touch", n=0)  # no page is rendered yet, for either
    done = product(story)
    made = writes(story.plex)
    story.rippling.change("touch", n=0)
    plex = Customer.create(sandbox["plex"], setup=setup_of(story), log_requests=False, **plex_options)
    least = floor("load", story, plex, threads=THREADS, departments=names, updates=made["updates"])
    assert writes(plex) == made, (writes(plex), made)
    verdicts.note(
        f"first load: processor time {least.processor:.1f} s in the floor, {done.processor:.1f} s in ours; {made}"
    )
    pace = f", {WRITE_SECONDS * 1000:.0f} ms a write" if plex_options else ""
    compare(verdicts, f"first load of {workers:,} workers{pace}", least.seconds, done.seconds, LOAD_TARGET)
    return done


def rerun(verdicts: Verdicts, story: Story, workers: int, rounds: int) -> None:
    """Everything is as it was: nothing may be written to Plex."""
    before = writes(story.plex)
    owner = connections["owner"].settings_dict
    database = " ".join(
        f"{k}={owner[v]}" for k, v in (("host", "HOST"), ("port", "PORT"), ("user", "USER"), ("dbname", "NAME"))
    )
    floor("hash", story, database=database)  # the floor's first run writes its rows, and every page is rendered
    least, done = [], []
    for _ in range(rounds):
        least.append(floor("hash", story, database=database))
        done.append(product(story))
    assert all(timing.said["changed"] == 0 for timing in least)
    assert writes(story.plex) == before, "a run without changes has written to Plex"
    seconds = middle(done)
    processor = middle(least, "processor"), middle(done, "processor")
    verdicts.note(f"re-run: processor time {processor[0]:.2f} s in the floor, {processor[1]:.2f} s in ours; no writes")
    compare(verdicts, f"re-run of {workers:,} workers, nothing changed", middle(least), seconds, RERUN_TARGET)
    rate = workers / seconds
    verdicts.add("  workers per second", f"{workers / middle(least):,.0f}/s", f"{rate:,.0f}/s", None,
                 f"≥ {RATE_TARGET:,}/s", met=rate >= RATE_TARGET)  # fmt: skip


def changes(verdicts: Verdicts, few: Story, many: Story, workers: int, rounds: int) -> None:
    """As many changes in a small and in a large company must cost the same."""
    count = max(workers // 1000, 5)
    small, large = [], []
    for turn in range(rounds):
        small.append(changed_run(few, count, turn))
        large.append(changed_run(many, count, turn))
    compare(verdicts, f"{count} changes, few or {workers:,} workers", middle(small), middle(large), CHANGES_TARGET)


def changed_run(story: Story, count: int, turn: int) -> Timing:
    for number in range(FIRST_NUMBER, FIRST_NUMBER + count):
        story.rippling.change("update", worker=number, family_name=f"Changed-{turn}")
    before = writes(story.plex)
    timing = product(story, Run.Kind.CHANGES)
    assert writes(story.plex)["updates"] - before["updates"] == count
    return timing


def memory(
    verdicts: Verdicts, sandbox: dict[str, str], few: Story, options: argparse.Namespace, loads: list[Timing]
) -> None:
    """Peak memory of the worker process may not follow the headcount."""
    few_load, many_load = loads
    level(verdicts, f"peak of a first load, {options.few:,} → {options.workers:,}", few_load, many_load)
    if options.many:
        big = company(sandbox, options.many)
        biggest = product(big)
        level(verdicts, f"peak of a first load, {options.few:,} → {options.many:,}", few_load, biggest)
        level(verdicts, f"peak of a re-run, {options.few:,} → {options.many:,}", product(few), product(big))


def level(verdicts: Verdicts, measure: str, small: Timing, large: Timing) -> None:
    ratio = large.peak_mb / small.peak_mb
    verdicts.add(measure, f"{small.peak_mb:.0f} MB", f"{large.peak_mb:.0f} MB", ratio, f"≤ {MEMORY_TARGET}×",
                 met=ratio <= MEMORY_TARGET)  # fmt: skip


def compare(verdicts: Verdicts, measure: str, least: float, ours: float, target: float) -> None:
    verdicts.add(measure, f"{least:.2f} s", f"{ours:.2f} s", ours / least, f"≤ {target}×", met=ours <= target * least)


def middle(timings: list[Timing], of: str = "seconds") -> float:
    pick: Callable[[Timing], float] = lambda timing: getattr(timing, of)  # noqa: E731
    return median(pick(timing) for timing in timings)


def writes(plex: Customer) -> dict[str, int]:
    """What was written to this customer so far."""
    answer = httpx.get(f"{plex.url}/_control/companies/{plex.connect['key']}?compact=1", timeout=60)
    counted: dict[str, int] = answer.raise_for_status().json()["writes"]
    return counted


def setup_of(story: Story) -> dict[str, Any]:
    """The setup values of the story's plant, for another customer of the same kind."""
    with story.scope():
        story.target.refresh_from_db()
        settings = story.target.settings
    return {
        "statuses": {"Active": "active", "Terminated": "inactive"},
        "departments": settings["known_departments"].split(","),
        "positions": settings["known_positions"].split(","),
        "shifts": ["1st"],
        "types": ["Full Time"],
    }


if __name__ == "__main__":
    sys.exit(main())
