"""A company with an integration and people who read their mail, and what can go wrong in it."""

from __future__ import annotations

import uuid
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.contrib.auth.models import User

from audit.context import acting_as
from connectors.models import Connection
from sync.configuring import create_integration
from sync.models import Dispatch, Flow, Integration, Notice, PayRun, Posting, Problem, Run
from sync.notices.keeping import Kept, keep
from sync.notices.sending import Outbox, post_due, send_due
from tenants.models import Membership, Role, Tenant
from tenants.scope import tenant_scope
from tests.cast import make_tenant, make_user

MONDAY = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)
"""Half past five in the morning in Detroit: before the digests."""

NAMES = {Role.VIEWER: "vera", Role.PREPARER: "pat", Role.APPROVER: "ann", Role.ADMINISTRATOR: "ada"}


@dataclass
class Company:
    """One tenant, and its clock."""

    tenant: Tenant
    integration: Integration
    flows: dict[str, Flow]
    people: dict[Role, User]
    now: datetime = MONDAY
    numbers: list[int] = field(default_factory=list)

    def scope(self) -> AbstractContextManager[None]:
        return tenant_scope(self.tenant.id)

    def later(self, **values: float) -> Company:
        """So much time goes by."""
        self.now += timedelta(**values)
        return self

    def keep(self) -> Kept:
        """What the workers do once a minute about notices."""
        with self.scope(), acting_as("schedule", "Schedule"):
            return keep(self.now)

    def send(self) -> int:
        """What the workers do about messages, of either kind."""
        outbox = Outbox()
        with self.scope():
            return send_due(outbox, self.now) + post_due(self.now)

    def run(self, state: str = Run.State.FAILED, *, flow: str = "people", **values: Any) -> Run:
        """A run that has ended so."""
        with self.scope():
            given = {"kind": Run.Kind.FULL, "created_at": self.now, "finished_at": self.now, **values}
            return Run.objects.create(flow=self.flows[flow], state=state, **given)

    def problem(self, sentence: str = "Department D7 is not mapped.", code: str = "unmapped") -> Problem:
        with self.scope():
            return Problem.objects.create(
                integration=self.integration, code=code, culprit=str(uuid.uuid4()), sentence=sentence, remedy="Map it.",
                victims=14, opened_at=self.now, last_seen_at=self.now,
            )  # fmt: skip

    def pay_run(self, state: str = PayRun.State.READY, **values: Any) -> PayRun:
        """A pay run whose title names somebody."""
        given = {
            "kind": "regular",
            "check_date": date(2026, 3, 6),
            "pay_group": "WEEKLY",
            "found_at": self.now,
            **values,
        }
        with self.scope():
            return PayRun.objects.create(
                integration=self.integration,
                source_id=str(uuid.uuid4()),
                title="Bonus of Jane Roe",
                state=state,
                **given,
            )

    def journal(self, pay_run: PayRun, state: str = Posting.State.DRAFTED, **values: Any) -> Posting:
        key = str(uuid.uuid4())
        approved = {} if state == Posting.State.DRAFTED else {"approved_hash": "c" * 64}
        with self.scope():
            return Posting.objects.create(
                pay_run=pay_run, kind="payroll", key=key, currency="USD", posting_date=date(2026, 3, 6), state=state,
                description="Payroll", reference=key, content_hash="c" * 64, line_count=1, debit=12345, credit=12345,
                prepared_at=self.now, **approved, **values,
            )  # fmt: skip

    def open(self) -> dict[str, Notice]:
        """Kind → the open notice of it; none twice."""
        with self.scope():
            found = list(Notice.objects.filter(resolved_at=None))
        assert len({notice.kind for notice in found}) == len(found), found
        return {notice.kind: notice for notice in found}

    def messages(self, **lookup: Any) -> list[Dispatch]:
        with self.scope():
            return list(Dispatch.objects.filter(**lookup).order_by("pk"))


def found_company(name: str = "Northfield", *, time_zone: str = "America/Detroit") -> Company:
    """The company with somebody of each role, each with a mail address."""
    tenant = make_tenant(name, time_zone=time_zone)
    people = {role: make_user(who, tenant, role) for role, who in NAMES.items()}
    for user in people.values():
        user.email = user.username
        user.save(update_fields=["email"])
    with tenant_scope(tenant.id), acting_as("system", "Test"):
        source = Connection.objects.create(vendor="rippling", name=f"{name} HR", state=Connection.State.READY)
        target = Connection.objects.create(
            vendor="plex", name=f"{name} ERP", state=Connection.State.READY, settings={"pcn": "1", "company_code": "A"}
        )
        Connection.objects.update(checked_at=MONDAY, created_at=MONDAY)
        integration = create_integration(name, source, target, now=MONDAY)
        flows = {flow.kind: flow for flow in Flow.objects.select_related("integration")}
    return Company(tenant, integration, flows, people)


def join(user: User, company: Company, role: Role) -> None:
    """This person works for that company too."""
    with company.scope():
        Membership.objects.create(user=user, role=role)
