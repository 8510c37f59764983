"""A company with one of everything the API shows, made without the API."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from django.db import transaction

from audit.context import acting_as
from audit.record import Entry, record
from connectors.models import Connection
from sync.configuring import create_integration
from sync.models import (
    AccountRule,
    AlertHook,
    BlockedRecord,
    CalendarDay,
    Delivery,
    Flow,
    Integration,
    Mapping,
    Notice,
    PayCalendar,
    PayExpectation,
    PayFinding,
    PayRun,
    Posting,
    Problem,
    Reconciliation,
    ReferenceValue,
    Run,
    RunItem,
    Slot,
    Timing,
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
                "pay-calendars": list(PayCalendar.objects.values_list("pk", flat=True)),
                "calendar-days": list(CalendarDay.objects.values_list("pk", flat=True)),
                "timings": list(Timing.objects.values_list("pk", flat=True)),
                "slots": list(Slot.objects.values_list("pk", flat=True)),
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
                "deliveries": list(Delivery.objects.values_list("pk", flat=True)),
                "notices": list(Notice.objects.values_list("pk", flat=True)),
                "alert-hooks": list(AlertHook.objects.values_list("pk", flat=True)),
                "expectations": list(PayExpectation.objects.values_list("pk", flat=True)),
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
            add_timings(self.people, numbers)
            add_notices(self.integration, numbers)
            Delivery.objects.bulk_create(
                Delivery(connection=self.source, event="x", subject=f"w{n}", state="unknown", received_at=NOW)
                for n in numbers
            )
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


def add_notices(integration: Integration, numbers: range) -> None:
    """A notice, a program that is told, and expected pay dates, for each number."""
    for n in numbers:
        calendar = PayCalendar.objects.get(name=f"Calendar {n}")
        Notice.objects.create(
            kind="failed", cause=f"flow:{n}", sentence="A run failed.", opened_at=NOW, last_seen_at=NOW
        )
        AlertHook.objects.create(name=f"Pager {n:05}", url="https://pager.example.com/")
        PayExpectation.objects.create(
            integration=integration, calendar=calendar, at=time(17), starts_on=date(2026, 11, 1)
        )


def add_timings(flow: Flow, numbers: range) -> None:
    """A calendar with a day, a timing tied to it, and a slot, for each number."""
    for n in numbers:
        calendar = PayCalendar.objects.create(name=f"Calendar {n}", rule="monthly", first_day=15, time_zone="UTC")
        CalendarDay.objects.create(calendar=calendar, kind="holiday", day=date(2026, 7, 3), name="Shutdown")
        timing = Timing.objects.create(flow=flow, kind="calendar", calendar=calendar, at=time(6), time_zone="UTC")
        Slot.objects.create(timing=timing, due_at=NOW, state=Slot.State.STARTED, settled_at=NOW)


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
