"""The story of Northfield, step by step: set up, mapped, previewed, loaded, changed, blocked, mended, paid, proved."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections import Counter
from typing import Any

from demo import books, changes, company, proof, setup
from demo.api import Api, Customer, DemoError
from demo.desk import Desk
from demo.payday import Payday
from demo.processes import PATIENCE, Stage
from demo.screen import Screen
from demo.setup import KINDS, Setup
from demo.site import Access, Site, take_on
from demo.summary import OUTCOMES, Summary, counts

CHANGES_IN_WORDS = {
    "create": "hires",
    "update": "changes",
    "transfer": "moves",
    "terminate": "terminations",
    "rehire": "rehires",
    "unchanged": "right already",
    "blocked": "blocked",
}


class Story:
    """One telling. ``summary`` says what came of it."""

    title = "Rippling → Plex"

    def __init__(self, stage: Stage, site: Site, screen: Screen) -> None:
        self.stage, self.site, self.screen, self.summary = stage, site, screen, Summary()
        self.setup: Setup
        self.access: Access
        self.api: Api
        self.changes: list[changes.Change] = []
        self.emails: dict[str, str | None] = {}

    def tell(self) -> None:
        """Every step in order. DemoError when one cannot be done; what is wrong at the end is in the summary."""
        rippling, plex = self._begin()
        self._set_up(rippling, plex)
        self._preview()
        self._first_run()
        self._changes()
        self._second_run()
        self._mend()
        self._last_run()
        self._prove()
        self._pay()
        self._verify_audit()

    # -- Before anything is connected ------------------------------------------------------------------------------

    def _begin(self) -> tuple[Customer, Customer]:
        vendors = self.site.vendors
        with self.screen.step(f"{company.NAME} before: {company.HEADCOUNT} employees, two plants"):
            self.access, self.api = take_on(self.stage, self.site, company.NAME, company.SLUG, company.TIME_ZONE)
            rippling = Customer(vendors["rippling"], company.rippling_options())
            for action, arguments in company.arrangement(rippling.snapshot()["workers"]):
                rippling.change(action, **arguments)
            there = rippling.snapshot()["workers"]
            titles = [worker["title"] for worker in there]
            plex = Customer(vendors["plex"], company.plex_options(there, titles, books.charts()))
            for plant in company.PLANTS:
                plex.change("add_journal", **books.entered_by_hand(plant))
            self._show_headcount(rippling, plex)
            wrong = len(proof.differences(rippling, plex))
            self.screen.say(
                f"{company.KEYED_BY_HAND} people were keyed into Plex by hand. Compared person by person, the two "
                f"systems disagree in {wrong} places."
            )
        return rippling, plex

    # -- Set-up ----------------------------------------------------------------------------------------------------

    def _set_up(self, rippling: Customer, plex: Customer) -> None:
        self.setup = Setup(self.api, rippling=rippling, plex=plex)
        with self.screen.step("Connections made and tested"):
            setup.connect(self.setup, self.screen)
        with self.screen.step("Integration made, reference data read from both sides"):
            setup.integrate(self.setup, self.screen)
        with self.screen.step("Mappings: what Rippling's words mean in Plex"):
            setup.map_values(self.setup, KINDS, company.meaning, self.screen)

    def _preview(self) -> None:
        with self.screen.step("Preview: what a run would do, nothing written"):
            run = self.setup.run("people", "preview")
            items = Counter(item["change"] for item in self.api.all(f"runs/{run['id']}/items/"))
            self.screen.table([[number, CHANGES_IN_WORDS[change]] for change, number in items.most_common()])
            writes = self.setup.plex.snapshot()["writes"]
            self.summary.require(not any(writes.values()), f"The preview wrote to Plex: {writes}.")

    # -- Runs ------------------------------------------------------------------------------------------------------

    def _people(self, name: str) -> dict[str, Any]:
        run = self.setup.run("people", body={"kind": "full"})
        self.summary.add_run(name, run)
        self._show_run(run)
        return run

    def _first_run(self) -> None:
        with self.screen.step("Writing switched on; first run over everybody"):
            self.api.patch(f"flows/{self.setup.flows['people']}/", {"writes_enabled": True})
            self._people("first")
            source, target = self._show_headcount(self.setup.rippling, self.setup.plex)
            self.summary.people["after_first_run"] = {"source_headcount": source, "target_headcount": target}
            self.summary.require(
                source == target == company.HEADCOUNT, f"After the first run {source} and {target} people are active."
            )
            self._compare("After the first run")
            self._problems(0, "after the first run")

    def _changes(self) -> None:
        with self.screen.step("Meanwhile in Rippling"):
            self.emails = {n: row["email"] for n, row in proof.one_in_plex(self.setup.plex).items()}
            self.changes = changes.happen(self.setup.rippling, self.setup.plex)
            self.screen.table([[", ".join(c.numbers), c.what] for c in self.changes if len(c.numbers) == 1])
            for change in self.changes:
                if len(change.numbers) > 1:
                    self.screen.say(f"{change.what}. Nobody has mapped it.")

    def _second_run(self) -> None:
        with self.screen.step("Second run: reference data, then everybody"):
            self.setup.run("reference")
            run = self._people("second")
            self._outcomes_are_as_expected(run)
            for problem in self._problems(1, "after the second run"):
                self.screen.say(f"Problem: {problem['sentence']} It blocks {problem['victims']} people.")
                self.summary.require(
                    problem["victims"] == changes.MOVED, f"The problem blocks {problem['victims']} people."
                )

    def _outcomes_are_as_expected(self, run: dict[str, Any]) -> None:
        items = {item["label"]: item["state"] for item in self.api.all(f"runs/{run['id']}/items/")}
        for change in self.changes:
            outcome = "blocked" if len(change.numbers) > 1 else change.outcome
            for number in change.numbers:
                state = items.get(number, "queued" if change.outcome == "queued" else "unchanged")
                self.summary.require(state == outcome, f"{number} {change.what}: {state} instead of {outcome}.")

    def _mend(self) -> None:
        with self.screen.step("Mended by one mapping and one replay"):
            problems = self._problems(1, "before mending")
            if not problems:
                raise DemoError("The new department blocked nobody, so there is nothing to mend.")
            setup.map_one(self.setup, "department", company.NEW_DEPARTMENT, company.NEW_DEPARTMENT_IN_PLEX)
            address = f"problems/{problems[0]['id']}"
            self.screen.say(f"{company.NEW_DEPARTMENT} → {company.NEW_DEPARTMENT_IN_PLEX}.")
            self.screen.say(self.api.get(f"{address}/replay_effect/")["sentence"])
            run = self.api.finished(self.api.post(f"{address}/replay/"))
            self.summary.add_run("replay", run)
            self._show_run(run)

    def _last_run(self) -> None:
        with self.screen.step("Once more over everybody: nothing is left to do"):
            before = self.setup.plex.snapshot()["writes"]
            self._people("last")
            self.summary.require(before == self.setup.plex.snapshot()["writes"], "The last run wrote to Plex again.")

    # -- Proof -----------------------------------------------------------------------------------------------------

    def _prove(self) -> None:
        with self.screen.step("Proof: both systems read and compared person by person"):
            source, target = self._show_headcount(self.setup.rippling, self.setup.plex)
            self._compare("At the end", self.emails)
            plex = proof.in_plex(self.setup.plex)
            arrived = [(change, change.arrived(plex)) for change in self.changes]
            for change, holds in arrived:
                self.summary.require(holds, f"{change.numbers[0]} {change.what}: not so in Plex.")
            kept = sum(plex[n][0]["email"] == email for n, email in self.emails.items() if email)
            self.summary.people |= {
                "source_headcount": source,
                "target_headcount": target,
                "open_problems": len(self._problems(0, "at the end")),
                "changes": [{"what": c.what, "employees": list(c.numbers), "applied": holds} for c, holds in arrived],
                "withheld_untouched": kept,
            }
            seen = self.api.get(f"integrations/{self.setup.integration['id']}/headcount/")
            self.summary.require(source == target, f"{source} people are active in Rippling, {target} in Plex.")
            self.summary.require(seen["agrees"], f"The product's own headcount does not agree: {seen}.")
            self.screen.table(
                [
                    [sum(holds for _, holds in arrived), f"of {len(arrived)} changes are true in Plex"],
                    [kept, f"of {sum(map(bool, self.emails.values()))} withheld e-mail addresses are untouched"],
                    [self.summary.people["open_problems"], "open problems"],
                ]
            )

    # -- Payroll ---------------------------------------------------------------------------------------------------

    def _pay(self) -> None:
        access = self.access
        approver = Desk(access.address, access.logins["approver"], access.password, self.stage.require_alive)
        Payday(self.stage, self.setup, self.screen, self.summary, approver).tell()

    # -- The trail of all that -------------------------------------------------------------------------------------

    def _verify_audit(self) -> None:
        with self.screen.step("Audit trail verified, and exported and verified without the product"):
            found = self.api.post("audit-entries/verify/")
            entries = found["entries"]
            directory = self.stage.directory / "audit-export"
            self.stage.manage(
                "export_audit", "--tenant", company.SLUG, "--out", str(directory), "--to-seq", str(entries)
            )
            downloaded = self.api.download(f"audit-entries/export/?from_seq=1&to_seq={entries}")
            manifest = json.loads((directory / "manifest.json").read_text())
            verifier = subprocess.run(
                [sys.executable, "-I", str(directory / "verify_export.py")],
                capture_output=True, text=True, timeout=PATIENCE,
            )  # fmt: skip
            checks = {
                "The audit trail does not verify: " + found["reason"]: found["ok"] and found["head_matches"],
                "The exported audit trail does not verify: " + verifier.stdout.strip(): verifier.returncode == 0,
                "The export does not end as the trail does.": manifest["last_hash"] == found["last_hash"],
                "API and command line export different entries.": manifest["sha256"]
                == hashlib.sha256(downloaded).hexdigest(),
            }
            for sentence, holds in checks.items():
                self.summary.require(holds, sentence)
            self.summary.audit = {"entries": entries, "verified": all(checks.values())}
            self.screen.say(f"{entries} entries, {'unbroken' if all(checks.values()) else 'BROKEN'}.")
            self.screen.say(f"Verify it yourself: python3 {directory / 'verify_export.py'}")

    # -- Shown in several steps ------------------------------------------------------------------------------------

    def _show_headcount(self, rippling: Customer, plex: Customer) -> tuple[int, int]:
        by_plant = proof.headcounts(rippling, plex)
        source, target = (sum(counted) for counted in zip(*by_plant.values(), strict=True))
        rows = [[city, *counted] for city, counted in by_plant.items()]
        self.screen.table([*rows, ["both plants", source, target]], ["active people", "Rippling", "Plex"])
        return source, target

    def _show_run(self, run: dict[str, Any]) -> None:
        self.screen.table([[number, OUTCOMES[outcome]] for outcome, number in counts(run).items()])

    def _compare(self, when: str, emails: dict[str, str | None] | None = None) -> None:
        found = proof.differences(self.setup.rippling, self.setup.plex, emails)
        self.summary.failures += [f"{when}: employee {sentence}" for sentence in found]
        self.screen.say("Person by person: no difference." if not found else f"{len(found)} differences.")

    def _problems(self, expected: int, when: str) -> list[dict[str, Any]]:
        found = self.api.all("problems/?state=open")
        sentences = " ".join(problem["sentence"] for problem in found)
        self.summary.require(len(found) == expected, f"{len(found)} open problems {when}: {sentences}")
        return found
