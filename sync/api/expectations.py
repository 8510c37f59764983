"""Expected pay dates: by when the journals of which pay runs must be posted."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from sync.api import filters
from sync.api.strict import StrictModelSerializer
from sync.api.views import ApiViewSet
from sync.models import Integration, PayCalendar, PayExpectation
from sync.watching.configuring import CHANGEABLE, change_expectation, expect, stop_expecting


class ExpectationSerializer(StrictModelSerializer[PayExpectation]):
    """For each pay date of the calendar a pay run must have come and be posted in time."""

    integration = serializers.PrimaryKeyRelatedField(queryset=Integration.objects, pk_field=serializers.UUIDField())
    calendar = serializers.PrimaryKeyRelatedField(queryset=PayCalendar.objects, pk_field=serializers.UUIDField())
    company = serializers.CharField(
        max_length=100, required=False, allow_blank=True, help_text="The source's id. Empty: any."
    )
    pay_group = serializers.CharField(max_length=100, required=False, allow_blank=True, help_text="Empty: any.")

    class Meta:
        model = PayExpectation
        fields = ("id", "integration", *CHANGEABLE, "created_at")
        read_only_fields = ("id", "created_at")
        validators: ClassVar[list[Any]] = []


class ExpectationChangeSerializer(ExpectationSerializer):
    """What of it can change."""

    class Meta(ExpectationSerializer.Meta):
        fields = CHANGEABLE  # type: ignore[assignment]
        read_only_fields = ()  # type: ignore[assignment]


class ExpectationFilter(filters.FilterSet):
    integration = filters.UUIDFilter(field_name="integration_id")
    calendar = filters.UUIDFilter(field_name="calendar_id")


class ExpectationViewSet(ApiViewSet[PayExpectation]):
    """Which pay dates are expected."""

    model = PayExpectation
    serializer_class = ExpectationSerializer
    filterset_class = ExpectationFilter
    bodies: ClassVar[dict[str, Any]] = {
        "create": ExpectationSerializer,
        "partial_update": ExpectationChangeSerializer,
    }

    def get_queryset(self) -> QuerySet[PayExpectation]:
        return PayExpectation.objects.select_related("integration", "calendar")

    def list(self, request: Request) -> Response:
        """What is expected, newest first."""
        return self.page_of(self.get_queryset(), ExpectationSerializer)

    def retrieve(self, request: Request, pk: Any) -> Response:
        """One expectation."""
        return Response(ExpectationSerializer(self.get_object()).data)

    def create(self, request: Request) -> Response:
        """Expect the pay dates of a calendar. People are told when one is missed."""
        expectation = expect(self.body(request), now=self.now())
        return Response(
            ExpectationSerializer(expectation).data,
            status=status.HTTP_201_CREATED,
            headers=self.address_of("expectation", expectation.pk),
        )

    @extend_schema(responses=ExpectationSerializer)
    def partial_update(self, request: Request, pk: Any) -> Response:
        """Change what is expected."""
        expectation = self.get_object()
        change_expectation(expectation, self.body(request), now=self.now())
        return Response(ExpectationSerializer(expectation).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: Any) -> Response:
        """No longer expect these pay dates."""
        stop_expecting(self.get_object(), now=self.now())
        return Response(status=status.HTTP_204_NO_CONTENT)
