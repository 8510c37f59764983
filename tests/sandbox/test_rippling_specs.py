"""The simulator against the vendor's own API descriptions, where they are at hand."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from openapi_schema_validator import OAS30ReadValidator
from referencing import Registry
from referencing.jsonschema import DRAFT4

from sandbox.rippling import v1
from sandbox.rippling.activity import NAMES
from sandbox.rippling.filters import SORTABLE
from sandbox.rippling.resources import RESOURCES
from tests.sandbox.rippling_world import Rippling

Make = Callable[..., Rippling]

FOLDER = Path(__file__).parents[3] / "shared" / "specs" / "rippling"
V1_FILE, V2_FILE = FOLDER / "rippling-base-v1.openapi.2024-09.yaml", FOLDER / "rippling-rest-v2.openapi.2026-04.json"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the vendor's API descriptions are not beside the project")

UNDESCRIBED = {"worker-changes"}
"""Only in an edition of the description that nobody has kept (rippling §5.4)."""
SERVED = {name: resource for name, resource in RESOURCES.items() if resource.served and name not in UNDESCRIBED}
ALWAYS_EXPANDED = {"companies": "legal_entities", "sso-me": "company.legal_entities"}
EXPANSIONS = {**ALWAYS_EXPANDED, "legal-entities": "parent,company.legal_entities"}
"""``legal_entities`` is both required and expandable in the description, so only the expanded form can satisfy it."""


@functools.cache
def description(file: Path) -> dict[str, Any]:
    text = file.read_text()
    return dict(json.loads(text) if file.suffix == ".json" else yaml.safe_load(text))


@functools.cache
def registry(file: Path) -> Registry[Any]:
    empty: Registry[Any] = Registry()
    filled: Registry[Any] = empty.with_resource("urn:description", DRAFT4.create_resource(description(file)))
    return filled


def faults(file: Path, path: str, body: Any, method: str = "get") -> list[str]:
    """Where the body differs from the described 200 response."""
    at = f"/paths/{path.replace('/', '~1')}/{method}/responses/200/content/application~1json/schema"
    schema = {"$ref": f"urn:description#{at}"}
    errors = OAS30ReadValidator(schema, registry=registry(file)).iter_errors(body)
    return [f"{error.json_path}: {error.message}" for error in errors]


def operation(name: str) -> dict[str, Any]:
    found: dict[str, Any] = description(V2_FILE)["paths"][f"/{name}/"]["get"]
    return found


@pytest.mark.parametrize("name", SERVED)
def test_every_v2_list_answers_as_described(rippling: Make, name: str) -> None:
    company = rippling(size=30, terminated=3, pending=3, empty="absent", sensitive=True)
    expand = EXPANSIONS.get(name, ",".join(SERVED[name].expandable))

    bodies = [company.ok(f"/{name}/", expand=expand)]
    if name not in ALWAYS_EXPANDED:
        bodies.append(company.ok(f"/{name}/"))

    assert [faults(V2_FILE, f"/{name}/", body) for body in bodies] == [[]] * len(bodies)


@pytest.mark.parametrize("name", [name for name in SERVED if name != "sso-me"])
def test_no_v2_row_has_a_field_that_is_not_described(rippling: Make, name: str) -> None:
    company = rippling(size=3, terminated=1, sensitive=True)
    expand = EXPANSIONS.get(name, ",".join(SERVED[name].expandable))
    schemas = description(V2_FILE)["components"]["schemas"]
    content = operation(name)["responses"]["200"]["content"]["application/json"]["schema"]
    reference = str(part(content, "results")["items"]["$ref"])

    described = set(schemas[reference.rpartition("/")[2]]["properties"])

    assert {field for row in company.results(f"/{name}/", expand=expand) for field in row} <= described


def part(schema: dict[str, Any], name: str) -> dict[str, Any]:
    """The schema of a property, wherever in a composition it is declared."""
    for one in (schema, *schema.get("allOf", [])):
        if name in one.get("properties", {}):
            found: dict[str, Any] = one["properties"][name]
            return found
    raise KeyError(name)


@pytest.mark.parametrize("name", [name for name, resource in SERVED.items() if resource.readable_by_id])
def test_every_v2_row_answers_as_described(rippling: Make, name: str) -> None:
    company = rippling(size=30, empty="absent", redacted={name: {"created_by": "hidden"}})

    rows = company.results(f"/{name}/")

    assert rows
    for row in rows[:3]:
        assert faults(V2_FILE, f"/{name}/{{id}}/", company.ok(f"/{name}/{row['id']}/")) == []


@pytest.mark.parametrize("name", SERVED)
def test_what_a_v2_list_offers_is_what_the_description_offers(name: str) -> None:
    resource, described = SERVED[name], operation(name)

    assert list(resource.expandable) == described["x-rippling-expandable-fields"]
    assert list(resource.filterable) == described.get("x-rippling-filterable-fields", [])
    assert described["x-rippling-entitlements"] == [resource.tier.replace(" ", "_")]
    assert {"OAuth2Production": [f"{name}.read"]} in described["security"]
    assert (f"/{name}/{{id}}/" in description(V2_FILE)["paths"]) is resource.readable_by_id
    assert set(described["x-rippling-sortable-fields"]) in (SORTABLE, set())


@pytest.mark.parametrize("path", [*v1.EMPLOYEES, *v1.REFERENCE, "/me", "/companies/current"])
def test_every_v1_answer_is_as_described(rippling: Make, path: str) -> None:
    company = rippling(size=30, terminated=3, pending=3, empty="absent")

    body = company.ok(v1.PREFIX + path)

    assert body
    assert faults(V1_FILE, v1.PREFIX + path, body) == []


def test_one_v1_employee_and_the_installation_are_as_described(rippling: Make) -> None:
    company = rippling(size=3, empty="absent")
    one = company.ok(f"{v1.PREFIX}/employees/{company.worker(1002)['id']}")
    done = company.request("POST", f"{v1.PREFIX}/mark_app_installed").json()

    assert faults(V1_FILE, f"{v1.PREFIX}/employees/{{employeeId}}", one) == []
    assert faults(V1_FILE, f"{v1.PREFIX}/mark_app_installed", done, "post") == []


def test_the_activity_of_a_company_is_as_described(rippling: Make) -> None:
    company = rippling(size=3)
    company.change("transfer", worker=1003, department="Quality")
    company.change("terminate", worker=1002)
    company.change("activity", event_type="USER_LOGIN_SUCCESS", event_reason=None, initiator=None, subjects=[None])

    body = company.ok(f"{v1.PREFIX}/company_activity")

    assert len(body["data"]["events"]) == 4
    known = {*description(V1_FILE)["components"]["schemas"]["Event"]["properties"]["event_type"]["enum"]}
    assert {*NAMES} - known <= {"EXTERNAL_GROUP_MEMBER_ADD"}
    for event in body["data"]["events"]:
        del event["event_type"]
    assert faults(V1_FILE, f"{v1.PREFIX}/company_activity", body) == []


def test_a_wrong_type_would_be_noticed(rippling: Make) -> None:
    company = rippling(size=2, empty="absent")
    body = company.ok("/workers/", expand="user")
    body["results"][0]["number"] = "1001"
    body["results"][1]["user"]["name"]["given_name"] = None
    employees = company.ok(f"{v1.PREFIX}/employees")
    employees[0]["employmentType"] = "FULL_TIME"

    v2_faults = faults(V2_FILE, "/workers/", body)
    assert {fault.partition(":")[0] for fault in v2_faults} == {
        "$.results[0].number",
        "$.results[1].user.name.given_name",
    }
    assert len(faults(V1_FILE, f"{v1.PREFIX}/employees", employees)) == 1
