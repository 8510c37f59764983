"""What the payroll paid, which accounts it goes to, and how a tenant wants it posted."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from connectors.models import Connection
from connectors.pay_runs import PayKind
from sync.models.integration import Integration
from tenants.models import TenantOwned

PAY_KINDS = [(kind.value, kind.value.replace("_", " ").capitalize()) for kind in PayKind]
DIMENSIONS = [
    ("department", "Department"),
    ("location", "Location"),
    ("company", "Legal entity"),
    ("job_code", "Job code"),
]
ALWAYS = date(1900, 1, 1)
"""The start of a rule that holds for as long as anybody remembers."""


class PayrollSettings(TenantOwned):
    """How an integration's pay runs become journals. Nothing is read before ``start_date`` is chosen.

    ``changed_key`` and ``changed_at`` tell who last changed what makes a journal, and when; they may not approve what
    it decides.
    """

    class PostWhen(models.TextChoices):
        PAID = "paid", "The pay run is paid"
        APPROVED = "approved", "The pay run is approved"

    class Detail(models.TextChoices):
        ACCOUNT = "account", "One line per account"
        DEPARTMENT = "department", "One line per account and department"
        WORKER = "worker", "One line per account and employee"

    class Split(models.TextChoices):
        NONE = "none", "No"
        CALENDAR_DAYS = "calendar_days", "By calendar days"
        WORKING_DAYS = "working_days", "By working days (Monday to Friday)"

    integration = models.OneToOneField(
        Integration, on_delete=models.CASCADE, primary_key=True, related_name="payroll_settings"
    )
    start_date = models.DateField(
        null=True, blank=True, help_text="Pay runs with a check date before this are ignored."
    )
    post_when = models.CharField(
        "journals are made when", max_length=10, choices=PostWhen.choices, default=PostWhen.PAID
    )
    separate_settlement = models.BooleanField(
        "accrual and settlement apart",
        default=False,
        help_text="Two journals: the cost with what is owed for it, and its payment on the check date.",
    )
    detail = models.CharField("lines", max_length=10, choices=Detail.choices, default=Detail.DEPARTMENT)
    cost_center_from = models.CharField(
        "cost center comes from",
        max_length=10,
        choices=DIMENSIONS,
        default="department",
        help_text="What fills {cost_center} in the accounts of the rules.",
    )
    rounding_account = models.CharField(max_length=100, blank=True)
    rounding_limit = models.DecimalField(
        max_digits=12,
        decimal_places=2,
        default=Decimal("1.00"),
        validators=[MinValueValidator(Decimal(0))],
        help_text="A journal whose rounding comes to more than this is not posted.",
    )
    month_end = models.CharField(
        "share out over a month end",
        max_length=15,
        choices=Split.choices,
        default=Split.NONE,
        help_text="Books the share of the earlier month on its last day and takes it back on the next.",
    )
    accrued_account = models.CharField("accrued payroll account", max_length=100, blank=True)
    two_people = models.BooleanField(
        "preparer and approver must differ", default=True, help_text="Nobody approves what they prepared."
    )
    second_approver_above = models.DecimalField(
        max_digits=19,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0))],
        help_text="Journals above this total need two approvers. Empty: never.",
    )
    post_by_itself = models.BooleanField(
        "post as soon as approved", default=True, help_text="Otherwise a person posts an approved journal."
    )
    variance_percent = models.PositiveSmallIntegerField(
        default=10, validators=[MinValueValidator(1), MaxValueValidator(1000)]
    )
    variance_amount = models.DecimalField(
        max_digits=12, decimal_places=2, default=Decimal(1000), validators=[MinValueValidator(Decimal(0))]
    )
    fewest_people = models.PositiveSmallIntegerField(
        "show amounts of at least so many people",
        default=2,
        validators=[MinValueValidator(2), MaxValueValidator(20)],
        help_text="Amounts that concern fewer people are hidden from those who may not see one person's pay.",
    )
    changed_key = models.CharField(max_length=220, blank=True, editable=False)
    changed_at = models.DateTimeField(null=True, editable=False)

    def __str__(self) -> str:
        return f"{self.integration} · Payroll"


class PayItem(TenantOwned):
    """Something people are paid or have withheld, as the payroll names it. ``key`` is ``register.item_key``."""

    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="pay_items")
    key = models.CharField(max_length=200)
    kind = models.CharField(max_length=25, choices=PAY_KINDS)
    code = models.CharField(max_length=170)
    name = models.CharField(max_length=200)
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["kind", "name", "pk"]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["integration", "key"], name="pay_item_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.get_kind_display().lower()})"


class AccountRule(TenantOwned):
    """From a date on, this pay item goes to these accounts; an empty dimension means any. ``valid_to`` is exclusive.

    ``changed_key`` names who last changed it in a way that never changes; they may not approve what it decides.
    """

    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="account_rules")
    item = models.CharField("pay item", max_length=200)
    company = models.CharField("legal entity", max_length=200, blank=True)
    department = models.CharField(max_length=200, blank=True)
    location = models.CharField(max_length=200, blank=True)
    job_code = models.CharField(max_length=200, blank=True)
    debit = models.CharField("debit account", max_length=100, blank=True)
    credit = models.CharField("credit account", max_length=100, blank=True)
    settlement = models.CharField("settlement account", max_length=100, blank=True)
    valid_from = models.DateField(default=ALWAYS)
    valid_to = models.DateField(null=True, blank=True)
    changed_by = models.CharField(max_length=200)
    changed_key = models.CharField(max_length=220)
    changed_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["item", "company", "department", "location", "job_code", "-valid_from"]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["integration", "item", "company", "department", "location", "job_code", "valid_from"],
                name="account_rule_once_per_start",
                violation_error_message="There is already a rule for this that starts on this date.",
            ),
            models.CheckConstraint(
                condition=models.Q(valid_to__isnull=True) | models.Q(valid_to__gt=models.F("valid_from")),
                name="account_rule_ends_after_it_starts",
                violation_error_message="A rule must end after the day it starts.",
            ),
            models.CheckConstraint(
                condition=~models.Q(debit="") | ~models.Q(credit=""),
                name="account_rule_has_an_account",
                violation_error_message="Enter a debit account, a credit account, or both.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.item} → {self.debit or '–'} / {self.credit or '–'}"


class Assignment(TenantOwned):
    """Where a worker belonged from a day on, as the source showed it that day: the payroll's lines do not say."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="assignments")
    worker_id = models.CharField(max_length=100)
    number = models.CharField(max_length=100, blank=True)
    since = models.DateField()
    company = models.CharField(max_length=200, blank=True)
    department = models.CharField(max_length=200, blank=True)
    location = models.CharField(max_length=200, blank=True)
    active = models.BooleanField(default=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["connection", "worker_id", "since"], name="assignment_once_per_day"),
        ]


