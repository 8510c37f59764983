"""Reading ahead: the next page is fetched while this one is worked on."""

from __future__ import annotations

import contextvars
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connections

T = TypeVar("T")


def prefetched(pages: Iterator[T]) -> Iterator[T]:
    """The same pages in the same order, one of them read ahead in a thread; errors surface where the page would."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="prefetch") as pool:
        # The iterator is only ever advanced by this one thread, in the caller's context.
        context = contextvars.copy_context()

        def next_page() -> T | None:
            return context.run(lambda: next(pages, None))

        ahead = pool.submit(next_page)
        try:
            while (page := ahead.result()) is not None:
                ahead = pool.submit(next_page)
                yield page
        finally:
            # What the thread opened, it must close: nobody else can.
            pool.submit(connections.close_all).result()
