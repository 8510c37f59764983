"""The v1 "platform" API under /platform/api: bare arrays, limit and offset. Source: rippling §3.2, §4, §11, §12.

Query parameters that an endpoint does not have, ``updated_at`` and ``cursor`` among them, are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from aiohttp import web

from sandbox.rippling import activity
from sandbox.rippling.answers import Refusal, answer, encoded, whole_number
from sandbox.rippling.company import OTHER_ID, RipplingCompany
from sandbox.rippling.payroll_v1 import SCOPE, paid_employee, pay_run, runs_of
from sandbox.rippling.people import custom_values
from sandbox.rippling.table import Row

PREFIX = "/platform/api"
MAX_LIMIT = 100

One = TypeVar("One")
Lister = Callable[[RipplingCompany, web.Request], list[Row]]


async def respond(request: web.Request, company: RipplingCompany | None) -> web.Response:
    """The answer to any request under /platform/api."""
    path = request.path.removeprefix(PREFIX).rstrip("/")
    try:
        if company is None or not company.behaviour.v1:
            raise Refusal(401, "Invalid token.")
        if path == "/mark_app_installed":
            _method(request, "POST")
            return answer(encoded({"ok": True}, "null"))
        _method(request, "GET")
        return answer(encoded(_body(company, request, path), company.behaviour.empty))
    except Refusal as refusal:
        return refusal.response()


def _method(request: web.Request, allowed: str) -> None:
    if request.method != allowed:
        raise Refusal(405, f'Method "{request.method}" not allowed.')


def _body(company: RipplingCompany, request: web.Request, path: str) -> Any:
    if path == "/me":
        return {
            "id": company.v1_id(company.admin_id),
            "workEmail": company.admin_email,
            "company": company.company_id,
        }
    if path == "/companies/current":
        return _company(company)
    if path == "/company_activity":
        return activity.events(request, company)
    if path in EMPLOYEES:
        rows = _slice(request, EMPLOYEES[path](company, request))
        return [employee(company, row) for row in rows]
    if path in REFERENCE:
        resource, write = REFERENCE[path]
        return [write(company, row) for row in _slice(request, list(company.tables[resource]))]
    if match := re.fullmatch(r"/employees/([^/]+)", path):
        row = company.workers.get(_worker_id(company, match[1]))
        if row is not None:
            return employee(company, row)
    if match := re.fullmatch(r"/payroll_runs(?:/([^/]+)/employees)?", path):
        return _payroll(company, request, match[1])
    raise Refusal(404, "Not found.")


def _payroll(company: RipplingCompany, request: web.Request, run_id: str | None) -> list[Row]:
    """The pay runs, or the people in one of them; a run of another EIN than the one asked for is not found."""
    if SCOPE not in company.behaviour.scopes:
        raise Refusal(403, f"The token does not have the scope {SCOPE}.")
    runs = runs_of(company, request.query.get("EIN"))
    if run_id is None:
        return [pay_run(company, run) for run in _slice(request, runs)]
    run = next((run for run in runs if run.id == run_id), None)
    if run is None:
        raise Refusal(404, "Not found.")
    records = [(company.v1_id(record.worker_id), record) for record in run.records.values()]
    role = request.query.get("role")
    wanted = [(person, record) for person, record in records if role is None or person == role]
    return [paid_employee(company, run, record, person) for person, record in _slice(request, wanted)]


def _slice(request: web.Request, rows: list[One]) -> list[One]:
    """Without ``limit``, everything from ``offset`` on. Rows are counted anew each time, so a changing list shifts."""
    limit = whole_number(request, "limit", None, 1, MAX_LIMIT)
    offset = whole_number(request, "offset", 0, 0, None) or 0
    return rows[offset:] if limit is None else rows[offset : offset + limit]


def _current(company: RipplingCompany, request: web.Request) -> list[Row]:
    if "current" not in company.listings:
        company.listings["current"] = [
            row for row in company.workers if row["status"] != "TERMINATED" and row["id"] not in company.not_provisioned
        ]
    return company.listings["current"]


def _everybody(company: RipplingCompany, request: web.Request) -> list[Row]:
    all_roles, ein = request.query.get("send_all_roles") == "true", request.query.get("EIN")
    key = f"everybody {all_roles} {ein}"
    if key not in company.listings:
        entities = {row["id"] for row in company.tables["legal-entities"] if row["tax_identifier"] == ein}
        company.listings[key] = [
            row
            for row in company.workers
            if (all_roles or row["id"] not in company.not_provisioned)
            and (ein is None or row.get("legal_entity_id") in entities)
        ]
    return company.listings[key]


EMPLOYEES: dict[str, Lister] = {"/employees": _current, "/employees/include_terminated": _everybody}


def employee(company: RipplingCompany, worker: Row) -> Row:
    """A worker and their user as one v1 employee; the department is its name, not its id."""
    tables = company.tables
    user = tables["users"].get(worker.get("user_id")) or {}
    name = user.get("name") or {}
    location_id = (worker.get("location") or {}).get("work_location_id")
    location = tables["work-locations"].get(location_id)
    department = tables["departments"].get(worker.get("department_id"))
    level = tables["levels"].get(worker.get("level_id"))
    kind = tables["employment-types"].get(worker.get("employment_type_id"))
    manager = worker.get("manager_id")
    teams = [tables["teams"].get(team) for team in worker.get("teams_id") or ()]
    written = {
        "id": company.v1_id(worker["id"]),
        "userId": company.v1_id(str(worker.get("user_id"))),
        "name": name.get("formatted"),
        "firstName": name.get("given_name"),
        "lastName": name.get("family_name"),
        "preferredFirstName": name.get("preferred_given_name"),
        "preferredLastName": name.get("preferred_family_name"),
        "personalEmail": worker.get("personal_email"),
        "workEmail": worker.get("work_email"),
        "employmentType": None if kind is None else kind["name"],
        "title": worker.get("title"),
        "department": None if department is None else department["name"],
        "workLocation": None if location is None else _address(location["address"]),
        "worklocationNickname": None if location is None else location["name"],
        "spokeId": None,
        "endDate": worker.get("end_date"),
        "roleState": worker.get("status"),
        "manager": None if manager is None else company.v1_id(manager),
        "customFields": {one["name"]: one["value"] for one in custom_values(worker)},
        "isInternational": worker.get("country") != "US",
        "isManager": worker.get("is_manager"),
        "isRemote": location is None,
        "employeeNumber": str(worker.get("number")),
        "level": None if level is None else level["name"],
        "teams": [team["name"] for team in teams if team is not None],
    }
    if company.behaviour.v1_edition == "2021":
        written |= _fields_of_2021(company, worker)
    return {name: value for name, value in written.items() if name not in company.behaviour.v1_left_out}


def _fields_of_2021(company: RipplingCompany, worker: Row) -> Row:
    entity = company.tables["legal-entities"].get(worker.get("legal_entity_id"))
    return {
        "departmentId": worker.get("department_id"),
        "workLocationId": (worker.get("location") or {}).get("work_location_id"),
        "startDate": worker.get("start_date"),
        "w2StartDate": worker.get("start_date"),
        "flsaStatus": "exempt" if worker.get("overtime_exemption") == "EXEMPT" else "non-exempt",
        "ein": None if entity is None else entity["tax_identifier"],
        "createdAt": _old_instant(worker["created_at"]),
        "updatedAt": _old_instant(worker["updated_at"]),
    }


def _old_instant(text: str) -> str:
    """``2020-08-11T21:59:23+0000``: no fraction, no colon in the zone."""
    return f"{text[:19]}+0000"


def _department(company: RipplingCompany, row: Row) -> Row:
    """In the edition of 2021 the root is its own parent."""
    own = row["id"] if company.behaviour.v1_edition == "2021" else None
    return {"id": row["id"], "name": row["name"], "parent": row["parent_id"] or own}


def _work_location(company: RipplingCompany, row: Row) -> Row:
    return {"id": row["id"], "nickname": row["name"], "address": _address(row["address"])}


def _named(company: RipplingCompany, row: Row) -> Row:
    return {"id": row["id"], "name": row["name"], "parent": row["parent_id"]}


def _custom_field(company: RipplingCompany, row: Row) -> Row:
    return {"Id": row["id"], "type": row["type"], "title": row["name"], "required": row["required"]}


REFERENCE: dict[str, tuple[str, Callable[[RipplingCompany, Row], Row]]] = {
    "/departments": ("departments", _department),
    "/work_locations": ("work-locations", _work_location),
    "/teams": ("teams", _named),
    "/levels": ("levels", _named),
    "/custom_fields": ("custom-fields", _custom_field),
}


def _company(company: RipplingCompany) -> Row:
    row = company.tables["companies"].rows[company.company_id]
    return {
        "id": row["id"],
        "name": row["name"],
        "primaryEmail": row["primary_email"],
        "phone": row["phone"],
        "address": _address(row["physical_address"]),
        "workLocations": [_work_location(company, location) for location in company.tables["work-locations"]],
        "entities": {"CA": []},
    }


def _address(address: Row) -> Row:
    return {
        "streetLine1": address["street_address"],
        "city": address["locality"],
        "state": address["region"],
        "zip": address["postal_code"],
        "country": address["country"],
    }


def _worker_id(company: RipplingCompany, v1_id: str) -> str:
    if not company.behaviour.ids_differ:
        return v1_id
    return company.ids.prefix("workers")[:2] + v1_id[2:] if v1_id.startswith(OTHER_ID) else ""
