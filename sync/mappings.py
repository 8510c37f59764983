"""Keeping mappings: suggested, confirmed by a person, changed from a date on, carried in and out as CSV."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any

import msgspec
from django.core.exceptions import ValidationError
from django.db import transaction

from audit.context import current_actor
from audit.record import Entry, record
from connectors.records import RefKind
from sync.csv_text import cells_of, csv_line, csv_rows
from sync.mapping import Value, suggest
from sync.models import BlockedRecord, Integration, Link, Mapping, PayrollSettings, ReferenceValue

EARLIEST = date(1900, 1, 1)
"""The start of a mapping that holds for as long as anybody remembers."""

MAPPED_KINDS = (
    RefKind.DEPARTMENT,
    RefKind.POSITION,
    RefKind.LOCATION,
    RefKind.COMPANY,
    RefKind.EMPLOYMENT_TYPE,
    RefKind.COST_CENTER,
)
"""Kinds of which a source value can mean a target value."""

COLUMNS = ("kind", "source_key", "source_name", "target_key", "target_name", "valid_from", "valid_to", "state")


def mapped_kinds(integration: Integration) -> tuple[RefKind, ...]:
    """MAPPED_KINDS as far as this integration needs them: cost centers once its payroll is set up and the target has
    any. Two queries."""
    centers = ReferenceValue.objects.filter(connection_id=integration.target_id, kind=RefKind.COST_CENTER, active=True)
    settings = PayrollSettings.objects.filter(integration=integration, start_date__isnull=False)
    if settings.exists() and centers.exists():
        return MAPPED_KINDS
    return tuple(kind for kind in MAPPED_KINDS if kind is not RefKind.COST_CENTER)


def source_kind(integration: Integration, kind: RefKind | str) -> RefKind:
    """The kind of the source's values that are mapped to this kind of the target: the same, but cost centers are
    mapped to by the dimension that the payroll settings name."""
    if kind != RefKind.COST_CENTER:
        return RefKind(kind)
    chosen = PayrollSettings.objects.filter(integration=integration).values_list("cost_center_from", flat=True).first()
    return RefKind(chosen or RefKind.DEPARTMENT)


def save_mapping(
    integration: Integration,
    *,
    kind: str,
    source_key: str,
    target_key: str,
    valid_from: date = EARLIEST,
    valid_to: date | None = None,
    now: datetime,
) -> Mapping:
    """A person says that this source value means that target value from a date on. Confirmed at once.

    A mapping of the same value with the same start is replaced; an older open one ends where this one starts.
    Raises ValidationError naming the field when either value is unknown, or the target value is not active.
    """
    _check(integration, kind, source_key, target_key)
    with transaction.atomic():
        same = Mapping.objects.select_for_update().filter(integration=integration, kind=kind, source_key=source_key)
        mapping = same.filter(valid_from=valid_from).first() or Mapping(
            integration=integration, kind=kind, source_key=source_key, valid_from=valid_from
        )
        before = None if mapping._state.adding else _shown(mapping)
        mapping.target_key, mapping.valid_to = target_key, valid_to
        mapping.state, mapping.score, mapping.reason = Mapping.State.CONFIRMED, 100, "entered"
        _sign(mapping, now)
        mapping.full_clean()
        same.filter(valid_from__lt=valid_from, valid_to__isnull=True).update(valid_to=valid_from)
        mapping.save()
        _record("mapping.changed" if before else "mapping.created", [(mapping, before)], now)
    return mapping


def confirm(mappings: Sequence[Mapping], *, now: datetime) -> int:
    """A person agrees with these suggestions; returns how many were not confirmed before."""
    with transaction.atomic():
        pending = list(
            Mapping.objects.select_for_update(of=("self",))
            .select_related("integration__source", "integration__target")
            .filter(pk__in=[m.pk for m in mappings], state=Mapping.State.SUGGESTED)
        )
        for mapping in pending:
            _check(mapping.integration, mapping.kind, mapping.source_key, mapping.target_key)
            mapping.state = Mapping.State.CONFIRMED
            _sign(mapping, now)
        Mapping.objects.bulk_update(pending, ["state", *_signature(now)])
        _record("mapping.confirmed", [(mapping, None) for mapping in pending], now)
    return len(pending)


def remove(mapping: Mapping, *, now: datetime) -> None:
    """Afterwards the mapping is gone; who it concerned is blocked by the next run, and told so. The value's other
    mappings count as confirmed by who removed it: they decide now what it decided."""
    with transaction.atomic():
        _record("mapping.removed", [(mapping, _shown(mapping))], now, removed=True)
        others = Mapping.objects.filter(integration=mapping.integration, state=Mapping.State.CONFIRMED)
        others.filter(kind=mapping.kind, source_key=mapping.source_key).update(**_signature(now))
        mapping.delete()


def suggest_mappings(integration: Integration, *, kinds: Iterable[RefKind] = MAPPED_KINDS) -> list[Mapping]:
    """Suggestions, stored as such, for every active source value that has no mapping yet. Old suggestions that were
    not confirmed are replaced. Returns the new ones."""
    made = []
    with transaction.atomic():
        for kind in kinds:
            existing = Mapping.objects.filter(integration=integration, kind=kind)
            existing.filter(state=Mapping.State.SUGGESTED).delete()
            mapped = set(existing.values_list("source_key", flat=True))
            own = source_kind(integration, kind)
            sources = [v for v in _values(integration.source_id, own) if v.key not in mapped]
            found = suggest(sources, _values(integration.target_id, kind))
            made += [
                Mapping(
                    integration=integration,
                    kind=kind,
                    source_key=s.source_key,
                    target_key=s.target_key,
                    valid_from=EARLIEST,
                    score=s.score,
                    reason=s.reason,
                )
                for s in found
            ]
        Mapping.objects.bulk_create(made)
    return made


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a kind is mapped: source values, and the people who are blocked for want of a mapping."""

    kind: str
    values: int
    mapped: int
    suggested: int
    blocked_people: int

    @property
    def percent(self) -> int:
        """Mapped share of the values, rounded down; 100 when there are none."""
        return 100 * self.mapped // self.values if self.values else 100


