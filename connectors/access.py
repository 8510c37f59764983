"""What all workers of a connection share: how often they may ask, and what they prove themselves with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import msgspec

from connectors.errors import ConnectionConfigError


class Budget(Protocol):
    """A request allowance shared by every worker of a connection."""

    def acquire(self) -> None:
        """Return when one request may be sent; waits as long as needed."""
        ...

    def slow_down(self, seconds: float) -> None:
        """The vendor said wait: nobody sends before ``seconds`` have passed."""
        ...


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """Access for a while: the token, the instant (aware UTC) until which it is used, and what gets the next one."""

    token: str
    expires_at: datetime
    refresh_token: str = ""

    def __repr__(self) -> str:
        return "Grant(***)"


class TokenStore(Protocol):
    """Where access is kept between runs, and the lock that lets one worker renew it at a time."""

    def read(self) -> Grant | None:
        """What is held, expired or not; None when there is nothing."""
        ...

    def refresh(self, stale: str | None, fetch: Callable[[Grant | None], Grant]) -> Grant:
        """Replace the token ``stale`` by what ``fetch`` makes of what is held, in one worker at a time; the others
        get the new one. A refusal of ``fetch`` (ConnectionConfigError) is what the others get too."""
        ...

    def keep(self, grant: Grant) -> None:
        """Afterwards this is what is held; a refusal of what was held before is forgotten."""
        ...


class Unshared:
    """A ``Budget`` for a call or two of which no other worker knows: nobody waits."""

    def acquire(self) -> None:
        """Return at once."""

    def slow_down(self, seconds: float) -> None:
        """The caller waits; there is nobody else."""


class Held:
    """A ``TokenStore`` in memory, for access of which it is not decided yet whose it is. It is not renewed."""

    def __init__(self, grant: Grant | None = None) -> None:
        self._grant = grant

    def read(self) -> Grant | None:
        """What is held."""
        return self._grant

    def refresh(self, stale: str | None, fetch: Callable[[Grant | None], Grant]) -> Grant:
        """Refused: renewing could use up what was given, and nobody would know."""
        raise ConnectionConfigError("The access that was just given is refused already. Begin again.")

    def keep(self, grant: Grant) -> None:
        """Afterwards this is what is held."""
        self._grant = grant
