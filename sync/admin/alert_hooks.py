"""Addresses of programs that notices are sent to. For administrators only."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern
from django.utils import timezone

from sync.admin.integrations import put
from sync.admin.people import OfAdministrators
from sync.models import AlertHook, Dispatch, NoticeKind
from sync.notices.configuring import change_hook, create_hook, remove_hook, replace_secret, try_hook
from tenants.membership import require
from tenants.models import Role
from tenants.pages import Question, act

OUTCOMES = 20


class HookForm(forms.Form):
    """An address and what it is told."""

    name = forms.CharField(max_length=120, help_text="Which program is it?")
    url = forms.CharField(label="Address", max_length=500, help_text="Begins with https://.")
    kinds = forms.MultipleChoiceField(
        label="Only these",
        choices=NoticeKind.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None chosen: everything.",
    )


@admin.register(AlertHook)
class AlertHookPages(OfAdministrators):
    """The addresses, the last outcomes of each, and a sample."""

    list_template = "notices/hooks.html"
    page_template = "notices/hook.html"
    title = "Alert addresses"

    def own_urls(self) -> list[URLPattern]:
        return [
            self.url("add/", self.add, "add"),
            *(
                self.url(f"<str:object_id>/{name.replace('_', '-')}/", getattr(self, name), name)
                for name in ("settings", "test", "pause", "resume", "secret", "remove")
            ),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlertHook]:
        return AlertHook.objects.order_by("name")

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        hook: AlertHook = self.find(request, object_id)
        outcomes = Dispatch.objects.filter(hook=hook).order_by("-pk")[:OUTCOMES]
        kinds = [NoticeKind(kind).label for kind in hook.kinds]
        return self.render(request, self.page_template, {"object": hook, "outcomes": outcomes, "kinds": kinds})

    def back(self, record: AlertHook) -> str:
        return self.address("change", record.pk)

    def add(self, request: HttpRequest) -> HttpResponse:
        """Add an address and show its secret, in this one answer only."""
        require(request, Role.ADMINISTRATOR)
        form = HookForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                hook, text = create_hook(**form.cleaned_data, now=timezone.now())
            except ValidationError as refusal:
                put(form, refusal)
            else:
                return self._shown_once(request, hook, text)
        context = {"form": form, "title": "Add an address", "button": "Add", "back": self.address("changelist")}
        return self.render(request, "pages/form.html", context)

    def settings(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Change name, address and kinds."""
        hook: AlertHook = self.find(request, object_id)
        form = HookForm(request.POST or None, initial={"name": hook.name, "url": hook.url, "kinds": hook.kinds})
        if request.method == "POST" and form.is_valid():
            try:
                change_hook(hook, form.cleaned_data, now=timezone.now())
            except ValidationError as refusal:
                put(form, refusal)
            else:
                messages.success(request, "Saved.")
                return HttpResponseRedirect(self.back(hook))
        context = {"object": hook, "form": form, "title": f"Change {hook}", "button": "Save", "back": self.back(hook)}
        return self.render(request, "pages/form.html", context)

    @act(Role.ADMINISTRATOR)
    def test(self, request: HttpRequest, hook: AlertHook) -> str | None:
        refusal = try_hook(hook, now=timezone.now())
        if refusal:
            messages.error(request, f"The sample did not arrive. {refusal}")
            return None
        return "The sample arrived."

    @act(Role.ADMINISTRATOR)
    def pause(self, request: HttpRequest, hook: AlertHook) -> str:
        change_hook(hook, {"paused": True}, now=timezone.now())
        return "Paused. Nothing is sent there until it is resumed, and nothing is made up for."

    @act(Role.ADMINISTRATOR)
    def resume(self, request: HttpRequest, hook: AlertHook) -> str:
        change_hook(hook, {"paused": False}, now=timezone.now())
        return "Resumed."

    def ask_secret(self, request: HttpRequest, hook: AlertHook) -> Question:
        return Question(
            title=f"Make a new secret for {hook}?",
            facts=["The former signs nothing any more: the program needs the new one right away."],
            button="Make a new secret",
            danger=True,
        )

    @act(Role.ADMINISTRATOR, ask="ask_secret")
    def secret(self, request: HttpRequest, hook: AlertHook) -> HttpResponse:
        return self._shown_once(request, hook, replace_secret(hook, now=timezone.now()))

    def ask_remove(self, request: HttpRequest, hook: AlertHook) -> Question:
        return Question(
            title=f"Remove {hook}?", facts=["Nothing is sent there any more."], button="Remove", danger=True
        )

    @act(Role.ADMINISTRATOR, ask="ask_remove")
    def remove(self, request: HttpRequest, hook: AlertHook) -> HttpResponse:
        remove_hook(hook, now=timezone.now())
        messages.success(request, "Removed.")
        return HttpResponseRedirect(self.address("changelist"))

    def _shown_once(self, request: HttpRequest, hook: AlertHook, text: str) -> HttpResponse:
        answer = self.render(request, "notices/secret.html", {"object": hook, "text": text})
        answer["Cache-Control"] = "no-store"
        return answer
