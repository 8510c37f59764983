"""Problems: one cause, everybody it blocks, and where to mend it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Count

from connectors.records import RefKind
from sync.keyset import KeySet
from sync.models import BlockedRecord, Integration, Problem, ReferenceValue
from sync.planning import Cause, CauseCode, Plan

LABELS = {kind.value: kind.value.replace("_", " ") for kind in RefKind} | {"number": "employee number"}

SENTENCES: dict[CauseCode, str] = {
    CauseCode.UNMAPPED: "{Kind} {culprit} of {source} is not mapped to {target}.",
    CauseCode.TARGET_INACTIVE: "A mapping points to {kind} {culprit}, which {target} does not have or no longer uses.",
    CauseCode.MISSING_VALUE: "No {kind} is given in {source}.",
    CauseCode.WITHHELD: "{source} does not show us the {kind}.",
    CauseCode.DUPLICATE_NUMBER: "Employee number {culprit} belongs to two workers in {source}.",
    CauseCode.AMBIGUOUS_TARGET: "Employee number {culprit} belongs to two employees in {target}.",
    CauseCode.PERSON_ACTIVE: "The former employment of employee {culprit} is still active in {target}.",
    CauseCode.UNREADABLE: "{source} sent a record we cannot use: {culprit}",
    CauseCode.REFUSED: "{target} refused a record. {culprit}",
}
REMEDIES: dict[CauseCode, str] = {
    CauseCode.UNMAPPED: "Map it, then replay.",
    CauseCode.TARGET_INACTIVE: "Map to an active {kind}, or set it up in {target} and run reference data; then replay.",
    CauseCode.MISSING_VALUE: "Enter the {kind} in {source}, then replay.",
    CauseCode.WITHHELD: "Give the {source} connection the permission for it, test the connection, then replay.",
    CauseCode.DUPLICATE_NUMBER: "Correct the number of one of them in {source}, then replay.",
    CauseCode.AMBIGUOUS_TARGET: "Remove the number from one of them in {target}, then replay.",
    CauseCode.PERSON_ACTIVE: "Nothing to do: the next run continues once the former employment has ended.",
    CauseCode.UNREADABLE: "Correct the record in {source}, then replay.",
    CauseCode.REFUSED: "Correct what it says in {source} or {target}, then replay.",
}


def note_blocked(integration: Integration, blocked: Sequence[Plan], *, now: datetime) -> dict[str, Problem]:
    """Afterwards every cause has its open problem and every blocked worker a row under each of its causes.

    Returns the problem to show per worker id (the first of its causes). Constant number of round trips.
    """
    causes = {cause for plan in blocked for cause in plan.causes}
    if not causes:
        return {}
    problems = _open(integration, causes, now)
    rows = [
        BlockedRecord(
            integration=integration,
            problem=problems[_key(cause)],
            source_id=plan.worker_id,
            label=plan.label,
            since=now,
        )
        for plan in blocked
        for cause in plan.causes
    ]
    BlockedRecord.objects.bulk_create(rows, ignore_conflicts=True)
    return {plan.worker_id: problems[_key(plan.causes[0])] for plan in blocked}


def note_moved(integration: Integration, source_ids: Iterable[str]) -> None:
    """These workers are not blocked any more."""
    BlockedRecord.objects.filter(integration=integration, source_id__any_of=source_ids).delete()


def note_vanished(integration: Integration, seen: KeySet) -> None:
    """Who is not among the ``seen`` of a complete walk blocks nothing any more."""
    blocked = BlockedRecord.objects.filter(integration=integration).values_list("source_id", flat=True).distinct()
    if gone := [source_id for source_id in blocked.iterator() if source_id not in seen]:
        note_moved(integration, gone)


def any_blocked(integration: Integration) -> bool:
    """True when anybody is blocked."""
    return BlockedRecord.objects.filter(integration=integration).exists()


def waiting_for_others(integration: Integration) -> set[str]:
    """Source ids of those whose cause ends with a change of somebody else: no change of their own announces it."""
    waiting = BlockedRecord.objects.filter(
        integration=integration, problem__code__in=[CauseCode.PERSON_ACTIVE, CauseCode.DUPLICATE_NUMBER]
    )
    return set(waiting.values_list("source_id", flat=True))


def note_still_blocked(integration: Integration, blocked: Sequence[Plan]) -> None:
    """Forget causes that no longer hold for workers that are still blocked by another one."""
    by_worker = {plan.worker_id: {_key(cause) for cause in plan.causes} for plan in blocked}
    stale = [
        row.pk
        for row in BlockedRecord.objects.filter(integration=integration, source_id__in=by_worker).select_related(
            "problem"
        )
        if (row.problem.code, row.problem.culprit_kind, row.problem.culprit) not in by_worker[row.source_id]
    ]
    if stale:
        BlockedRecord.objects.filter(pk__in=stale).delete()


def recount(integration: Integration, *, now: datetime) -> None:
    """Afterwards every open problem knows how many it blocks, and one that blocks nobody is resolved."""
    with transaction.atomic():
        counted = dict(
            BlockedRecord.objects.filter(integration=integration, problem__state=Problem.State.OPEN)
            .values_list("problem")
            .annotate(Count("pk"))
        )
        changed = []
        for problem in Problem.objects.select_for_update().filter(integration=integration, state=Problem.State.OPEN):
            victims = counted.get(problem.pk, 0)
            if victims == problem.victims and victims:
                continue
            problem.victims = victims
            if victims == 0:
                problem.state, problem.resolved_at = Problem.State.RESOLVED, now
            changed.append(problem)
        Problem.objects.bulk_update(changed, ["victims", "state", "resolved_at"])


Key = tuple[str, str, str]


def _key(cause: Cause) -> Key:
    """The cause as a problem's row names it: what is too long is cut."""
    return cause.code.value, cause.kind[:20], cause.culprit[:200]


