"""Every request of the connect profile held against the published description of the API, where it is present."""

from __future__ import annotations

import functools
import json
import re
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.conftest import SPECS

DESCRIPTION = SPECS / "plex" / "plex_connect_openapi.yaml"
OPERATIONS = SPECS / "plex" / "plex_connect_subset_hr_gl.json"
PREFIXES = (
    "/mdm/v1/employees",
    "/mdm/v1/tenants",
    "/mdm/v1/chart",
    "/mdm/v1/buildings",
    "/accounting/v1/trial",
    "/accounting/v1/fiscal",
    "/accounting/v1/general-ledger-activity",
    "/accounting/v2/journal-entries",
    "/platform/custom-fields",
    "/platform/identity-mappings",
)
BY_NAME = frozenset({"customFields", "recordIdentifiers"})
"""Objects whose names are the customer's own, or those of the tables."""


def check_requests(requests: list[dict[str, Any]]) -> None:
    """Fails for the first request the description does not allow; checks nothing where there is no description."""
    if DESCRIPTION.is_file():
        for request in requests:
            check_request(request)


def check_request(request: dict[str, Any]) -> None:
    """Method, path and parameter types by the OpenAPI document; names and required values by the field lists,
    because the document itself forbids no property."""
    from openapi_core.testing import MockRequest

    _openapi().validate_request(
        MockRequest(
            "https://connect.plex.com",
            request["method"].lower(),
            request["path"],
            args=request["query"],
            headers=request["headers"],
            data=request["body"].encode() or None,
            content_type=request["headers"].get("content-type", ""),
        )
    )
    operation = next(
        operation
        for operation in _operations()
        if operation["method"] == request["method"] and operation["pattern"].fullmatch(request["path"])
    )
    unknown = {name for name, _ in request["query"]} - set(operation["query"])
    assert not unknown, f"{request['path']}: query parameters {unknown} are not described"
    if request["body"]:
        given: dict[str, bool] = {}
        for name, has_value in _names(json.loads(request["body"]), operation.get("request", {}), request["path"]):
            given[name] = given.get(name, True) and has_value
        assert set(operation["required"]) <= {name for name, always in given.items() if always}, request["path"]


def _names(body: dict[str, Any], described: dict[str, Any], path: str) -> Iterator[tuple[str, bool]]:
    """Every name in the body and in its rows, and whether it has a value there. The field lists name what is required
    of header and rows in one breath."""
    assert set(body) <= set(described), f"{path}: {set(body)}"
    for name, value in body.items():
        yield name, bool(value)
        if isinstance(value, list) and name not in BY_NAME and isinstance(described[name][0], dict):
            of_any = {inner for row in value for inner in row}
            for row in value:
                yield from _names(row, described[name][0], path)
                yield from ((inner, False) for inner in of_any - set(row))


@functools.cache
def _operations() -> list[dict[str, Any]]:
    operations: list[dict[str, Any]] = json.loads(OPERATIONS.read_text())
    for operation in operations:
        operation["pattern"] = re.compile(re.sub(r"\{\w+\}", "[^/]+", operation["path"]))
    return operations


@functools.cache
def _openapi() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from openapi_core import OpenAPI

        whole = yaml.load(DESCRIPTION.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        paths = {path: item for path, item in whole["paths"].items() if path.startswith(PREFIXES)}
        # By way of JSON: YAML reads the examples' dates as dates.
        text = json.dumps(paths, default=str)
        schemas: dict[str, str] = {}
        wanted = _references(text)
        while missing := wanted - schemas.keys():
            for name in missing:
                schemas[name] = json.dumps(whole["components"]["schemas"][name], default=str)
                wanted |= _references(schemas[name])
        document = {
            **{name: whole[name] for name in ("openapi", "info", "servers")},
            "paths": json.loads(text),
            "components": {"schemas": {name: json.loads(schema) for name, schema in schemas.items()}},
        }
        return OpenAPI.from_dict(document)


def _references(text: str) -> set[str]:
    return set(re.findall(r"#/components/schemas/(\w+)", text))


needs_specification = pytest.mark.skipif(not DESCRIPTION.is_file(), reason="the vendor's description is not here")
