"""Integrations: which system feeds which, and whether both agree."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from connectors.models import Connection
from connectors.records import RefKind
from sync.api import filters
from sync.api.connections import SIDES
from sync.api.paging import SinglePage, single_page
from sync.api.strict import StrictModelSerializer, StrictSerializer
from sync.api.views import ApiViewSet
from sync.comparison import headcount, reference_differences
from sync.configuring import create_integration, rename_integration
from sync.mappings import MAPPED_KINDS
from sync.models import Flow, Integration

MAPPED = [kind.value for kind in MAPPED_KINDS]


class FlowReferenceSerializer(serializers.ModelSerializer[Flow]):
    """Which flow moves what."""

    class Meta:
        model = Flow
        fields = ("id", "kind")
        read_only_fields = fields


class IntegrationSerializer(StrictModelSerializer[Integration]):
    """A source connection paired with a target connection; the pair never changes."""

    source = serializers.PrimaryKeyRelatedField(  # type: ignore[assignment]
        queryset=Connection.objects, pk_field=serializers.UUIDField(), help_text="The connection that is read."
    )
    target = serializers.PrimaryKeyRelatedField(
        queryset=Connection.objects, pk_field=serializers.UUIDField(), help_text="The connection that is written to."
    )
    flows = FlowReferenceSerializer(many=True, read_only=True)

    class Meta:
        model = Integration
        fields = ("id", "name", "source", "target", "flows", "created_at")
        read_only_fields = ("id", "created_at")
        validators: ClassVar[list[Any]] = []


class IntegrationNameSerializer(StrictSerializer):
    """The only thing about an integration that can change."""

    name = serializers.CharField(max_length=120)


class DifferenceSerializer(serializers.Serializer[Any]):
    """One reference value that needs a look."""

    kind = serializers.ChoiceField(choices=MAPPED)
    side = serializers.ChoiceField(choices=SIDES)
    what = serializers.ChoiceField(choices=["missing", "inactive", "renamed"])
    key = serializers.CharField()
    name = serializers.CharField()
    sentence = serializers.CharField()


class HeadcountSerializer(serializers.Serializer[Any]):
    """Active people of both sides, as last read, and what explains a difference."""

    source = serializers.IntegerField(allow_null=True, help_text="Null until a run has read everybody.")  # type: ignore[assignment]
    target = serializers.IntegerField()
    linked = serializers.IntegerField(help_text="People of the source who have their employee on the target.")
    blocked = serializers.IntegerField()
    queued = serializers.IntegerField(help_text="Changes that wait for their date.")
    only_on_target = serializers.IntegerField()
    agrees = serializers.BooleanField()


class IntegrationFilter(filters.FilterSet):
    source = filters.UUIDFilter(field_name="source_id")
    target = filters.UUIDFilter(field_name="target_id")


class IntegrationViewSet(ApiViewSet[Integration]):
    """Which system feeds which."""

    model = Integration
    order = "name"
    lookup_value_converter = "uuid"
    filterset_class = IntegrationFilter
    serializer_class = IntegrationSerializer
    bodies: ClassVar[dict[str, Any]] = {"create": IntegrationSerializer, "partial_update": IntegrationNameSerializer}
    parameters: ClassVar[dict[str, tuple[str, ...]]] = {"differences": ("kind",)}

    def get_queryset(self) -> QuerySet[Integration]:
        return Integration.objects.select_related("source", "target").prefetch_related("flows")

    def list(self, request: Request) -> Response:
        """The integrations by name."""
        return self.page_of(self.get_queryset(), IntegrationSerializer)

    def retrieve(self, request: Request, pk: Any) -> Response:
        """One integration with its flows."""
        return Response(IntegrationSerializer(self.get_object()).data)

    def create(self, request: Request) -> Response:
        """Pair two connections. Its flows do not run by themselves and write nothing until they are told to."""
        values = self.body(request)
        integration = create_integration(values["name"], values["source"], values["target"], now=self.now())
        return Response(
            IntegrationSerializer(integration).data,
            status=status.HTTP_201_CREATED,
            headers=self.address_of("integration", integration.pk),
        )

    @extend_schema(responses=IntegrationSerializer)
    def partial_update(self, request: Request, pk: Any) -> Response:
        """Rename the integration."""
        integration = self.get_object()
        rename_integration(integration, self.body(request).get("name", integration.name), now=self.now())
        return Response(IntegrationSerializer(integration).data)

    @extend_schema(
        parameters=[OpenApiParameter("kind", enum=MAPPED, description="Only this kind.")],
        responses=DifferenceSerializer(many=True),
        filters=False,
    )
    @action(detail=True, pagination_class=SinglePage, filter_backends=[])
    def differences(self, request: Request, pk: Any) -> Response:
        """Reference values that do not agree, in both directions; all on one page."""
        kinds: tuple[RefKind, ...] | None = None
        if (kind := request.query_params.get("kind")) is not None:
            if kind not in MAPPED:
                raise serializers.ValidationError({"kind": f"Choose one of {', '.join(MAPPED)}."})
            kinds = (RefKind(kind),)
        found = reference_differences(self.get_object(), kinds)
        return single_page(DifferenceSerializer(found, many=True).data)

    @extend_schema(responses=HeadcountSerializer)
    @action(detail=True)
    def headcount(self, request: Request, pk: Any) -> Response:
        """Active people of both sides and what explains a difference."""
        return Response(HeadcountSerializer(headcount(self.get_object())).data)
