"""Pure rules of mapping: which target value a source value means on a date, and which pairs look alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import msgspec
from rapidfuzz import fuzz, process, utils

from connectors.records import RefKind

SUGGESTION_FLOOR = 70
"""Below this likeness (0–100) a suggestion would only be noise."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One confirmed mapping. ``valid_to`` is exclusive; None is open-ended."""

    kind: RefKind
    source_key: str
    target_key: str
    valid_from: date
    valid_to: date | None = None

    def holds_on(self, day: date) -> bool:
        """True when the rule is in force on that local day."""
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


class MappingTable:
    """Confirmed mappings as of one day, and what the target has to map to."""

    def __init__(self, rules: Iterable[Rule], day: date, target_values: Mapping[tuple[RefKind, str], frozenset[str]]):
        """``target_values``: (kind, key) → companies in which the value is active, "" standing for all of them;
        an empty set is a value that exists but is not active anywhere."""
        self._targets: dict[tuple[RefKind, str], str] = {}
        started: dict[tuple[RefKind, str], date] = {}
        for rule in rules:
            key = (rule.kind, rule.source_key)
            # Where two rules overlap, the one that started later is the newer decision.
            if rule.holds_on(day) and rule.valid_from >= started.get(key, date.min):
                self._targets[key] = rule.target_key
                started[key] = rule.valid_from
        self.kinds = frozenset(kind for kind, _ in self._targets)
        self._values = target_values

    def target_of(self, kind: RefKind, source_key: str) -> str | None:
        """The target value in force, None when the source value is not mapped."""
        return self._targets.get((kind, source_key))

    def is_usable(self, kind: RefKind, target_key: str, company: str | None) -> bool:
        """True when the target has this value, active, in that company (None: in any)."""
        companies = self._values.get((kind, target_key))
        if not companies:
            return False
        return company is None or "" in companies or company in companies


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """A reference value as far as likeness goes."""

    key: str
    code: str
    name: str


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """A pair that looks alike. ``score`` is 0–100; ``reason`` says by what, in words for staff."""

    source_key: str
    target_key: str
    score: int
    reason: str


def suggest(sources: Sequence[Value], targets: Sequence[Value]) -> list[Suggestion]:
    """At most one suggestion per source value: an equal code first, then an equal name, then the likest name."""
    by_code = {_fold(t.code): t for t in targets if t.code}
    by_name = {_fold(t.name): t for t in targets}
    by_key = {_fold(t.key): t for t in targets}
    names = {t.key: utils.default_process(t.name) for t in targets}
    found = []
    for source in sources:
        if source.code and (target := by_code.get(_fold(source.code)) or by_key.get(_fold(source.code))):
            found.append(_suggestion(source, target, 100, "same code"))
        elif target := by_name.get(_fold(source.name)) or by_key.get(_fold(source.name)):
            found.append(_suggestion(source, target, 95, "same name"))
        elif best := process.extractOne(
            utils.default_process(source.name), names, scorer=fuzz.token_set_ratio, score_cutoff=SUGGESTION_FLOOR
        ):
            _, score, key = best
            found.append(
                Suggestion(source_key=source.key, target_key=key, score=min(int(score), 90), reason="similar name")
            )
    return found


def _suggestion(source: Value, target: Value, score: int, reason: str) -> Suggestion:
    return Suggestion(source_key=source.key, target_key=target.key, score=score, reason=reason)


def _fold(text: str) -> str:
    return " ".join(text.casefold().split())
