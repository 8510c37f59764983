"""The OpenAPI document as the API serves it, and its operations with real ids in their addresses."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from tests.api.caller import ROOT, Caller


@cache
def document() -> Any:
    """The document, as anybody can fetch it."""
    return Caller()("GET", "schema/?format=json").ok()


def operations() -> Iterator[tuple[str, str, str]]:
    """(operation id, method, address with its parameters in braces) of every operation."""
    for address, methods in document()["paths"].items():
        for method, operation in methods.items():
            yield operation["operationId"], method.upper(), address


def resource_of(address: str) -> str:
    """connections of /api/v1/connections/{id}/."""
    return address.removeprefix(ROOT).split("/")[0]


def filled(address: str, identity: Any) -> str:
    """The address of one object."""
    return address.replace("{id}", str(identity)).replace("{prefix}", str(identity)).replace("{seq}", str(identity))
