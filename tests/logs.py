"""What this process logs, as an operator would find it: lines of JSON."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from config.logging import formatter


class Logged:
    """The lines written so far."""

    def __init__(self) -> None:
        self._stream = io.StringIO()

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    def lines(self, event: str = "") -> list[dict[str, Any]]:
        """All lines, or those of one event."""
        found = [json.loads(line) for line in self.text.splitlines()]
        return [line for line in found if event in ("", line["event"])]


@contextmanager
def logged() -> Iterator[Logged]:
    """Collects what is logged inside."""
    seen = Logged()
    handler = logging.StreamHandler(seen._stream)
    handler.setFormatter(formatter())
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield seen
    finally:
        root.removeHandler(handler)
