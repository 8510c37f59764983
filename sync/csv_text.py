"""CSV as staff open it in a spreadsheet: nothing in it is run as a formula, and what comes back is what went out."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from django.core.exceptions import ValidationError

FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_line(cells: Sequence[str]) -> str:
    """One line with its end. A cell that starts like a formula gets a quote before it, which keeps it text."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([f"'{c}" if c.startswith(FORMULA) else c for c in cells])
    return out.getvalue()


def csv_rows(text: str, required: Iterable[str]) -> list[dict[str | None, Any]]:
    """The rows below the header, by column. Raises ValidationError for what is no CSV file or lacks a column."""
    reader: csv.DictReader[Any] = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=None))
    try:
        missing = set(required) - set(reader.fieldnames or ())
        if missing:
            raise ValidationError(f"Row 1: the column {', '.join(sorted(missing))} is missing. Nothing was imported.")
        return list(reader)
    except csv.Error:
        raise ValidationError(f"Row {reader.line_num}: this cannot be read as CSV. Nothing was imported.") from None


def cells_of(row: dict[str | None, Any]) -> dict[str, str]:
    """The row's cells by column, stripped, without the quote that ``csv_line`` put there. Surplus cells are left out;
    where there are any, the row has the key None."""
    return {name: _plain(cell) for name, cell in row.items() if isinstance(name, str) and not isinstance(cell, list)}


def _plain(cell: str | None) -> str:
    text = (cell or "").strip()
    return text[1:] if text == "'" or (text[:1] == "'" and text[1:].startswith(FORMULA)) else text
