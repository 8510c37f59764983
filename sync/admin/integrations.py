"""Integrations: which two connections belong together, and where each of its flows stands."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern
from django.utils import timezone

from connectors.models import Connection
from sync.admin.dashboard import cards_of
from sync.comparison import reference_differences
from sync.configuring import create_integration, rename_integration
from sync.mappings import coverage
from sync.models import Integration
from tenants.membership import require
from tenants.models import Role
from tenants.pages import Records, act

SHOWN_DIFFERENCES = 100


class IntegrationForm(forms.Form):
    """A name and the two connections; which can be which is decided by their products."""

    name = forms.CharField(max_length=120, help_text="As your colleagues will know it.")
    source = forms.ModelChoiceField(
        Connection._base_manager.none(), help_text="Where people are kept: hires come from."
    )
    target = forms.ModelChoiceField(Connection._base_manager.none(), help_text="Where the same people are to be.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        connections = list(Connection.objects.all()[:200])
        for side in ("source", "target"):
            able = [c.pk for c in connections if side in c.product.roles]
            field = self.fields[side]
            assert isinstance(field, forms.ModelChoiceField)
            field.queryset = Connection.objects.filter(pk__in=able)


@admin.register(Integration)
class IntegrationPages(Records):
    """Each integration with both connections' lights, its flows and its heads."""

    list_template = "sync/integrations.html"
    page_template = "sync/integration.html"
    per_page = 20

    def own_urls(self) -> list[URLPattern]:
        return [
            self.url("add/", self.add_integration, "add"),
            self.url("<str:object_id>/rename/", self.rename, "rename"),
            self.url("<str:object_id>/differences/", self.differences, "differences"),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Integration]:
        return Integration.objects.select_related("source", "target")

    def list_context(self, request: HttpRequest, records: list[Any]) -> dict[str, Any]:
        return {"cards": cards_of(records)}

    def page(self, request: HttpRequest, record: Integration) -> dict[str, Any]:
        (card,) = cards_of([record])
        return {"card": card, "coverage": coverage(record)}

    def add_integration(self, request: HttpRequest) -> HttpResponse:
        """The form for a new integration."""
        require(request, Role.ADMINISTRATOR)
        form = IntegrationForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                made = create_integration(**form.cleaned_data, now=timezone.now())
            except ValidationError as refusal:
                put(form, refusal)
            else:
                messages.success(
                    request, "The integration is set up. Nothing runs by itself and nothing is written yet."
                )
                return HttpResponseRedirect(self.back(made))
        context = {"form": form, "title": "New integration", "button": "Set up", "back": self.address("changelist")}
        return self.render(request, "pages/form.html", context)

    @act(Role.ADMINISTRATOR)
    def rename(self, request: HttpRequest, integration: Integration) -> str:
        rename_integration(integration, request.POST.get("name", "").strip(), now=timezone.now())
        return "Renamed."

    def differences(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What of the reference data does not agree, in both directions."""
        integration: Integration = self.find(request, object_id)
        found = reference_differences(integration)
        context = {
            "object": integration,
            "differences": found[:SHOWN_DIFFERENCES],
            "more": max(len(found) - SHOWN_DIFFERENCES, 0),
        }
        return self.render(request, "sync/differences.html", context)


def put(form: forms.BaseForm, refusal: ValidationError) -> None:
    """Show each sentence at its field, and what belongs to none above the form."""
    if not hasattr(refusal, "error_dict"):
        form.add_error(None, refusal)
        return
    for name, sentences in refusal.message_dict.items():
        form.add_error(name if name in form.fields else None, sentences)
