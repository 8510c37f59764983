"""Which pay dates are expected, and by when their journals must be posted."""

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
from sync.models import Integration, PayCalendar, PayExpectation
from sync.scheduling.wording import distance
from sync.watching.configuring import CHANGEABLE, change_expectation, expect, stop_expecting
from tenants.membership import require
from tenants.models import Role
from tenants.pages import Question, Records, act


class ExpectationForm(forms.Form):
    """What is expected of an integration's pay runs."""

    integration = forms.ModelChoiceField(Integration._base_manager.none())
    calendar = forms.ModelChoiceField(PayCalendar._base_manager.none(), label="Pay calendar")
    company = forms.CharField(
        label="Legal entity", max_length=100, required=False, help_text="Its id in the source. Empty: any."
    )
    pay_group = forms.CharField(max_length=100, required=False, help_text="As payroll calls it. Empty: any.")
    within_days = forms.IntegerField(
        label="Posted within … business days from the pay date", help_text="Before the pay date with a minus."
    )
    at = forms.TimeField(
        label="Posted by", widget=forms.TimeInput(attrs={"type": "time"}), help_text="Time of day of the calendar."
    )
    least_people = forms.IntegerField(
        label="Fewest people",
        min_value=1,
        required=False,
        help_text="A pay run with fewer people than this is held. Empty: any number.",
    )
    starts_on = forms.DateField(
        label="From the pay date",
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="Pay dates before this day are not expected.",
    )

    def __init__(self, *args: Any, is_new: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, rows in (("integration", Integration.objects.all()), ("calendar", PayCalendar.objects.all())):
            field = self.fields[name]
            assert isinstance(field, forms.ModelChoiceField)
            field.queryset = rows
        if not is_new:
            del self.fields["integration"]


@admin.register(PayExpectation)
class ExpectationPages(Records):
    """One row per calendar, company and pay group."""

    list_template = "notices/expectations.html"
    title = "Expected pay dates"

    def own_urls(self) -> list[URLPattern]:
        return [
            self.url("add/", self.add, "add"),
            self.url("<str:object_id>/settings/", self.settings, "settings"),
            self.url("<str:object_id>/remove/", self.remove, "remove"),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[PayExpectation]:
        return PayExpectation.objects.select_related("integration", "calendar")

    def list_context(self, request: HttpRequest, records: list[PayExpectation]) -> dict[str, Any]:
        return {"expectations": [(one, distance(one.within_days)) for one in records]}

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        self.find(request, object_id)
        return HttpResponseRedirect(self.address("changelist"))

    def back(self, record: PayExpectation) -> str:
        return self.address("changelist")

    def add(self, request: HttpRequest) -> HttpResponse:
        """Expect the pay dates of a calendar."""
        require(request, Role.ADMINISTRATOR)
        form = ExpectationForm(request.POST or None, is_new=True, initial={"within_days": 1, "at": "17:00"})
        if request.method == "POST" and form.is_valid():
            try:
                expect(form.cleaned_data, now=timezone.now())
            except ValidationError as refusal:
                put(form, refusal)
            else:
                messages.success(request, "Expected. People are told when a pay date is missed.")
                return HttpResponseRedirect(self.address("changelist"))
        return self._form(request, form, "Expect pay dates")

    def settings(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Change what is expected."""
        expectation: PayExpectation = self.find(request, object_id)
        require(request, Role.ADMINISTRATOR)
        initial = {name: getattr(expectation, name) for name in CHANGEABLE}
        form = ExpectationForm(request.POST or None, is_new=False, initial=initial)
        if request.method == "POST" and form.is_valid():
            try:
                change_expectation(expectation, form.cleaned_data, now=timezone.now())
            except ValidationError as refusal:
                put(form, refusal)
            else:
                messages.success(request, "Saved.")
                return HttpResponseRedirect(self.address("changelist"))
        return self._form(request, form, f"Change what is expected of {expectation}")

    def _form(self, request: HttpRequest, form: forms.Form, title: str) -> HttpResponse:
        context = {"form": form, "title": title, "button": "Save", "back": self.address("changelist")}
        return self.render(request, "pages/form.html", context)

    def ask_remove(self, request: HttpRequest, expectation: PayExpectation) -> Question:
        return Question(
            title=f"No longer expect {expectation}?",
            facts=["Nobody is told any more when one of these pay dates is missed."],
            button="No longer expect it",
            danger=True,
        )

    @act(Role.ADMINISTRATOR, ask="ask_remove")
    def remove(self, request: HttpRequest, expectation: PayExpectation) -> str:
        stop_expecting(expectation, now=timezone.now())
        return "These pay dates are not expected any more."
