"""The timings of a flow: when it starts by itself, what comes next, and what became of each start."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, reverse
from django.utils import timezone

from sync.admin.integrations import put
from sync.models import Flow, PayCalendar, Slot, Timing
from sync.scheduling.clocks import timings_to_read
from sync.scheduling.configuring import TIMING_FIELDS, add_timing, change_timing, remove_timing
from sync.scheduling.upcoming import next_starts, trouble_of
from sync.scheduling.wording import timing_sentence
from tenants.membership import require
from tenants.models import Role
from tenants.pages import Question, Records, act, rows_of


class TimingForm(forms.ModelForm):  # type: ignore[type-arg]
    """One rule; which fields count depends on its kind."""

    class Meta:
        model = Timing
        fields: ClassVar[list[str]] = [name for name in TIMING_FIELDS if name != "calendar"]
        labels = {
            "kind": "By",
            "offset_days": "Business days from the pay date",
            "at": "At",
            "cron": "Cron expression",
        }
        help_texts = {
            "offset_days": "−1 is the business day before the pay date, 0 the pay date itself.",
            "at": "Local time of day, such as 06:00.",
            "cron": "Minute, hour, day of the month, month, day of the week. “30 6 * * 1-5” is 06:30 on weekdays.",
            "time_zone": "Empty: the calendar's.",
        }
        widgets = {"at": forms.TimeInput(attrs={"type": "time"}, format="%H:%M")}

    calendar = forms.ModelChoiceField(PayCalendar._base_manager.none(), required=False, label="Pay calendar")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        calendar = self.fields["calendar"]
        assert isinstance(calendar, forms.ModelChoiceField)
        calendar.queryset = PayCalendar.objects.order_by("name")
        self.initial["calendar"] = self.instance.calendar_id
        self.order_fields(TIMING_FIELDS)
        self.fields["time_zone"].required = False
        self.fields["offset_days"].required = False

    def values(self) -> dict[str, Any]:
        """What was entered, by the names of TIMING_FIELDS."""
        return {**self.cleaned_data, "offset_days": self.cleaned_data["offset_days"] or 0}

    def _post_clean(self) -> None:
        """The model's own checks are made where the timing is kept."""


@admin.register(Timing)
class TimingPages(Records):
    """A timing with what it starts next and what it has started; reached from its flow."""

    page_template = "scheduling/timing.html"
    title = "Timings"

    def own_urls(self) -> list[URLPattern]:
        return [
            self.url("add/<str:flow_id>/", self.add_to_flow, "add_to_flow"),
            self.url("<str:object_id>/rule/", self.change_rule, "rule"),
            self.url("<str:object_id>/remove/", self.remove, "remove"),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Timing]:
        return timings_to_read()

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:sync_integration_changelist"))

    def page(self, request: HttpRequest, record: Timing) -> dict[str, Any]:
        slots = Slot.objects.filter(timing=record).select_related("run").order_by("-due_at")
        return {
            "sentence": timing_sentence(record),
            "trouble": trouble_of(record),
            "starts": [] if record.flow.paused else next_starts([record], timezone.now()),
            "rows": rows_of(slots, request),
        }

    def add_to_flow(self, request: HttpRequest, flow_id: str) -> HttpResponse:
        """The form for a new timing of a flow."""
        require(request, Role.ADMINISTRATOR)
        try:
            flow = Flow.objects.select_related("integration__source", "integration__target").get(pk=flow_id)
        except (Flow.DoesNotExist, ValidationError):
            raise Http404("There is no such flow in your company.") from None
        form = TimingForm(request.POST or None, initial={"offset_days": -1, "at": "06:00"})
        if request.method == "POST" and form.is_valid():
            try:
                made = add_timing(flow, form.values(), now=timezone.now())
            except ValidationError as refusal:
                put(form, refusal)
            else:
                messages.success(request, "Added. It starts by itself from the next occurrence on.")
                return HttpResponseRedirect(self.back(made))
        back = reverse("admin:sync_flow_change", args=[flow.pk])
        context = {"form": form, "title": f"Start {flow} by itself", "button": "Add", "back": back}
        return self.render(request, "pages/form.html", context)

    def change_rule(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The form for the rule of a timing."""
        timing: Timing = self.find(request, object_id)
        require(request, Role.ADMINISTRATOR)
        form = TimingForm(request.POST or None, instance=Timing.objects.get(pk=timing.pk))
        if request.method == "POST" and form.is_valid():
            try:
                change_timing(timing, form.values(), now=timezone.now())
            except ValidationError as refusal:
                put(form, refusal)
            else:
                messages.success(request, "Saved. A start whose time has come already still happens.")
                return HttpResponseRedirect(self.back(timing))
        context = {"object": timing, "form": form, "button": "Save", "back": self.back(timing)}
        return self.render(request, "pages/form.html", {**context, "title": f"Change when {timing.flow} starts"})

    def ask_remove(self, request: HttpRequest, timing: Timing) -> Question:
        return Question(
            title=f"Remove this timing of {timing.flow}?",
            facts=[
                f"{timing.flow} no longer starts by itself: {timing_sentence(timing)}.",
                "The list of its starts is gone with it. The runs it started stay.",
            ],
            button="Remove",
            danger=True,
        )

    @act(Role.ADMINISTRATOR, ask="ask_remove")
    def remove(self, request: HttpRequest, timing: Timing) -> HttpResponse:
        remove_timing(timing, now=timezone.now())
        messages.success(request, "Removed.")
        return HttpResponseRedirect(reverse("admin:sync_flow_change", args=[timing.flow_id]))
