"""Pay calendars and the days they know of."""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.exceptions import ValidationError as DomainError
from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from sync.api import filters
from sync.api.errors import Conflict
from sync.api.mappings import ImportedSerializer
from sync.api.paging import SinglePage, single_page
from sync.api.parsing import CalendarParser, CSVParser
from sync.api.strict import StrictModelSerializer
from sync.api.views import ApiViewSet
from sync.models import CalendarDay, PayCalendar
from sync.scheduling.clocks import zone_of
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

KIND = OpenApiParameter(
    "kind", OpenApiTypes.STR, required=True, enum=CalendarDay.Kind.values, description="What the file's dates are."
)


class PayCalendarSerializer(StrictModelSerializer[PayCalendar]):
    """The days on which a company pays. Which fields a rule needs, its refusal says; the others are null."""

    problem = serializers.SerializerMethodField(help_text="Why it gives no pay dates as it is; empty when it can.")

    class Meta:
        model = PayCalendar
        fields = ("id", *CALENDAR_FIELDS, "problem", "created_at")
        read_only_fields = ("id", "problem", "created_at")
        validators: ClassVar[list[Any]] = []

    def get_problem(self, calendar: PayCalendar) -> str:
        """A calendar without dates, a region that is not known."""
        return trouble_with(calendar)


class PayDateSerializer(serializers.Serializer[Any]):
    """A pay date to come."""

    pay_date = serializers.DateField()
    nominal = serializers.DateField(help_text="Where the rule has it.")
    note = serializers.CharField(help_text="What moved it, empty when nothing did.")


class CalendarDaySerializer(StrictModelSerializer[CalendarDay]):
    """A day a calendar says something of. Entered again, it gets another name."""

    calendar = serializers.PrimaryKeyRelatedField(queryset=PayCalendar.objects, pk_field=serializers.UUIDField())

    class Meta:
        model = CalendarDay
        fields = ("id", "calendar", "kind", "day", "name")
        read_only_fields = ("id",)
        validators: ClassVar[list[Any]] = []


class CalendarDayFilter(filters.FilterSet):
    calendar = filters.UUIDFilter(field_name="calendar_id")
    kind = filters.ChoiceFilter(choices=CalendarDay.Kind.choices)


class PayCalendarViewSet(ApiViewSet[PayCalendar]):
    """The calendars that flows can be tied to."""

    model = PayCalendar
    order = "pk"
    lookup_value_converter = "uuid"
    serializer_class = PayCalendarSerializer
    bodies: ClassVar[dict[str, Any]] = {
        "create": PayCalendarSerializer,
        "partial_update": PayCalendarSerializer,
        "import_file": OpenApiTypes.STR,
    }
    parameters: ClassVar[dict[str, tuple[str, ...]]] = {"import_file": ("kind",)}

    def get_queryset(self) -> QuerySet[PayCalendar]:
        return PayCalendar.objects.prefetch_related("days")

    def list(self, request: Request) -> Response:
        """All calendars."""
        return self.page_of(self.get_queryset(), PayCalendarSerializer)

    def retrieve(self, request: Request, pk: Any) -> Response:
        """One calendar."""
        return Response(PayCalendarSerializer(self.get_object()).data)

    def create(self, request: Request) -> Response:
        """Make a calendar. One of dates of its own has none until they are entered or imported."""
        made = create_calendar(self.body(request), now=self.now())
        return Response(
            PayCalendarSerializer(made).data,
            status=status.HTTP_201_CREATED,
            headers=self.address_of("pay-calendar", made.pk),
        )

    @extend_schema(responses=PayCalendarSerializer)
    def partial_update(self, request: Request, pk: Any) -> Response:
        """Change a calendar. What is tied to it starts by it from now on."""
        calendar = self.get_object()
        change_calendar(calendar, self.body(request), now=self.now())
        return Response(PayCalendarSerializer(calendar).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: Any) -> Response:
        """Remove a calendar that nothing is tied to."""
        try:
            remove_calendar(self.get_object(), now=self.now())
        except DomainError as refusal:
            raise Conflict(" ".join(refusal.messages)) from None
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses=PayDateSerializer(many=True), filters=False)
    @action(detail=True, url_path="pay-dates", pagination_class=SinglePage, filter_backends=[])
    def pay_dates(self, request: Request, pk: Any) -> Response:
        """The next twenty pay dates; none while the calendar has a `problem`."""
        calendar = self.get_object()
        found = next_pay_days(calendar, local_date(self.now(), zone_of(calendar)))
        return single_page(PayDateSerializer(found, many=True).data)

    @extend_schema(parameters=[KIND], responses=ImportedSerializer)
    @action(detail=True, methods=["post"], url_path="import", parser_classes=[CSVParser, CalendarParser])
    def import_file(self, request: Request, pk: Any) -> Response:
        """Take over the days of a CSV file (columns `date` and perhaps `name`) or of an iCalendar file, all or none."""
        calendar, kind = self.get_object(), request.query_params.get("kind", "")
        if kind not in CalendarDay.Kind.values:
            raise ValidationError({"kind": f"Give one of {', '.join(CalendarDay.Kind.values)}."})
        # Without a body there is nothing to parse.
        text: Any = request.data or ""
        return Response({"imported": import_days(calendar, kind, text.encode(), now=self.now())})


class CalendarDayViewSet(ApiViewSet[CalendarDay]):
    """The days that calendars say something of."""

    model = CalendarDay
    order = "pk"
    serializer_class = CalendarDaySerializer
    filterset_class = CalendarDayFilter
    bodies: ClassVar[dict[str, Any]] = {"create": CalendarDaySerializer}

    def get_queryset(self) -> QuerySet[CalendarDay]:
        return CalendarDay.objects.select_related("calendar")

    def list(self, request: Request) -> Response:
        """The days of all calendars, or of one."""
        return self.page_of(self.get_queryset(), CalendarDaySerializer)

    def retrieve(self, request: Request, pk: Any) -> Response:
        """One day."""
        return Response(CalendarDaySerializer(self.get_object()).data)

    def create(self, request: Request) -> Response:
        """Enter a day."""
        values = self.body(request)
        calendar, kind, day = values["calendar"], values["kind"], values["day"]
        add_day(calendar, kind, day, values.get("name", ""), now=self.now())
        made = CalendarDay.objects.get(calendar=calendar, kind=kind, day=day)
        return Response(
            CalendarDaySerializer(made).data,
            status=status.HTTP_201_CREATED,
            headers=self.address_of("calendar-day", made.pk),
        )

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: Any) -> Response:
        """Take a day out."""
        remove_day(self.get_object(), now=self.now())
        return Response(status=status.HTTP_204_NO_CONTENT)
