"""From the rows of a payroll report to pay runs and statements. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from msgspec import UNSET

from connectors.errors import UnexpectedReplyError
from connectors.pay_runs import PayKind, PayPage, PayRun, PayStatement
from connectors.records import UnreadableRecord
from connectors.rippling.mapper import Unreadable
from connectors.rippling.pay_mapper import Lines, exact, kind_of, state_of
from connectors.rippling.report_rows import Row

RUN_FIELDS = ("state", "check_date", "run_title", "run_type", "period_start", "period_end", "pay_group", "company_id")
DIMENSIONS = ("company_id", "department_id", "location_id", "job_code_id")
GROSS = "gross_pay"


def run_of_row(row: Row) -> PayRun:
    """The header of the run a row belongs to; UnexpectedReplyError when its id or a date cannot be read."""
    check_date = _day(row, "check_date")
    if not row["run_id"] or check_date is None:
        raise UnexpectedReplyError(
            "A row of the payroll report has no pay run or no check date. Take totals and notes out of the report in "
            "Rippling."
        )
    return PayRun(
        id=row["run_id"],
        title=row.get("run_title", ""),
        state=state_of(row["state"]),
        source_state=row["state"],
        kind=kind_of(row.get("run_type", "")),
        source_kind=row.get("run_type", ""),
        check_date=check_date,
        period_start=_day(row, "period_start"),
        period_end=_day(row, "period_end"),
        pay_group=row.get("pay_group", ""),
        company_id=row.get("company_id") or None,
    )


class Register:
    """The rows of one run, gathered by worker in whatever order they come."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._people: dict[str, _Person] = {}

    def add(self, row: Row) -> None:
        """One row; what is wrong with it is its worker's, who is then unreadable as a whole."""
        worker_id = row["worker_id"]
        if not worker_id:
            raise UnexpectedReplyError("A row of the payroll report names no person. Take totals out of the report.")
        person = self._people.setdefault(worker_id, _Person(row))
        try:
            person.add(row)
        except Unreadable as error:
            person.trouble = person.trouble or error

    def people(self) -> list[str]:
        """The ids of the workers, in the order of their first rows."""
        return list(self._people)

    def page(self, worker_ids: Iterable[str]) -> PayPage:
        """The statements of these workers."""
        page = PayPage(statements=[], unreadable=[])
        for worker_id in worker_ids:
            statement_id = f"{self._run_id}:{worker_id}"
            try:
                page.statements.append(self._people[worker_id].statement(statement_id, worker_id))
            except Unreadable as error:
                page.unreadable.append(UnreadableRecord(id=statement_id, field=error.field, reason=error.reason))
        return page


class _Person:
    """One worker's rows of one run so far."""

    def __init__(self, row: Row) -> None:
        self.trouble: Unreadable | None = None
        self._common = {field: row.get(field, "") for field in ("currency", "worker_number", *DIMENSIONS)}
        self._lines = Lines()
        self._gross: Decimal | None = None
        self._net: Decimal | None = None

    def add(self, row: Row) -> None:
        for field, text in self._common.items():
            if row.get(field, "") != text:
                raise Unreadable(
                    field,
                    f"The payroll report shows more than one {_words(field)} for this person in one pay run. Take "
                    "that column off the report's columns in the settings, or correct the report.",
                )
        kind, amount = row["kind"].casefold().replace(" ", "_").replace("-", "_"), exact(row["amount"], "amount")
        if kind == PayKind.NET_PAY:
            self._net = amount if self._net is None else self._net + amount
        elif kind == GROSS:
            self._gross = amount if self._gross is None else self._gross + amount
        elif kind in KINDS:
            hours = exact(row["hours"], "hours") if row.get("hours") else None
            self._lines.add_hours(PayKind(kind), row.get("code"), row["item"], amount, hours, "pay item")
        else:
            raise Unreadable("kind", f"The payroll report has an item of the kind “{row['kind']}”, which is unknown.")

    def statement(self, statement_id: str, worker_id: str) -> PayStatement:
        if self.trouble:
            raise self.trouble
        common = self._common
        if not common["currency"]:
            raise Unreadable("currency", "The payroll report has no currency for this person.")
        return PayStatement(
            id=statement_id,
            worker_id=worker_id,
            worker_number=common["worker_number"],
            currency=common["currency"],
            gross=self._gross,
            lines=self._lines.with_net(self._net),
            company_id=common["company_id"] or UNSET,
            department_id=common["department_id"] or UNSET,
            location_id=common["location_id"] or UNSET,
            job_code_id=common["job_code_id"] or UNSET,
        )


KINDS = frozenset(PayKind) - {PayKind.NET_PAY}


def _words(field: str) -> str:
    return field.removesuffix("_id").replace("_", " ")


def _day(row: Row, field: str) -> date | None:
    text = row.get(field, "")
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise UnexpectedReplyError(
            f"The payroll report has a {_words(field)} that is no date. Choose a date column for it."
        ) from None
