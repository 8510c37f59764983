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
import pytest

from tests.conftest import ROOT


@pytest.mark.timeout(700)
def test_both_companies_are_set_up_changed_paid_and_proved(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "demo", "--once", "--summary", str(tmp_path / "summary.json")],
        cwd=ROOT,
        # A deployment's settings lie around; the demonstration must not touch that database.
        env={**os.environ, "ML_DATA_DIR": str(tmp_path), "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/customers"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["failures"] == []
    plex, dynamics = summary["integrations"]["I1"], summary["integrations"]["I4"]
    assert all(one["audit"]["verified"] and one["audit"]["entries"] > 400 for one in (plex, dynamics))
    payroll_ties_out(plex["payroll"])
    people_agree(plex["people"])
    runs_did_what_happened(plex["people"])
    three_companies_agree(dynamics["people"])
    a_journal_outlives_its_worker(dynamics["payroll"])
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


def three_companies_agree(people: dict[str, Any]) -> None:
    """400 on both sides from the first run on: as many come as go."""
    assert people["after_first_run"] == {"source_headcount": 400, "target_headcount": 400}
    assert (people["source_headcount"], people["target_headcount"], people["companies"]) == (400, 400, 3)
    first, second = people["runs"]["first"], people["runs"]["second"]
    # 48 people and 12 contractors were missing, two had left, and two were with the wrong legal entity.
    assert (first["created"], first["terminated"]) == (60, 2)
    assert second == {"created": 3, "transferred": 2, "terminated": 3, "unchanged": 400}
    assert not any(people["outcomes"][outcome] for outcome in ("rejected", "verifying", "unsent", "blocked"))


def a_journal_outlives_its_worker(payroll: dict[str, Any]) -> None:
    """One journal for each legal entity, to the cent; one of them was written by two workers."""
    assert (payroll["states"], payroll["journals_posted"]) == ({"reconciled": 3}, 3)
    assert Decimal(payroll["register_total"]) == Decimal(payroll["ledger_total"]) > 1_000_000
    assert {one["difference"] for one in payroll["by_company"]} == {payroll["difference"]} == {"0.00"}
    assert all(Decimal(one["debits"]) == Decimal(one["credits"]) > 100_000 for one in payroll["by_company"])
    killed, resumed = payroll["killed_at"], payroll["resumed"]
    assert 0 < killed["lines"] == resumed["lines_before"] < killed["of"] <= payroll["by_company"][0]["lines"]


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
