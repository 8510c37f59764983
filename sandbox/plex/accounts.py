"""The chart of accounts and the lists beside it: create, replace, activate, deactivate (plex §2.4.2)."""

from __future__ import annotations

from aiohttp import web

from sandbox.plex import bodies
from sandbox.plex.call import Call
from sandbox.plex.lists import Listing, json_response
from sandbox.plex.naming import ACCOUNT
from sandbox.plex.refusals import invalid, not_found
from sandbox.plex.tables import Record, Row

CATEGORIES = ("Asset", "Equity", "Expense", "Liability", "Revenue")
ACCOUNTS = Listing(
    lambda plant: plant.accounts,
    {name: name for name in ("id", "accountNumber", "name", "categoryType", "active")},
)
COST_CENTERS = Listing(lambda plant: plant.cost_centers, {name: name for name in ("id", "code", "name", "active")})
BUILDINGS = Listing(
    lambda plant: plant.buildings,
    {name: name for name in ("id", "buildingCode", "buildingType", "name", "active")},
)
TENANTS = Listing(
    lambda plant: plant.tenants,
    {"idList": "id", "code": "code", "codeList": "code"},
    several=("idList", "codeList"),
)


def create(call: Call) -> web.Response:
    """201 with the new account; number and name are unique in the plant."""
    given = bodies.read(
        call,
        ACCOUNT,
        allowed={"id", "accountNumber", "name", "categoryType"},
        required=["accountNumber", "name", "categoryType"],
    )
    _check(call, given)
    if given.get("id") is None:
        given["id"] = call.company.new_id()
    elif given["id"] in call.plant.accounts.rows:
        raise invalid(f"{_quoted(call, 'id')} is already in use.", status=call.company.settings.used_id_status)
    if call.plant.accounts.find("accountNumber", given["accountNumber"]):
        raise invalid(f"{_quoted(call, 'accountNumber')} is already in use.")
    row = call.plant.add_account(given, call.company.stamp(), call.company.user_id)
    call.company.writes["account_creates"] += 1
    return json_response(row.json(ACCOUNT, call.profile), 201)


def replace(call: Call) -> web.Response:
    """200 with the account; the body repeats the id, the number cannot change (plex §2.4.2)."""
    row = _account(call)
    names = ["id", "name", "categoryType"]
    given = bodies.read(call, ACCOUNT, allowed=names, required=names)
    if given["id"] != row.record["id"]:
        raise invalid(f"{_quoted(call, 'id')} is not the id in the path.")
    _check(call, given, row)
    _change(call, row, given, "account_updates")
    return json_response(row.json(ACCOUNT, call.profile))


def activate(call: Call) -> web.Response:
    _change(call, _account(call), {"active": True, "inactiveDate": None}, "account_activations")
    return web.Response(status=202)


def deactivate(call: Call) -> web.Response:
    _change(call, _account(call), {"active": False, "inactiveDate": call.company.stamp()}, "account_deactivations")
    return web.Response(status=202)


def _account(call: Call) -> Row:
    row = call.plant.accounts.rows.get(call.path_id)
    if row is None:
        raise not_found()
    return row


def _check(call: Call, given: Record, own: Row | None = None) -> None:
    if given["categoryType"] not in CATEGORIES:
        raise invalid(f"The value of {_quoted(call, 'categoryType')} is not one of {', '.join(CATEGORIES)}.")
    if any(row is not own for row in call.plant.accounts.find("name", given["name"])):
        raise invalid(f"{_quoted(call, 'name')} is already in use.")


def _change(call: Call, row: Row, changes: Record, counted: str) -> None:
    by = {"modifiedBy": call.company.user_id, "modifiedDate": call.company.stamp()}
    call.plant.accounts.change(row, changes | by)
    call.company.writes[counted] += 1


def _quoted(call: Call, name: str) -> str:
    return f"'{ACCOUNT.on_wire(call.profile, name)}'"
