"""The tabs of a pay run that compare: with the runs before it, and with what the ledger shows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
from django.db.models import Sum

from connectors.pay_runs import PayKind
from sync.admin.amounts import Amount, Row, Table, Value
from sync.admin.charts import Bar, Chart, Step, bars, waterfall
from sync.admin.pay_run_page import Content, Words, words_of
from sync.models import PostingShare, Reconciliation
from sync.payroll.variance import Reason
from sync.payroll.variances import Comparison, Seen, comparisons, is_apart
from sync.payroll.visibility import MASK, Sight

ZERO = Decimal(0)
SHOWN_BARS = 10
SHOWN_FLAGS = 8
REASONS = {
    Reason.FIRST: "",
    Reason.NEW: "new in this run",
    Reason.GONE: "not in this run",
    Reason.UNCHANGED: "unchanged",
    Reason.HEADCOUNT: "other number of people",
    Reason.RATE: "other amount per person",
    Reason.MIXED: "people and amounts",
}


class Variances(msgspec.Struct, frozen=True, kw_only=True):
    """One currency's comparison: a sentence, the largest changes as bars, everything as a table."""

    comparison: Comparison
    sentence: str
    chart: Chart
    table: Table


def variances_of(content: Content) -> list[Variances]:
    """The run against the one before it and what is usual, by account and department."""
    words = words_of(content.pay_run.integration, content.postings, content.lines)
    return [
        Variances(
            comparison=one,
            sentence=_sentence(one, content),
            chart=_largest(one, words),
            table=_variance_table(one, words),
        )
        for one in comparisons(content.pay_run, content.settings, content.masks.sight)
    ]


def flags_of(content: Content) -> list[str]:
    """A sentence for each of the largest changes beyond the thresholds, for whoever is about to approve."""
    words = words_of(content.pay_run.integration, content.postings, content.lines)
    found = comparisons(content.pay_run, content.settings, content.masks.sight)
    flagged = [seen for one in found for seen in _by_size(one) if seen.variance.flagged]
    said = [_flag(seen, words) for seen in flagged[:SHOWN_FLAGS]]
    if len(flagged) > SHOWN_FLAGS:
        said.append(f"⚑ And {len(flagged) - SHOWN_FLAGS} more: see Variance.")
    return said


def _by_size(one: Comparison) -> list[Seen]:
    """What is flagged first, then what may be shown, the largest change before the others."""
    return sorted(
        one.rows,
        key=lambda seen: (not seen.variance.flagged, not seen.change, -abs(seen.variance.change) if seen.change else 0),
    )


def _flag(seen: Seen, words: Words) -> str:
    row = seen.variance
    where = _place(seen, words)
    if not seen.change:
        return f"⚑ {where}: changed beyond the thresholds, by an amount not shown to you ({REASONS[row.reason]})."
    percent = f", {row.percent:+} %" if row.percent is not None else ""
    return (
        f"⚑ {where}: {row.currency} {Amount(row.current, row.currency)}, before "
        f"{Amount(row.previous, row.currency)}{percent} ({REASONS[row.reason]})."
    )


def _place(seen: Seen, words: Words) -> str:
    row = seen.variance
    department = words.departments.get(row.department, row.department)
    return f"{row.account} · {department}" if department else row.account


def _sentence(one: Comparison, content: Content) -> str:
    if one.previous is None:
        return "This is the first run of its pay group with journals on the ledger: there is nothing to compare with."
    limits = f"{content.settings.variance_percent} % and {content.settings.variance_amount:,.2f} {one.currency}"
    flagged = len(one.flagged)
    many = "Nothing changes" if not flagged else "1 figure changes" if flagged == 1 else f"{flagged} figures change"
    return f"Compared with {one.previous}: {many} by more than {limits}."


def _largest(one: Comparison, words: Words) -> Chart:
    changed = [seen for seen in _by_size(one) if seen.variance.change][:SHOWN_BARS] if one.previous else []
    return bars(
        f"largest-{one.currency}",
        "Largest changes by account and department",
        ["This run", "Previous run", f"Median of {one.earlier}"],
        [
            Bar(
                label=_place(seen, words),
                values=[
                    seen.variance.current if seen.current else None,
                    seen.variance.previous if seen.previous else None,
                    seen.variance.median if seen.median else None,
                ],
                flagged=seen.variance.flagged,
            )
            for seen in changed
        ],
        one.currency,
    )


def _variance_table(one: Comparison, words: Words) -> Table:
    columns = [
        "Account",
        "Department",
        "This run",
        "Previous",
        "Change",
        "Change %",
        "Median",
        "People",
        "Before",
        "Why",
    ]
    return Table(
        name=f"variance-{one.currency}",
        title=f"By account and department ({one.currency})",
        columns=[*columns, "Why"],
        numbers=frozenset(range(2, 9)),
        rows=[
            Row(cells=_variance_cells(seen, words), look="flagged" if seen.variance.flagged else "")
            for seen in sorted(one.rows, key=lambda seen: not seen.variance.flagged)
        ],
        foot=[Row(cells=["All debits", *_variance_cells(one.whole, words)[1:]])],
    )


def _variance_cells(seen: Seen, words: Words) -> list[Value]:
    row = seen.variance

    def shown(amount: Decimal | None, may: bool) -> Value:
        return None if amount is None else Amount(amount, row.currency) if may else MASK

    percent = "new" if row.percent is None and row.change else f"{row.percent or ZERO:+.2f} %"
    return [
        row.account,
        words.departments.get(row.department, row.department),
        shown(row.current, seen.current),
        shown(row.previous, seen.previous),
        shown(row.change, seen.change),
        percent if seen.change else MASK,
        shown(row.median, seen.median),
        row.people,
        row.people_before,
        REASONS[row.reason],
    ]


