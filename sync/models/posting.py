"""Journals on their way to the ledger, what stands on them, who approved them, and what the ledger showed."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

import pgtrigger
from django.db import models

from connectors.models import Connection
from sync.models.payroll import AccountRule, PayRun
from tenants.models import TenantOwned


class Posting(TenantOwned):
    """One journal. What was approved is what is posted: outside *drafted* nothing of its content can change.

    ``revision`` counts the journals of the same place in a run (``key``), after a rejection or a reversal.
    ``sent_at`` is committed before anything leaves the process; while it is set and no answer is, the journal may be
    on the ledger. ``absent_since`` is when the ledger first said that it is not. ``salt`` is hashed with the content
    (see ``drafts.content_hash``) and shown to nobody who may not see every amount. ``awaits_booking``: it is on the
    ledger, where people can still change it until they book it. ``part_since``: the ledger has a part of it, and since
    when we know; it never goes back to *approved* then. ``trouble`` is why it last could not be written. A journal that
    people deleted on the ledger is *reversed* and ``deleted_there``.
    """

    class State(models.TextChoices):
        DRAFTED = "drafted", "Draft"
        APPROVED = "approved", "Approved"
        POSTING = "posting", "Posting"
        VERIFYING = "verifying", "Checking what arrived"
        ATTENTION = "attention", "Needs a person"
        POSTED = "posted", "Posted, not yet tied out"
        RECONCILED = "reconciled", "Posted and tied out"
        REJECTED = "rejected", "Rejected"
        SUPERSEDED = "superseded", "Replaced before it was posted"
        REVERSED = "reversed", "Reversed"

    ON_LEDGER: ClassVar[tuple[str, ...]] = (State.POSTED, State.RECONCILED, State.REVERSED)
    UNDER_WAY: ClassVar[tuple[str, ...]] = (State.APPROVED, State.POSTING, State.VERIFYING, State.ATTENTION)
    ENDED: ClassVar[tuple[str, ...]] = (State.REJECTED, State.SUPERSEDED, State.REVERSED)

    class Kind(models.TextChoices):
        PAYROLL = "payroll", "Payroll"
        ACCRUAL = "accrual", "Accrual"
        SETTLEMENT = "settlement", "Settlement"
        MONTH_END = "month_end", "Month-end accrual"
        MONTH_END_REVERSAL = "month_end_reversal", "Month-end accrual taken back"
        REVERSAL = "reversal", "Reversal"
        ADJUSTMENT = "adjustment", "Adjustment"

    pay_run = models.ForeignKey(PayRun, on_delete=models.PROTECT, related_name="postings")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    key = models.CharField(max_length=200, help_text="What tells the journals of a run apart.")
    company = models.CharField(max_length=100, blank=True)
    currency = models.CharField(max_length=3)
    part = models.PositiveSmallIntegerField(default=1)
    parts = models.PositiveSmallIntegerField(default=1)
    revision = models.PositiveSmallIntegerField(default=1)
    posting_date = models.DateField()
    description = models.CharField(max_length=200)
    reference = models.CharField(max_length=60)
    salt = models.UUIDField(default=uuid.uuid4, editable=False)
    content_hash = models.CharField(max_length=64)
    line_count = models.PositiveIntegerField()
    debit = models.DecimalField(max_digits=19, decimal_places=4)
    credit = models.DecimalField(max_digits=19, decimal_places=4)
    cost = models.DecimalField(
        max_digits=19, decimal_places=6, default=0, help_text="What it books of the register's cost, unrounded."
    )
    owed = models.DecimalField(
        max_digits=19, decimal_places=6, default=0, help_text="What it books of what the register owes, unrounded."
    )
    people = models.PositiveIntegerField(default=0)
    reverses = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="reversals")
    adjusts = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="adjustments")
    after = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="followed_by",
        help_text="Is posted only once that one is on the ledger.",
    )
    why = models.CharField(max_length=500, blank=True)

    state = models.CharField(max_length=12, choices=State.choices, default=State.DRAFTED)
    message = models.CharField(max_length=500, blank=True)
    prepared_by = models.CharField(max_length=200)
    prepared_keys = models.JSONField(default=list, help_text="Who had a hand in it and may not approve it.")
    prepared_at = models.DateTimeField()
    approved_hash = models.CharField(max_length=64, blank=True)
    approved_at = models.DateTimeField(null=True, blank=True)

    lease_owner = models.CharField(max_length=40, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    looked_up = models.PositiveSmallIntegerField(default=0)
    absent_since = models.DateTimeField(null=True, blank=True)

    vendor_id = models.CharField(max_length=100, blank=True)
    journal_number = models.CharField(max_length=60, blank=True)
    period = models.CharField(max_length=40, blank=True)
    posted_at = models.DateTimeField(null=True, blank=True)
    awaits_booking = models.BooleanField(default=False, db_default=False)
    part_since = models.DateTimeField(null=True, blank=True)
    trouble = models.CharField(max_length=300, blank=True, default="", db_default="")
    deleted_there = models.BooleanField(default=False, db_default=False)

    class Meta:
        ordering: ClassVar[list[str]] = ["-pk"]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["tenant", "reference"], name="posting_reference_once"),
            models.UniqueConstraint(
                fields=["pay_run", "key"],
                condition=~models.Q(state__in=["rejected", "superseded", "reversed"]),
                name="posting_once_per_place",
                violation_error_message="This journal of the pay run exists already.",
            ),
            models.CheckConstraint(
                condition=models.Q(debit=models.F("credit")),
                name="posting_is_balanced",
                violation_error_message="Debits and credits of a journal must be equal.",
            ),
            models.CheckConstraint(
                condition=~models.Q(state__in=["posted", "reconciled", "reversed"]) | ~models.Q(vendor_id=""),
                name="posted_has_vendor_id",
                violation_error_message="A posted journal must have the ledger's own id.",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["drafted", "rejected", "superseded"])
                | models.Q(approved_hash=models.F("content_hash")),
                name="posting_goes_on_only_as_approved",
                violation_error_message="Only what was approved can be posted.",
            ),
        ]
        triggers: ClassVar[list[Any]] = [
            pgtrigger.Trigger(
                name="posting_moves_forward",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition(
                    "NEW.state <> OLD.state AND (OLD.state IN ('rejected', 'superseded', 'reversed')"
                    " OR (OLD.state IN ('posted', 'reconciled')"
                    "     AND NEW.state NOT IN ('posted', 'reconciled', 'reversed')))"
                ),
                func="RAISE EXCEPTION 'Journal % is % and cannot become %.', OLD.reference, OLD.state, NEW.state;",
            ),
            pgtrigger.Trigger(
                name="posting_keeps_its_content",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition(
                    "OLD.reference <> NEW.reference OR OLD.salt <> NEW.salt OR (OLD.state <> 'drafted' AND ("
                    " OLD.content_hash, OLD.company, OLD.currency, OLD.posting_date, OLD.description, OLD.line_count,"
                    " OLD.debit, OLD.credit, OLD.pay_run_id, OLD.kind, OLD.key)"
                    " IS DISTINCT FROM ("
                    " NEW.content_hash, NEW.company, NEW.currency, NEW.posting_date, NEW.description, NEW.line_count,"
                    " NEW.debit, NEW.credit, NEW.pay_run_id, NEW.kind, NEW.key))"
                ),
                func="RAISE EXCEPTION 'Journal % is % and keeps its content.', OLD.reference, OLD.state;",
            ),
            pgtrigger.Trigger(
                name="posting_stays_once_sent",
                operation=pgtrigger.Delete,
                when=pgtrigger.Before,
                func="RAISE EXCEPTION 'Journal % is kept for ever.', OLD.reference;",
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["tenant", "-id"]),
            models.Index(fields=["tenant", "state", "-id"]),
            models.Index(fields=["pay_run", "state"]),
            models.Index(
                fields=["state", "next_try_at"],
                condition=models.Q(state__in=["approved", "posting", "verifying"]),
                name="posting_under_way",
            ),
            models.Index(fields=["pay_run"], condition=models.Q(state="posted"), name="posting_untied"),
            models.Index(fields=["pay_run"], condition=models.Q(awaits_booking=True), name="posting_unbooked"),
        ]

    def __str__(self) -> str:
        return f"{self.description} ({self.get_kind_display().lower()})"

    @property
    def state_words(self) -> str:
        """How people call its state, and that of a journal which people still have to book."""
        return ENTERED.get(self.state if self.awaits_booking else "") or self.get_state_display()


ENTERED = {
    Posting.State.POSTED.value: "Entered, not yet tied out",
    Posting.State.RECONCILED.value: "Entered and tied out, to be booked there",
}


_FROZEN = """
    IF EXISTS (SELECT FROM sync_posting WHERE id IN ({postings}) AND state <> 'drafted') THEN
        RAISE EXCEPTION 'The lines of a journal that is no draft cannot change.';
    END IF;
    RETURN {row};