def coverage(integration: Integration) -> list[Coverage]:
    """Per mapped kind, in the order staff map them. Constant number of queries."""
    active: dict[str, set[str]] = defaultdict(set)
    own = {kind: source_kind(integration, kind) for kind in mapped_kinds(integration)}
    values = ReferenceValue.objects.filter(connection_id=integration.source_id, kind__in=own.values(), active=True)
    for kind, key in values.values_list("kind", "external_id"):
        active[kind].add(key)
    by_state: dict[tuple[str, str], set[str]] = defaultdict(set)
    for kind, key, state in Mapping.objects.filter(integration=integration).values_list("kind", "source_key", "state"):
        by_state[(kind, state)].add(key)
    blocked: dict[str, set[str]] = defaultdict(set)
    rows = BlockedRecord.objects.filter(integration=integration, problem__state="open")
    for kind, source_id in rows.values_list("problem__culprit_kind", "source_id"):
        blocked[kind].add(source_id)
    return [
        Coverage(
            kind=kind,
            values=len(active[of]),
            mapped=len(active[of] & by_state[(kind, Mapping.State.CONFIRMED)]),
            suggested=len(
                (active[of] & by_state[(kind, Mapping.State.SUGGESTED)]) - by_state[(kind, Mapping.State.CONFIRMED)]
            ),
            blocked_people=len(blocked[kind]),
        )
        for kind, of in own.items()
    ]


def people_covered(integration: Integration) -> tuple[int, int]:
    """(people without a mapping problem, all people known): coverage by records and not by rows."""
    blocked = set(
        BlockedRecord.objects.filter(
            integration=integration, problem__code__in=("unmapped", "target_inactive")
        ).values_list("source_id", flat=True)
    )
    linked = set(Link.objects.filter(integration=integration, active=True).values_list("source_id", flat=True))
    return len(linked - blocked), len(linked | blocked)


def export_csv(integration: Integration, *, now: datetime) -> Iterator[str]:
    """Lines of a CSV file with a header, one mapping a line, in a stable order. That they were exported is recorded
    at once, before the first line is read."""
    with transaction.atomic():
        _record_file("mapping.exported", integration, now)
    return _lines(integration)


