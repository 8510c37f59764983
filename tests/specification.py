"""Every request our connectors send in any test, held against the vendors' published descriptions where present.

Rippling is only read: method, path and the names of query parameters are what can be wrong. Plex and Dynamics have
checks of their own, ``specification.py`` beside the tests of their connectors.
"""

from __future__ import annotations

import functools
import json
import re
from typing import Any

import yaml

from tests.conftest import SPECS
from tests.connectors.customers import Customer
from tests.connectors.dynamics.specification import check_requests as check_dynamics
from tests.connectors.plex.specification import check_requests as check_plex

V2 = SPECS / "rippling" / "rippling-rest-v2.openapi.2026-04.json"
V1 = SPECS / "rippling" / "rippling-base-v1.openapi.2024-09.yaml"
V1_PAYROLL = SPECS / "rippling" / "RipplingOpenAPI.v1.2021-07.yaml"
"""Payroll has gone from the later description of v1. Source: rippling §8.2."""

UNDESCRIBED = {"limit", "cursor", "order_by"}
"""Known from the vendor's guides and not from its machine descriptions."""
FROM_THE_PRODUCT_DOCUMENTS = {"updated_at"}
"""Sent to v1 as the product documents say; the API ignores it."""

TOKEN_PATH = "/api/o/token/"
"""Described in words alone, and held to them by the simulator."""
WITHOUT_A_DESCRIPTION = re.compile(
    r"/payroll-runs/([^/]+/(worker-payroll-records/)?)?|/report-files/[^/]+/|/worker-changes/"
)
"""Payroll and the feed of changes of v2 are in no machine description, and where a report's file lies is the vendor's
own link."""


def check_customer(customer: Customer) -> None:
    """Fails for the first request to this simulated company that the vendor's description does not allow."""
    if "directory_id" in customer.connect:
        check_dynamics(customer.requests())
        return
    shapes: dict[tuple[Any, ...], dict[str, Any]] = {}
    for request in customer.requests():
        names = tuple(sorted({name for name, _ in request["query"]}))
        body = tuple(sorted(json.loads(request["body"]))) if request["body"].startswith("{") else ()
        path = re.sub(r"/[0-9a-f]{8,}[0-9a-f-]*", "/{id}", request["path"])
        shapes.setdefault((request["method"], path, names, body), request)
    plex = [r for r in shapes.values() if r["path"].startswith(("/mdm/", "/accounting/"))]
    check_plex(plex)
    if "client_id" not in customer.connect and V2.is_file() and V1.is_file():
        for request in shapes.values():
            check_rippling(request)


def check_rippling(request: dict[str, Any]) -> None:
    """Method, path and parameter names are described, or named above with their reason."""
    path = request["path"]
    if path == TOKEN_PATH:
        return
    if path.startswith("/platform/api"):
        operations = _operations(V1_PAYROLL if "/payroll_runs" in path else V1)
        path = path.removeprefix("/platform/api") if "/payroll_runs" in path else path
    else:
        operations, path = _operations(V2), path if path.endswith("/") else f"{path}/"
        if request["method"] == "GET" and WITHOUT_A_DESCRIPTION.fullmatch(path):
            return
    found = [names for pattern, names in operations.get(request["method"], []) if pattern.fullmatch(path)]
    assert found, f"{request['method']} {request['path']} is not described"
    unknown = {name for name, _ in request["query"]} - set().union(*found) - UNDESCRIBED - FROM_THE_PRODUCT_DOCUMENTS
    assert not unknown, f"{request['path']}: query parameters {unknown} are not described"


@functools.cache
def _operations(description: Any) -> dict[str, list[tuple[re.Pattern[str], set[str]]]]:
    text = description.read_text()
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document = json.loads(text) if description.suffix == ".json" else yaml.load(text, Loader=loader)
    found: dict[str, list[tuple[re.Pattern[str], set[str]]]] = {}
    for path, item in document["paths"].items():
        pattern = re.compile(re.sub(r"\\\{[^}]+\\\}", "[^/]+", re.escape(path)))
        for method, operation in item.items():
            if method in ("get", "post", "put", "patch", "delete"):
                found.setdefault(method.upper(), []).append((pattern, _names(document, operation)))
    return found


def _names(document: dict[str, Any], operation: dict[str, Any]) -> set[str]:
    names = set()
    for parameter in operation.get("parameters", []):
        if "$ref" in parameter:
            parameter = functools.reduce(lambda node, key: node[key], parameter["$ref"][2:].split("/"), document)
        names.add(parameter["name"])
    return names
