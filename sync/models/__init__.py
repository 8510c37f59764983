"""What is kept in agreement (integrations, flows, mappings), what is known (reference values, links, people on the
target), what happened (runs, items, problems), payroll (pay runs, account rules, journals, their proof), and what makes
it run by itself (calendars and timings, announcements, notices)."""

from sync import lookups as lookups  # what filters of these models may use
from sync.models.delivery import Delivery, Listening
from sync.models.idempotency import RememberedAnswer
from sync.models.integration import Flow, Integration
from sync.models.link import Link, PendingChange, TargetEmployee
from sync.models.mapping import Mapping, ReferenceValue
from sync.models.notice import AlertHook, Dispatch, Heartbeat, Looked, Notice, NoticeChoice, NoticeKind
from sync.models.payroll import (
    AccountRule,
    Assignment,
    PaidLine,
    PayFinding,
    PayItem,
    PayrollSettings,
    PayRun,
)
from sync.models.posting import (
    Approval,
    LedgerActivity,
    LedgerPeriod,
    Posting,
    PostingLine,
    PostingShare,
    Reconciliation,
    Reveal,
)
from sync.models.run import BlockedRecord, Problem, Run, RunItem
from sync.models.timing import CalendarDay, PayCalendar, PayExpectation, Slot, Timing

__all__ = [
    "AccountRule",
    "AlertHook",
    "Approval",
    "Assignment",
    "BlockedRecord",
    "CalendarDay",
    "Delivery",
    "Dispatch",
    "Flow",
    "Heartbeat",
    "Integration",
    "LedgerActivity",
    "LedgerPeriod",
    "Link",
    "Listening",
    "Looked",
    "Mapping",
    "Notice",
    "NoticeChoice",
    "NoticeKind",
    "PaidLine",
    "PayCalendar",
    "PayExpectation",
    "PayFinding",
    "PayItem",
    "PayRun",
    "PayrollSettings",
    "PendingChange",
    "Posting",
    "PostingLine",
    "PostingShare",
    "Problem",
    "Reconciliation",
    "ReferenceValue",
    "RememberedAnswer",
    "Reveal",
    "Run",
    "RunItem",
    "Slot",
    "TargetEmployee",
    "Timing",
]
