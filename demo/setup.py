"""Setting a company up, as the customer's engineer does it: by the public API and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from demo import company
from demo.api import Api, Customer, DemoError
from demo.screen import Screen

KINDS = ("department", "position", "location", "company", "employment_type")
WORDS = {
    "department": "departments",
    "position": "positions",
    "location": "locations",
    "company": "companies",
    "employment_type": "employment types",
}
LEDGER = {"cost_center": "cost centers", "account": "accounts"}
"""Kinds that only a ledger has."""


@dataclass
class Wiring:
    """What exists once it is set up. ``values`` is what the API knows of each kind, by side."""

    api: Api
    source: dict[str, Any] = field(default_factory=dict)
    target: dict[str, Any] = field(default_factory=dict)
    integration: dict[str, Any] = field(default_factory=dict)
    flows: dict[str, str] = field(default_factory=dict)

    def run(self, flow: str, address: str = "run", body: Any = None) -> dict[str, Any]:
        """Ask for a run and wait for its end."""
        return self.api.finished(self.api.post(f"flows/{self.flows[flow]}/{address}/", body))

    def values(self, side: str, kind: str) -> list[dict[str, Any]]:
        """Active reference values of one kind."""
        connection = (self.source if side == "source" else self.target)["id"]
        return self.api.all(f"reference-values/?connection={connection}&kind={kind}&active=true")


@dataclass(kw_only=True)
class Setup(Wiring):
    """Northfield's, with both simulators."""

    rippling: Customer
    plex: Customer


def connect(setup: Setup, screen: Screen) -> None:
    """Both connections exist and were tested; DemoError when one cannot be used."""
    join(setup, rippling_connection(setup.rippling), _plex(setup.plex, setup.rippling), screen)
    screen.say(
        "Plex's limit of 180 calls a minute is set to 0 (none) on this connection: a simulator need not be spared. "
        "A real one keeps it."
    )


def join(wiring: Wiring, source: dict[str, Any], target: dict[str, Any], screen: Screen) -> None:
    """Connections of these kinds exist and were tested; DemoError when one cannot be used."""
    wiring.source = wiring.api.post("connections/", source)
    wiring.target = wiring.api.post("connections/", target)
    rows, warnings = [], []
    for connection in (wiring.source, wiring.target):
        connection |= wiring.api.post(f"connections/{connection['id']}/check/")
        if connection["state"] not in ("ready", "limited"):
            raise DemoError(f"{connection['name']} is {connection['state']}: {connection['state_reason']}")
        found = connection["findings"]
        wrong = [f"- {one['sentence']}" for one in found if one["level"] != "ok"]
        warnings += wrong
        rows.append([connection["name"], connection["state"], f"{len(found)} findings, {len(wrong)} to look at"])
    screen.table(rows)
    for sentence in warnings:
        screen.say(sentence)


def rippling_connection(there: Customer) -> dict[str, Any]:
    """What it takes to connect Rippling by an API token."""
    return {
        "vendor": "rippling",
        "name": "Rippling",
        "environment": "test",
        "settings": {
            "rest_url": there.url + there.connect["base_path_v2"],
            "platform_url": there.url + there.connect["base_path_v1"],
        },
        "credentials": {"api_token": there.connect["token"]},
    }


def _plex(there: Customer, rippling: Customer) -> dict[str, Any]:
    own, *further = company.PLANTS
    titles = [worker["title"] for worker in rippling.snapshot()["workers"]]
    return {
        "vendor": "plex",
        "name": "Plex",
        "environment": "test",
        "settings": {
            "profile": "documents",
            "base_url": there.url + there.connect["documents_path"],
            "token_url": there.url + there.connect["token_path"],
            "client_id": there.connect["client_id"],
            "pcn": own.pcn,
            "company_code": own.company_code,
            "plants": "\n".join(f"{plant.pcn}:{plant.company_code}" for plant in further),
            "user_id_rule": "number",
            "default_shift": "1st",
            "journal_status": "Posted",
            "known_departments": ",".join(company.plex_departments()),
            "known_positions": ",".join(company.plex_positions(titles)),
            "known_types": ",".join(sorted(set(company.TYPES.values()))),
            "rate_limit_per_minute": "0",
        },
        "credentials": {"client_secret": there.connect["client_secret"]},
    }


def integrate(setup: Setup, screen: Screen) -> None:
    """The integration exists and both sides' reference data was read."""
    bring_together(setup, "Rippling to Plex")
    rows = [[WORDS[kind], len(setup.values("source", kind)), len(setup.values("target", kind))] for kind in KINDS]
    rows += [[word, 0, len(setup.values("target", kind))] for kind, word in LEDGER.items()]
    screen.table(rows, ["", "Rippling", "Plex"])


def bring_together(wiring: Wiring, name: str) -> None:
    """The integration of both connections exists and their reference data was read."""
    pair = {"name": name, "source": wiring.source["id"], "target": wiring.target["id"]}
    wiring.integration = wiring.api.post("integrations/", pair)
    wiring.flows = {flow["kind"]: flow["id"] for flow in wiring.integration["flows"]}
    wiring.run("reference")


def map_values(setup: Wiring, kinds: Sequence[str], meaning: Callable[[str, str], str | None], screen: Screen) -> None:
    """Every value the accountant has decided about is mapped as decided: suggestions that agree are confirmed, the
    others are entered. DemoError when people would be left out."""
    integration = setup.integration["id"]
    setup.api.post("mappings/suggest/", {"integration": integration})
    suggested = {(m["kind"], m["source_key"]): m for m in setup.api.all(f"mappings/?integration={integration}")}
    agreed: list[int] = []
    entered: list[dict[str, str]] = []
    rows = []
    for kind in kinds:
        keys = {value["external_id"] for value in setup.values("target", kind)}
        right, other = 0, 0
        for value in setup.values("source", kind):
            wanted = meaning(kind, value["name"])
            if wanted not in keys:
                continue
            suggestion = suggested.get((kind, value["external_id"]))
            if suggestion and suggestion["target_key"] == wanted:
                agreed.append(suggestion["id"])
                right += 1
            else:
                entered.append(_mapping(setup, kind, value["external_id"], str(wanted)))
                other += 1
        rows.append([WORDS[kind], right, other])
    setup.api.post("mappings/confirm/", {"mappings": agreed})
    setup.api.post("mappings/bulk/", {"mappings": entered})
    screen.table(rows, ["", "suggested and confirmed", "entered by hand"])


def _mapping(setup: Wiring, kind: str, source_key: str, target_key: str) -> dict[str, str]:
    return {
        "integration": setup.integration["id"],
        "kind": kind,
        "source_key": source_key,
        "target_key": target_key,
    }


def map_cost_centers(setup: Wiring, centers: dict[str, str]) -> int:
    """Each department of Rippling that is in use means its cost center in the ledger, given by its name; how many."""
    mappings = [
        _mapping(setup, "cost_center", value["external_id"], centers[value["name"]])
        for value in setup.values("source", "department")
    ]
    setup.api.post("mappings/bulk/", {"mappings": mappings})
    return len(mappings)


def map_one(setup: Wiring, kind: str, name: str, target_key: str) -> None:
    """One value of the source, by name, now means this value of the target."""
    key = next(value["external_id"] for value in setup.values("source", kind) if value["name"] == name)
    setup.api.post("mappings/", _mapping(setup, kind, key, target_key))
