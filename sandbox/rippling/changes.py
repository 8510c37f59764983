"""What can be made to happen at a company: hires, transfers, terminations, and data gone wrong.

Every change moves the company's clock on by a second and stamps the rows it touches with it. Three arguments go with
every change: ``lag_seconds`` stamps them that much in the past (a row that turns up late), ``quiet`` leaves their
``updated_at`` as it was, ``unannounced`` leaves no webhook and nothing in the feeds. A worker
is named by id, number or work e-mail; other rows by id, name or reference code.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from sandbox.rippling.announcing import announce_change
from sandbox.rippling.app_changes import (
    activity,
    announce,
    demote_installer,
    expire_tokens,
    install,
    sign_in,
    terminate_installer,
    uninstall,
    webhooks,
    worker_change,
)
from sandbox.rippling.company import NO_ENTITLEMENT, RipplingCompany, new_token
from sandbox.rippling.filters import instant_text
from sandbox.rippling.organization import department_row
from sandbox.rippling.payroll_changes import change_record, remove_run, run_payroll, set_run
from sandbox.rippling.scene import Change, Scene
from sandbox.rippling.table import Row


def carry_out(company: RipplingCompany, action: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Raises KeyError for an action that there is not, ValueError or TypeError for arguments that make no sense."""
    change = ACTIONS[action]
    rest = dict(arguments)
    lag, quiet = timedelta(seconds=rest.pop("lag_seconds", 0)), rest.pop("quiet", False)
    unannounced = rest.pop("unannounced", False)
    company.now += timedelta(seconds=1)
    company.begin_change()
    done = change(Scene(company, None if quiet else instant_text(company.now - lag)), **rest)
    if not unannounced:
        announce_change(company)
    return done


def hire(scene: Scene, start_date: str | None = None, status: str | None = None, **fields: Any) -> dict[str, Any]:
    """A new person; what is not given is invented. With a start date to come they are ACCEPTED until then."""
    company = scene.company
    worker, user = company.people.next()
    start = start_date or company.today.isoformat()
    worker |= {"start_date": start, "title_effective_date": start, "created_at": instant_text(company.now)}
    worker |= {"updated_at": worker["created_at"], "status": status or _status_on(company, start)}
    user |= {"created_at": worker["created_at"], "updated_at": worker["created_at"]}
    if start > company.today.isoformat():
        company.scheduled[worker["id"]] = (start, "ACTIVE")
    worker, user = scene.set(worker, user, fields)
    company.put("users", user)
    return scene.shown(worker)


def terminate(
    scene: Scene, worker: str | int, end_date: str | None = None, type: str = "VOLUNTARY", reason: str = "Resigned"
) -> dict[str, Any]:
    """Terminated when the day has come; until then active with an end date."""
    company, row = scene.company, scene.worker(worker)
    end = end_date or company.today.isoformat()
    details = {"type": type, "reason": reason}
    company.scheduled.pop(row["id"], None)
    if end > company.today.isoformat():
        company.scheduled[row["id"]] = (end, "TERMINATED")
        return scene.shown(scene.save("workers", row, end_date=end, termination_details=details))
    return scene.shown(
        _enter(scene, scene.save("workers", row, end_date=end, termination_details=details), "TERMINATED")
    )


def rehire(
    scene: Scene, worker: str | int, start_date: str | None = None, new_worker: bool = False, **fields: Any
) -> dict[str, Any]:
    """The same worker again, or a new worker of the same user: both happen. Source: rippling §11."""
    company, row = scene.company, scene.worker(worker)
    start = start_date or company.today.isoformat()
    user = company.tables["users"].rows[row["user_id"]]
    if new_worker:
        fresh, _ = company.people.next()
        row = {**row, "id": fresh["id"], "number": fresh["number"], "created_at": instant_text(company.now)}
    row = {**row, "start_date": start, "end_date": None, "termination_details": None}
    row, _ = scene.set(row, user, {"status": _status_on(company, start), **fields})
    row = _enter(scene, row, row["status"])
    company.scheduled.pop(row["id"], None)
    if start > company.today.isoformat():
        company.scheduled[row["id"]] = (start, "ACTIVE")
    return scene.shown(row)


def transfer(
    scene: Scene,
    worker: str | int,
    department: str | None = None,
    work_location: str | None = None,
    legal_entity: str | None = None,
) -> dict[str, Any]:
    """To another department, work location or legal entity; what is not given stays."""
    places = {"department": department, "work_location": work_location, "legal_entity": legal_entity}
    return update(scene, worker, **{name: place for name, place in places.items() if place is not None})


def update(scene: Scene, worker: str | int, **fields: Any) -> dict[str, Any]:
    """Any field of the worker or the user, with names flat (given_name) and references by name (department)."""
    row = scene.worker(worker)
    row, _ = scene.set(row, scene.company.tables["users"].rows[row["user_id"]], fields)
    return scene.shown(row)


def touch(scene: Scene, n: int = 1) -> dict[str, Any]:
    """The first n workers get a new ``updated_at`` and nothing else."""
    touched = [scene.save("workers", row) for row in list(scene.company.workers)[:n]]
    return {"touched": [row["id"] for row in touched]}


