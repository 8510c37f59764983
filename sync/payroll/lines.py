"""The lines of a journal on their way from postings to what is posted: summed up, rounded, portioned, cut. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import groupby

import msgspec
from msgspec.structs import replace

from sync.payroll.drafts import Share, Side
from sync.payroll.money import ZERO, rounded, shared_out
from sync.payroll.placing import Posting


class Line(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """``exact`` is the sum of the shares, ``amount`` what is posted of it; debits are positive, credits negative."""

    account: str
    exact: Decimal
    amount: Decimal
    shares: tuple[Share, ...] = ()
    workers: frozenset[str] = frozenset()
    cost_center: str = ""
    department: str = ""
    worker: str = ""


def summed_up(postings: Iterable[Posting], unit: Decimal) -> list[Line]:
    """A line for each account, department and worker, rounded once."""
    return [_line(list(alike), unit) for _, alike in groupby(sorted(postings, key=_place), key=_place)]


def _place(posting: Posting) -> tuple[str, str, str, str]:
    return posting.account, posting.department, posting.worker, posting.cost_center


def _line(postings: Sequence[Posting], unit: Decimal) -> Line:
    exact = sum((posting.amount for posting in postings), ZERO)
    account, department, worker, cost_center = _place(postings[0])
    return Line(
        account=account,
        exact=exact,
        amount=rounded(exact, unit),
        shares=shares_of(postings),
        workers=workers_of(postings),
        cost_center=cost_center,
        department=department,
        worker=worker,
    )


def workers_of(parts: Iterable[Posting | Line]) -> frozenset[str]:
    """Everybody these concern."""
    everybody = [part.workers for part in parts]
    return everybody[0] if len(everybody) == 1 else frozenset[str]().union(*everybody)


def shares_of(postings: Iterable[Posting]) -> tuple[Share, ...]:
    """What each pay item has in the postings, by its rule and the rule's side."""
    shares = []
    for (item, rule, side), alike in groupby(sorted(postings, key=_item), key=_item):
        found = list(alike)
        shares.append(
            Share(
                item=item,
                rule=rule,
                side=side,
                amount=sum((posting.amount for posting in found), ZERO),
                people=len(workers_of(found)),
                hours=sum((posting.hours for posting in found), ZERO),
            )
        )
    return tuple(shares)


def _item(owner: Posting | Share) -> tuple[str, int, Side]:
    return owner.item, owner.rule, owner.side


def settling(postings: Iterable[Posting]) -> Iterator[Posting]:
    """What was owed is paid: off the account it was owed on, from the account it is settled from."""
    for posting in postings:
        if posting.settlement is not None:
            account, cost_center = posting.settlement
            yield replace(posting, side=Side.DEBIT, amount=-posting.amount)
            yield replace(posting, account=account, cost_center=cost_center)


def portioned(line: Line, part: int, whole: int, unit: Decimal) -> Line:
    """So many of so many days of the line, divided exactly and rounded once. The shares add up to what is posted of
    it; the hours stay where the cost is."""
    amount = rounded(line.exact * part / whole, unit)
    return replace(line, exact=amount, amount=amount, shares=_scaled(line.shares, amount, unit) if amount else ())


def _scaled(shares: Sequence[Share], amount: Decimal, unit: Decimal) -> tuple[Share, ...]:
    amounts = shared_out(amount, [share.amount for share in shares], unit)
    return tuple(replace(s, amount=a, hours=ZERO) for s, a in zip(shares, amounts, strict=True))


def gathered(account: str, costs: Sequence[Line], postings: Iterable[Posting]) -> Line:
    """The other side of portions of these postings, in one sum."""
    sums: dict[tuple[str, int, Side], Decimal] = {}
    for share in (share for line in costs for share in line.shares):
        sums[_item(share)] = sums.get(_item(share), ZERO) - share.amount
    amount = sum(sums.values(), ZERO)
    shares = tuple(
        replace(share, amount=sums[_item(share)], hours=ZERO) for share in shares_of(postings) if _item(share) in sums
    )
    return Line(account=account, exact=amount, amount=amount, shares=shares, workers=workers_of(costs))


def mirrored(line: Line) -> Line:
    """The line taken back."""
    shares = tuple(replace(share, amount=-share.amount) for share in line.shares)
    return replace(line, exact=-line.exact, amount=-line.amount, shares=shares)


def cut(line: Line, pieces: Sequence[Decimal], unit: Decimal) -> list[Line]:
    """The line in pieces of these amounts, which add up to its own; so do the pieces of its shares. The last piece
    has what rounding and the hours concern."""
    rest, cuts = line, []
    for amount in pieces[:-1]:
        shares = _scaled(rest.shares, amount, unit) if rest.shares else ()
        cuts.append(replace(line, exact=amount if shares else ZERO, amount=amount, shares=shares))
        left = [replace(r, amount=r.amount - s.amount) for r, s in zip(rest.shares, shares, strict=True)]
        rest = replace(rest, exact=rest.exact - cuts[-1].exact, amount=rest.amount - amount, shares=tuple(left))
    return [*cuts, rest]
