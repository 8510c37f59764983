"""Whatever goes wrong while a journal is posted: the ledger has it once, as approved, and it is tied out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from tests.chaos.posting_trials import Outcome
from tests.conftest import ROOT, database_environment

pytestmark = pytest.mark.chaos

SEED = int(os.environ.get("CHAOS_SEED", "20260700"))
TRIALS = int(os.environ.get("CHAOS_TRIALS", "16"))
DYNAMICS_TRIALS = int(os.environ.get("CHAOS_TRIALS", "8"))
PROCESSES = 2


def trials_of(sandbox: dict[str, str], ledger: str, trials: int, process: int) -> list[Outcome]:
    """The share of one process, which must get through all of it."""
    count = len(range(process, trials, PROCESSES))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.chaos.posting_worker", json.dumps(sandbox), ledger),
            *(str(SEED + process), str(count), str(PROCESSES)),
        ],
        cwd=ROOT,
        env=database_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    found = [
        msgspec.json.decode(line, type=Outcome) for line in done.stdout.splitlines() if line.startswith('{"seed":')
    ]
    assert (done.returncode, len(found)) == (0, count), done.stderr[-4000:]
    return found


def table(outcomes: Sequence[Outcome]) -> str:
    """By fault: trials, how they ended, posts per trial at most; and how many workers died."""
    by_fault: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        for fault in outcome.faults:
            by_fault[fault].append(outcome)
    rows = []
    for fault, ended in [*sorted(by_fault.items()), ("all", list(outcomes))]:
        states = ", ".join(f"{count} {state}" for state, count in Counter(o.state for o in ended).most_common())
        posts = max(o.posts for o in ended)
        rows.append(f"{fault:36} {len(ended):5} trials  posts <= {posts:2}  {states}")
    deaths, kills = sum(o.deaths for o in outcomes), sum(o.kills for o in outcomes)
    return "\n".join([*rows, f"{deaths} workers died at work, {kills} of them processes killed with SIGKILL"])


@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("ledger", "trials"), [("plex", TRIALS), ("dynamics", DYNAMICS_TRIALS)])
def test_a_journal_is_posted_exactly_once_whatever_goes_wrong(
    sandbox: dict[str, str], ledger: str, trials: int, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()

    with ThreadPoolExecutor(PROCESSES) as pool:
        shares = pool.map(lambda process: trials_of(sandbox, ledger, trials, process), range(PROCESSES))
        outcomes = [outcome for share in shares for outcome in share]

    with capsys.disabled():
        seconds = time.monotonic() - began
        sys.stdout.write(
            f"\n{trials} trials with {ledger} of CHAOS_SEED={SEED} in {seconds:.0f} s\n{table(outcomes)}\n"
        )
    troubles = [
        f"CHAOS_SEED={o.seed} CHAOS_TRIALS=1 ({ledger}): {', '.join(o.faults)}\n{o.trouble}"
        for o in outcomes
        if o.trouble
    ]
    assert not troubles, f"{len(troubles)} of {trials}\n" + "\n".join(troubles[:5])
