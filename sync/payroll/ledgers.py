"""A connection's ledger, opened for what it knows without being asked: companies, currencies, the form of accounts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from audit.context import current_actor
from connectors.contract import LedgerTarget
from connectors.errors import ConnectionConfigError
from connectors.registry import open_to_check
from sync.execution import SystemWorld
from sync.models import Integration


@contextmanager
def opened_ledger(integration: Integration) -> Iterator[LedgerTarget]:
    """The integration's target, closed afterwards; also that of a paused connection, since nothing is to be asked.

    Raises ConnectionConfigError when it has no credentials, or keeps no books.
    """
    world = SystemWorld()
    connector = open_to_check(
        integration.target,
        now=world.now,
        sleep=world.sleep,
        random=world.random,
        correlation_id=current_actor().correlation_id,
    )
    try:
        if not isinstance(connector, LedgerTarget):
            raise ConnectionConfigError(f"{integration.target} keeps no books that journals could be posted to.")
        yield connector
    finally:
        connector.close()
