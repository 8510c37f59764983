"""What of a pay run's journals somebody may see: decided once per run, so that no two of its tables tell on each other.

Every table of the run (lines, variance, figures by kind) asks here, and shows an amount only where it is shown here or
adds up from what is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from connectors.pay_runs import PayKind
from sync.models import PayRun, Posting, PostingLine, PostingShare
from sync.payroll.visibility import Cell, Masks, Sight, masked

SIDES = ("debit", "credit")
Line = tuple[str, str, str, str, str, str]
"""Company, currency, side, account, department, worker: the same line in every journal that has it."""

TURNED = (Posting.Kind.SETTLEMENT, Posting.Kind.MONTH_END_REVERSAL)
"""Journals that take back, on the other side, what another journal of the run has put on an account."""


class RunMasks(msgspec.Struct, frozen=True, kw_only=True):
    """What is hidden of one run: lines, accounts and departments, kinds of pay items, and journals' totals."""

    sight: Sight
    lines: frozenset[Line] = frozenset()
    cells: frozenset[tuple[str, str]] = frozenset()
    kinds: frozenset[str] = frozenset()
    totals: frozenset[tuple[str, str]] = frozenset()

    def hides_line(self, posting: Posting, line: PostingLine) -> bool:
        """True when this line's amount must not be shown. The posting's ``reverses`` must be loaded."""
        return self._all_or(line_key(posting, line) in self.lines)

    def hides_total(self, posting: Posting) -> bool:
        """True when the journal's debits and credits must not be shown."""
        return self._all_or((posting.company, posting.currency) in self.totals)

    def hides_cell(self, account: str, department: str) -> bool:
        """True when the net amount of an account and department must not be shown."""
        return self._all_or((account, department) in self.cells)

    def hides_kind(self, kind: str) -> bool:
        """True when what the run holds of a kind of pay item must not be shown."""
        return self._all_or(kind in self.kinds)

    @property
    def hides_run(self) -> bool:
        """True when what the run comes to must not be shown."""
        return self._all_or(bool(self.totals))

    @property
    def hides_anything(self) -> bool:
        """True when somebody with a larger sight sees more."""
        return self.sight is Sight.NONE or bool(self.lines or self.kinds or self.totals)

    def _all_or(self, is_hidden: bool) -> bool:
        return self.sight is Sight.NONE or (self.sight is Sight.GROUPS and is_hidden)


def line_key(posting: Posting, line: PostingLine) -> Line:
    """What is the same about a line in the journal that made it and in those that take it back."""
    return posting.company, posting.currency, side_of(posting, line), line.account, line.department, line.worker


def side_of(posting: Posting, line: PostingLine) -> str:
    """The line's side before it was turned round."""
    turned = posting.kind in TURNED
    if posting.reverses is not None:
        turned = posting.reverses.kind not in TURNED
    return SIDES[bool(line.credit) != turned]


def kinds_of(postings: Iterable[Posting]) -> dict[int, frozenset[str]]:
    """Per line's id the kinds of pay items that are on it. One query."""
    found: dict[int, set[str]] = defaultdict(set)
    shares = PostingShare.objects.filter(line__posting__in=[posting.pk for posting in postings])
    for line, item in shares.order_by().values_list("line", "item").distinct():
        found[line].add(item.partition(":")[0])
    return {line: frozenset(kinds) for line, kinds in found.items()}


def masks_of(
    pay_run: PayRun,
    postings: Sequence[Posting],
    lines: Mapping[int, Sequence[PostingLine]],
    kinds: Mapping[int, frozenset[str]],
    sight: Sight,
    fewest: int,
) -> RunMasks:
    """The masks of one run; ``lines`` by their journal's id, ``kinds`` as ``kinds_of`` gives them. Asks nothing.

    A line that is hidden in one journal of the run is hidden in all of them, and so is a total.
    """
    if sight is not Sight.GROUPS:
        return RunMasks(sight=sight)
    found = [_of_journal(posting, lines.get(posting.pk, ()), kinds, fewest) for posting in postings]
    small = {(posting.company, posting.currency) for posting in postings if 0 < pay_run.people < fewest}
    return RunMasks(
        sight=sight,
        lines=frozenset[Line]().union(*(one.lines for one in found)),
        cells=frozenset[tuple[str, str]]().union(*(one.cells for one in found)),
        kinds=frozenset[str]().union(*(one.kinds for one in found)),
        totals=frozenset(small).union(*(one.totals for one in found)),
    )


