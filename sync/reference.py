"""The reference flow: both sides' departments, positions, accounts … read, kept and compared.

Read top to bottom from ``run_reference``. It writes nothing to either side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from django.db import transaction
from django.db.models import F

from audit.record import Entry, record
from connectors.contract import LedgerAccounts, OrgSource, OrgTarget, WorkerTarget
from connectors.models import Connection
from connectors.records import Account, OrgUnit, RefKind
from sync import problems
from sync.chunks import chunked
from sync.directory import read_directory
from sync.models import Flow, ReferenceValue, Run
from sync.runs import end, hold_lease, stop_if_asked

BATCH = 1000


def run_reference(run: Run, source: OrgSource, target: OrgTarget, *, now: Callable[[], datetime]) -> None:
    """Execute a claimed run: read every kind both sides offer, then the target's directory, and end the run."""
    integration = run.flow.integration
    counted: dict[str, int] = {}
    for side, connection, system in (("source", integration.source, source), ("target", integration.target, target)):
        for kind in system.org_kinds():
            stop_if_asked(run)
            counted[f"{side} {kind.value}"] = _keep(run, connection, kind, map(_of_unit, system.org_units(kind)), now())
        if isinstance(system, LedgerAccounts):
            counted[f"{side} account"] = keep_accounts(run, connection, system, now=now())
    if isinstance(target, WorkerTarget):
        counted["target employees"] = read_directory(integration.target, target, now=now())
    _finish(run, counted, now=now())


def keep_accounts(run: Run, connection: Connection, ledger: LedgerAccounts, *, now: datetime) -> int:
    """Afterwards our copy of the chart of accounts is what the ledger shows; returns how many accounts there are."""
    return _keep(run, connection, RefKind.ACCOUNT, map(_of_account, ledger.accounts()), now)


Row = dict[str, object]


def _of_unit(unit: OrgUnit) -> Row:
    return {
        "external_id": unit.id,
        "code": unit.code,
        "name": unit.name,
        "company": unit.company or "",
        "parent_id_external": unit.parent_id or "",
        "active": unit.active,
        "attributes": {},
    }


def _of_account(account: Account) -> Row:
    return {
        "external_id": account.number,
        "code": account.number,
        "name": account.name,
        "company": account.company or "",
        "parent_id_external": "",
        "active": account.active,
        "attributes": {"category": account.category, "segments": account.segments},
    }


def _keep(run: Run, connection: Connection, kind: RefKind, rows: Iterable[Row], now: datetime) -> int:
    """Afterwards our copy of this kind is what the connection shows; returns how many. What it shows no more is
    inactive, not deleted, so that mappings to it can say so; nothing is marked so when the walk brought nothing."""
    total = 0
    for chunk in chunked(_once(rows), BATCH):
        with transaction.atomic():
            hold_lease(run, now=now)
            _note_renames(connection, kind, chunk, now)
            ReferenceValue.objects.bulk_create(
                [
                    ReferenceValue(
                        connection=connection,
                        kind=kind,
                        first_seen=now,
                        last_seen=now,
                        inactive_since=None if row["active"] else now,
                        **row,
                    )
                    for row in chunk
                ],
                update_conflicts=True,
                unique_fields=["connection", "kind", "company", "external_id"],
                update_fields=["code", "name", "parent_id_external", "active", "attributes", "last_seen"],
            )
            Run.objects.filter(pk=run.pk).update(read=F("read") + len(chunk))
        total += len(chunk)
    if total:
        mine = ReferenceValue.objects.filter(connection=connection, kind=kind)
        mine.filter(last_seen__lt=now, active=True).update(active=False)
        mine.filter(active=False, inactive_since__isnull=True).update(inactive_since=now)
        mine.filter(active=True, inactive_since__isnull=False).update(inactive_since=None)
    return total


def _once(rows: Iterable[Row]) -> Iterator[Row]:
    """Each value once; a system that shows one twice (in two plants of one name) shows the same value. Remembers
    hashes alone; two ids with one are less likely than 1 in 10⁹."""
    seen: set[int] = set()
    for row in rows:
        key = hash((row["company"], row["external_id"]))
        if key not in seen:
            seen.add(key)
            yield row


def _note_renames(connection: Connection, kind: RefKind, rows: list[Row], now: datetime) -> None:
    names = {(str(row["company"]), str(row["external_id"])): str(row["name"]) for row in rows}
    known = ReferenceValue.objects.filter(
        connection=connection, kind=kind, external_id__in={external_id for _, external_id in names}
    )
    renamed = []
    for value in known:
        name = names.get((value.company, value.external_id), value.name)
        if name != value.name:
            value.previous_name, value.renamed_at = value.name, now
            renamed.append(value)
    ReferenceValue.objects.bulk_update(renamed, ["previous_name", "renamed_at"])


def _finish(run: Run, counted: dict[str, int], *, now: datetime) -> None:
    empty = sorted(name for name, number in counted.items() if number == 0)
    run.survey = counted
    total = sum(counted.values())
    few = "" if run.release_of_id else _too_few(run, total)
    problems.recount(run.flow.integration, now=now)
    with transaction.atomic():
        hold_lease(run, now=now)
        Flow.objects.filter(pk=run.flow_id).update(last_full_at=now, expected_records=total)
        Run.objects.filter(pk=run.pk).update(unchanged=F("read"))
        integration = run.flow.integration
        record(
            [
                Entry(
                    action="reference.compared",
                    subject_kind="integration",
                    subject_id=str(integration.pk),
                    subject_label=integration.name,
                    run_id=run.pk,
                    detail={"counts": counted},
                )
            ],
            at=now,
        )
        if not total:
            end(run, Run.State.HELD, "Neither side shows any reference data. Test both connections.", now=now)
        elif few:
            end(run, Run.State.HELD, few, now=now)
        elif empty:
            words = ", ".join(empty)
            end(run, Run.State.PARTLY_FAILED, f"Nothing was shown of: {words}. Test the connection.", now=now)
        else:
            end(run, Run.State.SUCCEEDED, "", now=now)


def _too_few(run: Run, total: int) -> str:
    """What was read has been kept by then; what is no longer shown is marked so, and nothing is lost."""
    least = run.flow.least_records
    if least is None or total >= least:
        return ""
    return (
        f"Both sides together show {total} values; at least {least} were expected. If that is right, release this run; "
        "otherwise test both connections."
    )
