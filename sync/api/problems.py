"""Problems: one cause, everybody it blocks, and how to mend it."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from sync import replay
from sync.api import filters
from sync.api.runs import EffectSerializer, RunSerializer, RunStarting
from sync.models import BlockedRecord, Flow, Problem
from sync.planning import CauseCode
from tenants.models import Role

CODES = [(code.value, code.value) for code in CauseCode]


class ProblemOfRecordsSerializer(serializers.ModelSerializer[Problem]):
    """Why records do not move, and what to do about it."""

    code = serializers.ChoiceField(choices=CODES, read_only=True)

    class Meta:
        model = Problem
        fields = (
            "id",
            "integration",
            "code",
            "culprit_kind",
            "culprit",
            "sentence",
            "remedy",
            "state",
            "victims",
            "opened_at",
            "last_seen_at",
            "resolved_at",
        )
        read_only_fields = fields


class VictimSerializer(serializers.ModelSerializer[BlockedRecord]):
    """A record that the problem blocks."""

    class Meta:
        model = BlockedRecord
        fields = ("id", "source_id", "label", "since")
        read_only_fields = fields


class ProblemFilter(filters.FilterSet):
    integration = filters.UUIDFilter(field_name="integration_id")
    state = filters.ChoiceFilter(choices=Problem.State.choices)
    code = filters.ChoiceFilter(choices=CODES)


class VictimFilter(filters.FilterSet):
    source_id = filters.CharFilter(max_length=100)


class ProblemViewSet(RunStarting[Problem]):
    """What keeps records from moving; newest first."""

    model = Problem
    serializer_class = ProblemOfRecordsSerializer
    write_role = Role.PREPARER
    listed = ("list", "victims")

    @property
    def filterset_class(self) -> type[filters.FilterSet]:
        """Victims have their own filters."""
        return VictimFilter if self.action == "victims" else ProblemFilter

    def get_queryset(self) -> QuerySet[Problem]:
        return Problem.objects.select_related("integration")

    def list(self, request: Request) -> Response:
        """The problems, newest first."""
        return self.page_of(self.get_queryset(), ProblemOfRecordsSerializer)

    def retrieve(self, request: Request, pk: Any) -> Response:
        """One problem."""
        return Response(ProblemOfRecordsSerializer(self.get_object()).data)

    @extend_schema(responses=VictimSerializer(many=True))
    @action(detail=True)
    def victims(self, request: Request, pk: Any) -> Response:
        """Everybody the problem blocks now."""
        # Not get_object: the parameters filter the victims and not the problem.
        problem = get_object_or_404(self.get_queryset(), pk=pk)
        return self.page_of(BlockedRecord.objects.filter(problem=problem), VictimSerializer)

    @extend_schema(responses={201: RunSerializer})
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, pk: Any) -> Response:
        """Do everybody again whom the problem blocks, once it is mended."""
        return self.started(replay.replay_problem(self.get_object(), now=self.now()))

    @extend_schema(responses=EffectSerializer)
    @action(detail=True)
    def replay_effect(self, request: Request, pk: Any) -> Response:
        """What `replay` would be about."""
        problem = self.get_object()
        flows = Flow.objects.select_related("integration__target")
        flow = flows.get(integration=problem.integration, kind=Flow.Kind.PEOPLE)
        return Response(EffectSerializer(replay.effect_of(flow, replay.victims_of(problem))).data)
