"""A program that uses the API: real requests through the whole of the web application."""

from __future__ import annotations

import json
import warnings
from typing import Any

from django.test import Client

ROOT = "/api/v1/"


class Answer:
    """Status, headers and decoded body of one answer."""

    def __init__(self, response: Any) -> None:
        self.status: int = response.status_code
        self.headers = response.headers
        self.content: bytes = b"".join(response.streaming_content) if response.streaming else response.content
        self.type: str = response.headers.get("Content-Type", "")
        self.body: Any = (
            json.loads(self.content) if self.content and "json" in self.type and "jsonl" not in self.type else None
        )

    def __repr__(self) -> str:
        return f"{self.status} {self.content[:2000].decode(errors='replace')}"

    def ok(self, status: int = 200) -> Any:
        """The body of an answer that has to be this status."""
        assert self.status == status, self
        return self.body

    def problem(self, status: int) -> Any:
        """The problem document of an answer that has to be a refusal of this status."""
        assert (self.status, self.type) == (status, "application/problem+json"), self
        assert self.body["status"] == status
        assert self.body["correlation_id"] == self.headers["X-Correlation-Id"]
        return self.body

    def errors(self, status: int = 400) -> dict[str, str]:
        """Field → message of a refusal."""
        return {error["field"]: error["message"] for error in self.problem(status)["errors"]}


class Caller:
    """One key. Addresses are relative to ``/api/v1/``."""

    def __init__(self, key: str = "") -> None:
        self._client = Client(headers={"Authorization": f"Api-Key {key}"} if key else {})
        with warnings.catch_warnings():
            # Static files are collected for a deployment only.
            warnings.filterwarnings("ignore", message="No directory at")
            self._client.handler.load_middleware()

    def __call__(self, method: str, address: str, body: Any = None, **headers: str) -> Answer:
        """Send it; ``body`` as JSON unless it is bytes."""
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        kind = named.pop("Content-Type", "application/json")
        if not address.startswith(("/", "http")):
            address = ROOT + address
        return Answer(self._client.generic(method, address, content, content_type=kind, headers=named))

    def forgive(self) -> None:
        """Take a defect of ours as a caller gets it, instead of as a failed test."""
        self._client.raise_request_exception = False

    def get(self, address: str, **headers: str) -> Answer:
        return self("GET", address, **headers)

    def post(self, address: str, body: Any = None, **headers: str) -> Answer:
        return self("POST", address, body, **headers)

    def patch(self, address: str, body: Any = None, **headers: str) -> Answer:
        return self("PATCH", address, body, **headers)

    def put(self, address: str, body: Any = None, **headers: str) -> Answer:
        return self("PUT", address, body, **headers)

    def delete(self, address: str, **headers: str) -> Answer:
        return self("DELETE", address, **headers)

    def all(self, address: str) -> list[Any]:
        """Every row of a list, page by page."""
        rows, following = [], address
        while following:
            page = self.get(following).ok()
            rows += page["results"]
            following = (page["next"] or "").removeprefix("http://testserver")
        return rows
