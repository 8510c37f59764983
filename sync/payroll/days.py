"""The day a correction is posted on: where the books are open."""

from __future__ import annotations

from datetime import date

from connectors.journals import PeriodState
from sync.models import LedgerPeriod, PayRun
from sync.payroll.approval import Refusal


def open_day(pay_run: PayRun, company: str, day: date, chosen: date | None = None) -> date:
    """``chosen`` if its period is open; without one, ``day`` if its period is, else the first day of the first open
    period after it. As the ledger was read last. Raises Refusal where there is none."""
    connection = pay_run.integration.target
    periods = list(LedgerPeriod.objects.filter(connection=connection, company=company, end__gte=day).order_by("begin"))
    wanted = chosen or day
    if wanted < day:
        raise Refusal(f"A correction cannot be posted before what it corrects, which is on {day:%d %b %Y}.")
    own = next((period for period in periods if period.begin <= wanted <= period.end), None)
    if own is not None and own.state == PeriodState.OPEN:
        return wanted
    if chosen is not None:
        what = f"Period {own.name} is not open" if own else f"No period for {chosen:%d %b %Y} is known"
        raise Refusal(f"{what} in {connection.name}. Choose a day in an open period.")
    for period in periods:
        if period.begin > wanted and period.state == PeriodState.OPEN:
            return period.begin
    raise Refusal(f"{connection.name} shows no open period from {day:%d %b %Y} on. Open one, then try again.")
