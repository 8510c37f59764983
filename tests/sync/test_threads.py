"""Several at a time: every result in its place, an error told, nobody left working."""

from __future__ import annotations

import threading

import pytest

from sync.threads import Threads


def test_every_item_is_done_once_and_answered_in_order() -> None:
    with Threads(4, "test") as threads:
        assert threads.each(lambda n: n * n, range(1000)) == [n * n for n in range(1000)]
        assert threads.each(lambda n: n, []) == []


def test_items_are_worked_on_at_the_same_time() -> None:
    together = threading.Barrier(4, timeout=10)
    with Threads(4, "test") as threads:
        threads.each(lambda _: together.wait(), range(8))


def test_an_error_is_raised_when_the_others_have_ended() -> None:
    done: list[int] = []

    def act(number: int) -> None:
        if number == 3:
            raise IndexError("three")
        done.append(number)

    with Threads(2, "test") as threads, pytest.raises(IndexError, match="three"):
        threads.each(act, range(10))
    assert sorted(done) == [n for n in range(10) if n != 3]