def _lines(integration: Integration) -> Iterator[str]:
    own = {kind.value: source_kind(integration, kind) for kind in MAPPED_KINDS}
    names = _names(integration, own.values())
    yield csv_line(COLUMNS)
    for m in Mapping.objects.filter(integration=integration).order_by("kind", "source_key", "valid_from").iterator():
        yield csv_line(
            (
                m.kind,
                m.source_key,
                names.get((integration.source_id, own[m.kind], m.source_key), ""),
                m.target_key,
                names.get((integration.target_id, m.kind, m.target_key), ""),
                m.valid_from.isoformat(),
                m.valid_to.isoformat() if m.valid_to else "",
                m.state,
            )
        )


def import_csv(integration: Integration, text: str, *, now: datetime) -> int:
    """Take over every row of such a file as confirmed mappings; returns how many. All or nothing.

    Raises ValidationError with one sentence per bad row, naming row and column; then nothing was imported.
    """
    problems: list[str] = []
    rows = []
    seen: dict[tuple[str, str, date], int] = {}
    known_source, known_target = _source_keys(integration), _target_keys(integration)
    for number, row in enumerate(csv_rows(text, ("kind", "source_key", "target_key")), start=2):
        parsed = _parse_row(row, number, known_source, known_target, problems)
        if parsed is None:
            continue
        key = (parsed["kind"], parsed["source_key"], parsed["valid_from"])
        if key in seen:
            problems.append(f"Row {number}, source_key: the same value and start as in row {seen[key]}.")
        seen[key] = number
        rows.append(parsed)
    if problems:
        raise ValidationError([*problems, "Nothing was imported."])
    if not rows:
        raise ValidationError("The file has no rows. Nothing was imported.")
    with transaction.atomic():
        for values in rows:
            save_mapping(integration, **values, now=now)
        _record_file("mapping.imported", integration, now, rows=len(rows))
    return len(rows)


def _parse_row(
    row: dict[str | None, Any],
    number: int,
    known_source: set[tuple[str, str]],
    known_target: set[tuple[str, str]],
    problems: list[str],
) -> dict[str, Any] | None:
    text = cells_of(row)
    found = len(problems)
    if None in row:
        problems.append(f"Row {number}: there are more cells than columns.")
    kind = text.get("kind", "")
    if kind not in {k.value for k in MAPPED_KINDS}:
        problems.append(f"Row {number}, kind: {kind!r} is none of {', '.join(k.value for k in MAPPED_KINDS)}.")
    for column, known in (("source_key", known_source), ("target_key", known_target)):
        if not text.get(column):
            problems.append(f"Row {number}, {column}: empty.")
        elif len(problems) == found and (kind, text[column]) not in known:
            problems.append(f"Row {number}, {column}: {text[column]!r} is not known or not active.")
    dates: dict[str, date | None] = {}
    for column, default in (("valid_from", EARLIEST), ("valid_to", None)):
        try:
            dates[column] = date.fromisoformat(text[column]) if text.get(column) else default
        except ValueError:
            problems.append(f"Row {number}, {column}: {text[column]!r} is not a date like 2026-01-31.")
    if len(problems) > found:
        return None
    start, stop = dates["valid_from"], dates["valid_to"]
    if start is not None and stop is not None and stop <= start:
        problems.append(f"Row {number}, valid_to: must be after valid_from.")
        return None
    return {"kind": kind, "source_key": text["source_key"], "target_key": text["target_key"], **dates}


def _check(integration: Integration, kind: str, source_key: str, target_key: str) -> None:
    if kind not in {k.value for k in MAPPED_KINDS}:
        raise ValidationError({"kind": f"{kind!r} is none of {', '.join(k.value for k in MAPPED_KINDS)}."})
    own = source_kind(integration, kind)
    source = ReferenceValue.objects.filter(connection_id=integration.source_id, kind=own, external_id=source_key)
    if not source.exists():
        raise ValidationError({"source_key": f"{integration.source} has no such {own.replace('_', ' ')}."})
    target = ReferenceValue.objects.filter(connection_id=integration.target_id, kind=kind, external_id=target_key)
    if not target.exists():
        raise ValidationError({"target_key": f"{integration.target} has no such {kind.replace('_', ' ')}."})
    if not target.filter(active=True).exists():
        raise ValidationError({"target_key": "This value is not active in the target. Choose an active one."})


