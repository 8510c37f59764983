"""Money in answers: exact decimal text, or null where the caller may not see it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

SHORTEST = 2
"""Decimals that an amount has at least."""


@extend_schema_field({"type": "string", "pattern": r"^-?\d+\.\d{2,}$"})
class Money(serializers.Field[Decimal, Any, str, Any]):
    """An amount, exact, never a floating-point number. Null where it is masked, or where there is none."""

    def __init__(self, **options: Any) -> None:
        super().__init__(read_only=True, allow_null=True, **options)

    def to_representation(self, value: Decimal) -> str:
        """Such as "1234.50": at least two decimals, more where the amount has more."""
        exponent = value.normalize().as_tuple().exponent
        assert isinstance(exponent, int), "an amount is a finite number"
        return f"{value:.{max(SHORTEST, -exponent)}f}"


class Masked(serializers.BooleanField):
    """Says whether the amounts beside it are kept back."""

    def __init__(self, **options: Any) -> None:
        text = "True: the amounts beside it are null because you may not see them."
        super().__init__(read_only=True, help_text=text, **options)


def unless(hidden: bool, amount: Decimal | None) -> Decimal | None:
    """The amount, or None where it is hidden."""
    return None if hidden else amount
