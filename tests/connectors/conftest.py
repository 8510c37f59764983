"""Servers for connector tests. Needs no Django and no database."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from aiohttp import web

from sandbox.core import Simulator
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
    runners: dict[str, web.AppRunner] = {}

    def wait(work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, loop).result(30)

    def start(simulator: type[Simulator[Any]]) -> str:
        name = simulator.name
        if name not in runners:
            runners[name] = web.AppRunner(simulator().app, access_log=None, shutdown_timeout=1)
            wait(_listen(runners[name]))
        host, port = runners[name].addresses[0][:2]
        return f"http://{host}:{port}"

    yield start
    for runner in runners.values():
        wait(runner.cleanup())
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


async def _listen(runner: web.AppRunner) -> None:
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
