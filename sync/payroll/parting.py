"""A journal that is too long for the ledger in parts, each of which balances by itself. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from decimal import Decimal

from sync.payroll.money import ZERO

Piece = tuple[int, Decimal]
"""The place of a line in the journal, and how much of its amount."""


def parted(amounts: Sequence[Decimal], groups: Sequence[str], most: int) -> list[list[Piece]]:
    """Parts of at most ``most`` (2 or more) pieces whose amounts add up to zero, as those of the journal do.

    ``amounts`` are the lines' (debits positive, credits negative, none zero), ``groups`` what each belongs to. Groups
    that balance by themselves and are short enough stay whole. Of the others, lines are matched debits against
    credits in order; a part that is full gives back what its last line has too much, so that this line is in two
    parts. The pieces of a line add up to it.
    """
    if len(amounts) <= most:
        return [list(enumerate(amounts))]
    members: dict[str, list[Piece]] = {}
    for number, amount in enumerate(amounts):
        members.setdefault(groups[number], []).append((number, amount))
    parts: list[list[Piece]] = []
    others: list[Piece] = []
    for _, group in sorted(members.items()):
        if len(group) > most or _balance(group):
            others += group
        elif parts and len(parts[-1]) + len(group) <= most:
            parts[-1] += group
        else:
            parts.append(group)
    return [sorted(part) for part in (*parts, *_matched(others, most))]


def _balance(pieces: Sequence[Piece]) -> Decimal:
    return sum((amount for _, amount in pieces), ZERO)


def _matched(pieces: Sequence[Piece], most: int) -> list[list[Piece]]:
    debits = deque(piece for piece in pieces if piece[1] > ZERO)
    credits_ = deque(piece for piece in pieces if piece[1] < ZERO)
    parts: list[list[Piece]] = []
    part: list[Piece] = []
    balance = ZERO
    while debits or credits_:
        # Lines come from the side that is behind. So what the other is ahead is always less than its last line.
        part.append((credits_ if balance > ZERO else debits).popleft())
        balance += part[-1][1]
        if len(part) < most and (balance or len(part) < most - 1):
            continue
        if balance:
            ahead = debits if balance > ZERO else credits_
            ahead.appendleft(_give_back(part, balance))
            balance = ZERO
        parts.append(part)
        part = []
    return [*parts, part] if part else parts


def _give_back(part: list[Piece], balance: Decimal) -> Piece:
    """Shorten the last line on the side that is ahead by what it is ahead; that piece is for the next part."""
    place = max(n for n, (_, amount) in enumerate(part) if (amount > ZERO) == (balance > ZERO))
    number, amount = part[place]
    part[place] = (number, amount - balance)
    return number, balance
