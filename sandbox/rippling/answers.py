"""JSON answers and refusals, the same on both hosts."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from aiohttp import web


class Refusal(Exception):
    """The request is answered with this status and ``{"detail": …}``. Source: rippling §9."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail

    def response(self) -> web.Response:
        body = json.dumps({"detail": self.detail})
        return web.Response(status=self.status, text=body, content_type="application/json")


def encoded(body: Any) -> bytes:
    return msgspec.json.encode(body)


def answer(body: Any) -> web.Response:
    return answer_bytes(body if isinstance(body, bytes) else encoded(body))


def answer_bytes(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json", charset="utf-8")


def whole_number(request: web.Request, name: str, default: int | None, least: int, most: int | None) -> int | None:
    """A query parameter that is a number in these bounds; ``default`` where it is left out."""
    text = request.query.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or int(text) < least or (most is not None and int(text) > most):
        raise Refusal(400, f"{name} must be a whole number from {least}" + ("" if most is None else f" to {most}"))
    return int(text)
