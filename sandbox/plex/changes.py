"""What happens inside Plex without us: scripted through the control endpoint, never refused, never counted."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sandbox.plex.books import AMOUNTS, compose, compose_lines, distorted
from sandbox.plex.plant import PERIOD_STATUSES, SETUP_OF_FIELD, Plant
from sandbox.plex.tables import Row, Table

if TYPE_CHECKING:
    from sandbox.plex.company import PlexCompany

Arguments = dict[str, Any]


def _plant(company: PlexCompany, arguments: Arguments) -> Plant:
    """The plant named by ``pcn``, or the first."""
    if "pcn" in arguments:
        return company.plants[int(arguments["pcn"])]
    return next(iter(company.plants.values()))


def _fields(arguments: Arguments, *without: str) -> Arguments:
    return {name: value for name, value in arguments.items() if name not in ("pcn", *without)}


def _one(table: Table, arguments: Arguments, *names: str) -> Row:
    """The row named by the first of the given fields; KeyError when there is none."""
    for name in names:
        if name in arguments:
            hits = table.find(name, arguments[name])
            if not hits:
                raise KeyError(arguments[name])
            return hits[0]
    raise KeyError(f"one of {names}")


def _employee(company: PlexCompany, arguments: Arguments) -> tuple[Plant, Row]:
    for plant in company.plants.values():
        try:
            return plant, _one(plant.employees, arguments, "id", "badgeNumber", "userId")
        except KeyError:
            continue
    raise KeyError(f"no such employee: {arguments}")


def add_employee(company: PlexCompany, arguments: Arguments) -> Arguments:
    given = {"id": company.new_id()} | _fields(arguments)
    return {"id": _plant(company, arguments).add_employee(given, company.stamp()).record["id"]}


def update_employee(company: PlexCompany, arguments: Arguments) -> Arguments:
    """Named by ``id``, ``badgeNumber`` or ``userId``; ``fields`` are the new values."""
    plant, row = _employee(company, arguments)
    plant.employees.change(row, arguments["fields"] | {"modifiedDate": company.stamp()})
    return {"id": row.record["id"]}


def remove_employee(company: PlexCompany, arguments: Arguments) -> Arguments:
    plant, row = _employee(company, arguments)
    plant.pending.pop(row.record["id"], None)
    plant.employees.remove(row)
    return {"id": row.record["id"]}


def add_setup_value(company: PlexCompany, arguments: Arguments) -> Arguments:
    """``kind`` (statuses, positions, …), ``value``; a status also says ``active`` (default true)."""
    plant, kind, value = _plant(company, arguments), _kind(arguments), arguments["value"]
    if kind == "statuses":
        plant.statuses[value] = bool(arguments.get("active", True))
    elif kind == "buildings":
        plant.add_building(value)
    else:
        plant.setup[kind][value] = None
    return {}


def remove_setup_value(company: PlexCompany, arguments: Arguments) -> Arguments:
    """Employees keep the value; new writes with it are refused."""
    plant, kind, value = _plant(company, arguments), _kind(arguments), arguments["value"]
    if kind == "statuses":
        del plant.statuses[value]
    elif kind == "buildings":
        plant.buildings.remove(_one(plant.buildings, {"buildingCode": value}, "buildingCode"))
    else:
        del plant.setup[kind][value]
    return {}


def rename_setup_value(company: PlexCompany, arguments: Arguments) -> Arguments:
    """``value`` becomes ``to`` in the setup and on every employee who carries it."""
    plant, kind, old, new = _plant(company, arguments), _kind(arguments), arguments["value"], arguments["to"]
    if kind == "statuses":
        plant.statuses = {new if name == old else name: active for name, active in plant.statuses.items()}
    elif kind == "buildings":
        building = _one(plant.buildings, {"buildingCode": old}, "buildingCode")
        plant.buildings.change(building, {"buildingCode": new})
    else:
        plant.setup[kind] = {new if name == old else name: None for name in plant.setup[kind]}
    name = next(field for field, table in SETUP_OF_FIELD.items() if table == kind)
    carriers = [row for row in plant.employees if row.record[name] == old]
    for row in carriers:
        plant.employees.change(row, {name: new, "modifiedDate": company.stamp()})
    return {"renamed": len(carriers)}


def add_account(company: PlexCompany, arguments: Arguments) -> Arguments:
    plant = _plant(company, arguments)
    row = plant.add_account({"categoryType": "Expense"} | _fields(arguments), company.stamp(), company.user_id)
    return {"id": row.record["id"]}


def deactivate_account(company: PlexCompany, arguments: Arguments) -> Arguments:
    plant, now = _plant(company, arguments), company.stamp()
    row = _one(plant.accounts, arguments, "id", "accountNumber")
    plant.accounts.change(row, {"active": False, "inactiveDate": now, "modifiedDate": now})
    return {"id": row.record["id"]}


def activate_account(company: PlexCompany, arguments: Arguments) -> Arguments:
    plant = _plant(company, arguments)
    row = _one(plant.accounts, arguments, "id", "accountNumber")
    plant.accounts.change(row, {"active": True, "inactiveDate": None, "modifiedDate": company.stamp()})
    return {"id": row.record["id"]}


def rename_account(company: PlexCompany, arguments: Arguments) -> Arguments:
    """Named by ``id`` or ``accountNumber``; ``to`` is the new name."""
    plant = _plant(company, arguments)
    row = _one(plant.accounts, arguments, "id", "accountNumber")
    plant.accounts.change(row, {"name": arguments["to"], "modifiedDate": company.stamp()})
    return {"id": row.record["id"]}


def set_period(company: PlexCompany, arguments: Arguments) -> Arguments:
    """``period`` MM-YYYY gets ``status``: Open, Soft Closed or Closed."""
    status = arguments["status"]
    if status not in PERIOD_STATUSES:
        raise ValueError(f"status is one of {PERIOD_STATUSES}")
    plant = _plant(company, arguments)
    plant.periods.change(plant.periods.rows[arguments["period"]], {"periodStatus": status})
    return {}


def add_journal(company: PlexCompany, arguments: Arguments) -> Arguments:
    """A journal somebody entered by hand: ``description``, ``lines`` of ``accountNumber`` and debit or credit; the
    period is this month's and the status the last one unless said otherwise. Balance is nobody's concern here."""
    plant, now = _plant(company, arguments), company.now()
    given = {
        "periodDisplay": f"{now:%m-%Y}",
        "postDate": f"{now:%Y-%m-%d}T00:00:00.0000000Z",
        "status": company.settings.journal_statuses[-1],
        "currency": company.settings.currencies[0],
        **_fields(arguments),
        "lines": _entered(arguments["lines"]),
    }
    record = plant.books.enter(compose(company, plant, given, company.accountant_id)).record
    return {"id": record["id"], "journalNumber": record["journalNumber"]}


def change_journal(company: PlexCompany, arguments: Arguments) -> Arguments:
    """Named by ``id`` or ``journalNumber``; ``fields`` of the header are replaced, ``lines`` all together."""
    plant, row = _journal(company, arguments)
    by = company.accountant_id
    changes = arguments.get("fields", {}) | {"modifiedById": by, "modifiedDate": company.stamp()}
    if "lines" in arguments:
        changes["lines"] = compose_lines(company, plant, _entered(arguments["lines"]), by)
    plant.books.journals.change(row, changes)
    return {"id": row.record["id"]}


def delete_journal(company: PlexCompany, arguments: Arguments) -> Arguments:
    plant, row = _journal(company, arguments)
    plant.books.remove(row)
    return {"id": row.record["id"]}


def book_journals(company: PlexCompany, arguments: Arguments) -> Arguments:
    """Every journal of the plant that is not booked yet is from now on."""
    plant = _plant(company, arguments)
    booked = [row for row in plant.books.journals if not row.record["booked"]]
    for row in booked:
        plant.books.journals.change(row, {"booked": True, "modifiedDate": company.stamp()})
    return {"booked": len(booked)}


def distort_next_journal(company: PlexCompany, arguments: Arguments) -> Arguments:
    """Of the next journal created, the ``answer`` or what the ``ledger`` keeps differs from what was sent."""
    if not arguments or arguments.keys() - {"answer", "ledger"}:
        raise ValueError("say what of the answer or the ledger is distorted")
    for how in arguments.values():
        distorted({"lines": []}, how)
    company.distortions.append(arguments)
    return {}


def fail_after_commit(company: PlexCompany, arguments: Arguments) -> Arguments:
    """The next ``times`` (default 1) writes of ``resource`` (default journal entries) happen and are answered 500."""
    company.failing[arguments.get("resource", "journal-entries")] += int(arguments.get("times", 1))
    return {}


def expire_tokens(company: PlexCompany, arguments: Arguments) -> Arguments:
    """Every token issued so far is refused from now on."""
    count = len(company.tokens)
    company.tokens = dict.fromkeys(company.tokens, company.now())
    return {"expired": count}


def revoke_key(company: PlexCompany, arguments: Arguments) -> Arguments:
    """The API key is refused from now on."""
    company.api_key = None
    return {}


def set_options(company: PlexCompany, arguments: Arguments) -> Arguments:
    company.settings.set(arguments)
    return {}


def _journal(company: PlexCompany, arguments: Arguments) -> tuple[Plant, Row]:
    plant = _plant(company, arguments)
    return plant, _one(plant.books.journals, arguments, "id", "journalNumber")


def _entered(lines: list[Arguments]) -> list[Arguments]:
    """The lines with their amounts as Decimal, whether they came as text or number."""
    return [
        {"description": ""} | {name: Decimal(str(value)) if name in AMOUNTS else value for name, value in line.items()}
        for line in lines
    ]


def _kind(arguments: Arguments) -> str:
    kind: str = arguments["kind"]
    if kind not in SETUP_OF_FIELD.values():
        raise ValueError(f"kind is one of {sorted(SETUP_OF_FIELD.values())}")
    return kind


ACTIONS: dict[str, Callable[[PlexCompany, Arguments], Arguments]] = {
    action.__name__: action
    for action in (
        add_employee,
        update_employee,
        remove_employee,
        add_setup_value,
        remove_setup_value,
        rename_setup_value,
        add_account,
        activate_account,
        deactivate_account,
        rename_account,
        set_period,
        add_journal,
        change_journal,
        delete_journal,
        book_journals,
        distort_next_journal,
        fail_after_commit,
        expire_tokens,
        revoke_key,
        set_options,
    )
}
