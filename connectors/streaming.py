"""A response as a file that a parser reads from, in constant memory."""

from __future__ import annotations

import httpx
import msgspec

MAX_STREAM = 8 * 2**30


class Source:
    """A response as the file ijson reads from; keeps the opening for when there are no items."""

    def __init__(self, response: httpx.Response) -> None:
        self._chunks = response.iter_bytes(65536)
        self.opening = b""
        self.size = 0

    def read(self, size: int) -> bytes:
        """The next piece, of whatever size; empty at the end. ``size`` 0 is ijson asking for the type."""
        if size == 0:
            return b""
        piece = next(self._chunks, b"")
        self.size += len(piece)
        if self.size > MAX_STREAM:
            raise httpx.RemoteProtocolError("endless answer")
        if not self.opening:
            self.opening = piece
        return piece

    def holds_empty_list(self, prefix: str) -> bool:
        """True when what arrived is a document that really has an empty list at ``prefix``."""
        if self.size > len(self.opening):
            return False
        try:
            data = msgspec.json.decode(self.opening)
            for name in prefix.split(".")[:-1]:
                data = data[name]
        except (msgspec.DecodeError, KeyError, TypeError):
            return False
        return bool(data == [])
