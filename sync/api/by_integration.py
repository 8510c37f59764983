"""Requests that name an integration, in their body or by a parameter."""

from __future__ import annotations

import uuid

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request

from sync.models import Integration

OF_INTEGRATION = OpenApiParameter("integration", OpenApiTypes.UUID, required=True, description="Its id.")


def integration_field() -> serializers.PrimaryKeyRelatedField[Integration]:
    """The integration by its id; only the tenant's own are there."""
    return serializers.PrimaryKeyRelatedField(queryset=Integration.objects, pk_field=serializers.UUIDField())


def named_integration(request: Request) -> Integration:
    """The integration that the parameter names. ValidationError, or NotFound."""
    try:
        pk = uuid.UUID(request.query_params.get("integration", ""))
    except ValueError:
        raise ValidationError({"integration": "Give the id of an integration."}) from None
    integration = Integration.objects.select_related("source", "target").filter(pk=pk).first()
    if integration is None:
        raise NotFound("There is no such integration, or it is not your company's.")
    return integration
