"""What the terminal shows: numbered steps with a short table each, and how long they took."""

from __future__ import annotations

import re
import textwrap
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

WIDTH = 100
INDENT = "    "
AMOUNT = re.compile(r"-?[\d,]+\.\d\d")


class Screen:
    """Prints as things happen."""

    def __init__(self) -> None:
        self._steps = 0
        self.started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self.started

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """A heading; the body prints beneath it."""
        self._steps += 1
        begun = time.monotonic()
        print(f"\n{self._steps:>2}  {title}", flush=True)
        yield
        print(f"{INDENT}{f'{time.monotonic() - begun:.1f} s':>{WIDTH - len(INDENT)}}", flush=True)

    def say(self, sentence: str) -> None:
        """A sentence, wrapped."""
        print(textwrap.fill(sentence, WIDTH, initial_indent=INDENT, subsequent_indent=INDENT), flush=True)

    def table(self, rows: Sequence[Sequence[object]], head: Sequence[str] = ()) -> None:
        """Columns as wide as their content: numbers and amounts to the right, the last one wrapped."""
        lines = [list(map(str, row)) for row in ([head, *rows] if head else rows)]
        if not lines:
            return
        widths = [max(len(line[n]) for line in lines) for n in range(len(lines[0]))]
        numbers = {n for n in range(len(widths)) if all(_is_number(row[n]) for row in rows)}
        for number, line in enumerate(lines):
            cells = [
                c.rjust(w) if n in numbers else c.ljust(w) for n, (c, w) in enumerate(zip(line, widths, strict=True))
            ]
            before = INDENT + "  ".join(cells[:-1]) + "  " * (len(cells) > 1)
            for part in textwrap.wrap(cells[-1], max(30, WIDTH - len(before))) or [""]:
                print(f"{before}{part}".rstrip(), flush=True)
                before = " " * len(before)
            if head and number == 0:
                print(f"{INDENT}{'  '.join('-' * width for width in widths)[: WIDTH - len(INDENT)]}", flush=True)


def _is_number(cell: object) -> bool:
    return isinstance(cell, int) or (isinstance(cell, str) and AMOUNT.fullmatch(cell) is not None)
