"""Rippling on loopback: v2 at the root (for rest.ripplingapis.com), v1 under /platform/api (for api.rippling.com)."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from sandbox.core import Simulator, new_key
from sandbox.rippling import reports, v1, v2
from sandbox.rippling.company import RipplingCompany, found, new_token


class RipplingSimulator(Simulator[RipplingCompany]):
    name = "rippling"

    def __init__(self) -> None:
        super().__init__()
        self._by_token: dict[str, RipplingCompany] = {}

    def routes(self, app: web.Application) -> None:
        app.router.add_route("*", reports.FILES + "/{name}", self._file)
        app.router.add_route("*", v1.PREFIX + "/{path:.*}", self._v1)
        app.router.add_route("*", "/{path:.*}", self._v2)

    def create(self, options: dict[str, Any]) -> tuple[RipplingCompany, dict[str, Any]]:
        rest = dict(options)
        token = str(rest.pop("token", None) or new_token())
        if self._holder(token) is not None:
            raise ValueError("another company has this token")
        company = found(new_key(), rest)
        company.token = token
        paths = {"base_path_v2": "", "base_path_v1": v1.PREFIX}
        ids = {"company_id": company.company_id, "report_id": company.reports.report_id}
        return company, {"token": token, **ids, **paths}

    def company_of(self, request: web.Request) -> RipplingCompany | None:
        """By the token; a report's file belongs to the company whose it is, whoever asks."""
        if request.path.startswith(reports.FILES + "/"):
            name = request.path.rpartition("/")[2]
            return next((c for c in self.companies.values() if name in c.reports.files), None)
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return self._holder(token) if scheme == "Bearer" and token else None

    def _holder(self, token: str) -> RipplingCompany | None:
        known = self._by_token.get(token)
        if known is None or known.token != token or self.companies.get(known.key) is not known:
            self._by_token = {c.token: c for c in self.companies.values() if c.token is not None}
        return self._by_token.get(token)

    async def _v1(self, request: web.Request) -> web.StreamResponse:
        return await v1.respond(request, self.company_of(request))

    async def _v2(self, request: web.Request) -> web.StreamResponse:
        return await v2.respond(request, self.company_of(request))

    async def _file(self, request: web.Request) -> web.StreamResponse:
        return reports.download(request, self.company_of(request))
