"""The tables and charts of a month, masked by what somebody may see."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from django.db.models import Q, Sum

from connectors.pay_runs import PayKind
from sync.admin.amounts import Amount, Row, Table, Value
from sync.admin.charts import Chart, Step, bridge, waterfall
from sync.models import Integration, PayRun, PostingShare
from sync.payroll.headcounts import BridgeRow, HeadcountRow
from sync.payroll.money import ZERO
from sync.payroll.month_end import MonthRow
from sync.payroll.register import DEBITED
from sync.payroll.run_secrets import RunSecrets
from sync.payroll.variances import is_apart
from sync.payroll.visibility import MASK, Cell, Sight, masked

GROSS_TO_NET = (
    ("Gross pay", PayKind.EARNING, 1),
    ("Reimbursed", PayKind.REIMBURSEMENT, 1),
    ("Employee taxes", PayKind.EMPLOYEE_TAX, -1),
    ("Employee deductions", PayKind.EMPLOYEE_DEDUCTION, -1),
    ("Garnished", PayKind.GARNISHMENT, -1),
)
AMOUNTS = ("Our journals", "Ledger", "Difference", "Not posted yet", "Other journals")


class Masked:
    """What of a month somebody may see. An account's sum must not give away what a run's own page hides of it; what
    accounts of a kind of pay item come to is shown there, and what a company's journals do is known to be nothing."""

    def __init__(
        self, integration: Integration, rows: Sequence[MonthRow], first: date, last: date, sight: Sight, fewest: int
    ) -> None:
        within = Q(check_date__range=(first, last)) | Q(postings__posting_date__range=(first, last))
        self.pay_runs = list(PayRun.objects.filter(within, integration=integration).distinct())
        self.paid = [run for run in self.pay_runs if first <= run.check_date <= last]
        self.secrets = RunSecrets(self.pay_runs, fewest)
        self.sight = sight
        secret, groups = self.secrets.accounts(*(run.pk for run in self.pay_runs)), self.secrets.groups()
        cells = [
            Cell(
                groups=(f"{groups.get(place)} {row.company} {row.currency}", f"{row.company} {row.currency}"),
                people=min(row.people, 1) if place in secret else row.people,
            )
            for row in rows
            for place in [(row.company, row.account)]
        ]
        found = masked(cells, sight, fewest, balanced={group for cell in cells for group in cell.groups})
        self._hidden = {id(row) for row, is_hidden in zip(rows, found.cells, strict=True) if is_hidden}

    def amounts(self, rows: Sequence[MonthRow]) -> list[Value]:
        """The columns AMOUNTS of these rows together, hidden where one of them is."""
        currency = rows[0].currency
        hides = any(id(row) in self._hidden for row in rows)
        own = [
            sum((getattr(row, name) for row in rows), ZERO) for name in ("ours", "ledger", "difference", "not_posted")
        ]
        others = sum((row.others for row in rows), ZERO)
        shown: list[Value] = [MASK if hides else Amount(amount, currency) for amount in own]
        return [*shown, MASK if self.sight is Sight.NONE else Amount(others, currency)]

    def hides_kind(self, run: PayRun, kind: str) -> bool:
        """True when what the run holds of a kind of pay item must not be shown, nor be added to what is."""
        return self.sight is Sight.NONE or self.secrets.hides_kind(run.pk, kind)


def by_account(rows: Sequence[MonthRow], names: Mapping[str, str], shown: Masked) -> Table:
    """Payroll by account, the two systems side by side."""
    return Table(
        name="payroll",
        title="Payroll by account",
        columns=["Account", "", "Company", *AMOUNTS, "Explanation"],
        numbers=frozenset({3, 4, 5, 6, 7}),
        rows=[
            Row(
                cells=[
                    row.account,
                    names.get(row.account, ""),
                    f"{row.company} {row.currency}",
                    *shown.amounts([row]),
                    " ".join(row.reasons) or "Agrees.",
                ],
                look="flagged" if row.difference else "",
            )
            for row in rows
        ],
        empty="No journal of ours is dated in this month.",
    )


def by_cost_center(rows: Sequence[MonthRow], shown: Masked) -> Table:
    """Payroll by cost center, of the accounts that have one."""
    centers: dict[tuple[str, str], list[MonthRow]] = defaultdict(list)
    for row in rows:
        if row.cost_center:
            centers[row.cost_center, f"{row.company} {row.currency}"].append(row)
    return Table(
        name="cost-centers",
        title="Payroll by cost center",
        columns=["Cost center", "Company", *AMOUNTS],
        numbers=frozenset({2, 3, 4, 5, 6}),
        rows=[
            Row(cells=[*place, *shown.amounts(found)], look="flagged" if any(row.difference for row in found) else "")
            for place, found in sorted(centers.items())
        ],
        empty="No account of these journals has a cost center.",
    )


