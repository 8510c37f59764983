"""A company's pay runs: who was paid what, when and by which legal entity. Source: rippling §8.2, §8.3.

A record's lines obey net = gross - employee taxes - employee deductions - garnishments + reimbursements, unless a
change has said otherwise; reimbursements are no part of the gross.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Any

from sandbox.rippling.organization import Ids
from sandbox.rippling.pay_calendar import DAYS, Period, check_dates, last_friday, period_paid_on
from sandbox.rippling.paycheck import KINDS, Line, paycheck
from sandbox.rippling.table import Row, Table

ROUTES: Mapping[str, tuple[str | None, frozenset[str]]] = {
    "v2": ("Global Payroll", frozenset({"payroll-runs.read", "earning-types.read"})),
    "v1": (None, frozenset({"employee:payroll"})),
    "report": ("Reports API", frozenset({"report-runs.read", "report-runs.read-write"})),
}
"""Each way to payroll, with the entitlement and the scopes that it needs. Source: rippling §1.7, §8.1."""


@dataclass(frozen=True)
class PayrollPlan:
    """The creation option ``payroll``."""

    runs: int = 1
    """Days of payment; on each of them every legal entity has a run of its own."""
    frequency: str = "BIWEEKLY"
    first_check_date: str | None = None
    """None: the last of the runs is paid on the latest Friday."""
    route: str | list[str] | tuple[str, ...] = "v2"

    @property
    def routes(self) -> frozenset[str]:
        """Raises ValueError for a route that there is not."""
        chosen = frozenset({self.route} if isinstance(self.route, str) else self.route)
        if not chosen <= set(ROUTES):
            raise ValueError(f"route is any of {sorted(ROUTES)}, not {self.route!r}")
        return chosen

    def opened(self, entitlements: Iterable[str], scopes: frozenset[str]) -> dict[str, Any]:
        """These entitlements less those of the routes not chosen, and the scopes with those of the chosen ones."""
        closed = {ROUTES[name][0] for name in set(ROUTES) - self.routes}
        return {
            "entitlements": tuple(name for name in entitlements if name not in closed),
            "scopes": scopes.union(*(ROUTES[name][1] for name in self.routes)),
        }

    def check_dates(self, today: date) -> list[date]:
        period_paid_on(self.frequency, today)
        if self.first_check_date is not None:
            first = date.fromisoformat(self.first_check_date)
        else:
            first = last_friday(today) - timedelta(days=DAYS.get(self.frequency, 31) * (self.runs - 1))
        return list(islice(check_dates(self.frequency, first), self.runs))


@dataclass(frozen=True)
class PayRecord:
    """One person in one run."""

    id: str
    worker_id: str
    currency: str
    lines: tuple[Line, ...]
    stated: Mapping[str, str] = field(default_factory=dict)
    """What the API says of ``gross_pay`` and ``net_pay`` where it is not what the lines come to."""

    @property
    def gross(self) -> str:
        return self.stated.get("gross_pay") or money(total(self.lines, "earning"))

    @property
    def net(self) -> str:
        taken = total(self.lines, "employee_tax", "employee_deduction", "garnishment")
        return self.stated.get("net_pay") or money(total(self.lines, "earning", "reimbursement") - taken)


@dataclass
class PayRun:
    id: str
    title: str
    state: str
    type: str
    check_date: date
    period: Period | None
    frequency: str
    company_entity_id: str
    approved_at: str | None
    records: dict[str, PayRecord]
    """By worker id, in the order of the record ids."""


class Payroll:
    """The pay runs of a company by id, oldest first made."""

    def __init__(self, seed: int, ids: Ids, tables: Mapping[str, Table]) -> None:
        self.runs: dict[str, PayRun] = {}
        self.frequency = "BIWEEKLY"
        self._seed, self._ids, self._tables = seed, ids, tables
        self._runs_made = self._records_made = 0

    def carry_out(self, plan: PayrollPlan, today: date) -> None:
        """The runs of the plan: paid up to today, drafts from then on."""
        self.frequency = plan.frequency
        for check_date in plan.check_dates(today):
            for entity in self._tables["legal-entities"]:
                workers = self.on_payroll(entity["id"])
                if workers:
                    run = self.open(entity["id"], check_date, "PAID" if check_date <= today else "DRAFT")
                    for worker in workers:
                        self.record(run, worker, self.usual(run, worker))

    def on_payroll(self, entity_id: str) -> list[Row]:
        return [
            worker
            for worker in self._tables["workers"]
            if worker.get("status") == "ACTIVE" and worker.get("legal_entity_id") == entity_id
        ]

    def open(self, entity_id: str, check_date: date, state: str, type: str = "REGULAR") -> PayRun:
        """A run without records, for the period that the check date pays; an off-cycle run has no period."""
        self._runs_made += 1
        period = None if type == "OFF_CYCLE" else period_paid_on(self.frequency, check_date)
        run = PayRun(
            id=self._ids("payroll-runs", self._runs_made),
            title=f"Off-cycle {check_date}" if period is None else f"{period.start:%b %d} - {period.end:%b %d}",
            state=state,
            type=type,
            check_date=check_date,
            period=period,
            frequency=self.frequency,
            company_entity_id=entity_id,
            approved_at=None if state == "DRAFT" else f"{check_date - timedelta(days=4)}T15:00:00.000000+00:00",
            records={},
        )
        self.runs[run.id] = run
        return run

    def record(
        self,
        run: PayRun,
        worker: Row,
        lines: tuple[Line, ...],
        currency: str = "USD",
        stated: Mapping[str, str] | None = None,
    ) -> None:
        """The worker is in the run with these lines."""
        self._records_made += 1
        record_id = self._ids("worker-payroll-records", self._records_made)
        run.records[worker["id"]] = PayRecord(record_id, worker["id"], currency, lines, stated or {})

    def usual(self, run: PayRun, worker: Row) -> tuple[Line, ...]:
        """What this worker gets for the period of this run; who else is in the run makes no difference."""
        chance = random.Random(f"pay {self._seed} {run.id} {worker['id']}")
        location_id = (worker.get("location") or {}).get("work_location_id")
        location = self._tables["work-locations"].get(location_id) or {}
        return paycheck(chance, worker, (location.get("address") or {}).get("region", "OH"), run.frequency)

    def summary(self, run: PayRun) -> dict[str, Any]:
        """A run on one line, with what its records come to; amounts that are no numbers count as nothing."""
        records = run.records.values()
        lines = [line for record in records for line in record.lines]
        entity = self._tables["legal-entities"].get(run.company_entity_id) or {}
        return {
            "id": run.id,
            "title": run.title,
            "type": run.type,
            "state": run.state,
            "check_date": run.check_date.isoformat(),
            "period_start": None if run.period is None else run.period.start.isoformat(),
            "period_end": None if run.period is None else run.period.end.isoformat(),
            "company_entity_id": run.company_entity_id,
            "legal_entity": entity.get("legal_name"),
            "currencies": sorted({record.currency for record in records}),
            "records": len(records),
            "lines": len(lines),
            "totals": {kind: money(total(lines, kind)) for kind in KINDS},
            "gross_pay": money(sum((number(record.gross) for record in records), Decimal())),
            "net_pay": money(sum((number(record.net) for record in records), Decimal())),
        }


def deductions(lines: Sequence[Line]) -> list[tuple[str, str, str | None, str, str]]:
    """Code, name, type, what the person and what the employer gives: two lines of one code are one deduction."""
    found: dict[tuple[str, int], tuple[Line, dict[str, str]]] = {}
    seen: dict[tuple[str, str], int] = {}
    for line in lines:
        if line.kind in ("employee_deduction", "employer_contribution"):
            ordinal = seen[line.kind, line.code] = seen.get((line.kind, line.code), -1) + 1
            found.setdefault((line.code, ordinal), (line, {}))[1][line.kind] = line.amount
    return [
        (line.code, line.name, line.category, by.get("employee_deduction", "0.00"),
         by.get("employer_contribution", "0.00"))
        for line, by in found.values()
    ]  # fmt: skip


def total(lines: Iterable[Line], *kinds: str) -> Decimal:
    """What the lines of these kinds come to; an amount that is no number counts as nothing."""
    return sum((number(line.amount) for line in lines if line.kind in kinds), Decimal())


def number(text: str) -> Decimal:
    """Zero for a text that is no finite number."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return Decimal()
    return value if value.is_finite() else Decimal()


def money(amount: Decimal) -> str:
    """With two places, or with as many more as the amount has."""
    exponent = amount.as_tuple().exponent
    return f"{amount:f}" if isinstance(exponent, int) and exponent < -2 else f"{amount:.2f}"
