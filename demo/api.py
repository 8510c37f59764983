"""Both ends as an outsider reaches them: the product's public API by key, and the simulators' control endpoint."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx


class DemoError(Exception):
    """The demonstration cannot go on; ``str()`` says why in a sentence."""


class Api:
    """The API with one key. ``alive`` is asked while waiting, so that a dead process is named and not waited for."""

    def __init__(self, address: str, key: str, alive: Callable[[], None]) -> None:
        self.root = f"{address}/api/v1/"
        self._alive = alive
        self._client = httpx.Client(
            base_url=self.root, headers={"Authorization": f"Api-Key {key}"}, timeout=120, trust_env=False
        )

    def get(self, address: str) -> Any:
        return self._send("GET", address).json()

    def post(self, address: str, body: Any = None) -> Any:
        return self._send("POST", address, body).json()

    def patch(self, address: str, body: Any) -> Any:
        return self._send("PATCH", address, body).json()

    def refused(self, address: str, body: Any = None) -> str:
        """The sentence with which this act is refused. DemoError when it is not."""
        answer = self._ask("POST", address, json=body)
        if answer.status_code != httpx.codes.CONFLICT:
            raise DemoError(f"POST {address} was not refused: {answer.status_code} {answer.text[:1000]}")
        return str(answer.json()["detail"])

    def upload(self, address: str, csv: str) -> Any:
        """What is answered to a CSV file."""
        return self._done(self._ask("POST", address, content=csv.encode(), headers={"Content-Type": "text/csv"})).json()

    def download(self, address: str) -> bytes:
        """The body as it came."""
        return self._send("GET", address).content

    def all(self, address: str) -> list[Any]:
        """Every row of a list, page by page."""
        rows: list[Any] = []
        following: str | None = f"{address}{'&' if '?' in address else '?'}page_size=200"
        while following:
            page = self.get(following)
            rows += page["results"]
            following = page["next"]
        return rows

    def finished(self, run: dict[str, Any], seconds: float = 120) -> dict[str, Any]:
        """The run once it has ended. DemoError when it does not, or ends by failing or waiting for a person."""
        deadline = time.monotonic() + seconds
        while run["active"]:
            self._alive()
            if time.monotonic() > deadline:
                raise DemoError(f"Run {run['id']} is still {run['state']} after {seconds:.0f} seconds.")
            time.sleep(0.2)
            run = self.get(f"runs/{run['id']}/")
        if run["state"] not in ("succeeded", "partly_failed"):
            raise DemoError(f"Run {run['id']} ended as {run['state']}: {run['message']}")
        return run

    def _send(self, method: str, address: str, body: Any = None) -> httpx.Response:
        return self._done(self._ask(method, address, json=body))

    def _ask(self, method: str, address: str, **content: Any) -> httpx.Response:
        try:
            return self._client.request(method, address, **content)
        except httpx.HTTPError as error:
            self._alive()
            raise DemoError(f"{method} {address}: no answer from the API ({error!r}).") from error

    def _done(self, response: httpx.Response) -> httpx.Response:
        if response.status_code >= 400:
            asked = response.request
            raise DemoError(f"{asked.method} {asked.url}: {response.status_code} {response.text[:1000]}")
        return response


class Customer:
    """One company inside a vendor's simulator. ``connect`` is what it takes to connect: credentials and paths."""

    def __init__(self, url: str, options: dict[str, Any]) -> None:
        self.url = url
        self.connect = self._control("POST", "", options)

    def snapshot(self) -> Any:
        """Everything the simulator holds of the company."""
        return self._control("GET", f"/{self.connect['key']}")

    def change(self, action: str, **arguments: Any) -> Any:
        """Something happens at the company."""
        return self._control("POST", f"/{self.connect['key']}/changes/{action}", arguments)

    def fault(self, **fault: Any) -> None:
        """The simulator misbehaves once."""
        self._control("POST", f"/{self.connect['key']}/faults", fault)

    def _control(self, method: str, rest: str, body: Any = None) -> Any:
        try:
            answer = httpx.request(
                method, f"{self.url}/_control/companies{rest}", json=body, timeout=60, trust_env=False
            )
        except httpx.HTTPError as error:
            raise DemoError(f"The simulator does not answer ({error!r}).") from error
        if answer.status_code >= 400:
            raise DemoError(f"The simulator refused {rest or 'a new company'}: {answer.text[:1000]}")
        return answer.json() if answer.content else None
