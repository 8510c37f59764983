"""The site that staff of our customers work in: one company at a time, in its time zone, by roles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.templatetags.static import static
from django.urls import URLPattern, path, reverse, reverse_lazy
from django.utils import timezone
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_POST
from unfold.sites import UnfoldAdminSite

from tenants.membership import allows, membership_of, memberships_of
from tenants.models import Role

View = Callable[..., HttpResponseBase]

SHOWN = frozenset({"tenants", "audit", "connectors", "sync"})
"""Applications whose pages know companies. What packages register shows everybody's users and jobs, and is left out."""


class Site(UnfoldAdminSite):  # type: ignore[misc]
    """Open to people with a role in a company. Nobody, operators included, sees data without one."""

    enable_nav_sidebar = True
    index_template = "pages/dashboard.html"
    index_title = "Dashboard"

    def has_permission(self, request: HttpRequest) -> bool:
        user = request.user
        return user.is_active and user.is_staff and membership_of(request) is not None

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """The view for people who are signed in, with instants in their company's time zone."""
        guarded = super().admin_view(view, cacheable)
        logout = csrf_protect(self.logout)

        def in_company(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            membership = membership_of(request)
            if membership is None:
                if not request.user.is_authenticated:
                    return guarded(request, *args, **kwargs)  # type: ignore[no-any-return]
                if request.path == reverse("admin:logout", current_app=self.name):
                    return logout(request)  # type: ignore[no-any-return]
                return render(request, "pages/no_company.html", {"site_title": "ML Connector"}, status=403)
            with timezone.override(ZoneInfo(membership.tenant.time_zone)):
                response = guarded(request, *args, **kwargs)
                if isinstance(response, TemplateResponse):
                    response.render()
                return response  # type: ignore[no-any-return]

        return in_company

    def get_urls(self) -> list[URLPattern]:
        switch = path("company/", self.admin_view(require_POST(self.switch_company)), name="switch_company")
        return [switch, *super().get_urls()]

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        membership = membership_of(request)
        companies = memberships_of(request.user.pk) if membership and request.user.pk else []
        return {**super().each_context(request), "membership": membership, "companies": companies}

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        models: list[Any] = [model_or_iterable] if isinstance(model_or_iterable, type) else list(model_or_iterable)
        ours = [model for model in models if model._meta.app_label in SHOWN]
        super().register(ours, admin_class, **options)

    def switch_company(self, request: HttpRequest) -> HttpResponse:
        """From now on the person works for the chosen company, if they belong to it."""
        chosen = request.POST.get("tenant", "")
        if any(str(m.tenant_id) == chosen for m in memberships_of(request.user.pk or 0)):
            request.session["tenant"] = chosen
        return HttpResponseRedirect(reverse("admin:index", current_app=self.name))


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The side bar, in the order in which things are needed."""
    return [
        {
            "items": [
                _link("Dashboard", "space_dashboard", "index"),
                _link("Pay runs", "payments", "sync_payrun_changelist"),
                _link("Notices", "notifications", "sync_notice_changelist"),
                _link("Problems", "inbox", "sync_problem_changelist"),
                _link("Runs", "play_circle", "sync_run_changelist"),
                _link("Announcements", "campaign", "sync_delivery_changelist"),
                _link("Month end", "calendar_month", "sync_ledgeractivity_changelist"),
                _link("Upcoming changes", "event_upcoming", "sync_pendingchange_changelist"),
            ]
        },
        {
            "title": "Set-up",
            "separator": True,
            "items": [
                _link("Connections", "cable", "connectors_connection_changelist"),
                _link("Integrations", "sync_alt", "sync_integration_changelist"),
                _link("Pay calendars", "calendar_today", "sync_paycalendar_changelist"),
                _link("Mappings", "join_inner", "sync_mapping_changelist"),
                _link("Account rules", "account_tree", "sync_accountrule_changelist"),
                _link("Expected pay dates", "event_available", "sync_payexpectation_changelist"),
                _link("How I hear of things", "campaign", "sync_noticechoice_changelist"),
                _link("Alert addresses", "webhook", "sync_alerthook_changelist", Role.ADMINISTRATOR),
            ],
        },
        {
            "title": "Control",
            "separator": True,
            "items": [
                _link("Audit trail", "verified", "audit_auditentry_changelist"),
                _link("People", "group", "tenants_membership_changelist", Role.ADMINISTRATOR),
                _link("API keys", "key", "tenants_apikey_changelist", Role.ADMINISTRATOR),
            ],
        },
    ]


def _link(title: str, icon: str, name: str, role: Role = Role.VIEWER) -> dict[str, Any]:
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{name}"),
        "permission": lambda request: allows(request, role),
    }


def stylesheet(request: HttpRequest) -> str:
    """Our few rules on top of the theme's."""
    return static("mlc/pages.css")


def mark(request: HttpRequest) -> str:
    """The sign in the browser's tab."""
    return static("mlc/mark.svg")
