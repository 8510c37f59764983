"""A real HTTP server in a thread that answers by a script and remembers what it was asked."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Answer:
    """What to send. ``length`` may promise more than ``body`` has; ``cut`` closes without any answer;
    ``wait`` holds the answer back until the server stops."""

    status: int = 200
    body: bytes | Any = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    cut: bool = False
    wait: bool = False
    chunked: bool = False

    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


Script = Callable[[Asked], Answer]


class ScriptedServer:
    """``answers`` are used up first, then ``script`` decides."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answers: list[Answer] = []
        self.script: Script = lambda asked: Answer()
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.httpd = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.httpd.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.httpd.server_port}"

    def reply(self, *answers: Answer) -> None:
        self.answers.extend(answers)

    def _answer(self, asked: Asked) -> Answer:
        with self.lock:
            self.asked.append(asked)
            if self.answers:
                return self.answers.pop(0)
        return self.script(asked)

    def _handler(server) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = server._answer(Asked(self.command, self.path, headers, body))
                if answer.wait:
                    server.stopping.wait()
                if answer.cut or answer.wait:
                    self._close()
                    return
                content = answer.content()
                self.send_response(answer.status)
                for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                    self.send_header(name, value)
                if answer.chunked:
                    self.send_header("Transfer-Encoding", "chunked")
                    self.end_headers()
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))
                    self._close()
                    return
                self.send_header("Content-Length", str(len(content) if answer.length is None else answer.length))
                self.end_headers()
                self.wfile.write(content)
                if answer.length is not None:
                    self._close()

            def _close(self) -> None:
                self.wfile.flush()
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


@contextmanager
def scripted_server() -> Iterator[ScriptedServer]:
    """A running server; stopped and joined afterwards."""
    server = ScriptedServer()
    thread = threading.Thread(target=server.httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.stopping.set()
        server.httpd.shutdown()
        server.httpd.server_close()
        thread.join()