class PayRun(TenantOwned):
    """One pay run of the source and how far its journals have got.

    ``register_hash`` (hex) covers every line as read; ``totals`` are the register's figures by currency and kind, as
    decimal text. ``source_change`` says what the source did to a run whose journals had been posted already.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Not finished in payroll"
        HELD = "held", "Problems to mend"
        READY = "ready", "Ready for review"
        APPROVED = "approved", "Approved"
        POSTING = "posting", "Posting"
        VERIFYING = "verifying", "Checking what arrived"
        ATTENTION = "attention", "Needs a person"
        POSTED = "posted", "Posted, not yet tied out"
        RECONCILED = "reconciled", "Posted and tied out"
        EMPTY = "empty", "Nothing to post"
        REJECTED = "rejected", "Rejected"
        REVERSED = "reversed", "Reversed"
        VOID = "void", "Void in payroll"

    class SourceChange(models.TextChoices):
        NONE = "", "None"
        VOIDED = "voided", "Voided in payroll after posting"
        CHANGED = "changed", "Changed in payroll after posting"
        GONE = "gone", "Gone from payroll after posting"

    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="pay_runs")
    source_id = models.CharField(max_length=100)
    title = models.CharField(max_length=200)
    kind = models.CharField(max_length=12)
    source_kind = models.CharField(max_length=60, blank=True)
    source_state = models.CharField(max_length=60, blank=True)
    finished = models.BooleanField(default=False, help_text="Payroll says that it is in the state we wait for.")
    void = models.BooleanField(default=False, help_text="Payroll says that it will never be paid.")
    check_date = models.DateField()
    period_start = models.DateField(null=True, blank=True)
    period_end = models.DateField(null=True, blank=True)
    pay_group = models.CharField(max_length=100, blank=True)
    company = models.CharField("legal entity", max_length=200, blank=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.WAITING)
    source_change = models.CharField(max_length=10, choices=SourceChange.choices, blank=True)
    source_changed_at = models.DateTimeField(null=True, blank=True)
    register_hash = models.CharField(max_length=64, blank=True)
    totals = models.JSONField(default=list, blank=True)
    people = models.PositiveIntegerField(default=0)
    found_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True, blank=True)
    drafted_at = models.DateTimeField(null=True, blank=True)
    message = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-check_date", "-pk"]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["integration", "source_id"], name="pay_run_once"),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["tenant", "-check_date", "-id"]),
            models.Index(fields=["tenant", "state", "-check_date", "-id"]),
            models.Index(fields=["integration", "company", "pay_group", "check_date"]),
        ]

    def __str__(self) -> str:
        return f"{self.title} · {self.check_date:%d %b %Y}"

    @property
    def label(self) -> str:
        """What records that outlive the run call it: without its title, which may name a person."""
        facts = [self.kind.replace("_", " ").capitalize(), f"{self.check_date:%d %b %Y}", self.pay_group]
        return " · ".join(filter(None, facts))


class PaidLine(TenantOwned):
    """One line of a pay run's register, as read; see ``register.PaidLine``. ``parts`` shares of split time."""

    pay_run = models.ForeignKey(PayRun, on_delete=models.CASCADE, related_name="lines", db_index=False)
    worker = models.CharField(max_length=100)
    label = models.CharField(max_length=100, blank=True)
    kind = models.CharField(max_length=25, choices=PAY_KINDS)
    item = models.CharField(max_length=200)
    amount = models.DecimalField(max_digits=19, decimal_places=6)
    currency = models.CharField(max_length=3)
    company = models.CharField(max_length=200, blank=True)
    department = models.CharField(max_length=200, blank=True)
    location = models.CharField(max_length=200, blank=True)
    job_code = models.CharField(max_length=200, blank=True)
    hours = models.DecimalField(max_digits=12, decimal_places=4, null=True)

    class Meta:
        indexes: ClassVar[list[Any]] = [models.Index(fields=["pay_run", "item"])]