def remove_worker(scene: Scene, worker: str | int) -> dict[str, Any]:
    """The worker is gone without a trace; the user stays."""
    row = scene.worker(worker)
    scene.company.remove("workers", row["id"])
    return {"removed": row["id"]}


def duplicate_number(scene: Scene, worker: str | int, other: str | int) -> dict[str, Any]:
    """The other worker gets the employee number of the first."""
    return update(scene, scene.worker(other)["id"], number=scene.worker(worker)["number"])


def raw(
    scene: Scene,
    worker: str | int | None = None,
    resource: str = "workers",
    id: str | None = None,
    fields: dict[str, Any] | None = None,
    remove: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Any field of any row set or removed, however wrong; resource ``users`` with a worker means that worker's user."""
    if worker is not None:
        row = scene.worker(worker)
        row = row if resource == "workers" else scene.company.tables[resource].rows[row["user_id"]]
    else:
        row = scene.row(resource, str(id))
    return scene.save(resource, {name: value for name, value in row.items() if name not in remove}, **(fields or {}))


def add_department(
    scene: Scene, name: str, reference_code: str | None = None, parent: str | None = None
) -> dict[str, Any]:
    company = scene.company
    company.departments_made += 1
    above = None if parent is None else scene.row("departments", parent)
    now = instant_text(company.now)
    row = department_row(company.ids, company.departments_made, name, reference_code, above, now)
    return scene.save("departments", row)


def rename_department(
    scene: Scene, department: str, name: str | None = None, reference_code: str | None = None
) -> dict[str, Any]:
    """Another name, another code, or both. The workers in it are not touched."""
    given = {"name": name, "reference_code": reference_code}
    row = scene.row("departments", department)
    return scene.save("departments", row, **{key: value for key, value in given.items() if value is not None})


def remove_department(scene: Scene, department: str) -> dict[str, Any]:
    """The department is gone; the workers in it keep pointing to it."""
    row = scene.row("departments", department)
    scene.company.remove("departments", row["id"])
    scene.company.people.close(row["id"])
    return {"removed": row["id"]}


def redact(
    scene: Scene, field: str, resource: str = "workers", worker: str | int | None = None, reason: str = NO_ENTITLEMENT
) -> dict[str, Any]:
    """The token no longer sees this field: of one worker, or of all rows of a resource. No ``updated_at`` moves."""
    if worker is None:
        scene.company.redacted.setdefault(resource, {})[field] = reason
    else:
        scene.company.redacted_rows.setdefault(scene.worker(worker)["id"], {})[field] = reason
    return {"redacted": scene.company.redacted}


def unredact(scene: Scene, field: str, resource: str = "workers", worker: str | int | None = None) -> dict[str, Any]:
    if worker is None:
        del scene.company.redacted[resource][field]
    else:
        del scene.company.redacted_rows[scene.worker(worker)["id"]][field]
    return {"redacted": scene.company.redacted}


def revoke_token(scene: Scene) -> dict[str, Any]:
    """No token reaches the company any more."""
    scene.company.token = None
    return {"token": None}


def issue_token(scene: Scene) -> dict[str, Any]:
    """A new token, in place of the old one."""
    scene.company.token = new_token()
    return {"token": scene.company.token}


def set_options(scene: Scene, **options: Any) -> dict[str, Any]:
    """The API behaves differently from now on: any option of Behaviour."""
    scene.company.behaviour = scene.company.behaviour.changed(options)
    return {"changed": sorted(options)}


def set_clock(scene: Scene, now: str | None = None, advance_seconds: float = 0) -> dict[str, Any]:
    """Moves the company's clock; starts and terminations whose day has come take effect."""
    company = scene.company
    if now is not None:
        company.now = datetime.fromisoformat(now).astimezone(UTC)
    company.now += timedelta(seconds=advance_seconds)
    due = [
        (worker_id, state) for worker_id, (day, state) in company.scheduled.items() if day <= company.today.isoformat()
    ]
    later = Scene(company, instant_text(company.now))
    for worker_id, state in due:
        del company.scheduled[worker_id]
        if (row := company.workers.get(worker_id)) is not None:
            _enter(later, row, state)
    return {"now": instant_text(company.now), "changed": [worker_id for worker_id, _ in due]}


def _enter(scene: Scene, row: Row, state: str) -> Row:
    """The worker is in this state, and their user can sign in only while not terminated."""
    user = scene.company.tables["users"].get(row.get("user_id"))
    active = state != "TERMINATED"
    if user is not None and user["active"] is not active:
        scene.save("users", user, active=active)
    return scene.save("workers", row, status=state)


def _status_on(company: RipplingCompany, start: str) -> str:
    return "ACTIVE" if date.fromisoformat(start) <= company.today else "ACCEPTED"


ACTIONS: dict[str, Change] = {
    change.__name__: change
    for change in (
        hire, terminate, rehire, transfer, update, touch, remove_worker, duplicate_number, raw, add_department,
        rename_department, remove_department, redact, unredact, revoke_token, issue_token, set_options, set_clock,
        run_payroll, set_run, change_record, remove_run, sign_in, install, expire_tokens, terminate_installer,
        demote_installer, uninstall, webhooks, announce, worker_change, activity,
    )
}  # fmt: skip
