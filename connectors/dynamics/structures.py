"""Account structures: which dimensions a main account takes in a company. Source: dynamics §5.

A structure names its segments; each of its constraints is a row of criteria, one for each segment: ``1*;2*``,
``510000..599999``, a value as it is, ``""`` for nothing. Dimensions that advanced rules add are not known here.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from connectors.dynamics.display import MAIN_ACCOUNT
from connectors.dynamics.odata import OData

SEGMENTS = tuple(f"{number:02}" for number in range(1, 12))
_STRUCTURES, _CONSTRAINTS = "AccountStructures", "AccountStructureConstraints"
Row = dict[str, Any]


class Structure(msgspec.Struct, frozen=True):
    """An active structure: the names of its segments, and the rows of its criteria in the same order."""

    name: str
    segments: tuple[str, ...]
    constraints: tuple[tuple[str, ...], ...]

    def takes(self, main_account: str) -> frozenset[str] | None:
        """The dimensions (without case) that ``main_account`` may have here, None when it is not of this structure."""
        rows = [row for row in self.constraints if matches(self._criterion(row, MAIN_ACCOUNT), main_account)]
        if not rows:
            return None
        return frozenset(
            name.casefold()
            for name in self.segments
            if name.casefold() != MAIN_ACCOUNT.casefold()
            and any(takes_values(self._criterion(row, name)) for row in rows)
        )

    def _criterion(self, row: Sequence[str], name: str) -> str:
        places = [place for place, own in enumerate(self.segments) if own.casefold() == name.casefold()]
        return row[places[0]] if places and places[0] < len(row) else ""


def matches(criterion: str, value: str) -> bool:
    """True when ``value`` is one that the criterion allows; an empty criterion allows all. Case is of no importance,
    and values are compared as texts."""
    if not criterion.strip():
        return True
    folded = value.casefold()
    return any(_matches_one(part.strip().casefold(), folded) for part in criterion.split(";"))


def takes_values(criterion: str) -> bool:
    """True when the criterion allows anything but nothing at all."""
    parts = [part.strip() for part in criterion.split(";")]
    return any(part != '""' for part in parts)


def _matches_one(part: str, value: str) -> bool:
    if part == '""':
        return not value
    first, dots, last = part.partition("..")
    if dots:
        return bool(value) and (not first or first <= value) and (not last or value <= last)
    pattern = "".join({"*": ".*", "?": "."}.get(character) or re.escape(character) for character in part)
    return bool(value) and re.fullmatch(pattern, value, re.DOTALL) is not None


class Structures:
    """The active structures of an environment, each read once. Thread-safe."""

    def __init__(self, odata: OData) -> None:
        self._odata = odata
        self._learning = threading.Lock()
        self._structures: dict[str, Structure] | None = None

    def outside(self, names: Sequence[str], main_account: str, dimensions: Sequence[str]) -> list[str]:
        """Those of ``dimensions`` that no structure of these ``names`` takes for the main account; none where no
        structure is for it: then Dynamics itself has the word."""
        own = [structure for name in names if (structure := self._all().get(name.casefold()))]
        taken = [allowed for structure in own if (allowed := structure.takes(main_account)) is not None]
        if not taken:
            return []
        return [name for name in dimensions if not any(name.casefold() in allowed for allowed in taken)]

    def _all(self) -> dict[str, Structure]:
        with self._learning:
            if self._structures is None:
                self._structures = {structure.name.casefold(): structure for structure in self._read()}
            return self._structures

    def _read(self) -> Iterator[Structure]:
        criteria = tuple(f"SegmentCriteria{number}" for number in SEGMENTS)
        constraints: dict[str, list[tuple[str, ...]]] = {}
        select = ("AccountStructure", "Status", "Position", *criteria)
        for row in self._active(_CONSTRAINTS, select, select[:3]):
            rows = constraints.setdefault(str(row["AccountStructure"]).casefold(), [])
            rows.append(tuple(str(row.get(name) or "") for name in criteria))
        names = tuple(f"SegmentName{number}" for number in SEGMENTS)
        select = ("AccountStructureName", "Status", *names)
        for row in self._active(_STRUCTURES, select, select[:2]):
            own = str(row["AccountStructureName"])
            segments = tuple(name for column in names if (name := str(row.get(column) or "")))
            yield Structure(own, segments, tuple(constraints.get(own.casefold(), ())))

    def _active(self, entity_set: str, select: Sequence[str], order: Sequence[str]) -> Iterator[Row]:
        rows: Iterator[Row] = self._odata.rows(entity_set, select=select, order=order, type=Row)
        return (row for row in rows if row.get("Status") == "Active")
