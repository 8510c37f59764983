"""Pay day at Acme, whose books are in Dynamics: the same pay runs, accounts in words."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any, ClassVar

from connectors.models import Connection
from connectors.pay_runs import PayKind
from sync.models import Flow, PayRun, Posting, PostingLine
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.cast import make_tenant
from tests.connectors.customers import Customer
from tests.sync.payroll.payday import PAYROLL, Payday, drafted
from tests.sync.story import Story, join, source_of

SERVICE = "MLPosting/Journals/post"
SETTINGS: dict[str, dict[str, str]] = {
    "finance": {},
    "custom_service": {"posting_mode": "custom_service", "posting_service": f"/api/services/{SERVICE}"},
}
"""By who posts what we have written."""
FOUR = {"lines_per_voucher": "4"}


class DynamicsPayday(Payday):
    """One tenant's story on pay day, with books in Dynamics."""

    accounts: ClassVar[dict[PayKind, dict[str, str]]] = {
        PayKind.EARNING: {"debit": "601500|CostCenter={cost_center}"},
        PayKind.REIMBURSEMENT: {"debit": "130100"},
        PayKind.EMPLOYEE_TAX: {"credit": "201200"},
        PayKind.EMPLOYEE_DEDUCTION: {"credit": "201300"},
        PayKind.GARNISHMENT: {"credit": "201400"},
        PayKind.NET_PAY: {"credit": "201100|BusinessUnit=001"},
        PayKind.EMPLOYER_TAX: {"debit": "602100|CostCenter={cost_center}", "credit": "201200"},
        PayKind.EMPLOYER_CONTRIBUTION: {"debit": "602200|CostCenter={cost_center}", "credit": "201300"},
    }
    centers: ClassVar[tuple[str, ...]] = ("0015", "0016", "0017")

    @property
    def dynamics(self) -> Customer:
        return self.story.here

    def journals(self) -> list[dict[str, Any]]:
        return list(self.dynamics.snapshot()["journals"])

    def vouchers(self, journal: dict[str, Any]) -> dict[str, Decimal]:
        """Debits less credits by voucher."""
        return _sums((line["voucher"], line) for line in journal["lines"])

    def booked(self, journal: dict[str, Any]) -> dict[str, Decimal]:
        """Debits less credits by account in our words, by Dynamics' own record."""
        return _sums((_words(line["segments"]), line) for line in journal["lines"])

    def approved(self, posting: Posting) -> dict[str, Decimal]:
        """Debits less credits by account of what was approved."""
        with self.scope():
            rows = PostingLine.objects.filter(posting=posting).values("account", "debit", "credit")
            return _sums((row["account"], row) for row in rows)


def tell_dynamics(
    sandbox: dict[str, str],
    *,
    size: int = 8,
    posted_by: str = "finance",
    rippling: dict[str, Any] | None = None,
    dynamics: dict[str, Any] | None = None,
    settings: dict[str, str] | None = None,
    tenant: Tenant | None = None,
    here: Customer | None = None,
) -> Story:
    """The beginning of a story that leads to Dynamics, to ``here`` where an environment is there; nothing run yet."""
    tenant = tenant or make_tenant("Acme")
    there = Customer.create(
        sandbox["rippling"], **{"size": size, "payroll": PAYROLL, "plants": [{}], **(rippling or {})}
    )
    service = {"custom_service": SERVICE} if posted_by == "custom_service" else {}
    here = here or Customer.create(sandbox["dynamics"], **{**service, **(dynamics or {})})
    with tenant_scope(tenant.id):
        source = source_of(there)
        target = Connection(
            vendor="dynamics",
            name="Dynamics",
            settings={
                "base_url": here.url,
                "authority": here.url,
                "directory_id": here.connect["directory_id"],
                "client_id": here.connect["client_id"],
                "legal_entities": "usmf",
                "journal_name": "PAYJRN",
                "rate_limit_per_minute": "0",
                **SETTINGS[posted_by],
                **(settings or {}),
            },
        )
        target.replace_credentials({"client_secret": here.connect["client_secret"]})
        target.save()
    return join(tenant, there, here, source, target, writes_enabled=True)


def open_dynamics_books(sandbox: dict[str, str], **values: Any) -> DynamicsPayday:
    """Acme on pay day, before anything was read: one pay run, cost centers mapped, no rule yet."""
    payday = DynamicsPayday(tell_dynamics(sandbox, **values))
    payday.story.run(flow=Flow.Kind.REFERENCE)
    payday.map_cost_centers()
    return payday


def ready_dynamics(sandbox: dict[str, str], **values: Any) -> tuple[DynamicsPayday, PayRun]:
    """Acme with its pay run read and drafted by rules somebody else wrote; nothing is wrong."""
    payday = open_dynamics_books(sandbox, **values)
    return payday, drafted(payday)


def _words(segments: dict[str, str]) -> str:
    named = [f"{name}={value}" for name, value in segments.items() if name != "MainAccount" and value]
    return "|".join((segments["MainAccount"], *named))


def _sums(lines: Any) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for key, line in lines:
        sums[key] += Decimal(line["debit"]) - Decimal(line["credit"])
    return dict(sums)
