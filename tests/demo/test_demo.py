"""``python -m demo --once`` as anybody runs it: real processes, its own database, its own ports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import psutil

from tests.conftest import ROOT


def test_the_first_company_is_set_up_changed_mended_paid_and_proved(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "demo", "--once", "--summary", str(tmp_path / "summary.json")],
        cwd=ROOT,
        # A deployment's settings lie around; the demonstration must not touch that database.
        env={**os.environ, "ML_DATA_DIR": str(tmp_path), "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/customers"},
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["failures"] == []
    assert summary["audit"]["verified"] is True
    assert summary["audit"]["entries"] > 400
    payroll_ties_out(summary["integrations"]["I1"]["payroll"])
    people_agree(summary["integrations"]["I1"]["people"])
    runs_did_what_happened(summary["integrations"]["I1"]["people"])
    assert left_running(tmp_path) == []


def payroll_ties_out(payroll: dict[str, Any]) -> None:
    """Two periods of two plants and one run off cycle, one of them corrected, to the cent."""
    assert (payroll["pay_runs"], payroll["states"]) == (5, {"reconciled": 5})
    # One journal a run, then the reversal of one and what takes its place.
    assert (payroll["journals_posted"], payroll["reversed"]) == (7, 1)
    assert Decimal(payroll["register_total"]) == Decimal(payroll["ledger_total"]) > 900_000
    assert Decimal(payroll["net_pay"]) == Decimal(payroll["wages_payable"]) > 500_000
    assert {run["difference"] for run in payroll["by_pay_run"]} == {payroll["difference"]} == {"0.00"}
    assert sorted(run["journals"] for run in payroll["by_pay_run"]) == [1, 1, 1, 1, 3]
    assert payroll["evidence"]["verified"] is True


def people_agree(people: dict[str, Any]) -> None:
    """150 on both sides at first, every change afterwards."""
    assert people["after_first_run"] == {"source_headcount": 150, "target_headcount": 150}
    # Three came, one came back, two left; who starts in two weeks does not count yet.
    assert (people["source_headcount"], people["target_headcount"]) == (152, 152)
    assert people["open_problems"] == 0
    assert len(people["changes"]) == 13
    assert all(change["applied"] for change in people["changes"])
    assert people["withheld_untouched"] == 150


def runs_did_what_happened(people: dict[str, Any]) -> None:
    """Each run did what was to be done, and the last one nothing."""
    first, second, replay, last = (people["runs"][name] for name in ("first", "second", "replay", "last"))
    assert (first["created"], first["terminated"]) == (111, 1)
    assert second == {
        "created": 3,
        "updated": 1,
        "transferred": 3,
        "terminated": 2,
        "rehired": 1,
        "blocked": 6,
        "unchanged": 144,
        "queued": 1,
    }
    assert replay["transferred"] == 6
    assert set(last) == {"unchanged", "queued"}
    assert not any(people["outcomes"][outcome] for outcome in ("rejected", "verifying", "unsent"))


def left_running(directory: Path) -> list[list[str]]:
    """Processes that still work in the directory."""
    left = []
    for process in psutil.process_iter():
        try:
            words = [*process.cmdline(), process.environ().get("ML_DATA_DIR", "")]
        except psutil.Error:
            continue
        if any(word.startswith(str(directory)) for word in words):
            left.append(words)
    return left
