"""Amounts and tables as pages show them and as CSV files carry them: masked once, for both."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec
from django.http import Http404, HttpRequest, HttpResponse

from sync.csv_text import csv_line
from sync.payroll.money import minor_unit


class Amount(msgspec.Struct, frozen=True):
    """Money in a currency, exact. ``str()`` is how accountants write it: 1,234.56, and (1,234.56) below zero."""

    value: Decimal
    currency: str = ""

    def __str__(self) -> str:
        return _written(self.value, self.currency, ",")

    @property
    def plain(self) -> str:
        """Without the separators of thousands, for a spreadsheet: below zero it is in brackets there too."""
        return _written(self.value, self.currency, "")


def _written(value: Decimal, currency: str, separator: str) -> str:
    unit, own = minor_unit(currency).as_tuple().exponent, value.normalize().as_tuple().exponent
    assert isinstance(unit, int)
    assert isinstance(own, int), "an amount is a finite number"
    text = f"{abs(value):{separator}.{max(-unit, -own, 0)}f}"
    return f"({text})" if value < 0 else text


Value = str | int | Amount | date | None
"""What a cell holds. An amount that is not to be shown is visibility.MASK already: it never gets this far."""


class Row(msgspec.Struct, kw_only=True):
    """One line of a table. ``look`` is a class of the style sheet, ``link`` where its first cell leads."""

    cells: list[Value]
    link: str = ""
    look: str = ""


class Table(msgspec.Struct, kw_only=True):
    """A table by its name in addresses. Columns in ``numbers`` (by position) are aligned to the right."""

    name: str
    title: str
    columns: list[str]
    rows: list[Row]
    numbers: frozenset[int] = frozenset()
    foot: list[Row] = []
    empty: str = "Nothing to show."


def csv_of(table: Table) -> str:
    """The table as CSV: its columns, its rows, its totals."""
    lines = [csv_line(table.columns)]
    lines += (csv_line([_in_csv(value) for value in row.cells]) for row in [*table.rows, *table.foot])
    return "".join(lines)


def _in_csv(value: Value) -> str:
    if isinstance(value, Amount):
        return value.plain
    return value.isoformat() if isinstance(value, date) else "" if value is None else str(value)


def csv_answer(request: HttpRequest, tables: list[Table], prefix: str) -> HttpResponse | None:
    """The table that ``?csv=`` names as a file, None when the address names none; Http404 for one there is not."""
    name = request.GET.get("csv", "")
    if not name:
        return None
    table = next((table for table in tables if table.name == name), None)
    if table is None:
        raise Http404("There is no such table here.")
    answer = HttpResponse(csv_of(table), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{prefix}-{name}.csv"'
    answer["Cache-Control"] = "no-store"
    return answer
