"""Pay calendars: their rule, the pay dates that come of it, and the days they know of."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern
from django.utils import timezone
from holidays.registry import COUNTRIES

from sync.admin.integrations import put
from sync.models import CalendarDay, PayCalendar
from sync.scheduling.business_days import countries, subdivisions
from sync.scheduling.calendar_files import FILE_BYTES
from sync.scheduling.clocks import timings_to_read, zone_of
from sync.scheduling.configuring import (
    CALENDAR_FIELDS,
    add_day,
    change_calendar,
    create_calendar,
    import_days,
    remove_calendar,
    remove_day,
)
from sync.scheduling.upcoming import next_pay_days, trouble_with
from sync.scheduling.wall_time import local_date
from sync.scheduling.wording import calendar_sentence, timing_sentence
from tenants.membership import require
from tenants.models import Role
from tenants.pages import Question, Records, act, rows_of

NAMES = {codes[1]: module.replace("_", " ").title() for module, codes in COUNTRIES.items()}
DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class CalendarForm(forms.ModelForm):  # type: ignore[type-arg]
    """The rule of a calendar; which fields count depends on it."""

    class Meta:
        model = PayCalendar
        fields = CALENDAR_FIELDS
        labels = {
            "rule": "Pays",
            "anchor": "One of the pay dates",
            "first_day": "Day of the month",
            "second_day": "Second day of the month",
            "roll": "On a weekend or holiday",
            "subdivision": "State or region",
        }
        help_texts = {
            "anchor": "For a calendar by weeks: any pay date, past or to come.",
            "first_day": "For a calendar by months; 31 is the last day of every month.",
            "second_day": "For twice a month; 31 is the last day of every month.",
            "subdivision": "Its code, such as MI. Empty: the holidays of the whole country.",
            "time_zone": "Pay dates are days here. A name such as America/Detroit.",
        }
        widgets = {"anchor": DAY, "subdivision": forms.TextInput(attrs={"list": "subdivisions"})}

    country = forms.ChoiceField(required=False, label="Public holidays of")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        named = sorted((NAMES.get(code, code), code) for code in countries())
        places = [("", "No country: weekends alone"), *((code, f"{name} ({code})") for name, code in named)]
        field = self.fields["country"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = places

    def _post_clean(self) -> None:
        """The model's own checks are made where the calendar is kept."""


class DayForm(forms.Form):
    """One day the calendar is to know of."""

    kind = forms.ChoiceField(choices=CalendarDay.Kind.choices)
    day = forms.DateField(widget=DAY)
    name = forms.CharField(max_length=120, required=False)


