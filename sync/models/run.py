"""What happened: runs, the records in them, and the problems that keep records from moving."""

from __future__ import annotations

from typing import Any, ClassVar

import pgtrigger
from django.db import models

from sync.models.integration import Flow, Integration
from tenants.models import TenantOwned


class Problem(TenantOwned):
    """One cause that blocks records, whoever they are: "Department D7 is not mapped" with 14 people behind it.

    ``code`` and ``culprit`` name the cause; an open problem is unique per cause. ``victims`` is kept current by
    the runs. Resolved when a run finds no victim any more.
    """

    class State(models.TextChoices):
        OPEN = "open", "Open"
        RESOLVED = "resolved", "Resolved"

    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="problems")
    code = models.CharField(max_length=40)
    culprit_kind = models.CharField(max_length=20, blank=True)
    culprit = models.CharField(max_length=200, blank=True)
    sentence = models.CharField(max_length=500)
    remedy = models.CharField(max_length=300)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    victims = models.PositiveIntegerField(default=0)
    opened_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["state", "-last_seen_at", "-pk"]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["integration", "code", "culprit_kind", "culprit"],
                condition=models.Q(state="open"),
                name="problem_open_once_per_cause",
            ),
        ]
        indexes: ClassVar[list[Any]] = [models.Index(fields=["tenant", "state", "-last_seen_at", "-id"])]

    def __str__(self) -> str:
        return self.sentence


class BlockedRecord(TenantOwned):
    """A source record that cannot move now, and why; one row per cause. Gone as soon as the record moves."""

    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="blocked_records")
    problem = models.ForeignKey(Problem, on_delete=models.CASCADE, related_name="blocked_records")
    source_id = models.CharField(max_length=100)
    label = models.CharField(max_length=60, blank=True)
    since = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["problem", "source_id"], name="blocked_once_per_problem"),
        ]
        indexes: ClassVar[list[Any]] = [models.Index(fields=["integration", "source_id"])]


class Run(TenantOwned):
    """One execution of a flow. A partial unique index lets one run of a flow be active at a time.

    Counters are kept current while it works. ``digest`` covers the key set and content hashes of all records
    read, so that unchanged ones need no row of their own.
    """

    class Kind(models.TextChoices):
        FULL = "full", "Everybody"
        CHANGES = "changes", "Changes only"
        PREVIEW = "preview", "Preview"
        REPLAY = "replay", "Replay"

    class State(models.TextChoices):
        SCHEDULED = "scheduled", "Waiting to start"
        FETCHING = "fetching", "Reading"
        APPLYING = "applying", "Writing"
        HELD = "held", "Held – needs a decision"
        SUCCEEDED = "succeeded", "Finished"
        PARTLY_FAILED = "partly_failed", "Finished, some records need attention"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"
        SKIPPED = "skipped", "Skipped"

    ACTIVE: ClassVar[tuple[str, ...]] = (State.SCHEDULED, State.FETCHING, State.APPLYING)
    ENDED: ClassVar[tuple[str, ...]] = (
        State.HELD,
        State.SUCCEEDED,
        State.PARTLY_FAILED,
        State.FAILED,
        State.CANCELLED,
        State.SKIPPED,
    )

    flow = models.ForeignKey(Flow, on_delete=models.CASCADE, related_name="runs")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    state = models.CharField(max_length=15, choices=State.choices, default=State.SCHEDULED)
    trigger = models.CharField(max_length=20, default="person")
    requested_by = models.CharField(max_length=200, blank=True)
    requested_key = models.CharField(max_length=220, blank=True, help_text="Who that is, whatever they are called.")
    replay_of = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="replays")
    selection = models.JSONField(default=list, blank=True, help_text="Source ids, when only some are replayed.")
    release_of = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="releases")
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    lease_owner = models.CharField(max_length=40, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    cancel_requested = models.BooleanField(default=False)
    message = models.TextField(blank=True)
    correlation_id = models.CharField(max_length=64, blank=True)
    expected = models.PositiveIntegerField(null=True, blank=True)
    read = models.PositiveIntegerField(default=0)
    planned = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    terminated = models.PositiveIntegerField(default=0)
    rehired = models.PositiveIntegerField(default=0)
    transferred = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    blocked = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0)
    verifying = models.PositiveIntegerField(default=0)
    queued = models.PositiveIntegerField(default=0)
    unsent = models.PositiveIntegerField(default=0)
    headcount = models.PositiveIntegerField(null=True, blank=True)
    survey = models.JSONField(default=dict, blank=True)
    digest = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-pk"]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["flow"],
                condition=models.Q(state__in=["scheduled", "fetching", "applying"]),
                name="run_one_active_per_flow",
                violation_error_message="A run of this flow is already in progress.",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    state__in=[
                        "scheduled",
                        "fetching",
                        "applying",
                        "held",
                        "succeeded",
                        "partly_failed",
                        "failed",
                        "cancelled",
                        "skipped",
                    ]
                ),
                name="run_state_is_known",
            ),
        ]
        triggers: ClassVar[list[Any]] = [
            pgtrigger.Trigger(
                name="ended_runs_stay_ended",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition(
                    "OLD.state NOT IN ('scheduled', 'fetching', 'applying') AND NEW.state IS DISTINCT FROM OLD.state"
                ),
                func="RAISE EXCEPTION 'Run % has ended and stays %.', OLD.id, OLD.state;",
            )
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["tenant", "-id"]),
            models.Index(fields=["flow", "-id"]),
            models.Index(
                fields=["heartbeat_at"], condition=models.Q(state__in=["fetching", "applying"]), name="run_alive"
            ),
        ]

    renewed = 0.0
    """When this process last renewed the lease, on its own monotonic clock. Not stored."""

    def __str__(self) -> str:
        return f"#{self.pk} {self.flow}"


