"""Two ways to read a long list: by the vendor's link to the next page, and by offset. Neither ends early in silence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from connectors.errors import TemporaryError, UnexpectedReplyError

P = TypeVar("P")
R = TypeVar("R")


def linked_pages(
    first: P,
    *,
    link_of: Callable[[P], str | None],
    keys_of: Callable[[P], Sequence[str]],
    follow: Callable[[str], P],
    product: str,
) -> Iterator[P]:
    """``first`` and the pages after it until one has no link.

    ``keys_of`` gives the ids of a page's rows. UnexpectedReplyError when a link comes twice, when a page has the
    same rows as the one before, and when a page has a link but no rows: each would go on for ever or hide rows.
    """
    followed: set[int] = set()
    page, before = first, None
    while True:
        link, keys = link_of(page), keys_of(page)
        if link and (not keys or keys == before or hash(link) in followed):
            raise _repeats(product)
        yield page
        if not link:
            return
        followed.add(hash(link))
        before = keys
        page = follow(link)


def offset_rows(
    fetch: Callable[[int, int], Sequence[R]],
    *,
    key: Callable[[R], str],
    product: str,
    limit: int = 100,
    walks: int = 4,
) -> Iterator[list[R]]:
    """Every row of a list that has only ``limit`` and ``offset``, in pages, each row once.

    Each page begins with the last row of the one before. Where it does not, rows were added or removed in front of
    us and others may have slipped through, so the list is walked again and only new rows are given. The last page
    must consist of that one row, whatever page size the vendor really honours. After ``walks`` walks without a quiet
    one: TemporaryError. Remembers eight bytes per row; two ids with one hash are less likely than 1 in 10⁹.
    """
    seen: set[int] = set()
    for _ in range(walks):
        quiet = True
        offset = 0
        anchor: str | None = None
        shape: tuple[int, str, str] | None = None
        repeats = 0
        while rows := fetch(offset, limit):
            before, shape = shape, (len(rows), key(rows[0]), key(rows[-1]))
            repeats = repeats + 1 if shape == before and len(rows) > 1 else 0
            if repeats == 2:  # once can be a list that grew in front of us by as much as we moved on
                raise _repeats(product)
            if anchor is not None and key(rows[0]) != anchor:
                quiet = False
            elif anchor is not None and len(rows) == 1:
                break
            new = [row for row in rows if hash(key(row)) not in seen]
            if new:
                seen.update(hash(key(row)) for row in new)
                yield new
            anchor = key(rows[-1])
            offset += len(rows) - 1
        else:
            quiet = quiet and anchor is None
        if quiet:
            return
    raise TemporaryError(
        f"People were added to or removed from {product} while its list was being read, several times over. "
        "The list is not complete and was not used; it will be read again."
    )


def _repeats(product: str) -> UnexpectedReplyError:
    return UnexpectedReplyError(
        f"{product} sent the same page twice or an empty page in the middle of a list. "
        "The list is not complete and was not used further.",
        detail="pagination does not advance",
    )
