"""Connections: what they need, what they may do, and whether they work right now."""

from __future__ import annotations

import random
import time
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern
from django.utils import timezone

from audit.queries import Filters, filtered
from connectors.administration import pause, remove_connection, replace_credentials, resume, save_connection
from connectors.checks import check_connection
from connectors.forms import ConnectionForm, CredentialsForm
from connectors.models import Connection
from connectors.vendors import VENDORS
from tenants.membership import allows, require
from tenants.models import Role
from tenants.pages import Question, Records, act

ACCESS = {
    "granted": "Yes",
    "forbidden": "No",
    "ended": "Ended",
    "not_subscribed": "Not subscribed",
    "role_missing": "A role is missing",
    "empty": "Shows nothing",
    "unreachable": "Did not answer",
    "unknown": "Cannot tell",
}
SIDES = {"source": "where people come from", "target": "where they go to"}


@admin.register(Connection)
class ConnectionPages(Records):
    """Each connection with its light, its findings and its settings. Credentials go in and never come out."""

    list_template = "connectors/connections.html"
    page_template = "connectors/connection.html"

    def own_urls(self) -> list[URLPattern]:
        return [
            self.url("add/", self.choose_product, "add"),
            self.url("add/<slug:vendor>/", self.add_connection, "add_of"),
            *(
                self.url(f"<str:object_id>/{name}/", getattr(self, name), name)
                for name in ("settings", "credentials", "test", "pause", "resume", "remove")
            ),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Connection]:
        return Connection.objects.order_by("name")

    def page(self, request: HttpRequest, record: Connection) -> dict[str, Any]:
        findings = [{**f, "access_label": ACCESS.get(f["access"], f["access"])} for f in record.findings]
        stored = filtered(
            Filters(action="connection.credentials_replaced", subject_kind="connection", subject_id=str(record.pk))
        ).first()
        labels = {field.name: field for field in record.product.settings}
        shown = [
            (labels[name].label, dict(labels[name].choices).get(value, value))
            for name, value in record.settings.items()
            if name in labels and value
        ]
        return {"findings": findings, "stored": stored, "shown": shown}

    def choose_product(self, request: HttpRequest) -> HttpResponse:
        """Which product to connect."""
        require(request, Role.ADMINISTRATOR)
        products = [(v, [SIDES[role] for role in sorted(v.roles)]) for v in VENDORS.values()]
        return self.render(request, "connectors/products.html", {"products": products})

    def add_connection(self, request: HttpRequest, vendor: str) -> HttpResponse:
        """The form of a new connection: settings and credentials together."""
        require(request, Role.ADMINISTRATOR)
        if vendor not in VENDORS:
            raise Http404("There is no such product.")
        product = VENDORS[vendor]
        form, secrets = ConnectionForm(product, request.POST or None), CredentialsForm(product, request.POST or None)
        if request.method == "POST" and form.is_valid() and secrets.is_valid():
            made = Connection(vendor=vendor, name=form.cleaned_data["name"], settings=form.entered())
            made.environment = form.cleaned_data["environment"]
            if _saved(form, made) and _sealed(secrets, made):
                messages.success(request, _stored(made))
                return HttpResponseRedirect(self.back(made))
            if not made._state.adding:
                # The settings are stored, a credential was refused: go on where both can be seen.
                return self._edit(request, made, "credentials", secrets)
        context = {"form": form, "secrets": secrets, "product": product.product}
        return self.render(request, "connectors/new.html", context)

    def settings(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Change name, environment and settings."""
        connection: Connection = self.find(request, object_id)
        require(request, Role.ADMINISTRATOR)
        form = ConnectionForm(connection.product, request.POST or None, initial=ConnectionForm.initial_of(connection))
        if request.method == "POST" and form.is_valid():
            connection.name, connection.settings = form.cleaned_data["name"], form.entered()
            connection.environment = form.cleaned_data["environment"]
            if _saved(form, connection):
                messages.success(request, "Saved. Test the connection if more than the name changed.")
                return HttpResponseRedirect(self.back(connection))
        return self._edit(request, connection, "settings", form)

    def credentials(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Replace all credentials; the stored ones are not shown."""
        connection: Connection = self.find(request, object_id)
        require(request, Role.ADMINISTRATOR)
        form = CredentialsForm(connection.product, request.POST or None)
        if request.method == "POST" and form.is_valid():
            if not form.entered():
                form.add_error(None, "Enter all credentials this connection needs: none of the former is kept.")
            elif _sealed(form, connection):
                messages.success(request, _stored(connection))
                return HttpResponseRedirect(self.back(connection))
        return self._edit(request, connection, "credentials", form)

    def _edit(self, request: HttpRequest, connection: Connection, what: str, form: Any) -> HttpResponse:
        leads = {
            "settings": "With other settings, what the last test found is forgotten: test again afterwards.",
            "credentials": "What you enter replaces everything stored before. It is sealed and never shown again.",
        }
        context = {
            "object": connection,
            "form": form,
            "title": f"{what.capitalize()} of {connection}",
            "lead": leads[what],
            "button": "Save" if what == "settings" else "Replace",
            "back": self.back(connection),
        }
        return self.render(request, "pages/form.html", context)

    @act(Role.ADMINISTRATOR)
    def test(self, request: HttpRequest, connection: Connection) -> str | None:
        check_connection(
            connection,
            now=timezone.now,
            sleep=time.sleep,
            random=random.random,
            correlation_id=getattr(request, "correlation_id", ""),
        )
        if connection.state == Connection.State.READY:
            return "Tested: everything works."
        messages.warning(request, f"Tested: {connection.get_state_display().lower()}. See what was found.")
        return None

    def ask_pause(self, request: HttpRequest, connection: Connection) -> Question:
        return Question(
            title=f"Pause {connection}?",
            facts=["Nothing is read or written through it until it is resumed. Runs that need it stop and say so."],
            button="Pause",
            reason="Why? Your colleagues will see it.",
        )

    @act(Role.ADMINISTRATOR, ask="ask_pause")
    def pause(self, request: HttpRequest, connection: Connection) -> str:
        pause(connection, reason=request.POST.get("reason", "").strip()[:300], at=timezone.now())
        return "Paused."

    @act(Role.ADMINISTRATOR)
    def resume(self, request: HttpRequest, connection: Connection) -> str:
        resume(connection, at=timezone.now())
        return "Resumed."

    def ask_remove(self, request: HttpRequest, connection: Connection) -> Question:
        return Question(
            title=f"Remove {connection}?",
            facts=["The connection and its credentials are deleted. The audit trail keeps what it did."],
            button="Remove",
            danger=True,
        )

    @act(Role.ADMINISTRATOR, ask="ask_remove")
    def remove(self, request: HttpRequest, connection: Connection) -> HttpResponse:
        remove_connection(connection, at=timezone.now())
        messages.success(request, "Removed.")
        return HttpResponseRedirect(self.address("changelist"))

    def list_context(self, request: HttpRequest, records: list[Any]) -> dict[str, Any]:
        return {"may_manage": allows(request, Role.ADMINISTRATOR)}


def _stored(connection: Connection) -> str:
    """What is next once credentials are there, or none are needed."""
    if connection.is_installed and not connection.company:
        return f"Stored. Connect with {connection.product.product} next."
    return "Stored. Test the connection next."


def _saved(form: ConnectionForm, connection: Connection) -> bool:
    try:
        save_connection(connection, at=timezone.now())
    except ValidationError as refusal:
        form.refuse(refusal)
        return False
    return True


def _sealed(form: CredentialsForm, connection: Connection) -> bool:
    if not form.entered():
        return True
    try:
        replace_credentials(connection, form.entered(), at=timezone.now())
    except ValidationError as refusal:
        form.refuse(refusal)
        return False
    return True
