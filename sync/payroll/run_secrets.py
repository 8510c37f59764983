"""What the pages of pay runs hide, told to whatever adds the same amounts up in another way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from sync.models import PayRun, Posting, PostingLine, PostingShare
from sync.payroll.masks import RunMasks, masks_of, side_of
from sync.payroll.variances import load_journals
from sync.payroll.visibility import Sight

Account = tuple[str, str]
"""Company of the ledger and number."""


class RunSecrets:
    """The journals of some pay runs as those see them who see groups only. Three queries."""

    def __init__(self, pay_runs: Sequence[PayRun], fewest: int) -> None:
        self._fewest = fewest
        self._journals = load_journals(pay_runs)
        self._items: dict[int, set[str]] = defaultdict(set)
        of_runs = [posting.pk for postings, _ in self._journals.values() for posting in postings]
        shares = PostingShare.objects.filter(line__posting__in=of_runs).order_by()
        for line, item in shares.values_list("line", "item").distinct():
            self._items[line].add(item)
        self._kinds = {line: frozenset(i.partition(":")[0] for i in items) for line, items in self._items.items()}
        self._masks: dict[int, RunMasks] = {
            run.pk: masks_of(run, *self._journals[run.pk], self._kinds, Sight.GROUPS, fewest) for run in pay_runs
        }

    def postings(self, run_id: int) -> list[Posting]:
        """The journals the run stands for."""
        return self._journals[run_id][0]

    def hides_kind(self, run_id: int, kind: str) -> bool:
        """True when the run's page does not show what it holds of a kind of pay item."""
        lines = self._journals[run_id][1]
        booked = any(kind in self._kinds.get(line.pk, ()) for of_journal in lines.values() for line in of_journal)
        return not booked or self._masks[run_id].hides_kind(kind)

    def accounts(self, *run_ids: int) -> set[Account]:
        """Accounts whose sum over these runs would tell what very few are paid, as all the rest of it is shown."""
        unknown: dict[Account, _Heads] = defaultdict(_Heads)
        for run_id in run_ids:
            for posting, line, is_hidden in self._lines(run_id):
                if is_hidden:
                    unknown[posting.company, line.account].meet(line)
        return {account for account, heads in unknown.items() if heads.number < self._fewest}

    def items(self) -> set[str]:
        """Pay items whose sum would tell what very few are paid of them, as all the rest of it is shown."""
        unknown: dict[str, _Heads] = defaultdict(_Heads)
        for run_id in self._journals:
            for _, line, is_hidden in self._lines(run_id):
                items = self._items[line.pk]
                for item in items if is_hidden or len(items) > 1 else ():
                    unknown[item].meet(line)
        return {item for item, heads in unknown.items() if heads.number < self._fewest}

    def groups(self) -> dict[Account, str]:
        """Accounts whose sum is shown with a run: those of the same kinds of pay items, on the same side."""
        kinds: dict[Account, set[str]] = defaultdict(set)
        sides: dict[Account, set[str]] = defaultdict(set)
        for run_id in self._journals:
            for posting, line, _ in self._lines(run_id):
                place = posting.company, line.account
                kinds[place] |= self._kinds.get(line.pk, frozenset())
                sides[place].add(side_of(posting, line))
        blocks: list[set[str]] = []
        for found in kinds.values():
            touching = [block for block in blocks if block & found]
            blocks = [block for block in blocks if not block & found] + [found.union(*touching)]
        return {
            place: "|".join(
                [place[0], *sorted(sides[place]), *sorted(set[str]().union(*(b for b in blocks if b & found)))]
            )
            for place, found in kinds.items()
        }

    def _lines(self, run_id: int) -> Iterator[tuple[Posting, PostingLine, bool]]:
        postings, lines = self._journals[run_id]
        for posting in postings:
            for line in lines[posting.pk]:
                yield posting, line, self._masks[run_id].hides_line(posting, line)


class _Heads:
    """People that lines concern, at least: lines of one department may be about the same."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], int] = defaultdict(int)

    def meet(self, line: PostingLine) -> None:
        place = line.department, line.worker
        self._found[place] = max(self._found[place], line.people)

    @property
    def number(self) -> int:
        return sum(self._found.values())
