"""Doing the same thing to many, several at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Self, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Threads:
    """A fixed number of threads that live as long as the ``with`` block."""

    def __init__(self, number: int, name: str) -> None:
        self._number = number
        self._pool = ThreadPoolExecutor(max_workers=number, thread_name_prefix=name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._pool.shutdown()

    def each(self, act: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """What ``act`` returns for each, in order. When one raises, its thread takes no further item; the error is
        raised after the others have ended.

        A thread takes the next item by itself: handing each over and collecting each result, as ``map`` does, wakes
        the caller for every one of them and costs as much as a short request.
        """
        waiting = deque(enumerate(items))
        results: dict[int, R] = {}

        def work() -> None:
            while True:
                try:
                    place, item = waiting.popleft()
                except IndexError:
                    return
                results[place] = act(item)

        working = [self._pool.submit(work) for _ in range(min(self._number, len(items)))]
        wait(working)
        for done in working:
            done.result()
        return [results[place] for place in range(len(items))]