def _values(connection_id: Any, kind: RefKind) -> list[Value]:
    rows = ReferenceValue.objects.filter(connection_id=connection_id, kind=kind, active=True).order_by("external_id")
    by_key = {
        key: Value(key=key, code=code, name=name) for key, code, name in rows.values_list("external_id", "code", "name")
    }
    return list(by_key.values())


def _source_keys(integration: Integration) -> set[tuple[str, str]]:
    own = {kind.value: source_kind(integration, kind) for kind in MAPPED_KINDS}
    rows = ReferenceValue.objects.filter(connection_id=integration.source_id, kind__in=own.values())
    known = set(rows.values_list("kind", "external_id"))
    return {(kind, key) for kind, of in own.items() for shown, key in known if shown == of}


def _target_keys(integration: Integration) -> set[tuple[str, str]]:
    rows = ReferenceValue.objects.filter(connection_id=integration.target_id, kind__in=MAPPED_KINDS, active=True)
    return set(rows.values_list("kind", "external_id"))


def _names(integration: Integration, source_kinds: Iterable[RefKind]) -> dict[tuple[Any, str, str], str]:
    rows = ReferenceValue.objects.filter(
        connection_id__in=[integration.source_id, integration.target_id], kind__in={*MAPPED_KINDS, *source_kinds}
    )
    return {
        (c, kind, key): name for c, kind, key, name in rows.values_list("connection_id", "kind", "external_id", "name")
    }


def _signature(now: datetime) -> dict[str, Any]:
    actor = current_actor()
    return {"confirmed_by": actor.label[:200], "confirmed_key": actor.identity[:220], "confirmed_at": now}


def _sign(mapping: Mapping, now: datetime) -> None:
    for name, value in _signature(now).items():
        setattr(mapping, name, value)


def _shown(mapping: Mapping) -> dict[str, Any]:
    return {
        "kind": mapping.kind,
        "source_value": mapping.source_key,
        "target_value": mapping.target_key,
        "valid_from": mapping.valid_from.isoformat(),
        "valid_to": mapping.valid_to.isoformat() if mapping.valid_to else None,
    }


def _labels(mappings: Sequence[Mapping]) -> dict[int, str]:
    """What to call each mapping, as staff know the values: "Department Paint Shop → Paint"."""
    keys = {key for mapping in mappings for key in (mapping.source_key, mapping.target_key)}
    ends = {end for m in mappings for end in (m.integration.source_id, m.integration.target_id)}
    integrations = {(m.integration_id, m.kind): m.integration for m in mappings}
    own = {place: source_kind(integration, place[1]) for place, integration in integrations.items()}
    kinds = {*(m.kind for m in mappings), *own.values()}
    rows = ReferenceValue.objects.filter(connection_id__in=ends, kind__in=kinds)
    values = rows.filter(external_id__in=keys).values_list("connection_id", "kind", "external_id", "name")
    names = {(end, kind, key): name for end, kind, key, name in values if name}

    def name(end: Any, kind: str, key: str) -> str:
        return names.get((end, kind, key), key)

    return {
        m.pk: f"{m.get_kind_display()} {name(m.integration.source_id, own[m.integration_id, m.kind], m.source_key)} → "
        f"{name(m.integration.target_id, m.kind, m.target_key)}"
        for m in mappings
    }


def _record_file(verb: str, integration: Integration, now: datetime, **detail: Any) -> None:
    entry = Entry(
        action=verb,
        subject_kind="integration",
        subject_id=str(integration.pk),
        subject_label=integration.name,
        detail=detail,
    )
    record([entry], at=now)


def _record(
    verb: str, mappings: Sequence[tuple[Mapping, dict[str, Any] | None]], now: datetime, *, removed: bool = False
) -> None:
    labels = _labels([mapping for mapping, _ in mappings])
    record(
        [
            Entry(
                action=verb,
                subject_kind="mapping",
                subject_id=str(mapping.pk),
                subject_label=labels[mapping.pk],
                before=before,
                after=None if removed else _shown(mapping),
            )
            for mapping, before in mappings
        ],
        at=now,
    )
