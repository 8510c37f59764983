"""Who works here, in which role, and the keys of the company's programs. For administrators only."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern
from django.utils import timezone

from sync.access import add_member, change_member, create_key, remove_member, revoke_key
from tenants.membership import require
from tenants.models import ApiKey, Membership, Role
from tenants.pages import Question, Records, act

ROLES = {
    Role.VIEWER: "Sees everything, changes nothing.",
    Role.PREPARER: "Also starts and previews runs, maps, and replays.",
    Role.APPROVER: "Also releases runs that were held.",
    Role.ADMINISTRATOR: "Also manages connections, integrations, the write switch, people and keys.",
}


class MemberForm(forms.Form):
    """Somebody to give access to."""

    email = forms.EmailField(label="E-mail address")
    role = forms.ChoiceField(choices=Role.choices, initial=Role.VIEWER)


class KeyForm(forms.Form):
    """A key to make."""

    name = forms.CharField(max_length=50, help_text="Which program is it for?")
    role = forms.ChoiceField(choices=Role.choices, initial=Role.VIEWER, help_text="What the program may do.")
    expires_on = forms.DateField(
        label="Last day",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="Empty: until somebody revokes it.",
    )


class OfAdministrators(Records):
    """Pages that only administrators see."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def find(self, request: HttpRequest, object_id: str) -> Any:
        require(request, Role.ADMINISTRATOR)
        return super().find(request, object_id)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        require(request, Role.ADMINISTRATOR)
        return super().changelist_view(request, extra_context)

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        self.find(request, object_id)
        return HttpResponseRedirect(self.address("changelist"))

    def back(self, record: Any) -> str:
        return self.address("changelist")


@admin.register(Membership)
class PeoplePages(OfAdministrators):
    """The people of the company."""

    list_template = "tenants/people.html"
    title = "People"

    def own_urls(self) -> list[URLPattern]:
        return [
            self.url("add/", self.add, "add"),
            self.url("<str:object_id>/role/", self.role, "role"),
            self.url("<str:object_id>/remove/", self.remove, "remove"),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        return Membership.objects.select_related("user").order_by("user__username", "pk")

    def list_context(self, request: HttpRequest, records: list[Any]) -> dict[str, Any]:
        return {"roles": [(role.value, role.label, help_text) for role, help_text in ROLES.items()]}

    def add(self, request: HttpRequest) -> HttpResponse:
        """Give somebody access."""
        require(request, Role.ADMINISTRATOR)
        form = MemberForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                member = add_member(form.cleaned_data["email"], form.cleaned_data["role"], at=timezone.now())
            except ValidationError as refusal:
                form.add_error("email", refusal.messages)
            else:
                can_enter = member.user.has_usable_password()
                how = "and can switch to it now" if can_enter else "as soon as the operator has given them a password"
                messages.success(request, f"{member.user} works for your company, {how}.")
                return HttpResponseRedirect(self.address("changelist"))
        context = {"form": form, "title": "Add a person", "button": "Add", "back": self.address("changelist")}
        return self.render(request, "pages/form.html", context)

    @act(Role.ADMINISTRATOR)
    def role(self, request: HttpRequest, member: Membership) -> str:
        role = request.POST.get("role", "")
        if role not in Role.values:
            raise ValidationError("There is no such role.")
        change_member(member, role, at=timezone.now())
        return f"{member.user} is {Role(role).label.lower()} now."

    def ask_remove(self, request: HttpRequest, member: Membership) -> Question:
        return Question(
            title=f"Take away the access of {member.user}?",
            facts=["From their next click on they see nothing of your company. What they did stays recorded."],
            button="Take access away",
            danger=True,
        )

    @act(Role.ADMINISTRATOR, ask="ask_remove")
    def remove(self, request: HttpRequest, member: Membership) -> str:
        remove_member(member, at=timezone.now())
        return f"{member.user} has no access any more."


@admin.register(ApiKey)
class KeyPages(OfAdministrators):
    """Keys of the company's programs; the text of a key is shown once."""

    list_template = "tenants/keys.html"

    def own_urls(self) -> list[URLPattern]:
        return [
            self.url("add/", self.add, "add"),
            self.url("<str:object_id>/revoke/", self.revoke, "revoke"),
        ]

    def find(self, request: HttpRequest, object_id: str) -> ApiKey:
        # By its prefix: the key of the table holds the hash, which belongs into no address.
        require(request, Role.ADMINISTRATOR)
        found: ApiKey = get_object_or_404(ApiKey.objects.all(), prefix=object_id)
        return found

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        return ApiKey.objects.order_by("revoked", "-created")

    def list_context(self, request: HttpRequest, records: list[Any]) -> dict[str, Any]:
        now = timezone.now()
        return {
            "keys": [(key, "revoked" if key.revoked else "expired" if key.expired_at(now) else "") for key in records]
        }

    def add(self, request: HttpRequest) -> HttpResponse:
        """Make a key and show its text, in this one answer only."""
        require(request, Role.ADMINISTRATOR)
        form = KeyForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            last_day = form.cleaned_data["expires_on"]
            expires_at = timezone.make_aware(datetime.combine(last_day, time(23, 59, 59))) if last_day else None
            try:
                key, text = create_key(
                    form.cleaned_data["name"], form.cleaned_data["role"], expires_at, at=timezone.now()
                )
            except ValidationError as refusal:
                form.add_error("expires_on", refusal.messages)
            else:
                # No page of the site is kept by a browser, hence neither is this one.
                return self.render(request, "tenants/key.html", {"key": key, "text": text, "title": "New API key"})
        context = {"form": form, "title": "Make an API key", "button": "Make", "back": self.address("changelist")}
        return self.render(request, "pages/form.html", context)

    def ask_revoke(self, request: HttpRequest, key: ApiKey) -> Question:
        return Question(
            title=f"Revoke the key {key.name}?",
            facts=["The program that uses it is refused from its next call on. This cannot be undone."],
            button="Revoke",
            danger=True,
        )

    @act(Role.ADMINISTRATOR, ask="ask_revoke")
    def revoke(self, request: HttpRequest, key: ApiKey) -> str:
        revoke_key(key, at=timezone.now())
        return f"The key {key.name} opens nothing any more."
