"""A Rippling simulator in the background and companies on it, spoken to over HTTP."""

from __future__ import annotations

from typing import Any

import httpx

Json = dict[str, Any]


class Rippling:
    """One company of a simulator, made for one test; ``get`` speaks with the company's token."""

    def __init__(self, address: str, **options: Any) -> None:
        self.address = address
        self._client = httpx.Client(base_url=address, timeout=60)
        made = self._client.post("/_control/companies", json=options)
        assert made.status_code == 201, made.text
        self.made: Json = made.json()
        self.key: str = self.made["key"]
        self.company_id: str = self.made["company_id"]
        self.token: str = self.made["token"]

    def get(self, path: str, **query: Any) -> httpx.Response:
        return self._client.get(path, params=query or None, headers=self.headers)

    def request(self, method: str, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        """With these headers instead of the company's, where they are given."""
        return self._client.request(method, path, headers=self.headers if headers is None else headers)

    def ok(self, path: str, **query: Any) -> Any:
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, path: str, **query: Any) -> str:
        """What a request that is answered with 400 is told."""
        answer = self.get(path, **query)
        assert answer.status_code == 400, answer.text
        return str(answer.json()["detail"])

    def results(self, path: str, **query: Any) -> list[Json]:
        found: list[Json] = self.ok(path, **query)["results"]
        return found

    def walk(self, path: str, **query: Any) -> list[Json]:
        """All rows behind a list, by following its links and nothing else."""
        page = self.ok(path, **query)
        rows: list[Json] = page["results"]
        while page.get("next_link"):
            page = self.ok(page["next_link"])
            rows += page["results"]
        return rows

    def change(self, action: str, **arguments: Any) -> Json:
        answer = self._client.post(f"/_control/companies/{self.key}/changes/{action}", json=arguments)
        assert answer.status_code == 200, answer.text
        changed: Json = answer.json()
        return changed

    def control(self, method: str, path: str = "", body: Json | None = None) -> httpx.Response:
        return self._client.request(method, f"/_control/companies/{self.key}{path}", json=body)

    def snapshot(self) -> Json:
        seen: Json = self.control("GET").json()
        return seen

    def worker(self, number: int) -> Json:
        """The worker with this employee number, as v2 shows them with their user."""
        [found] = [row for row in self.walk("/workers/", expand="user", limit=100) if row["number"] == number]
        return found

    def close(self) -> None:
        self.control("DELETE")
        self._client.close()

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}
