"""The story of Lakemont: 400 people in three legal entities made equal in Rippling and Dynamics, and kept equal."""

from __future__ import annotations

from typing import Any

from demo import setup
from demo.api import Api, Customer
from demo.desk import Desk
from demo.firm import books, changes, company, proof
from demo.firm.payday import Payday
from demo.processes import Stage
from demo.screen import Screen
from demo.setup import Wiring
from demo.site import Access, Site, take_on
from demo.summary import OUTCOMES, Summary, counts

KINDS = ("cost_center", "account")
WORDS = {"cost_center": "cost centers", "account": "main accounts"}


class FirmStory:
    """One telling. ``summary`` says what came of it."""

    title = "Rippling → Dynamics 365"

    def __init__(self, stage: Stage, site: Site, screen: Screen) -> None:
        self.stage, self.site, self.screen, self.summary = stage, site, screen, Summary()
        self.access: Access
        self.api: Api
        self.setup: Wiring
        self.rippling: Customer
        self.dynamics: Customer
        self.contractors: set[str] = set()

    def tell(self) -> None:
        """Every step in order. DemoError when one cannot be done; what is wrong at the end is in the summary."""
        self._begin()
        self._set_up()
        self._first_run()
        self._second_run()
        self._pay()
        self._prove()

    def _begin(self) -> None:
        with self.screen.step(f"{company.NAME} before: {company.HEADCOUNT} people in three legal entities"):
            self.access, self.api = take_on(self.stage, self.site, company.NAME, company.SLUG, company.TIME_ZONE)
            self.setup = Wiring(self.api)
            self.rippling = Customer(self.site.vendors["rippling"], company.rippling_options())
            workers = self.rippling.snapshot()["workers"]
            for worker in company.contractors(workers):
                self.rippling.change("update", worker=worker["id"], employment_type="Contractor")
                self.contractors.add(str(worker["number"]))
            self.dynamics = Customer(self.site.vendors["dynamics"], company.dynamics_options(workers))
            self._show_headcount()
            wrong = len(proof.differences(self.rippling, self.dynamics, self.contractors))
            self.screen.say(
                f"{company.KEYED_BY_HAND} people were entered in Dynamics by hand, and no contractor. Compared person "
                f"by person, the two systems disagree in {wrong} places."
            )

    def _set_up(self) -> None:
        with self.screen.step("Dynamics 365 connected; departments, offices and legal entities mapped to dimensions"):
            source = setup.rippling_connection(self.rippling)
            setup.join(self.setup, source, self._dynamics_connection(), self.screen)
            setup.bring_together(self.setup, "Rippling to Dynamics 365")
            setup.map_values(self.setup, company.KINDS, company.meaning, self.screen)
            known = [[len(self.setup.values("target", kind)), WORDS[kind]] for kind in KINDS]
            self.screen.table([[number, f"{word} in Dynamics"] for number, word in known])

    def _dynamics_connection(self) -> dict[str, Any]:
        there = self.dynamics
        return {
            "vendor": "dynamics",
            "name": "Dynamics 365",
            "environment": "test",
            "settings": {
                "base_url": there.url,
                "authority": there.url,
                "directory_id": there.connect["directory_id"],
                "client_id": there.connect["client_id"],
                "legal_entities": ", ".join(entity.id for entity in company.ENTITIES),
                "journal_name": books.JOURNAL_NAME,
                "time_zone": company.TIME_ZONE,
                "department_dimension": "Department",
                "location_dimension": "BusinessUnit",
                "contractors": "vendors",
                "vendor_group": company.VENDOR_GROUP,
                "rate_limit_per_minute": "0",
            },
            "credentials": {"client_secret": there.connect["client_secret"]},
        }

    # -- People ----------------------------------------------------------------------------------------------------

    def _first_run(self) -> None:
        with self.screen.step("Writing switched on; first run over everybody: workers, and contractors as vendors"):
            self.api.patch(f"flows/{self.setup.flows['people']}/", {"writes_enabled": True})
            self._people("first")
            source, target = self._show_headcount()
            self.summary.people["after_first_run"] = {"source_headcount": source, "target_headcount": target}
            self._compare("After the first run")

    def _second_run(self) -> None:
        with self.screen.step("Hired, moved, left, came back: what happened in Rippling is true in Dynamics"):
            happened = changes.happen(self.rippling, self.contractors)
            run = self._people("second")
            items = {item["label"]: item["state"] for item in self.api.all(f"runs/{run['id']}/items/")}
            self.screen.table([[change.number, change.what] for change in happened])
            for change in happened:
                state = items.get(change.number, "unchanged")
                self.summary.require(
                    state == change.outcome,
                    f"{change.number} {change.what}: {state} instead of {change.outcome}.",
                )
            self.summary.people["changes"] = [{"what": c.what, "employee": c.number} for c in happened]
            self._show_headcount()
            self._compare("After the second run")

    def _people(self, name: str) -> dict[str, Any]:
        run = self.setup.run("people", body={"kind": "full"})
        self.summary.add_run(name, run)
        self.screen.table([[number, OUTCOMES[outcome]] for outcome, number in counts(run).items()])
        problems = self.api.all("problems/?state=open")
        sentences = " ".join(problem["sentence"] for problem in problems)
        self.summary.require(not problems, f"{len(problems)} open problems after the {name} run: {sentences}")
        return run

    # -- Payroll ---------------------------------------------------------------------------------------------------

    def _pay(self) -> None:
        access = self.access
        approver = Desk(access.address, access.logins["approver"], access.password, self.stage.require_alive)
        Payday(self.stage, self.site, self.setup, self.screen, self.summary, approver).tell(
            self.rippling, self.dynamics, self.contractors
        )

    # -- At the end ------------------------------------------------------------------------------------------------

    def _prove(self) -> None:
        with self.screen.step("Proof: 400 people in both systems, compared person by person; the audit trail verified"):
            source, target = self._show_headcount()
            self._compare("At the end")
            self.summary.people |= {"source_headcount": source, "target_headcount": target}
            self.summary.people["companies"] = len(company.ENTITIES)
            seen = self.api.get(f"integrations/{self.setup.integration['id']}/headcount/")
            self.summary.require(source == target == company.HEADCOUNT, f"{source} in Rippling, {target} in Dynamics.")
            self.summary.require(seen["agrees"], f"The product's own headcount does not agree: {seen}.")
            found = self.api.post("audit-entries/verify/")
            whole = bool(found["ok"] and found["head_matches"])
            self.summary.require(whole, f"The audit trail does not verify: {found['reason']}")
            self.summary.audit = {"entries": found["entries"], "verified": whole}
            self.screen.say(f"{found['entries']} audit entries, {'unbroken' if whole else 'BROKEN'}.")

    def _show_headcount(self) -> tuple[int, int]:
        by_entity = proof.headcounts(self.rippling, self.dynamics)
        source, target = (sum(counted) for counted in zip(*by_entity.values(), strict=True))
        rows = [[city, *counted] for city, counted in by_entity.items()]
        total = ["all three", source, target]
        self.screen.table([*rows, total], ["active people", "Rippling", "Dynamics"])
        return source, target

    def _compare(self, when: str) -> None:
        found = proof.differences(self.rippling, self.dynamics, self.contractors)
        self.summary.failures += [f"{when}: {sentence}" for sentence in found]
        self.screen.say("Person by person: no difference." if not found else f"{len(found)} differences.")