class RunItem(TenantOwned):
    """One record in a run that is more than unchanged. Intent is committed as ``sending`` before anything leaves.

    ``before`` and ``after`` hold mapped reference values and states, personal fields masked.
    """

    class Change(models.TextChoices):
        CREATE = "create", "Hire"
        UPDATE = "update", "Change"
        TERMINATE = "terminate", "Terminate"
        REHIRE = "rehire", "Rehire"
        TRANSFER = "transfer", "Transfer"
        UNCHANGED = "unchanged", "Nothing to do"
        BLOCKED = "blocked", "Blocked"

    class State(models.TextChoices):
        PLANNED = "planned", "Planned"
        SENDING = "sending", "Sending"
        CREATED = "created", "Hired"
        UPDATED = "updated", "Changed"
        TERMINATED = "terminated", "Terminated"
        REHIRED = "rehired", "Rehired"
        TRANSFERRED = "transferred", "Transferred"
        UNCHANGED = "unchanged", "Nothing to do"
        BLOCKED = "blocked", "Blocked"
        REJECTED = "rejected", "Rejected"
        VERIFYING = "verifying", "Checking what arrived"

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="items")
    source_id = models.CharField(max_length=100)
    label = models.CharField(max_length=60, blank=True, help_text="Employee number, never a name.")
    change = models.CharField(max_length=12, choices=Change.choices)
    state = models.CharField(max_length=12, choices=State.choices)
    attempts = models.PositiveSmallIntegerField(default=0)
    reference = models.CharField(max_length=100, blank=True)
    target_id = models.CharField(max_length=100, blank=True)
    company = models.CharField(max_length=100, blank=True)
    person_id = models.CharField(max_length=100, blank=True)
    fingerprint = models.BinaryField(max_length=128, default=b"")
    before = models.JSONField(default=dict, blank=True)
    after = models.JSONField(default=dict, blank=True)
    problem = models.ForeignKey(Problem, null=True, blank=True, on_delete=models.SET_NULL, related_name="items")
    message = models.CharField(max_length=500, blank=True)
    looked_up = models.PositiveSmallIntegerField(default=0)
    look_up_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-pk"]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["run", "source_id"], name="item_once_per_run"),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["tenant", "-id"]),
            models.Index(fields=["run", "state", "-id"]),
            models.Index(fields=["tenant", "source_id", "-id"]),
            models.Index(fields=["run"], condition=models.Q(state__in=["sending", "verifying"]), name="item_unsettled"),
            models.Index(fields=["problem"], condition=models.Q(problem__isnull=False), name="item_of_problem"),
        ]

    def __str__(self) -> str:
        return f"{self.label or self.source_id}: {self.get_change_display()}"
