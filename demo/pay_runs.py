"""What people do with pay runs whatever the ledger: look at them, approve them, wait until they are tied out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from demo.api import Api, DemoError
from demo.desk import Desk
from demo.processes import PATIENCE, Stage

MASKED = "•••"

Row = dict[str, Any]


class Office:
    """A company's payroll office. ``desk`` is the approver's, who has no part in preparing."""

    def __init__(self, stage: Stage, api: Api, desk: Desk) -> None:
        self._stage, self._api, self._desk = stage, api, desk

    def postings(self, run: Row) -> list[Row]:
        """The journals of a pay run, the first one first."""
        found: list[Row] = self._api.all(f"postings/?pay_run={run['id']}")
        return sorted(found, key=lambda posting: posting["id"])

    def approve(self, runs: Sequence[Row]) -> list[str]:
        """The approver agrees to the drafts of these runs; what they were shown."""
        return [sentence for run in runs for sentence in self._desk.approve(run["id"])]

    def tied_out(self, runs: Sequence[Row]) -> set[str]:
        """Wait until these runs are on the ledger and tied out; the states they went through, as far as seen."""
        waiting, seen = {run["id"] for run in runs}, set()
        deadline = time.monotonic() + PATIENCE
        while waiting:
            self._stage.require_alive()
            for row in self._api.all("pay-runs/"):
                if row["id"] in waiting:
                    seen.add(row["state"])
                    if row["state"] == "reconciled" and not row["source_change"]:
                        waiting.remove(row["id"])
                    elif row["state"] in ("held", "attention", "rejected") or time.monotonic() > deadline:
                        raise DemoError(f"{row['title']} is {row['state']} instead of tied out. {row['message']}")
            time.sleep(0.2)
        return seen


def shown(amount: Decimal | str | None) -> str:
    """As people write it; what a single person's pay could be told from is masked."""
    return MASKED if amount is None else f"{Decimal(amount):,.2f}"
