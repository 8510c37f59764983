"""JSON answers and refusals, the same on both hosts."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from aiohttp import web

from sandbox.rippling.company import Blank


class Refusal(Exception):
    """The request is answered with this status and ``{"detail": …}``. Source: rippling §9."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers

    def response(self) -> web.Response:
        body = json.dumps({"detail": self.detail})
        return web.Response(status=self.status, text=body, headers=self.headers, content_type="application/json")


def encoded(body: Any, empty: Blank) -> bytes:
    """The body as JSON, with fields without a value written as null or left out."""
    return msgspec.json.encode(body if empty == "null" else _without_nulls(body))


def answer(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json", charset="utf-8")


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(one) for name, one in value.items() if one is not None}
    return [_without_nulls(one) for one in value] if isinstance(value, list) else value


def whole_number(request: web.Request, name: str, default: int | None, least: int, most: int | None) -> int | None:
    """A query parameter that is a number in these bounds; ``default`` where it is left out."""
    text = request.query.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or int(text) < least or (most is not None and int(text) > most):
        raise Refusal(400, f"{name} must be a whole number from {least}" + ("" if most is None else f" to {most}"))
    return int(text)
