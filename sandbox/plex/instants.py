"""Instants as Plex writes and reads them: ISO 8601 UTC with up to seven fractional digits (plex §2.2).

They are kept as text of fixed width, so text order is time order.
"""

from __future__ import annotations

import re
from datetime import datetime

from sandbox.plex.refusals import bad_argument

_WRITTEN = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,7}))?)?Z")


def written(instant: datetime) -> str:
    """Seven digits; the last one is never zero, so a reader that knows six loses something and notices."""
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%f") + "7Z"


def comparable(text: str) -> str | None:
    """An instant in the kept form; None for a plain date, a missing zone or a blank for ``T``."""
    match = _WRITTEN.fullmatch(text)
    if match is None:
        return None
    minute, second, fraction = match.groups()
    try:
        datetime.fromisoformat(f"{minute}:{second or '00'}")
    except ValueError:
        return None
    return f"{minute}:{second or '00'}.{(fraction or '').ljust(7, '0')}Z"


def bound(name: str, text: str) -> str:
    """The comparable form of a date filter; what is no instant is refused."""
    instant = comparable(text)
    if instant is None:
        raise bad_argument(name, "an ISO 8601 UTC date-time")
    return instant
