"""Amounts as a currency knows them: its smallest unit, rounding to it, and sharing an amount out without loss. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

ZERO = Decimal(0)

CENT = Decimal("0.01")
WHOLE = Decimal(1)
THOUSANDTH = Decimal("0.001")
TEN_THOUSANDTH = Decimal("0.0001")

UNITS = {
    **dict.fromkeys(
        [
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "UYI",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ],
        WHOLE,
    ),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], THOUSANDTH),
    **dict.fromkeys(["CLF", "UYW"], TEN_THOUSANDTH),
}
"""Currencies of ISO 4217 whose smallest unit is not a hundredth."""


def minor_unit(currency: str) -> Decimal:
    """The smallest amount of a currency (ISO 4217): 0.01 for most, 1 for JPY, 0.001 for KWD."""
    return UNITS.get(currency, CENT)


def rounded(amount: Decimal, unit: Decimal) -> Decimal:
    """The amount to the unit, halves away from zero."""
    return amount.quantize(unit, ROUND_HALF_UP)


def shared_out(amount: Decimal, weights: Sequence[Decimal], unit: Decimal) -> list[Decimal]:
    """The amount in parts as the weights are, in order; the parts add up to it exactly.

    Each is cut off at the unit; what that leaves goes to the largest weight, of equal ones the first. The weights
    may be below zero, their sum may not be zero.
    """
    whole = sum(weights, ZERO)
    parts = [(amount * weight / whole).quantize(unit, ROUND_DOWN) for weight in weights]
    largest = max(range(len(weights)), key=lambda n: (abs(weights[n]), -n))
    parts[largest] += amount - sum(parts, ZERO)
    return parts
