"""Who is behind the key of a webhook address, what deliveries to it must carry, and where they go.

What is found out is kept in the process: intake then needs no query but the one that stores. A bearer or secret that is
withdrawn therefore counts for ``LISTENER_KEPT`` at most; one that is added counts at once, as before anybody is refused
it is looked whether what is kept still holds.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Hashable, Mapping
from typing import Generic, TypeVar

import msgspec

from connectors.models import Connection
from connectors.routing import (
    Route,
    connection_of_webhook,
    connections_of_company,
    operator_key,
    operator_proof,
    proof_of_connection,
)
from connectors.webhooks import WebhookEvent, WebhookProof, WebhookUnreadable
from sync.webhooks.meanings import webhooks_of
from sync.webhooks.refusing import Refused
from tenants.scope import tenant_scope

LISTENER_KEPT = 30.0
"""Seconds for which who listens at an address, and what must be carried there, is not looked up again."""
ROUTES_KEPT = 5.0
"""Seconds for which the connections to a company are not looked up again."""
LOOKED_AGAIN = 1.0
"""Seconds between two looks at whether a listener that refuses is still the right one."""
KEPT_AT_MOST = 10_000

ValueT = TypeVar("ValueT")


class Listener(msgspec.Struct, frozen=True, kw_only=True):
    """An address that deliveries come to. ``own`` is the one connection behind it, with the vendor's id of its company;
    None for the operator's app, whose deliveries are about whichever company they name."""

    vendor: str
    proof: WebhookProof
    own: tuple[Route, str] | None = None

    def heard(self, headers: Mapping[str, str], body: bytes) -> tuple[WebhookEvent, list[Route]]:
        """What a delivery to this address says and whom it is for; Refused when it must not be taken."""
        event = self.open(headers, body)
        return event, self.routes(event.company)

    def open(self, headers: Mapping[str, str], body: bytes) -> WebhookEvent:
        """What a delivery to this address says. Raises Refused when it does not carry what it must, or cannot be
        understood; it is not looked into before it is believed."""
        webhooks = webhooks_of(self.vendor)
        if not webhooks.verified(self.proof, headers, body):
            raise Refused(401, "not_verified", "The bearer token or the signature is missing or wrong.")
        try:
            return webhooks.parse(headers.get("Content-Type", ""), body)
        except WebhookUnreadable as trouble:
            raise Refused(400, "unreadable", str(trouble)) from None

    def routes(self, company: str) -> list[Route]:
        """The connections that a delivery about this company is for; Refused when there is none."""
        if self.own is not None:
            route, known = self.own
            if not known or known != company:
                raise Refused(403, "another_company", "This address does not take deliveries about this company.")
            return [route]
        routes = _routes.get((self.vendor, company), lambda: connections_of_company(self.vendor, company) or None)
        if routes is None:
            raise Refused(403, "unknown_company", "This address does not take deliveries about this company.")
        return routes


class Kept(Generic[ValueT]):
    """What was found in the last ``seconds``. What was not found is not kept: who has just connected is heard at
    once."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._found: dict[Hashable, tuple[float, ValueT]] = {}

    def get(self, key: Hashable, find: Callable[[], ValueT | None], *, within: float | None = None) -> ValueT | None:
        """The value of the key, found ``within`` so many seconds at most, or looked up now; None when there is none."""
        kept = self._found.get(key)
        if kept is not None and time.monotonic() - kept[0] < (self._seconds if within is None else within):
            return kept[1]
        at, value = time.monotonic(), find()
        if value is None:
            self._found.pop(key, None)
            return None
        if len(self._found) >= KEPT_AT_MOST:
            self._found.clear()
        self._found[key] = (at, value)
        return value

    def forget(self) -> None:
        """Nothing is kept any more."""
        self._found.clear()


_listeners: Kept[Listener] = Kept(LISTENER_KEPT)
_routes: Kept[list[Route]] = Kept(ROUTES_KEPT)


def heard(vendor: str, key: str, headers: Mapping[str, str], body: bytes) -> tuple[WebhookEvent, list[Route]]:
    """What a delivery to this address says, and the connections it is for; Refused when it must not be taken, or when
    nobody listens here."""
    listener = _listener_of(vendor, key)
    try:
        return listener.heard(headers, body)
    except Refused:
        current = _listener_of(vendor, key, within=LOOKED_AGAIN)
        if current == listener:
            raise
        return current.heard(headers, body)


def _listener_of(vendor: str, key: str, *, within: float | None = None) -> Listener:
    listener = _listeners.get((vendor, key), lambda: _find(vendor, key), within=within)
    if listener is None:
        raise Refused(404, "unknown_key", "There is no such address.")
    return listener


def forget() -> None:
    """What was found out is looked up anew, in this process."""
    _listeners.forget()
    _routes.forget()


def _find(vendor: str, key: str) -> Listener | None:
    operators = operator_key(vendor)
    if operators and hmac.compare_digest(operators.encode(), key.encode()):
        return Listener(vendor=vendor, proof=operator_proof(vendor))
    route = connection_of_webhook(key)
    if route is None:
        return None
    with tenant_scope(route.tenant_id):
        connection = Connection.objects.filter(pk=route.connection_id, vendor=vendor).first()
        if connection is None:
            return None
        return Listener(vendor=vendor, proof=proof_of_connection(connection), own=(route, connection.company))
