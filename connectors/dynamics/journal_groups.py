"""A journal's lines in small groups, each of which balances by itself: one group becomes one voucher. Pure.

Dynamics gives a line the voucher of the line before until debits equal credits (dynamics §4.3), and advises vouchers
of about ten lines.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from decimal import Decimal

from connectors.journals import ZERO

Piece = tuple[int, Decimal]
"""The place of a line in the journal, and how much of its amount; debits positive, credits negative."""


def grouped(amounts: Sequence[Decimal], most: int) -> list[list[Piece]]:
    """Groups of at most ``most`` (2 or more) pieces that each add up to zero, as ``amounts`` must; none may be zero.

    Runs of lines that balance by themselves and are short enough stay whole and share a group where they fit. Of the
    others debits are matched against credits, and a group that is full gives back what its last line has too much:
    at most one line more a group, so that there are as few to send as can be. The pieces of a line add up to it.
    """
    groups: list[list[Piece]] = []
    others: list[Piece] = []
    for run in _runs(amounts):
        if len(run) > most:
            others += run
        elif groups and len(groups[-1]) + len(run) <= most:
            groups[-1] += run
        else:
            groups.append(run)
    return [*groups, *_matched(others, most)]


def most_lines(written: int, most: int) -> int:
    """How many lines (2 or more) a journal may have so that ``grouped`` never makes more than ``written`` of them.

    Every group but the last one may part a line, and then takes ``most - 1`` whole ones at least."""
    return max(2, written * (most - 1) // most)


def _runs(amounts: Sequence[Decimal]) -> Iterator[list[Piece]]:
    """The shortest runs of lines, in order, after which debits equal credits."""
    run: list[Piece] = []
    balance = ZERO
    for piece in enumerate(amounts):
        run.append(piece)
        balance += piece[1]
        if not balance:
            yield run
            run = []
    if run:
        raise ValueError("debits and credits differ")


def _matched(pieces: Sequence[Piece], most: int) -> Iterator[list[Piece]]:
    debits = deque(piece for piece in pieces if piece[1] > ZERO)
    credits_ = deque(piece for piece in pieces if piece[1] < ZERO)
    group: list[Piece] = []
    balance = ZERO
    while debits or credits_:
        # Lines come from the side that is behind, so what the other is ahead by is less than its last line.
        group.append((credits_ if balance > ZERO else debits).popleft())
        balance += group[-1][1]
        if len(group) < most and (balance or len(group) < most - 1):
            continue
        if balance:
            (debits if balance > ZERO else credits_).appendleft(_give_back(group, balance))
            balance = ZERO
        yield group
        group = []
    if group:
        yield group


def _give_back(group: list[Piece], balance: Decimal) -> Piece:
    """Shorten the last line on the side that is ahead by what it is ahead; that piece is for the next group."""
    place = max(n for n, (_, amount) in enumerate(group) if (amount > ZERO) == (balance > ZERO))
    number, amount = group[place]
    group[place] = (number, amount - balance)
    return number, balance
