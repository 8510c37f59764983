"""The guard itself: a request the vendor does not describe is noticed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.connectors.plex.specification import check_request, needs_specification

pytestmark = needs_specification

HIRE = {
    "userId": "zoe",
    "firstName": "Zoë",
    "lastName": "O'Neil",
    "status": "Active",
    "position": "Welder",
    "department": "Welding",
}


def request(method: str, path: str, body: object = None, query: list[list[str]] | None = None) -> dict[str, Any]:
    headers = {"content-type": "application/json"} if body else {}
    text = json.dumps(body) if body else ""
    return {"method": method, "path": path, "query": query or [], "headers": headers, "body": text}


def test_described_requests_pass() -> None:
    check_request(request("POST", "/mdm/v1/employees", HIRE))
    check_request(request("GET", "/mdm/v1/employees", query=[["id", "7b0f0000-0000-0000-0000-000000000000"]]))


@pytest.mark.parametrize(
    "wrong",
    [
        request("POST", "/mdm/v1/employees", HIRE | {"payRate": "1"}),
        request("POST", "/mdm/v1/employees", HIRE | {"department": ""}),
        request("POST", "/mdm/v1/employees", HIRE | {"department": 7}),
        request("GET", "/mdm/v1/employees", query=[["updatedAfter", "2026"]]),
        request("DELETE", "/mdm/v1/employees"),
        request("GET", "/mdm/v1/departments"),
    ],
    ids=["property", "required", "type", "parameter", "method", "path"],
)
def test_requests_that_are_not_described_fail(wrong: dict[str, Any]) -> None:
    with pytest.raises(Exception):  # noqa: B017
        check_request(wrong)
