"""The v2 REST API at the root of the server. Source: rippling §2–§6, §9."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from sandbox.rippling import payroll_v2, reports
from sandbox.rippling.answers import Refusal, answer, encoded
from sandbox.rippling.company import RipplingCompany
from sandbox.rippling.filters import Filter, RefusedQuery, parse_filter, parse_order
from sandbox.rippling.organization import FOUNDED
from sandbox.rippling.rendering import Rendering, meta, parse_expand
from sandbox.rippling.resources import RESOURCES, Resource
from sandbox.rippling.table import Row
from sandbox.rippling.v2_requests import admit, list_body, page_size, read_cursor, remembered

UNKNOWN_PATH = "<!DOCTYPE html><html><head><title>Not Found!</title></head><body><h1>Not Found!</h1></body></html>"

_PATH = re.compile(r"/([a-z-]+)(?:/([^/]+))?/?")

Handler = Callable[..., Awaitable[bytes]]
"""Called with the request, the company and the parts of the path."""

HANDLERS: Mapping[str, Handler] = {**payroll_v2.HANDLERS, **reports.HANDLERS}
"""By the pattern of the path: what is no list of rows that changes keep up to date."""


async def respond(request: web.Request, company: RipplingCompany | None) -> web.Response:
    """The answer to any request outside of v1."""
    found = _handler(request.path)
    if found is None:
        return web.Response(status=404, text=UNKNOWN_PATH, content_type="text/html")
    handler, parts = found
    try:
        if company is None or not company.behaviour.v2:
            raise Refusal(401, "Invalid or expired token.")
        return answer(await handler(request, company, *parts))
    except RefusedQuery as refused:
        return Refusal(400, str(refused)).response()
    except Refusal as refusal:
        return refusal.response()


def _handler(path: str) -> tuple[Handler, tuple[str | None, ...]] | None:
    for pattern, handler in HANDLERS.items():
        if special := re.fullmatch(pattern, path):
            return handler, special.groups()
    match = _PATH.fullmatch(path)
    resource = RESOURCES.get(match[1]) if match else None
    if match is None or resource is None or not resource.served or (match[2] and not resource.readable_by_id):
        return None
    return _rows, match.groups()


async def _rows(request: web.Request, company: RipplingCompany, name: str, row_id: str | None) -> bytes:
    resource, empty = RESOURCES[name], company.behaviour.empty
    admit(request, company, resource.tier, f"{name}.read")
    if row_id is not None:
        return encoded(_one(request, company, name, row_id), empty)
    if name == "sso-me":
        return encoded(_rendering(request, company, name).bare(name, _signed_in(company)), empty)
    if name == "entitlements":
        return encoded({"__meta": meta({}), "results": _entitlements(company), "next_link": None}, empty)
    return remembered(request, company, lambda: _page(request, company, name, resource))


def _one(request: web.Request, company: RipplingCompany, name: str, row_id: str) -> Row:
    row = company.tables[name].get(row_id)
    if row is None:
        raise Refusal(404, "Not found.")
    return _rendering(request, company, name).single(name, row)


def _rendering(request: web.Request, company: RipplingCompany, name: str) -> Rendering:
    """``expand`` is read only where the resource has something to expand; elsewhere it is an unknown parameter."""
    text = request.query.get("expand", "") if RESOURCES[name].expandable else ""
    return Rendering(company, parse_expand(text, name))


def _page(request: web.Request, company: RipplingCompany, name: str, resource: Resource) -> Row:
    limit = page_size(request)
    order = parse_order(request.query["order_by"], resource.sortable) if request.query.get("order_by") else ()
    last, number = read_cursor(request, lambda position: set(position) == resource.sortable)
    rendering = _rendering(request, company, name)
    rows, more = company.tables[name].after(last, _filter(request, company, resource), order, limit)
    results = [rendering.list_row(name, row) for row in rows]
    position = {field: rows[-1][field] for field in sorted(resource.sortable)} if more else None
    return list_body(request, rendering, results, position, number)


def _filter(request: web.Request, company: RipplingCompany, resource: Resource) -> Filter | None:
    text, spelling = request.query.get("filter"), company.behaviour.filter_operator
    if not text or not resource.filterable or spelling == "ignored":
        return None
    return parse_filter(text, resource.filterable, spelling)


def _signed_in(company: RipplingCompany) -> Row:
    """The administrator who made the token; nobody on the payroll."""
    return {
        "id": company.admin_id,
        "created_at": FOUNDED,
        "updated_at": FOUNDED,
        "work_email": company.admin_email,
        "company_id": company.company_id,
    }


def _entitlements(company: RipplingCompany) -> list[dict[str, Any]]:
    return [
        {"id": name.replace(" ", "_"), "description": f"Access to {name}", "display_name": name}
        for name in company.behaviour.entitlements
    ]
