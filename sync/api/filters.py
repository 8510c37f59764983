"""Filters of lists: typed, documented, and never ignored silently."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.dateparse import parse_datetime
from django_filters import rest_framework as django_filters  # type: ignore[import-untyped]
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field

__all__ = [
    "CharFilter",
    "ChoiceFilter",
    "DateFilter",
    "FilterSet",
    "InstantFilter",
    "TrueFalseFilter",
    "UUIDFilter",
    "WholeNumberFilter",
]


CharFilter = django_filters.CharFilter
ChoiceFilter = django_filters.ChoiceFilter
DateFilter = django_filters.DateFilter
UUIDFilter = django_filters.UUIDFilter


class FilterSet(django_filters.FilterSet):  # type: ignore[misc]
    """The filters of one list."""


@extend_schema_field(OpenApiTypes.INT64)
class WholeNumberFilter(django_filters.NumberFilter):  # type: ignore[misc]
    """Refuses 1.5 where only whole numbers can match."""

    field_class = forms.IntegerField


@extend_schema_field(OpenApiTypes.BOOL)
class TrueFalseFilter(django_filters.TypedChoiceFilter):  # type: ignore[misc]
    """true or false; anything else is refused and not ignored."""

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=[("true", "true"), ("false", "false")], coerce=lambda text: text == "true", **options)


class InstantField(forms.DateTimeField):
    """Says what an instant looks like; without an offset it would be anybody's guess which one is meant."""

    def to_python(self, value: Any) -> Any:
        """The aware instant, None for no text."""
        if not value:
            return None
        try:
            parsed = parse_datetime(value)
            if parsed is not None and parsed.tzinfo is not None:
                # In UTC: PostgreSQL knows no offset beyond 16 hours.
                return parsed.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        raise ValidationError("Enter an instant such as 2026-01-31T09:00:00Z.")


class InstantFilter(django_filters.IsoDateTimeFilter):  # type: ignore[misc]
    """An instant with its offset from UTC."""

    field_class = InstantField
