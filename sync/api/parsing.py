"""Reading bodies: JSON that PostgreSQL can keep, or CSV text."""

from __future__ import annotations

from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, JSONParser

LARGEST = 2**63 - 1


class StrictJSONParser(JSONParser):
    """JSON without what no database column can hold: NUL, half a surrogate pair, numbers beyond 64 bits."""

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        """The decoded body. ParseError names what is not right."""
        try:
            data = super().parse(stream, media_type, parser_context)
            _check(data)
        except RecursionError:
            raise ParseError("The JSON is nested too deeply.") from None
        return data


def _check(value: Any) -> None:
    if isinstance(value, str):
        if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise ParseError("The JSON contains a character that cannot be kept (NUL, or half a surrogate pair).")
    elif isinstance(value, dict):
        for key, inner in value.items():
            _check(key)
            _check(inner)
    elif isinstance(value, list):
        for inner in value:
            _check(inner)
    elif isinstance(value, int) and abs(value) > LARGEST:
        raise ParseError("The JSON contains a number beyond 64 bits.")


class CSVParser(BaseParser):
    """A CSV file as text, UTF-8 with or without a byte order mark."""

    media_type = "text/csv"

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        """The text. ParseError when it is not UTF-8."""
        try:
            text: str = stream.read().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise ParseError("The file is not UTF-8. Save it as CSV UTF-8, then try again.") from None
        if "\x00" in text:
            raise ParseError("The file contains a NUL character. Save it as CSV UTF-8, then try again.")
        return text


class CalendarParser(CSVParser):
    """An iCalendar file as text."""

    media_type = "text/calendar"
