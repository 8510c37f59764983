"""What it costs to make journals of a large pay run: statements checked, placed, built, validated, reconciled.

    .venv/bin/python -m benchmarks.journals [--quick]

5,000 workers with 20 lines each, with settlement and month-end journals (by worker without). The floor sums the same
amounts, as the same exact decimals, by pay item and department. Each runs in a process of its own
(``benchmarks.drafting``), one after the other, and the best of three rounds counts; the statements are made before the
clock starts, and count as memory of all.
"""

from __future__ import annotations

import argparse
import sys

from benchmarks.timing import timed
from benchmarks.verdicts import Verdicts
from sync.payroll.journals import Detail

WORKERS, QUICK_WORKERS = 5_000, 500
LINES_EACH = 20
SECONDS_TARGET = {Detail.ACCOUNT: 3, Detail.DEPARTMENT: 3, Detail.WORKER: 8}
"""By worker there are more lines on the journals than in the register."""
MEMORY_TARGET = 300


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the workers")
    workers = QUICK_WORKERS if parser.parse_args().quick else WORKERS
    verdicts = Verdicts()
    least = timed("benchmarks.drafting", {"name": "floor", "workers": workers})
    for detail in Detail:
        done = timed("benchmarks.drafting", {"name": detail.value, "workers": workers})
        what = f"{workers * LINES_EACH:,} pay lines, journals by {detail.value}"
        most = SECONDS_TARGET[detail]
        ratio, met = done.seconds / least.seconds, done.seconds <= most
        verdicts.add(what, f"{least.seconds:.3f} s", f"{done.seconds:.2f} s", ratio, f"<= {most} s", met=met)
        ratio, met = done.peak_mb / least.peak_mb, done.peak_mb <= MEMORY_TARGET
        floor, peak = f"{least.peak_mb:.0f} MB", f"{done.peak_mb:.0f} MB"
        verdicts.add("  peak memory", floor, peak, ratio, f"<= {MEMORY_TARGET} MB", met=met)
        verdicts.note(f"{done.said['lines']:,} lines on {done.said['journals']:,} journals")
    return 1 if verdicts.missed else 0


if __name__ == "__main__":
    sys.exit(main())
