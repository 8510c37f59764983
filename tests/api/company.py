"""A company with one of everything the API shows, made without the API."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from django.db import transaction

from audit.context import acting_as
from audit.record import Entry, record
from connectors.models import Connection
from sync.configuring import create_integration
from sync.models import (
    AccountRule,
    BlockedRecord,
    Flow,
    Integration,
    Mapping,
    PayFinding,
    PayRun,
    Posting,
    Problem,
    Reconciliation,
    ReferenceValue,
    Run,
    RunItem,
)
from tenants.models import ApiKey, Membership, Tenant
from tenants.scope import tenant_scope
from tests.api.payroll_rows import add_pay_runs

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@dataclass
class Company:
    """One tenant's rows."""

    tenant: Tenant
    source: Connection
    target: Connection
    integration: Integration
    people: Flow
    reference: Flow

    def ids(self) -> dict[str, list[Any]]:
        """Resource → what its objects are named by in addresses."""
        with tenant_scope(self.tenant.id), transaction.atomic():
            record([Entry(action="audit.verified", subject_kind="audit", subject_id="x")], at=NOW)
        with tenant_scope(self.tenant.id):
            return {
                "connections": [self.source.pk, self.target.pk],
                "integrations": [self.integration.pk],
                "flows": [self.people.pk, self.reference.pk],
                "reference-values": list(ReferenceValue.objects.values_list("pk", flat=True)),
                "mappings": list(Mapping.objects.values_list("pk", flat=True)),
                "runs": list(Run.objects.values_list("pk", flat=True)),
                "items": list(RunItem.objects.values_list("pk", flat=True)),
                "problems": list(Problem.objects.values_list("pk", flat=True)),
                "payroll-settings": [self.integration.pk],
                "account-rules": list(AccountRule.objects.values_list("pk", flat=True)),
                "pay-runs": list(PayRun.objects.values_list("pk", flat=True)),
                "findings": list(PayFinding.objects.values_list("pk", flat=True)),
                "postings": list(Posting.objects.values_list("pk", flat=True)),
                "reconciliations": list(Reconciliation.objects.values_list("pk", flat=True)),
                "audit-entries": [1],
                "api-keys": list(ApiKey.objects.values_list("prefix", flat=True)),
                "members": list(Membership.objects.values_list("pk", flat=True)),
            }

    def add(self, number: int) -> None:
        """So many more of everything that a list shows, save connections, integrations and flows."""
        with tenant_scope(self.tenant.id), acting_as("system", "Test"):
            numbers = range(start := Mapping.objects.count(), start + number)
            for connection in (self.source, self.target):
                ReferenceValue.objects.bulk_create(
                    ReferenceValue(
                        connection=connection,
                        kind="department",
                        external_id=f"D{n}",
                        code=f"D{n}",
                        name=f"Department {n}",
                        first_seen=NOW,
                        last_seen=NOW,
                    )
                    for n in numbers
                )
            Mapping.objects.bulk_create(
                Mapping(
                    integration=self.integration,
                    kind="department",
                    source_key=f"D{n}",
                    target_key=f"D{n}",
                    valid_from=date(2020, 1, 1),
                    state=Mapping.State.CONFIRMED if n % 2 else Mapping.State.SUGGESTED,
                )
                for n in numbers
            )
            add_pay_runs(self.integration, number)
            for n in numbers:
                problem = Problem.objects.create(
                    integration=self.integration,
                    code="unmapped",
                    culprit_kind="department",
                    culprit=f"{n}-{uuid.uuid4()}",
                    sentence="A department is not mapped.",
                    remedy="Map it.",
                    victims=1,
                    opened_at=NOW,
                    last_seen_at=NOW,
                )
                BlockedRecord.objects.create(
                    integration=self.integration, problem=problem, source_id=f"w{n}", label=str(n), since=NOW
                )
                run = Run.objects.create(
                    flow=self.people, kind=Run.Kind.FULL, state=Run.State.PARTLY_FAILED, created_at=NOW
                )
                RunItem.objects.create(
                    run=run,
                    source_id=f"w{n}",
                    change="blocked",
                    state=RunItem.State.BLOCKED,
                    problem=problem,
                    created_at=NOW,
                )
                with transaction.atomic():
                    record([Entry(action="run.finished", subject_kind="run", subject_id=str(run.pk))], at=NOW)


def found(tenant: Tenant, suffix: str = "") -> Company:
    """The company with its two systems, an integration, and nothing that has happened yet."""
    with tenant_scope(tenant.id), acting_as("system", "Test"):
        source = Connection.objects.create(vendor="rippling", name=f"Rippling{suffix}")
        target = Connection.objects.create(
            vendor="plex", name=f"Plex{suffix}", settings={"pcn": "123", "company_code": "ACME"}
        )
        integration = create_integration(f"People{suffix}", source, target, now=NOW)
        flows = {flow.kind: flow for flow in Flow.objects.filter(integration=integration)}
    return Company(tenant, source, target, integration, flows["people"], flows["reference"])
