"""One thing that is wrong now, as those who look for it say it."""

from __future__ import annotations

from typing import Any

import msgspec
from django.urls import reverse

from sync.models import NoticeKind


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong now. ``key`` stays the same for as long as it is; ``occurrence`` names the latest time
    it happened. ``link`` is the path of the page that mends it."""

    kind: NoticeKind
    key: str
    sentence: str
    remedy: str
    link: str
    occurrence: str = ""


def page(name: str, *args: Any) -> str:
    """The path of a page for staff."""
    return reverse(f"admin:{name}", args=args)
