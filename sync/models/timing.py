"""When flows run by themselves: pay calendars, the timings tied to them, and what became of each occurrence."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from sync.models.integration import Flow, Integration
from sync.models.run import Run
from tenants.models import TenantOwned
from tenants.timezones import validate_time_zone


class PayCalendar(TenantOwned):
    """The days on which a company pays: a rule, or dates of its own, moved off weekends and holidays.

    ``anchor`` is a pay date of a weekly or biweekly calendar. ``first_day`` and ``second_day`` are days of the month;
    31 is its last day, whichever that is. All dates are local ones in ``time_zone``.
    """

    class Rule(models.TextChoices):
        WEEKLY = "weekly", "Every week"
        BIWEEKLY = "biweekly", "Every two weeks"
        SEMIMONTHLY = "semimonthly", "Twice a month"
        MONTHLY = "monthly", "Every month"
        CUSTOM = "custom", "Dates of its own"

    class Roll(models.TextChoices):
        BEFORE = "before", "The business day before"
        AFTER = "after", "The business day after"
        NONE = "none", "Stays where it is"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)
    rule = models.CharField(max_length=12, choices=Rule.choices)
    anchor = models.DateField(null=True, blank=True)
    first_day = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(31)]
    )
    second_day = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(31)]
    )
    roll = models.CharField(max_length=6, choices=Roll.choices, default=Roll.BEFORE)
    country = models.CharField(max_length=2, blank=True)
    subdivision = models.CharField(max_length=10, blank=True)
    time_zone = models.CharField(max_length=64, validators=[validate_time_zone])
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["name"]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["tenant", "name"],
                name="pay_calendar_name_once",
                violation_error_message="Another pay calendar has this name.",
            ),
            models.CheckConstraint(
                condition=~models.Q(rule__in=["weekly", "biweekly"]) | models.Q(anchor__isnull=False),
                name="pay_calendar_weeks_have_an_anchor",
                violation_error_message="Enter one of the pay dates.",
            ),
            models.CheckConstraint(
                condition=~models.Q(rule__in=["monthly", "semimonthly"]) | models.Q(first_day__range=(1, 31)),
                name="pay_calendar_months_have_a_day",
                violation_error_message="Enter the day of the month.",
            ),
            models.CheckConstraint(
                condition=~models.Q(rule="semimonthly") | models.Q(second_day__range=(1, 31)),
                name="pay_calendar_half_months_have_two_days",
                violation_error_message="Enter the second day of the month.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class CalendarDay(TenantOwned):
    """A day a calendar says something of: a pay date of its own, a holiday of the company, a holiday it works on."""

    class Kind(models.TextChoices):
        PAY_DATE = "pay_date", "Pay date"
        HOLIDAY = "holiday", "Holiday"
        WORKING_DAY = "working_day", "Working day"

    calendar = models.ForeignKey(PayCalendar, on_delete=models.CASCADE, related_name="days")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    day = models.DateField()
    name = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["day"]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["calendar", "kind", "day"], name="calendar_day_once"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.name}".strip()


class Timing(TenantOwned):
    """One rule by which a flow starts by itself: at a local time so many business days from each pay date of a
    calendar, or by a cron expression.

    ``next_at`` is the next instant (aware UTC) that has not been started; whoever moves it on starts that one. Of a
    calendar ``nominal`` is the pay date by its rule that is waited for: all before it are settled, whatever becomes of
    the calendar. Without one nothing is waited for, and the next instant is the first to come.
    """

    class Kind(models.TextChoices):
        CALENDAR = "calendar", "Pay calendar"
        CRON = "cron", "Cron expression"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    flow = models.ForeignKey(Flow, on_delete=models.CASCADE, related_name="timings")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    calendar = models.ForeignKey(PayCalendar, null=True, blank=True, on_delete=models.PROTECT, related_name="timings")
    offset_days = models.SmallIntegerField(
        default=0,
        validators=[MinValueValidator(-30), MaxValueValidator(30)],
        help_text="Business days from the pay date; before it with a minus.",
    )
    at = models.TimeField(null=True, blank=True, help_text="Local time of day.")
    cron = models.CharField(max_length=100, blank=True)
    time_zone = models.CharField(max_length=64, validators=[validate_time_zone])
    next_at = models.DateTimeField(null=True, blank=True, editable=False)
    nominal = models.DateField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["created_at", "pk"]
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=models.Q(kind="calendar", calendar__isnull=False, at__isnull=False, cron="")
                | models.Q(kind="cron", calendar__isnull=True, at__isnull=True) & ~models.Q(cron=""),
                name="timing_is_of_its_kind",
                violation_error_message="Choose a pay calendar and a time of day, or enter a cron expression.",
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["next_at"], condition=models.Q(next_at__isnull=False), name="timing_due"),
        ]

    def __str__(self) -> str:
        return f"{self.flow} · {self.get_kind_display()}"


class Slot(TenantOwned):
    """What became of one occurrence of a timing: it was started, caught up after an outage, missed so far, or passed
    by, as its flow was paused. Of a calendar it is one for each nominal pay date, wherever that is moved."""

    class State(models.TextChoices):
        STARTED = "started", "Started"
        CAUGHT_UP = "caught_up", "Caught up"
        MISSED = "missed", "Missed"
        PASSED = "passed", "Passed by"

    DONE: ClassVar[tuple[str, ...]] = (State.STARTED, State.CAUGHT_UP)

    timing = models.ForeignKey(Timing, on_delete=models.CASCADE, related_name="slots")
    due_at = models.DateTimeField()
    nominal = models.DateField(null=True, blank=True)
    pay_date = models.DateField(null=True, blank=True)
    note = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=10, choices=State.choices)
    run = models.ForeignKey(Run, null=True, blank=True, on_delete=models.SET_NULL, related_name="slots")
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-due_at", "-pk"]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["timing", "due_at"], condition=models.Q(nominal__isnull=True), name="slot_once"
            ),
            models.UniqueConstraint(fields=["timing", "nominal"], name="slot_once_for_a_pay_date"),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["tenant", "-due_at", "-id"]),
            models.Index(fields=["timing", "-due_at"]),
            models.Index(fields=["due_at"], condition=models.Q(state="missed"), name="slot_missed"),
        ]

    def __str__(self) -> str:
        return f"{self.timing} {self.due_at:%Y-%m-%d %H:%M}"


class PayExpectation(TenantOwned):
    """For each pay date of a calendar a pay run must have come, and be posted by a local time so many business days
    from it. Company and pay group are the source's; empty means any."""

    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="expectations")
    calendar = models.ForeignKey(PayCalendar, on_delete=models.PROTECT, related_name="expectations")
    company = models.CharField(max_length=100, blank=True)
    pay_group = models.CharField(max_length=100, blank=True)
    within_days = models.SmallIntegerField(
        default=1,
        validators=[MinValueValidator(-30), MaxValueValidator(30)],
        help_text="Business days from the pay date by which the journals must be posted; before it with a minus.",
    )
    at = models.TimeField(help_text="Local time of that day.")
    least_people = models.PositiveIntegerField(
        null=True, blank=True, help_text="A pay run with fewer people than this is held. Empty: any number."
    )
    starts_on = models.DateField(help_text="Pay dates before this day are not expected.")
    look_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="When the watch looks at it next.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["integration__name", "company", "pay_group", "pk"]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["integration", "calendar", "company", "pay_group"],
                name="pay_expectation_once",
                violation_error_message="This is expected already.",
            ),
        ]
        indexes: ClassVar[list[Any]] = [models.Index(fields=["look_at"], name="expectation_due")]

    def __str__(self) -> str:
        return f"{self.integration} · {self.calendar}"
