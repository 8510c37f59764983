"""From error to what happens next: the one table that decides it.

| error                  | the record           | the run            | the connection   |
|------------------------|----------------------|--------------------|------------------|
| TemporaryError         | not sent, next run   | goes on, or stops after several in a row | stays as it is |
| RecordRejectedError    | rejected             | goes on            | stays as it is   |
| OutcomeUnknownError    | is looked up         | goes on            | stays as it is   |
| ConnectionConfigError  | not sent             | stops              | needs attention  |
| UnexpectedReplyError   | not sent             | stops              | stays as it is   |
"""

from __future__ import annotations

import msgspec

from connectors.errors import (
    ConnectionConfigError,
    ConnectorError,
    OutcomeUnknownError,
    RecordRejectedError,
    TemporaryError,
    UnexpectedReplyError,
)
from sync.models import RunItem

TEMPORARY_IN_A_ROW = 20
"""So many records in a row that could not be sent mean the other side is down: the run stops."""


class Policy(msgspec.Struct, frozen=True):
    """What an error does to the record, the run and the connection."""

    item_state: str
    stops_run: bool
    needs_attention: bool


POLICIES: dict[type[ConnectorError], Policy] = {
    TemporaryError: Policy(RunItem.State.PLANNED, stops_run=False, needs_attention=False),
    RecordRejectedError: Policy(RunItem.State.REJECTED, stops_run=False, needs_attention=False),
    OutcomeUnknownError: Policy(RunItem.State.VERIFYING, stops_run=False, needs_attention=False),
    ConnectionConfigError: Policy(RunItem.State.PLANNED, stops_run=True, needs_attention=True),
    UnexpectedReplyError: Policy(RunItem.State.PLANNED, stops_run=True, needs_attention=False),
}


def policy_for(error: ConnectorError) -> Policy:
    """The policy of the error's class or the nearest class above it."""
    return next(POLICIES[cls] for cls in type(error).__mro__ if cls in POLICIES)
