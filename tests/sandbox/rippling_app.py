"""The partner's side of the App Shop: an app that exchanges codes, and a place that receives webhooks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from tests.sandbox.rippling_world import Json, Rippling

TOKEN = "/api/o/token/"


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


class Partner:
    """The app of one company; its client id, secret and address as they are registered."""

    def __init__(self, company: Rippling) -> None:
        self.company = company
        self.app: dict[str, str] = company.made["app"]
        self.client = (self.app["client_id"], self.app["client_secret"])

    def authorize(self, **query: str) -> httpx.Response:
        asked = {"client_id": self.app["client_id"], "redirect_uri": self.app["redirect_uri"], "state": "s1"} | query
        path = f"/apps/PLATFORM/{self.app['name']}/authorize"
        return httpx.get(self.company.address + path, params=asked)

    def code(self) -> str:
        return str(self.company.change("install")["code"])

    def post(self, form: dict[str, str], path: str = TOKEN, **request: Any) -> httpx.Response:
        asked: dict[str, Any] = {"data": form, "auth": self.client, "timeout": 30} | request
        return httpx.post(self.company.address + path, **asked)

    def exchange(self, code: str, **form: str) -> httpx.Response:
        grant = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.app["redirect_uri"]}
        return self.post(grant | form)

    def refresh(self, token: str) -> httpx.Response:
        return self.post({"grant_type": "refresh_token", "refresh_token": token})

    def tokens(self) -> Json:
        """The answer to the exchange of a new code."""
        answer = self.exchange(self.code())
        assert answer.status_code == 200, answer.text
        given: Json = answer.json()
        return given

    def status(self, access: str, path: str = "/workers/") -> int:
        return self.company.request("GET", path, {"Authorization": f"Bearer {access}"}).status_code

    def seen(self) -> Json:
        seen: Json = self.company.snapshot()["app"]
        return seen


@dataclass
class Receiver:
    """What arrived, in the order in which it came; ``answers`` are given first, then 200 for ever."""

    url: str
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    @property
    def forms(self) -> list[dict[str, str]]:
        return [dict(parse_qsl(body.decode(), strict_parsing=True)) for body in self.bodies]

    @property
    def events(self) -> list[tuple[str, str | None]]:
        return [(form["event_name"], form.get("id")) for form in self.forms]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on loopback until the block ends."""
    receiver = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            receiver.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            receiver.headers.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
            self.send_header("Content-Length", "0")
            self.send_header("Location", "/elsewhere/")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_port}/hooks/rippling/"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield receiver
        finally:
            server.shutdown()
