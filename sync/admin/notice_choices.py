"""How I hear of things: everybody for themselves."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, reverse
from django.utils import timezone

from sync.models import NoticeChoice, NoticeKind
from sync.notices.configuring import choose
from sync.notices.telling import DIGEST, How, Listener, usual
from tenants.membership import membership_of, require
from tenants.models import Role
from tenants.pages import Records

DIGEST_OPTIONS = [(How.DIGEST.value, "At 7:00 on working days"), (How.NEVER.value, "Not at all")]


class ChoiceForm(forms.Form):
    """One field per kind; the first option is what is usual for the role."""

    def __init__(self, *args: Any, role: Role, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for kind, label in [*NoticeKind.choices, (DIGEST, "The daily digest")]:
            options = DIGEST_OPTIONS if kind == DIGEST else How.choices
            said = dict(options)[usual(role, kind).value]
            as_usual = ("", f"As usual for {role.label.lower()}s: {said[0].lower()}{said[1:]}")
            self.fields[kind] = forms.ChoiceField(label=label, choices=[as_usual, *options], required=False)


@admin.register(NoticeChoice)
class NoticeChoicePages(Records):
    """One page: the choices of whoever looks at it."""

    title = "How I hear of things"

    def get_urls(self) -> list[URLPattern]:
        return [self.url("", self.changelist_view, "changelist")]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        require(request, Role.VIEWER)
        membership = membership_of(request)
        assert membership is not None
        assert isinstance(request.user, User)
        role = Role(membership.role)
        chosen = dict(NoticeChoice.objects.filter(user=request.user).values_list("kind", "how"))
        form = ChoiceForm(request.POST or None, role=role, initial=chosen)
        if request.method == "POST" and form.is_valid():
            choose(request.user, form.cleaned_data, now=timezone.now())
            messages.success(request, "Saved.")
            return HttpResponseRedirect(self.address("changelist"))
        address = Listener(user=request.user, role=role, choices=chosen).address
        lead = (
            f"Mail goes to {address}. One mail per cause, when it begins and when it is mended."
            if address
            else "You cannot be told by mail: no e-mail address of yours is known here, or no mail server is set up. "
            "Ask your operator. Everything is under Notices."
        )
        context = {"form": form, "title": self.title, "lead": lead, "button": "Save"}
        return self.render(request, "pages/form.html", {**context, "back": reverse("admin:sync_notice_changelist")})
