"""Lists that move while they are read: everything that stays is seen once, or the reading fails."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from connectors.errors import TemporaryError, UnexpectedReplyError
from connectors.paging import linked_pages, offset_rows


class MovingList:
    """Rows by limit and offset; ``moves`` are done one before each further page."""

    def __init__(self, rows: list[str], moves: list[Callable[[list[str]], None]] | None = None, cap: int = 100) -> None:
        self.rows = rows
        self.moves = moves or []
        self.cap = cap
        self.fetched = 0

    def fetch(self, offset: int, limit: int) -> list[str]:
        self.fetched += 1
        if self.fetched > 1 and self.moves:
            self.moves.pop(0)(self.rows)
        return self.rows[offset : offset + min(limit, self.cap)]


def walked(source: MovingList) -> list[str]:
    pages = offset_rows(source.fetch, key=lambda row: row, product="Acme", limit=10)
    return [row for page in pages for row in page]


def people(count: int) -> list[str]:
    return [f"p{number:03}" for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, 2, 9, 10, 11, 19, 20, 100])
@pytest.mark.parametrize("cap", [3, 10])
def test_a_quiet_list_is_read_once_whatever_page_size_the_vendor_allows(count: int, cap: int) -> None:
    source = MovingList(people(count), cap=cap)
    assert walked(source) == people(count)
    assert source.fetched <= count / (min(cap, 10) - 1) + 2


def test_somebody_removed_in_front_of_us_hides_nobody() -> None:
    source = MovingList(people(35), [lambda rows: rows.remove("p002")])
    assert sorted(walked(source)) == people(35), "p002 was still there when their page was read"


def test_somebody_added_in_front_of_us_is_seen() -> None:
    source = MovingList(people(35), [lambda rows: None, lambda rows: rows.insert(0, "new")])
    assert sorted(walked(source)) == ["new", *people(35)]


@pytest.mark.parametrize("seed", range(40))
def test_whoever_stays_is_seen_exactly_once(seed: int) -> None:
    chance = random.Random(seed)

    def move(rows: list[str]) -> None:
        if chance.random() < 0.5:
            rows.insert(chance.randrange(len(rows) + 1), f"new{chance.random()}")
        else:
            rows.remove(chance.choice(rows))

    source = MovingList(people(60), [move] * chance.randrange(1, 8))
    seen = walked(source)
    assert len(seen) == len(set(seen))
    assert set(source.rows) <= set(seen)


def test_a_list_that_never_rests_is_an_error() -> None:
    source = MovingList(people(60), [lambda rows: rows.insert(0, f"n{len(rows)}"), lambda rows: None] * 500)
    with pytest.raises(TemporaryError, match="not complete"):
        walked(source)


def test_a_vendor_that_ignores_the_offset_is_an_error() -> None:
    with pytest.raises(UnexpectedReplyError, match="same page"):
        list(offset_rows(lambda offset, limit: people(10), key=str, product="Acme", limit=10))


def follow(pages: dict[str, tuple[list[str], str | None]]) -> list[list[str]]:
    found = linked_pages(
        pages["first"],
        link_of=lambda page: page[1],
        keys_of=lambda page: page[0],
        follow=lambda link: pages[link],
        product="Acme",
    )
    return [rows for rows, _ in found]


def test_links_are_followed_to_the_end() -> None:
    assert follow({"first": (["a"], "b"), "b": (["b"], "c"), "c": ([], None)}) == [["a"], ["b"], []]


@pytest.mark.parametrize(
    "pages",
    [
        {"first": (["a"], "b"), "b": (["b"], "c"), "c": (["c"], "b")},
        {"first": (["a"], "b"), "b": (["a"], "c"), "c": (["c"], None)},
        {"first": (["a"], "b"), "b": ([], "c"), "c": (["c"], None)},
    ],
    ids=["repeated link", "repeated rows", "empty page with a link"],
)
def test_a_list_that_goes_in_circles_is_an_error(pages: dict[str, tuple[list[str], str | None]]) -> None:
    with pytest.raises(UnexpectedReplyError, match="not complete"):
        follow(pages)
