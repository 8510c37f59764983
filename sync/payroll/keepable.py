"""What of a pay statement our tables cannot keep as it was sent: such a statement is not read in part. Pure.

Nothing that tells two things apart is ever cut or cleaned; what is only read by people may be.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal

from msgspec import UnsetType

from connectors.pay_runs import PayStatement

LONGEST_CODE = 170
LONGEST_PERSON = 100
LONGEST_PLACE = 200
CURRENCY = re.compile("[A-Z]{3}")
ODD = re.compile("[\x00\ud800-\udfff]")
"""What no column holds: NUL, and half a surrogate pair."""

SMALLEST, MONEY_END = Decimal("0.000001"), Decimal(10) ** 13
HOURS_END = Decimal(10) ** 8


def shown(text: str, longest: int) -> str:
    """``text`` to be read by people: odd characters replaced, and cut."""
    return ODD.sub("\ufffd", text)[:longest]


def trouble_with(statement: PayStatement, company: str | None) -> tuple[str, str] | None:
    """The first field that cannot be kept as it was sent, and a sentence about it without personal data or pay; None
    when all of them can. ``company`` is the legal entity of the run."""
    return next(_troubles(statement, company), None)


def _troubles(statement: PayStatement, company: str | None) -> Iterator[tuple[str, str]]:
    if not CURRENCY.fullmatch(statement.currency):
        yield "currency", "The currency is not one of three capital letters, such as USD."
    yield from _of_text("id of the person", statement.worker_id, LONGEST_PERSON)
    yield from _of_text("number of the person", statement.worker_number, LONGEST_PERSON)
    for place in (company, *_places(statement)):
        if isinstance(place, str):
            yield from _of_text("legal entity, department, location or job", place, LONGEST_PLACE)
    for line in statement.lines:
        yield from _of_text("code of a pay item", line.code, LONGEST_CODE)
        yield from _of_text("name of a pay item", line.name, None)
        if not _fits(line.amount, MONEY_END):
            yield "amount", "An amount has more than 13 digits before the decimal point, or more than six after it."
        if line.hours is not None and not _fits(line.hours, HOURS_END):
            yield "hours", "The hours have more than 8 digits before the decimal point, or more than six after it."


def _places(statement: PayStatement) -> Iterable[str | UnsetType | None]:
    yield from (statement.company_id, statement.department_id, statement.location_id, statement.job_code_id)
    for share in statement.time_shares:
        yield from (share.department_id, share.location_id, share.job_code_id)


def _of_text(field: str, text: str, longest: int | None) -> Iterator[tuple[str, str]]:
    if ODD.search(text):
        yield field, f"The {field} contains a character that cannot be kept (NUL, or half a surrogate pair)."
    if longest is not None and len(text) > longest:
        yield field, f"The {field} is longer than {longest} characters."


def _fits(number: Decimal, end: Decimal) -> bool:
    return number.is_finite() and abs(number) < end and number == number.quantize(SMALLEST)
