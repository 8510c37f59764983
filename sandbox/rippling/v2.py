"""The v2 REST API at the root of the server. Source: rippling §2–§6, §9."""

from __future__ import annotations

import base64
import binascii
import json
import re
from datetime import date
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from sandbox.rippling.answers import Refusal, answer, encoded, whole_number
from sandbox.rippling.company import RipplingCompany
from sandbox.rippling.filters import SORTABLE, Filter, RefusedQuery, parse_filter, parse_order
from sandbox.rippling.organization import FOUNDED
from sandbox.rippling.rendering import Rendering, meta, parse_expand
from sandbox.rippling.resources import RESOURCES, Resource
from sandbox.rippling.table import Row

DEFAULT_LIMIT, MAX_LIMIT = 50, 100
VERSION_HEADER = "Rippling-Api-Version"
UNKNOWN_PATH = "<!DOCTYPE html><html><head><title>Not Found!</title></head><body><h1>Not Found!</h1></body></html>"

_PATH = re.compile(r"/([a-z-]+)(?:/([^/]+))?/?")


async def respond(request: web.Request, company: RipplingCompany | None) -> web.Response:
    """The answer to any request outside of v1."""
    match = _PATH.fullmatch(request.path)
    resource = RESOURCES.get(match[1]) if match else None
    if match is None or resource is None or not resource.served or (match[2] and not resource.readable_by_id):
        return web.Response(status=404, text=UNKNOWN_PATH, content_type="text/html")
    try:
        if company is None or not company.behaviour.v2:
            raise Refusal(401, "Invalid or expired token.")
        _admit(request, company, match[1], resource)
        return answer(_body(request, company, match[1], resource, match[2]))
    except RefusedQuery as refused:
        return Refusal(400, str(refused)).response()
    except Refusal as refusal:
        return refusal.response()


def _admit(request: web.Request, company: RipplingCompany, name: str, resource: Resource) -> None:
    if request.method != "GET":
        raise Refusal(405, f'Method "{request.method}" not allowed.')
    version = request.headers.get(VERSION_HEADER)
    if version is None and company.behaviour.require_version:
        raise Refusal(400, f"{VERSION_HEADER} header is required.")
    if version is not None and not _is_date(version):
        raise Refusal(400, f"{VERSION_HEADER} must be YYYY-MM-DD.")
    if resource.tier not in company.behaviour.entitlements:
        raise Refusal(403, f"This endpoint requires the entitlement {resource.tier}.")
    if f"{name}.read" not in company.behaviour.scopes:
        raise Refusal(403, f"The token does not have the scope {name}.read.")


def _is_date(text: str) -> bool:
    try:
        return bool(re.fullmatch(r"\d{4}-\d\d-\d\d", text)) and bool(date.fromisoformat(text))
    except ValueError:
        return False


def _body(request: web.Request, company: RipplingCompany, name: str, resource: Resource, row_id: str | None) -> bytes:
    empty = company.behaviour.empty
    if row_id is not None:
        return encoded(_one(request, company, name, row_id), empty)
    if name == "sso-me":
        return encoded(_rendering(request, company, name).bare(name, _signed_in(company)), empty)
    if name == "entitlements":
        return encoded({"__meta": meta({}), "results": _entitlements(company), "next_link": None}, empty)
    if not company.behaviour.prerendered:
        return encoded(_page(request, company, name, resource), empty)
    key = f"{request.host}{request.path_qs}"
    if key not in company.pages:
        company.pages[key] = encoded(_page(request, company, name, resource), empty)
    return company.pages[key]


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
    limit = whole_number(request, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT) or DEFAULT_LIMIT
    order = parse_order(request.query["order_by"]) if request.query.get("order_by") else ()
    last, number = _read_cursor(request.query.get("cursor"))
    rendering = _rendering(request, company, name)
    rows, more = company.tables[name].after(last, _filter(request, company, resource), order, limit)
    results = [rendering.list_row(name, row) for row in rows]
    body: Row = {"__meta": rendering.list_meta(), "results": results, "next_link": None}
    if more:
        repeats = number == company.behaviour.repeat_page
        cursor = request.query["cursor"] if repeats else _write_cursor(rows[-1], number + 1)
        body["next_link"] = _next_link(request, company, cursor)
    return body


def _filter(request: web.Request, company: RipplingCompany, resource: Resource) -> Filter | None:
    text, spelling = request.query.get("filter"), company.behaviour.filter_operator
    if not text or not resource.filterable or spelling == "ignored":
        return None
    return parse_filter(text, resource.filterable, spelling)


def _next_link(request: web.Request, company: RipplingCompany, cursor: str) -> str:
    behaviour = company.behaviour
    kept = {} if behaviour.next_link == "cursor_only" else {k: v for k, v in request.query.items() if k != "cursor"}
    path = f"{request.path}?{urlencode({**kept, 'cursor': cursor})}"
    if behaviour.next_link_host is not None:
        return behaviour.next_link_host + path
    return path if behaviour.next_link == "relative" else f"{request.scheme}://{request.host}{path}"


def _write_cursor(row: Row, page: int) -> str:
    """Where the next page starts, in whatever order it is asked for."""
    position = {name: row[name] for name in sorted(SORTABLE)}
    return base64.urlsafe_b64encode(json.dumps([page, position]).encode()).decode().rstrip("=")


def _read_cursor(text: str | None) -> tuple[Row | None, int]:
    if not text:
        return None, 1
    try:
        page, position = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if not isinstance(page, int) or set(position) != SORTABLE:
            raise ValueError(text)
    except (ValueError, TypeError, binascii.Error):
        raise Refusal(400, "Invalid cursor.") from None
    return position, page


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