"""


class PostingLine(TenantOwned):
    """One line of a journal; see ``journals.DraftLine``. Once the journal is no draft, the database keeps its lines."""

    posting = models.ForeignKey(Posting, on_delete=models.CASCADE, related_name="lines", db_index=False)
    number = models.PositiveIntegerField()
    account = models.CharField(max_length=100)
    description = models.CharField(max_length=200)
    debit = models.DecimalField(max_digits=19, decimal_places=4)
    credit = models.DecimalField(max_digits=19, decimal_places=4)
    department = models.CharField(max_length=200, blank=True)
    cost_center = models.CharField(max_length=100, blank=True)
    worker = models.CharField(max_length=100, blank=True)
    people = models.PositiveIntegerField(default=0)

    class Meta:
        ordering: ClassVar[list[str]] = ["posting", "number"]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["posting", "number"], name="posting_line_once"),
            models.CheckConstraint(
                condition=models.Q(debit__gte=0, credit__gte=0) & (models.Q(debit=0) | models.Q(credit=0)),
                name="posting_line_has_one_side",
            ),
        ]
        triggers: ClassVar[list[Any]] = [
            pgtrigger.Trigger(
                name="lines_of_drafts_only",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                func=_FROZEN.format(postings="NEW.posting_id", row="NEW"),
            ),
            pgtrigger.Trigger(
                name="lines_of_drafts_change_only",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                func=_FROZEN.format(postings="OLD.posting_id, NEW.posting_id", row="NEW"),
            ),
            pgtrigger.Trigger(
                name="lines_of_drafts_go_only",
                operation=pgtrigger.Delete,
                when=pgtrigger.Before,
                func=_FROZEN.format(postings="OLD.posting_id", row="OLD"),
            ),
        ]


class PostingShare(TenantOwned):
    """What one pay item put on a line, by which rule and why; see ``journals.Share``."""

    line = models.ForeignKey(PostingLine, on_delete=models.CASCADE, related_name="shares")
    item = models.CharField(max_length=200)
    rule = models.ForeignKey(AccountRule, null=True, on_delete=models.SET_NULL, related_name="+")
    side = models.CharField(max_length=6)
    because = models.CharField(max_length=200, blank=True)
    amount = models.DecimalField(max_digits=19, decimal_places=6)
    people = models.PositiveIntegerField(default=0)
    hours = models.DecimalField(max_digits=14, decimal_places=4, default=0)


class Approval(TenantOwned):
    """A person's decision on a journal, bound to its content: another content, and it is worth nothing."""

    class Decision(models.TextChoices):
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Rejected"
        VOIDED = "voided", "Approval voided"

    posting = models.ForeignKey(Posting, on_delete=models.PROTECT, related_name="approvals")
    decision = models.CharField(max_length=10, choices=Decision.choices)
    content_hash = models.CharField(max_length=64)
    by = models.CharField(max_length=200)
    by_key = models.CharField(max_length=220)
    at = models.DateTimeField()
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["pk"]


