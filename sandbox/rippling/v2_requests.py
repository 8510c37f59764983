"""What every v2 request goes through: who is let in, what a list looks like, where its next page is.

Source: rippling §2, §4, §9.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from datetime import date
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from sandbox.rippling.answers import Refusal, encoded, whole_number
from sandbox.rippling.company import RipplingCompany
from sandbox.rippling.rendering import Rendering
from sandbox.rippling.table import Row

DEFAULT_LIMIT, MAX_LIMIT = 50, 100
VERSION_HEADER = "Rippling-Api-Version"


def admit(request: web.Request, company: RipplingCompany, tier: str, *scopes: str, method: str = "GET") -> None:
    """Raises Refusal unless the company has the entitlement and the token any of these scopes."""
    if request.method != method:
        raise Refusal(405, f'Method "{request.method}" not allowed.')
    version = request.headers.get(VERSION_HEADER)
    if version is None and company.behaviour.require_version:
        raise Refusal(400, f"{VERSION_HEADER} header is required.")
    if version is not None and not _is_date(version):
        raise Refusal(400, f"{VERSION_HEADER} must be YYYY-MM-DD.")
    if tier not in company.behaviour.entitlements:
        raise Refusal(403, f"This endpoint requires the entitlement {tier}.")
    if company.behaviour.scopes.isdisjoint(scopes):
        raise Refusal(403, f"The token does not have the scope {scopes[0]}.")


def page_size(request: web.Request) -> int:
    return whole_number(request, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT) or DEFAULT_LIMIT


def remembered(request: web.Request, company: RipplingCompany, make: Callable[[], Row]) -> bytes:
    """The body, written once and kept until data changes at a company that is ``prerendered``."""
    empty = company.behaviour.empty
    if not company.behaviour.prerendered:
        return encoded(make(), empty)
    key = f"{request.host}{request.path_qs}"
    if key not in company.pages:
        company.pages[key] = encoded(make(), empty)
    return company.pages[key]


def list_body(request: web.Request, rendering: Rendering, results: list[Row], position: Any, page: int) -> Row:
    """The envelope of page number ``page``; ``position`` is where the next one starts, None on the last."""
    body: Row = {"__meta": rendering.list_meta(), "results": results, "next_link": None}
    if position is not None:
        company = rendering.company
        repeats = page == company.behaviour.repeat_page
        cursor = request.query["cursor"] if repeats else write_cursor(position, page + 1)
        body["next_link"] = _next_link(request, company, cursor)
    return body


def write_cursor(position: Any, page: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([page, position]).encode()).decode().rstrip("=")


def read_cursor(request: web.Request, is_position: Callable[[Any], bool]) -> tuple[Any, int]:
    """Where the page starts, None for the first one, and its number. Raises Refusal for a cursor of another kind."""
    text = request.query.get("cursor")
    if not text:
        return None, 1
    try:
        page, position = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if not isinstance(page, int) or not is_position(position):
            raise ValueError(text)
    except (ValueError, TypeError, binascii.Error):
        raise Refusal(400, "Invalid cursor.") from None
    return position, page


def _next_link(request: web.Request, company: RipplingCompany, cursor: str) -> str:
    behaviour = company.behaviour
    kept = {} if behaviour.next_link == "cursor_only" else {k: v for k, v in request.query.items() if k != "cursor"}
    path = f"{request.path}?{urlencode({**kept, 'cursor': cursor})}"
    if behaviour.next_link_host is not None:
        return behaviour.next_link_host + path
    return path if behaviour.next_link == "relative" else f"{request.scheme}://{request.host}{path}"


def _is_date(text: str) -> bool:
    try:
        return bool(re.fullmatch(r"\d{4}-\d\d-\d\d", text)) and bool(date.fromisoformat(text))
    except ValueError:
        return False
