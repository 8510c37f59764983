"""What somebody must know of now: read from the database, one cause each, in sentences without a name or an amount."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, F, Max, OuterRef, Q, Subquery

from connectors.models import AccessToken, Connection, RateBudget
from sync.models import (
    AlertHook,
    Dispatch,
    Flow,
    Listening,
    NoticeKind,
    PayFinding,
    PayRun,
    Posting,
    Problem,
    Run,
)
from sync.notices.cause import Cause, page
from sync.notices.stalled import stalled
from sync.payroll.board import MAPPING_CODES
from sync.payroll.findings import FindingCode
from sync.planning import CauseCode

UNSURE_FOR = timedelta(minutes=30)
"""A journal may be looked for so long before a person is called."""

LATELY = timedelta(hours=24)
"""A gap in the announcements, or a mail that could not be delivered, is told of for so long."""

IN_A_VENDORS_WORDS = (CauseCode.UNREADABLE, CauseCode.REFUSED)
"""Problems whose sentence repeats what a vendor said, which may name a person."""


def causes(now: datetime) -> list[Cause]:
    """Everything that is wrong in the tenant at ``now`` (aware UTC), save what did not happen when it was due. A
    constant number of queries."""
    return [
        *_runs(),
        *_problems(),
        *_pay_runs(),
        *_journals(now),
        *_connections(),
        *_tokens(),
        *_idle(now),
        *_gaps(now),
        *_undelivered(now),
        *stalled(now),
    ]


def _runs() -> Iterator[Cause]:
    """The latest run of a flow, and its latest one over everybody or all changes, failed or wait for a decision."""
    told = Run.objects.filter(
        flow=OuterRef("pk"),
        state__in=[Run.State.HELD, Run.State.SUCCEEDED, Run.State.PARTLY_FAILED, Run.State.FAILED],
    ).exclude(kind=Run.Kind.PREVIEW)
    whole = told.filter(kind__in=[Run.Kind.FULL, Run.Kind.CHANGES])
    latest = Flow.objects.order_by().values_list(
        Subquery(told.order_by("-pk").values("pk")[:1]), Subquery(whole.order_by("-pk").values("pk")[:1])
    )
    wanted = Q(state=Run.State.HELD, flow__paused=False) | Q(state=Run.State.FAILED, flow__paused=False)
    found = Run.objects.filter(wanted, pk__in={pk for pair in latest for pk in pair if pk})
    found = found.filter(~Exists(Run.objects.filter(release_of=OuterRef("pk"))))
    seen: set[tuple[str, Any]] = set()
    for run in found.select_related("flow__integration").order_by("-pk"):
        cause = _held(run) if run.state == Run.State.HELD else _failed(run)
        if (cause.kind, cause.key) not in seen:
            seen.add((cause.kind, cause.key))
            yield cause


def _failed(run: Run) -> Cause:
    return Cause(
        kind=NoticeKind.FAILED,
        key=f"flow:{run.flow_id}",
        sentence=f"{run.flow}: the latest run failed.",
        remedy="Open the run: it says why. What was done before it stopped stays, and the next run goes on from there.",
        link=page("sync_run_change", run.pk),
        occurrence=f"run:{run.pk}",
    )


def _held(run: Run) -> Cause:
    least = run.flow.least_records
    few = run.kind == Run.Kind.FULL and (run.read == 0 or (least is not None and run.read < least))
    return Cause(
        kind=NoticeKind.VOLUME if few else NoticeKind.HELD,
        key=f"flow:{run.flow_id}",
        sentence=f"{run.flow}: a run is held. {run.message}".strip(),
        remedy="Look at what it read, then test the connection or release the run."
        if few
        else "Look at what it would do, then release it or correct the source.",
        link=page("sync_run_change", run.pk),
        occurrence=f"run:{run.pk}",
    )


def _problems() -> Iterator[Cause]:
    for problem in Problem.objects.filter(state=Problem.State.OPEN).select_related("integration__source"):
        said = problem.sentence
        if problem.code in IN_A_VENDORS_WORDS:
            said = f"{problem.integration}: a record was refused or cannot be used."
        people = "1 record" if problem.victims == 1 else f"{problem.victims:,} records"
        yield Cause(
            kind=NoticeKind.BLOCKED,
            key=f"problem:{problem.pk}",
            sentence=f"{said} It blocks {people}.",
            remedy=problem.remedy,
            link=page("sync_problem_change", problem.pk),
        )


def _pay_runs() -> Iterator[Cause]:
    """Pay runs with problems to mend, rejected, or changed in payroll after their journals had left."""
    stuck = Q(state__in=[PayRun.State.HELD, PayRun.State.REJECTED]) | ~Q(source_change="")
    found = list(PayRun.objects.filter(stuck).select_related("integration__source"))
    findings = PayFinding.objects.filter(pay_run__in=[run.pk for run in found], accepted_at=None).order_by()
    counted: dict[int, dict[str, int]] = {}
    for pay_run, code, number in findings.values_list("pay_run", "code").annotate(number=Count("pk")):
        counted.setdefault(pay_run, {})[code] = number
    for run in found:
        link = page("sync_payrun_change", run.pk)
        if run.source_change:
            said = f"{PayRun.SourceChange(run.source_change).label}: pay run {run.label}."
            remedy = "Open the pay run and choose how its journals are corrected."
            yield _of(run, NoticeKind.ATTENTION, f"change:{run.source_change}", said, remedy, link)
        elif run.state == PayRun.State.REJECTED:
            said = f"Pay run {run.label} was rejected: it is not on the ledger."
            yield _of(
                run, NoticeKind.ATTENTION, "rejected", said, "Open it, mend what was wrong, check it again.", link
            )
        else:
            yield _held_pay_run(run, counted.get(run.pk, {}), link)


def _of(run: PayRun, kind: NoticeKind, what: str, sentence: str, remedy: str, link: str) -> Cause:
    return Cause(kind=kind, key=f"pay_run:{run.pk}:{what}", sentence=sentence, remedy=remedy, link=link)


def _held_pay_run(run: PayRun, codes: dict[str, int], link: str) -> Cause:
    if FindingCode.FEW_PEOPLE in codes:
        said = f"Pay run {run.label} has fewer people than are expected."
        return _of(run, NoticeKind.VOLUME, "few", said, "Compare it with payroll; accept it if it is right.", link)
    if set(codes) & {FindingCode(code).value for code in MAPPING_CODES}:
        said = f"Pay run {run.label} needs mapping before it can be posted."
        return _of(
            run, NoticeKind.BLOCKED, "held", said, "Open it: each problem leads to the page that mends it.", link
        )
    number = sum(codes.values())
    many = "1 problem" if number == 1 else f"{number} problems" if number else "problems"
    said = f"Pay run {run.label} is held by {many}."
    return _of(run, NoticeKind.BLOCKED, "held", said, "Open it: each problem says what to do.", link)


def _journals(now: datetime) -> Iterator[Cause]:
    """Per pay run the journals that wait for approval, and those nobody but a person can decide."""
    unsure = Q(state=Posting.State.ATTENTION) | Q(state=Posting.State.VERIFYING, sent_at__lt=now - UNSURE_FOR)
    drafted = Q(state=Posting.State.DRAFTED) & ~Q(
        pay_run__state__in=[PayRun.State.HELD, PayRun.State.WAITING, PayRun.State.VOID]
    )
    under_way = Posting.objects.filter(
        state__in=[Posting.State.DRAFTED, Posting.State.ATTENTION, Posting.State.VERIFYING]
    )
    grouped = under_way.order_by().values("pay_run")
    counted = grouped.annotate(waiting=Count("pk", filter=drafted), unsure=Count("pk", filter=unsure))
    rows = {row["pay_run"]: row for row in counted.filter(Q(waiting__gt=0) | Q(unsure__gt=0))}
    for run in PayRun.objects.filter(pk__in=rows):
        link = page("sync_payrun_change", run.pk)
        if number := rows[run.pk]["waiting"]:
            many = "1 journal waits" if number == 1 else f"{number} journals wait"
            said = f"Pay run {run.label}: {many} for approval."
            yield _of(run, NoticeKind.APPROVAL, "approval", said, "Review the journals, then approve or reject.", link)
        if number := rows[run.pk]["unsure"]:
            many = "1 journal needs" if number == 1 else f"{number} journals need"
            said = f"Pay run {run.label}: {many} a person. The ledger has not said whether it has them."
            remedy = "Open it and look for the journal's reference in the ledger. Nothing is sent twice meanwhile."
            yield _of(run, NoticeKind.ATTENTION, "unsure", said, remedy, link)


def _connections() -> Iterator[Cause]:
    states = [Connection.State.ATTENTION, Connection.State.PAUSED]
    for connection in Connection.objects.filter(state__in=states):
        is_paused = connection.state == Connection.State.PAUSED
        said = "is paused" if is_paused else "needs attention"
        yield Cause(
            kind=NoticeKind.CREDENTIALS,
            key=f"connection:{connection.pk}",
            sentence=f"The connection {connection} {said}. Nothing is read or written through it.",
            remedy="Resume it when it may be used again."
            if is_paused
            else "Open it: it says what was refused. Replace the credentials or the permission, then test it.",
            link=page("connectors_connection_change", connection.pk),
        )


def _tokens() -> Iterator[Cause]:
    """Tokens whose renewal was refused."""
    refused = AccessToken.objects.exclude(refusal="").select_related("connection")
    for token in refused.exclude(connection__state__in=[Connection.State.ATTENTION, Connection.State.PAUSED]):
        yield Cause(
            kind=NoticeKind.CREDENTIALS,
            key=f"token:{token.pk}",
            sentence=f"The access of the connection {token.connection} could not be renewed.",
            remedy="Connect it again, or replace its credentials; then test it.",
            link=page("connectors_connection_change", token.pk),
        )


def _idle(now: datetime) -> Iterator[Cause]:
    """Credentials that die when they are not used for long, and have not been for most of that time."""
    used = dict(RateBudget.objects.values_list("connection", "next_at"))
    working = [Connection.State.READY, Connection.State.LIMITED]
    for connection in Connection.objects.filter(state__in=working):
        days = connection.product.unused_credentials_die_after_days
        if not days:
            continue
        last = max(filter(None, (connection.checked_at, used.get(connection.pk), connection.created_at)))
        if now - last > timedelta(days=days) * 7 / 10:
            yield Cause(
                kind=NoticeKind.CREDENTIALS,
                key=f"idle:{connection.pk}",
                sentence=f"The connection {connection} has not been used for {(now - last).days} days. "
                f"{connection.product.product} withdraws access that is unused for {days} days.",
                remedy="Test the connection: that counts as use.",
                link=page("connectors_connection_change", connection.pk),
            )


def _gaps(now: datetime) -> Iterator[Cause]:
    for one in Listening.objects.filter(gap_at__gt=now - LATELY).select_related("connection"):
        assert one.gap_at is not None
        yield Cause(
            kind=NoticeKind.WEBHOOKS,
            key=f"listening:{one.pk}",
            sentence=f"{one.connection} changed something without announcing it. "
            "It is read at the usual interval until its announcements are complete again.",
            remedy="Nothing is lost. Open the connection to see what to look at in its settings.",
            link=page("connectors_connection_change", one.pk),
            occurrence=one.gap_at.isoformat(),
        )


def _undelivered(now: datetime) -> Iterator[Cause]:
    """Addresses that took nothing for as long as we try, and people whose mail was refused for as long."""
    for hook in AlertHook.objects.filter(failing_since__isnull=False, paused=False):
        yield Cause(
            kind=NoticeKind.ALERTS,
            key=f"hook:{hook.pk}",
            sentence=f"Notices to the address {hook} could not be delivered for a day.",
            remedy="Correct the address or the program behind it, then send a test.",
            link=page("sync_alerthook_change", hook.pk),
        )
    given_up = Dispatch.objects.filter(user__isnull=False, sent_at=None, next_at=None, created_at__gt=now - 2 * LATELY)
    lost = given_up.filter(attempts__gt=0).aggregate(people=Count("user", distinct=True), latest=Max(F("pk")))
    if lost["people"]:
        people = "1 person" if lost["people"] == 1 else f"{lost['people']} people"
        yield Cause(
            kind=NoticeKind.ALERTS,
            key="mail",
            sentence=f"Mail to {people} could not be delivered for a day.",
            remedy="Check the e-mail addresses of your people; where they are right, tell your operator.",
            link=page("sync_notice_changelist"),
            occurrence=f"dispatch:{lost['latest']}",
        )
