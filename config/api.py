"""The public API at ``/api/v1/``: its addresses, its OpenAPI document and the page that shows it."""

from __future__ import annotations

from typing import Any

from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.routers import SimpleRouter
from rest_framework.viewsets import GenericViewSet

from config.api_scope import ApiTenantMixin
from sync.api import (
    access,
    account_rules,
    alert_hooks,
    audit_trail,
    calendars,
    connections,
    deliveries,
    expectations,
    findings,
    flows,
    integrations,
    mappings,
    notices,
    pay_runs,
    payroll_settings,
    postings,
    problems,
    reconciliations,
    reference,
    runs,
    timings,
)
from sync.api.views import NoSuchAddress


def scoped(view: type[GenericViewSet[Any]]) -> Any:
    """The view, run in the tenant of the key."""
    return type(view.__name__, (ApiTenantMixin, view), {"__doc__": view.__doc__, "__module__": view.__module__})


# Resource, its address, its view.
RESOURCES: tuple[tuple[str, str, type[GenericViewSet[Any]]], ...] = (
    ("vendor", "vendors", connections.VendorViewSet),
    ("connection", "connections", connections.ConnectionViewSet),
    ("integration", "integrations", integrations.IntegrationViewSet),
    ("flow", "flows", flows.FlowViewSet),
    ("reference-value", "reference-values", reference.ReferenceValueViewSet),
    ("mapping", "mappings", mappings.MappingViewSet),
    ("pay-calendar", "pay-calendars", calendars.PayCalendarViewSet),
    ("calendar-day", "calendar-days", calendars.CalendarDayViewSet),
    ("timing", "timings", timings.TimingViewSet),
    ("slot", "slots", timings.SlotViewSet),
    ("run", "runs", runs.RunViewSet),
    ("item", "items", runs.ItemViewSet),
    ("problem", "problems", problems.ProblemViewSet),
    ("payroll-settings", "payroll-settings", payroll_settings.PayrollSettingsViewSet),
    ("account-rule", "account-rules", account_rules.AccountRuleViewSet),
    ("pay-run", "pay-runs", pay_runs.PayRunViewSet),
    ("finding", "findings", findings.FindingViewSet),
    ("posting", "postings", postings.PostingViewSet),
    ("reconciliation", "reconciliations", reconciliations.ReconciliationViewSet),
    ("delivery", "deliveries", deliveries.DeliveryViewSet),
    ("notice", "notices", notices.NoticeViewSet),
    ("alert-hook", "alert-hooks", alert_hooks.AlertHookViewSet),
    ("expectation", "expectations", expectations.ExpectationViewSet),
    ("audit-entry", "audit-entries", audit_trail.AuditEntryViewSet),
    ("api-key", "api-keys", access.ApiKeyViewSet),
    ("member", "members", access.MemberViewSet),
)

router = SimpleRouter(use_regex_path=False)
for name, address, view in RESOURCES:
    router.register(address, scoped(view), basename=name)

resources = [
    *router.urls,
    path(
        "tenant/", scoped(access.TenantViewSet).as_view({"get": "retrieve", "patch": "partial_update"}), name="tenant"
    ),
    path("me/", scoped(access.MeViewSet).as_view({"get": "retrieve"}), name="me"),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="api:schema"), name="docs"),
    re_path("", NoSuchAddress.as_view()),
]
urlpatterns = [path("", include((resources, "api")))]
