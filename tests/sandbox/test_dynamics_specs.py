"""Our answers against the entity facts of the real release, where they are at hand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.dynamics.model import ENTITIES, ENUMS
from tests.conftest import SPECS
from tests.sandbox.dynamics_world import Dynamics

FACTS = SPECS / "dynamics" / "entity-facts.json"
pytestmark = pytest.mark.skipif(not FACTS.exists(), reason="../shared/specs/dynamics is not at hand")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def facts() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(FACTS.read_text())
    return loaded


def faults(described: dict[str, Any], enums: dict[str, list[str]], row: dict[str, Any]) -> Iterator[str]:
    """Where a row is not as described: a property too many or too few, a value of another type."""
    names = row.keys() - {"@odata.etag", "@odata.context"}
    yield from (f"{name} is not a property" for name in names - described["fields"].keys())
    yield from (f"{name} is missing" for name in described["fields"].keys() - names)
    for name, kind in described["fields"].items():
        value = row[name]
        if kind.startswith("enum:"):
            fits = value in enums[kind.removeprefix("enum:")]
        elif kind.startswith(("number", "integer")):
            fits = isinstance(value, int | float) and not isinstance(value, bool)
        else:
            fits = isinstance(value, str)
        if not fits:
            yield f"{name}: {value!r} is no {kind}"


def test_entity_sets_keys_and_properties_are_the_real_ones() -> None:
    known = facts()["entities"]
    ours = ENTITIES.keys() & known.keys()
    assert len(ours) == 24
    for name in ours:
        entity, described = ENTITIES[name], known[name]
        assert entity.type_name == described["type"]
        assert list(entity.keys) == described["keys"]
        assert set(entity.kinds) == set(described["fields"])
        for field, kind in described["fields"].items():
            assert kind.startswith("enum:") is (entity.kinds[field] in ENUMS), (name, field)
    for name, members in facts()["enums"].items():
        assert ENUMS.get(name, members) == members


def test_every_row_is_of_the_described_types() -> None:
    known, dynamics = facts(), Dynamics(workers=2, vendors=[{"VendorOrganizationName": "A"}])
    dynamics.line(dynamics.header(), "601500-022", debit="12.50")
    dynamics.change("change_account", account="601500", company="usmf", fields={"IsSuspended": "No"})
    seen = 0
    for name in sorted(ENTITIES.keys() & known["entities"].keys() - {"DimensionSets"}):
        rows = dynamics.rows(f"{name}?$top=3&cross-company=true")
        assert rows, name
        for row in rows:
            assert list(faults(known["entities"][name], known["enums"], row)) == [], name
            assert not [k for k, v in row.items() if k.endswith("Date") and v and not MOMENT.fullmatch(str(v))], name
        seen += 1
    assert seen == 23


def test_what_creations_answer_is_of_the_described_types() -> None:
    known, dynamics = facts(), Dynamics()
    header = dynamics.post("LedgerJournalHeaders", JournalName="PAYJRN").json()
    line = dynamics.line(header["JournalBatchNumber"], "601500", debit="12.50").json()
    vendor = {"VendorOrganizationName": "A", "VendorGroupId": "40"}
    answers = {
        "LedgerJournalHeaders": header,
        "LedgerJournalLines": line,
        "VendorsV2": dynamics.post("VendorsV2", **vendor).json(),
        "VendorsV3": dynamics.post("VendorsV3", **vendor).json(),
    }
    for name, row in answers.items():
        assert list(faults(known["entities"][name], known["enums"], row)) == [], name
