"""Pay day at Lakemont: a journal for each legal entity, one of which outlives the death of the worker that wrote it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from demo.api import Customer, DemoError
from demo.desk import Desk
from demo.firm import books, company, tying
from demo.pay_runs import Office, Row, shown
from demo.paying import ARREARS
from demo.processes import PATIENCE, Stage
from demo.screen import Screen
from demo.setup import Wiring, map_cost_centers
from demo.site import Site
from demo.summary import Summary

BATCH = r"/data/\$batch"
SLOW = 3.0
"""Seconds that Dynamics takes over the lines during which the worker dies."""
LEASE = timedelta(seconds=65)
"""After this long without a sign of life a worker is taken for dead."""
HOLD = timedelta(minutes=5)
"""So long the product waits before it believes that the rest of a journal will not come by itself."""


class Payday:
    """The second part of the story. ``desk`` is the approver's, who has no part in preparing."""

    def __init__(self, stage: Stage, site: Site, wiring: Wiring, screen: Screen, summary: Summary, desk: Desk) -> None:
        self.stage, self.site, self.setup, self.screen, self.summary = stage, site, wiring, screen, summary
        self.api, self.office = wiring.api, Office(stage, wiring.api, desk)
        self.rippling: Customer
        self.dynamics: Customer
        today = company.local_today()
        self.paid_on = today - timedelta(days=(today.weekday() - 4) % 7)

    def tell(self, rippling: Customer, dynamics: Customer, contractors: set[str]) -> None:
        """Every step in order. DemoError when one cannot be done; what is wrong at the end is in the summary."""
        self.rippling, self.dynamics = rippling, dynamics
        self._set_up()
        runs = self._preview(contractors)
        self._die_while_writing(runs[0])
        self._resume(runs[0])
        self._post(runs[1:])
        self._prove(runs)

    def _set_up(self) -> None:
        with self.screen.step("Payroll: account rules by main account and dimensions, and cost centers, brought in"):
            integration = self.setup.integration["id"]
            self.api.patch(f"payroll-settings/{integration}/", {"start_date": self.paid_on.isoformat()})
            imported = self.api.upload(f"account-rules/import/?integration={integration}", books.rules())["imported"]
            centers = {name: company.cost_center(name) for name in company.DEPARTMENTS}
            mapped = map_cost_centers(self.setup, centers)
            rows = [
                [imported, "account rules from the controller's CSV file"],
                [mapped, "departments with a cost center"],
            ]
            self.screen.table(rows)

    def _preview(self, contractors: set[str]) -> list[Row]:
        """The pay runs in the order of the legal entities, with their journals ready."""
        with self.screen.step(f"Rippling pays everybody but the contractors on {self.paid_on:%d %B}: three journals"):
            self._run_payroll(contractors)
            self.setup.run("payroll")
            runs = self._pay_runs()
            rows = []
            for run in runs:
                (posting,) = self.office.postings(run)
                whole = self.api.get(f"postings/{posting['id']}/")
                sums = [shown(whole[name]) for name in ("debit", "credit")]
                rows.append([run["entity"].city, whole["line_count"], whole["people"], *sums, run["state"]])
            self.screen.table(rows, ["legal entity", "lines", "people", "debit", "credit", "state"])
            states = {run["state"] for run in runs}
            self.summary.require(states == {"ready"}, f"The pay runs are {states}, not ready for review.")
            self.summary.require(not self._journals(), "There is a journal in Dynamics before any was approved.")
        return runs

    def _run_payroll(self, contractors: set[str]) -> None:
        end = (self.paid_on - ARREARS).isoformat()
        workers = [
            worker["id"]
            for worker in self.rippling.snapshot()["workers"]
            if worker["status"] == "ACTIVE" and worker["start_date"] <= end and str(worker["number"]) not in contractors
        ]
        self.rippling.change("run_payroll", check_date=self.paid_on.isoformat(), workers=workers)

    # -- One journal, and the death of its worker ------------------------------------------------------------------

    def _die_while_writing(self, run: Row) -> None:
        city = run["entity"].city
        with self.screen.step(
            f"{city} approved; all workers are killed (SIGKILL) while the journal's lines are written"
        ):
            (posting,) = self.office.postings(run)
            self.dynamics.fault(kind="slow", method="POST", path=BATCH, skip=1, seconds=SLOW)
            self.api.patch(f"flows/{self.setup.flows['payroll']}/", {"writes_enabled": True})
            self.office.approve([run])
            self._until(lambda: self._lines_of(posting) > 0, "Dynamics got no line of the journal.")
            self.stage.kill(self.site.worker)
            begun = self._lines_of(posting)
            self.screen.say(f"{begun} lines were in Dynamics when the workers died; a request was still under way.")
            time.sleep(SLOW + 1)
            left = self._lines_of(posting)
            self.screen.say(f"Dynamics finished that request by itself: {left} lines, and nobody to write the others.")
            self.summary.require(
                0 < left < posting["line_count"], f"{left} of {posting['line_count']} lines are there."
            )
            self.summary.payroll["killed_at"] = {"lines": left, "of": posting["line_count"]}

    def _resume(self, run: Row) -> None:
        with self.screen.step("New workers find the journal in part and wait; then what is missing is written"):
            (posting,) = self.office.postings(run)
            address = f"postings/{posting['id']}/"
            self.screen.say(
                "Nobody has to sit through the waits: the demonstration's database is told a later time. The product's "
                "code is what it is everywhere."
            )
            self.site.clock.put_forward(LEASE)
            self.site.worker = self.stage.start_worker("second worker")
            self._until(lambda: "a part of it" in self.api.get(address)["message"], "The part was not found.")
            self.screen.say(f"A minute later: {self.api.get(address)['message']}")
            body = {"decision": "post_again", "reason": "The rest is not there."}
            self.screen.say(f"A person who cannot wait is refused: {self.api.refused(f'{address}decide/', body)}")
            before = self._lines_of(posting)
            self.site.clock.put_forward(HOLD)
            self.screen.say("Five minutes later somebody asks again, and the rest is written.")
            self._until(lambda: self._looked_up(address), "It is still looked up.")
            self.office.tied_out([run])
            after = self.api.get(address)
            numbers = {journal["number"] for journal in self._journals()}
            self.summary.require(numbers == {after["journal_number"]}, f"Journals {numbers} are there, not one.")
            self.summary.payroll["resumed"] = {"journal": after["journal_number"], "lines_before": before}
            whole = self._lines_of(posting)
            self.screen.say(f"Journal {after['journal_number']}: {before} lines from before the crash, {whole} now.")

    def _looked_up(self, address: str) -> bool:
        """Whether the product has done with asking the ledger; it is told to ask now."""
        if self.api.get(address)["state"] == "verifying":
            self.api.post(f"{address}verify/")
            time.sleep(1)
            return False
        return True

    def _post(self, runs: Sequence[Row]) -> None:
        with self.screen.step("The other two approved and written; finance posts all three in Dynamics"):
            self.office.approve(runs)
            self.office.tied_out(runs)
            done = self.dynamics.change("post_journals", name=books.JOURNAL_NAME)
            self.summary.require(not done["refused"], f"Dynamics refused to post: {done['refused']}.")
            self.screen.say(f"{len(done['posted'])} journals are posted, and can no longer be changed there.")

    # -- Proof -----------------------------------------------------------------------------------------------------

    def _prove(self, runs: Sequence[Row]) -> None:
        with self.screen.step("Proof: Rippling's registers and Dynamics' journals held against each other by account"):
            known: dict[str, list[str]] = {}
            for run in runs:
                known[run["source_id"]] = [posting["reference"] for posting in self.office.postings(run)]
            tied = tying.tie(self.rippling, self.dynamics, known)
            rows = [
                [one.entity.city, one.journals, one.lines, *map(shown, one.by_account[0][1:]), shown(one.difference)]
                for one in tied
            ]
            self.screen.table(rows, ["legal entity", "journals", "lines", "register", "ledger", "difference"])
            for one in tied:
                for name, register, ledger in one.by_account:
                    self.summary.require(register == ledger, f"{one.entity.city}, {name}: {register} and {ledger}.")
                self.summary.require(one.debits == one.credits, f"{one.entity.city}: debits and credits differ.")
            found = list(tying.disorder(self.dynamics, known))
            self.summary.failures += found
            self.screen.say(
                f"{len(found)} journals or lines are not as they should be."
                if found
                else "Each journal once, posted, every cost on its cost center and business unit."
            )
            self._sum_up(tied)

    def _sum_up(self, tied: Sequence[tying.Tied]) -> None:
        register, ledger = (sum((one.by_account[0][n] for one in tied), Decimal()) for n in (1, 2))
        states = [run["state"] for run in self._pay_runs()]
        self.summary.require(states == ["reconciled"] * len(company.ENTITIES), f"The pay runs are {states}.")
        self.summary.payroll |= {
            "pay_runs": len(states),
            "states": {state: states.count(state) for state in states},
            "journals_posted": sum(one.journals for one in tied),
            "register_total": f"{register:.2f}",
            "ledger_total": f"{ledger:.2f}",
            "difference": f"{max(one.difference for one in tied):.2f}",
            "by_company": [
                {
                    "company": one.entity.id,
                    "journals": one.journals,
                    "lines": one.lines,
                    "debits": f"{one.debits:.2f}",
                    "credits": f"{one.credits:.2f}",
                    "difference": f"{one.difference:.2f}",
                }
                for one in tied
            ],
        }

    # -- Looked at in several steps --------------------------------------------------------------------------------

    def _pay_runs(self) -> list[Row]:
        entities = {run["id"]: company.entity_of(run) for run in self.rippling.snapshot()["pay_runs"]}
        rows = [row | {"entity": entities[row["source_id"]]} for row in self.api.all("pay-runs/")]
        return sorted(rows, key=lambda row: row["entity"].business_unit)

    def _journals(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.dynamics.snapshot()["journals"]
        return found

    def _lines_of(self, posting: Row) -> int:
        """How many lines Dynamics has of the journal."""
        own = [one for one in self._journals() if tying.reference_of(one) == posting["reference"]]
        return sum(len(journal["lines"]) for journal in own)

    def _until(self, holds: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not holds():
            self.stage.require_alive()
            if time.monotonic() > deadline:
                raise DemoError(otherwise)
            time.sleep(0.1)
