"""Where vendors announce what changed: measured, verified, stored, answered. Everything else happens afterwards.

A vendor may never send a delivery twice, so nothing is answered with 2xx that is not stored; and whatever is stored is
followed even if this process dies on the spot. No body, key, bearer or address is ever logged.
"""

from __future__ import annotations

import time
import uuid
from datetime import timedelta

import structlog
from django.db import Error as DatabaseTrouble
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, UnreadablePostError
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from connectors.routing import Route
from sync.queue import enqueue_deliveries
from sync.webhooks.listeners import heard
from sync.webhooks.refusing import Refused
from sync.webhooks.storing import store

LARGEST = 64 * 1024
"""Bytes of a body; a delivery has a few hundred."""
GATHER = timedelta(seconds=5)
"""So long after a delivery it is followed: what one change announces comes in several deliveries."""
EVERY = GATHER.total_seconds() - 1
"""A process asks for a connection to be followed once in so many seconds: what arrives before the job it asked for is
due, that job finds. The minute's sweep finds what is left."""

log = structlog.get_logger()

_asked: dict[uuid.UUID, float] = {}


@csrf_exempt
def receive(request: HttpRequest, vendor: str, key: str) -> HttpResponse:
    """200 with an empty body once the delivery is stored for every connection it is about; else nothing is stored.

    400 says which field is missing; 401, 403 and 404 give nothing away; 411 and 413 leave the body unread; 503 asks
    the vendor to come again.
    """
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    try:
        body = _body_of(request)
        event, routes = heard(vendor, key, request.headers, body)
        store(vendor, event, body, routes, at=timezone.now())
        _follow(routes)
    except Refused as refusal:
        log.warning("webhook.refused", reason=refusal.reason, status=refusal.status)
        return HttpResponse(refusal.sentence, status=refusal.status, content_type="text/plain")
    except DatabaseTrouble:
        log.exception("webhook.not_stored")
        return HttpResponse(
            "This cannot be stored right now. Send it again later.",
            status=503,
            content_type="text/plain",
            headers={"Retry-After": "60"},
        )
    return HttpResponse()


def _body_of(request: HttpRequest) -> bytes:
    """The raw bytes, read only when their announced length is acceptable; the server never reads beyond that."""
    length = request.headers.get("Content-Length", "")
    if not (length.isascii() and length.isdigit()):
        raise Refused(411, "no_length", "Say how long the body is (Content-Length).")
    if len(length) > 9 or int(length) > LARGEST:
        raise Refused(413, "too_large", f"A delivery has at most {LARGEST:,} bytes.")
    try:
        body: bytes = request.read(int(length))
    except UnreadablePostError:
        body = b""
    if len(body) != int(length):
        raise Refused(400, "cut_short", "The body is shorter than announced.")
    return body


def _follow(routes: list[Route]) -> None:
    """A worker follows each connection in a few seconds. What cannot be enqueued is stored, and found by the sweep."""
    due = timezone.now() + GATHER
    for route in routes:
        last = _asked.get(route.connection_id)
        if last is not None and time.monotonic() - last < EVERY:
            continue
        _asked[route.connection_id] = time.monotonic()
        try:
            enqueue_deliveries(route.connection_id, due=due, tenant_id=route.tenant_id)
        except DatabaseTrouble:
            log.exception("webhook.not_enqueued")
