"""Who pays a tax of which only the name is known."""

from __future__ import annotations

import pytest

from connectors.pay_runs import PayKind
from connectors.rippling.taxes import Payers


@pytest.mark.parametrize(
    "name",
    [
        "Social Security - Employer",
        "Employer Medicare Tax",
        "Federal Unemployment Insurance Tax",
        "FUTA",
        "State Unemployment Insurance Tax - OR",
        "SUTA",
        "CA Employment Training Tax",
        "Arizona Job Training Tax",
        "State Unemployment Insurance Tax - NJ (Employer)",
    ],
)
def test_the_employers(name: str) -> None:
    assert Payers().of(name) is PayKind.EMPLOYER_TAX


@pytest.mark.parametrize(
    "name",
    [
        "Federal Income Tax",
        "Social Security",
        "Medicare",
        "Additional Medicare",
        "State Withholding - CA",
        "Oregon Transit Tax",
        "State Disability - Employee",
        "  social   security ",
    ],
)
def test_the_employees(name: str) -> None:
    assert Payers().of(name) is PayKind.EMPLOYEE_TAX


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Paid Family Leave",
        "State Disability Insurance",
        "Social Security Adjustment",
        "Employer and Employee Levy",
        "State Unemployment Insurance Tax - NJ",
        "Unemployed Workers Levy",
    ],
)
def test_neither_by_the_name_alone(name: str) -> None:
    assert Payers().of(name) is None


def test_what_the_settings_say_goes_before_the_name() -> None:
    payers = Payers(employer=["Paid Family Leave"], employee=["Employer Medicare Tax"])
    assert payers.of("paid  family leave") is PayKind.EMPLOYER_TAX
    assert payers.of("Employer Medicare Tax") is PayKind.EMPLOYEE_TAX