def headcount_table(name: str, title: str, rows: Sequence[HeadcountRow], integration: Integration) -> Table:
    """Heads at every place of the target, both systems, with the total."""
    numbers = ("source", "target", "difference", "blocked", "queued", "only_target")
    total = [sum(getattr(row, number) for row in rows) for number in numbers]
    return Table(
        name=name,
        title=title,
        columns=[
            "",
            integration.source.name,
            integration.target.name,
            "Difference",
            "Blocked",
            "Queued",
            f"Only in {integration.target}",
            "Explanation",
        ],
        numbers=frozenset({1, 2, 3, 4, 5, 6}),
        rows=[
            Row(
                cells=[
                    row.name or "Not mapped",
                    *(getattr(row, number) for number in numbers),
                    " ".join(row.reasons) or "Agrees.",
                ],
                look="flagged" if row.difference else "",
            )
            for row in rows
        ],
        foot=[Row(cells=["Total", *total, None])] if rows else [],
        empty="Nobody has been read yet. Run the people flow.",
    )


def moves_table(rows: Sequence[BridgeRow]) -> Table:
    """How each department came from its first head to its last."""
    numbers = ("start", "hires", "rehires", "terminations", "transfers_in", "transfers_out", "end")
    titles = ["Start", "Hired", "Rehired", "Left", "Moved in", "Moved out", "End"]
    return Table(
        name="moves",
        title="Heads by department from the first day to the last",
        columns=["Department", *titles],
        numbers=frozenset(range(1, 8)),
        rows=[
            Row(cells=[row.department or "Not known", *(getattr(row, number) for number in numbers)]) for row in rows
        ],
        foot=[Row(cells=["Total", *(sum(getattr(row, n) for row in rows) for n in numbers)])] if rows else [],
        empty="Nobody has been read yet. Run the people flow.",
    )


def bridge_chart(rows: Sequence[BridgeRow]) -> Chart:
    """From the heads at the month's start to those at its end."""

    def step(label: str, *names: str, sign: int = 1, total: bool = False) -> Step:
        heads = sum(getattr(row, name) for row in rows for name in names)
        return Step(label=label, values=[Decimal(sign * heads)], total=total)

    steps = [
        step("Start", "start", total=True),
        step("Hired", "hires"),
        step("Rehired", "rehires"),
        step("Left", "terminations", sign=-1),
        step("Moved in", "transfers_in"),
        step("Moved out", "transfers_out", sign=-1),
        step("End", "end", total=True),
    ]
    return bridge("heads", "Heads from the first day to the last", steps if rows else [])


def waterfalls(shown: Masked) -> list[Chart]:
    """From gross to net of the pay runs paid in the month that have journals, by currency: register and journals."""
    runs = [run for run in shown.paid if shown.secrets.postings(run.pk)]
    booked = _booked(runs, shown)
    registered: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    hidden = set[tuple[str, str]]()
    for run in runs:
        for total in run.totals:
            for kind, text in total["by_kind"].items():
                registered[total["currency"]][kind] += Decimal(text)
                if shown.hides_kind(run, kind):
                    hidden.add((total["currency"], kind))
    charts = []
    for currency, by_kind in sorted(registered.items()):

        def values(kind: PayKind, sign: int, currency: str = currency) -> list[Decimal | None]:
            if (currency, kind) in hidden:
                return [None, None]
            return [sign * registered[currency][kind], sign * booked[currency, kind]]

        steps = [
            Step(label=label, values=values(kind, sign), total=kind is PayKind.EARNING)
            for label, kind, sign in GROSS_TO_NET
            if kind in by_kind
        ]
        steps.append(Step(label="Net pay", values=values(PayKind.NET_PAY, 1), total=True))
        title = f"From gross to net ({currency})"
        charts.append(waterfall(f"gross-to-net-{currency}", title, ["Register", "Journals"], steps, currency))
    return charts


def _booked(runs: Sequence[PayRun], shown: Masked) -> dict[tuple[str, str], Decimal]:
    """What the runs' journals hold by currency and kind of pay item, counted as the register counts it."""
    counted = [posting for run in runs for posting in shown.secrets.postings(run.pk) if not is_apart(posting)]
    shares = PostingShare.objects.filter(line__posting__in=counted).order_by()
    found: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    sums = shares.values_list("line__posting__currency", "item", "side").annotate(amount=Sum("amount"))
    for currency, item, side, amount in sums:
        kind = PayKind(item.partition(":")[0])
        if side == "debit" and kind in DEBITED:
            found[currency, kind] += amount
        elif side == "credit" and kind not in DEBITED:
            found[currency, kind] -= amount
    return found
