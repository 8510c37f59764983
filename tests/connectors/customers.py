"""A company inside a vendor's simulator, as a test sees it: what it holds, what it was asked, how it misbehaves."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec

CREATED: list[Customer] = []
"""Every company of the present test; emptied by the fixture that checks what they were asked."""


class Customer(msgspec.Struct, frozen=True):
    """``connect`` is what the simulator gave for connecting: key, credentials, paths."""

    url: str
    connect: dict[str, Any]

    @classmethod
    def create(cls, url: str, **options: Any) -> Customer:
        """A new company with these options of the simulator."""
        customer = cls(url, _control("POST", f"{url}/_control/companies", options))
        CREATED.append(customer)
        return customer

    def snapshot(self) -> Any:
        return _control("GET", self._url(""))

    def requests(self) -> list[dict[str, Any]]:
        """Every request so far, oldest first."""
        found: list[dict[str, Any]] = _control("GET", self._url("/requests"))["requests"]
        return found

    def forget_requests(self) -> None:
        _control("DELETE", self._url("/requests"))

    def fault(self, kind: str, **details: Any) -> None:
        """One scripted misbehaviour; see sandbox.core.Fault."""
        _control("POST", self._url("/faults"), {"kind": kind, **details})

    def heal(self) -> None:
        """No more scripted misbehaviour."""
        _control("DELETE", self._url("/faults"))

    def change(self, action: str, **arguments: Any) -> Any:
        """Something happens at the company."""
        return _control("POST", self._url(f"/changes/{action}"), arguments)

    def _url(self, rest: str) -> str:
        return f"{self.url}/_control/companies/{self.connect['key']}{rest}"


def _control(method: str, url: str, body: Any = None) -> Any:
    answer = httpx.request(method, url, json=body, timeout=60)
    if answer.status_code >= 400:
        raise AssertionError(f"{method} {url}: {answer.status_code} {answer.text}")
    return answer.json() if answer.content else None
