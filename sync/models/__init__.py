"""What is kept in agreement (integrations, flows, mappings), what is known (reference values, links, people on the
target), what happened (runs, items, problems), and payroll (pay runs, account rules, journals, their proof)."""

from sync import lookups as lookups  # what filters of these models may use
from sync.models.idempotency import RememberedAnswer
from sync.models.integration import Flow, Integration
from sync.models.link import Link, PendingChange, TargetEmployee
from sync.models.mapping import Mapping, ReferenceValue
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

__all__ = [
    "AccountRule",
    "Approval",
    "Assignment",
    "BlockedRecord",
    "Flow",
    "Integration",
    "LedgerActivity",
    "LedgerPeriod",
    "Link",
    "Mapping",
    "PaidLine",
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
    "TargetEmployee",
]
