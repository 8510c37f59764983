"""How an integration's pay runs become journals: one form."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from connectors.records import RefKind
from sync.models import PayrollSettings, ReferenceValue
from sync.payroll.settings import ACCOUNTS, CHANGEABLE, CONTROLS, change_settings
from tenants.membership import allows, require
from tenants.models import Role
from tenants.pages import Records

OFFERED = 2_000
"""So many accounts are offered while typing; any other can still be typed in full."""


class SettingsForm(forms.ModelForm):  # type: ignore[type-arg]
    """Everything that can be set; what guards against misuse only by an administrator."""

    class Meta:
        model = PayrollSettings
        fields = CHANGEABLE
        labels = {
            "start_date": "First check date",
            "variance_percent": "Flag changes of more than … %",
            "variance_amount": "and of more than (in the run's currency)",
            "second_approver_above": "Two approvers above",
            "rounding_limit": "Most that rounding may come to",
        }
        widgets = {
            "start_date": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            **{name: forms.TextInput(attrs={"list": "accounts"}) for name in ACCOUNTS},
        }

    def __init__(self, *args: Any, controls: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in CONTROLS if not controls else ():
            self.fields[name].disabled = True
            self.fields[name].help_text = f"{self.fields[name].help_text} Only an administrator changes this."

    def _post_clean(self) -> None:
        """The model's own checks are made where the settings are changed."""


@admin.register(PayrollSettings)
class PayrollSettingsPages(Records):
    """One page per integration; it is reached from the integration and from the pay runs."""

    page_template = "payroll/settings.html"
    title = "Payroll settings"

    def get_queryset(self, request: HttpRequest) -> QuerySet[PayrollSettings]:
        return PayrollSettings.objects.select_related("integration__source", "integration__target")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:sync_integration_changelist"))

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        settings: PayrollSettings = self.find(request, object_id)
        if request.method == "POST":
            require(request, Role.PREPARER)
        form = SettingsForm(request.POST or None, instance=settings, controls=allows(request, Role.ADMINISTRATOR))
        if request.method == "POST" and form.is_valid():
            values = {name: form.cleaned_data[name] for name in form.changed_data}
            try:
                change_settings(PayrollSettings.objects.get(pk=settings.pk), values, now=timezone.now())
            except ValidationError as refusal:
                form.add_error(None, refusal)
            else:
                messages.success(request, "Saved. Journals are made by it from the next reading on.")
                return HttpResponseRedirect(self.back(settings))
        accounts = ReferenceValue.objects.filter(
            connection=settings.integration.target_id, kind=RefKind.ACCOUNT, active=True
        )
        context = {
            "object": settings,
            "form": form,
            "accounts": accounts.order_by("external_id").values_list("external_id", "name")[:OFFERED],
        }
        return self.render(request, self.page_template, context)
