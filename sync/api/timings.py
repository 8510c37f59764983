"""Timings: when flows start by themselves, and what became of each start."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from sync.api import filters
from sync.api.paging import SinglePage, single_page
from sync.api.strict import StrictModelSerializer
from sync.api.views import ApiViewSet
from sync.models import Flow, PayCalendar, Slot, Timing
from sync.scheduling.clocks import timings_to_read
from sync.scheduling.configuring import TIMING_FIELDS, add_timing, change_timing, remove_timing
from sync.scheduling.upcoming import NextStart, next_starts, trouble_of


class TimingChangeSerializer(StrictModelSerializer[Timing]):
    """By a pay calendar (`calendar`, `offset_days`, `at`) or by a cron expression (`cron`)."""

    calendar = serializers.PrimaryKeyRelatedField(
        queryset=PayCalendar.objects, pk_field=serializers.UUIDField(), required=False, allow_null=True
    )
    time_zone = serializers.CharField(
        max_length=64, required=False, allow_blank=True, help_text="Left out: the calendar's."
    )

    class Meta:
        model = Timing
        fields: ClassVar[tuple[str, ...]] = TIMING_FIELDS
        validators: ClassVar[list[Any]] = []


class NewTimingSerializer(TimingChangeSerializer):
    """A timing of a flow."""

    flow = serializers.PrimaryKeyRelatedField(queryset=Flow.objects, pk_field=serializers.UUIDField())

    class Meta(TimingChangeSerializer.Meta):
        fields = ("flow", *TIMING_FIELDS)


class TimingSerializer(serializers.ModelSerializer[Timing]):
    """One rule by which a flow starts by itself."""

    problem = serializers.SerializerMethodField(help_text="Why it starts nothing as it is; empty when it can.")

    class Meta:
        model = Timing
        fields = ("id", "flow", *TIMING_FIELDS, "next_at", "problem", "created_at")
        read_only_fields = fields

    def get_problem(self, timing: Timing) -> str:
        """A calendar without dates, a region that is not known."""
        return trouble_of(timing)


class StartSerializer(serializers.Serializer[Any]):
    """A start to come."""

    due = serializers.DateTimeField()
    local = serializers.SerializerMethodField(help_text="The same instant in the timing's zone.")
    pay_date = serializers.DateField(allow_null=True)
    note = serializers.CharField(help_text="What moved it, empty when nothing did.")
    clocks_change = serializers.BooleanField(help_text="Whether clocks change on this day.")

    @extend_schema_field(OpenApiTypes.DATETIME)
    def get_local(self, start: NextStart) -> str:
        """With the offset that the zone has then."""
        return start.local.isoformat()


class SlotSerializer(serializers.ModelSerializer[Slot]):
    """What became of one start."""

    class Meta:
        model = Slot
        fields = ("id", "timing", "due_at", "pay_date", "note", "state", "run", "settled_at")
        read_only_fields = fields


class TimingFilter(filters.FilterSet):
    flow = filters.UUIDFilter(field_name="flow_id")
    calendar = filters.UUIDFilter(field_name="calendar_id")


class SlotFilter(filters.FilterSet):
    timing = filters.UUIDFilter(field_name="timing_id")
    state = filters.ChoiceFilter(choices=Slot.State.choices)


class TimingViewSet(ApiViewSet[Timing]):
    """When flows start by themselves, besides polling."""

    model = Timing
    order = "pk"
    lookup_value_converter = "uuid"
    serializer_class = TimingSerializer
    filterset_class = TimingFilter
    bodies: ClassVar[dict[str, Any]] = {"create": NewTimingSerializer, "partial_update": TimingChangeSerializer}

    def get_queryset(self) -> QuerySet[Timing]:
        return timings_to_read()

    def list(self, request: Request) -> Response:
        """All timings."""
        return self.page_of(self.get_queryset(), TimingSerializer)

    def retrieve(self, request: Request, pk: Any) -> Response:
        """One timing."""
        return Response(TimingSerializer(self.get_object()).data)

    @extend_schema(responses={201: TimingSerializer})
    def create(self, request: Request) -> Response:
        """Have a flow start by this rule too, from its next occurrence on."""
        values = self.body(request)
        made = add_timing(values.pop("flow"), values, now=self.now())
        return Response(
            TimingSerializer(self.get_queryset().get(pk=made.pk)).data,
            status=status.HTTP_201_CREATED,
            headers=self.address_of("timing", made.pk),
        )

    @extend_schema(responses=TimingSerializer)
    def partial_update(self, request: Request, pk: Any) -> Response:
        """Change the rule. A start whose time has come already still happens."""
        timing = self.get_object()
        change_timing(timing, self.body(request), now=self.now())
        return Response(TimingSerializer(self.get_queryset().get(pk=timing.pk)).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: Any) -> Response:
        """The flow does not start by this rule any more."""
        remove_timing(self.get_object(), now=self.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses=StartSerializer(many=True), filters=False)
    @action(detail=True, pagination_class=SinglePage, filter_backends=[])
    def starts(self, request: Request, pk: Any) -> Response:
        """The next twenty starts; none while the flow is paused."""
        timing = self.get_object()
        found = [] if timing.flow.paused else next_starts([timing], self.now())
        return single_page(StartSerializer(found, many=True).data)


class SlotViewSet(ApiViewSet[Slot]):
    """What became of the starts: started in time, caught up, missed so far, passed by as the flow was paused."""

    model = Slot
    serializer_class = SlotSerializer
    filterset_class = SlotFilter

    def list(self, request: Request) -> Response:
        """The starts, latest first."""
        return self.page_of(self.get_queryset(), SlotSerializer)

    def retrieve(self, request: Request, pk: Any) -> Response:
        """One start."""
        return Response(SlotSerializer(self.get_object()).data)
