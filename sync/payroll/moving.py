"""How many people's pay a correction moves, as far as the shares of journals tell: who they are is not kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal

from django.db.models import Sum

from sync.models import Posting, PostingShare
from sync.payroll.drafts import DraftJournal
from sync.payroll.money import ZERO

Account = tuple[str, str, str]
"""Company of the ledger, currency, number."""

Key = tuple[Account, str, str, str]
"""Account, department, pay item, side."""

KEPT = Decimal("0.000001")
"""As finely as shares are kept."""


def moved_by_account(standing: Sequence[Posting], wanted: Sequence[DraftJournal]) -> dict[Account, int]:
    """How many people's part of each account changes at least; an account where nothing does is left out. One query.

    What one pay item puts on an account may change because of a single person, unless all of it comes or goes.
    """
    before, after = _standing(standing), _wanted(wanted)
    found: dict[Account, int] = defaultdict(int)
    for key in before.keys() | after.keys():
        (amount, people), (new_amount, new_people) = before.get(key, (ZERO, 0)), after.get(key, (ZERO, 0))
        if amount != new_amount:
            found[key[0]] = max(found[key[0]], least_moved(people, new_people))
    return dict(found)


def least_moved(people: int, new_people: int) -> int:
    """Of how many people at least something changes that concerned the first number of them, and concerns the other."""
    return 1 if people and new_people else max(people, new_people)


def _standing(postings: Sequence[Posting]) -> Mapping[Key, tuple[Decimal, int]]:
    """What each pay item put on each account; several journals may be about the same people."""
    found: dict[Key, tuple[Decimal, int]] = {}
    rows = PostingShare.objects.filter(line__posting__in=postings).order_by()
    columns = rows.values_list("line__posting", "line__account", "line__department", "item", "side")
    places = {posting.pk: (posting.company, posting.currency) for posting in postings}
    for posting, account, department, item, side, amount, people in columns.annotate(Sum("amount"), Sum("people")):
        key = ((*places[posting], account), department, item, side)
        known, most = found.get(key, (ZERO, 0))
        found[key] = known + amount, max(most, people)
    return found


def _wanted(journals: Sequence[DraftJournal]) -> Mapping[Key, tuple[Decimal, int]]:
    found: dict[Key, tuple[Decimal, int]] = {}
    for journal in journals:
        own: dict[Key, tuple[Decimal, int]] = {}
        for line in journal.lines:
            for share in line.shares:
                key = ((journal.company, journal.currency, line.account), line.department, share.item, share.side.value)
                known, people = own.get(key, (ZERO, 0))
                own[key] = known + share.amount.quantize(KEPT), people + share.people
        for key, (amount, people) in own.items():
            known, most = found.get(key, (ZERO, 0))
            found[key] = known + amount, max(most, people)
    return found
