"""Which of our people an announcement speaks of: webhooks name them by the Platform API's (v1) ids.

That these equal the REST API's (v2) worker ids is likely and not documented. A check compares a few people; where the
ids differ, or nobody could be compared, a person is matched by work e-mail. Source: rippling §11.
"""

from __future__ import annotations

from connectors.errors import ConnectorError, RecordRejectedError
from connectors.rippling.client import PlatformClient, RestClient, only, refused_with
from connectors.rippling.schemas import EmployeeRow, WorkerRow

SAMPLE = 3


def compared(rest: RestClient, platform: PlatformClient) -> str:
    """ "same" or "differ" for the ids of the two APIs, "unknown" when nobody could be compared."""
    page = next(rest.workers(("order_by", "created_at,id")))
    people = [row for row in page.rows if isinstance(row, WorkerRow) and row.work_email][:SAMPLE]
    try:
        found = [(worker, platform.employee(worker.id)) for worker in people]
    except ConnectorError:
        return "unknown"
    if any(isinstance(row, EmployeeRow) and _is_same(worker, row) for worker, row in found):
        return "same"
    return "differ" if people else "unknown"


def worker_of(employee_id: str, rest: RestClient, platform: PlatformClient) -> WorkerRow | None:
    """The worker whom v1 knows by this id, None when v1 does not know it or may not be asked.

    RecordRejectedError when v1 knows somebody whom v2 does not show under the same work e-mail.
    """
    try:
        found = platform.employee(employee_id)
    except ConnectorError as error:
        if refused_with(error, 403) or refused_with(error, 401):
            return None
        raise
    if found is None:
        return None
    employee = only(found)
    email = employee.work_email
    rows = rest.workers_with_email(email) if isinstance(email, str) and "'" not in email else []
    matching = [row for row in rows if _is_same(row, employee)]
    if len(matching) != 1:
        raise RecordRejectedError(
            "Rippling announced a change of somebody whom its two APIs name by different ids, and whom no work e-mail "
            "tells apart. The next full read covers them.",
            field="work_email",
        )
    return matching[0]


def _is_same(worker: WorkerRow, employee: EmployeeRow) -> bool:
    """By work e-mail, and by number where both have one."""
    mine, theirs = worker.work_email, employee.work_email
    if not mine or not isinstance(theirs, str) or mine.casefold() != theirs.casefold():
        return False
    number = employee.employee_number
    return worker.number is None or not isinstance(number, int | str) or str(worker.number) == str(number)
