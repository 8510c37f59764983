"""What a statement may hold: everything our tables keep exactly, and nothing else."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from connectors.pay_runs import PayKind, PayLine, PayStatement, TimeShare
from sync.payroll.keepable import trouble_with

LINE = PayLine(PayKind.EARNING, "c" * 170, "n" * 1000, Decimal("-9999999999999.999999"), Decimal("99999999.25"))
SHARE = TimeShare(hours=Decimal(1), job_code_id="\x00")
FULL = PayStatement(id="p", worker_id="w" * 100, currency="USD", lines=(LINE,), department_id="d" * 200)


def test_what_fits_exactly_is_kept() -> None:
    assert trouble_with(FULL, "e" * 200) is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"currency": ""}, "currency"),
        ({"currency": "ÜSD"}, "currency"),
        ({"currency": "USD\n"}, "currency"),
        ({"worker_id": "w" * 101}, "id of the person"),
        ({"worker_number": "\udc00"}, "number of the person"),
        ({"location_id": "l" * 201}, "legal entity, department, location or job"),
        (
            {"time_shares": (SHARE,)},
            "legal entity, department, location or job",
        ),
        ({"code": "c" * 171}, "code of a pay item"),
        ({"code": "\ud800"}, "code of a pay item"),
        ({"name": "\ud800"}, "name of a pay item"),
        ({"amount": Decimal(10) ** 13}, "amount"),
        ({"amount": Decimal("0.0000001")}, "amount"),
        ({"amount": Decimal("NaN")}, "amount"),
        ({"hours": Decimal(10) ** 8}, "hours"),
    ],
)
def test_what_does_not_fit_is_named_and_not_repeated(change: dict[str, Any], field: str) -> None:
    of_line = {"code", "name", "amount", "hours"} & set(change)
    odd = replace(FULL, lines=(replace(LINE, **change),)) if of_line else replace(FULL, **change)
    found = trouble_with(odd, None)
    assert found is not None
    assert found[0] == field
    assert found[1].isprintable()


def test_the_runs_own_legal_entity_counts() -> None:
    assert trouble_with(FULL, "e" * 201) is not None
