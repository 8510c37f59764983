"""What every simulator shares: companies kept apart, scripted faults, a log of requests, a control endpoint.

A simulator serves many companies at once; a credential decides which one a request belongs to. Tests create a
company each, so they never see each other's data, requests or faults. Everything under ``/_control/`` is ours
and no part of a vendor's API.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import secrets
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

REQUEST_LOG_LIMIT = 20_000
FAULT_KINDS = frozenset({"status", "cut", "cut_after", "truncate", "html", "garbage", "slow"})


@dataclass
class Fault:
    """One scripted misbehaviour.

    ``status`` answers ``status_code`` with ``body`` and ``headers`` instead of working; ``cut`` closes the
    connection before any work; ``cut_after`` does the work, then closes without an answer; ``truncate`` sends
    half of the real body under its full length; ``html`` answers 200 with a login page; ``garbage`` answers
    bytes that are no JSON; ``slow`` takes the request, waits ``seconds`` and then works normally,
    also when nobody waits for the answer any more.
    ``times`` None means for ever; ``skip`` lets that many matching requests pass first; ``probability`` decides
    per request by the company's own random generator.
    """

    kind: str
    method: str = "*"
    path: str = ".*"
    times: int | None = 1
    skip: int = 0
    probability: float = 1.0
    status_code: int = 500
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    fired: int = 0

    def __post_init__(self) -> None:
        if self.kind not in FAULT_KINDS:
            raise ValueError(f"unknown fault kind {self.kind!r}; one of {sorted(FAULT_KINDS)}")

    def applies(self, request: web.Request, chance: random.Random) -> bool:
        if self.method not in ("*", request.method) or not re.fullmatch(self.path, request.path):
            return False
        if self.times is not None and self.fired >= self.times:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.probability < 1.0 and chance.random() >= self.probability:
            return False
        self.fired += 1
        return True


@dataclass
class Company:
    """One customer inside a simulator; vendors subclass it with their data."""

    key: str
    seed: int = 1
    faults: list[Fault] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    request_count: int = 0
    log_requests: bool = True
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    def snapshot(self) -> dict[str, Any]:
        """What the control endpoint shows of this company's data."""
        raise NotImplementedError

    def counts(self) -> dict[str, Any]:
        """The snapshot without its rows, for companies too large to list; shown for ``?counts``."""
        return {name: len(v) if isinstance(v, list | dict) else v for name, v in self.snapshot().items()}

    def change(self, action: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Carry out a scripted change of the data (hire, terminate, …)."""
        raise NotImplementedError

    async def perform(self, action: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """What the control endpoint asks for; vendors that call others back do more here than ``change``."""
        return self.change(action, arguments)


CompanyT = TypeVar("CompanyT", bound=Company)


class Simulator(Generic[CompanyT]):
    """Companies of one vendor behind one aiohttp application.

    Subclasses give ``name``, ``routes(app)``, ``create(options)`` and ``company_of(request)`` (None when the
    request carries no credential that belongs to a company; the handler then refuses it as the vendor would).
    """

    name: str

    def __init__(self) -> None:
        self.companies: dict[str, CompanyT] = {}
        self.app = web.Application(middlewares=[self._middleware], client_max_size=64 * 2**20)
        self._control_routes()
        self.routes(self.app)

    def routes(self, app: web.Application) -> None:
        raise NotImplementedError

    def create(self, options: dict[str, Any]) -> tuple[CompanyT, dict[str, Any]]:
        """Make a company; returns it and what a caller needs to connect (tokens, ids)."""
        raise NotImplementedError

    def company_of(self, request: web.Request) -> CompanyT | None:
        raise NotImplementedError

    def is_secret(self, request: web.Request) -> bool:
        """Whether the body is kept out of the log of requests."""
        return False

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/_control/"):
            return await handler(request)
        company = self.company_of(request)
        if company is None:
            return await handler(request)
        company.request_count += 1
        if company.log_requests:
            await self._log(company, request)
        fault = next((f for f in company.faults if f.applies(request, company.chance)), None)
        if fault is None:
            return await handler(request)
        return await self._misbehave(fault, request, handler)

    async def _log(self, company: CompanyT, request: web.Request) -> None:
        body = await request.read()
        if len(company.requests) < REQUEST_LOG_LIMIT:
            company.requests.append(
                {
                    "method": request.method,
                    "path": request.path,
                    "query": [[k, v] for k, v in request.query.items()],
                    "raw_query": request.rel_url.raw_query_string,
                    "headers": {k.lower(): v for k, v in request.headers.items() if k.lower() != "authorization"},
                    "body": "" if self.is_secret(request) else body.decode("utf-8", "replace"),
                }
            )

    async def _misbehave(self, fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
        match fault.kind:
            case "slow":
                await request.read()
                await asyncio.sleep(fault.seconds)
                return await handler(request)
            case "cut":
                return _cut(request)
            case "cut_after":
                with suppress(web.HTTPException):
                    await handler(request)
                return _cut(request)
            case "html":
                return web.Response(text="<html><body>Sign in</body></html>", content_type="text/html")
            case "garbage":
                return web.Response(body=b'{"results": [{"id": ', content_type="application/json")
            case "truncate":
                return await _truncate(request, await handler(request))
        body = fault.body if isinstance(fault.body, str) else json.dumps(fault.body if fault.body is not None else {})
        content_type = "text/html" if body.lstrip().startswith("<") else "application/json"
        return web.Response(status=fault.status_code, text=body, headers=fault.headers, content_type=content_type)

    def _control_routes(self) -> None:
        add = self.app.router.add_route
        add("GET", "/_control/ping", self._control_ping)
        add("POST", "/_control/companies", self._control_create)
        add("GET", "/_control/companies/{key}", self._control_snapshot)
        add("DELETE", "/_control/companies/{key}", self._control_delete)
        add("GET", "/_control/companies/{key}/requests", self._control_requests)
        add("DELETE", "/_control/companies/{key}/requests", self._control_forget_requests)
        add("POST", "/_control/companies/{key}/faults", self._control_fault)
        add("DELETE", "/_control/companies/{key}/faults", self._control_clear_faults)
        add("POST", "/_control/companies/{key}/changes/{action}", self._control_change)

    def _named(self, request: web.Request) -> CompanyT:
        try:
            return self.companies[request.match_info["key"]]
        except KeyError:
            raise web.HTTPNotFound(text=f"no company {request.match_info['key']!r} in {self.name}") from None

    async def _control_ping(self, request: web.Request) -> web.Response:
        return web.json_response({"simulator": self.name, "companies": len(self.companies)})

    async def _control_create(self, request: web.Request) -> web.Response:
        try:
            company, connect = self.create(await request.json() if request.can_read_body else {})
        except (KeyError, TypeError, ValueError) as error:
            raise web.HTTPBadRequest(text=f"create: {error!r}") from error
        self.companies[company.key] = company
        return web.json_response({"key": company.key, **connect}, status=201)

    async def _control_snapshot(self, request: web.Request) -> web.Response:
        company = self._named(request)
        return web.json_response(company.counts() if "counts" in request.query else company.snapshot())

    async def _control_delete(self, request: web.Request) -> web.Response:
        del self.companies[self._named(request).key]
        return web.Response(status=204)

    async def _control_requests(self, request: web.Request) -> web.Response:
        company = self._named(request)
        return web.json_response({"count": company.request_count, "requests": company.requests})

    async def _control_forget_requests(self, request: web.Request) -> web.Response:
        company = self._named(request)
        company.requests.clear()
        company.request_count = 0
        return web.Response(status=204)

    async def _control_fault(self, request: web.Request) -> web.Response:
        company = self._named(request)
        try:
            company.faults.append(Fault(**await request.json()))
        except (TypeError, ValueError) as error:
            raise web.HTTPBadRequest(text=f"fault: {error!r}") from error
        return web.Response(status=204)

    async def _control_clear_faults(self, request: web.Request) -> web.Response:
        self._named(request).faults.clear()
        return web.Response(status=204)

    async def _control_change(self, request: web.Request) -> web.Response:
        company = self._named(request)
        arguments = await request.json() if request.can_read_body else {}
        try:
            return web.json_response(await company.perform(request.match_info["action"], arguments))
        except (KeyError, TypeError, ValueError) as error:
            raise web.HTTPBadRequest(text=f"{request.match_info['action']}: {error!r}") from error


def new_key() -> str:
    """An unguessable name for a company or a credential."""
    return secrets.token_hex(12)


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


async def _truncate(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    body = response.body if isinstance(response, web.Response) and isinstance(response.body, bytes) else b"{}"
    short = web.StreamResponse(status=response.status, headers={"Content-Length": str(len(body))})
    short.content_type = response.content_type
    await short.prepare(request)
    await short.write(body[: len(body) // 2])
    return _cut(request)


async def serve(applications: dict[str, web.Application], ports: dict[str, int]) -> dict[str, str]:
    """Start each application on loopback (port 0 picks a free one); returns name → base URL."""
    return {name: (await _start(app, ports.get(name, 0)))[1] for name, app in applications.items()}


async def _start(app: web.Application, port: int) -> tuple[web.AppRunner, str]:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"


@contextmanager
def running(simulator: Simulator[Any]) -> Iterator[str]:
    """The base URL of a simulator that serves from a thread of its own until the block ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name=f"sandbox {simulator.name}", daemon=True)
    thread.start()
    try:
        runner, address = asyncio.run_coroutine_threadsafe(_start(simulator.app, 0), loop).result()
        try:
            yield address
        finally:
            asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
