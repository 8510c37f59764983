"""Runs, and the records in them."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from sync import replay
from sync.api import filters
from sync.api.views import ApiViewSet, ModelT
from sync.clock import database_now
from sync.models import Run, RunItem
from sync.runs import COUNTERS, request_cancel
from tenants.models import Role


class RunSerializer(serializers.ModelSerializer[Run]):
    """One execution of a flow. The counters are kept current while it works."""

    integration = serializers.UUIDField(source="flow.integration_id", read_only=True)
    active = serializers.SerializerMethodField(help_text="False as soon as it has ended; then it never changes.")
    survey = serializers.DictField(read_only=True, help_text="Why a run was held: what it would have done.")

    class Meta:
        model = Run
        fields = (
            "id",
            "flow",
            "integration",
            "kind",
            "state",
            "active",
            "message",
            "trigger",
            "requested_by",
            "replay_of",
            "release_of",
            "created_at",
            "started_at",
            "finished_at",
            "cancel_requested",
            "expected",
            "planned",
            *COUNTERS,
            "headcount",
            "survey",
            "digest",
            "correlation_id",
        )
        read_only_fields = fields

    def get_active(self, run: Run) -> bool:
        return run.state in Run.ACTIVE


class ItemSerializer(serializers.ModelSerializer[RunItem]):
    """One record of a run that was more than unchanged. Personal fields are masked."""

    before = serializers.DictField(read_only=True)
    after = serializers.DictField(read_only=True)

    class Meta:
        model = RunItem
        fields = (
            "id",
            "run",
            "source_id",
            "label",
            "change",
            "state",
            "message",
            "problem",
            "attempts",
            "reference",
            "target_id",
            "company",
            "before",
            "after",
            "created_at",
            "settled_at",
        )
        read_only_fields = fields


class EffectSerializer(serializers.Serializer[Any]):
    """What doing it again would be about, before it is started."""

    records = serializers.IntegerField(help_text="How many records will be read again.")
    settled_already = serializers.IntegerField(help_text="How many of them are known to be right already.")
    writes_enabled = serializers.BooleanField()
    sentence = serializers.CharField()


class RunFilter(filters.FilterSet):
    flow = filters.UUIDFilter(field_name="flow_id")
    integration = filters.UUIDFilter(field_name="flow__integration_id")
    kind = filters.ChoiceFilter(choices=Run.Kind.choices)
    state = filters.ChoiceFilter(choices=Run.State.choices)


class ItemOfRunFilter(filters.FilterSet):
    change = filters.ChoiceFilter(choices=RunItem.Change.choices)
    state = filters.ChoiceFilter(choices=RunItem.State.choices)
    problem = filters.WholeNumberFilter(field_name="problem_id")
    source_id = filters.CharFilter(max_length=100)


class ItemFilter(ItemOfRunFilter):
    run = filters.WholeNumberFilter(field_name="run_id")


class RunStarting(ApiViewSet[ModelT]):
    """A resource with actions that start a run."""

    def started(self, run: Run) -> Response:
        """201 with the new run, which waits for a worker."""
        return Response(RunSerializer(run).data, status=status.HTTP_201_CREATED, headers=self.address_of("run", run.pk))


class RunViewSet(RunStarting[Run]):
    """What ran, when, and what came of it; newest first."""

    model = Run
    serializer_class = RunSerializer
    write_role = Role.PREPARER
    listed = ("list", "items")

    def get_queryset(self) -> QuerySet[Run]:
        return Run.objects.select_related("flow__integration__target")

    @property
    def filterset_class(self) -> type[filters.FilterSet]:
        """Records of a run have their own filters."""
        return ItemOfRunFilter if self.action == "items" else RunFilter

    def list(self, request: Request) -> Response:
        """The runs, newest first."""
        return self.page_of(self.get_queryset(), RunSerializer)

    def retrieve(self, request: Request, pk: Any) -> Response:
        """One run, as it stands now."""
        return Response(RunSerializer(self.get_object()).data)

    @extend_schema(responses=ItemSerializer(many=True))
    @action(detail=True)
    def items(self, request: Request, pk: Any) -> Response:
        """The records of this run that were more than unchanged, newest first."""
        # Not get_object: the parameters filter the records and not the run.
        run = get_object_or_404(self.get_queryset(), pk=pk)
        return self.page_of(RunItem.objects.filter(run=run).defer("fingerprint"), ItemSerializer)

    @extend_schema(responses={201: RunSerializer})
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, pk: Any) -> Response:
        """Run the same thing again. What is right already stays untouched."""
        return self.started(replay.replay_run(self.get_object(), now=self.now()))

    @extend_schema(responses={201: RunSerializer})
    @action(detail=True, methods=["post"])
    def replay_undone(self, request: Request, pk: Any) -> Response:
        """Do every record of this run again that did not get where it should."""
        return self.started(replay.replay_undone(self.get_object(), now=self.now()))

    @extend_schema(responses=EffectSerializer)
    @action(detail=True)
    def replay_effect(self, request: Request, pk: Any) -> Response:
        """What `replay_undone` would be about."""
        run = self.get_object()
        return Response(EffectSerializer(replay.effect_of(run.flow, replay.undone_of(run))).data)

    @extend_schema(responses=RunSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: Any) -> Response:
        """Ask the run to stop. One at work stops after the records under way; one that has ended stays as it is."""
        return Response(RunSerializer(request_cancel(self.get_object(), now=database_now())).data)


class ItemViewSet(RunStarting[RunItem]):
    """Records of all runs that were more than unchanged; newest first."""

    model = RunItem
    serializer_class = ItemSerializer
    filterset_class = ItemFilter
    write_role = Role.PREPARER

    def get_queryset(self) -> QuerySet[RunItem]:
        return RunItem.objects.defer("fingerprint")

    def list(self, request: Request) -> Response:
        """The records, newest first."""
        return self.page_of(self.get_queryset(), ItemSerializer)

    def retrieve(self, request: Request, pk: Any) -> Response:
        """One record, with what was there before and after."""
        return Response(ItemSerializer(self.get_object()).data)

    @extend_schema(responses={201: RunSerializer})
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, pk: Any) -> Response:
        """Do this record again."""
        return self.started(replay.replay_item(self.get_object(), now=self.now()))

    @extend_schema(responses=EffectSerializer)
    @action(detail=True)
    def replay_effect(self, request: Request, pk: Any) -> Response:
        """What `replay` would be about."""
        item = self.get_object()
        return Response(EffectSerializer(replay.effect_of(item.run.flow, [item.source_id])).data)
