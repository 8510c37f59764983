"""Pay day at Acme: a Rippling pay run, rules for every pay item, cost centers for every department, books in Plex.

Pat prepares, Ann approves; what Plex holds is asked of the simulator.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar

from audit.context import acting_as
from connectors.pay_runs import PayKind
from connectors.records import RefKind
from sync.execution import advance_postings
from sync.models import AccountRule, Flow, Mapping, PayFinding, PayItem, PayRun, Posting, ReferenceValue, Run
from sync.payroll.approval import approve
from tenants.scope import tenant_scope
from tests.sync.story import Story, tell

CENTERS = ("210", "220", "230", "310", "320", "910")
ACCOUNTS: dict[PayKind, dict[str, str]] = {
    PayKind.EARNING: {"debit": "61000-{cost_center}-0100"},
    PayKind.REIMBURSEMENT: {"debit": "21560-000-0000"},
    PayKind.EMPLOYEE_TAX: {"credit": "21510-000-0000"},
    PayKind.EMPLOYEE_DEDUCTION: {"credit": "21550-000-0000"},
    PayKind.GARNISHMENT: {"credit": "21540-000-0000"},
    PayKind.NET_PAY: {"credit": "21500-000-0000"},
    PayKind.EMPLOYER_TAX: {"debit": "61200-{cost_center}-0100", "credit": "21530-000-0000"},
    PayKind.EMPLOYER_CONTRIBUTION: {"debit": "61300-{cost_center}-0100", "credit": "21520-000-0000"},
}
PAYROLL: dict[str, Any] = {"runs": 1, "frequency": "BIWEEKLY", "first_check_date": "2026-06-05", "route": "v2"}


@dataclass
class Payday:
    """One tenant's story on pay day."""

    story: Story
    accounts: ClassVar[dict[PayKind, dict[str, str]]] = ACCOUNTS
    centers: ClassVar[tuple[str, ...]] = CENTERS

    def scope(self) -> Any:
        return self.story.scope()

    @contextmanager
    def acting(self, who: str) -> Iterator[None]:
        """In Acme's scope, as this person."""
        with tenant_scope(self.story.tenant.id), acting_as("user", who):
            yield

    def read(self, kind: str = Run.Kind.FULL, **values: Any) -> Run:
        """The payroll flow runs, asked for by Pat."""
        return self.story.run(kind, Flow.Kind.PAYROLL, **values)

    def check_again(self, pay_run: PayRun) -> Run:
        """Pat has mended something and clicks once."""
        return self.read(Run.Kind.REPLAY, selection=[pay_run.source_id])

    def pay_runs(self) -> list[PayRun]:
        with self.scope():
            return list(PayRun.objects.select_related("integration__target").order_by("check_date", "pk"))

    def pay_run(self) -> PayRun:
        """The only one there is."""
        (only,) = self.pay_runs()
        return only

    def postings(self, pay_run: PayRun | None = None, **lookup: Any) -> list[Posting]:
        with self.scope():
            found = Posting.objects.filter(**lookup).select_related("pay_run__integration__target").order_by("pk")
            return list(found.filter(pay_run=pay_run) if pay_run else found)

    def findings(self, pay_run: PayRun | None = None) -> list[PayFinding]:
        with self.scope():
            found = PayFinding.objects.order_by("pk")
            return list(found.filter(pay_run=pay_run) if pay_run else found)

    def approve(self, pay_run: PayRun, by: str = "ann", **values: Any) -> list[Posting]:
        """The drafts of the run, as they are now, are approved by this person."""
        drafts = self.postings(pay_run, state=Posting.State.DRAFTED)
        with self.acting(by):
            hashes = {posting.pk: posting.content_hash for posting in drafts}
            return approve(drafts, hashes=hashes, now=self.story.world.now(), **values)

    def advance(self, pay_run: PayRun) -> PayRun:
        """A worker takes the journals a step further."""
        with self.scope():
            return advance_postings(pay_run.pk, self.story.world)

    def journals(self) -> list[dict[str, Any]]:
        """What the ledger holds."""
        return [journal for plant in self.story.plex.snapshot()["plants"] for journal in plant["journals"]]

    def ours(self) -> list[dict[str, Any]]:
        """What the ledger holds under our references."""
        return [journal for journal in self.journals() if "MLC-" in journal["description"]]

    def balance(self, account: str) -> Decimal:
        """Debits less credits of every journal in Plex on this account."""
        return sum(
            (
                Decimal(line.get("debit") or 0) - Decimal(line.get("credit") or 0)
                for journal in self.journals()
                for line in journal["lines"]
                if line["accountNo"] == account
            ),
            Decimal(0),
        )

    def register(self) -> dict[str, Any]:
        """The only pay run as Rippling has it."""
        (only,) = self.story.rippling.snapshot()["pay_runs"]
        return dict(only)

    def write_rules(self, *, leave_out: Sequence[str] = (), by: str = "rita") -> None:
        """Every pay item seen so far goes to the accounts of its kind, but for those left out (by code)."""
        with self.acting(by):
            for item in PayItem.objects.filter(integration=self.story.integration).exclude(code__in=leave_out):
                AccountRule.objects.get_or_create(
                    integration=self.story.integration,
                    item=item.key,
                    defaults={
                        **self.accounts[PayKind(item.kind)],
                        "changed_by": by,
                        "changed_key": f"user:{by}",
                        "changed_at": self.story.world.now(),
                    },
                )

    def map_cost_centers(self) -> None:
        """Each department has a cost center."""
        with self.scope():
            departments = ReferenceValue.objects.filter(connection=self.story.source, kind=RefKind.DEPARTMENT)
            for place, value in enumerate(departments.order_by("name")):
                Mapping.objects.get_or_create(
                    integration=self.story.integration,
                    kind=RefKind.COST_CENTER,
                    source_key=value.external_id,
                    valid_from=date(2020, 1, 1),
                    defaults={"target_key": self.centers[place % len(self.centers)], "state": Mapping.State.CONFIRMED},
                )


def open_books(sandbox: dict[str, str], **values: Any) -> Payday:
    """Acme on pay day, before anything was read: one pay run, cost centers mapped, no rule yet."""
    rippling = {"size": 8, "payroll": PAYROLL, "plants": [{}], **values.pop("rippling", {})}
    story = tell(sandbox, rippling=rippling, **values)
    with story.scope():
        story.target.settings |= {"journal_status": "Open"}
        story.target.save()
    # Books that are in use always have a journal of somebody's.
    cash, sales = "10120-000-0000", "40100-000-0000"
    lines = [{"accountNumber": cash, "debit": "75.00"}, {"accountNumber": sales, "credit": "75.00"}]
    story.plex.change("add_journal", description="Scrap sale", lines=lines)
    payday = Payday(story)
    story.run(flow=Flow.Kind.REFERENCE)
    payday.map_cost_centers()
    return payday


def ready(sandbox: dict[str, str], **values: Any) -> tuple[Payday, PayRun]:
    """Acme with its pay run read and drafted by rules somebody else wrote; nothing is wrong."""
    payday = open_books(sandbox, **values)
    return payday, drafted(payday)


def drafted(payday: Payday) -> PayRun:
    """The first pay run, after all were read and drafted by rules somebody else wrote."""
    payday.read()
    payday.write_rules()
    payday.read()
    return payday.pay_runs()[0]
