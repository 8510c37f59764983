"""Journals, activity and custom fields against the machine description of the real API, where it is at hand."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from sandbox.plex import PlexSimulator
from tests.sandbox.plex_journals import ACTIVITY, CONNECT, WAGES, account_id, payroll
from tests.sandbox.plex_world import Plex, complaint
from tests.sandbox.test_plex_specs import SUBSET, mismatches, operations

pytestmark = pytest.mark.skipif(not SUBSET.exists(), reason="../shared/specs/plex is not at hand")
FIELDS = "/platform/custom-fields/v1"
IDENTITIES = "/platform/identity-mappings/v1"


def served() -> set[tuple[str, str]]:
    return {
        (route.method, route.resource.canonical)
        for route in PlexSimulator().app.router.routes()
        if route.resource is not None
        and route.method != "HEAD"
        and re.search("journal-entries|/platform/", route.resource.canonical)
    }


def every_answer() -> dict[tuple[str, str], httpx.Response]:
    plex = Plex(journal_custom_field={"object": "GLJournal", "field": "Reference", "unique": True})
    created = plex.connect("POST", CONNECT, json=payroll(note="n"))
    url = f"{CONNECT}/{created.json()['id']}"
    named = {"standardObjectName": "GLJournal"}
    keys = plex.connect("POST", f"{IDENTITIES}/ids-to-keys", json=named | {"ids": [created.json()["id"]]})
    key = {"Journal_Link": keys.json()["recordIdentifiers"][0]["Journal_Link"]}
    saving = named | {"recordIdentifiers": key, "customFields": {"Reference": "x"}}
    return {
        ("POST", CONNECT): created,
        ("PUT", f"{CONNECT}/{{id}}"): plex.connect("PUT", url, json={"note": "m"}),
        ("GET", CONNECT): plex.connect("GET", CONNECT),
        ("GET", f"{CONNECT}/{{id}}"): plex.connect("GET", url),
        ("GET", ACTIVITY): plex.connect("GET", f"{ACTIVITY}?accountId={account_id(plex, WAGES)}"),
        ("GET", f"{FIELDS}/standard-objects"): plex.connect("GET", f"{FIELDS}/standard-objects"),
        ("GET", f"{FIELDS}/field-definitions"): plex.connect("GET", f"{FIELDS}/field-definitions"),
        ("POST", f"{FIELDS}/field-values/save"): plex.connect("POST", f"{FIELDS}/field-values/save", json=saving),
        ("POST", f"{FIELDS}/field-values/search"): plex.connect("POST", f"{FIELDS}/field-values/search", json=named),
        ("POST", f"{IDENTITIES}/ids-to-keys"): keys,
        ("POST", f"{IDENTITIES}/keys-to-ids"): plex.connect(
            "POST", f"{IDENTITIES}/keys-to-ids", json=named | {"recordIdentifiers": [key]}
        ),
    }


def test_every_operation_exists_in_plex_and_answers_the_described_field_tree() -> None:
    described, answers = operations(), every_answer()
    assert answers.keys() == served()
    assert served() <= described.keys()
    for operation, answer in answers.items():
        trees = described[operation]["responses"]
        assert str(answer.status_code) in trees, operation
        tree = trees[str(answer.status_code)]
        if tree is None:
            assert answer.content == b"", operation
        else:
            assert answer.json(), operation
            assert mismatches(answer.json(), tree) == [], operation


def names_refused(answer: httpx.Response, place: str) -> set[str]:
    """The names a refusal calls unexpected."""
    return set(re.findall(rf"'{re.escape(place)}(\w+)' is not expected", complaint(answer)[2]))


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_journal_takes_exactly_the_described_names(method: str) -> None:
    plex, described = Plex(), operations()
    path = CONNECT if method == "POST" else f"{CONNECT}/{{id}}"
    op = described[method, path]
    (line,) = op["request"]["lines"]
    known = {name for one in described.values() for name in _names(one.get("request"))} | {"journalNumber"}
    url = path.replace("{id}", plex.connect("POST", CONNECT, json=payroll()).json()["id"])
    # No text is of the right form, so that nothing is written.
    body: dict[str, Any] = dict.fromkeys(known | set(op["request"]), 1)

    header = plex.connect(method, url, json=body)
    lines = plex.connect(method, url, json=payroll(lines=[body]))

    assert names_refused(header, "") == body.keys() - op["request"].keys()
    assert names_refused(lines, "lines[0].") == body.keys() - line.keys()
    # The description repeats what a line requires on the header.
    assert set(re.findall(r"'(\w+)' is required", complaint(header)[2])) == set(op["required"]) - {"accountNo"}
    if method == "POST":
        missing = plex.connect("POST", CONNECT, json=payroll(lines=[{}]))
        assert set(re.findall(r"'lines\[0\]\.(\w+)' is required", complaint(missing)[2])) == {
            "accountNo",
            "description",
        }


def _names(described: Any) -> set[str]:
    if isinstance(described, list):
        return {name for one in described for name in _names(one)}
    if isinstance(described, dict):
        return described.keys() | {name for one in described.values() for name in _names(one)}
    return set()
