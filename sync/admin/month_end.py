"""The month-end page: payroll and heads of both systems side by side, and a reason for whatever differs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django.contrib import admin, messages
from django.db.models import Max
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern
from django.utils import timezone

from connectors.records import RefKind
from sync.admin.amounts import csv_answer
from sync.admin.month_end_tables import (
    Masked,
    bridge_chart,
    by_account,
    by_cost_center,
    headcount_table,
    moves_table,
    waterfalls,
)
from sync.models import Integration, LedgerActivity, PayrollSettings, Posting
from sync.payroll.account_names import account_names
from sync.payroll.asking import read_ledger_again
from sync.payroll.headcounts import bridge, headcounts
from sync.payroll.month_end import MonthRow, days_of, payroll_of
from sync.payroll.sight import sight_of
from tenants.membership import membership_of, require
from tenants.models import Role
from tenants.pages import Choice, Records


@admin.register(LedgerActivity)
class MonthEndPages(Records):
    """One page per integration and month. The ledger's own figures are as they were read last."""

    title = "Month end"

    def own_urls(self) -> list[URLPattern]:
        return [self.url("<uuid:integration_id>/read/", self.read, "read")]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        require(request, Role.VIEWER)
        integrations = list(Integration.objects.select_related("source", "target").order_by("name", "pk")[:50])
        if not integrations:
            return self.render(request, "payroll/month_end.html", {"integration": None})
        which = Choice(param="integration", label="Integration", options=[(str(i.pk), i.name) for i in integrations])
        which.chosen = self.chosen(request, which)
        integration = next(i for i in integrations if str(i.pk) == which.chosen)
        month = Choice(param="month", label="Month", options=months(integration, timezone.localdate()))
        month.chosen = self.chosen(request, month) if request.GET.get("month") else _latest(integration)
        context = self._content(request, integration, date.fromisoformat(f"{month.chosen}-01"))
        charts = [*context["pay_charts"], context["head_chart"]]
        tables = [*context["pay_tables"], *context["head_tables"], *(chart.table for chart in charts)]
        if file := csv_answer(request, tables, f"month-end-{month.chosen}"):
            return file
        context |= {"choices": [which] if len(integrations) > 1 else [], "months": month}
        return self.render(request, "payroll/month_end.html", context)

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        row: LedgerActivity = self.find(request, object_id)
        return HttpResponseRedirect(f"{self.address('changelist')}?month={row.posting_date:%Y-%m}")

    def _content(self, request: HttpRequest, integration: Integration, month: date) -> dict[str, Any]:
        first, last = days_of(month)
        today = min(last, timezone.localdate())
        membership = membership_of(request)
        sight = sight_of(Role(membership.role) if membership else None, None, now=timezone.now())
        fewest = PayrollSettings.objects.get(integration=integration).fewest_people
        rows = payroll_of(integration, month)
        shown = Masked(integration, rows, first, last, sight, fewest)
        names = account_names(integration, (row.account for row in rows))
        heads = headcounts(integration, today)
        centers = headcounts(integration, today, RefKind.COST_CENTER)
        moves = bridge(integration, first, last)
        read_at = LedgerActivity.objects.filter(
            connection=integration.target_id, posting_date__range=(first, last)
        ).aggregate(at=Max("read_at"))["at"]
        return {
            "integration": integration,
            "month": month,
            "read_at": read_at,
            "pay_tables": [by_account(rows, names, shown), by_cost_center(rows, shown)],
            "head_tables": [
                headcount_table("departments", "Heads by department", heads, integration),
                headcount_table("heads-by-cost-center", "Heads by cost center", centers, integration),
                moves_table(moves),
            ],
            "pay_charts": waterfalls(shown),
            "head_chart": bridge_chart(moves),
            **_summary(rows),
            "source_heads": sum(row.source for row in heads),
            "target_heads": sum(row.target for row in heads),
        }

    def read(self, request: HttpRequest, integration_id: str) -> HttpResponse:
        """Have the ledger asked anew for every account of the month."""
        require(request, Role.VIEWER)
        integration = Integration.objects.filter(pk=integration_id).first()
        if integration is None:
            raise Http404("There is no such integration in your company.")
        text = request.POST.get("month", "")
        if request.method == "POST":
            require(request, Role.PREPARER)
            if text not in dict(months(integration, timezone.localdate())):
                raise Http404("There is no such month to choose.")
            read_ledger_again(integration, date.fromisoformat(f"{text}-01"))
            messages.success(request, "The ledger is being read. Reload this page in a minute.")
        return HttpResponseRedirect(f"{self.address('changelist')}?integration={integration.pk}&month={text}")


def months(integration: Integration, today: date) -> list[tuple[str, str]]:
    """The months to choose from: those of our journals, the present one and the one before, the latest first."""
    present = today.replace(day=1)
    dated = Posting.objects.filter(pay_run__integration=integration).dates("posting_date", "month")
    found = {present, (present - timedelta(days=1)).replace(day=1), *dated}
    return [(f"{day:%Y-%m}", f"{day:%B %Y}") for day in sorted(found, reverse=True)]


def _latest(integration: Integration) -> str:
    """The month of the latest journal, the present one without any."""
    latest = Posting.objects.filter(pay_run__integration=integration).aggregate(day=Max("posting_date"))["day"]
    return f"{latest or timezone.localdate():%Y-%m}"


def _summary(rows: Sequence[MonthRow]) -> dict[str, int]:
    return {
        "accounts": len(rows),
        "agree": sum(not row.difference and not row.not_posted for row in rows),
        "differ": sum(bool(row.difference) for row in rows),
        "waiting": sum(bool(row.not_posted) for row in rows),
    }