class LedgerPeriod(TenantOwned):
    """A fiscal period as the ledger showed it last; see ``connectors.journals.FiscalPeriod``."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="ledger_periods")
    company = models.CharField(max_length=100, blank=True)
    name = models.CharField(max_length=40)
    begin = models.DateField()
    end = models.DateField()
    state = models.CharField(max_length=12)
    read_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["company", "begin"]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["connection", "company", "name"], name="ledger_period_once"),
        ]


class LedgerActivity(TenantOwned):
    """What a journal put on an account, as the ledger showed it when last asked; ours and other people's."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="ledger_activity")
    company = models.CharField(max_length=100, blank=True)
    period = models.CharField(max_length=40)
    account = models.CharField(max_length=100)
    journal = models.CharField(max_length=60)
    posting_date = models.DateField()
    description = models.CharField(max_length=200, blank=True)
    debit = models.DecimalField(max_digits=19, decimal_places=4)
    credit = models.DecimalField(max_digits=19, decimal_places=4)
    lines = models.PositiveIntegerField(default=1)
    read_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["connection", "company", "account", "journal", "period"], name="ledger_activity_once"
            ),
        ]
        indexes: ClassVar[list[Any]] = [models.Index(fields=["connection", "period", "account"])]


class Reconciliation(TenantOwned):
    """One tie-out of a pay run: register, journals, what the ledger answered, its accounts, the clearing account.

    ``figures`` and ``differences`` are lists of objects with amounts as decimal text; see ``tying.TieOut``.
    """

    pay_run = models.ForeignKey(PayRun, on_delete=models.CASCADE, related_name="reconciliations")
    at = models.DateTimeField()
    tied_out = models.BooleanField()
    figures = models.JSONField(default=list)
    differences = models.JSONField(default=list)
    by = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-pk"]
        indexes: ClassVar[list[Any]] = [models.Index(fields=["tenant", "-id"])]


class Reveal(TenantOwned):
    """A person's look at amounts that show single people's pay: of one pay run, for a reason, for a while."""

    pay_run = models.ForeignKey(PayRun, on_delete=models.CASCADE, related_name="reveals")
    by = models.CharField(max_length=200)
    by_key = models.CharField(max_length=220)
    reason = models.CharField(max_length=500)
    at = models.DateTimeField()
    until = models.DateTimeField()

    class Meta:
        indexes: ClassVar[list[Any]] = [models.Index(fields=["pay_run", "by_key", "until"])]
