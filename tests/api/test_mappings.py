"""Mappings by the API: one, many, none when one is wrong, and as a file."""

from __future__ import annotations

from typing import Any

import pytest

from audit.models import AuditEntry
from tenants.scope import tenant_scope
from tests.api.caller import Caller
from tests.api.company import Company, found
from tests.cast import Cast


@pytest.fixture
def acme(cast: Cast) -> Company:
    acme = found(cast.acme)
    acme.add(4)
    return acme


def entry(acme: Company, source: str, target: str, **more: Any) -> dict[str, Any]:
    return {
        "integration": str(acme.integration.pk),
        "kind": "department",
        "source_key": source,
        "target_key": target,
        **more,
    }


def test_a_mapping_from_a_date_on_ends_the_one_before(acme: Company, pat: Caller) -> None:
    pat.post("mappings/", entry(acme, "D0", "D1", valid_from="2025-01-01")).ok(201)
    later = pat.post("mappings/", entry(acme, "D0", "D2", valid_from="2026-07-01")).ok(201)
    rows = pat.all(f"mappings/?integration={acme.integration.pk}&source_key=D0")
    assert [(row["valid_from"], row["valid_to"], row["target_key"]) for row in rows] == [
        ("2020-01-01", "2025-01-01", "D0"),
        ("2025-01-01", "2026-07-01", "D1"),
        ("2026-07-01", None, "D2"),
    ]
    changed = pat.patch(f"mappings/{later['id']}/", {"target_key": "D3", "valid_to": "2027-01-01"}).ok()
    assert (changed["id"], changed["target_key"], changed["valid_to"]) == (later["id"], "D3", "2027-01-01")
    pat.delete(f"mappings/{later['id']}/").ok(204)
    pat.get(f"mappings/{later['id']}/").problem(404)


def test_a_mapping_to_what_is_not_there_is_refused_by_field(acme: Company, pat: Caller) -> None:
    assert set(pat.post("mappings/", entry(acme, "D0", "nowhere")).errors()) == {"target_key"}
    assert set(pat.post("mappings/", entry(acme, "nowhere", "D0")).errors()) == {"source_key"}
    assert set(pat.post("mappings/", entry(acme, "D0", "D0", kind="account")).errors()) == {"kind"}
    wrong = entry(acme, "D0", "D0", valid_from="2026-02-30", valid_to="soon")
    assert set(pat.post("mappings/", wrong).errors()) == {"valid_from", "valid_to"}
    backwards = entry(acme, "D0", "D0", valid_from="2026-02-01", valid_to="2026-01-01")
    pat.post("mappings/", backwards).problem(400)


def test_many_are_saved_all_or_none_and_each_mistake_has_its_place(acme: Company, cast: Cast, pat: Caller) -> None:
    before = pat.all("mappings/")
    some = [entry(acme, "D0", "D3"), entry(acme, "D1", "nowhere"), entry(acme, "D2", "D2", colour="red")]
    assert set(pat.post("mappings/bulk/", {"mappings": some}).errors()) == {"mappings.2.colour"}
    del some[2]["colour"]
    assert set(pat.post("mappings/bulk/", {"mappings": some}).errors()) == {"mappings.1.target_key"}
    assert pat.all("mappings/") == before
    some[1]["target_key"] = "D2"
    saved = pat.post("mappings/bulk/", {"mappings": some}).ok()["results"]
    assert [(row["source_key"], row["target_key"], row["state"]) for row in saved] == [
        ("D0", "D3", "confirmed"),
        ("D1", "D2", "confirmed"),
        ("D2", "D2", "confirmed"),
    ]
    assert set(pat.post("mappings/bulk/", {"mappings": []}).errors()) == {"mappings"}


def test_suggestions_are_confirmed_all_or_none(acme: Company, pat: Caller) -> None:
    suggested = pat.all("mappings/?state=suggested")
    ids = [row["id"] for row in suggested]
    assert set(pat.post("mappings/confirm/", {"mappings": [*ids, 2**40]}).errors()) == {f"mappings.{len(ids)}"}
    assert pat.all("mappings/?state=suggested") == suggested
    assert pat.post("mappings/confirm/", {"mappings": ids}).ok() == {"confirmed": len(ids)}
    assert pat.post("mappings/confirm/", {"mappings": ids}).ok() == {"confirmed": 0}
    assert pat.all("mappings/?state=suggested") == []


def test_a_file_goes_out_and_comes_back(acme: Company, cast: Cast, pat: Caller) -> None:
    address = f"?integration={acme.integration.pk}"
    exported = pat.get(f"mappings/export/{address}")
    assert exported.status == 200
    assert exported.type.startswith("text/csv")
    assert exported.content.splitlines()[0].startswith(b"kind,source_key")
    for mapping in pat.all("mappings/"):
        pat.delete(f"mappings/{mapping['id']}/").ok(204)
    imported = pat("POST", f"mappings/import/{address}", exported.content, Content_Type="text/csv; charset=utf-8")
    assert imported.ok() == {"imported": 4}
    assert {(row["source_key"], row["target_key"], row["state"]) for row in pat.all("mappings/")} == {
        (f"D{n}", f"D{n}", "confirmed") for n in range(4)
    }
    with tenant_scope(cast.acme.id):
        assert AuditEntry.objects.filter(action="mapping.exported", actor_kind="api_key").count() == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "column kind"),
        (b"kind,source_key,target_key\n", "no rows"),
        (b"kind,source_key,target_key\ndepartment,D0,D1\ndepartment,D1,nowhere\n", "Row 3, target_key"),
        (b"kind,source_key,target_key\ndepartment,D0,\xff\n", "UTF-8"),
        (b"kind,source_key,target_key\ndepartment,D0,\x00\n", "NUL"),
        (b'kind,source_key,target_key\ndepartment,"' + b"x" * 200_000 + b'",D1\n', "cannot be read"),
        (b"kind,source_key,target_key\rdepartment,D0,nowhere\r", "Row 2, target_key"),
    ],
)
def test_a_file_with_a_mistake_changes_nothing_and_names_it(
    content: bytes, words: str, acme: Company, pat: Caller
) -> None:
    before = pat.all("mappings/")
    address = f"mappings/import/?integration={acme.integration.pk}"
    refused = pat("POST", address, content, Content_Type="text/csv").problem(400)
    assert words in str([refused["detail"], refused["errors"]])
    assert pat.all("mappings/") == before
    pat.post(address, {"rows": []}).problem(415)
