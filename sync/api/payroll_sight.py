"""What the holder of a key may see of a pay run, asked once per answer: its tables must not tell on each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec
from rest_framework.request import Request

from audit.context import current_actor
from sync.models import PayrollSettings, PayRun, Posting, PostingLine, Reveal
from sync.payroll.effects import AccountEffect
from sync.payroll.masks import RunMasks, kinds_of, masks_of
from sync.payroll.sight import sight_of
from sync.payroll.simulating import AccountChange
from sync.payroll.variances import load_journals
from sync.payroll.visibility import Cell, Sight, masked
from tenants.models import ApiKey, Role


class RunView(msgspec.Struct, frozen=True, kw_only=True):
    """A pay run's journals, and what the caller may see of them. ``kinds`` may be shown as sums."""

    sight: Sight
    fewest: int
    masks: RunMasks
    postings: Sequence[Posting]
    lines: Mapping[int, Sequence[PostingLine]]
    kinds: frozenset[str]

    def hides_kind(self, kind: str) -> bool:
        """True when the register's sum of this kind of pay item must not be shown: no journal shows it."""
        return self.sight is not Sight.ALL and (kind not in self.kinds or self.masks.hides_kind(kind))

    def hides_account(self, account: str) -> bool:
        """True when one of the run's lines on this account must not be shown, or it has none."""
        own = [
            self.masks.hides_line(posting, line)
            for posting in self.postings
            for line in self.lines.get(posting.pk, ())
            if line.account == account
        ]
        return self.sight is not Sight.ALL and (not own or any(own))


def role_of(request: Request) -> Role:
    """The key's role."""
    key = request.auth
    assert isinstance(key, ApiKey)
    return Role(key.role)


def run_view(request: Request, pay_run: PayRun, now: datetime, also: Iterable[Posting] = ()) -> RunView:
    """What the caller may see of this run, of ``also`` as well: journals that no longer stand. A constant number of
    queries."""
    sight = sight_of(role_of(request), pay_run, now=now)
    fewest = PayrollSettings.objects.get(integration=pay_run.integration_id).fewest_people
    postings, lines = load_journals([pay_run])[pay_run.pk]
    known = {posting.pk for posting in postings}
    for posting in also:
        if posting.pk not in known:
            postings.append(posting)
            lines[posting.pk] = list(PostingLine.objects.filter(posting=posting).order_by("number"))
    kinds = kinds_of(postings)
    return RunView(
        sight=sight,
        fewest=fewest,
        masks=masks_of(pay_run, postings, lines, kinds, sight, fewest),
        postings=postings,
        lines=lines,
        kinds=frozenset[str]().union(*kinds.values()),
    )


def sights_of(request: Request, pay_runs: Iterable[PayRun], now: datetime) -> dict[int, Sight]:
    """What the caller sees of each of these runs, by its id. One query."""
    ids = {pay_run.pk for pay_run in pay_runs}
    common = sight_of(role_of(request), None, now=now)
    if not role_of(request).covers(Role.APPROVER):
        return dict.fromkeys(ids, common)
    mine = Reveal.objects.filter(pay_run__in=ids, by_key=current_actor().identity, until__gt=now)
    revealed = set(mine.values_list("pay_run_id", flat=True))
    return {pk: Sight.ALL if pk in revealed else common for pk in ids}


def shows_people(sight: Sight, fewest: int, people: int) -> bool:
    """Whether an amount of so many people that stands alone may be shown."""
    return sight is Sight.ALL or (sight is Sight.GROUPS and not 0 < people < fewest)


def hidden_rows(
    rows: Sequence[AccountEffect | AccountChange], sight: Sight, fewest: int, small: Sequence[bool]
) -> list[bool]:
    """Which of these rows must not be shown; ``small`` names those that tell on single people. All accounts of a
    company and currency come to zero together, so none can be had from the others."""
    cells = [
        Cell(
            groups=(f"{row.company}|{row.currency}",),
            people=1 if is_small else min((n for n in (row.people_before, row.people, row.moved) if n), default=0),
        )
        for row, is_small in zip(rows, small, strict=True)
    ]
    return masked(cells, sight, fewest, balanced={group for cell in cells for group in cell.groups}).cells
