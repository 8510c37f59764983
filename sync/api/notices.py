"""Notices: what somebody must know of, one per cause."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from sync.api import filters
from sync.api.views import ApiViewSet
from sync.models import Notice, NoticeKind


class NoticeSerializer(serializers.ModelSerializer[Notice]):
    """One cause, open until it is mended. It names no person and no amount."""

    kind = serializers.ChoiceField(choices=NoticeKind.choices, read_only=True)

    class Meta:
        model = Notice
        fields = ("id", "kind", "sentence", "remedy", "link", "times", "opened_at", "last_seen_at", "resolved_at")
        read_only_fields = fields


class NoticeFilter(filters.FilterSet):
    kind = filters.ChoiceFilter(choices=NoticeKind.choices)
    open = filters.TrueFalseFilter(field_name="resolved_at", lookup_expr="isnull")


class NoticeViewSet(ApiViewSet[Notice]):
    """What somebody must know of; newest first."""

    model = Notice
    serializer_class = NoticeSerializer
    filterset_class = NoticeFilter

    def get_queryset(self) -> QuerySet[Notice]:
        return Notice.objects.all()

    def list(self, request: Request) -> Response:
        """The notices, newest first."""
        return self.page_of(self.get_queryset(), NoticeSerializer)

    def retrieve(self, request: Request, pk: Any) -> Response:
        """One notice."""
        return Response(NoticeSerializer(self.get_object()).data)