def _of_journal(
    posting: Posting, lines: Sequence[PostingLine], kinds: Mapping[int, frozenset[str]], fewest: int
) -> RunMasks:
    own = [kinds.get(line.pk, frozenset[str]()) for line in lines]
    blocks = _blocks(own)
    places = [_groups(posting, line, of_line, blocks) for line, of_line in zip(lines, own, strict=True)]
    often = Counter(place[0] for place in places)
    cells = [
        # A group of one line would only say again what the line says.
        Cell(groups=place if often[place[0]] > 1 else place[1:], people=line.people, crowd=line.department)
        for line, place in zip(lines, places, strict=True)
    ]
    # The two sides are as good as known: their sums are the journal's total, which people must see to do their work.
    sides = {f"{block}|{side}" for block in blocks.values() for side in SIDES}
    found = masked(cells, Sight.GROUPS, fewest, balanced={"journal", *blocks.values(), *sides})
    closed = set[str]()
    hidden, accounts = set[Line](), set[tuple[str, str]]()
    for line, place, of_line, is_hidden in zip(lines, places, own, found.cells, strict=True):
        if is_hidden:
            hidden.add(line_key(posting, line))
        if place[0] in found.totals or (is_hidden and often[place[0]] == 1):
            accounts.add((line.account, line.department))
        if len(of_line) > 1 or (len(place) > 2 and place[1] in found.totals):
            closed |= of_line
    is_small = 0 < posting.people < fewest or bool(sides.intersection(_closed(cells, found)))
    return RunMasks(
        sight=Sight.GROUPS,
        lines=frozenset(hidden),
        cells=frozenset(accounts),
        kinds=frozenset(closed),
        totals=frozenset([(posting.company, posting.currency)] if is_small else []),
    )


def _closed(cells: Sequence[Cell], found: Masks) -> set[str]:
    """The groups of which nothing at all is shown: who knows their total, knows what the few in them are paid."""
    open_groups = {
        group
        for cell, is_hidden in zip(cells, found.cells, strict=True)
        for n, group in enumerate(cell.groups)
        if not is_hidden or any(within not in found.totals for within in cell.groups[:n])
    }
    return {group for cell in cells for group in cell.groups} - open_groups


APART = (PayKind.EMPLOYER_TAX, PayKind.EMPLOYER_CONTRIBUTION)
"""Kinds that a journal debits and credits with the same amount. All others come to zero together: gross is net and
what was kept back."""


def _blocks(kinds: Iterable[frozenset[str]]) -> dict[str, str]:
    """Per kind of pay item the name of the block it is in. Each block comes to zero, which everybody knows; a line of
    several kinds makes one block of theirs."""
    blocks = [{kind.value for kind in PayKind if kind not in APART}, *({kind.value} for kind in APART)]
    for of_line in kinds:
        if len(touched := [block for block in blocks if block & of_line]) > 1:
            blocks = [block for block in blocks if block not in touched] + [set[str]().union(*touched)]
    return {kind: min(block) for block in blocks for kind in block}


def _groups(posting: Posting, line: PostingLine, kinds: frozenset[str], blocks: Mapping[str, str]) -> tuple[str, ...]:
    """The totals a line is part of: account and department, kind of pay item, side, block, journal. Each within the
    next. A line of no pay item is the rounding."""
    if not kinds:
        return f"rounding|{line.account}", "journal"
    block = blocks[min(kinds)]
    side = f"{block}|{side_of(posting, line)}"
    of_kind = f"{side}|{'+'.join(sorted(kinds))}"
    return f"{of_kind}|{line.account}|{line.department}", of_kind, side, block, "journal"
