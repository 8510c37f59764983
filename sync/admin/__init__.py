"""Pages about what moves: dashboard, integrations, flows, mappings, runs, problems, upcoming changes, access; and about
payroll: account rules, pay runs, journals, settings."""

from sync.admin import (
    account_rules,
    calendars,
    flows,
    integrations,
    mappings,
    month_end,
    pay_runs,
    payroll_settings,
    people,
    postings,
    problems,
    runs,
    timings,
    upcoming,
)

__all__ = [
    "account_rules",
    "calendars",
    "flows",
    "integrations",
    "mappings",
    "month_end",
    "pay_runs",
    "payroll_settings",
    "people",
    "postings",
    "problems",
    "runs",
    "timings",
    "upcoming",
]
