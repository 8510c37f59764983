"""Which journals were being written at the same time (dynamics §8)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager

Journal = tuple[str, str]
"""Company and number."""


class Overlaps:
    """The most requests that wrote lines of one journal at once, and the most journals that were written at once."""

    def __init__(self) -> None:
        self.in_one_journal = self.journals = 0
        self._written: Counter[Journal] = Counter()

    @contextmanager
    def during(self, journals: Collection[Journal]) -> Iterator[None]:
        """A request that writes lines of these is being worked on."""
        self._written.update(journals)
        self.in_one_journal = max(self.in_one_journal, *self._written.values(), 0)
        self.journals = max(self.journals, len(self._written))
        try:
            yield
        finally:
            self._written.subtract(journals)
            self._written = +self._written

    def shown(self) -> dict[str, int]:
        return {"in_one_journal": self.in_one_journal, "journals": self.journals}
