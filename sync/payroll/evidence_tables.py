"""The tables of a pay run's evidence pack, as rows that JSON can hold: amounts are decimal text, or None and
``masked`` where one person's pay could be told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from django.db.models import Count, Sum

from sync.models import (
    Approval,
    LedgerActivity,
    PaidLine,
    PayFinding,
    PayrollSettings,
    PayRun,
    Posting,
    PostingLine,
    PostingShare,
    Reconciliation,
)
from sync.payroll.masks import kinds_of, masks_of
from sync.payroll.surroundings import load_words
from sync.payroll.visibility import Sight

Row = dict[str, Any]

BOOKING = (Posting.Kind.PAYROLL, Posting.Kind.ACCRUAL)
"""Journals that book what the register says."""


class Tables:
    """What the pack tells about one run, at one sight. Rejected and replaced drafts are in it too: they are part of
    what happened. A constant number of queries; the journals' lines are held in memory, nothing else is."""

    def __init__(self, pay_run: PayRun, sight: Sight) -> None:
        self.pay_run = pay_run
        self.sight = sight
        self.words = load_words(pay_run.integration)
        found = Posting.objects.filter(pay_run=pay_run).select_related("reverses", "adjusts", "after")
        self.postings = list(found.order_by("pk"))
        self.lines: dict[int, list[PostingLine]] = defaultdict(list)
        for line in PostingLine.objects.filter(posting__in=self.postings).order_by("posting", "number"):
            self.lines[line.posting_id].append(line)
        self.fewest = PayrollSettings.objects.get(integration=pay_run.integration_id).fewest_people
        self.masks = masks_of(pay_run, self.postings, self.lines, kinds_of(self.postings), self.sight, self.fewest)

    def register(self) -> Iterator[Row]:
        """By legal entity, department and pay item, never by worker. An amount is shown where the journals show it:
        the item stands alone on lines of this department that are shown."""
        shown = self._shown_alone()
        rows = PaidLine.objects.filter(pay_run=self.pay_run).exclude(amount=0).order_by()
        columns = ("company", "department", "currency", "kind", "item")
        often = rows.values("item", "department", "currency").annotate(n=Count("company", distinct=True))
        once = {(row["item"], row["department"], row["currency"]) for row in often.filter(n=1)}
        summed = rows.values(*columns).annotate(amount=Sum("amount"), people=Count("worker", distinct=True))
        for row in summed.order_by(*columns).iterator():
            key = (row["item"], row["department"], row["currency"])
            is_shown = self.sight is Sight.ALL or (key in once and key in shown)
            yield {
                "company": row["company"],
                "department": self.words.get(("department", row["department"]), row["department"]),
                "kind": row["kind"],
                "item": self.words.get(("item", row["item"]), row["item"]),
                "currency": row["currency"],
                "people": row["people"],
                **amounts(is_shown, amount=row["amount"]),
            }

    def _shown_alone(self) -> set[tuple[str, str, str]]:
        """Item, department and currency whose lines are all shown, with nothing but the item on them."""
        owners = {
            line.pk: (posting, line)
            for posting in self.postings
            if posting.kind in BOOKING
            for line in self.lines[posting.pk]
        }
        items: dict[int, set[str]] = defaultdict(set)
        shares = PostingShare.objects.filter(line__in=owners).order_by().values_list("line", "item").distinct()
        for pk, item in shares:
            items[pk].add(item)
        states: dict[tuple[str, str, str], bool] = {}
        for pk, (posting, line) in owners.items():
            is_shown = len(items[pk]) == 1 and not self.masks.hides_line(posting, line)
            for item in items[pk]:
                key = (item, line.department, posting.currency)
                states[key] = states.get(key, True) and is_shown
        return {key for key, is_shown in states.items() if is_shown}

    def journals(self) -> Iterator[Row]:
        """Every journal with its lines and what it corrects. ``salt`` is there at full sight only: with it, a masked
        amount could be guessed from the content hash."""
        for posting in self.postings:
            is_shown = not self.masks.hides_total(posting)
            yield {
                "reference": posting.reference,
                "number": posting.journal_number,
                "kind": posting.kind,
                "state": posting.state,
                "company": posting.company,
                "currency": posting.currency,
                "posting_date": posting.posting_date.isoformat(),
                "period": posting.period,
                "description": posting.description,
                "prepared_by": posting.prepared_by,
                "prepared_at": posting.prepared_at.isoformat(),
                "posted_at": posting.posted_at.isoformat() if posting.posted_at else None,
                "content_hash": posting.content_hash,
                "salt": str(posting.salt) if self.sight is Sight.ALL else None,
                "people": posting.people,
                "reverses": posting.reverses.reference if posting.reverses else None,
                "adjusts": posting.adjusts.reference if posting.adjusts else None,
                "after": posting.after.reference if posting.after else None,
                "why": posting.why,
                **amounts(is_shown, debit=posting.debit, credit=posting.credit),
                "lines": [self._line(posting, line) for line in self.lines[posting.pk]],
            }

    def _line(self, posting: Posting, line: PostingLine) -> Row:
        return {
            "number": line.number,
            "account": line.account,
            "department": self.words.get(("department", line.department), line.department),
            "cost_center": line.cost_center,
            "description": line.description,
            "people": line.people,
            **amounts(not self.masks.hides_line(posting, line), debit=line.debit, credit=line.credit),
        }

    def ledger(self) -> Iterator[Row]:
        """What the accounts showed under our journals' numbers when they were last read."""
        own = {(p.company, p.journal_number): p for p in self.postings if p.journal_number}
        rows = LedgerActivity.objects.filter(
            connection=self.pay_run.integration.target_id, journal__in=[number for _, number in own]
        )
        for row in rows.order_by("company", "journal", "account").iterator():
            posting = own.get((row.company, row.journal))
            if posting is None:
                continue
            yield {
                "company": row.company,
                "period": row.period,
                "account": row.account,
                "journal": row.journal,
                "posting_date": row.posting_date.isoformat(),
                "lines": row.lines,
                "read_at": row.read_at.isoformat(),
                **amounts(not self._hides_account(row.account, posting), debit=row.debit, credit=row.credit),
            }

    def _hides_account(self, account: str, posting: Posting | None = None) -> bool:
        """True where a hidden line is on the account, in this journal or in any."""
        return any(
            self.masks.hides_line(one, line)
            for one in ([posting] if posting else self.postings)
            for line in self.lines[one.pk]
            if line.account == account
        )

    def approvals(self) -> Iterator[Row]:
        """Who agreed to what and when, or did not; the hash is of the content they saw."""
        references = {posting.pk: posting.reference for posting in self.postings}
        for row in Approval.objects.filter(posting__in=references).order_by("pk").iterator():
            yield {
                "journal": references[row.posting_id],
                "decision": row.decision,
                "content_hash": row.content_hash,
                "by": row.by,
                "at": row.at.isoformat(),
                "reason": row.reason,
            }

    def findings(self) -> Iterator[Row]:
        """What was wrong, and who said that it is right as it is. Their money is shown at full sight only."""
        for row in PayFinding.objects.filter(pay_run=self.pay_run).order_by("pk").iterator():
            yield {
                "code": row.code,
                "sentence": row.sentence,
                "people": row.people_count,
                "currency": row.currency,
                **amounts(self.sight is Sight.ALL or row.amount is None, amount=row.amount),
                "found_at": row.found_at.isoformat(),
                "accepted_by": row.accepted_by,
                "accepted_why": row.accepted_why,
                "accepted_at": row.accepted_at.isoformat() if row.accepted_at else None,
            }

    def reconciliations(self) -> Iterator[Row]:
        """Every tie-out, the first first: its figures and what differed."""
        for row in Reconciliation.objects.filter(pay_run=self.pay_run).order_by("pk").iterator():
            yield {
                "at": row.at.isoformat(),
                "by": row.by,
                "tied_out": row.tied_out,
                "figures": [self._figure(figure) for figure in row.figures],
                "differences": [self._difference(difference) for difference in row.differences],
            }

    def _figure(self, figure: Mapping[str, Any]) -> Row:
        return {**figure, **amounts(not self._hides_place(figure), amount=figure["amount"])}

    def _difference(self, difference: Mapping[str, Any]) -> Row:
        account = difference.get("account", "")
        hides = self._hides_account(account) if account else self._hides_place(difference)
        return {
            **difference,
            **amounts(not hides, expected=difference["expected"], found=difference["found"]),
        }

    def _hides_place(self, row: Mapping[str, Any]) -> bool:
        return self.masks.hides_run or (row["company"], row["currency"]) in self.masks.totals

    def by_kind(self) -> list[Row]:
        """The register's figures by currency and kind."""
        return [
            {
                "currency": figures["currency"],
                "kind": kind,
                "words": kind.replace("_", " ").capitalize(),
                "people": figures["people"],
                **amounts(not self.masks.hides_kind(kind), amount=amount),
            }
            for figures in self.pay_run.totals
            for kind, amount in figures["by_kind"].items()
        ]


def amounts(is_shown: bool, **values: Decimal | str | None) -> Row:
    """The values as decimal text, or none of them and ``masked``."""
    if not is_shown:
        return {**dict.fromkeys(values), "masked": True}
    return {name: None if value is None else plain(value) for name, value in values.items()} | {"masked": False}


def plain(value: Decimal | str) -> str:
    """Two decimals, more where the amount has more."""
    amount = Decimal(value).normalize()
    exponent = amount.as_tuple().exponent
    return f"{amount:.{max(2, -exponent) if isinstance(exponent, int) else 2}f}"
