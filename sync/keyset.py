"""The keys of everything a walk has seen, in eight bytes each, with a digest of keys and contents.

Counts agree when content does not; key sets and hashes tell.
"""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left


class KeySet:
    """Add keys while walking; ``seal`` it; then ask for membership. Memory: 8 bytes a key."""

    def __init__(self) -> None:
        self._hashes: array[int] = array("Q")
        self._content = hashlib.sha256()
        self._sealed = False

    def add(self, key: str, content: bytes = b"") -> None:
        """Note one record: its key and the hash of its content."""
        encoded = key.encode()
        self._hashes.append(_hash(encoded))
        self._content.update(encoded + b"\x00" + content)

    def __len__(self) -> int:
        return len(self._hashes)

    def seal(self) -> None:
        """No more keys; afterwards membership can be asked."""
        self._hashes = array("Q", sorted(self._hashes))
        self._sealed = True

    def __contains__(self, key: str) -> bool:
        assert self._sealed, "seal the key set before asking it"
        wanted = _hash(key.encode())
        position = bisect_left(self._hashes, wanted)
        return position < len(self._hashes) and self._hashes[position] == wanted

    def digest(self) -> str:
        """SHA-256 (hex) over keys and contents in the order they were added."""
        return self._content.hexdigest()


def _hash(encoded: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(encoded, digest_size=8).digest(), "big")
