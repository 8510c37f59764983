"""Pay runs come in: where workers belong, which runs there are, and each run's register.

A register is replaced as a whole, in one transaction, and only when it changed; what belongs to a worker as of the
check date is decided once, when the register is first read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec
from django.db import transaction
from msgspec import UNSET

from connectors.contract import PayRunSource, WorkerSource
from connectors.models import Connection
from connectors.pay_runs import PayKind, PayRunKind, PayRunState, PayStatement
from connectors.pay_runs import PayRun as SourceRun
from connectors.records import EmploymentStatus, UnreadableRecord, Worker
from sync.chunks import chunked
from sync.models import Assignment, Integration, PaidLine, PayItem, PayrollSettings, PayRun, Run
from sync.models.payroll import ALWAYS
from sync.payroll.findings import SHOWN_PEOPLE, Finding, FindingCode
from sync.payroll.keepable import shown, trouble_with
from sync.payroll.register import Dimensions, check_statements, item_key, label_of, paid_lines, totals
from sync.payroll.register import PaidLine as RegisterLine
from sync.payroll.source_changes import note_if_left
from sync.runs import hold_lease
from sync.upserting import upsert

BATCH = 5_000
Assigned = Mapping[str, tuple[str, Dimensions]]
"""Worker id to employee number and where the worker belonged."""


def note_assignments(run: Run, source: WorkerSource, *, on: date, now: datetime) -> int:
    """Afterwards we know where everybody belongs as of today; returns how many workers were read.

    A row is kept per change only: the payroll's lines do not say where a worker belonged on the check date, and the
    worker's own record says only where they belong now. A field the source withholds keeps its former value.
    """
    connection = run.flow.integration.source
    known = {row.worker_id: row for row in _latest(connection, on)}
    total = 0
    for page in source.worker_pages():
        rows = [row for worker in page.workers if (row := _changed(worker, known.get(worker.id), connection, on))]
        with transaction.atomic():
            hold_lease(run, now=now)
            upsert(
                Assignment,
                rows,
                unique_fields=("connection", "worker_id", "since"),
                update_fields=("number", "company", "department", "location", "active"),
            )
        total += len(page.workers)
    return total


def _latest(connection: Connection, on: date) -> Iterator[Assignment]:
    rows = Assignment.objects.filter(connection=connection, since__lte=on)
    return rows.order_by("worker_id", "-since").distinct("worker_id").iterator()


def _changed(worker: Worker, known: Assignment | None, connection: Connection, on: date) -> dict[str, Any] | None:
    def shown(value: object, former: str) -> str:
        return former if value is UNSET else str(value or "")

    row = {
        "number": shown(worker.number, known.number if known else ""),
        "company": shown(worker.company_id, known.company if known else ""),
        "department": shown(worker.department_id, known.department if known else ""),
        "location": shown(worker.location_id, known.location if known else ""),
        "active": worker.status is not EmploymentStatus.TERMINATED,
    }
    if known and all(getattr(known, name) == value for name, value in row.items()):
        return None
    # What we see first stands for all that was before: nobody can tell us better.
    since = on if known else ALWAYS
    return row | {"connection_id": connection.pk, "worker_id": worker.id, "since": since}


def assigned_on(connection: Connection, day: date) -> Assigned:
    """Where each known worker belonged on that day."""
    rows = Assignment.objects.filter(connection=connection, since__lte=day).order_by("worker_id", "-since")
    columns = ("worker_id", "number", "company", "department", "location")
    return {
        worker: (number, Dimensions(company=company, department=department, location=location))
        for worker, number, company, department, location in rows.distinct("worker_id").values_list(*columns).iterator()
    }


def is_finished(source_run: SourceRun, settings: PayrollSettings) -> bool:
    """True when payroll is as far with the run as the tenant waits for."""
    if settings.post_when == PayrollSettings.PostWhen.APPROVED:
        return source_run.state in (PayRunState.APPROVED, PayRunState.PAID)
    return source_run.state is PayRunState.PAID


def keep_headers(
    run: Run, headers: Sequence[SourceRun], settings: PayrollSettings, *, now: datetime
) -> dict[str, PayRun]:
    """Afterwards each of these runs has a row with its header as it is now; returns the rows by source id. One whose
    journals have left, and that is paid on another day or by another legal entity now, says so."""
    integration = run.flow.integration
    ids = [header.id for header in headers]
    former = {row.source_id: row for row in PayRun.objects.filter(integration=integration, source_id__any_of=ids)}
    rows = [_header_row(integration, header, settings, now) for header in headers]
    for chunk in chunked(rows, 500):
        with transaction.atomic():
            hold_lease(run, now=now)
            _note_moved(integration, former, chunk, now)
            upsert(
                PayRun,
                chunk,
                unique_fields=("integration", "source_id"),
                update_fields=(
                    *("title", "kind", "source_kind", "source_state", "finished", "void", "check_date"),
                    *("period_start", "period_end", "pay_group", "company"),
                ),
            )
    wanted = PayRun.objects.filter(integration=integration, source_id__any_of=ids)
    return {row.source_id: row for row in wanted}


def _header_row(
    integration: Integration, header: SourceRun, settings: PayrollSettings, now: datetime
) -> dict[str, Any]:
    return {
        "integration_id": integration.pk,
        "source_id": header.id,
        "title": shown(header.title, 200),
        "kind": header.kind.value,
        "source_kind": shown(header.source_kind, 60),
        "source_state": shown(header.source_state, 60),
        "finished": is_finished(header, settings),
        "void": header.state is PayRunState.VOID,
        "check_date": header.check_date,
        "period_start": header.period_start,
        "period_end": header.period_end,
        "pay_group": shown(header.pay_group, 100),
        "company": shown(header.company_id or "", 200),
        "state": PayRun.State.WAITING,
        "found_at": now,
    }


def _note_moved(
    integration: Integration, former: Mapping[str, PayRun], rows: Sequence[dict[str, Any]], now: datetime
) -> None:
    for row in rows:
        known = former.get(row["source_id"])
        if known and any(getattr(known, name) != row[name] for name in ("check_date", "period_end", "company")):
            known.integration = integration
            note_if_left(known, PayRun.SourceChange.CHANGED, now=now)


class Register(msgspec.Struct, kw_only=True):
    """One run's register as it was read, and what is wrong with it."""

    lines: list[RegisterLine]
    findings: list[Finding]
    statements: int

    @property
    def hash(self) -> str:
        """SHA-256 (hex) over every line, whatever order they came in."""
        digest = hashlib.sha256()
        for row in sorted(
            f"{line.worker}|{line.item}|{line.amount.normalize()}|{line.currency}|{line.hours}|{line.dimensions}"
            for line in self.lines
        ):
            digest.update(row.encode())
            digest.update(b"\n")
        return digest.hexdigest()


