"""Employees: create, replace, activate, deactivate, transfer (plex §2.4.1)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from aiohttp import web

from sandbox.plex import bodies
from sandbox.plex.call import Call
from sandbox.plex.lists import Listing, json_response
from sandbox.plex.naming import EMPLOYEE, STATUS, TRANSFER
from sandbox.plex.plant import Pending, Plant
from sandbox.plex.refusals import Refusal, invalid, not_found
from sandbox.plex.tables import Record, Row

WRITABLE = frozenset(EMPLOYEE.connect)
REPLACEABLE = WRITABLE - {"id", "userId"}
REQUIRED = ("firstName", "lastName", "status", "position", "department")
FILTERS = (
    "id",
    "badgeNumber",
    "userId",
    "firstName",
    "lastName",
    "supervisorId",
    "status",
    "position",
    "shift",
    "building",
    "type",
    "department",
    "email",
)
EMPLOYEES = Listing(lambda plant: plant.employees, {name: name for name in FILTERS})


def create(call: Call) -> web.Response:
    """201 with the new employee; the caller may choose the id, an id in use is refused, so is a used user id."""
    _refuse_if_migrated(call)
    given = bodies.read(call, EMPLOYEE, allowed=WRITABLE, required=("userId", *REQUIRED))
    _check_values(call, given)
    enterprise = call.company.enterprise_of(call.plant)
    employee_id = given.get("id") or call.company.new_id()
    if any(employee_id in plant.employees.rows for plant in enterprise):
        raise invalid(f"{_quoted(call, 'id')} is already in use.", status=call.company.settings.used_id_status)
    if any(plant.employees.find("userId", given["userId"]) for plant in enterprise):
        raise invalid(f"{_quoted(call, 'userId')} is already in use.")
    row = call.plant.add_employee(given | {"id": employee_id}, call.company.stamp())
    call.company.writes["creates"] += 1
    return json_response(row.json(EMPLOYEE, call.profile), 201)


def replace(call: Call) -> web.Response:
    """200 with the employee; what the body leaves out is empty afterwards."""
    _refuse_if_migrated(call)
    row = _employee(call)
    given = bodies.read(call, EMPLOYEE, allowed=REPLACEABLE, required=REQUIRED)
    _check_values(call, given)
    call.plant.carry_out(row.record["id"])
    blank = dict.fromkeys(REPLACEABLE)
    call.plant.employees.change(row, blank | given | {"modifiedDate": call.company.stamp()})
    call.company.writes["updates"] += 1
    return json_response(row.json(EMPLOYEE, call.profile))


def activate(call: Call) -> web.Response:
    return _set_status(call, active=True, counted="activations")


def deactivate(call: Call) -> web.Response:
    return _set_status(call, active=False, counted="deactivations")


def transfer(call: Call) -> web.Response:
    """202; the employee then exists in the other plant, whose setup must hold every value."""
    _refuse_if_migrated(call)
    row = _employee(call)
    tenant_id = bodies.read(call, TRANSFER, allowed={"tenantId"}, required=["tenantId"])["tenantId"]
    target = next((p for p in call.company.enterprise_of(call.plant) if p.tenant_id == tenant_id), None)
    if target is None:
        raise invalid(f"The value of '{TRANSFER.on_wire(call.profile, 'tenantId')}' is not a known tenant.")
    source = call.plant
    source.carry_out(row.record["id"])
    _refuse_unknown(call, target, row.record)
    now = call.company.stamp()

    def move() -> None:
        source.employees.remove(row)
        target.employees.add(row.record | {"modifiedDate": now})

    _accept(call, row, move)
    call.company.writes["transfers"] += 1
    return web.Response(status=202)


def _set_status(call: Call, *, active: bool, counted: str) -> web.Response:
    """202 without a body; the status must be configured as active, or as inactive."""
    _refuse_if_migrated(call)
    row = _employee(call)
    status = bodies.read(call, STATUS, allowed={"status"}, required=["status"])["status"]
    if call.plant.statuses.get(status) is not active:
        kind = "active" if active else "inactive"
        raise invalid(f"The value of {_quoted(call, 'status')} is not an employee status configured as {kind}.")
    call.plant.carry_out(row.record["id"])
    changes = {"status": status, "modifiedDate": call.company.stamp()}
    _accept(call, row, lambda: call.plant.employees.change(row, changes))
    call.company.writes[counted] += 1
    return web.Response(status=202)


def _accept(call: Call, row: Row, carry_out: Callable[[], None]) -> None:
    """Now, or after as many reads or seconds as the settings say."""
    reads, seconds = call.company.settings.delay()
    if reads == 0 and seconds == 0:
        carry_out()
    else:
        due = call.company.now() + timedelta(seconds=seconds)
        call.plant.pending[row.record["id"]] = Pending(reads, due, carry_out)


def _employee(call: Call) -> Row:
    row = call.plant.employees.rows.get(call.path_id)
    if row is None:
        raise not_found()
    return row


def _refuse_if_migrated(call: Call) -> None:
    """Employee writes end once a PCN is migrated to IAM; what the real answer is, is unknown (plex §10)."""
    settings = call.company.settings
    if settings.iam_migrated:
        raise Refusal(settings.iam_status, settings.iam_code, settings.iam_message)


def _check_values(call: Call, given: Record) -> None:
    _refuse_unknown(call, call.plant, given)
    supervisor = given.get("supervisorId")
    enterprise = call.company.enterprise_of(call.plant)
    if supervisor is not None and not any(supervisor in plant.employees.rows for plant in enterprise):
        raise invalid(f"The value of {_quoted(call, 'supervisorId')} is not an employee of the enterprise.")


def _refuse_unknown(call: Call, plant: Plant, record: Record) -> None:
    unknown = plant.unknown(record)
    if unknown:
        raise invalid(*[f"The value '{record[name]}' of {_quoted(call, name)} is not set up." for name in unknown])


def _quoted(call: Call, name: str) -> str:
    return f"'{EMPLOYEE.on_wire(call.profile, name)}'"
