"""Two machines run companies by themselves while everything around them fails: afterwards nothing is lost or doubled.

``CHAOS_MINUTES=30 CHAOS_SEED=… make test ARGS="tests/chaos/test_unattended.py"`` is the long form, over 20 companies.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.chaos

SEED = int(os.environ.get("CHAOS_SEED", "20260801"))
MINUTES = float(os.environ.get("CHAOS_MINUTES", "1"))
COMPANIES = 4 if MINUTES <= 2 else 20
LONGEST = MINUTES * 60 + 1800


@pytest.mark.timeout(LONGEST + 60)
def test_whatever_goes_wrong_nothing_is_lost_and_nothing_done_twice(capsys: pytest.CaptureFixture[str]) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.chaos.unattended", str(SEED), str(MINUTES), str(COMPANIES)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            said, errors = process.communicate(timeout=LONGEST)
        except subprocess.TimeoutExpired:
            process.terminate()
            said, errors = process.communicate()

    assert process.returncode in (0, 1), errors[-4000:]
    summary = json.loads(said.splitlines()[-1])
    with capsys.disabled():
        sys.stdout.write(f"\n{json.dumps(summary, indent=1)}\n")
    assert not summary["complaints"], f"CHAOS_SEED={SEED}:\n" + "\n".join(summary["complaints"][:20])