@admin.register(PayCalendar)
class CalendarPages(Records):
    """Each calendar with its next pay dates, what moved them, and what is tied to it."""

    list_template = "scheduling/calendars.html"
    page_template = "scheduling/calendar.html"
    title = "Pay calendars"

    def own_urls(self) -> list[URLPattern]:
        return [
            self.url("add/", self.add_calendar, "add"),
            self.url("<str:object_id>/rule/", self.change_rule, "rule"),
            self.url("<str:object_id>/import/", self.import_file, "import"),
            self.url("<str:object_id>/add-day/", self.enter_day, "add_day"),
            self.url("<str:object_id>/remove-day/", self.take_day_out, "remove_day"),
            self.url("<str:object_id>/remove/", self.remove, "remove"),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[PayCalendar]:
        return PayCalendar.objects.annotate(flows=Count("timings__flow", distinct=True)).order_by("name")

    def page_queryset(self, request: HttpRequest) -> QuerySet[PayCalendar]:
        return self.get_queryset(request).prefetch_related("days")

    def list_context(self, request: HttpRequest, records: list[PayCalendar]) -> dict[str, Any]:
        return {"calendars": [(one, calendar_sentence(one)) for one in records]}

    def page(self, request: HttpRequest, record: PayCalendar) -> dict[str, Any]:
        timings = timings_to_read().filter(calendar=record)
        return {
            "sentence": calendar_sentence(record),
            "upcoming": next_pay_days(record, local_date(timezone.now(), zone_of(record))),
            "trouble": trouble_with(record),
            "timings": [(timing, timing_sentence(timing)) for timing in timings],
            "rows": rows_of(record.days.order_by("-day", "pk"), request),
            "day_form": DayForm(),
            "kinds": self._kinds(record),
        }

    @staticmethod
    def _kinds(calendar: PayCalendar) -> list[tuple[str, str]]:
        """Which days this calendar takes: pay dates only where it has dates of its own."""
        own = calendar.rule == PayCalendar.Rule.CUSTOM
        return [kind for kind in CalendarDay.Kind.choices if own or kind[0] != CalendarDay.Kind.PAY_DATE]

    def add_calendar(self, request: HttpRequest) -> HttpResponse:
        """The form for a new calendar."""
        require(request, Role.ADMINISTRATOR)
        zone = self.admin_site.each_context(request)["membership"].tenant.time_zone
        form = CalendarForm(request.POST or None, initial={"time_zone": zone})
        if request.method == "POST" and form.is_valid():
            try:
                made = create_calendar(form.cleaned_data, now=timezone.now())
            except ValidationError as refusal:
                put(form, refusal)
            else:
                if made.rule == PayCalendar.Rule.CUSTOM:
                    messages.success(request, "The calendar is there. Now enter its dates, or import them.")
                return HttpResponseRedirect(self.back(made))
        context = {"form": form, "title": "New pay calendar", "button": "Make", "back": self.address("changelist")}
        return self.render(request, "scheduling/calendar_form.html", context)

    def change_rule(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The form for the rule of a calendar."""
        calendar: PayCalendar = self.find(request, object_id)
        require(request, Role.ADMINISTRATOR)
        form = CalendarForm(request.POST or None, instance=PayCalendar.objects.get(pk=calendar.pk))
        if request.method == "POST" and form.is_valid():
            try:
                change_calendar(calendar, form.cleaned_data, now=timezone.now())
            except ValidationError as refusal:
                put(form, refusal)
            else:
                messages.success(request, "Saved. What is tied to it starts by it from now on.")
                return HttpResponseRedirect(self.back(calendar))
        context = {
            "object": calendar,
            "form": form,
            "title": f"Change {calendar}",
            "button": "Save",
            "back": self.back(calendar),
            "subdivisions": subdivisions(calendar.country),
        }
        return self.render(request, "scheduling/calendar_form.html", context)

    def import_file(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Take the days of a file over, or say what is wrong with it."""
        calendar: PayCalendar = self.find(request, object_id)
        require(request, Role.ADMINISTRATOR)
        sentences: list[str] = []
        if request.method == "POST":
            file, kind = request.FILES.get("file"), request.POST.get("kind", "")
            try:
                if file is None or (file.size or 0) > FILE_BYTES or kind not in CalendarDay.Kind.values:
                    raise ValidationError("Choose a CSV or iCalendar file of at most 1 MB, and what its dates are.")
                number = import_days(calendar, kind, file.read(), now=timezone.now())
            except ValidationError as refusal:
                sentences = refusal.messages
            else:
                messages.success(request, f"{number} days taken over.")
                return HttpResponseRedirect(self.back(calendar))
        context = {"object": calendar, "sentences": sentences, "kinds": self._kinds(calendar)}
        return self.render(request, "scheduling/calendar_import.html", context)

    @act(Role.ADMINISTRATOR)
    def enter_day(self, request: HttpRequest, calendar: PayCalendar) -> str:
        form = DayForm(request.POST)
        if not form.is_valid():
            raise ValidationError("Enter a date such as 2026-12-24, and what it is.")
        entered = form.cleaned_data
        add_day(calendar, entered["kind"], entered["day"], entered["name"], now=timezone.now())
        return "Entered."

    @act(Role.ADMINISTRATOR)
    def take_day_out(self, request: HttpRequest, calendar: PayCalendar) -> str:
        which = request.POST.get("day", "")
        day = calendar.days.filter(pk=which).first() if which.isascii() and which.isdigit() else None
        if day is None:
            raise ValidationError("This day is not in the calendar any more.")
        remove_day(day, now=timezone.now())
        return "Removed."

    def ask_remove(self, request: HttpRequest, calendar: PayCalendar) -> Question:
        return Question(
            title=f"Remove {calendar}?",
            facts=["Its days are gone with it. It cannot be removed while a flow or an expectation is tied to it."],
            button="Remove",
            danger=True,
        )

    @act(Role.ADMINISTRATOR, ask="ask_remove")
    def remove(self, request: HttpRequest, calendar: PayCalendar) -> HttpResponse:
        remove_calendar(calendar, now=timezone.now())
        messages.success(request, f"{calendar} is removed.")
        return HttpResponseRedirect(self.address("changelist"))
