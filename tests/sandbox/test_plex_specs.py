"""The connect profile against the machine description of the real API, where it is at hand."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest

from sandbox.plex import PlexSimulator
from tests.sandbox.plex_world import WELDER, Plex, complaint

SUBSET = Path(__file__).resolve().parents[2].parent / "shared" / "specs" / "plex" / "plex_connect_subset_hr_gl.json"
pytestmark = pytest.mark.skipif(not SUBSET.exists(), reason="../shared/specs/plex is not at hand")
PREFIXES = ("/mdm/", "/accounting/")
TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "number": (int, float),
    "integer": int,
    "any": object,
}
FORMS = {
    "uuid": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "date-time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z",
}


def operations() -> dict[tuple[str, str], dict[str, Any]]:
    return {(op["method"], op["path"]): op for op in json.loads(SUBSET.read_text())}


def served() -> set[tuple[str, str]]:
    """Everything but journals: their bodies are no flat texts, and their lists start empty."""
    return {
        (route.method, route.resource.canonical)
        for route in PlexSimulator().app.router.routes()
        if route.resource is not None
        and route.method != "HEAD"
        and route.resource.canonical.startswith(PREFIXES)
        and "journal-entries" not in route.resource.canonical
    }


def mismatches(shown: Any, described: Any, where: str = "") -> list[str]:
    """Where an answer's field tree is not the described one; null stands for any leaf."""
    if isinstance(described, list):
        if not isinstance(shown, list):
            return [f"{where}: not an array"]
        return [fault for item in shown for fault in mismatches(item, described[0], f"{where}[]")]
    if described == {}:
        return [] if isinstance(shown, dict) else [f"{where}: not an object"]
    if isinstance(described, dict):
        if not isinstance(shown, dict) or list(shown) != list(described):
            return [f"{where}: fields {shown if not isinstance(shown, dict) else list(shown)}"]
        return [fault for name in described for fault in mismatches(shown[name], described[name], f"{where}.{name}")]
    kind, _, form = described.partition(":")
    if shown is None:
        return []
    fits = isinstance(shown, TYPES[kind]) and (form not in FORMS or re.fullmatch(FORMS[form], str(shown)))
    return [] if fits else [f"{where}: {shown!r} is no {described}"]


def test_every_path_and_method_served_exists_in_plex() -> None:
    assert served()
    assert served() <= operations().keys()


def test_every_read_answers_the_described_field_tree() -> None:
    plex, described = Plex(employees=3), operations()
    checked = 0
    for method, path in sorted(served()):
        if method != "GET":
            continue
        asked = path
        if "{id}" in path:
            asked = path.replace("{id}", plex.connect("GET", path.removesuffix("/{id}")).json()[0]["id"])
        answer = plex.connect("GET", asked)
        assert answer.status_code == 200, asked
        assert answer.json(), asked
        assert mismatches(answer.json(), described[method, path]["responses"]["200"], path) == []
        checked += 1
    assert checked == 10


def test_every_described_filter_of_a_list_is_honoured() -> None:
    plex, described = Plex(employees=3), operations()
    absent = {"active": "false", "periodDisplayBegin": "12-2030", "periodDisplayEnd": "01-2001"}
    for method, path in sorted(served()):
        if method != "GET" or "{id}" in path or path.endswith("trial-balance"):
            continue
        everything = plex.connect("GET", path).json()
        for name in described[method, path]["query"]:
            value = absent.get(name, str(uuid.uuid4()))
            assert len(plex.connect("GET", f"{path}?{name}={value}").json()) < len(everything), f"{path}?{name}"


def test_every_write_takes_exactly_the_described_names() -> None:
    plex, described = Plex(employees=1), operations()
    employee = plex.connect("GET", "/mdm/v1/employees").json()[0]["id"]
    account = plex.connect("GET", "/mdm/v1/chart-of-accounts").json()[0]["id"]
    known = {name for op in described.values() for name in (op.get("request") or {}) if isinstance(name, str)}
    written = [(m, p) for m, p in sorted(served()) if m != "GET"]
    assert len(written) == 9
    for method, path in written:
        op = described[method, path]
        if not op.get("request"):
            continue
        target = path.replace("{id}", account if "chart" in path else employee)
        # No value is of the right type, so that nothing is written and every known name is complained about.
        body = dict.fromkeys(known | set(op["request"]), 1)
        said = complaint(plex.connect(method, target, json=body))[2]
        expected = {name for name in body if f"'{name}' must be a string" in said}
        refused = {name for name in body if f"'{name}' is not expected" in said}
        assert expected == set(op["request"]), (method, path)
        assert refused == set(body) - expected
        missing = complaint(plex.connect(method, target, json={}))[2]
        assert set(re.findall(r"'(\w+)' is required", missing)) == set(op["required"]), (method, path)


def test_writes_answer_the_described_status_and_field_tree() -> None:
    plex, described = Plex(plants=[{}, {}]), operations()
    people, accounts = "/mdm/v1/employees", "/mdm/v1/chart-of-accounts"
    created = plex.connect("POST", people, json=WELDER)
    opened = plex.connect("POST", accounts, json={"accountNumber": "1-2-3", "name": "n", "categoryType": "Asset"})
    person, account = f"{people}/{created.json()['id']}", f"{accounts}/{opened.json()['id']}"
    rest = {name: value for name, value in WELDER.items() if name != "userId"}
    same = {"id": opened.json()["id"], "name": "m", "categoryType": "Asset"}
    answers = {
        ("POST", people): created,
        ("POST", accounts): opened,
        ("PUT", f"{people}/{{id}}"): plex.connect("PUT", person, json=rest),
        ("PUT", f"{accounts}/{{id}}"): plex.connect("PUT", account, json=same),
        ("POST", f"{people}/{{id}}/deactivate"): plex.connect(
            "POST", f"{person}/deactivate", json={"status": "Retired"}
        ),
        ("POST", f"{people}/{{id}}/activate"): plex.connect("POST", f"{person}/activate", json={"status": "Active"}),
        ("POST", f"{people}/{{id}}/transfer"): plex.connect(
            "POST", f"{person}/transfer", json={"tenantId": plex.plants[1]["tenant_id"]}
        ),
        ("POST", f"{accounts}/{{id}}/deactivate"): plex.connect("POST", f"{account}/deactivate"),
        ("POST", f"{accounts}/{{id}}/activate"): plex.connect("POST", f"{account}/activate"),
    }
    assert answers.keys() == {(m, p) for m, p in served() if m != "GET"}
    for operation, answer in answers.items():
        trees = described[operation]["responses"]
        assert str(answer.status_code) in trees, operation
        tree = trees[str(answer.status_code)]
        if tree is None:
            assert answer.content == b""
        else:
            assert mismatches(answer.json(), tree) == []
    refusal = plex.connect("POST", people, json={}).json()
    assert mismatches(refusal, described["POST", people]["responses"]["400"]) == []
