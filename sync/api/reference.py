"""Reference values: departments, positions, accounts … as each connection showed them last."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from sync.api import filters
from sync.api.views import ApiViewSet
from sync.models import ReferenceValue
from sync.models.mapping import KINDS


class ReferenceValueSerializer(serializers.ModelSerializer[ReferenceValue]):
    """One value. ``external_id`` is what mappings speak of."""

    attributes = serializers.DictField(read_only=True)

    class Meta:
        model = ReferenceValue
        fields = (
            "id",
            "connection",
            "kind",
            "external_id",
            "code",
            "name",
            "company",
            "active",
            "attributes",
            "previous_name",
            "renamed_at",
            "inactive_since",
            "first_seen",
            "last_seen",
        )
        read_only_fields = fields


class ReferenceValueFilter(filters.FilterSet):
    connection = filters.UUIDFilter(field_name="connection_id")
    kind = filters.ChoiceFilter(choices=KINDS)
    active = filters.TrueFalseFilter()
    company = filters.CharFilter(max_length=100)
    external_id = filters.CharFilter(max_length=200)


class ReferenceValueViewSet(ApiViewSet[ReferenceValue]):
    """What both sides call their departments, positions and so on. Read by the flow `reference`."""

    model = ReferenceValue
    order = "pk"
    serializer_class = ReferenceValueSerializer
    filterset_class = ReferenceValueFilter

    def list(self, request: Request) -> Response:
        """The values; those that are gone from the other side are inactive."""
        return self.page_of(self.get_queryset(), ReferenceValueSerializer)

    def retrieve(self, request: Request, pk: Any) -> Response:
        """One value."""
        return Response(ReferenceValueSerializer(self.get_object()).data)
