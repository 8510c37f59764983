"""Speed and memory of the product against a floor that does nothing but the unavoidable.

    .venv/bin/python -m benchmarks [people] [pages] [audit] [journals] [webhooks]
        [schedules] [dynamics] [--quick]

Floor and product run on the same simulator process and the same PostgreSQL, one after the other, each in a process of
its own. Without a name all of them run: about a minute with ``--quick``, a quarter of an hour without. The database
is a fresh embedded one that is thrown away, unless ML_DATA_DIR or DATABASE_URL says otherwise. The exit status is
that of the last verdict: 0 when every target was met.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile

AUDIT_QUICK = ["--entries", "4000", "--verify", "20000", "--rounds", "1"]


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = ("people", "pages", "audit", "journals", "webhooks", "schedules", "dynamics")
    parser.add_argument("names", nargs="*", metavar="name", help=f"which: {', '.join(names)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="small sizes: tells whether it works, not how fast it is")
    options = parser.parse_args()
    if unknown := set(options.names) - set(names):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory(prefix="mlc-bench-", ignore_cleanup_errors=True) as fresh:
        os.environ.setdefault("ML_DATA_DIR", fresh)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
        failures = [name for name in options.names or names if run(name, quick=options.quick) != 0]
    if failures:
        print(f"missed in: {', '.join(failures)}")
    return 1 if failures else 0


def run(name: str, *, quick: bool) -> int:
    """One benchmark in a process of its own; its exit status."""
    arguments = ["--quick"] if quick else []
    if name == "audit":
        arguments = AUDIT_QUICK if quick else []
    print(f"\n== {name}: load of this machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    return subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
