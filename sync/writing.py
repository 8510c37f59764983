"""Making plans true on the target, or finding out what that would do. See ``sync/settling.py`` for the protocol."""

from __future__ import annotations

import msgspec

from connectors.contract import WorkerTarget
from connectors.errors import ConnectorError, RecordRejectedError
from connectors.records import Employee
from sync.failures import policy_for
from sync.models import Problem, RunItem
from sync.planning import Act, Plan, refine

Fields = dict[str, object]

DONE: dict[Act, str] = {
    Act.CREATE: RunItem.State.CREATED,
    Act.UPDATE: RunItem.State.UPDATED,
    Act.TERMINATE: RunItem.State.TERMINATED,
    Act.REHIRE: RunItem.State.REHIRED,
    Act.TRANSFER: RunItem.State.TRANSFERRED,
    Act.UNCHANGED: RunItem.State.UNCHANGED,
    Act.BLOCKED: RunItem.State.BLOCKED,
}


class Outcome(msgspec.Struct, kw_only=True):
    """What became of one plan. ``employee`` is what the target holds now, None when nothing was made true."""

    plan: Plan
    state: str
    employee: Employee | None = None
    before: Fields = {}
    after: Fields = {}
    message: str = ""
    error: ConnectorError | None = None
    problem: Problem | None = None


def send(target: WorkerTarget, plan: Plan, found: Employee | None) -> Outcome:
    """Make the plan true. ``found`` is the employee already there under our reference, when a create was planned.

    Never raises a ConnectorError: an error is an outcome.
    """
    try:
        return _send(target, plan, found)
    except ConnectorError as error:
        return Outcome(plan=plan, state=policy_for(error).item_state, message=error.sentence, error=error)


def _send(target: WorkerTarget, plan: Plan, found: Employee | None) -> Outcome:
    wanted = plan.employee
    assert wanted is not None
    if plan.act is Act.CREATE and found is None:
        created = target.create(wanted)
        return Outcome(plan=plan, state=RunItem.State.CREATED, employee=created, after=shown(wanted))
    current = found or target.get(wanted.id or "", plan.from_company or company_of(plan) or None)
    if current is None:
        raise RecordRejectedError(
            "This employee is no longer there. Restore it in the target, or ask us to remove the link to hire again."
        )
    wanted = msgspec.structs.replace(wanted, id=current.id)
    plan = msgspec.structs.replace(plan, employee=wanted)
    plan, changes = refine(plan, current)
    before: Fields = {name: was for name, (was, _) in changes.items()}
    after: Fields = {name: shall for name, (_, shall) in changes.items()}
    held = current
    moved = isinstance(wanted.company, str) and isinstance(current.company, str) and wanted.company != current.company
    if moved and plan.act in (Act.TRANSFER, Act.REHIRE):
        held = target.transfer(wanted, str(current.company))
    match plan.act:
        case Act.TERMINATE:
            held = target.deactivate(wanted)
            before, after = {"active": True}, {"active": False}
        case Act.REHIRE:
            held = target.activate(wanted)
            before, after = {"active": False, **before}, {"active": True, **after}
        case Act.UPDATE | Act.TRANSFER if not moved:
            held = target.update(wanted)
    return Outcome(plan=plan, state=DONE[plan.act], employee=held, before=before, after=after)


def preview(target: WorkerTarget, plan: Plan, found: Employee | None) -> Outcome:
    """What ``send`` would do, found out by reading only. The state stays *planned*."""
    wanted = plan.employee
    assert wanted is not None
    try:
        if plan.act is Act.CREATE and found is None:
            return Outcome(plan=plan, state=RunItem.State.PLANNED, after=shown(wanted))
        current = found or target.get(wanted.id or "", plan.from_company or company_of(plan) or None)
        if current is None:
            return Outcome(plan=plan, state=RunItem.State.REJECTED, message="This employee is no longer there.")
        plan, changes = refine(plan, current)
    except ConnectorError as error:
        return Outcome(plan=plan, state=policy_for(error).item_state, message=error.sentence, error=error)
    before: Fields = {name: was for name, (was, _) in changes.items()}
    after: Fields = {name: shall for name, (_, shall) in changes.items()}
    if plan.act in (Act.TERMINATE, Act.REHIRE):
        before["active"], after["active"] = current.active, not current.active
    state = RunItem.State.UNCHANGED if plan.act is Act.UNCHANGED else RunItem.State.PLANNED
    return Outcome(plan=plan, state=state, before=before, after=after)


def company_of(plan: Plan) -> str:
    """The company the employee is to be in, empty when the plan does not say."""
    company = plan.employee.company if plan.employee else None
    return company if isinstance(company, str) else ""


def shown(employee: Employee) -> Fields:
    """The set fields of a new employee, for the before-and-after of item and audit entry."""
    values = msgspec.to_builtins(employee)
    return {name: value for name, value in values.items() if name not in ("reference", "id") and value is not None}
