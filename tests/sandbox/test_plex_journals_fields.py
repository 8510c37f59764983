"""The custom field an administrator added to the journal entry, and the integer keys it is found by."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest

from tests.sandbox.plex_journals import post
from tests.sandbox.plex_world import Plex, complaint

FIELDS = "/platform/custom-fields/v1"
VALUES = f"{FIELDS}/field-values"
IDENTITIES = "/platform/identity-mappings/v1"
OPTION = {"object": "GLJournal", "field": "External_Reference", "unique": True}


def link(plex: Plex, journal: dict[str, Any]) -> int:
    """The integer key of a journal."""
    body = {"standardObjectName": "GLJournal", "ids": [journal["id"].upper()]}
    (record,) = plex.connect("POST", f"{IDENTITIES}/ids-to-keys", json=body).json()["recordIdentifiers"]
    key: int = record["Journal_Link"]
    return key


def save(plex: Plex, key: object, value: object, **fields: Any) -> httpx.Response:
    body = {
        "standardObjectName": "GLJournal",
        "recordIdentifiers": {"Journal_Link": key},
        "customFields": {"external_reference": value},
    }
    return plex.connect("POST", f"{VALUES}/save", json=body | fields)


def search(plex: Plex, operation: str, operand: object = None, **fields: Any) -> list[Any]:
    filters = [{"fieldName": "External_Reference", "operation": operation, "operand": operand}]
    body = {"standardObjectName": "GLJournal", "fieldValueSearchFilters": filters} | fields
    answer = plex.connect("POST", f"{VALUES}/search", json=body)
    assert answer.status_code == 200, answer.text
    return [one["customFields"]["External_Reference"] for one in answer.json()]


def test_the_journal_and_its_field_are_found_by_looking_around() -> None:
    plex = Plex(journal_custom_field=OPTION | {"object": "GL_Header"})

    objects = plex.connect("GET", f"{FIELDS}/standard-objects").json()

    assert [(one["standardObjectName"], one["tableName"]) for one in objects] == [
        ("GL_Header", "GL_Journal"),
        ("GLJournalDist", "GL_Journal_Dist"),
    ]
    assert objects[0]["recordIdentifiers"] == {
        "keyCount": 1,
        "keys": [{"IdentityName": "Journal_Link", "IdentityType": "BIGINT"}],
    }
    (field,) = plex.connect("GET", f"{FIELDS}/field-definitions?standardObjectName=GL_Header").json()
    assert (field["fieldName"], field["constraints"]) == ("External_Reference", '{"unique":true}')
    assert plex.connect("GET", f"{FIELDS}/field-definitions?fieldName=Other").json() == []
    assert Plex().connect("GET", f"{FIELDS}/field-definitions").json() == []


def test_ids_become_keys_and_keys_ids() -> None:
    plex = Plex()
    journal = post(plex)
    key = link(plex, journal)

    body = {"standardObjectName": "GLJournal", "recordIdentifiers": [{"Journal_Link": key}, {"Journal_Link": 5}]}
    answer = plex.connect("POST", f"{IDENTITIES}/keys-to-ids", json=body)

    assert key != journal["journalNumber"]
    assert answer.json() == {
        "standardObject": {"name": "GLJournal", "keys": ["Journal_Link"]},
        "recordIdentifiers": [{"Id": journal["id"], "Journal_Link": key}],
    }
    unknown = {"standardObjectName": "GLJournal", "ids": [str(uuid.uuid4())]}
    assert plex.connect("POST", f"{IDENTITIES}/ids-to-keys", json=unknown).json()["recordIdentifiers"] == []
    for wrong in ({"ids": ["me"]}, {"standardObjectName": "Moon"}, {"ids": "x"}):
        assert plex.connect("POST", f"{IDENTITIES}/ids-to-keys", json=unknown | wrong).status_code == 400


def test_a_saved_reference_is_found_again_by_every_operation() -> None:
    plex = Plex(journal_custom_field=OPTION)
    keys = [link(plex, post(plex)) for _ in range(3)]

    for key, value in zip(keys, ("acme:1", "acme:2", None), strict=True):
        saved = save(plex, key, value)
        assert (saved.status_code, saved.content) == (200, b"")

    assert search(plex, "=", "acme:2") == ["acme:2"]
    assert search(plex, "StartsWith", "acme:") == search(plex, "startsWith", "acme") == ["acme:1", "acme:2"]
    assert search(plex, ">", "acme:1") == search(plex, ">=", "acme:2") == ["acme:2"]
    assert search(plex, "<", "acme:2") == search(plex, "<=", "acme:1") == ["acme:1"]
    assert search(plex, "IsNull") == [None]
    assert search(plex, "=", "acme") == []
    named = plex.connect(
        "POST",
        f"{VALUES}/search",
        json={"standardObjectName": "GLJournal", "recordIdentifiers": [{"Journal_Link": keys[0]}]},
    )
    assert named.json() == [
        {
            "standardObjectName": "GLJournal",
            "recordIdentifiers": {"Journal_Link": keys[0]},
            "customFields": {"External_Reference": "acme:1"},
        }
    ]
    assert plex.snapshot()["writes"]["custom_fields"] == 3


def test_a_unique_value_belongs_to_one_journal() -> None:
    plex = Plex(journal_custom_field=OPTION)
    first, second = link(plex, post(plex)), link(plex, post(plex))
    save(plex, first, "acme:1")

    again = save(plex, second, "acme:1")

    assert complaint(again)[:2] == (400, "REQUEST_VALIDATION_FAILED")
    assert "must be unique" in complaint(again)[2]
    assert save(plex, first, "acme:1").status_code == 200
    assert search(plex, "=", "acme:1") == ["acme:1"]
    plex.change("delete_journal", journalNumber=1)
    assert save(plex, second, "acme:1").status_code == 200
    plex.change("set_options", journal_custom_field=OPTION | {"unique": False})
    assert save(plex, link(plex, post(plex)), "acme:1").status_code == 200
    assert search(plex, "=", "acme:1") == ["acme:1", "acme:1"]


@pytest.mark.parametrize(
    "fields",
    [
        {"standardObjectName": "Moon"},
        {"standardObjectName": None},
        {"customFields": {"Other": "x"}},
        {"customFields": {"External_Reference": 5}},
        {"customFields": None},
        {"recordIdentifiers": {"Journal_Link": 1}},
        {"recordIdentifiers": {"Journal_Link": "1"}},
        {"recordIdentifiers": {"id": 1}},
        {"recordIdentifiers": [{"Journal_Link": 1}]},
    ],
)
def test_what_cannot_be_saved_is_refused(fields: dict[str, Any]) -> None:
    plex = Plex(journal_custom_field=OPTION)
    key = link(plex, post(plex))
    assert complaint(save(plex, key, "x", **fields))[:2] == (400, "REQUEST_VALIDATION_FAILED")
    assert search(plex, "IsNull") == [None]


def test_without_a_field_nothing_can_be_saved_in_it() -> None:
    plex = Plex()
    key = link(plex, post(plex))
    assert "is not a custom field" in complaint(save(plex, key, "x"))[2]


@pytest.mark.parametrize(
    "filters",
    [
        [{"fieldName": "External_Reference", "operation": "like", "operand": "x"}],
        [{"fieldName": "Other", "operation": "=", "operand": "x"}],
        [{"fieldName": "External_Reference", "operation": "=", "operand": 5}],
        ["External_Reference=x"],
    ],
)
def test_a_search_that_makes_no_sense_is_refused(filters: list[Any]) -> None:
    plex = Plex(journal_custom_field=OPTION)
    body = {"standardObjectName": "GLJournal", "fieldValueSearchFilters": filters}
    assert complaint(plex.connect("POST", f"{VALUES}/search", json=body))[:2] == (400, "REQUEST_VALIDATION_FAILED")


def test_plants_do_not_see_each_others_references() -> None:
    plex = Plex(plants=[{}, {}], journal_custom_field=OPTION)
    key = link(plex, post(plex))
    save(plex, key, "acme:1")
    other = plex.plants[1]["pcn"]
    body = {"standardObjectName": "GLJournal", "recordIdentifiers": [{"Journal_Link": key}]}
    assert plex.connect("POST", f"{VALUES}/search", pcn=other, json=body).json() == []
    assert plex.connect("POST", f"{IDENTITIES}/keys-to-ids", pcn=other, json=body).json()["recordIdentifiers"] == []


def test_custom_fields_are_a_product_of_their_own() -> None:
    plex = Plex(products=["Journal_Entry", "Identity_Mapping"], journal_custom_field=OPTION)
    assert save(plex, link(plex, post(plex)), "x").status_code == 401
    plex.change("set_options", products=None, forbidden=["Custom_Field"])
    assert plex.connect("GET", f"{FIELDS}/standard-objects").status_code == 403
    plex.change("set_options", forbidden=[], role_missing=["Custom_Field"])
    assert plex.connect("GET", f"{FIELDS}/standard-objects").json() == []
