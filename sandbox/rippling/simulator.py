"""Rippling on loopback: v2 at the root (for rest.ripplingapis.com), v1 under /platform/api (for api.rippling.com).

The App Shop (for app.rippling.com) and the token endpoint are on the same server; no two paths collide.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from email.utils import format_datetime
from typing import Any

from aiohttp import web

from sandbox.core import Handler, Simulator, new_key
from sandbox.rippling import oauth, reports, v1, v2
from sandbox.rippling.answers import Refusal
from sandbox.rippling.company import Clock, RipplingCompany, found, new_token, wall_clock
from sandbox.rippling.gate import let_in

Responder = Callable[[web.Request, RipplingCompany | None], Awaitable[web.Response]]


class RipplingSimulator(Simulator[RipplingCompany]):
    """``clock`` tells the server's time, by which tokens expire and requests are counted."""

    name = "rippling"

    def __init__(self, clock: Clock = wall_clock) -> None:
        self._clock = clock
        self._by_token: dict[str, RipplingCompany] = {}
        super().__init__()
        self.app.on_response_prepare.append(self._date)

    def routes(self, app: web.Application) -> None:
        add = app.router.add_route
        add("*", reports.FILES + "/{name}", self._file)
        add("GET", oauth.LISTING_PATH, self._listing)
        add("GET", oauth.LISTING_PATH + "/authorize", self._authorize)
        add("GET", oauth.LISTING_PATH + "/redirect", self._return)
        for path in (oauth.TOKEN_PATH, oauth.SEED_TOKEN_PATH):
            add("POST", path, self._token)
        add("*", v1.PREFIX + "/{path:.*}", self._v1)
        add("*", "/{path:.*}", self._v2)

    def create(self, options: dict[str, Any]) -> tuple[RipplingCompany, dict[str, Any]]:
        rest = dict(options)
        token = str(rest.pop("token", None) or new_token())
        if self._holder(token) is not None:
            raise ValueError("another company has this token")
        company = found(new_key(), rest, self._clock)
        company.token = token
        paths = {"base_path_v2": "", "base_path_v1": v1.PREFIX, "token_path": oauth.TOKEN_PATH}
        ids = {"company_id": company.company_id, "report_id": company.reports.report_id}
        return company, {"token": token, **ids, **paths, "app": asdict(company.app.app)}

    def company_of(self, request: web.Request) -> RipplingCompany | None:
        """By the token or the client, still good or not; a report's file belongs to its company, whoever asks."""
        if request.path.startswith(reports.FILES + "/"):
            name = request.path.rpartition("/")[2]
            return next((c for c in self.companies.values() if name in c.reports.files), None)
        if oauth.TOKEN_REQUEST in request:
            return request[oauth.TOKEN_REQUEST].holder(list(self.companies.values()))
        token = _bearer(request)
        return self._holder(token) if token else None

    def is_secret(self, request: web.Request) -> bool:
        return oauth.TOKEN_REQUEST in request

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """A token request names its client and its code in the body, which are read before the company is known."""
        if request.method == "POST" and request.path in (oauth.TOKEN_PATH, oauth.SEED_TOKEN_PATH):
            request[oauth.TOKEN_REQUEST] = await oauth.read(request)
        return await super()._middleware(request, handler)

    async def _date(self, request: web.Request, response: web.StreamResponse) -> None:
        company = self.company_of(request)
        moment = self._clock() if company is None else company.server_time
        response.headers["Date"] = format_datetime(moment, usegmt=True)

    def _holder(self, token: str) -> RipplingCompany | None:
        known = self._by_token.get(token)
        if known is None or not known.knows(token) or self.companies.get(known.key) is not known:
            self._by_token.pop(token, None)
            known = next((c for c in self.companies.values() if c.knows(token)), None)
            if known is not None:
                self._by_token[token] = known
        return known

    async def _v1(self, request: web.Request) -> web.StreamResponse:
        answer = await self._guarded(request, v1.respond)
        company = self.company_of(request)
        if company is not None and answer.status < 400 and _bearer(request) in company.app.access:
            company.app.installed = True
        return answer

    async def _v2(self, request: web.Request) -> web.StreamResponse:
        return await self._guarded(request, v2.respond)

    async def _guarded(self, request: web.Request, respond: Responder) -> web.Response:
        company = self.company_of(request)
        try:
            admitted = company is not None and let_in(company, _bearer(request))
        except Refusal as refusal:
            return refusal.response()
        return await respond(request, company if admitted else None)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        return reports.download(request, self.company_of(request))

    async def _token(self, request: web.Request) -> web.StreamResponse:
        company = self.company_of(request)
        if request.path == oauth.SEED_TOKEN_PATH and company is None:
            return await v2.respond(request, None)
        answer = oauth.grant(request[oauth.TOKEN_REQUEST], company)
        if company is not None and company.behaviour.exchange_seconds:
            await asyncio.sleep(company.behaviour.exchange_seconds)
        return answer

    async def _listing(self, request: web.Request) -> web.StreamResponse:
        return oauth.listing(self._signed_in(request))

    async def _authorize(self, request: web.Request) -> web.StreamResponse:
        return oauth.authorize(request, self._signed_in(request))

    async def _return(self, request: web.Request) -> web.StreamResponse:
        return oauth.page("The app is installed.")

    def _signed_in(self, request: web.Request) -> RipplingCompany | None:
        return oauth.newest_sign_in(list(self.companies.values()), request.match_info["name"])


def _bearer(request: web.Request) -> str:
    """The token of the request; empty without one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token if scheme == "Bearer" else ""
