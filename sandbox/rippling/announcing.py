"""What a change leaves behind for whoever listens: webhooks, worker changes, company activity.

It follows from the rows before and after, so a change that a test makes by any action is announced alike.
Source: rippling §5.3, §5.4, §7.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from sandbox.rippling.activity import record
from sandbox.rippling.company import RipplingCompany
from sandbox.rippling.filters import instant_text
from sandbox.rippling.table import Row

STAMPS = frozenset({"created_at", "updated_at"})
TERMINATED = "TERMINATED"


def announce_change(company: RipplingCompany) -> None:
    """Everything that the last change did to people and departments is told in every way that there is."""
    renamed = _users_changed(company)
    people = dict(company.before["workers"])
    if renamed:
        own = (worker for worker in company.workers if worker.get("user_id") in renamed)
        people |= {worker["id"]: worker for worker in own if worker["id"] not in people}
    for worker_id, before in people.items():
        after = company.workers.get(worker_id)
        _tell_of_person(company, worker_id, before, after)
        if before is not None and after is not None and renamed.get(after.get("user_id")):
            add_worker_change(company, worker_id, "CHANGE", "name")
    for row_id, before in company.before["departments"].items():
        _tell_of_department(company, row_id, before, company.tables["departments"].get(row_id))


def tell(company: RipplingCompany, event_name: str, subject: str | None) -> None:
    """An event of this company about this subject waits to be delivered; an app that was removed hears nothing."""
    if not company.app.uninstalled:
        company.webhooks.tell(event(company, event_name, subject))


def event(company: RipplingCompany, event_name: str, subject: str | None) -> dict[str, str]:
    email = company.tables["companies"].rows[company.company_id]["primary_email"]
    body = {"event_name": event_name, "company_id": company.company_id, "company_primary_email": email}
    return body if subject is None else {**body, "id": subject}


def add_worker_change(
    company: RipplingCompany, worker_id: str, event_type: str, field_key: str | None, effective_on: str | None = None
) -> Row:
    """A row of ``/worker-changes/``; what is effective later is not applied yet."""
    table = company.tables["worker-changes"]
    now, today = instant_text(company.now), company.today.isoformat()
    effective = effective_on or today
    return table.put(
        {
            "id": company.ids("worker-changes", len(table)),
            "created_at": now,
            "updated_at": now,
            "event_type": event_type,
            "worker_id": worker_id,
            "changed_by_id": company.admin_id,
            "field_key": field_key,
            "reason_code": None,
            "effective_on": effective,
            "applied_on": None if effective > today else effective,
        }
    )


def _tell_of_person(company: RipplingCompany, worker_id: str, before: Row | None, after: Row | None) -> None:
    subject = company.v1_id(worker_id)
    for name in _events(company, worker_id, before, after):
        tell(company, name, subject)
    for event_type, field_key, effective in _worker_changes(before, after, company.today):
        add_worker_change(company, worker_id, event_type, field_key, effective)
    if worker_id not in company.not_provisioned:
        for event_type, group in _activities(before, after):
            record(company, event_type, worker_id, group)


def _events(company: RipplingCompany, worker_id: str, before: Row | None, after: Row | None) -> Iterator[str]:
    """Hired and terminated speak of the company; created, updated and deleted of who our app may see."""
    provisioned = worker_id not in company.not_provisioned
    if _employed(after) and not _employed(before):
        yield "employee.hired"
        if provisioned:
            yield "employee.created"
    elif _employed(before) and not _employed(after):
        if after is not None:
            yield "employee.terminated"
        if provisioned:
            yield "employee.deleted"
    elif _employed(after) and provisioned:
        yield "employee.updated"


def _worker_changes(before: Row | None, after: Row | None, today: date) -> Iterator[tuple[str, str | None, str | None]]:
    """Event type, field and the day on which it takes effect. A worker who is removed leaves no trace here."""
    if after is None:
        return
    if before is None or (_employed(after) and not _employed(before)):
        yield "HIRE", None, after.get("start_date")
        return
    if _employed(before) and not _employed(after):
        yield "OFFBOARD", None, after.get("end_date")
        return
    changed = {name for name in {*before, *after} - STAMPS if before.get(name) != after.get(name)}
    if _employed(after) and "end_date" in changed:
        changed -= {"end_date", "termination_details"}
        yield "UNDO" if after.get("end_date") is None else "SCHEDULED_OFFBOARD", None, after.get("end_date")
    for name in sorted(changed):
        yield "CHANGE", name, today.isoformat()


def _activities(before: Row | None, after: Row | None) -> Iterator[tuple[str, str | None]]:
    """Event type and group: accounts in the app, and the groups that departments make. Other changes are not in it."""
    if _employed(after) and not _employed(before):
        yield "EXTERNAL_ACCOUNT_CREATE", None
    elif _employed(before) and not _employed(after):
        yield "EXTERNAL_ACCOUNT_DELETE", None
    elif before is not None and after is not None and before.get("department_id") != after.get("department_id"):
        yield "EXTERNAL_GROUP_MEMBER_REMOVE", before.get("department_id")
        yield "EXTERNAL_GROUP_MEMBER_ADD", after.get("department_id")


def _users_changed(company: RipplingCompany) -> dict[str | None, bool]:
    """The users who have changed → whether in their name. What else a user has follows from the worker."""
    users = company.tables["users"].rows
    changed = {row_id: row for row_id, row in company.before["users"].items() if row is not None}
    return {row_id: row.get("name") != users[row_id].get("name") for row_id, row in changed.items()}


def _tell_of_department(company: RipplingCompany, row_id: str, before: Row | None, after: Row | None) -> None:
    hook = company.webhooks.hook
    match "none" if hook is None else hook.departments:
        case "group":
            tell(company, f"group.{'created' if before is None else 'deleted' if after is None else 'updated'}", row_id)
        case "company":
            tell(company, "company.updated", company.company_id)


def _employed(row: Row | None) -> bool:
    return row is not None and row.get("status") != TERMINATED
