"""What is kept in agreement (integrations, flows, mappings), what is known (reference values, links, people on the
target), and what happened (runs, items, problems)."""

from sync import lookups as lookups  # what filters of these models may use
from sync.models.idempotency import RememberedAnswer
from sync.models.integration import Flow, Integration
from sync.models.link import Link, PendingChange, TargetEmployee
from sync.models.mapping import Mapping, ReferenceValue
from sync.models.run import BlockedRecord, Problem, Run, RunItem

__all__ = [
    "BlockedRecord",
    "Flow",
    "Integration",
    "Link",
    "Mapping",
    "PendingChange",
    "Problem",
    "ReferenceValue",
    "RememberedAnswer",
    "Run",
    "RunItem",
    "TargetEmployee",
]
