"""What a company has to tell the app: events that wait, how they are written, what became of each. Source: rippling §7.

An event has a name, a company and a subject, and nothing else: no id, no time, no order.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any, Literal, get_args
from urllib.parse import urlencode

Event = dict[str, str]
"""``event_name``, ``company_id``, ``company_primary_email`` and, where there is a subject, ``id``."""

ContentType = Literal["form", "json"]
Departments = Literal["none", "group", "company"]
CONTENT_TYPES: dict[ContentType, str] = {"form": "application/x-www-form-urlencoded", "json": "application/json"}


@dataclass(frozen=True)
class Hook:
    """Where and how events are sent; JSON and the signature are what some claim, not what Rippling documents."""

    url: str
    bearer: str | None = None
    hmac_secret: str | None = None
    header: str = "X-Rippling-Signature"
    """Carries the HMAC-SHA256 of the body in hex, where there is a secret."""
    content_type: ContentType = "form"
    enabled: bool = True
    at_once: bool = False
    """A change is answered when its events have been delivered; otherwise they wait for ``deliver``."""
    retry_on_5xx: bool = False
    """Three more attempts after an answer of 500 or above; otherwise every event is sent once."""
    departments: Departments = "none"
    """What a change of a department is announced as; no document says that it is announced at all."""

    def __post_init__(self) -> None:
        for name, choices in (("content_type", get_args(ContentType)), ("departments", get_args(Departments))):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} is one of {choices}, not {getattr(self, name)!r}")

    def written(self, event: Event) -> tuple[bytes, dict[str, str]]:
        """The body and the headers of a delivery."""
        body = (json.dumps(event) if self.content_type == "json" else urlencode(event)).encode()
        headers = {"Content-Type": CONTENT_TYPES[self.content_type]}
        if self.bearer is not None:
            headers["Authorization"] = f"Bearer {self.bearer}"
        if self.hmac_secret is not None:
            headers[self.header] = hmac.new(self.hmac_secret.encode(), body, hashlib.sha256).hexdigest()
        return body, headers


@dataclass(frozen=True)
class Outcome:
    """One delivery: the status of the last answer, or the name of the error when there was none."""

    event_name: str
    id: str | None
    status: int | None
    error: str | None
    attempts: int
    at: str
    milliseconds: float

    @property
    def result(self) -> str:
        return str(self.status or self.error)


@dataclass
class Webhooks:
    hook: Hook | None = None
    queue: deque[Event] = field(default_factory=deque)
    outcomes: list[Outcome] = field(default_factory=list)
    results: Counter[str] = field(default_factory=Counter)

    def tell(self, event: Event) -> None:
        """The event waits to be delivered; without a hook that is enabled nobody will ever hear of it."""
        if self.hook is not None and self.hook.enabled:
            self.queue.append(event)

    def delivered(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self.results[outcome.result] += 1

    def snapshot(self) -> dict[str, Any]:
        return {"queued": len(self.queue), "delivered": dict(self.results)}
