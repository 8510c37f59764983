"""``company_activity`` of v1: what happened to accounts, groups and passwords. It is no log of HR changes.

A cursor stands behind the last event that was given, also on the last page, and is good for what comes after it.
Source: rippling §5.3.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from sandbox.rippling.answers import Refusal, whole_number
from sandbox.rippling.company import RipplingCompany
from sandbox.rippling.table import Row

SCOPE = "company:activity"
MAX_LIMIT = 1000
WINDOW = timedelta(days=90)
ZONE = ZoneInfo("America/Los_Angeles")
NAMES = {
    "EXTERNAL_ACCOUNT_CREATE": "Account created",
    "EXTERNAL_ACCOUNT_INVITE": "Account invited",
    "EXTERNAL_ACCOUNT_DELETE": "Account deleted",
    "EXTERNAL_ACCOUNT_SUSPEND": "Account suspended",
    "EXTERNAL_ACCOUNT_PASSWORD_RESET": "Account password reset",
    "EXTERNAL_GROUP_ADD": "Group added",
    "EXTERNAL_GROUP_REMOVE": "Group removed",
    "EXTERNAL_GROUP_MEMBER_ADD": "Account added to group",
    "EXTERNAL_GROUP_MEMBER_REMOVE": "Account removed from group",
    "EXTERNAL_SSO_GRANT": "Single sign-on granted",
    "EXTERNAL_SSO_REVOKE": "Single sign-on revoked",
    "EXTERNAL_SSO_SIGNIN": "Signed in with single sign-on",
    "RPASS_ITEM_SHARED": "Item shared",
    "RPASS_ITEM_UNSHARED": "Item no longer shared",
    "RPASS_ITEM_USED": "Item used",
    "USER_LOGIN_SUCCESS": "Signed in",
    "USER_LOGIN_FAILED": "Sign-in failed",
    "ACCOUNT_PASSWORD_RESET": "Password reset",
    "ACCOUNT_PASSWORD_CHANGED": "Password changed",
    "TWO_FACTOR_DEVICE_RESET": "Second factor reset",
}
"""Every type that there is, and what it is called."""


def record(
    company: RipplingCompany, event_type: str, worker_id: str | None, group: str | None = None, **fields: Any
) -> Row:
    """One more event, now; ``fields`` are set as they are, None among them. Raises ValueError for an unknown type."""
    if event_type not in NAMES:
        raise ValueError(f"event_type is one of {sorted(NAMES)}, not {event_type!r}")
    actor = company.v1_id(company.admin_id)
    event = {
        "id": company.ids("activity", len(company.activity) + 1),
        "request_data": None,
        "linked_events": [],
        "subjects": _subjects(company, worker_id, group),
        "event_type": event_type,
        "timestamp": company.now.astimezone(ZONE).isoformat(timespec="microseconds"),
        "company": company.company_id,
        "spoke": company.ids("spokes", 0) if event_type.startswith("EXTERNAL_") else None,
        "owner": actor,
        "initiator": {"type": "ROLE", "role": actor, "display_name": "Payroll Office", "icon": None},
        "event_reason": None,
        "name": NAMES[event_type],
    }
    written = {**event, **fields}
    company.activity.append((company.now.astimezone(ZONE), written))
    return written


def _subjects(company: RipplingCompany, worker_id: str | None, group: str | None) -> list[Row]:
    found = []
    if worker_id is not None:
        worker = company.workers.get(worker_id) or {}
        user = company.tables["users"].get(worker.get("user_id")) or {}
        found.append(("ROLE", company.v1_id(worker_id), user.get("display_name", "")))
    if group is not None:
        found.append(("GROUP", group, (company.tables["departments"].get(group) or {}).get("name", "")))
    return [{"instance": one, "type": kind, "display_name": name, "icon": None} for kind, one, name in found]


def events(request: web.Request, company: RipplingCompany) -> Row:
    """A page of the activity. A cursor that is none is told in the body of a 200. Raises Refusal."""
    if SCOPE not in company.behaviour.scopes:
        raise Refusal(403, f"The token does not have the scope {SCOPE}.")
    limit = whole_number(request, "limit", MAX_LIMIT, 1, MAX_LIMIT) or MAX_LIMIT
    rows = company.activity
    place = _place(company, request.query["next"]) if "next" in request.query else 0
    if place is None:
        return {"data": None, "error": "next is not a cursor of this company."}
    wanted = _within(request, company)
    given: list[Row] = []
    while place < len(rows) and len(given) < limit:
        moment, row = rows[place]
        given += [row] if wanted(moment) else []
        place += 1
    return {"data": {"events": given, "next": _cursor(company, place)}, "error": None}


def _within(request: web.Request, company: RipplingCompany) -> Callable[[datetime], bool]:
    """Both dates are included; nothing older than the window is given, whatever is asked for. Raises Refusal."""
    oldest = company.now - WINDOW
    first, last = _day(request, "startDate"), _day(request, "endDate")
    if first is not None and first < oldest.astimezone(ZONE).date():
        raise Refusal(400, "startDate must be less than 90 days ago.")
    return lambda moment: (
        moment >= oldest and (first is None or moment.date() >= first) and (last is None or moment.date() <= last)
    )


def _day(request: web.Request, name: str) -> date | None:
    text = request.query.get(name)
    try:
        return None if text is None else _iso_date(text)
    except ValueError:
        raise Refusal(400, f"{name} must be YYYY-MM-DD.") from None


def _iso_date(text: str) -> date:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        raise ValueError(text)
    return date.fromisoformat(text)


def _cursor(company: RipplingCompany, place: int) -> str:
    return company.ids("activity places", place)


def _place(company: RipplingCompany, cursor: str) -> int | None:
    """How many events are behind the cursor; None for text that is no cursor."""
    number = cursor.removeprefix(company.ids.prefix("activity places"))
    if not re.fullmatch(r"[0-9a-f]{6}", number) or int(number, 16) > len(company.activity):
        return None
    return int(number, 16)
