"""A Dynamics simulator in the background and one environment on it, spoken to over HTTP."""

from __future__ import annotations

import asyncio
import functools
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import httpx
import msgspec

from sandbox.core import serve
from sandbox.dynamics import DynamicsSimulator
from tests.sandbox.plex_world import Clock

LINES = "LedgerJournalLines"
HEADERS = "LedgerJournalHeaders"
NAMESPACE = "Microsoft.Dynamics.DataEntities"
Operation = tuple[str, str, Mapping[str, Any] | None]
"""Method, address below ``/data/``, body."""


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    return loop


def start(now: Callable[[], datetime]) -> str:
    """A simulator of its own; returns its base URL."""
    simulator = DynamicsSimulator(now)
    return asyncio.run_coroutine_threadsafe(serve({"dynamics": simulator.app}, {}), _loop()).result()["dynamics"]


@functools.cache
def shared_server() -> str:
    """Where it is noon of 15 June 2026 for ever."""
    return start(Clock())


class Dynamics:
    """One environment, spoken to as its registered application."""

    def __init__(self, *, base: str | None = None, **options: Any) -> None:
        self.base = base or shared_server()
        made = httpx.post(f"{self.base}/_control/companies", json=options)
        assert made.status_code == 201, made.text
        self.made: dict[str, Any] = made.json()
        self._token: str | None = None

    def token(self, directory: str | None = None, **form: str) -> httpx.Response:
        client = {"client_id": self.made["client_id"], "client_secret": self.made["client_secret"]}
        wanted = {"grant_type": "client_credentials", "scope": f"{self.base}/.default"}
        path = f"/{directory or self.made['directory_id']}/oauth2/v2.0/token"
        return httpx.post(f"{self.base}{path}", data=client | wanted | form)

    def send(self, method: str, path: str, *, body: Any = None, **request: Any) -> httpx.Response:
        """``path`` from the root; ``body`` goes as JSON with its Decimals exact."""
        if self._token is None:
            self._token = self.token().json()["access_token"]
        headers = {"Authorization": f"Bearer {self._token}"} | request.pop("headers", {})
        if body is not None:
            headers = {"Content-Type": "application/json"} | headers
            request["content"] = msgspec.json.Encoder(decimal_format="number").encode(body)
        return httpx.request(method, f"{self.base}{path}", headers=headers, **request)

    def get(self, path: str, **request: Any) -> httpx.Response:
        return self.send("GET", f"/data/{path}", **request)

    def rows(self, path: str) -> list[dict[str, Any]]:
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["value"]
        return found

    def post(self, path: str, **body: Any) -> httpx.Response:
        return self.send("POST", f"/data/{path}", body=body)

    def patch(self, path: str, **body: Any) -> httpx.Response:
        return self.send("PATCH", f"/data/{path}", body=body)

    def delete(self, path: str) -> httpx.Response:
        return self.send("DELETE", f"/data/{path}")

    def header(self, name: str = "PAYJRN", **more: Any) -> str:
        """A new journal's number."""
        made = self.post(HEADERS, **{"dataAreaId": "usmf", "JournalName": name} | more)
        assert made.status_code == 201, made.text
        number: str = made.json()["JournalBatchNumber"]
        return number

    def line(self, number: str, account: str, debit: str = "0", credit: str = "0", **more: Any) -> httpx.Response:
        return self.post(LINES, **line(number, account, debit, credit, **more))

    def batch(self, *changesets: Sequence[Operation], **headers: str) -> httpx.Response:
        name, body = batch_body(self.base, changesets)
        own = {"Content-Type": f"multipart/mixed; boundary={name}"} | headers
        return self.send("POST", "/data/$batch", headers=own, content=body)

    def change(self, action: str, **arguments: Any) -> dict[str, Any]:
        changed = httpx.post(f"{self.base}/_control/companies/{self.made['key']}/changes/{action}", json=arguments)
        assert changed.status_code == 200, changed.text
        result: dict[str, Any] = changed.json()
        return result

    def fault(self, **fault: Any) -> None:
        httpx.post(f"{self.base}/_control/companies/{self.made['key']}/faults", json=fault)

    def snapshot(self) -> dict[str, Any]:
        shown: dict[str, Any] = httpx.get(f"{self.base}/_control/companies/{self.made['key']}").json()
        return shown

    def journal(self, number: str) -> dict[str, Any]:
        """The journal of the first company with this number, as the snapshot has it."""
        return next(j for j in self.snapshot()["journals"] if j["number"] == number)


def line(number: str, account: str, debit: str = "0", credit: str = "0", **more: Any) -> dict[str, Any]:
    """The least a ledger line needs, for 15 June 2026 in USD."""
    return {
        "dataAreaId": "usmf",
        "JournalBatchNumber": number,
        "TransDate": "2026-06-15T12:00:00Z",
        "AccountType": "Ledger",
        "AccountDisplayValue": account,
        "DebitAmount": Decimal(debit),
        "CreditAmount": Decimal(credit),
        "CurrencyCode": "USD",
    } | more


def batch_body(base: str, changesets: Sequence[Sequence[Operation]]) -> tuple[str, bytes]:
    """Boundary and body of a batch with these changesets; operations count from 1."""
    text, number = b"", 0
    for place, operations in enumerate(changesets):
        inner = f"changeset_{place}"
        text += f"--batch_x\r\nContent-Type: multipart/mixed; boundary={inner}\r\n\r\n".encode()
        for method, path, body in operations:
            number += 1
            head = f"Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: {number}"
            request = f"{method} {base}/data/{path} HTTP/1.1\r\nContent-Type: application/json\r\n\r\n"
            content = b"" if body is None else msgspec.json.Encoder(decimal_format="number").encode(body)
            text += f"--{inner}\r\n{head}\r\n\r\n{request}".encode() + content + b"\r\n"
        text += f"--{inner}--\r\n\r\n".encode()
    return "batch_x", text + b"--batch_x--\r\n"


def statuses(answer: httpx.Response) -> list[int]:
    """The statuses inside of a batch's answer, in order."""
    return [int(status) for status in re.findall(r"HTTP/1\.1 (\d{3})", answer.text)]


def said(answer: httpx.Response) -> tuple[int, str]:
    """Status and everything a refusal says."""
    body = answer.json()
    if "Message" in body:
        return answer.status_code, body["Message"]
    error = body["error"]
    return answer.status_code, f"{error['message']} {error.get('innererror', {}).get('message', '')}".strip()
