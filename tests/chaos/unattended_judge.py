"""Judges what the unattended run left behind: our tables in plain SQL, both simulators by their control endpoints.

Nothing here asks the product, so nothing that is wrong in it can hide itself. Each complaint is a sentence; none means
that all is well.
"""

from __future__ import annotations

import base64
import pickle
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import dict_row

from tests.connectors.customers import Customer

Row = dict[str, Any]
MINUTE = timedelta(minutes=1)
FLOOR = timedelta(minutes=5)
"""What both vendors put up with."""
SLACK = timedelta(seconds=5)
OVERDUE = timedelta(seconds=60)
"""So long may a job wait that could be taken."""
GIVEN_UP = ("superseded", "rejected")
EXPECTED = ("OperationalError", "InterfaceError", "Given up: its worker died")
"""How jobs may fail whose database goes away, or whose workers are killed."""
COST = ("earning", "reimbursement", "employer_tax", "employer_contribution")


@dataclass(frozen=True)
class Watched:
    """One company: its tenant, and itself in both simulators. Both timings strike where the minute of the hour less
    ``offset`` can be divided by ``every``."""

    tenant_id: str
    rippling: Customer
    plex: Customer
    every: int
    offset: int


@dataclass
class Judge:
    """Looks at everything that was asked for up to ``until``. ``lease`` is how long a worker may be silent."""

    conninfo: str
    companies: list[Watched]
    lease: timedelta
    since: datetime
    until: datetime
    figures: dict[str, Any] = field(default_factory=dict)

    def complaints(self) -> list[str]:
        """What is wrong, a sentence each; ``figures`` are as of now."""
        self.figures = {}
        with psycopg.connect(self.conninfo, row_factory=dict_row, autocommit=True) as connection:
            self._connection = connection
            found = [*self._runs(), *self._takeovers(), *self._jobs(), *self._slots(), *self._deliveries()]
            found += self._tenants()
            for company in self.companies:
                found += [f"{company.tenant_id}: {said}" for said in (*self._people(company), *self._pay(company))]
        return found

    def _rows(self, query: str, **values: Any) -> list[Row]:
        return self._connection.execute(query, {"since": self.since, "until": self.until, **values}).fetchall()

    def _runs(self) -> Iterator[str]:
        runs = self._rows("SELECT *, now() AS now FROM sync_run ORDER BY id")
        for run in runs:
            active = run["state"] in ("scheduled", "fetching", "applying")
            if active and run["state"] != "scheduled" and run["heartbeat_at"] < run["now"] - self.lease - SLACK:
                yield f"Run {run['id']} is {run['state']} and nobody's: last alive {run['heartbeat_at']}."
            elif active and run["created_at"] <= self.until:
                yield f"Run {run['id']} was asked for before the end and has not ended: {run['state']}."
            if run["state"] == "failed" and not run["message"]:
                yield f"Run {run['id']} failed and does not say why."
        unsettled = self._rows(
            "SELECT i.id, i.run_id FROM sync_runitem i JOIN sync_run r ON r.id = i.run_id"
            " WHERE i.state IN ('sending', 'verifying') AND r.created_at <= %(until)s AND NOT EXISTS"
            " (SELECT FROM sync_run a WHERE a.flow_id = r.flow_id AND a.state IN ('fetching', 'applying'))"
        )
        yield from (f"Item {row['id']} of run {row['run_id']} was never settled." for row in unsettled)
        self.figures["runs"] = dict(Counter(run["state"] for run in runs))
        self.figures["runs_by_trigger"] = dict(Counter(run["trigger"] for run in runs))
        self.figures["why_runs_failed"] = dict(Counter(r["message"][:120] for r in runs if r["state"] == "failed"))
        self.figures["takeovers"] = sum(max(0, run["attempts"] - 1) for run in runs)

    def _takeovers(self) -> Iterator[str]:
        """A run that is started again was silent for a lease, or was laid down, which takes its attempt back."""
        started = self._rows(
            "SELECT run_id, at, (body::jsonb->'detail'->>'attempts')::int AS attempt,"
            " lag(at) OVER w AS before, lag((body::jsonb->'detail'->>'attempts')::int) OVER w AS last"
            " FROM audit_auditentry WHERE action = 'run.started' WINDOW w AS (PARTITION BY run_id ORDER BY seq)"
        )
        for row in started:
            if row["before"] and row["attempt"] > row["last"] and row["at"] - row["before"] < self.lease:
                yield f"Run {row['run_id']} was taken from a worker that lived: {row['before']}, {row['at']}."
        ended = self._rows(
            "SELECT run_id, count(*) AS times FROM audit_auditentry WHERE action IN ('run.finished', 'run.held')"
            " GROUP BY run_id HAVING count(*) > 1"
        )
        yield from (f"Run {row['run_id']} ended {row['times']} times." for row in ended)

    def _jobs(self) -> Iterator[str]:
        waiting = self._rows(
            "SELECT id, key, lock FROM django_q_ormq WHERE lock < now() - %(overdue)s", overdue=OVERDUE
        )
        yield from (f"Job {row['id']} ({row['key']}) waits since {row['lock']}." for row in waiting)
        failed = self._rows("SELECT func, result FROM django_q_task WHERE NOT success")
        self.figures["jobs_failed"] = dict(Counter(row["func"] for row in failed))
        told = {(row["func"], str(pickle.loads(base64.b64decode(row["result"])))) for row in failed}
        for func, why in told:
            if not any(known in why for known in EXPECTED):
                yield f"{func} failed, and not for want of its database: {why[-300:]}"
        hand = self._rows("SELECT count(*) AS jobs FROM django_q_ormq WHERE lock > now() + interval '10 minutes'")
        self.figures["jobs_locked_for_long"] = hand[0]["jobs"]

    def _slots(self) -> Iterator[str]:
        """Every minute that a timing strikes at was started once, and every slot has a run of its own."""
        slots = self._rows(
            "SELECT s.*, r.created_at AS run_at FROM sync_slot s LEFT JOIN sync_run r ON r.id = s.run_id"
        )
        by_timing = defaultdict(list)
        for slot in slots:
            by_timing[slot["timing_id"]].append(slot)
        companies = {company.tenant_id: company for company in self.companies}
        for timing in self._rows("SELECT t.*, f.kind AS flow FROM sync_timing t JOIN sync_flow f ON f.id = t.flow_id"):
            yield from self._strikes(timing, companies[str(timing["tenant_id"])], by_timing[timing["id"]])
        runs = Counter(slot["run_id"] for slot in slots)
        yield from (f"Run {run} stands for {n} slots." for run, n in runs.items() if n > 1)
        yield from (f"Slot {slot['due_at']} is {slot['state']}." for slot in slots if slot["run_id"] is None)
        scheduled = self._rows(
            "SELECT r.id FROM sync_run r JOIN sync_flow f ON f.id = r.flow_id WHERE r.trigger = 'schedule'"
            " AND f.kind <> 'reference' AND NOT EXISTS (SELECT FROM sync_slot s WHERE s.run_id = r.id)"
        )
        yield from (f"Run {row['id']} was started by the clock, and by no slot." for row in scheduled)
        late = sorted((slot["run_at"] - slot["due_at"]).total_seconds() for slot in slots if slot["run_at"])
        shares = {"median": 0.5, "p95": 0.95, "longest": 1.0} if late else {}
        at = {name: min(len(late) - 1, int(len(late) * share)) for name, share in shares.items()}
        self.figures["slots"] = dict(Counter(slot["state"] for slot in slots))
        self.figures["late_seconds"] = {name: round(late[place], 1) for name, place in at.items()}

    def _strikes(self, timing: Row, company: Watched, slots: list[Row]) -> Iterator[str]:
        """Of payroll every instant has a slot; of people one run makes up for all that came before it started, and the
        next may have to wait until the vendors put up with it."""
        due = Counter(slot["due_at"] for slot in slots)
        spans = [(slot["due_at"], slot["run_at"]) for slot in slots if slot["run_at"] and timing["flow"] == "people"]
        for at in self._grid(company):
            waits = timing["next_at"] <= at and any(datetime.now(UTC) - started < FLOOR for _, started in spans)
            if at not in due and not waits and not any(first < at <= started for first, started in spans):
                yield f"Slot {at} of {timing['id']} is missing."
        yield from (f"Slot {at} of {timing['id']} exists {n} times." for at, n in due.items() if n > 1)
        yield from (f"Slot {at} of {timing['id']} was never due." for at in due if not self._on_grid(company, at))

    def _grid(self, company: Watched) -> Iterator[datetime]:
        at = self.since.replace(second=0, microsecond=0) + MINUTE
        while at <= self.until:
            if self._on_grid(company, at):
                yield at
            at += MINUTE

    def _on_grid(self, company: Watched, at: datetime) -> bool:
        return at.second == at.microsecond == 0 and (at.minute - company.offset) % company.every == 0

    def _deliveries(self) -> Iterator[str]:
        rows = self._rows(
            "SELECT d.*, r.state AS run_state, r.created_at AS asked_at FROM sync_delivery d"
            " LEFT JOIN sync_run r ON r.id = d.run_id"
        )
        for row in rows:
            if row["state"] in ("pending", "asked") and row["received_at"] <= self.until + SLACK:
                yield f"Delivery {row['id']} ({row['event']}) is {row['state']}: {row['reason'] or 'no reason'}."
            elif row["state"] in ("failed", "unknown"):
                yield f"Delivery {row['id']} ({row['event']}) is {row['state']}: {row['reason']}"
            elif row["state"] == "settled" and row["run_id"] and row["asked_at"] < row["received_at"]:
                yield f"Delivery {row['id']} was settled by a run that was asked for before it came."
            elif row["state"] == "settled" and row["run_state"] in ("failed", "cancelled", "skipped"):
                yield f"Delivery {row['id']} was settled by a run that is {row['run_state']}."
        stored = Counter(str(row["tenant_id"]) for row in rows if row["origin"] == "webhook")
        self.figures["deliveries"] = dict(Counter(row["state"] for row in rows))
        self.figures["deliveries_answered"] = Counter()
        for company in self.companies:
            answered = company.rippling.snapshot()["webhooks"]["delivered"]
            self.figures["deliveries_answered"].update(answered)
            if stored[company.tenant_id] < answered.get("200", 0):
                yield f"{company.tenant_id}: {answered['200']} deliveries taken, {stored[company.tenant_id]} stored."

    def _tenants(self) -> Iterator[str]:
        """Whatever refers to a row of a tenant's belongs to the same tenant."""
        references = self._rows(
            "SELECT c.conrelid::regclass::text AS here, a.attname AS by, c.confrelid::regclass::text AS there,"
            " b.attname AS key FROM pg_constraint c"
            " JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]"
            " JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = c.confkey[1]"
            " WHERE c.contype = 'f' AND cardinality(c.conkey) = 1 AND 2 = (SELECT count(*) FROM pg_attribute t"
            " WHERE t.attname = 'tenant_id' AND t.attrelid IN (c.conrelid, c.confrelid))"
        )
        for one in references:
            query = (
                f"SELECT count(*) AS rows FROM {one['here']} h JOIN {one['there']} t ON t.{one['key']} = h.{one['by']}"
                " WHERE h.tenant_id <> t.tenant_id"
            )
            [crossed] = self._rows(query)
            if crossed["rows"]:
                yield f"{crossed['rows']} rows of {one['here']} refer to another tenant's {one['there']}."
        self.figures["references_checked"] = len(references)

    def _people(self, company: Watched) -> Iterator[str]:
        """Each worker exists in Plex once and equals the source."""
        workers = company.rippling.snapshot()["workers"]
        snapshot = company.plex.snapshot()
        employees = [employee for plant in snapshot["plants"] for employee in plant["employees"]]
        yield from (f"{badge} is in Plex more than once." for badge in snapshot["duplicates"])
        by_badge = {employee["badgeNumber"]: employee for employee in employees}
        badges = {employee["id"]: employee["badgeNumber"] for employee in employees}
        numbers = {worker["id"]: str(worker["number"]) for worker in workers if worker["status"] == "ACTIVE"}
        for worker in workers:
            employee = by_badge.get(str(worker["number"]))
            if worker["status"] != "ACTIVE":
                if employee is not None and employee["active"]:
                    yield f"{worker['number']} has left Rippling and is active in Plex."
            elif employee is None or not employee["active"]:
                yield f"{worker['number']} is active in Rippling and not in Plex."
            else:
                shall = (worker["department"], worker["title"], worker["given_name"], worker["family_name"])
                fields = ("department", "position", "firstName", "lastName")
                differing = [name for name, wanted in zip(fields, shall, strict=True) if employee[name] != wanted]
                manager = numbers.get(worker["manager_id"])
                if manager is not None and badges.get(employee["supervisorId"]) != manager:
                    differing.append("supervisor")
                yield from (f"{worker['number']} differs in {name}." for name in differing)
        known = {str(worker["number"]) for worker in workers} | {"900001", "900002"}
        yield from (f"{badge} is nobody of this company." for badge in by_badge if badge not in known)

    def _pay(self, company: Watched) -> Iterator[str]:
        """Every pay run is booked once, to the cent; or waits for a person, and says for what."""
        held = [journal for plant in company.plex.snapshot()["plants"] for journal in plant["journals"]]
        postings = self._rows(
            "SELECT p.*, r.source_id AS pay_run FROM sync_posting p JOIN sync_payrun r ON r.id = p.pay_run_id"
            " WHERE p.tenant_id = %(tenant)s", tenant=company.tenant_id,
        )  # fmt: skip
        on_ledger = {posting["id"]: [j for j in held if _carries(j, posting["reference"])] for posting in postings}
        for pay_run in company.rippling.snapshot()["pay_runs"]:
            own = [
                p for p in postings if p["pay_run"] == pay_run["id"] and p["state"] not in ("superseded", "rejected")
            ]
            done = [posting for posting in own if posting["state"] in ("posted", "reconciled")]
            waiting = [p for p in own if p["state"] == "attention" and p["message"]]
            self._count(done, waiting)
            if not own or len(done) + len(waiting) != len(own):
                states = [(posting["reference"], posting["state"], posting["message"]) for posting in own]
                yield f"Pay run {pay_run['id']} is not posted: {states}."
            booked = sum((Decimal(pay_run["totals"][kind]) for kind in COST), Decimal())
            if sum((p["debit"] for p in own), Decimal()) != booked:
                yield f"Pay run {pay_run['id']} costs {booked} and was booked with another amount."
            for posting in done:
                yield from self._compare(posting, on_ledger[posting["id"]])
        ours = [journal for journal in held if _carries(journal, "MLC-")]
        told = [journal["id"] for journals in on_ledger.values() for journal in journals]
        yield from (f"Journal {j['number']} is on the ledger, and not ours." for j in ours if j["id"] not in told)
        yield from (
            f"{posting['reference']} is {posting['state']} and on the ledger."
            for posting in postings
            if posting["state"] in (*GIVEN_UP, "drafted") and on_ledger[posting["id"]]
        )

    def _count(self, done: list[Row], waiting: list[Row]) -> None:
        so_far = self.figures.setdefault("journals", Counter())
        so_far.update(posting["state"] for posting in (*done, *waiting))
        so_far["resent or taken over"] += sum(posting["attempts"] > 1 for posting in done)

    def _compare(self, posting: Row, journals: list[Row]) -> Iterator[str]:
        if len(journals) != 1:
            yield f"{posting['reference']} is on the ledger {len(journals)} times."
            return
        lines = self._rows("SELECT * FROM sync_postingline WHERE posting_id = %(posting)s", posting=posting["id"])
        ours = Counter((line["account"], line["debit"] + 0, line["credit"] + 0) for line in lines)
        theirs = Counter(
            (line["accountNo"], Decimal(line["debit"] or 0), Decimal(line["credit"] or 0))
            for line in journals[0]["lines"]
        )
        if ours != theirs:
            yield f"{posting['reference']} has other lines on the ledger."


def _carries(journal: Row, reference: str) -> bool:
    return reference in f"{journal['description']} {journal['note']}"
