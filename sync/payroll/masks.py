"""What of a pay run's journals somebody may see: decided once per run, so that no two of its tables tell on each other.

Every table of the run (lines, variance, figures by kind) asks here, and shows an amount only where it is shown here or
adds up from what is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from sync.models import PayRun, Posting, PostingLine, PostingShare
from sync.payroll.visibility import Cell, Sight, masked

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
    hidden, cells, closed = set[Line](), set[tuple[str, str]](), set[str]()
    totals = {(posting.company, posting.currency) for posting in postings if 0 < pay_run.people < fewest}
    for posting in postings:
        own = lines.get(posting.pk, ())
        places = [_groups(posting, line, kinds.get(line.pk, frozenset())) for line in own]
        often = Counter(place[0] for place in places)
        table = [
            # A group of one line would only say again what the line says.
            Cell(groups=place if often[place[0]] > 1 else place[1:], people=line.people, crowd=line.department)
            for line, place in zip(own, places, strict=True)
        ]
        found = masked(table, sight, fewest, balanced={"journal"})
        for line, place, is_hidden in zip(own, places, found.cells, strict=True):
            if is_hidden:
                hidden.add(line_key(posting, line))
            if place[0] in found.totals or (is_hidden and often[place[0]] == 1):
                cells.add((line.account, line.department))
            mixed = kinds.get(line.pk, frozenset())
            if place[1] in found.totals or len(mixed) > 1:
                closed |= mixed
        if found.totals.intersection(SIDES):
            totals.add((posting.company, posting.currency))
    return RunMasks(
        sight=sight,
        lines=frozenset(hidden),
        cells=frozenset(cells),
        kinds=frozenset(closed),
        totals=frozenset(totals),
    )


def _groups(posting: Posting, line: PostingLine, kinds: frozenset[str]) -> tuple[str, ...]:
    """The totals a line is part of: account and department, kind of pay item, side, journal. Each within the next."""
    side = side_of(posting, line)
    of_kind = f"{side}|{'+'.join(sorted(kinds))}"
    return f"{of_kind}|{line.account}|{line.department}", of_kind, side, "journal"
