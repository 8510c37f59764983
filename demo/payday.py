"""Pay day at Northfield: set up, held, mended, previewed, approved by somebody else, posted once, corrected, proved."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from io import BytesIO

from demo import books, company, paying, setup, tying
from demo.desk import Desk
from demo.pay_runs import Office, Row, shown
from demo.processes import PATIENCE, Stage
from demo.screen import Screen
from demo.setup import Setup
from demo.summary import Summary

STATES = {
    "held": "held, with problems to mend",
    "ready": "ready for review",
    "reconciled": "posted and tied out",
}
CHANGED = "changed in Rippling after it was posted"


class Payday:
    """The second part of the story. ``desk`` is the approver's, who has no part in preparing."""

    def __init__(self, stage: Stage, setup: Setup, screen: Screen, summary: Summary, desk: Desk) -> None:
        self.stage, self.setup, self.screen, self.summary = stage, setup, screen, summary
        self.office = Office(stage, setup.api, desk)
        self.api, self.rippling, self.plex = setup.api, setup.rippling, setup.plex
        self.entered = tying.by_hand(setup.plex)
        self.first, self.second = paying.check_dates()

    def tell(self) -> None:
        """Every step in order. DemoError when one cannot be done; what is wrong at the end is in the summary."""
        self._set_up()
        self._first_period()
        self._mend()
        self._preview()
        self._post_with_a_lost_answer()
        self._second_period()
        self._off_cycle()
        self._correct()
        self._prove()
        self._take_evidence()

    # -- Set-up ----------------------------------------------------------------------------------------------------

    def _set_up(self) -> None:
        with self.screen.step("Payroll: first check date chosen, account rules and cost centers brought in"):
            integration = self.setup.integration["id"]
            self.api.patch(f"payroll-settings/{integration}/", {"start_date": self.first.isoformat()})
            imported = self.api.upload(f"account-rules/import/?integration={integration}", books.RULES)["imported"]
            mapped = setup.map_cost_centers(self.setup, books.cost_centers())
            self.screen.table(
                [[imported, "account rules from the accountant's CSV file"], [mapped, "departments with a cost center"]]
            )

    # -- The first period ------------------------------------------------------------------------------------------

    def _first_period(self) -> None:
        with self.screen.step(f"Rippling pays the first period, on {self.first:%d %B}; one pay item is new"):
            lucky = paying.pay_with_bonus(self.rippling, self.first)
            runs = self._read()
            self._require_states(runs, {"Maumee": "held", "Monroe": "ready"})
            held = next(run for run in runs if run["state"] == "held")
            findings = self.api.get(f"pay-runs/{held['id']}/")["findings"]
            for finding in findings:
                self.screen.say(f"{finding['sentence']} {finding['remedy']}")
                self.screen.say(f"People: {', '.join(finding['people'])}. Money: {shown(finding['amount'])}.")
            found = [(f["culprit"], sorted(f["people"]), f["amount"]) for f in findings]
            wanted = (books.BONUS_RULE["item"], lucky, str(Decimal(paying.SPOT_BONUS) * paying.LUCKY))
            self.summary.require(found == [wanted], f"The run is held by {found}, not by the new pay item.")

    def _mend(self) -> None:
        with self.screen.step("Mended by one rule, and checked again"):
            rule = {"integration": self.setup.integration["id"], **books.BONUS_RULE}
            self.api.post("account-rules/", rule)
            self.screen.say(f"{rule['item']} → {rule['debit']}.")
            for run in self._pay_runs(state="held"):
                self.api.finished(self.api.post(f"pay-runs/{run['id']}/check/"))
            self._require_states(self._pay_runs(), {"Maumee": "ready", "Monroe": "ready"})

    def _preview(self) -> None:
        with self.screen.step("Preview: one balanced journal per plant, nothing posted"):
            self._show_journals(self._pay_runs())
            self.summary.require(
                tying.on_ledger(self.plex) == self.entered, "There is a journal in Plex before any was approved."
            )

    def _post_with_a_lost_answer(self) -> None:
        with self.screen.step("Approved by a second person, posted; the answer to one journal is lost"):
            self.api.patch(f"flows/{self.setup.flows['payroll']}/", {"writes_enabled": True})
            runs = self._pay_runs()
            (draft,) = self.office.postings(runs[0])
            hashes = {"hashes": {str(draft["id"]): draft["content_hash"]}}
            refusal = self.api.refused(f"pay-runs/{runs[0]['id']}/approve/", hashes)
            self.screen.say(f"The key that prepared it tries to approve, and is refused: {refusal}")
            self.plex.fault(kind="cut_after", method="POST", path=".*/Journal_Entry")
            for sentence in self.office.approve(runs[:1]):
                self.screen.say(f"The approver reads: {sentence}")
            self.office.approve(runs[1:])
            seen = self.office.tied_out(runs)
            self.summary.require("verifying" in seen, f"Nothing was verified although an answer was lost: {seen}.")
            self.screen.say("Plex created a journal and the line was cut. It was looked up, found, and not sent again.")
            self.summary.require(
                len(tying.on_ledger(self.plex)) == len(self.entered) + len(runs), "Not one journal per plant in Plex."
            )
            self._show_runs(self._pay_runs())

    # -- What follows ----------------------------------------------------------------------------------------------

    def _second_period(self) -> None:
        with self.screen.step(f"Rippling pays the second period, on {self.second:%d %B}: compared, approved, posted"):
            paying.pay(self.rippling, self.second)
            runs = [run for run in self._read() if run["check_date"] == self.second.isoformat()]
            self._require_states(runs, {"Maumee": "ready", "Monroe": "ready"})
            self._show_journals(runs)
            self._show_variances(runs)
            self.office.approve(runs)
            self.office.tied_out(runs)

    def _off_cycle(self) -> None:
        with self.screen.step("An off-cycle run: a bonus for the new department"):
            paying.pay_off_cycle(self.rippling)
            runs = [run for run in self._read() if run["kind"] == "off_cycle"]
            self._require_states(runs, {"Monroe": "ready"})
            self._show_journals(runs)
            self.office.approve(runs)
            self.office.tied_out(runs)

    def _correct(self) -> None:
        with self.screen.step("Payroll changes a run that is posted already: reversed and posted anew"):
            changed = paying.pay_forgotten_overtime(self.rippling, company.MONROE, self.second)
            (run,) = [run for run in self._read() if run["source_change"]]
            self.summary.require(run["source_id"] == changed, "Another run than the changed one was noticed.")
            self._show_effect(self.api.get(f"pay-runs/{run['id']}/effect/"))
            reason = {"reason": "Two hours of overtime were forgotten."}
            drafts = self.api.post(f"pay-runs/{run['id']}/repost/", reason)["results"]
            self.office.approve([run])
            self.office.tied_out([run])
            self._reversed_first(drafts)

    def _show_effect(self, effect: Row) -> None:
        self.screen.say(effect["sentence"])
        names = ("before", "after", "difference")
        seen = [row for row in effect["accounts"] if not row["masked"] and Decimal(row["difference"])]
        self.screen.table(
            [[row["account"], *(shown(row[name]) for name in names)] for row in seen],
            ["account", "on the ledger", "afterwards", "difference"],
        )
        masked = sum(row["masked"] for row in effect["accounts"])
        self.screen.say(f"{masked} further accounts are masked: they would tell single people's pay.")

    def _reversed_first(self, drafts: Sequence[Row]) -> None:
        done = [self.api.get(f"postings/{draft['id']}/") for draft in drafts]
        reversal, anew = sorted(done, key=lambda posting: posting["reverses"] is None)
        self.screen.say(
            f"Journal {reversal['journal_number']} reverses the one posted before, then journal "
            f"{anew['journal_number']} takes its place."
        )
        self.summary.require(
            reversal["posted_at"] < anew["posted_at"] and anew["after"] == reversal["id"],
            "The journal was posted anew before it was reversed.",
        )

    # -- Proof -----------------------------------------------------------------------------------------------------

    def _prove(self) -> None:
        with self.screen.step("Proof: Rippling's registers and Plex's ledgers read and held against each other"):
            runs = self._pay_runs()
            postings = [posting for run in runs for posting in self.office.postings(run)]
            source = {run["id"]: run["source_id"] for run in runs}
            known: dict[str, list[str]] = {run_id: [] for run_id in source.values()}
            for posting in postings:
                if posting["posted_at"]:
                    known[source[posting["pay_run"]]].append(posting["reference"])
            again = self.api.refused(f"postings/{postings[-1]['id']}/replay/")
            self.screen.say(f"One more click on “Post”: {again}")
            tied = tying.tie(self.rippling, self.plex, known)
            self._show_tied(tied)
            self._sum_up(runs, postings, tied)
            found = list(tying.disorder(self.plex, known, self.entered))
            self.summary.failures += found
            self.screen.say(
                f"{len(found)} journals are not as they should be."
                if found
                else "No journal is there twice, missing or unaccounted for; what people entered by hand is untouched."
            )

    def _show_tied(self, tied: Sequence[tying.Tied]) -> None:
        self.screen.table(
            [
                [t.check_date, t.title, t.plant.city, t.journals, *map(shown, (t.register, t.ledger, t.difference))]
                for t in tied
            ],
            ["paid on", "pay run", "plant", "journals", "register", "ledger", "difference"],
        )
        for one in tied:
            self.summary.require(
                not one.difference,
                f"{one.title}, {one.plant.city}: the register and the ledger differ by {one.difference}.",
            )

    def _sum_up(self, runs: Sequence[Row], postings: Sequence[Row], tied: Sequence[tying.Tied]) -> None:
        register = sum((tying.cost_of(run) for run in tying.paid_runs(self.rippling)), Decimal())
        ledger = tying.costs_on(tying.on_ledger(self.plex))
        states = dict(Counter(run["state"] for run in runs))
        self.summary.payroll = {
            "pay_runs": len(runs),
            "states": states,
            "journals_posted": sum(posting["posted_at"] is not None for posting in postings),
            "reversed": sum(posting["state"] == "reversed" for posting in postings),
            "register_total": f"{register:.2f}",
            "ledger_total": f"{ledger:.2f}",
            "difference": f"{abs(register - ledger):.2f}",
            "net_pay": f"{sum((one.net_pay for one in tied), Decimal()):.2f}",
            "wages_payable": f"{sum((one.wages_payable for one in tied), Decimal()):.2f}",
            "by_pay_run": [
                {
                    "check_date": one.check_date,
                    "pay_run": one.title,
                    "plant": one.plant.city,
                    "journals": one.journals,
                    "register": f"{one.register:.2f}",
                    "ledger": f"{one.ledger:.2f}",
                    "difference": f"{one.difference:.2f}",
                }
                for one in tied
            ],
        }
        self.screen.say(
            f"All pay runs together cost {shown(register)} in Rippling and {shown(ledger)} in Plex. Their net pay is "
            f"{shown(self.summary.payroll['net_pay'])}, and Plex has {shown(self.summary.payroll['wages_payable'])} of "
            f"wages payable."
        )
        self.summary.require(register == ledger, f"Rippling has paid {register}, Plex shows {ledger}.")
        self.summary.require(states == {"reconciled": len(tied)}, f"Not every pay run is tied out: {states}.")

    def _take_evidence(self) -> None:
        with self.screen.step("Evidence of the corrected run: downloaded, and verified without the product"):
            run = next(run for run in self._pay_runs() if len(self.office.postings(run)) > 1)
            directory = self.stage.directory / "evidence"
            with zipfile.ZipFile(BytesIO(self.api.download(f"pay-runs/{run['id']}/evidence/"))) as archive:
                archive.extractall(directory)
                files = len(archive.namelist())
            verifier = subprocess.run(
                [sys.executable, "-I", str(directory / "verify_export.py")],
                capture_output=True, text=True, timeout=PATIENCE,
            )  # fmt: skip
            self.summary.require(verifier.returncode == 0, f"The evidence does not verify: {verifier.stdout.strip()}")
            self.summary.payroll["evidence"] = {"files": files, "verified": verifier.returncode == 0}
            self.screen.say(verifier.stdout.strip())
            self.screen.say(f"Read it: {directory / 'index.html'}")

    # -- Done in several steps -------------------------------------------------------------------------------------

    def _read(self) -> list[Row]:
        """The payroll flow runs; all pay runs as they are afterwards, of which those with something to do are shown."""
        self.setup.run("payroll")
        runs = self._pay_runs()
        self._show_runs([run for run in runs if run["state"] != "reconciled" or run["source_change"]])
        return runs

    def _pay_runs(self, **filters: str) -> list[Row]:
        """The pay runs the product knows, the earliest first, each with its plant."""
        asked = "&".join(f"{name}={value}" for name, value in filters.items())
        plants = {run["id"]: company.plant_of(run) for run in self.rippling.snapshot()["pay_runs"]}
        rows = [row | {"plant": plants[row["source_id"]]} for row in self.api.all(f"pay-runs/?{asked}")]
        return sorted(rows, key=lambda row: (row["check_date"], row["plant"].pcn))

    def _require_states(self, runs: Sequence[Row], wanted: dict[str, str]) -> None:
        states = {run["plant"].city: run["state"] for run in runs}
        self.summary.require(states == wanted, f"The pay runs are {states}, not {wanted}.")

    def _show_runs(self, runs: Sequence[Row]) -> None:
        rows = []
        for run in runs:
            state = (
                "changed in Rippling after it was posted"
                if run["source_change"]
                else STATES.get(run["state"], run["state"])
            )
            rows.append([run["check_date"], run["title"], run["plant"].city, run["people"], state])
        self.screen.table(rows, ["paid on", "pay run", "plant", "people", "state"])

    def _show_journals(self, runs: Sequence[Row]) -> None:
        costs = {run["id"]: tying.cost_of(run) for run in tying.paid_runs(self.rippling)}
        rows = []
        for run in runs:
            for posting in self.office.postings(run):
                whole = self.api.get(f"postings/{posting['id']}/")
                sums = [Decimal(whole[name]) for name in ("debit", "credit")]
                rows.append([run["plant"].city, whole["line_count"], whole["people"], *map(shown, sums)])
                self.summary.require(
                    sums == [costs[run["source_id"]]] * 2, f"The journal of {run['title']} is not what the run cost."
                )
        self.screen.table(rows, ["plant", "lines", "people", "debit", "credit"])

    def _show_variances(self, runs: Sequence[Row]) -> None:
        rows = []
        for run in runs:
            for compared in self.api.get(f"pay-runs/{run['id']}/variance/")["results"]:
                whole = compared["whole"]
                flagged = sum(row["flagged"] for row in compared["rows"])
                amounts = [shown(whole[name]) for name in ("previous", "current", "change")]
                rows.append([run["plant"].city, *amounts, f"{flagged} of {len(compared['rows'])}"])
        self.screen.table(rows, ["plant", "period before", "this period", "change", "lines beyond the thresholds"])
