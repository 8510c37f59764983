"""Adjustments: one journal of what differs between the ledger and what a pay run makes now, and of nothing else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal

import msgspec
from django.db.models import Max, Sum

from sync.models import PayRun, Posting, PostingShare
from sync.payroll.describing import ROUNDING, describe_line
from sync.payroll.drafting import booked_of_register
from sync.payroll.drafts import DraftJournal, DraftLine, Share, Side
from sync.payroll.effects import Effect, Group, Net, Standing, group_of, nets_of
from sync.payroll.money import ZERO
from sync.payroll.moving import least_moved
from sync.payroll.surroundings import load_words

ShareKey = tuple[Net, str, int, str]
"""Where, which pay item, by which rule and on which side."""


class Adjustment(msgspec.Struct, frozen=True, kw_only=True):
    """``lines`` come to zero. ``cost`` and ``owed``: what they book of the register's, unrounded. ``adjusts`` is the
    first of the journals whose difference this is."""

    adjusts: Posting
    lines: tuple[DraftLine, ...]
    cost: Decimal
    owed: Decimal


def adjustments(pay_run: PayRun, effect: Effect) -> Iterator[Adjustment]:
    """One for each company, currency and kind of journal whose amounts per account and department differ."""
    words = load_words(pay_run.integration)
    concerned = {_group(effect, step.posting) for step in effect.steps if step.posting is not None}
    for group in sorted(concerned):
        standing = [one for one in effect.standing if one.group == group]
        journals = [journal for journal in effect.wanted if group_of(journal) == group]
        base = next(one.posting for one in standing if one.posting.adjusts is None)
        lines = _lines(standing, journals, words)
        if not lines:
            continue
        booked = [booked_of_register(journal) for journal in journals]
        yield Adjustment(
            adjusts=base,
            lines=lines,
            cost=sum((cost for cost, _ in booked), ZERO) - sum((one.posting.cost for one in standing), ZERO),
            owed=sum((owed for _, owed in booked), ZERO) - sum((one.posting.owed for one in standing), ZERO),
        )


def _group(effect: Effect, posting: Posting) -> Group:
    return next(one.group for one in effect.standing if one.posting.pk == posting.pk)


def _lines(
    standing: Sequence[Standing], journals: Sequence[DraftJournal], words: dict[tuple[str, str], str]
) -> tuple[DraftLine, ...]:
    """Debits first, by account and department."""
    nets: dict[Net, Decimal] = defaultdict(Decimal)
    for sign, parts in ((-1, [one.nets for one in standing]), (1, [nets_of(journal) for journal in journals])):
        for part in parts:
            for place, amount in part.items():
                nets[place] += sign * amount
    shares = _shares(standing, journals)
    different = sorted((place for place, amount in nets.items() if amount), key=lambda p: (nets[p] < 0, p))
    return tuple(
        DraftLine(
            number=number,
            account=place[0],
            debit=max(nets[place], ZERO),
            credit=max(-nets[place], ZERO),
            description=_words(place, shares[place], words),
            department=place[1],
            cost_center=place[2],
            people=max((share.people for share in shares[place]), default=0),
            shares=tuple(shares[place]),
        )
        for number, place in enumerate(different, start=1)
    )


def _shares(standing: Sequence[Standing], journals: Sequence[DraftJournal]) -> dict[Net, list[Share]]:
    """What each pay item adds; ``people`` are those it is the pay of at least, since nobody knows whose pay changed."""
    amounts: dict[ShareKey, Decimal] = defaultdict(Decimal)
    hours: dict[ShareKey, Decimal] = defaultdict(Decimal)
    former: dict[tuple[Net, str, str], int] = defaultdict(int)
    people: dict[tuple[Net, str, str], int] = defaultdict(int)
    rows = PostingShare.objects.filter(line__posting__in=[one.posting for one in standing]).order_by()
    columns = rows.values_list("line__account", "line__department", "line__cost_center", "item", "rule", "side")
    for *place, item, rule, side, amount, worked, count in columns.annotate(Sum("amount"), Sum("hours"), Max("people")):
        account, department, cost_center = place
        key = ((account, department, cost_center), item, rule or 0, side)
        amounts[key] -= amount
        hours[key] -= worked
        former[key[0], item, side] += count
    for line in (line for journal in journals for line in journal.lines):
        for share in line.shares:
            key = ((line.account, line.department, line.cost_center), share.item, share.rule, share.side.value)
            amounts[key] += share.amount
            hours[key] += share.hours
            people[key[0], share.item, share.side.value] += share.people
    found: dict[Net, list[Share]] = defaultdict(list)
    for key in sorted(key for key, amount in amounts.items() if amount):
        where, item, rule, side = key
        heads = least_moved(former[where, item, side], people[where, item, side])
        share = Share(item=item, rule=rule, side=Side(side), amount=amounts[key], people=heads, hours=hours[key])
        found[where].append(share)
    return found


def _words(place: Net, shares: Sequence[Share], words: dict[tuple[str, str], str]) -> str:
    named = sorted(shares, key=lambda share: (-abs(share.amount), share.item))
    items = [words.get(("item", share.item)) or share.item.partition(":")[2] for share in named]
    return describe_line(items or [ROUNDING], words.get(("department", place[1])) or place[1])
