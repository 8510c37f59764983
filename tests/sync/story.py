"""Acme's set-up in most stories: Rippling feeds Plex, everything mapped, writing switched on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from audit.context import acting_as
from connectors.checks import check_connection
from connectors.contract import CheckResult
from connectors.models import Connection
from connectors.records import RefKind
from sync.execution import execute_run
from sync.models import Flow, Integration, Mapping, PayrollSettings, ReferenceValue, Run, RunItem
from sync.runs import request_run
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.cast import make_tenant
from tests.connectors.customers import Customer


class FastWorld:
    """The real clock, moved on by waiting instead of waited for."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def sleep(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)

    def random(self) -> float:
        return 0.5


@dataclass
class Story:
    """One tenant with its two systems and the integration between them."""

    tenant: Tenant
    rippling: Customer
    here: Customer
    source: Connection
    target: Connection
    integration: Integration
    flows: dict[str, Flow]
    world: FastWorld = field(default_factory=FastWorld)

    @property
    def plex(self) -> Customer:
        """The company in Plex, where most stories lead."""
        return self.here

    def run(self, kind: str = Run.Kind.FULL, flow: str = Flow.Kind.PEOPLE, **values: Any) -> Run:
        """Ask for a run, execute it here and now, and return it as it ended."""
        with tenant_scope(self.tenant.id), acting_as("user", "pat"):
            self.flows[flow].refresh_from_db()
            run = request_run(self.flows[flow], kind, now=self.world.now(), **values)
            done = execute_run(run.pk, self.world)
        assert done is not None
        return done

    def check(self, connection: Connection) -> CheckResult:
        """Somebody tests the connection, which finds out what the system can do."""
        world = self.world
        with self.scope():
            return check_connection(
                connection, now=world.now, sleep=world.sleep, random=world.random, correlation_id="story"
            )

    def items(self, run: Run, **lookup: Any) -> dict[str, RunItem]:
        """The run's items by source id."""
        with tenant_scope(self.tenant.id):
            return {
                item.source_id: item for item in RunItem.objects.filter(run=run, **lookup).select_related("problem")
            }

    def employees(self) -> dict[str, dict[str, Any]]:
        """What Plex holds, by badge number."""
        return {e["badgeNumber"]: e for plant in self.plex.snapshot()["plants"] for e in plant["employees"]}

    def workers(self) -> dict[str, dict[str, Any]]:
        """What Rippling holds, by employee number."""
        return {str(w["number"]): w for w in self.rippling.snapshot()["workers"]}

    @contextmanager
    def scope(self) -> Iterator[None]:
        with tenant_scope(self.tenant.id):
            yield

    def map_everything(self) -> None:
        """Read reference data, then confirm for each source value the target value of the same name."""
        self.run(flow=Flow.Kind.REFERENCE)
        with self.scope():
            for kind in (RefKind.DEPARTMENT, RefKind.POSITION):
                targets = {
                    v.name: v.external_id
                    for v in ReferenceValue.objects.filter(connection=self.target, kind=kind, active=True)
                }
                for value in ReferenceValue.objects.filter(connection=self.source, kind=kind, active=True):
                    if value.name in targets:
                        Mapping.objects.get_or_create(
                            integration=self.integration,
                            kind=kind,
                            source_key=value.external_id,
                            valid_from=date(2020, 1, 1),
                            defaults={"target_key": targets[value.name], "state": Mapping.State.CONFIRMED},
                        )

    def set_target_setting(self, name: str, more: str) -> None:
        """Add a value to a comma-separated setting of the Plex connection."""
        with self.scope():
            self.target.refresh_from_db()
            self.target.settings[name] = f"{self.target.settings[name]},{more}"
            self.target.save()

    def map(self, kind: RefKind, source_key: str, target_key: str, valid_from: date = date(2020, 1, 1)) -> Mapping:
        with self.scope():
            return Mapping.objects.create(
                integration=self.integration,
                kind=kind,
                source_key=source_key,
                target_key=target_key,
                valid_from=valid_from,
                state=Mapping.State.CONFIRMED,
            )


