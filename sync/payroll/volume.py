"""Whether a pay run pays as many people as the company said its pay runs do."""

from __future__ import annotations

from datetime import date

from django.db.models import Q

from sync.models import PayCalendar, PayExpectation, PayRun
from sync.payroll.findings import Finding, FindingCode
from sync.scheduling.business_days import Roll
from sync.scheduling.calendars import pay_days
from sync.scheduling.clocks import business_days_of, rule_of


def few_people(pay_run: PayRun, people: int) -> list[Finding]:
    """FEW_PEOPLE when fewer are paid than is expected of a regular run of this pay date, company and pay group."""
    if pay_run.kind != "regular":
        return []
    expectations = PayExpectation.objects.filter(
        Q(company="") | Q(company=pay_run.company),
        Q(pay_group="") | Q(pay_group=pay_run.pay_group),
        integration=pay_run.integration_id,
        least_people__gt=people,
        starts_on__lte=pay_run.check_date,
    )
    expected = expectations.select_related("calendar").prefetch_related("calendar__days").order_by("-least_people")
    for one in expected:
        if _pays_on(one.calendar, pay_run.check_date):
            return [Finding(code=FindingCode.FEW_PEOPLE, people_count=people, detail=str(one.least_people))]
    return []


def _pays_on(calendar: PayCalendar, day: date) -> bool:
    days = pay_days(rule_of(calendar), business_days_of(calendar), Roll(calendar.roll), day, day)
    return next(days, None) is not None
