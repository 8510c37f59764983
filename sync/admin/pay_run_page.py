"""What the page of a pay run shows: its figures, journals, problems and history, as this person may see them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from django.db.models import Q
from django.urls import reverse

from audit.models import AuditEntry
from connectors.records import RefKind
from sync.admin.amounts import Amount, Row, Table, Value
from sync.models import (
    Approval,
    Integration,
    PayFinding,
    PayrollSettings,
    PayRun,
    Posting,
    PostingLine,
    ReferenceValue,
    Reveal,
)
from sync.payroll.account_names import account_names
from sync.payroll.findings import ACCEPTABLE, FindingCode
from sync.payroll.masks import RunMasks, kinds_of, masks_of
from sync.payroll.register import DEBITED
from sync.payroll.sight import sight_of
from sync.payroll.variances import load_journals
from sync.payroll.visibility import MASK, Cell, masked
from tenants.models import Role

ZERO = Decimal(0)
SHOWN_LINES = 100
SHOWN_ENTRIES = 50
NOT_PAID = (PayRun.State.REVERSED, PayRun.State.VOID)


class Content(msgspec.Struct, kw_only=True):
    """A pay run with its journals, and what of it this person may see."""

    pay_run: PayRun
    settings: PayrollSettings
    postings: list[Posting]
    lines: dict[int, list[PostingLine]]
    kinds: dict[int, frozenset[str]]
    masks: RunMasks

    @property
    def on_ledger(self) -> list[Posting]:
        """The journals that the ledger has, reversed ones too."""
        return [posting for posting in self.postings if posting.state in Posting.ON_LEDGER]

    def in_state(self, *states: str) -> list[Posting]:
        """The journals in one of these states."""
        return [posting for posting in self.postings if posting.state in states]


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """The four figures of one currency. ``tied`` is True only when nothing differs and the ledger was read back."""

    currency: str
    register: Value
    journals: Value
    posted: Value
    difference: Value
    tied: bool
    differs: bool


def content_of(pay_run: PayRun, role: Role | None, now: datetime, also: Posting | None = None) -> Content:
    """Everything the tabs share, and ``also`` a journal that no longer stands. A constant number of queries."""
    settings = PayrollSettings.objects.get(integration=pay_run.integration_id)
    postings, lines = load_journals([pay_run])[pay_run.pk]
    if also is not None and also.pk not in lines:
        postings.append(also)
        lines[also.pk] = list(PostingLine.objects.filter(posting=also).order_by("number"))
    kinds = kinds_of(postings)
    sight = sight_of(role, pay_run, now=now)
    masks = masks_of(pay_run, postings, lines, kinds, sight, settings.fewest_people)
    return Content(pay_run=pay_run, settings=settings, postings=postings, lines=lines, kinds=kinds, masks=masks)


def figures_of(content: Content) -> list[Figures]:
    """Register, journals, posted and difference, by currency; all of them what the run costs."""
    pay_run = content.pay_run
    registered = {
        total["currency"]: sum((Decimal(a) for kind, a in total["by_kind"].items() if kind in DEBITED), ZERO)
        for total in pay_run.totals
    }
    currencies = sorted({*registered, *(posting.currency for posting in content.postings)})
    return [_figures(content, currency, registered.get(currency, ZERO)) for currency in currencies]


def _figures(content: Content, currency: str, register: Decimal) -> Figures:
    journals = [posting for posting in content.postings if posting.currency == currency]
    on_ledger = [posting for posting in journals if posting.state in Posting.ON_LEDGER]
    drafted = sum((posting.cost for posting in journals), ZERO)
    posted = sum((posting.cost for posting in on_ledger), ZERO)
    wanted = ZERO if content.pay_run.state in NOT_PAID else register
    difference = wanted - (posted if on_ledger else drafted)
    hides = content.masks.hides_run

    def shown(amount: Decimal, *, there: bool) -> Value:
        return None if not there else MASK if hides else Amount(amount, currency)

    return Figures(
        currency=currency,
        register=shown(register, there=content.pay_run.read_at is not None),
        journals=shown(drafted, there=bool(journals)),
        posted=shown(posted, there=bool(on_ledger)),
        difference=shown(difference, there=bool(journals)),
        tied=not difference and content.pay_run.state == PayRun.State.RECONCILED,
        differs=bool(difference and journals),
    )


class Journal(msgspec.Struct, frozen=True, kw_only=True):
    """One journal with its lines as a table; ``more`` lines are on its own page only."""

    posting: Posting
    table: Table
    more: int


def journals_of(content: Content, *, whole: bool = False) -> list[Journal]:
    """The run's journals with their lines, for the page, or ``whole`` for a file."""
    words = words_of(content.pay_run.integration, content.postings, content.lines)
    return [
        Journal(
            posting=posting,
            table=lines_table(content, posting, words, None if whole else SHOWN_LINES),
            more=max(len(content.lines[posting.pk]) - SHOWN_LINES, 0),
        )
        for posting in content.postings
    ]


class Words(msgspec.Struct, frozen=True):
    """Names of accounts and departments by their ids."""

    accounts: dict[str, str]
    departments: dict[str, str]


