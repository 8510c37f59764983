"""Why a delivery is not taken."""

from __future__ import annotations


class Refused(Exception):
    """``reason`` is what we log and count; ``sentence`` is what the sender reads, and tells nothing of any customer."""

    def __init__(self, status: int, reason: str, sentence: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.sentence = sentence
