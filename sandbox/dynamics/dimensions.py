"""Display strings: formats, delimiter, escaping, and whether a dimension value may be used (dynamics §5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

from sandbox.dynamics.model import EMPTY_DATE, Record

if TYPE_CHECKING:
    from sandbox.dynamics.environment import Environment

MAIN_ACCOUNT = "MainAccount"
LEDGER_FORMAT = "DataEntityLedgerDimensionFormat"
DEFAULT_FORMAT = "DataEntityDefaultDimensionFormat"
DELIMITERS = {
    "Hyphen": "-",
    "Period": ".",
    "Underscore": "_",
    "Bar": "|",
    "Tilde": "~",
    "DoubleHyphen": "--",
    "DoublePeriod": "..",
    "DoubleUnderscore": "__",
    "DoubleBar": "||",
    "DoubleTilde": "~~",
}


class Unusable(Exception):
    """A display string or value Dynamics does not take; its text is the Infolog's."""


def delimiter(environment: Environment) -> str:
    row = next(iter(environment.tables["DimensionParameters"]))
    return DELIMITERS[row.record["DimensionSegmentDelimiter"]]


def active_format(environment: Environment, kind: str) -> list[str]:
    """The dimension names of the active format of this type, in its order; Unusable without one (dynamics §4.5)."""
    for row in environment.tables["DimensionIntegrationFormats"]:
        if row.record["DimensionFormatType"] == kind and row.record["IsActive"] == "Yes":
            names: list[str] = row.record["FinancialDimensionFormat"].split(delimiter(environment))
            inactive = set(names) & environment.inactive_dimensions
            if inactive:
                raise Unusable("Only active dimensions can be used.")
            return names
    raise Unusable("No active format for data entities has been set up.")


def split(text: str, mark: str) -> list[str]:
    """The segments of a display string: a backslash takes the next character for itself, whatever it is."""
    segments, current, place = [], "", 0
    while place < len(text):
        if text[place] == "\\" and place + 1 < len(text):
            current += text[place + 1]
            place += 2
        elif text.startswith(mark, place):
            segments.append(current)
            current = ""
            place += len(mark)
        else:
            current += text[place]
            place += 1
    return [*segments, current]


def escaped(value: str, mark: str) -> str:
    """A value with a backslash before every backslash and every character of the delimiter (dynamics §5)."""
    return "".join(f"\\{letter}" if letter in {"\\", mark[0]} else letter for letter in value)


def read(environment: Environment, kind: str, text: str) -> dict[str, str]:
    """The values a display string gives, by dimension name; empty segments are left out."""
    names, segments = active_format(environment, kind), split(text, delimiter(environment))
    if len(segments) > len(names):
        raise Unusable(
            f"The number of segments in the value '{text}' is more than the {len(names)} of the dimension format."
        )
    return {name: value for name, value in zip(names, segments, strict=False) if value}


def display(environment: Environment, kind: str, values: Mapping[str, str]) -> str:
    """One segment for each dimension of the format, in its order; dimensions outside of it are left out."""
    mark = delimiter(environment)
    return mark.join(escaped(values.get(name, ""), mark) for name in active_format(environment, kind))


def value_faults(environment: Environment, company: str, values: Mapping[str, str], day: date) -> Iterator[str]:
    """Why dimension values other than the main account cannot be used in a company on a day."""
    for name, value in values.items():
        if name == MAIN_ACCOUNT:
            continue
        row = environment.tables["FinancialDimensionValues"].find(name, "", value) or environment.tables[
            "FinancialDimensionValues"
        ].find(name, company, value)
        if row is None:
            yield f"The value {value} for dimension {name} does not exist."
            continue
        override = environment.tables["FinancialDimensionValueLegalEntityOverrides"].find(name, value, company)
        for record in (row.record, override.record if override else {}):
            if record.get("IsSuspended") == "Yes":
                yield f"The dimension value {value} for {name} is suspended."
            elif not in_force(record, day):
                yield f"The dimension value {value} for {name} is not active on {day:%m/%d/%Y}."
        if row.record.get("IsBlockedForManualEntry") == "Yes" or row.record.get("IsTotal") == "Yes":
            yield f"The dimension value {value} for {name} is blocked for manual entry."


def in_force(record: Record, day: date) -> bool:
    """Whether ``day`` lies between ActiveFrom and ActiveTo, of which an empty one does not bind."""
    first, last = record.get("ActiveFrom", EMPTY_DATE), record.get("ActiveTo", EMPTY_DATE)
    return bool(first <= day and (last in (EMPTY_DATE,) or day <= last))


def combined(environment: Environment, names: Sequence[str], values: Sequence[str]) -> dict[str, str]:
    """Names and values of an action's body put together; Unusable when they do not go together."""
    if len(names) != len(values):
        raise Unusable("The number of dimension attributes and of values differ.")
    known = {row.record["DimensionName"] for row in environment.tables["DimensionAttributes"]} | {MAIN_ACCOUNT}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise Unusable(f"The dimension attribute {unknown[0]} does not exist.")
    return dict(zip(names, values, strict=True))