class RegisterRead(msgspec.Struct, kw_only=True):
    """A register, and the names of the pay items in it by (kind, code)."""

    register: Register
    items: dict[tuple[PayKind, str], str]


def read_register(source: PayRunSource, header: SourceRun, assigned: Assigned) -> RegisterRead:
    """Every statement of the run, line by line where it belongs, and everything that is wrong with it."""
    lines: list[RegisterLine] = []
    findings: list[Finding] = []
    items: dict[tuple[PayKind, str], str] = {}
    unknown: list[tuple[str, Decimal, str]] = []
    unreadable: list[UnreadableRecord] = []
    statements: list[PayStatement] = []
    for page in source.pay_pages(header):
        unreadable += page.unreadable
        for statement in page.statements:
            label, own = assigned.get(statement.worker_id, (statement.worker_number, None))
            if label and not statement.worker_number:
                statement = msgspec.structs.replace(statement, worker_number=label)
            if trouble := trouble_with(statement, header.company_id):
                unreadable.append(UnreadableRecord(id=label_of(statement), field=trouble[0], reason=trouble[1]))
                continue
            if own is None and statement.department_id is UNSET:
                unknown.append((label or statement.worker_id, _cost(statement), statement.currency))
            if own is None or (not own.company and header.company_id):
                own = msgspec.structs.replace(own or Dimensions(), company=header.company_id or "")
            lines += paid_lines(statement, own)
            items.update({(line.kind, line.code): line.name for line in statement.lines})
            statements.append(statement)
    findings += check_statements(statements, corrects=header.kind is PayRunKind.CORRECTION)
    findings += _unknown_workers(unknown)
    findings += _unreadable(unreadable)
    return RegisterRead(register=Register(lines=lines, findings=findings, statements=len(statements)), items=items)


