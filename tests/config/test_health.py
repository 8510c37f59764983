"""Probes: alive without a database, ready only with one that this version can work on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from config import health
from tests.cast import Cast
from tests.logs import logged

ELSEWHERE = {"HTTP_HOST": "10.0.0.7:8000"}
"""How a probe addresses this machine: by a name the site does not answer to."""


@pytest.fixture(autouse=True)
def _alone(installation: None) -> None:
    """Nothing is stored under the keys of other stories."""


def probe(path: str) -> tuple[int, Any]:
    answer = Client(raise_request_exception=False).get(path, **ELSEWHERE)  # type: ignore[arg-type]
    assert answer["Cache-Control"] == "no-store"
    return answer.status_code, answer.json()


@contextmanager
def unreachable() -> Iterator[None]:
    """The database is at an address where nobody listens."""
    default = connections["default"]
    default.close()
    host, default.settings_dict["HOST"] = default.settings_dict["HOST"], "/nowhere"
    try:
        yield
    finally:
        default.close()
        default.settings_dict["HOST"] = host


def test_a_process_that_can_work_says_so(settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert probe("/healthz") == (200, {"status": "alive"})
    assert probe("/readyz") == (200, {"status": "ready"})


def test_without_a_database_it_is_alive_and_not_ready_and_says_why_in_its_log_only() -> None:
    with unreachable(), logged() as log:
        assert probe("/healthz") == (200, {"status": "alive"})
        assert probe("/readyz") == (503, {"status": "not ready", "reason": "database"})

    [line] = log.lines("not_ready")
    assert "/nowhere" in line["errors"][0]["message"]
    assert probe("/readyz")[0] == 200


def test_a_version_ahead_of_the_database_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    newer = health.migrations_here() | {("sync", "9999_next")}
    monkeypatch.setattr(health, "migrations_here", lambda: newer)
    assert probe("/readyz") == (503, {"status": "not ready", "reason": "migrations"})


def test_a_version_behind_the_database_stays_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes on working while the next one is being brought out."""
    older = sorted(health.migrations_here())[:-3]
    monkeypatch.setattr(health, "migrations_here", lambda: frozenset(older))
    assert probe("/readyz")[0] == 200


def test_keys_that_cannot_open_what_is_stored_are_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.startup.sealed_secrets", lambda: {"000000000000": 3})
    with logged() as log:
        assert probe("/readyz") == (503, {"status": "not ready", "reason": "keys"})
    assert "000000000000" in log.text


def test_a_probe_only_reads() -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert Client().post(path).status_code == 405


def test_nobody_is_signed_in_or_redirected_on_the_way_to_a_probe(cast: Cast, settings: Any) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(cast.olga)
    with unreachable():
        assert client.get("/healthz").status_code == 200
