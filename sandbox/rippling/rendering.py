"""Rows as v2 writes them: references expanded, redacted fields taken out and named. Source: rippling §5.1, §6."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.rippling.company import NO_ENTITLEMENT, RipplingCompany
from sandbox.rippling.filters import RefusedQuery
from sandbox.rippling.people import compensation, custom_values, sensitive
from sandbox.rippling.resources import RESOURCES, TIER_2, Reference
from sandbox.rippling.table import Row

Tree = dict[str, Any]
"""Field to expand → the tree to expand within it."""

MAX_DEPTH, MAX_FIELDS = 2, 10


def parse_expand(text: str, resource: str) -> Tree:
    """Raises RefusedQuery for a field that is not expandable, a third level, or more than ten fields."""
    paths = [part.strip() for part in text.split(",") if part.strip()]
    if len(paths) > MAX_FIELDS:
        raise RefusedQuery(f"Invalid expand: at most {MAX_FIELDS} fields can be expanded")
    tree: Tree = {}
    for path in paths:
        names = path.split(".")
        if len(names) > MAX_DEPTH:
            raise RefusedQuery(f"Invalid expand: '{path}' is deeper than {MAX_DEPTH} levels")
        branch, of = tree, resource
        for name in names:
            if name not in RESOURCES[of].expandable:
                raise RefusedQuery(f"Invalid expand: field '{name}' is not expandable")
            branch, of = branch.setdefault(name, {}), RESOURCES[of].expandable[name].resource
    return tree


@dataclass
class Rendering:
    """The rows of one answer, and the redactions met while writing them (name → reason)."""

    company: RipplingCompany
    tree: Tree
    redacted: dict[str, str] = field(default_factory=dict)

    def list_row(self, resource: str, row: Row) -> Row:
        met = {**self.company.redacted.get(resource, {})}
        written = self._row(resource, row, self.tree, "", met)
        self.redacted |= met
        if self.company.behaviour.redaction_in != "list":
            written["__meta"] = meta(met)
        return written

    def single(self, resource: str, row: Row) -> Row:
        met: dict[str, str] = {}
        written = self._row(resource, row, self.tree, "", met)
        return {"__meta": meta(met), **written}

    def bare(self, resource: str, row: Row) -> Row:
        """A single object of the kind that has no ``__meta``."""
        return self._row(resource, row, self.tree, "", {})

    def list_meta(self) -> Row:
        return meta(self.redacted if self.company.behaviour.redaction_in != "rows" else {})

    def _row(self, resource: str, row: Row, tree: Tree, path: str, met: dict[str, str]) -> Row:
        company = self.company
        written = dict(row)
        if resource == "workers":
            written.pop("custom_fields", None)
            if company.behaviour.sensitive:
                written |= sensitive(row)
        for name, below in tree.items():
            self._expand(resource, row, written, name, below, path, met)
        hidden = {**company.redacted.get(resource, {}), **company.redacted_rows.get(row["id"], {})}
        for name, reason in hidden.items():
            met[path + name] = reason
            self._take_out(written, name)
            if name.endswith("_id"):
                written.pop(name.removesuffix("_id"), None)
        return written

    def _expand(
        self, resource: str, row: Row, written: Row, name: str, below: Tree, path: str, met: dict[str, str]
    ) -> None:
        behaviour = self.company.behaviour
        target = RESOURCES[resource].expandable[name]
        if name == "custom_fields":
            if "workers.custom-fields.read" in behaviour.scopes:
                written[name] = custom_values(row)
                return
        elif name != "compensation" or ("compensations.read" in behaviour.scopes and TIER_2 in behaviour.entitlements):
            written[name] = self._target(target, row, name, below, f"{path}{name}.", met)
            return
        met[path + name] = NO_ENTITLEMENT
        self._take_out(written, name)

    def _target(self, target: Reference, row: Row, name: str, below: Tree, path: str, met: dict[str, str]) -> Any:
        if target.resource == "compensations":
            return self._row(target.resource, compensation(row), below, path, met)
        table = self.company.tables.get(target.resource)
        if target.many:
            found = [] if table is None else [table.get(row_id) for row_id in row.get(f"{name}_id") or ()]
            return [self._row(target.resource, one, below, path, met) for one in found if one is not None]
        one = None if table is None else table.get(row.get(f"{name}_id"))
        return None if one is None else self._row(target.resource, one, below, path, met)

    def _take_out(self, written: Row, name: str) -> None:
        if self.company.behaviour.redaction_style == "null":
            written[name] = None
        else:
            written.pop(name, None)


def meta(redacted: dict[str, str]) -> Row:
    return {"redacted_fields": [{"name": name, "reason": reason} for name, reason in redacted.items()]}
