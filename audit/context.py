"""Who is acting right now, why, and under which correlation id; every audit entry is signed with it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import msgspec

KINDS = ("user", "api_key", "schedule", "system")


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """The one who acts. ``label`` is a static copy of their name: it outlives the account.

    ``identity`` tells whether two acts are the same person's: a key acts for whoever made it.
    """

    kind: str
    label: str
    identity: str = ""
    why: str = ""
    correlation_id: str = ""


SYSTEM = Actor(kind="system", label="System", identity="system:System")

_actor: ContextVar[Actor] = ContextVar("audit_actor", default=SYSTEM)


def current_actor() -> Actor:
    """The innermost ``acting_as``; outside of any, the system."""
    return _actor.get()


@contextmanager
def acting_as(
    kind: str, label: str, *, identity: str = "", why: str = "", correlation_id: str | None = None
) -> Iterator[Actor]:
    """Inside, entries are recorded as this actor's acts.

    ``kind`` is one of KINDS, else ValueError. Without a correlation id the surrounding one is kept, and a new one is
    made where there is none, so that everything one act leads to can be found together. ``identity`` is kind and
    label unless given.
    """
    if kind not in KINDS:
        raise ValueError(f"Unknown kind of actor {kind!r}; known are {', '.join(KINDS)}.")
    if not label:
        raise ValueError("An actor needs a label: an entry must say who acted.")
    correlation_id = correlation_id or _actor.get().correlation_id or uuid.uuid4().hex
    actor = Actor(
        kind=kind, label=label, identity=identity or f"{kind}:{label}", why=why, correlation_id=correlation_id
    )
    token = _actor.set(actor)
    try:
        yield actor
    finally:
        _actor.reset(token)
