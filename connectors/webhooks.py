"""What a vendor announces by webhook: what a delivery says, what it must carry to be believed, what follows from it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import NamedTuple, Protocol

import msgspec


class WebhookEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What a vendor announced: the event, its id of the company, and its id of whom or what it concerns, if any."""

    name: str
    company: str
    subject: str = ""


class WebhookProof(msgspec.Struct, frozen=True, kw_only=True):
    """What a delivery must carry: one of the bearer tokens and a signature by one of the secrets, as far as there are
    any; two of each while they are changed. With neither nothing is accepted."""

    tokens: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    header: str = ""

    def __repr__(self) -> str:
        return "WebhookProof(***)"


class Meaning(enum.StrEnum):
    """What follows from an event."""

    PERSON = "person"
    REFERENCE = "reference"
    UNINSTALLED = "uninstalled"
    IGNORED = "ignored"
    UNKNOWN = "unknown"


class Meant(NamedTuple):
    """``reason`` is a sentence where nothing is done: why."""

    meaning: Meaning
    reason: str = ""


class WebhookUnreadable(Exception):
    """A delivery cannot be understood. The text names the field, and repeats nothing of what was sent."""


class Webhooks(Protocol):
    """A vendor's webhooks: its module ``webhooks``, registered in ``vendors``."""

    def verified(self, proof: WebhookProof, headers: Mapping[str, str], body: bytes) -> bool:
        """True when the delivery carries everything that ``proof`` has; compared in constant time."""
        ...

    def parse(self, content_type: str, body: bytes) -> WebhookEvent:
        """The event of a delivery, or WebhookUnreadable."""
        ...

    def meaning(self, event: WebhookEvent) -> Meant:
        """What follows from the event."""
        ...
