"""A program of the customer's, which notices are sent to."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from audit.context import acting_as
from sync.models import AlertHook
from sync.notices.configuring import create_hook
from tests.sync.notices.company import Company


@dataclass
class Receiver:
    """A program that was given the secret once, and believes nothing that is not signed with it. One that ``drips``
    takes a header every tenth of a second for its answer, and never comes to the end of it."""

    url: str = ""
    drips: bool = False
    over: threading.Event = field(default_factory=threading.Event)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def believed(self, secret: str) -> list[dict[str, Any]]:
        """What arrived, each checked as the documentation says."""
        found = []
        for headers, body in self.got:
            stamp, mac = (part.split("=", 1)[1] for part in headers["mlc-signature"].split(","))
            wanted = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
            if hmac.compare_digest(mac, wanted):
                found.append({**json.loads(body), "id": headers["mlc-delivery"]})
        return found


@contextmanager
def receiving() -> Iterator[Receiver]:
    """The program, on a free port of this machine."""
    program = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            program.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(program.status)
            for name, value in program.headers.items():
                self.send_header(name, value)
            while program.drips and not program.over.wait(0.1):
                self.send_header("X-Drop", "drop")
                self.flush_headers()
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    program.url = f"http://127.0.0.1:{server.server_port}/alerts?key=program-key"
    yield program
    program.over.set()
    server.shutdown()
    thread.join()
    server.server_close()


def add(company: Company, receiver: Receiver, kinds: list[str] | None = None) -> tuple[AlertHook, str]:
    """This program is told of the company's notices; the address and its secret."""
    with company.scope(), acting_as("user", "Ada"):
        return create_hook("Pager", receiver.url, kinds or [], now=company.now)