def tell(
    sandbox: dict[str, str],
    *,
    size: int = 12,
    profile: str = "connect",
    api: str = "v2",
    rippling: dict[str, Any] | None = None,
    plex: dict[str, Any] | None = None,
    writes_enabled: bool = True,
    tenant: Tenant | None = None,
) -> Story:
    """The story's beginning: companies in both simulators, connections, integration, flows; nothing run yet."""
    tenant = tenant or make_tenant("Acme")
    there = Customer.create(sandbox["rippling"], **{"size": size, **(rippling or {})})
    snapshot = there.snapshot()
    names = {key: sorted({w[key] for w in snapshot["workers"]}) for key in ("department", "title")}
    setup = {
        "statuses": {"Active": "active", "Terminated": "inactive"},
        "departments": names["department"],
        "positions": names["title"],
        "shifts": ["1st"],
        "types": ["Full Time"],
    }
    options = {"employees": [_seed_employee(setup, "900001", "Active"), _seed_employee(setup, "900002", "Terminated")]}
    here = Customer.create(sandbox["plex"], **{"setup": setup, **options, **(plex or {})})
    plant = here.connect["plants"][0]
    with tenant_scope(tenant.id):
        source = source_of(there, api)
        target = Connection(
            vendor="plex",
            name="Plex",
            settings=plex_settings(here, profile)
            | {
                "pcn": str(plant["pcn"]),
                "company_code": plant["code"],
                "known_departments": ",".join(names["department"]),
                "known_positions": ",".join(names["title"]),
                "client_id": here.connect["client_id"],
                "rate_limit_per_minute": "0",
            },
        )
        target.replace_credentials(
            {
                "client_secret": here.connect["client_secret"],
                "api_key": here.connect["api_key"],
            }
        )
        target.save()
    return join(tenant, there, here, source, target, writes_enabled=writes_enabled)


def source_of(there: Customer, api: str = "v2") -> Connection:
    """A Rippling connection to the simulator, kept in the tenant in scope."""
    source = Connection(
        vendor="rippling",
        name="Rippling",
        settings={
            "api": api,
            "rest_url": there.url + there.connect["base_path_v2"],
            "platform_url": there.url + there.connect["base_path_v1"],
        },
    )
    source.replace_credentials({"api_token": there.connect["token"]})
    source.save()
    return source


def join(
    tenant: Tenant, there: Customer, here: Customer, source: Connection, target: Connection, *, writes_enabled: bool
) -> Story:
    """The story of two connections with an integration between them, both tested as a person would."""
    with tenant_scope(tenant.id):
        integration = Integration.objects.create(name=f"{source.name} → {target.name}", source=source, target=target)
        flows = {
            kind: Flow.objects.create(integration=integration, kind=kind, writes_enabled=writes_enabled)
            for kind in Flow.Kind.values
        }
        PayrollSettings.objects.create(integration=integration, start_date=date(2026, 1, 1))
    story = Story(tenant, there, here, source, target, integration, flows)
    for connection in (source, target):
        story.check(connection)
    return story


def plex_settings(customer: Customer, profile: str) -> dict[str, str]:
    """Settings of a Plex connection to the simulator, by profile."""
    if profile == "connect":
        return {"profile": "connect", "base_url": customer.url}
    return {
        "profile": "documents",
        "base_url": customer.url + customer.connect["documents_path"],
        "token_url": customer.url + customer.connect["token_path"],
    }


def _seed_employee(setup: dict[str, Any], badge: str, status: str) -> dict[str, Any]:
    return {
        "badgeNumber": badge,
        "userId": f"u{badge}",
        "firstName": "Seed",
        "lastName": "Person",
        "status": status,
        "position": setup["positions"][0],
        "department": setup["departments"][0],
        "shift": "1st",
        "type": "Full Time",
    }
