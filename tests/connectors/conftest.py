"""Servers for connector tests. Needs no Django and no database."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox.core import Simulator, serve
from tests.connectors.scripted_server import ScriptedServer, scripted_server
from tests.connectors.surroundings import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as running:
        yield running


ServeSimulator = Callable[[type[Simulator[Any]]], str]


@pytest.fixture(scope="session")
def serve_simulator() -> Iterator[ServeSimulator]:
    """Starts a vendor's simulator on first use, in one background thread, and gives its base URL."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="simulators")
    thread.start()
    addresses: dict[str, str] = {}

    def start(simulator: type[Simulator[Any]]) -> str:
        if simulator.name not in addresses:
            running = asyncio.run_coroutine_threadsafe(serve({simulator.name: simulator().app}, {}), loop)
            addresses.update(running.result(30))
        return addresses[simulator.name]

    yield start
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