class PayFinding(TenantOwned):
    """Something that keeps a pay run from being posted, or that a person said is right as it is; see ``Finding``.

    ``stage`` says which step finds it anew: reading the register, drafting its journals, or posting them.
    ``accepted_by`` is set once somebody did, with the reason.
    """

    class Stage(models.TextChoices):
        READ = "read", "Register"
        DRAFT = "draft", "Journals"
        POST = "post", "Ledger"

    pay_run = models.ForeignKey(PayRun, on_delete=models.CASCADE, related_name="findings", db_index=False)
    stage = models.CharField(max_length=5, choices=Stage.choices)
    code = models.CharField(max_length=25)
    kind = models.CharField(max_length=25, blank=True)
    culprit = models.CharField(max_length=200, blank=True)
    journal = models.CharField(max_length=200, blank=True)
    amount = models.DecimalField(max_digits=19, decimal_places=4, null=True)
    currency = models.CharField(max_length=3, blank=True)
    people = models.JSONField(default=list)
    people_count = models.PositiveIntegerField(default=0)
    sentence = models.CharField(max_length=600)
    remedy = models.CharField(max_length=300)
    accepted_by = models.CharField(max_length=200, blank=True)
    accepted_why = models.CharField(max_length=500, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    found_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["pk"]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["pay_run", "code", "kind", "culprit", "journal", "currency"], name="pay_finding_once"
            ),
        ]

    def __str__(self) -> str:
        return self.sentence
