"""A source of no vendor: its people, their places and their pay are what a test says they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime

import msgspec

from connectors.contract import CheckResult, Finding, Level
from connectors.pay_runs import PayPage, PayRun, PayStatement
from connectors.records import OrgUnit, RefKind, Worker, WorkerPage
from connectors.vendors import Vendor

IMAGINED = Vendor(
    key="imagined",
    product="Imagined",
    roles=frozenset({"source"}),
    settings=(),
    hosts=frozenset(),
    is_installed=lambda settings: True,
)
"""It needs no credentials."""


class ImaginedSource(msgspec.Struct, frozen=True, kw_only=True):
    """``Connector``, ``OrgSource``, ``WorkerSource`` and ``PayRunSource``. ``statements`` are by pay run."""

    units: Sequence[OrgUnit]
    workers: Sequence[Worker]
    runs: Sequence[PayRun]
    statements: Mapping[str, Sequence[PayStatement]]

    def check(self) -> CheckResult:
        fine = Finding(entity="all", level=Level.OK, access="granted", sentence="Everything may be read.")
        return CheckResult(findings=[fine], account="Imagined")

    def close(self) -> None:
        pass

    def org_kinds(self) -> Sequence[RefKind]:
        return list(dict.fromkeys(unit.kind for unit in self.units))

    def org_units(self, kind: RefKind) -> Iterator[OrgUnit]:
        return (unit for unit in self.units if unit.kind == kind)

    def worker_pages(self, changed_since: datetime | None = None) -> Iterator[WorkerPage]:
        yield WorkerPage(workers=list(self.workers))

    def honours_changed_since(self) -> bool:
        return False

    def worker(self, worker_id: str) -> Worker | None:
        return next((worker for worker in self.workers if worker.id == worker_id), None)

    def pay_runs(self, since: date) -> Iterator[PayRun]:
        return (run for run in self.runs if run.check_date >= since)

    def pay_run(self, run_id: str) -> PayRun | None:
        return next((run for run in self.runs if run.id == run_id), None)

    def pay_pages(self, run: PayRun) -> Iterator[PayPage]:
        yield PayPage(statements=list(self.statements[run.id]))
