"""Notices to a program of the customer's: JSON, signed, to a public address, following no redirect."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import httpx
import msgspec
from django.conf import settings

from connectors import seal
from sync.models import AlertHook, Dispatch, Notice
from sync.notices.addresses import Destination, look_up
from sync.notices.mails import link_to

SECRET = "alert_hook"  # noqa: S105 - what is sealed, not a secret
SECONDS = 10
"""So long may a delivery take in all, however slowly names are found and answers come."""
PREFIX = "whsec_"


class HookFailed(Exception):
    """The address did not take it. ``str()`` is a sentence for staff."""


class HookPost(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery. ``delivery`` stays the same however often it is tried."""

    url: str
    secret: str
    delivery: str
    body: bytes

    def __repr__(self) -> str:
        return f"HookPost({self.delivery})"


def new_secret(hook: AlertHook) -> str:
    """A secret, sealed for this address; the caller saves, and shows the text once."""
    assert hook.tenant_id is not None, "a secret is bound to a tenant; enter its scope first"
    text = PREFIX + secrets.token_urlsafe(32)
    hook.sealed = seal.seal(hook.tenant_id, hook.pk, SECRET, {"secret": text})
    hook.sealed_by = seal.current_key_id()
    return text


def secret_of(hook: AlertHook) -> str:
    """The secret in clear. Raises SealBroken."""
    if hook.sealed is None or hook.tenant_id is None:
        raise seal.SealBroken("This address has no secret. Make a new one.")
    return seal.unseal(hook.tenant_id, hook.pk, SECRET, hook.sealed)["secret"]


def signature(secret: str, body: bytes, at: datetime) -> str:
    """``t=<unix>,v1=<HMAC-SHA256, hex, of "t.body">``; the time says how old a copy is."""
    stamp = str(int(at.timestamp()))
    digest = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={digest}"


def body_of(message: Dispatch, company: str, notices: Sequence[Notice]) -> bytes:
    """What the program gets: no person's name, no amount."""
    events = {
        Dispatch.Purpose.NOTICE: "notices.opened",
        Dispatch.Purpose.MENDED: "notices.mended",
        Dispatch.Purpose.TEST: "test",
    }
    content: dict[str, Any] = {
        "delivery": f"{message.tenant_id}-{message.pk}",
        "event": events[Dispatch.Purpose(message.purpose)],
        "company": company,
        "created_at": message.created_at,
        "notices": [
            {
                "id": notice.pk,
                "kind": notice.kind,
                "sentence": notice.sentence,
                "remedy": notice.remedy,
                "link": link_to(notice.link) if notice.link else "",
                "opened_at": notice.opened_at,
                "resolved_at": notice.resolved_at,
            }
            for notice in notices
        ],
    }
    return msgspec.json.encode(content)


def post(message: HookPost, now: datetime) -> None:
    """Afterwards the address has answered 2xx, within SECONDS. Raises HookFailed, or AddressRefused where it is not a
    public one."""
    # Whoever runs a name's server decides how long it is looked up, and that cannot be interrupted: it can be left.
    hands = ThreadPoolExecutor(1)
    answer = hands.submit(_deliver, message, now)
    hands.shutdown(wait=False)
    try:
        status = answer.result(SECONDS)
    except TimeoutError:
        raise HookFailed(f"The address did not answer within {SECONDS} seconds.") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise HookFailed(f"The address did not answer ({type(error).__name__}).") from None
    if 300 <= status < 400:
        raise HookFailed(f"The address answered with a redirect ({status}), which is not followed. Enter the new one.")
    if not 200 <= status < 300:
        raise HookFailed(f"The address answered {status}.")


def _deliver(message: HookPost, now: datetime) -> int:
    """The name is looked up once and that address is spoken to, under the name's certificate; what it answers is not
    read but for its status."""
    to = look_up(message.url, allow_loopback=settings.ALLOW_LOOPBACK_VENDORS)
    headers = {
        "Host": to.host,
        "Content-Type": "application/json",
        "User-Agent": f"ml-connector/{settings.VERSION}",
        "MLC-Delivery": message.delivery,
        "MLC-Signature": signature(message.secret, message.body, now),
    }
    return asyncio.run(_status(to, message.body, headers))


async def _status(to: Destination, body: bytes, headers: dict[str, str]) -> int:
    # httpx's own limits are for each read: an answer that drips would be waited for without end.
    async with (
        asyncio.timeout(SECONDS),
        httpx.AsyncClient(timeout=None, follow_redirects=False, trust_env=False) as client,  # noqa: S113 - see above
        client.stream("POST", to.url, content=body, headers=headers, extensions={"sni_hostname": to.name}) as answer,
    ):
        return answer.status_code
