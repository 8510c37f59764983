"""Announcements: webhooks as they arrived and what activity feeds named, and what was done about each."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from sync.api import filters
from sync.api.views import ApiViewSet
from sync.models import Delivery
from sync.webhooks.replaying import replay_delivery
from tenants.models import Role


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    """One announcement: a hint whom to read again, and nothing of what it said besides."""

    class Meta:
        model = Delivery
        fields = (
            "id",
            "connection",
            "origin",
            "event",
            "subject",
            "digest",
            "state",
            "reason",
            "run",
            "replay_of",
            "received_at",
            "settled_at",
        )
        read_only_fields = fields


class DeliveryFilter(filters.FilterSet):
    connection = filters.UUIDFilter(field_name="connection_id")
    run = filters.WholeNumberFilter(field_name="run_id")
    state = filters.ChoiceFilter(choices=Delivery.State.choices)
    origin = filters.ChoiceFilter(choices=Delivery.Origin.choices)
    event = filters.CharFilter(max_length=80)
    subject = filters.CharFilter(max_length=100)


class DeliveryViewSet(ApiViewSet[Delivery]):
    """What sources announced; newest first."""

    model = Delivery
    serializer_class = DeliverySerializer
    filterset_class = DeliveryFilter
    write_role = Role.PREPARER

    def get_queryset(self) -> QuerySet[Delivery]:
        return Delivery.objects.select_related("connection")

    def list(self, request: Request) -> Response:
        """The announcements, newest first. They are kept for 90 days."""
        return self.page_of(self.get_queryset(), DeliverySerializer)

    def retrieve(self, request: Request, pk: Any) -> Response:
        """One announcement."""
        return Response(DeliverySerializer(self.get_object()).data)

    @extend_schema(responses={201: DeliverySerializer})
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, pk: Any) -> Response:
        """Follow it again: a new announcement that says the same."""
        again = replay_delivery(self.get_object(), now=self.now())
        headers = self.address_of("delivery", again.pk)
        return Response(DeliverySerializer(again).data, status=status.HTTP_201_CREATED, headers=headers)
