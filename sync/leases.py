"""Keeping a lease while a long request is under way, and noticing that it is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from django.conf import settings
from django.db import Error, connection

from tenants.scope import current_tenant_id, tenant_scope

log = structlog.get_logger()

CERTAIN = 0.75
"""Share of the lease during which its holder may still send."""


class LeaseLost(Exception):
    """Another worker has taken this over, or it was ended: stop at once and settle nothing more."""


def is_certain(renewed: float) -> bool:
    """True while nobody else can hold a lease that was renewed at ``renewed`` on this process's monotonic clock."""
    return time.monotonic() - renewed <= settings.RUN_LEASE_SECONDS * CERTAIN


@contextmanager
def renewed(renew: Callable[[], None], name: str) -> Iterator[None]:
    """Calls ``renew`` four times per lease from a thread of its own while the body runs, however long a request
    takes. A lost lease (LeaseLost) ends the renewing, and is noticed by the body when it settles; a database that does
    not answer is asked again at the next beat, on a new connection."""
    stop = threading.Event()
    tenant_id = current_tenant_id()

    def beat() -> None:
        try:
            with tenant_scope(tenant_id):
                while not stop.wait(settings.RUN_LEASE_SECONDS / 4):
                    try:
                        renew()
                    except Error:
                        log.warning("lease.not_renewed", lease=name, exc_info=True)
                        connection.close()
        except LeaseLost:
            return
        finally:
            connection.close()

    thread = threading.Thread(target=beat, name=f"lease-{name}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
