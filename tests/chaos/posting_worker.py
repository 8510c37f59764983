"""A share of the trials, in a process of its own.

``python -m tests.chaos.posting_worker SANDBOX LEDGER SEED COUNT STEP``
"""

from __future__ import annotations

import json
import sys

import msgspec


def main(sandbox: str, ledger: str, seed: str, count: str, step: str) -> None:
    """One line of JSON per trial, as it ends."""
    from tests.chaos.posting_trials import processes, run_trials

    processes.set_forkserver_preload(["tests.chaos.posting_trials"])
    for outcome in run_trials(json.loads(sandbox), ledger, int(seed), int(count), int(step)):
        sys.stdout.write(msgspec.json.encode(outcome).decode() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
