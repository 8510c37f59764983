"""Financial dimensions: the active formats of display strings, and the values that may be posted to.

Formats differ between environments of one customer and change (dynamics §12): they are read once for a connector, and
again after ``forget``.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date

import msgspec

from connectors.dynamics.display import DELIMITERS, Format
from connectors.dynamics.literals import both, either, equal, read_day
from connectors.dynamics.mistakes import AccessError
from connectors.dynamics.odata import OData
from connectors.errors import ConnectionConfigError, UnexpectedReplyError

LEDGER, DEFAULT = "DataEntityLedgerDimensionFormat", "DataEntityDefaultDimensionFormat"
_LABELS = {LEDGER: "ledger dimension format", DEFAULT: "default dimension format"}
_FORMATS, _PARAMETERS = "DimensionIntegrationFormats", "DimensionParameters"
_VALUES, OVERRIDES = "FinancialDimensionValues", "FinancialDimensionValueLegalEntityOverrides"
VALUES_A_REQUEST = 20
"""Conditions in one filter; more make addresses too long."""


class _FormatRow(msgspec.Struct, rename="pascal"):
    dimension_format_type: str
    financial_dimension_format: str | None = None
    is_active: str | None = None


class _ParametersRow(msgspec.Struct, rename="pascal"):
    dimension_segment_delimiter: str


class _ValueRow(msgspec.Struct, rename="pascal"):
    dimension_value: str
    legal_entity_id: str | None = None
    description: str | None = None
    active_from: str | None = None
    active_to: str | None = None
    is_suspended: str | None = None
    is_blocked_for_manual_entry: str | None = None
    is_total: str | None = None


class _OverrideRow(msgspec.Struct, rename="pascal"):
    dimension_value: str
    legal_entity_id: str
    active_from: str | None = None
    active_to: str | None = None
    is_suspended: str | None = None


class DimensionValue(msgspec.Struct, frozen=True, kw_only=True):
    """A value as one legal entity may use it. Days are included; None is no limit. ``shared``: every entity has it."""

    value: str
    shared: bool
    name: str
    suspended: bool
    blocked: bool
    total: bool
    first: date | None
    last: date | None

    def problem(self, day: date) -> str:
        """Why nothing can be posted to it on ``day``, completing "it …"; empty when it can."""
        if self.suspended:
            return "is suspended"
        if self.blocked:
            return "does not allow manual entry"
        if self.total:
            return "is a total"
        if (self.first and day < self.first) or (self.last and day > self.last):
            return f"is not active on {day}"
        return ""


class Dimensions:
    """The dimensions of one environment. Thread-safe."""

    def __init__(self, odata: OData) -> None:
        self._odata = odata
        self._learning = threading.Lock()
        self._formats: dict[str, Format] = {}
        self._known: dict[tuple[str, str], dict[str, DimensionValue]] = {}

    def ledger_format(self) -> Format:
        """The format of accounts; ConnectionConfigError says where to make one active."""
        return self._format(LEDGER)

    def default_format(self) -> Format:
        """The format of default dimensions; ConnectionConfigError says where to make one active."""
        return self._format(DEFAULT)

    def forget(self) -> None:
        """Afterwards formats and values are read again."""
        with self._learning:
            self._formats, self._known = {}, {}

    def values(self, dimension: str, company: str) -> Iterator[DimensionValue]:
        """Every value of the dimension that ``company`` sees, with the company's own dates and suspensions, streamed;
        its overrides alone are held in memory."""
        conditions = (equal("FinancialDimension", dimension), _visible(company))
        overrides = {row.dimension_value.casefold(): row for row in self._overrides(dimension, company)}
        for row in self._rows(both(*conditions)):
            yield _value(row, overrides.get(row.dimension_value.casefold()))

    def problems(self, company: str, day: date, wanted: Mapping[str, Collection[str]]) -> list[str]:
        """What keeps ``company`` from posting to the wanted values (by dimension) on ``day``: a sentence each.

        A value that is not listed is a problem where the dimension lists values at all: whether those of an entity
        (departments, workers) are listed is not public (dynamics §6), and Dynamics itself has the last word.
        """
        found = []
        for dimension, values in sorted(wanted.items()):
            known = self._read(dimension, company, values)
            unlisted = sorted(value for value in values if value.casefold() not in known)
            if unlisted and self._lists_values(dimension, company):
                found += [f"{dimension} {value} does not exist in Dynamics for {company}." for value in unlisted]
            for value in sorted(values):
                if (own := known.get(value.casefold())) and (problem := own.problem(day)):
                    found.append(f"{dimension} {value} {problem} in Dynamics for {company}.")
        return found

    def _format(self, kind: str) -> Format:
        with self._learning:
            if not self._formats:
                self._formats = self._read_formats()
            if kind in self._formats:
                return self._formats[kind]
        raise ConnectionConfigError(
            f"Dynamics has no active {_LABELS[kind]}, or more than one. Make one active there under General ledger > "
            "Chart of accounts > Dimensions > Financial dimension configuration for integrating applications."
        )

    def _read_formats(self) -> dict[str, Format]:
        parameters = self._odata.first(_PARAMETERS, select=("DimensionSegmentDelimiter",), type=_ParametersRow)
        delimiter = DELIMITERS.get(parameters.dimension_segment_delimiter) if parameters else None
        if delimiter is None:
            raise UnexpectedReplyError(
                "Dynamics does not say which delimiter stands between dimensions, or one we do not know. Nothing was "
                "posted; we have to look at it.",
                detail=f"{_PARAMETERS}: {parameters.dimension_segment_delimiter if parameters else 'no row'}",
            )
        select = ("DimensionFormatName", "DimensionFormatType", "FinancialDimensionFormat", "IsActive")
        active: dict[str, list[str]] = {}
        for row in self._odata.rows(_FORMATS, select=select, order=select[:2], type=_FormatRow):
            if row.is_active == "Yes" and row.financial_dimension_format:
                active.setdefault(row.dimension_format_type, []).append(row.financial_dimension_format)
        return {
            kind: Format(tuple(formats[0].split(delimiter)), delimiter)
            for kind, formats in active.items()
            if len(formats) == 1
        }

    def _read(self, dimension: str, company: str, values: Collection[str]) -> Mapping[str, DimensionValue]:
        """Those of ``values`` that are listed, by their value without case; each is asked for once."""
        with self._learning:
            known = self._known.setdefault((dimension.casefold(), company), {})
        missing = sorted(value for value in values if value.casefold() not in known)
        for start in range(0, len(missing), VALUES_A_REQUEST):
            some = missing[start : start + VALUES_A_REQUEST]
            which = either([equal("DimensionValue", value) for value in some])
            rows = list(self._rows(both(equal("FinancialDimension", dimension), _visible(company), which)))
            own = {row.dimension_value.casefold(): row for row in self._overrides(dimension, company, which)}
            wanted = {value.casefold() for value in some}
            for row in rows:
                # A star in a value matches anything.
                if (value := row.dimension_value.casefold()) in wanted:
                    known[value] = _value(row, own.get(value))
        return known

    def _rows(self, where: str) -> Iterator[_ValueRow]:
        select = ("FinancialDimension", *_names(_ValueRow))
        order = ("FinancialDimension", "LegalEntityId", "DimensionValue")
        return self._odata.rows(_VALUES, select=select, where=where, order=order, type=_ValueRow)

    def _overrides(self, dimension: str, company: str, which: str = "") -> Sequence[_OverrideRow]:
        """None where this connection may not see overrides, or Dynamics does not have them under this name, which is
        not public (dynamics §3): then a value is as it is for all, and Dynamics itself refuses what an override does.
        """
        where = both(equal("FinancialDimension", dimension), equal("LegalEntityId", company), which)
        select = ("FinancialDimension", *_names(_OverrideRow))
        order = ("FinancialDimension", "DimensionValue", "LegalEntityId")
        try:
            return list(self._odata.rows(OVERRIDES, select=select, where=where, order=order, type=_OverrideRow))
        except AccessError:
            return ()

    def _lists_values(self, dimension: str, company: str) -> bool:
        where = both(equal("FinancialDimension", dimension), _visible(company))
        return self._odata.first(_VALUES, select=_names(_ValueRow), where=where, type=_ValueRow) is not None


def _names(row: type[msgspec.Struct]) -> Sequence[str]:
    return tuple(field.encode_name for field in msgspec.structs.fields(row))


def _visible(company: str) -> str:
    """Values all companies share have no legal entity (dynamics §3)."""
    return either([equal("LegalEntityId", company), equal("LegalEntityId", "")])


def _value(row: _ValueRow, own: _OverrideRow | None) -> DimensionValue:
    """A legal entity's override stands in place of suspension and dates."""
    rule = own or row
    return DimensionValue(
        value=row.dimension_value,
        shared=not row.legal_entity_id,
        name=row.description or "",
        suspended=rule.is_suspended == "Yes",
        blocked=row.is_blocked_for_manual_entry == "Yes",
        total=row.is_total == "Yes",
        first=read_day(rule.active_from),
        last=read_day(rule.active_to),
    )
