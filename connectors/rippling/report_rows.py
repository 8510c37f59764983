"""The file of a payroll report, row by row: its columns by the names the customer gave them. Pure.

What a JSON report looks like is not documented; a list of objects, one a row, is taken. Source: rippling §8.4.
"""

from __future__ import annotations

import codecs
import csv
import itertools
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import ijson

from connectors.errors import ConnectionConfigError, ConnectorError, UnexpectedReplyError

Row = Mapping[str, str]
"""Our field → the cell's text, without surrounding blanks; empty where the cell is."""

NEEDED = ("run_id", "state", "check_date", "worker_id", "item", "kind", "amount", "currency")
OPTIONAL = (
    "run_title", "run_type", "period_start", "period_end", "pay_group", "company_id", "worker_number",
    "department_id", "location_id", "job_code_id", "code", "hours",
)  # fmt: skip
SETTING = "“Columns of the report” in the settings of the Rippling connection"


def columns_of(text: str) -> dict[str, str]:
    """Our field → the report's column, from "field=Column; field=Column". ConnectionConfigError for anything else."""
    found: dict[str, str] = {}
    for part in filter(None, (piece.strip() for piece in text.replace("\n", ";").split(";"))):
        field, equals, column = (piece.strip() for piece in part.partition("="))
        if field not in NEEDED + OPTIONAL:
            known = ", ".join(NEEDED + OPTIONAL)
            raise ConnectionConfigError(f"{SETTING} has “{field}”, which is none of: {known}.")
        if not (equals and column):
            raise ConnectionConfigError(f"{SETTING} names no column for “{field}”. Write {field}=Name of the column.")
        if field in found:
            raise ConnectionConfigError(f"{SETTING} names “{field}” twice. Leave one of the two.")
        found[field] = column
    if missing := [field for field in NEEDED if field not in found]:
        raise ConnectionConfigError(f"{SETTING} does not say which column is {', '.join(missing)}.")
    return found


def rows_of(pieces: Iterator[bytes], output: str, columns: Mapping[str, str]) -> Iterator[Row]:
    """Every row of a JSON or CSV file, in its order and in constant memory.

    ConnectionConfigError when a column is not in the report, UnexpectedReplyError when the file is none, or is torn.
    """
    return _json_rows(pieces, columns) if output == "JSON" else _csv_rows(pieces, columns)


def _json_rows(pieces: Iterator[bytes], columns: Mapping[str, str]) -> Iterator[Row]:
    first = next(pieces, b"")
    if first.lstrip()[:1] != b"[":
        raise _unusable("is not a JSON list")
    found = ijson.items(ijson.from_iter(itertools.chain([first], pieces)), "item", use_float=False)
    number = 0
    while True:
        try:
            record = next(found, None)
        except ijson.JSONError:
            raise _unusable(f"cannot be read after row {number}") from None
        if record is None:
            return
        number += 1
        if not isinstance(record, dict):
            raise _unusable(f"has no columns in row {number}")
        if number == 1:
            _check_columns(list(record), columns)
        yield {field: _text(record.get(column), column) for field, column in columns.items()}


def _csv_rows(pieces: Iterator[bytes], columns: Mapping[str, str]) -> Iterator[Row]:
    reader = csv.reader(_lines(pieces), strict=True)
    header: list[str] = []
    places: dict[str, int] = {}
    while True:
        try:
            cells = next(reader, None)
        except (csv.Error, UnicodeDecodeError):
            raise _unusable(f"cannot be read after line {reader.line_num}") from None
        if cells is None:
            break
        if not header:
            header = [cell.strip() for cell in cells]
            _check_columns(header, columns)
            places = {field: header.index(column) for field, column in columns.items()}
        elif cells:
            if len(cells) != len(header):
                raise _unusable(f"has {len(cells)} instead of {len(header)} columns in line {reader.line_num}")
            yield {field: cells[place].strip() for field, place in places.items()}
    if not header:
        raise _unusable("is empty")


def _lines(pieces: Iterator[bytes]) -> Iterator[str]:
    """Lines with their ends, as csv wants them; only a line feed ends one."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    rest = ""
    for piece in pieces:
        *lines, rest = (rest + decoder.decode(piece)).split("\n")
        for line in lines:
            yield line + "\n"
    rest += decoder.decode(b"", final=True)
    if rest:
        yield rest


def _check_columns(header: Iterable[str], columns: Mapping[str, str]) -> None:
    present = list(header)
    for field, column in columns.items():
        if column not in present:
            raise ConnectionConfigError(
                f"The payroll report has no column “{column}” ({field}). Add it to the report in Rippling, or correct "
                f"{SETTING}."
            )
        if present.count(column) > 1:
            raise ConnectionConfigError(f"The payroll report has the column “{column}” twice. Rename one in Rippling.")


def _text(value: Any, column: str) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return f"{value:f}" if isinstance(value, Decimal) else str(value)
    raise _unusable(f"has something else than text or a number in the column “{column}”")


def _unusable(what: str) -> ConnectorError:
    return UnexpectedReplyError(
        f"The file of the payroll report {what}. Nothing of it was used; run the report in Rippling to see what is "
        "wrong with it."
    )
