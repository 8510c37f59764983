"""Flows: what an integration moves, when, and whether it may write."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from sync import replay
from sync.api import filters
from sync.api.connections import ReasonSerializer
from sync.api.errors import Conflict
from sync.api.runs import RunSerializer, RunStarting
from sync.api.strict import StrictModelSerializer, StrictSerializer
from sync.configuring import CHANGEABLE, configure_flow, pause_flow, resume_flow, start
from sync.models import Flow, Run
from tenants.models import Role


class FlowSerializer(serializers.ModelSerializer[Flow]):
    """What moves, when, and whether the target may be written to."""

    redacted = serializers.DictField(
        read_only=True, help_text="Fields the source withholds, with the reason; they stay untouched on the target."
    )

    class Meta:
        model = Flow
        fields = (
            "id",
            "integration",
            "kind",
            "writes_enabled",
            "paused",
            "paused_reason",
            "every_minutes",
            "full_every_hours",
            "max_change_percent",
            "least_records",
            "watermark",
            "last_full_at",
            "next_run_at",
            "redacted",
        )
        read_only_fields = fields


class FlowSettingsSerializer(StrictModelSerializer[Flow]):
    """What can be set on a flow; what is left out stays."""

    class Meta:
        model = Flow
        fields = CHANGEABLE
        validators: ClassVar[list[Any]] = []


class RunRequestSerializer(StrictSerializer):
    """What is to be read."""

    kind = serializers.ChoiceField(
        choices=[Run.Kind.FULL.value, Run.Kind.CHANGES.value],
        default=Run.Kind.FULL.value,
        help_text="full: everybody; changes: what changed since the last run.",
    )


class FlowFilter(filters.FilterSet):
    integration = filters.UUIDFilter(field_name="integration_id")
    kind = filters.ChoiceFilter(choices=Flow.Kind.choices)
    paused = filters.TrueFalseFilter()
    writes_enabled = filters.TrueFalseFilter()


class FlowViewSet(RunStarting[Flow]):
    """What each integration moves."""

    model = Flow
    order = "pk"
    lookup_value_converter = "uuid"
    serializer_class = FlowSerializer
    filterset_class = FlowFilter
    bodies: ClassVar[dict[str, Any]] = {
        "partial_update": FlowSettingsSerializer,
        "run": RunRequestSerializer,
        "pause": ReasonSerializer,
    }
    action_roles: ClassVar[dict[str, Role]] = {
        "run": Role.PREPARER,
        "preview": Role.PREPARER,
        "release": Role.APPROVER,
    }

    def get_queryset(self) -> QuerySet[Flow]:
        return Flow.objects.select_related("integration__target")

    def list(self, request: Request) -> Response:
        """All flows."""
        return self.page_of(self.get_queryset(), FlowSerializer)

    def retrieve(self, request: Request, pk: Any) -> Response:
        """One flow."""
        return self._shown(self.get_object())

    @extend_schema(responses=FlowSerializer)
    def partial_update(self, request: Request, pk: Any) -> Response:
        """Set how often it runs, what stops it, and whether it may write to the target."""
        flow = self.get_object()
        configure_flow(flow, self.body(request), now=self.now())
        return self._shown(flow)

    @extend_schema(responses={201: RunSerializer})
    @action(detail=True, methods=["post"])
    def run(self, request: Request, pk: Any) -> Response:
        """Start a run. Follow it at the address in `Location`."""
        return self.started(start(self.get_object(), self.body(request)["kind"], now=self.now()))

    @extend_schema(responses={201: RunSerializer})
    @action(detail=True, methods=["post"])
    def preview(self, request: Request, pk: Any) -> Response:
        """Find out what a run would do, without writing anything."""
        return self.started(start(self.get_object(), Run.Kind.PREVIEW, now=self.now()))

    @extend_schema(responses=FlowSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: Any) -> Response:
        """The flow does not start, by itself or by hand, until it is resumed."""
        flow = self.get_object()
        pause_flow(flow, self.body(request)["reason"], now=self.now())
        return self._shown(flow)

    @extend_schema(responses=FlowSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: Any) -> Response:
        """The flow runs again as configured."""
        flow = self.get_object()
        resume_flow(flow, now=self.now())
        return self._shown(flow)

    @extend_schema(responses={201: RunSerializer})
    @action(detail=True, methods=["post"])
    def release(self, request: Request, pk: Any) -> Response:
        """Let the held run go on, up to what it showed. Refused once a later run has finished: what it showed is no
        longer what would happen."""
        flow = self.get_object()
        held = Run.objects.filter(flow=flow, state=Run.State.HELD).select_related("flow").order_by("-pk").first()
        if held is None:
            raise Conflict("No run of this flow is held.")
        try:
            return self.started(replay.release(held, now=self.now()))
        except ValueError as error:
            raise Conflict(str(error)) from None

    def _shown(self, flow: Flow) -> Response:
        return Response(FlowSerializer(flow).data)
