"""The product up and running, and companies that become its customers."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass

from demo.api import Api
from demo.clock import Clock
from demo.processes import Child, Stage
from demo.screen import Screen

ROLES = ("administrator", "approver", "preparer", "viewer")
PASSWORDS = """
import json, sys
from django.contrib.auth.models import User
given = json.load(sys.stdin)
for name in given["users"]:
    user = User.objects.get(username=name)
    user.set_password(given["password"])
    user.save()
"""


@dataclass
class Access:
    """How to get into one company."""

    company: str
    address: str
    logins: dict[str, str]
    password: str
    key: str


@dataclass
class Site:
    """Where the product is, each vendor's simulator, and who works."""

    address: str
    vendors: dict[str, str]
    clock: Clock
    worker: Child


def open_site(stage: Stage, screen: Screen) -> Site:
    """Everything runs."""
    with screen.step("Starting PostgreSQL, the simulators, web and worker"):
        vendors = stage.start_sandbox()
        stage.manage("migrate", "--verbosity", "0")
        clock = stage.clock()
        address = stage.start_web()
        worker = stage.start_worker()
        screen.say(f"The product is at {address}; everything below goes through its API at /api/v1/.")
    return Site(address, vendors, clock, worker)


def take_on(stage: Stage, site: Site, name: str, slug: str, time_zone: str) -> tuple[Access, Api]:
    """A tenant with one user of each role, and the API with its administrator's key."""
    password = f"demo-{secrets.token_hex(4)}"
    logins = {role: f"{role}@{slug}.example" for role in ROLES}
    made = stage.manage(
        "create_tenant", name, "--slug", slug, "--time-zone", time_zone,
        "--admin-email", logins["administrator"], "--admin-password-stdin", "--api-key",
        given=f"{password}\n",
    )  # fmt: skip
    key = made.rpartition("API key, shown this once: ")[2].strip()
    api = Api(site.address, key, stage.require_alive)
    others = [role for role in ROLES if role != "administrator"]
    for role in others:
        api.post("members/", {"user": logins[role], "role": role})
    given = json.dumps({"users": [logins[role] for role in others], "password": password})
    stage.manage("shell", "--verbosity", "0", "--command", PASSWORDS, given=given)
    return Access(name, site.address, logins, password, key), api
