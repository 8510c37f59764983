"""The bodies that create and replace journal entries, every fault named in one answer (plex §2.4.3)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sandbox.plex import bodies
from sandbox.plex.books import CENT
from sandbox.plex.call import Call, is_uuid
from sandbox.plex.instants import comparable
from sandbox.plex.naming import JOURNAL_BODY, LINE_BODY, Names, Profile
from sandbox.plex.refusals import invalid
from sandbox.plex.tables import Record

LARGEST = Decimal("1e15")
Reader = Callable[[Any], Any]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("a string")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("a boolean")
    return value


def _uuid(value: object) -> str:
    if not isinstance(value, str) or not is_uuid(value):
        raise ValueError("a uuid")
    return value.lower()


def _instant(value: object) -> str:
    instant = comparable(value) if isinstance(value, str) else None
    if instant is None:
        raise ValueError("an ISO 8601 UTC date-time")
    return instant


def _number(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("a number")
    return Decimal(value)


def _amount(value: object) -> Decimal:
    number = _number(value)
    if not 0 < number < LARGEST or number != number.quantize(CENT):
        raise ValueError("above zero and have at most two decimals")
    return number


def _array(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("an array")
    return value


HEADER: dict[str, Reader] = {
    "periodDisplay": _text,
    "description": _text,
    "note": _text,
    "period13": _flag,
    "periodAdjustment": _flag,
    "status": _text,
    "postDate": _instant,
    "currency": _text,
    "exchangeRate": _number,
    "governmentIssuedNo": _text,
    "lines": _array,
}
LINE: dict[str, Reader] = {
    "accountNumber": _text,
    "description": _text,
    "debit": _amount,
    "credit": _amount,
    "expenseProject": _text,
    "accountingJobNumber": _text,
    "voucherDescription": _text,
    "currencyDebit": _amount,
    "currencyCredit": _amount,
}
HEADER_REQUIRED = ("periodDisplay", "description", "status", "postDate", "currency", "lines")
LINE_REQUIRED = ("accountNumber", "description")
# The description of the API repeats the fields of a line on the header; there they mean nothing (plex, additions).
STRAYS = frozenset(LINE_BODY.connect[name] for name in LINE)


def read_new(call: Call) -> Record:
    """The journal to create; an id the caller chose, for it or for a line, is taken and not honoured."""
    reading = _Reading(call)
    record = reading.fields(
        bodies.as_object(call), HEADER, JOURNAL_BODY, required=HEADER_REQUIRED, idle={*STRAYS, "id"}
    )
    line_id = "id" if call.profile is Profile.CONNECT else "lineId"
    record["lines"] = reading.lines(record.get("lines") or [], LINE, idle={line_id})
    return reading.finished(record)


def read_replacement(call: Call) -> Record:
    """The fields to replace, all optional; lines are replaced together, one that goes on existing says its id."""
    reading = _Reading(call)
    readers = HEADER | {"id": _uuid}
    record = reading.fields(bodies.as_object(call), readers, JOURNAL_BODY, required=(), idle={*STRAYS, "lineId"})
    if record.get("lines") is not None:
        record["lines"] = reading.lines(record["lines"], LINE | {"lineId": _uuid}, idle=())
    return reading.finished({name: value for name, value in record.items() if value is not None or name == "note"})


@dataclass
class _Reading:
    call: Call
    faults: list[str] = field(default_factory=list)

    def fields(
        self,
        given: Mapping[str, Any],
        readers: Mapping[str, Reader],
        names: Names,
        *,
        required: Collection[str],
        idle: Collection[str],
        place: str = "",
    ) -> Record:
        record: Record = {}
        for wire, value in given.items():
            kept = names.kept(self.call.profile, wire)
            if kept in record:
                self.faults.append(f"The property '{place}{wire}' is given twice.")
            elif kept is not None and kept in readers:
                record[kept] = self._read(readers[kept], place + wire, value)
            elif (kept or wire) not in idle:
                self.faults.append(f"The property '{place}{wire}' is not expected.")
        self.faults += [
            f"The property '{place}{names.on_wire(self.call.profile, name)}' is required."
            for name in required
            if not record.get(name)
        ]
        return record

    def lines(self, given: list[Any], readers: Mapping[str, Reader], *, idle: Collection[str]) -> list[Record]:
        wire = JOURNAL_BODY.on_wire(self.call.profile, "lines")
        lines = []
        for number, line in enumerate(given):
            if not isinstance(line, dict):
                self.faults.append(f"The property '{wire}[{number}]' must be an object.")
                continue
            place = f"{wire}[{number}]."
            lines.append(self.fields(line, readers, LINE_BODY, required=LINE_REQUIRED, idle=idle, place=place))
        return lines

    def finished(self, record: Record) -> Record:
        if self.faults:
            raise invalid(*self.faults)
        return record

    def _read(self, reader: Reader, wire: str, value: object) -> Any:
        if value is None:
            return None
        try:
            return reader(value)
        except ValueError as wanted:
            self.faults.append(f"The property '{wire}' must be {wanted}.")
            return None
