"""How Plex says no: an HTTP status and a body ``{"code","message","errors"}`` (plex §2.7)."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from aiohttp import web

VALIDATION_FAILED = "REQUEST_VALIDATION_FAILED"


class Refusal(Exception):
    """Raised anywhere below a handler; becomes the answer."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        errors: Iterable[str] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.errors = list(errors)
        self.headers = headers or {}

    def response(self) -> web.Response:
        body: dict[str, object] = {"code": self.code, "message": self.message}
        if self.status == 400:
            body["errors"] = [{"code": self.code, "message": error} for error in self.errors or [self.message]]
        return web.Response(
            status=self.status,
            body=msgspec.json.encode(body),
            headers=self.headers,
            content_type="application/json",
        )


def not_authenticated() -> Refusal:
    """One answer for a bad or expired credential, an unsubscribed product and a foreign tenant (plex §2.7)."""
    return Refusal(401, "REQUEST_NOT_AUTHENTICATED", "The request could not be authenticated.")


def not_found() -> Refusal:
    return Refusal(404, "RESOURCE_NOT_FOUND", "The resource was not found or there is no data to return.")


def forbidden() -> Refusal:
    return Refusal(403, "REQUEST_NOT_AUTHORIZED", "The user is not permitted to perform this request.")


def malformed(message: str) -> Refusal:
    return Refusal(400, "REQUEST_MALFORMED", message)


def bad_argument(name: str, wanted: str) -> Refusal:
    return Refusal(400, "ARGUMENT_INVALID", f"The value of '{name}' is not {wanted}.")


def processing_error() -> Refusal:
    return Refusal(500, "REQUEST_PROCESSING_ERROR", "An error occurred while processing the request.")


def invalid(*errors: str, status: int = 400) -> Refusal:
    return Refusal(status, VALIDATION_FAILED, "The request failed validation.", errors)
