"""Make a Plex customer from creation options; whatever is not said is plausible and follows from the seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sandbox.core import new_key
from sandbox.plex import defaults
from sandbox.plex.company import PlexCompany
from sandbox.plex.naming import Profile
from sandbox.plex.plant import Plant
from sandbox.plex.settings import Settings

FIRST_PCN = 300_101
FOREIGN_PCN = 999_777
FIRST_BADGE = 10_001
DATA_OPTIONS = frozenset(
    {
        "seed",
        "plants",
        "setup",
        "employees",
        "accounts",
        "client_id",
        "client_secret",
        "api_key",
        "prerendered",
        "log_requests",
    }
)
LIST_KINDS = ("positions", "departments", "shifts", "types", "buildings")
Options = Mapping[str, Any]


def found(options: Options, now: Callable[[], datetime]) -> PlexCompany:
    """ValueError names an option or value that is unknown."""
    seed = options.get("seed", 1)
    settings = Settings()
    settings.set({name: value for name, value in options.items() if name not in DATA_OPTIONS})
    described = options.get("plants") or [{}]
    plants = [_plant(seed, number, given, options) for number, given in enumerate(described)]
    foreign = _plant(seed, -1, {"pcn": FOREIGN_PCN, "code": "otherco"}, {})
    for record in defaults.people(range(1, 4), random.Random(seed), _values(foreign)):
        foreign.add_employee({"id": defaults.identity(seed, "foreign", record["badgeNumber"]), **record})
    company = PlexCompany(
        key=new_key(),
        seed=seed,
        log_requests=options.get("log_requests", True),
        now=now,
        client_id=options.get("client_id") or f"client-{new_key()}",
        client_secret=options.get("client_secret") or new_key(),
        api_key=options.get("api_key") or new_key(),
        plants={plant.pcn: plant for plant in plants},
        foreign=foreign,
        settings=settings,
    )
    _hire(company, options.get("employees", 0))
    if options.get("prerendered"):
        for plant in plants:
            for profile in Profile:
                plant.employees.render(profile)
    return company


def _plant(seed: int, number: int, given: Options, options: Options) -> Plant:
    pcn = int(given.get("pcn", FIRST_PCN + number))
    code = given.get("code", "acme" if number == 0 else f"acme{number + 1}")
    setup = _setup(options.get("setup") or {}, given, pcn)
    statuses = setup["statuses"]
    wrong = [status for status in statuses.values() if status not in ("active", "inactive")]
    if wrong:
        raise ValueError(f"a status is active or inactive, not {wrong}")
    plant = Plant(
        pcn=pcn,
        tenant_id=given.get("tenant_id") or defaults.identity(seed, "tenant", pcn),
        code=code,
        statuses={name: kind == "active" for name, kind in statuses.items()},
        setup={kind: dict.fromkeys(setup[kind]) for kind in LIST_KINDS if kind != "buildings"},
    )
    for building in setup["buildings"]:
        plant.add_building(building)
    for account in given.get("accounts") or options.get("accounts") or defaults.chart():
        plant.add_account(account)
    return plant


def _setup(general: Options, given: Options, pcn: int) -> dict[str, Any]:
    """Defaults, overridden by the setup for all plants, the setup under this PCN, the plant's own."""
    setup: dict[str, Any] = {"statuses": defaults.STATUSES, "buildings": [f"B{pcn}"], **defaults.SETUP}
    layers = [
        {kind: values for kind, values in general.items() if not kind.isdigit()},
        general.get(str(pcn), {}),
        {"buildings": given["buildings"]} if "buildings" in given else {},
        given.get("setup", {}),
    ]
    for layer in layers:
        unknown = layer.keys() - {"statuses", *LIST_KINDS}
        if unknown:
            raise ValueError(f"unknown setup tables {sorted(unknown)}")
        setup.update(layer)
    return setup


def _values(plant: Plant) -> dict[str, list[str]]:
    """Setup values a new employee may carry: active statuses only."""
    return {
        "statuses": [name for name, active in plant.statuses.items() if active],
        "buildings": plant.building_codes,
        **{kind: list(values) for kind, values in plant.setup.items()},
    }


def _hire(company: PlexCompany, employees: int | list[dict[str, Any]]) -> None:
    plants = list(company.plants.values())
    if isinstance(employees, list):
        for number, given in enumerate(employees):
            plant = company.plants[int(given.get("pcn", plants[0].pcn))]
            record = {name: value for name, value in given.items() if name != "pcn"}
            plant.add_employee({"id": defaults.identity(company.seed, "employee", number), **record})
        return
    chance = random.Random(company.seed)
    for place, plant in enumerate(plants):
        badges = range(FIRST_BADGE + place, FIRST_BADGE + employees, len(plants))
        for record in defaults.people(badges, chance, _values(plant)):
            plant.add_employee({"id": defaults.identity(company.seed, "employee", record["badgeNumber"]), **record})