def words_of(integration: Integration, postings: Iterable[Posting], lines: dict[int, list[PostingLine]]) -> Words:
    """The names that these journals' lines need. Two queries."""
    own = [line for posting in postings for line in lines[posting.pk]]
    departments = ReferenceValue.objects.filter(
        connection=integration.source_id, kind=RefKind.DEPARTMENT, external_id__in={line.department for line in own}
    )
    return Words(
        account_names(integration, (line.account for line in own)),
        dict(departments.values_list("external_id", "name")),
    )


def lines_table(content: Content, posting: Posting, words: Words, limit: int | None) -> Table:
    """A journal's lines, with both sides' totals below. The account leads to what the line is made of."""
    masks, currency = content.masks, posting.currency
    page = reverse("admin:sync_posting_change", args=[posting.pk])

    def shown(amount: Decimal, *, hides: bool) -> Value:
        return None if not amount else MASK if hides else Amount(amount, currency)

    rows = []
    for line in content.lines[posting.pk][:limit]:
        hides = masks.hides_line(posting, line)
        cells: list[Value] = [
            line.account,
            words.accounts.get(line.account, ""),
            line.cost_center,
            words.departments.get(line.department, line.department),
            line.people or None,
            shown(line.debit, hides=hides),
            shown(line.credit, hides=hides),
        ]
        rows.append(Row(cells=cells, link=f"{page}?line={line.number}"))
    hides = masks.hides_total(posting)
    totals: list[Value] = ["Total", None, None, None, posting.people]
    totals += [MASK if hides else Amount(posting.debit, currency), MASK if hides else Amount(posting.credit, currency)]
    return Table(
        name=f"journal-{posting.pk}",
        title=str(posting),
        columns=[
            *("Account", "Name", "Cost center", "Department", "People"),
            *(f"{side} ({currency})" for side in ("Debit", "Credit")),
        ],
        numbers=frozenset({4, 5, 6}),
        rows=rows,
        foot=[Row(cells=totals)],
    )


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A finding as a person may see it, and where it is mended."""

    finding: PayFinding
    money: Value
    acceptable: bool
    remedy: str
    address: str


def problems_of(content: Content) -> list[Problem]:
    """What is wrong with the run, what still is first.

    Amounts are masked among themselves, since they add up to the run. Where lines are masked none is shown: a problem
    of an account says what stands on it.
    """
    found = sorted(
        PayFinding.objects.filter(pay_run=content.pay_run), key=lambda one: (one.accepted_at is not None, one.pk)
    )
    cells = [Cell(groups=(finding.currency,), people=finding.people_count) for finding in found]
    masks = masked(cells, content.masks.sight, content.settings.fewest_people)
    return [
        Problem(
            finding=finding,
            money=None
            if finding.amount is None
            else MASK
            if hides or content.masks.lines
            else Amount(finding.amount, finding.currency),
            acceptable=FindingCode(finding.code) in ACCEPTABLE,
            remedy=remedy,
            address=address,
        )
        for finding, hides in zip(found, masks.cells, strict=True)
        for remedy, address in [remedy_of(content.pay_run, finding)]
    ]


MENDED_IN_RULES = (
    *(FindingCode.NO_RULE, FindingCode.ACCOUNT_FORM, FindingCode.ACCOUNT_UNKNOWN, FindingCode.ACCOUNT_INACTIVE),
)
MENDED_IN_SETTINGS = (FindingCode.NO_ROUNDING_ACCOUNT, FindingCode.NO_ACCRUAL_ACCOUNT, FindingCode.ROUNDING)


def remedy_of(pay_run: PayRun, finding: PayFinding) -> tuple[str, str]:
    """What the button says and where it leads; both empty where nothing here mends it."""
    integration, code = pay_run.integration_id, finding.code
    if code in MENDED_IN_RULES:
        only = f"&item={finding.culprit}" if finding.kind == "item" else ""
        return "Choose accounts", f"{reverse('admin:sync_accountrule_changelist')}?integration={integration}{only}"
    if code in (FindingCode.NO_COST_CENTER, FindingCode.NOT_MAPPED, FindingCode.NO_COMPANY):
        kind = RefKind.COST_CENTER if code == FindingCode.NO_COST_CENTER else RefKind(finding.kind)
        page = reverse("admin:sync_mapping_workbench", args=[integration, kind.value])
        return "Map it", f"{page}?value={finding.culprit}"
    if code in MENDED_IN_SETTINGS:
        return "Open payroll settings", reverse("admin:sync_payrollsettings_change", args=[integration])
    return "", ""


def history_of(content: Content) -> dict[str, Any]:
    """Who decided what, how journals belong together, and the trail of all of it."""
    pay_run = content.pay_run
    every = list(Posting.objects.filter(pay_run=pay_run).select_related("reverses", "adjusts", "after").order_by("pk"))
    about = Q(subject_kind="pay_run", subject_id=str(pay_run.pk))
    about |= Q(subject_kind="journal", subject_id__in=[str(posting.pk) for posting in every])
    return {
        "every": every,
        "approvals": Approval.objects.filter(posting__in=every).select_related("posting").order_by("-pk"),
        "reveals": Reveal.objects.filter(pay_run=pay_run).order_by("-pk")[:SHOWN_ENTRIES],
        "entries": AuditEntry.objects.filter(about).order_by("-seq")[:SHOWN_ENTRIES],
    }


def shortly(postings: Sequence[Posting]) -> str:
    """The first characters of the journals' content hashes, as people compare them."""
    return ", ".join(posting.content_hash[:12] for posting in postings)
