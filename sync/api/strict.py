"""Serializers and filters that take nothing silently: what they do not know is an error that names it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from django.db import models
from rest_framework import serializers

ModelT = TypeVar("ModelT", bound=models.Model)


class _KnownFieldsOnly:
    """Refuses fields that do not exist or cannot be set."""

    fields: Any

    def to_internal_value(self, data: Any) -> Any:
        """The values by field. ValidationError names every field that is wrong, unknown or read-only."""
        refused: dict[str, Any] = {}
        if isinstance(data, Mapping):
            for name in data:
                if name not in self.fields:
                    refused[str(name)] = ["There is no such field."]
                elif self.fields[name].read_only:
                    refused[str(name)] = ["This field cannot be set."]
        try:
            value = super().to_internal_value(data)  # type: ignore[misc]
        except serializers.ValidationError as error:
            detail = error.detail
            raise serializers.ValidationError({**detail, **refused} if isinstance(detail, dict) else detail) from None
        if refused:
            raise serializers.ValidationError(refused)
        return value


class StrictSerializer(_KnownFieldsOnly, serializers.Serializer[Any]):
    """For bodies and answers that are no model's."""


class StrictModelSerializer(_KnownFieldsOnly, serializers.ModelSerializer[ModelT]):
    """For a model's rows."""
