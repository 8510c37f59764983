"""``Idempotency-Key``: a POST sent twice has one effect, and both get the first answer.

The key is inserted in the transaction of the effect: a second request waits at the unique index until the first
has committed, and what a crash rolls back takes the key with it. Only what succeeded is remembered; after a
refusal nothing happened, and the key can be used again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime, timedelta

from django.db import transaction
from django.http.response import HttpResponseBase
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils import json

from sync.api.errors import Conflict, Unprocessable
from sync.models.idempotency import RememberedAnswer

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
LONGEST = 255
KEPT = timedelta(days=7)
GIVEN_UP = timedelta(minutes=15)
"""After this long, a request outside a transaction is taken for dead and may be made again."""


def once(
    request: Request,
    handle: Callable[[], HttpResponseBase],
    *,
    now: datetime,
    in_transaction: bool,
) -> HttpResponseBase:
    """What ``handle`` answers, or what it answered to the same request before.

    Raises Unprocessable when the key came with another request, Conflict when that answer held a secret or is not
    there yet.
    """
    key = _key(request)
    digest = _digest(request)
    RememberedAnswer.objects.filter(created_at__lt=now - KEPT).delete()
    with transaction.atomic() if in_transaction else nullcontext():
        claim = RememberedAnswer(key=key, request_hash=digest, created_at=now)
        if (first := _first(claim, now)) is not None:
            return _again(first, digest)
        try:
            response = handle()
        except BaseException:
            if not in_transaction:
                RememberedAnswer.objects.filter(pk=claim.pk).delete()
            raise
        _remember(claim, response)
    return response


def _key(request: Request) -> str:
    key: str = request.headers[HEADER]
    if not (0 < len(key) <= LONGEST and key.isascii() and key.isprintable()):
        raise ValidationError({HEADER: f"Use 1 to {LONGEST} printable ASCII characters."})
    return key


def _digest(request: Request) -> bytes:
    address = f"{request.method} {request.get_full_path()}\n".encode()
    return hashlib.sha256(address + request._request.body).digest()


def _first(claim: RememberedAnswer, now: datetime) -> RememberedAnswer | None:
    """The row of an earlier request with this key, or None: the key is ours now."""
    # Waits here for a transaction that has just inserted the same key, and conflicts once that has committed.
    RememberedAnswer.objects.bulk_create([claim], ignore_conflicts=True)
    stored = RememberedAnswer.objects.filter(key=claim.key).first()
    if stored is None:
        raise Conflict("The first request with this key has just failed. Send it again.")
    if stored.pk == claim.pk:
        return None
    if stored.status is None and stored.created_at < now - GIVEN_UP:
        taken = RememberedAnswer.objects.filter(pk=stored.pk, status=None, created_at=stored.created_at)
        if bytes(stored.request_hash) == bytes(claim.request_hash) and taken.update(created_at=now):
            claim.pk = stored.pk
            return None
    return stored


def _again(first: RememberedAnswer, digest: bytes) -> Response:
    if bytes(first.request_hash) != digest:
        raise Unprocessable("This Idempotency-Key was used for another request. Use a new key for a new request.")
    if first.status is None:
        raise Conflict("The first request with this Idempotency-Key is still being worked on. Ask again in a moment.")
    if first.shown_once:
        raise Conflict(
            "This request succeeded before. Its answer held a secret that is shown once and not kept. "
            "If you did not receive it, revoke what was made and make a new one."
        )
    headers = {REPLAYED: "true"} | ({"Location": first.location} if first.location else {})
    return Response(json.loads(first.body) if first.body else None, status=first.status, headers=headers)


def _remember(claim: RememberedAnswer, response: HttpResponseBase) -> None:
    assert isinstance(response, Response), "only plain answers are remembered"
    shown_once = getattr(response, "shown_once", False)
    has_body = response.data is not None and not shown_once
    RememberedAnswer.objects.filter(pk=claim.pk).update(
        status=response.status_code,
        body=JSONRenderer().render(response.data).decode() if has_body else "",
        location=response.headers.get("Location", ""),
        shown_once=shown_once,
    )
