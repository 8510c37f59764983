"""Debian's chromium, the site served by a thread of this process, and a camera."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from django.db import connections
from playwright.sync_api import Page, Playwright

from tests.conftest import ROOT

CHROMIUM = os.environ.get("CHROMIUM") or which("chromium") or "/usr/bin/chromium"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PICTURES = ROOT / "docs" / "pictures"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = pytest.mark.skip(reason=f"no chromium at {CHROMIUM}: apt-get install chromium, or set CHROMIUM")
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if not Path(CHROMIUM).exists():
                item.add_marker(missing)


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    return {"executable_path": CHROMIUM, "args": FLAGS}


@pytest.fixture(scope="session")
def browser_context_args() -> dict[str, Any]:
    return {"viewport": {"width": 1280, "height": 900}, "locale": "en-US", "timezone_id": "America/Detroit"}


@pytest.fixture(scope="session", autouse=True)
def _database_beside_playwright(playwright: Playwright) -> Iterator[None]:
    """Playwright keeps an event loop in this thread until the tests end; the database is used here all the same, by
    these tests and by every one after them, through a connection that belongs to the loop and ends with it."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    yield
    connections.close_all()


class _Quiet(WSGIRequestHandler):
    # A connection per answer: none is kept alive by a browser that has not been closed when the server ends.
    protocol_version = "HTTP/1.0"

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    """The address of the site, on this process's database."""
    server = ThreadedWSGIServer(("127.0.0.1", 0), _Quiet)
    # Wait for answers under way when it ends: their connections must not outlive the database.
    server.daemon_threads = False
    server.set_app(get_wsgi_application())
    thread = threading.Thread(target=server.serve_forever, name="site")
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


Camera = Callable[[str], None]


@pytest.fixture
def camera(page: Page) -> Camera:
    """Takes a picture for docs/pictures when the environment variable PICTURES is set, else does nothing."""

    def take(name: str) -> None:
        if os.environ.get("PICTURES"):
            page.wait_for_load_state("networkidle")
            PICTURES.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=PICTURES / f"{name}.png")

    return take
