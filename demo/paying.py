"""What Northfield's payroll does in Rippling: two pay periods, a bonus off cycle, and something it forgot."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from demo import books, company
from demo.api import Customer
from demo.company import Plant

FORTNIGHT = timedelta(days=14)
ARREARS = timedelta(days=6)
"""So long after its end a period is paid."""
LUCKY = 3
"""People who get a spot bonus in the first period."""
SPOT_BONUS = "250.00"

Line = dict[str, str]


def check_dates() -> tuple[date, date]:
    """The Fridays on which the last two pay periods were paid."""
    today = company.local_today()
    last = today - timedelta(days=(today.weekday() - 4) % 7)
    return last - FORTNIGHT, last


def pay(rippling: Customer, check_date: date) -> None:
    """Both legal entities pay everybody who was there in the period."""
    workers = [worker["id"] for worker in _employed(rippling, check_date)]
    rippling.change("run_payroll", check_date=check_date.isoformat(), workers=workers)


def pay_with_bonus(rippling: Customer, check_date: date) -> list[str]:
    """The same, with a spot bonus for some people of one department; returns their employee numbers."""
    employed = _employed(rippling, check_date)
    department = company.shop_department("Assembly", company.MAUMEE)
    lucky = [worker for worker in employed if worker["department"] == department][:LUCKY]
    extra = [{"worker": worker["id"], **books.BONUS, "amount": SPOT_BONUS} for worker in lucky]
    workers = [worker["id"] for worker in employed]
    rippling.change("run_payroll", check_date=check_date.isoformat(), workers=workers, extra=extra)
    return sorted(str(worker["number"]) for worker in lucky)


def pay_off_cycle(rippling: Customer) -> None:
    """Today, everybody of the new department gets a bonus for its start."""
    workers = [worker["id"] for worker in _active(rippling) if worker["department"] == company.NEW_DEPARTMENT]
    rippling.change(
        "run_payroll",
        type="OFF_CYCLE",
        check_date=company.local_today().isoformat(),
        title="Battery line start bonus",
        workers=workers,
        lines={worker: _bonus() for worker in workers},
    )


def pay_forgotten_overtime(rippling: Customer, plant: Plant, check_date: date) -> str:
    """In the plant's run that is paid already, one machinist gets two hours of overtime more; returns the run's id."""
    run = next(
        run["id"]
        for run in rippling.snapshot()["pay_runs"]
        if (run["check_date"], run["type"]) == (check_date.isoformat(), "REGULAR") and company.plant_of(run) is plant
    )
    department = company.shop_department("Machining", plant)
    worker = next(worker["id"] for worker in _employed(rippling, check_date) if worker["department"] == department)
    overtime = {"kind": "earning", "code": "OT", "name": "Overtime (1.5x Base)", "category": "OVERTIME"}
    extra = [overtime | {"amount": "87.38", "hours": "2.00", "rate": "43.69"}]
    rippling.change("change_record", run=run, worker=worker, extra=extra)
    return str(run)


def _active(rippling: Customer) -> list[dict[str, Any]]:
    return [worker for worker in rippling.snapshot()["workers"] if worker["status"] == "ACTIVE"]


def _employed(rippling: Customer, check_date: date) -> list[dict[str, Any]]:
    """Those active now who had started when the period ended."""
    end = (check_date - ARREARS).isoformat()
    return [worker for worker in _active(rippling) if worker["start_date"] <= end]


def _bonus() -> list[Line]:
    """500 dollars before taxes, to the cent."""
    taxes: Iterable[tuple[str, str, str, str]] = (
        ("employee_tax", "FIT", "Federal Income Tax", "110.00"),
        ("employee_tax", "SS", "Social Security", "31.00"),
        ("employee_tax", "MED", "Medicare", "7.25"),
        ("employer_tax", "SS-ER", "Social Security - Employer", "31.00"),
        ("employer_tax", "MED-ER", "Employer Medicare Tax", "7.25"),
    )
    lines = [
        {"kind": kind, "code": code, "name": name, "amount": amount, "category": kind.partition("_tax")[0].upper()}
        for kind, code, name, amount in taxes
    ]
    return [{**books.BONUS, "amount": "500.00"}, *lines]
