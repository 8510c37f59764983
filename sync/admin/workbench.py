"""What the mapping workbench shows of one kind: source values on the left, what each means on the right."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date

import msgspec
from django.db.models import Exists, OuterRef, Q, QuerySet

from sync.mappings import EARLIEST, source_kind
from sync.models import Integration, Mapping, Problem, ReferenceValue

FILTERS = [
    ("", "All"),
    ("unmapped", "Unmapped"),
    ("suggested", "Suggested"),
    ("mapped", "Mapped"),
    ("inactive", "Inactive in target"),
]
OFFERED = 2_000
"""So many target values are offered while typing; any other can still be typed in full."""


class Line(msgspec.Struct, kw_only=True):
    """One source value. ``current`` is its newest mapping, ``typed`` and ``since`` what its inputs hold."""

    value: ReferenceValue
    state: str
    label: str
    current: Mapping | None
    earlier: list[tuple[str, Mapping]]
    typed: str = ""
    since: str = ""
    waiting: int = 0
    error: str = ""


def values_of(integration: Integration, kind: str, show: str, search: str, only: str) -> QuerySet[ReferenceValue]:
    """The source values of this kind that pass the filters, by name."""
    mappings = Mapping.objects.filter(integration=integration, kind=kind, source_key=OuterRef("external_id"))
    confirmed = mappings.filter(state=Mapping.State.CONFIRMED)
    target = ReferenceValue.objects.filter(connection=integration.target_id, kind=kind, active=True)
    astray = confirmed.exclude(Exists(target.filter(external_id=OuterRef("target_key"))))
    own = source_kind(integration, kind)
    values = ReferenceValue.objects.filter(connection=integration.source_id, kind=own).annotate(
        is_mapped=Exists(confirmed), is_suggested=Exists(mappings.filter(state=Mapping.State.SUGGESTED))
    )
    match show:
        case "unmapped":
            values = values.filter(is_mapped=False, is_suggested=False, active=True)
        case "suggested":
            values = values.filter(is_mapped=False, is_suggested=True)
        case "mapped":
            values = values.filter(is_mapped=True)
        case "inactive":
            values = values.filter(Exists(astray))
        case _:
            values = values.filter(Q(active=True) | Q(is_mapped=True))
    if only:
        values = values.filter(external_id=only)
    if search:
        values = values.filter(Q(name__icontains=search) | Q(code__icontains=search))
    return values.order_by("name", "external_id", "pk")


class Targets:
    """The active target values of a kind, by the text a person picks or types."""

    def __init__(self, integration: Integration, kind: str) -> None:
        rows = ReferenceValue.objects.filter(connection=integration.target_id, kind=kind).order_by("name", "pk")
        by_key: dict[str, ReferenceValue] = {}
        for value in rows.only("external_id", "code", "name", "active"):
            known = by_key.get(value.external_id)
            if known is None or (value.active and not known.active):
                by_key[value.external_id] = value
        plain = {key: _label(value) for key, value in by_key.items()}
        often = Counter(plain.values())
        self._labels = {key: text if often[text] == 1 else f"{text} [{key}]" for key, text in plain.items()}
        self._active = {key for key, value in by_key.items() if value.active}
        self._keys = {self._labels[key].casefold(): key for key in self._active}

    def label(self, key: str) -> str:
        """The text of a target value, its bare key when the target no longer has it."""
        return self._labels.get(key, key)

    def is_active(self, key: str) -> bool:
        """True when something can be mapped to it."""
        return key in self._active

    def key(self, text: str) -> str | None:
        """The value a person means by this text; None when there is no such active value."""
        return self._keys.get(text.casefold().strip()) or (text if text in self._active else None)

    def offered(self) -> list[str]:
        """What is offered while typing."""
        return sorted(self._labels[key] for key in self._active)[:OFFERED]


def lines_of(integration: Integration, kind: str, values: Iterable[ReferenceValue], targets: Targets) -> list[Line]:
    """A line per source value, with its mappings and the people who wait for one. Two queries."""
    values = list(values)
    keys = {value.external_id for value in values}
    by_key: dict[str, list[Mapping]] = defaultdict(list)
    for mapping in Mapping.objects.filter(integration=integration, kind=kind, source_key__in=keys):
        by_key[mapping.source_key].append(mapping)
    waiting = dict(
        Problem.objects.filter(
            integration=integration, state=Problem.State.OPEN, code="unmapped", culprit_kind=kind, culprit__in=keys
        ).values_list("culprit", "victims")
    )
    return [_line(value, by_key[value.external_id], targets, waiting.get(value.external_id, 0)) for value in values]


def _line(value: ReferenceValue, mappings: list[Mapping], targets: Targets, waiting: int) -> Line:
    by_start = sorted(mappings, key=lambda m: m.valid_from, reverse=True)
    newest = by_start[0] if by_start else None
    if newest is None:
        return Line(value=value, state="unmapped", label="Unmapped", current=None, earlier=[], waiting=waiting)
    if newest.state == Mapping.State.SUGGESTED:
        state, label = "suggested", "Suggested"
    elif targets.is_active(newest.target_key):
        state, label = "mapped", "Mapped"
    else:
        state, label = "inactive", "Inactive in target"
    return Line(
        value=value,
        state=state,
        label=label,
        current=newest,
        earlier=[(targets.label(m.target_key), m) for m in by_start[1:]],
        typed=targets.label(newest.target_key),
        since=newest.valid_from.isoformat() if newest.valid_from != EARLIEST else "",
        waiting=waiting,
    )


def parse_since(text: str) -> date:
    """The day a mapping starts; without one it holds for as long as anybody remembers. ValueError for no date."""
    return date.fromisoformat(text) if text else EARLIEST


def _label(value: ReferenceValue) -> str:
    return f"{value.name} ({value.code})" if value.code and value.code != value.name else value.name