PLACES = {
    "register": "Register",
    "journal": "Journals",
    "posted": "Posted journals",
    "ledger": "Account activity",
    "clearing": "Clearing account",
}
MEASURES = {
    "cost": "Cost of the run",
    "owed": "What is owed",
    "debit": "Debits",
    "credit": "Credits",
    "net_pay": "Net pay",
    "balance": "Left on the clearing account",
    "account": "Amount on the account",
    "lines": "Number of lines",
    "pair": "Left by a journal and its reversal",
    "presence": "The journal itself",
    "content": "Lines in their currency and company, on their day",
    "rejected": "Lines of a journal that was rejected",
}


def reconciliation_of(content: Content) -> dict[str, Any]:
    """The latest tie-out: figures side by side, what differs, and the way from gross to net on both sides."""
    latest = Reconciliation.objects.filter(pay_run=content.pay_run).first()
    return {
        "latest": latest,
        "sides": _sides(content, latest) if latest else None,
        "differences": _differences(content, latest) if latest else None,
        "waterfalls": _waterfalls(content),
    }


def _sides(content: Content, latest: Reconciliation) -> Table:
    found: dict[tuple[str, str, str], dict[str, Decimal]] = defaultdict(dict)
    for figure in latest.figures:
        place = figure["company"], figure["currency"], figure["measure"]
        found[place][figure["where"]] = Decimal(figure["amount"])
    rows = []
    for (company, currency, measure), by_place in found.items():
        hides = content.masks.hides_run or (measure == "net_pay" and content.masks.hides_kind(PayKind.NET_PAY))
        cells: list[Value] = [company, currency, MEASURES[measure]]
        for where in PLACES:
            amount = by_place.get(where)
            cells.append(None if amount is None else MASK if hides else Amount(amount, currency))
        rows.append(Row(cells=cells, look="flagged" if len(set(by_place.values())) > 1 else ""))
    return Table(
        name="figures",
        title="Side by side",
        columns=["Company", "Currency", "", *PLACES.values()],
        numbers=frozenset(range(3, 8)),
        rows=rows,
    )


def _differences(content: Content, latest: Reconciliation) -> Table:
    accounts = {key[3] for key in content.masks.lines}
    numbers = {posting.reference: posting.journal_number for posting in content.postings}
    rows = []
    for one in latest.differences:
        hides = content.masks.hides_run or not accounts.isdisjoint(one["account"].split(", "))
        is_count = one["measure"] in ("lines", "content", "rejected")
        sides: list[Value] = []
        for side in ("expected", "found"):
            amount = one[side]
            if amount is None:
                sides.append("not there")
            else:
                value = Decimal(amount)
                sides.append(int(value) if is_count else MASK if hides else Amount(value, one["currency"]))
        number = numbers.get(one["reference"], one["reference"])
        cells: list[Value] = [PLACES[one["where"]], MEASURES[one["measure"]], number, one["account"], one["currency"]]
        rows.append(Row(cells=[*cells, *sides], look="flagged"))
    return Table(
        name="differences",
        title="What differs",
        columns=["Where", "What", "Journal", "Account", "Currency", "Should be", "Is"],
        numbers=frozenset({5, 6}),
        rows=rows,
        empty="Nothing: everything agrees to the cent.",
    )


GROSS_TO_NET = (
    ("Gross pay", PayKind.EARNING, 1),
    ("Reimbursed", PayKind.REIMBURSEMENT, 1),
    ("Employee taxes", PayKind.EMPLOYEE_TAX, -1),
    ("Employee deductions", PayKind.EMPLOYEE_DEDUCTION, -1),
    ("Garnished", PayKind.GARNISHMENT, -1),
)


def _waterfalls(content: Content) -> list[Chart]:
    """From gross to net by currency: the register beside the journals, which hold it in their lines' shares."""
    booked: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    counted = [posting for posting in content.postings if not is_apart(posting)]
    shares = PostingShare.objects.filter(line__posting__in=counted).order_by()
    sums = shares.values_list("line__posting__currency", "item", "side").annotate(amount=Sum("amount"))
    for currency, item, side, amount in sums:
        booked[currency][f"{item.partition(':')[0]}:{side}"] += amount
    return [
        _waterfall(content, total["currency"], total["by_kind"], booked[total["currency"]])
        for total in content.pay_run.totals
        if total["currency"] in booked
    ]


def _waterfall(content: Content, currency: str, registered: Mapping[str, str], booked: Mapping[str, Decimal]) -> Chart:
    booked_kinds = frozenset[str]().union(*content.kinds.values())

    def pair(kind: PayKind, sign: int) -> list[Decimal | None]:
        unknown = content.masks.sight is not Sight.ALL and kind not in booked_kinds
        if unknown or content.masks.hides_kind(kind):
            return [None, None]
        side = "debit" if kind in (PayKind.EARNING, PayKind.REIMBURSEMENT) else "credit"
        in_journals = booked.get(f"{kind}:{side}", ZERO) * (1 if side == "debit" else -1)
        return [sign * Decimal(registered.get(kind, 0)), sign * in_journals]

    steps = [
        Step(label=label, values=pair(kind, sign), total=kind is PayKind.EARNING)
        for label, kind, sign in GROSS_TO_NET
        if kind in registered
    ]
    steps.append(Step(label="Net pay", values=pair(PayKind.NET_PAY, 1), total=True))
    title = f"From gross to net ({currency})"
    return waterfall(f"gross-to-net-{currency}", title, ["Register", "Journals"], steps, currency)
