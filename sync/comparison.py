"""Both sides beside each other: reference values that do not agree, heads that do not count alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from connectors.records import RefKind
from sync.mappings import mapped_kinds, source_kind
from sync.models import BlockedRecord, Integration, Link, Mapping, PendingChange, ReferenceValue, Run, TargetEmployee


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One value that needs a look. ``side`` is source or target; ``what`` is missing, inactive or renamed."""

    kind: str
    side: str
    what: str
    key: str
    name: str
    sentence: str


Values = dict[tuple[str, str], ReferenceValue]
"""Reference values of one side, by the kind they are mapped as and their key."""


def reference_differences(integration: Integration, kinds: Sequence[RefKind] | None = None) -> list[Difference]:
    """In both directions: source values that mean nothing on the target, mapped target values that are inactive or
    gone, target values nothing maps to, and what was renamed since it was mapped. Every kind the integration maps
    unless ``kinds`` are named. Constant number of queries."""
    kinds = mapped_kinds(integration) if kinds is None else kinds
    mapped = {
        (m.kind, m.source_key): m.target_key
        for m in Mapping.objects.filter(integration=integration, kind__in=kinds, state=Mapping.State.CONFIRMED)
    }
    used = {(kind, target) for (kind, _), target in mapped.items()}
    sources = _values(integration.source_id, {kind: source_kind(integration, kind) for kind in kinds})
    return [
        *_source_differences(integration, sources, mapped),
        *_target_differences(integration, _values(integration.target_id, {kind: kind for kind in kinds}), used),
    ]


def _values(connection_id: UUID, shown_as: dict[RefKind, RefKind]) -> Values:
    """A connection's values; ``shown_as`` names the connection's own kind for each that is mapped."""
    found: Values = {}
    for value in ReferenceValue.objects.filter(connection_id=connection_id, kind__in=set(shown_as.values())):
        for kind in (kind for kind, own in shown_as.items() if own == value.kind):
            known = found.get((kind, value.external_id))
            if known is None or value.active:
                found[(kind, value.external_id)] = value
    return found


def _source_differences(
    integration: Integration, values: Values, mapped: dict[tuple[str, str], str]
) -> list[Difference]:
    found = []
    for key, value in sorted(values.items(), key=lambda item: item[0]):
        kind, label = key[0], key[0].replace("_", " ")
        if value.active and key not in mapped:
            sentence = f"{value} has no {label} in {integration.target}."
            found.append(_difference(kind, value, "source", "missing", sentence))
        elif not value.active and key in mapped:
            sentence = f"{integration.source} no longer has {value.kind.replace('_', ' ')} {value}, but it is mapped."
            found.append(_difference(kind, value, "source", "inactive", sentence))
        if value.previous_name and key in mapped:
            sentence = f"{value.previous_name} is now called {value.name}."
            found.append(_difference(kind, value, "source", "renamed", sentence))
    return found


def _target_differences(integration: Integration, values: Values, used: set[tuple[str, str]]) -> list[Difference]:
    found = []
    for key in sorted(used - values.keys()):
        found.append(
            Difference(
                kind=key[0],
                side="target",
                what="missing",
                key=key[1],
                name=key[1],
                sentence=f"{key[1]} is mapped to, but {integration.target} does not have it.",
            )
        )
    for key, value in sorted(values.items(), key=lambda item: item[0]):
        if key in used and not value.active:
            sentence = f"{value} is mapped to, but not active in {integration.target}."
            found.append(_difference(key[0], value, "target", "inactive", sentence))
        elif key not in used and value.active:
            sentence = f"Nothing in {integration.source} is mapped to {value}."
            found.append(_difference(key[0], value, "target", "missing", sentence))
        if key in used and value.previous_name:
            sentence = f"{value.previous_name} is now called {value.name}."
            found.append(_difference(key[0], value, "target", "renamed", sentence))
    return found


def _difference(kind: str, value: ReferenceValue, side: str, what: str, sentence: str) -> Difference:
    return Difference(kind=kind, side=side, what=what, key=value.external_id, name=value.name, sentence=sentence)


class Headcount(msgspec.Struct, frozen=True, kw_only=True):
    """Active people of both sides, and what explains a difference. None where nobody has counted yet."""

    source: int | None
    target: int
    linked: int
    blocked: int
    queued: int
    only_on_target: int

    @property
    def agrees(self) -> bool:
        """True when both sides show the same number and every one of them is linked."""
        return self.source is not None and self.source == self.linked and self.only_on_target == 0


def headcount(integration: Integration) -> Headcount:
    """As of the last complete read of the source and the target's directory. Constant number of queries."""
    return headcounts([integration.pk])[integration.pk]


def headcounts(integration_ids: Sequence[UUID]) -> dict[UUID, Headcount]:
    """``headcount`` of many integrations, in one query."""
    of_this = {"integration": OuterRef("pk")}
    counted = (
        Run.objects.filter(flow__integration=OuterRef("pk"), headcount__isnull=False)
        .exclude(state__in=[Run.State.HELD, Run.State.FAILED])
        .order_by("-pk")
    )
    directory = TargetEmployee.objects.filter(connection=OuterRef("target"), active=True)
    links = Link.objects.filter(active=True)
    ours = links.filter(integration=OuterRef(OuterRef("pk")), target_id=OuterRef("target_id"))
    rows = Integration.objects.filter(pk__in=integration_ids).annotate(
        source_heads=Subquery(counted.values("headcount")[:1]),
        target_heads=_number(directory, "connection"),
        linked_heads=_number(links.filter(**of_this), "integration"),
        blocked_heads=_number(
            BlockedRecord.objects.filter(**of_this), "integration", Count("source_id", distinct=True)
        ),
        queued_heads=_number(PendingChange.objects.filter(**of_this), "integration"),
        only_on_target=_number(directory.exclude(Exists(ours)), "connection"),
    )
    return {
        row.pk: Headcount(
            source=row.source_heads,
            target=row.target_heads,
            linked=row.linked_heads,
            blocked=row.blocked_heads,
            queued=row.queued_heads,
            only_on_target=row.only_on_target,
        )
        for row in rows
    }


def _number(rows: QuerySet[Any], by: str, what: Count | None = None) -> Coalesce:
    """How many of the outer row's rows there are, 0 for none."""
    counted = rows.order_by().values(by).annotate(number=what or Count("pk")).values("number")
    return Coalesce(Subquery(counted), 0)
