"""A Plex simulator in the background and one company on it, spoken to over HTTP."""

from __future__ import annotations

import asyncio
import functools
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from sandbox.core import serve
from sandbox.plex import PlexSimulator

WELDER = {
    "userId": "j.doe",
    "firstName": "Jo",
    "lastName": "Doe",
    "status": "Active",
    "position": "Welder",
    "department": "Welding",
}


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.instant = datetime(2026, 6, 15, 12, 0, 0, 123456, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.instant

    def passes(self, seconds: float) -> None:
        self.instant += timedelta(seconds=seconds)


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    return loop


def start(now: Callable[[], datetime] | None = None) -> str:
    """A simulator of its own; returns its base URL."""
    simulator = PlexSimulator(now) if now else PlexSimulator()
    return asyncio.run_coroutine_threadsafe(serve({"plex": simulator.app}, {}), _loop()).result()["plex"]


@functools.cache
def shared_server() -> str:
    return start()


class Plex:
    """One company; ``connect`` and ``documents`` speak for its integration user."""

    def __init__(self, *, base: str | None = None, **options: Any) -> None:
        self.base = base or shared_server()
        made = httpx.post(f"{self.base}/_control/companies", json=options)
        assert made.status_code == 201, made.text
        self.made: dict[str, Any] = made.json()
        self.plants: list[dict[str, Any]] = self.made["plants"]
        self._token: str | None = None

    def connect(self, method: str, path: str, *, pcn: int | None = None, **request: Any) -> httpx.Response:
        headers = {"X-Plex-Connect-Api-Key": self.made["api_key"]} | request.pop("headers", {})
        return self._send(method, path, pcn, headers, request)

    def documents(self, method: str, path: str, *, pcn: int | None = None, **request: Any) -> httpx.Response:
        if self._token is None:
            self._token = self.token().json()["access_token"]
        headers = {"Authorization": f"Bearer {self._token}"} | request.pop("headers", {})
        return self._send(method, path, pcn, headers, request)

    def _send(
        self, method: str, path: str, pcn: int | None, headers: dict[str, str], request: dict[str, Any]
    ) -> httpx.Response:
        if pcn is not None:
            headers["X-Plex-Connect-Customer-Id"] = str(pcn)
        return httpx.request(method, f"{self.base}{path}", headers=headers, **request)

    def token(self, **form: str) -> httpx.Response:
        client = {"client_id": self.made["client_id"], "client_secret": self.made["client_secret"]}
        return httpx.post(f"{self.base}/oauth2/token", data={"grant_type": "client_credentials", **client, **form})

    def hire(self, **fields: Any) -> dict[str, Any]:
        """A welder created over the connect profile, with whatever is said differently."""
        created = self.connect("POST", "/mdm/v1/employees", json=WELDER | {"userId": f"u-{uuid.uuid4()}"} | fields)
        assert created.status_code == 201, created.text
        employee: dict[str, Any] = created.json()
        return employee

    def change(self, action: str, **arguments: Any) -> dict[str, Any]:
        changed = httpx.post(f"{self.base}/_control/companies/{self.made['key']}/changes/{action}", json=arguments)
        assert changed.status_code == 200, changed.text
        result: dict[str, Any] = changed.json()
        return result

    def snapshot(self, query: str = "") -> dict[str, Any]:
        shown: dict[str, Any] = httpx.get(f"{self.base}/_control/companies/{self.made['key']}{query}").json()
        return shown


def complaint(answer: httpx.Response) -> tuple[int, str, str]:
    """(status, code, everything said) of a refusal in Plex's form."""
    body = answer.json()
    said = " ".join([body["message"], *[error["message"] for error in body.get("errors", [])]])
    return answer.status_code, body["code"], said
