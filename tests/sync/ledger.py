"""A company's payroll rows made directly: what payroll and ledger showed, and pay runs as they were read."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from connectors.contract import LedgerTarget
from connectors.models import Connection
from connectors.records import RefKind
from sync.models import Integration, LedgerPeriod, PaidLine, PayItem, PayrollSettings, PayRun, ReferenceValue
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.cast import make_tenant

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PAY_DAY = date(2026, 2, 27)


class StubLedger:
    """As much of a ledger as drafting and simulating ask: nothing over the wire."""

    max_lines = 1000

    def companies(self) -> Sequence[str]:
        return ["1001"]

    def currency(self, company: str | None) -> str:
        return "USD"

    def account_error(self, number: str) -> str:
        return ""

    def format_change(self) -> str:
        return ""


@dataclass
class Books:
    """Acme's integration of "Payroll" and "Ledger"."""

    tenant: Tenant
    integration: Integration
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @contextmanager
    def scope(self) -> Iterator[None]:
        with tenant_scope(self.tenant.id):
            yield

    @property
    def target(self) -> LedgerTarget:
        return StubLedger()  # type: ignore[return-value]

    def source_value(self, kind: RefKind, key: str, name: str, **values: Any) -> ReferenceValue:
        return self._value(self.integration.source, kind, key, name, values)

    def target_value(self, kind: RefKind, key: str, name: str, **values: Any) -> ReferenceValue:
        return self._value(self.integration.target, kind, key, name, values)

    def account(self, number: str, **values: Any) -> ReferenceValue:
        return self.target_value(RefKind.ACCOUNT, number, f"Account {number}", **values)

    def item(self, key: str, name: str) -> PayItem:
        kind, _, code = key.partition(":")
        return PayItem.objects.create(
            integration=self.integration, key=key, kind=kind, code=code, name=name, first_seen=NOW, last_seen=NOW
        )

    def pay_run(self, lines: Sequence[tuple[str, str, str, str]], **values: Any) -> PayRun:
        """A run that was read and drafted; ``lines`` are (worker, item, amount, department)."""
        number = next(self.numbers)
        standard = {"title": f"Pay run {number}", "kind": "regular", "check_date": PAY_DAY, "state": "ready"}
        run = PayRun.objects.create(
            integration=self.integration,
            source_id=f"R{number}",
            found_at=NOW,
            **{"read_at": NOW, "drafted_at": NOW, **standard, **values},
        )
        PaidLine.objects.bulk_create(
            [
                PaidLine(
                    pay_run=run,
                    worker=worker,
                    label=worker,
                    kind=item.partition(":")[0],
                    item=item,
                    amount=Decimal(amount),
                    currency="USD",
                    department=department,
                )
                for worker, item, amount, department in lines
            ]
        )
        return run

    def open_period(self, first: date, last: date) -> None:
        LedgerPeriod.objects.create(
            connection=self.integration.target,
            company="1001",
            name=f"{first:%Y-%m}",
            begin=first,
            end=last,
            state="open",
            read_at=NOW,
        )

    def _value(
        self, connection: Connection, kind: RefKind, key: str, name: str, values: dict[str, Any]
    ) -> ReferenceValue:
        row = {"kind": kind, "external_id": key, "name": name, "first_seen": NOW, "last_seen": NOW}
        return ReferenceValue.objects.create(connection=connection, **(row | values))


def books(name: str = "Acme") -> Books:
    """A new company with payroll set up, and nothing in it yet."""
    tenant = make_tenant(name)
    with tenant_scope(tenant.id):
        source = Connection.objects.create(vendor="rippling", name="Payroll")
        target = Connection.objects.create(vendor="plex", name="Ledger")
        integration = Integration.objects.create(name="Payroll → Ledger", source=source, target=target)
        PayrollSettings.objects.create(integration=integration, start_date=date(2026, 1, 1))
    return Books(tenant, integration)
