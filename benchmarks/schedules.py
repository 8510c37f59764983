"""Thousands of flows due in the same minute, and what it costs to start some among many.

    .venv/bin/python -m benchmarks.schedules [--due 5000] [--others 50000] [--companies 250] [--quick]

First the cost: with few clocks and then with many, so many are due; the look at the schedules, the starting of all of
them and the minute's work are timed in this process (median of the rounds). Then two machines (``manage.py workers``
with the workers they have by default) wait for one instant at which all are due that are to be. How late each run
started is its own ``started_at`` less the instant. Runs move nothing (``benchmarks.stubbed``); jobs, claims, leases,
audit entries and the next instants are the product's own.
"""

from __future__ import annotations

import argparse
import os
import sys

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.stubbed"
django.setup()

from django.core.management import call_command  # noqa: E402

from benchmarks.clock_costs import costs  # noqa: E402
from benchmarks.clock_rush import rush  # noqa: E402
from benchmarks.clock_stage import Company, give_far  # noqa: E402
from benchmarks.verdicts import Verdicts  # noqa: E402

GROWTH = 1.2


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--due", type=int, default=5_000, help="clocks due at one instant, for two machines")
    parser.add_argument("--others", type=int, default=50_000, help="clocks that are not due meanwhile")
    parser.add_argument("--companies", type=int, default=250)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="small sizes, one round")
    options = parser.parse_args()
    if options.quick:
        options.due, options.others, options.companies, options.rounds = 200, 2_000, 20, 1
    call_command("migrate", verbosity=0)
    verdicts = Verdicts()
    companies = [Company() for _ in range(options.companies)]
    few = options.others // 10
    give_far(companies, few)
    little = costs(companies, few // 10, options.rounds)
    give_far(companies, options.others - few)
    much = costs(companies, few // 10, options.rounds)
    verdicts.note(f"few: {few:,} clocks, many: {options.others:,}, of {options.companies} companies")
    for step, cost in little.items():
        seconds, pages = much[step].seconds / cost.seconds, much[step].pages / cost.pages
        verdicts.add(
            step,
            f"{cost.seconds:.2f} s",
            f"{much[step].seconds:.2f} s",
            seconds,
            f"≤ {GROWTH}× pages: {pages:.2f}×",
            met=pages <= GROWTH,
        )
    rush(verdicts, companies, options.due)
    return int(verdicts.missed)


if __name__ == "__main__":
    sys.exit(main())