def _cost(statement: PayStatement) -> Decimal:
    return sum((line.amount for line in statement.lines if line.kind is PayKind.EARNING), Decimal(0))


def _unknown_workers(unknown: Sequence[tuple[str, Decimal, str]]) -> list[Finding]:
    found = []
    for currency in sorted({currency for _, _, currency in unknown}):
        people = sorted(label for label, _, own in unknown if own == currency)
        found.append(
            Finding(
                code=FindingCode.UNKNOWN_WORKER,
                amount=sum((amount for _, amount, own in unknown if own == currency), Decimal(0)),
                currency=currency,
                people=tuple(people[:SHOWN_PEOPLE]),
                people_count=len(people),
            )
        )
    return found


def _unreadable(records: Sequence[UnreadableRecord]) -> list[Finding]:
    found = []
    for field in sorted({record.field for record in records}):
        people = sorted(shown(record.id, 100) for record in records if record.field == field)
        found.append(
            Finding(
                code=FindingCode.UNREADABLE_PAY,
                kind="field",
                culprit=shown(field, 200),
                people=tuple(people[:SHOWN_PEOPLE]),
                people_count=len(people),
                detail=shown(next(record.reason for record in records if record.field == field), 200),
            )
        )
    return found


def keep_register(run: Run, pay_run: PayRun, read: RegisterRead, *, now: datetime) -> bool:
    """Afterwards our copy of the register is what was read, in one transaction; True when it was another before."""
    register = read.register
    new_hash = register.hash
    keep_items(run.flow.integration, read.items, now=now)
    changed = pay_run.register_hash != new_hash
    with transaction.atomic():
        hold_lease(run, now=now)
        if changed:
            PaidLine.objects.filter(pay_run=pay_run).delete()
            for chunk in chunked(register.lines, BATCH):
                PaidLine.objects.bulk_create([_row(pay_run, line) for line in chunk])
        pay_run.register_hash = new_hash
        pay_run.read_at = now
        pay_run.people = register.statements
        pay_run.totals = [
            {
                "currency": figures.currency,
                "people": figures.people,
                "by_kind": {kind.value: str(amount) for kind, amount in sorted(figures.by_kind.items())},
            }
            for figures in totals(register.lines)
        ]
        pay_run.save(update_fields=["register_hash", "read_at", "people", "totals"])
    return changed


def _row(pay_run: PayRun, line: RegisterLine) -> PaidLine:
    where = line.dimensions
    return PaidLine(
        pay_run=pay_run,
        worker=line.worker,
        label=line.label,
        kind=line.kind,
        item=line.item,
        amount=line.amount,
        currency=line.currency,
        company=where.company,
        department=where.department,
        location=where.location,
        job_code=where.job_code,
        hours=line.hours,
    )


def load_lines(pay_run: PayRun) -> Iterator[RegisterLine]:
    """The register as kept, streamed."""
    columns = (
        *("worker", "label", "kind", "item", "amount", "currency", "hours"),
        *("company", "department", "location", "job_code"),
    )
    places: dict[tuple[str, ...], Dimensions] = {}
    kinds = {kind.value: kind for kind in PayKind}
    rows = PaidLine.objects.filter(pay_run=pay_run).values_list(*columns)
    for worker, label, kind, item, amount, currency, hours, *place in rows.iterator(chunk_size=BATCH):
        where = places.setdefault(tuple(place), Dimensions(*place))
        yield RegisterLine(worker, label, kinds[kind], item, amount, currency, where, hours)


def keep_items(integration: Integration, items: Mapping[tuple[PayKind, str], str], *, now: datetime) -> None:
    """Afterwards every pay item of the run is known by its name."""
    rows = [
        {
            "integration_id": integration.pk,
            "key": item_key(kind, code),
            "kind": kind.value,
            "code": code,
            "name": shown(name or code, 200),
            "first_seen": now,
            "last_seen": now,
        }
        for (kind, code), name in sorted(items.items())
    ]
    upsert(PayItem, rows, unique_fields=("integration", "key"), update_fields=("name", "last_seen"))
