"""What drafting needs to know besides the register: rules, mappings, options and the ledger as last read.

Constant number of queries, whatever the size of the run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import date, datetime, timedelta

from django.db.models import Q

from connectors.contract import LedgerTarget
from connectors.journals import FiscalPeriod, PeriodState
from connectors.records import RefKind
from sync.models import (
    AccountRule,
    Integration,
    LedgerPeriod,
    Mapping,
    PayItem,
    PayrollSettings,
    PayRun,
    ReferenceValue,
)
from sync.payroll.drafts import Detail, Options, Split, Surroundings
from sync.payroll.rules import Rule
from sync.payroll.validation import Ledger
from sync.upserting import upsert

DIMENSION_KINDS = {
    "company": RefKind.COMPANY,
    "department": RefKind.DEPARTMENT,
    "location": RefKind.LOCATION,
    "job_code": RefKind.JOB_CODE,
}
"""The kind of reference value behind each dimension of a paid line."""

PERIODS_AHEAD = timedelta(days=62)
"""So far beyond a posting date periods are read, for the day on which a correction may be posted."""


RULE_COLUMNS = (
    *("id", "item", "company", "department", "location", "job_code"),
    *("debit", "credit", "settlement", "valid_from", "valid_to"),
)


def load_rules(integration: Integration) -> list[Rule]:
    """Every account rule, of whatever dates."""
    rows = AccountRule.objects.filter(integration=integration).order_by("pk").values(*RULE_COLUMNS)
    return [Rule(**row) for row in rows]


def load_surroundings(integration: Integration, target: LedgerTarget, on: date) -> Surroundings:
    """Mappings in force on a day, and the words for descriptions."""
    companies = target.companies()
    return Surroundings(
        companies=_mapped(integration, RefKind.COMPANY, on),
        default_company=companies[0] if len(companies) == 1 else None,
        cost_centers=_mapped(integration, RefKind.COST_CENTER, on),
        departments=_mapped(integration, RefKind.DEPARTMENT, on),
        locations=_mapped(integration, RefKind.LOCATION, on),
        words=load_words(integration),
        account_part=integration.target.product.account_part,
        account_text=integration.target.product.account_text,
    )


def _mapped(integration: Integration, kind: RefKind, on: date) -> dict[str, str]:
    """Source key to target key, where two overlap the one that started later."""
    rows = Mapping.objects.filter(
        Q(valid_to__isnull=True) | Q(valid_to__gt=on),
        integration=integration,
        kind=kind,
        state=Mapping.State.CONFIRMED,
        valid_from__lte=on,
    )
    return dict(rows.order_by("valid_from").values_list("source_key", "target_key"))


def who_decided(pay_run: PayRun, company: str, cost_centers: Collection[str], kinds: Collection[str]) -> set[str]:
    """The identities of those who, since the run was found, mapped something to this company of the ledger, to these
    cost centers or to anything of these kinds, or changed settings that make journals."""
    mapped = Mapping.objects.filter(
        Q(kind=RefKind.COMPANY, target_key=company)
        | Q(kind=RefKind.COST_CENTER, target_key__in=cost_centers)
        | Q(kind__in=kinds),
        integration=pay_run.integration,
        confirmed_at__gte=pay_run.found_at,
    )
    changed = PayrollSettings.objects.filter(integration=pay_run.integration, changed_at__gte=pay_run.found_at)
    return {*mapped.values_list("confirmed_key", flat=True).distinct(), *changed.values_list("changed_key", flat=True)}


def load_words(integration: Integration) -> dict[tuple[str, str], str]:
    """(dimension, source id) to its name, and ("item", key) to the pay item's name."""
    names = {kind.value: name for name, kind in DIMENSION_KINDS.items()}
    values = ReferenceValue.objects.filter(connection_id=integration.source_id, kind__in=names)
    words = {
        (names[kind], key): name for kind, key, name in values.values_list("kind", "external_id", "name").iterator()
    }
    items = PayItem.objects.filter(integration=integration).values_list("key", "name")
    return words | {("item", key): name for key, name in items}


def options_of(settings: PayrollSettings, target: LedgerTarget) -> Options:
    """The tenant's decisions, and what the ledger takes."""
    account_text = settings.integration.target.product.account_text
    return Options(
        detail=Detail(settings.detail),
        separate_settlement=settings.separate_settlement,
        cost_center_from=settings.cost_center_from,
        rounding_account=account_text(settings.rounding_account),
        rounding_limit=settings.rounding_limit,
        month_end=Split(settings.month_end),
        accrued_account=account_text(settings.accrued_account),
        max_lines=target.max_lines,
    )


def read_periods(integration: Integration, target: LedgerTarget, first: date, last: date, *, now: datetime) -> None:
    """Afterwards our copy of the fiscal periods between the days is what the ledger shows. One request a company."""
    for company in target.companies():
        upsert(
            LedgerPeriod,
            [
                {
                    "connection_id": integration.target_id,
                    "company": company,
                    "name": period.name,
                    "begin": period.begin,
                    "end": period.end,
                    "state": period.state,
                    "read_at": now,
                }
                for period in target.fiscal_periods(company, first, last + PERIODS_AHEAD)
            ],
            unique_fields=("connection", "company", "name"),
            update_fields=("begin", "end", "state", "read_at"),
        )


def load_ledger(integration: Integration, target: LedgerTarget) -> Ledger:
    """The ledger as it was read last; asks the target for nothing over the wire."""
    accounts: dict[str, dict[str, bool]] = {company: {} for company in target.companies()}
    rows = ReferenceValue.objects.filter(connection_id=integration.target_id, kind=RefKind.ACCOUNT)
    for company, number, active in rows.values_list("company", "external_id", "active").iterator():
        for own in [company] if company else accounts:
            accounts.setdefault(own, {})[number] = active
    periods: dict[str, list[FiscalPeriod]] = defaultdict(list)
    for row in LedgerPeriod.objects.filter(connection_id=integration.target_id).order_by("company", "begin"):
        periods[row.company].append(
            FiscalPeriod(name=row.name, begin=row.begin, end=row.end, state=PeriodState(row.state))
        )
    return Ledger(
        accounts=accounts,
        currencies={company: target.currency(company) for company in target.companies()},
        periods=periods,
        account_error=target.account_error,
        chart_number=integration.target.product.chart_number,
    )