def _open(integration: Integration, causes: set[Cause], now: datetime) -> dict[Key, Problem]:
    names = _names(integration, causes)
    rows = []
    for cause in sorted(causes, key=lambda c: (c.code, c.kind, c.culprit)):
        kind = LABELS.get(cause.kind, cause.kind.replace("_", " "))
        words = {
            "kind": kind,
            "Kind": kind.capitalize(),
            "culprit": names.get((cause.kind, cause.culprit), cause.culprit),
            "source": integration.source.name,
            "target": integration.target.name,
        }
        rows.append(
            Problem(
                integration=integration,
                code=cause.code,
                culprit_kind=cause.kind[:20],
                culprit=cause.culprit[:200],
                sentence=SENTENCES[cause.code].format(**words)[:500],
                remedy=REMEDIES[cause.code].format(**words)[:300],
                opened_at=now,
                last_seen_at=now,
            )
        )
    Problem.objects.bulk_create(rows, ignore_conflicts=True)
    wanted = {_key(cause) for cause in causes}
    found = Problem.objects.filter(
        integration=integration,
        state=Problem.State.OPEN,
        code__in={code for code, _, _ in wanted},
        culprit__in={culprit for _, _, culprit in wanted},
    )
    by_cause = {
        key: problem for problem in found if (key := (problem.code, problem.culprit_kind, problem.culprit)) in wanted
    }
    Problem.objects.filter(pk__in=[p.pk for p in by_cause.values()]).update(last_seen_at=now)
    return by_cause


def _names(integration: Integration, causes: set[Cause]) -> Mapping[tuple[str, str], str]:
    """(kind, key) → "name (code)" for the values the causes speak of."""
    found: dict[tuple[str, str], str] = {}
    for connection_id, codes in (
        (integration.source_id, {CauseCode.UNMAPPED}),
        (integration.target_id, {CauseCode.TARGET_INACTIVE}),
    ):
        keys = {c.culprit for c in causes if c.code in codes}
        if keys:
            for value in ReferenceValue.objects.filter(connection_id=connection_id, external_id__in=keys):
                code = f" ({value.code})" if value.code and value.code != value.name else ""
                found[(value.kind, value.external_id)] = f"{value.name}{code}"
    return found
