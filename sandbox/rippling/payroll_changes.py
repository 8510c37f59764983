"""What can be made to happen on payroll: runs, runs that change their state, records that change afterwards.

A line is ``{"kind", "code", "name", "amount"}`` and optionally ``category``, ``hours`` and ``rate``; its kind is one
of KINDS and every amount is text, which is shown as it is, however wrong. Where arguments are given by worker, the
worker is named by id, number or work e-mail as elsewhere.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from sandbox.rippling.filters import instant_text
from sandbox.rippling.pay_calendar import Period
from sandbox.rippling.paycheck import KINDS, Line
from sandbox.rippling.payroll import PayRecord, PayRun
from sandbox.rippling.scene import Scene
from sandbox.rippling.table import Row

STATED = frozenset({"gross_pay", "net_pay"})

Lines = list[dict[str, str]]


def run_payroll(
    scene: Scene,
    check_date: str | None = None,
    period_start: str | None = None,
    period_end: str | None = None,
    type: str = "REGULAR",
    state: str = "PAID",
    title: str | None = None,
    company_entity: str | None = None,
    workers: list[str | int] | None = None,
    **pay: Any,
) -> dict[str, Any]:
    """A run for this legal entity, or one for every legal entity that pays any of the workers.

    Without ``workers`` everybody active at the legal entity is in the run; without a period it is the one that the
    check date pays. ``pay`` is ``currencies``, ``lines`` and ``stated`` by worker, and ``extra``, a list of lines with
    a ``worker`` each: lines are all that the worker gets, extra ones come on top, and stated is what the API
    says of ``gross_pay`` and ``net_pay`` whatever the lines come to.
    """
    paid = _Pay(scene, **pay)
    chosen = None if workers is None else [scene.worker(name) for name in workers]
    day = scene.company.today if check_date is None else date.fromisoformat(check_date)
    period = _period(period_start, period_end)
    groups = _by_entity(scene, company_entity, chosen)
    paid.check_found([worker["id"] for _, members in groups for worker in members])
    runs = []
    for entity_id, members in groups:
        run = scene.company.payroll.open(entity_id, day, state, type)
        run.period = period or run.period
        run.title = title or run.title
        for worker in members:
            paid.put(run, worker)
        runs.append(run)
    return {"run_id": runs[0].id, "run_ids": [run.id for run in runs], "runs": [_summary(scene, run) for run in runs]}


def set_run(
    scene: Scene,
    run: str,
    state: str | None = None,
    check_date: str | None = None,
    title: str | None = None,
    type: str | None = None,
    company_entity_id: str | None = None,
) -> dict[str, Any]:
    """What is given is set as it is, an unknown state, type or legal entity too; approval comes with APPROVED."""
    changed = _run(scene, run)
    changed.check_date = changed.check_date if check_date is None else date.fromisoformat(check_date)
    changed.state = state or changed.state
    changed.type = type or changed.type
    changed.title = title or changed.title
    changed.company_entity_id = company_entity_id or changed.company_entity_id
    if state == "DRAFT":
        changed.approved_at = None
    elif state is not None and changed.approved_at is None:
        changed.approved_at = instant_text(scene.company.now)
    return _summary(scene, changed)


def change_record(
    scene: Scene,
    run: str,
    worker: str | int,
    lines: Lines | None = None,
    extra: Lines | None = None,
    amounts: dict[str, str] | None = None,
    stated: dict[str, str] | None = None,
    currency: str | None = None,
    remove: bool = False,
) -> dict[str, Any]:
    """One person's record in a run as it is from now on, under its old id; what is not given stays.

    ``lines`` replaces all lines and ``extra`` adds some; ``amounts`` are new amounts by code, for every line of it.
    """
    changed, row = _run(scene, run), scene.worker(worker)
    known = changed.records.get(row["id"])
    if known is None:
        raise ValueError(f"worker {worker!r} is not in the run {run!r}")
    if remove:
        del changed.records[row["id"]]
        return _summary(scene, changed)
    kept = list(known.lines) if lines is None else [_line(**one) for one in lines]
    missing = set(amounts or {}) - {line.code for line in kept}
    if missing:
        raise ValueError(f"no line with the code {', '.join(sorted(missing))}")
    kept = [line._replace(amount=_text((amounts or {}).get(line.code, line.amount))) for line in kept]
    kept += [_line(**one) for one in extra or ()]
    said = {**known.stated, **_stated(stated or {})}
    changed.records[row["id"]] = PayRecord(known.id, row["id"], currency or known.currency, tuple(kept), said)
    return _summary(scene, changed)


def remove_run(scene: Scene, run: str) -> dict[str, Any]:
    """The run is gone without a trace."""
    gone = _run(scene, run)
    del scene.company.payroll.runs[gone.id]
    return {"removed": gone.id}


class _Pay:
    """What a run says of single workers, by worker id."""

    def __init__(
        self,
        scene: Scene,
        currencies: dict[str, str] | None = None,
        lines: dict[str, Lines] | None = None,
        stated: dict[str, dict[str, str]] | None = None,
        extra: Lines | None = None,
    ) -> None:
        self._payroll = scene.company.payroll
        self._currencies = {scene.worker(name)["id"]: code for name, code in (currencies or {}).items()}
        self._stated = {scene.worker(name)["id"]: _stated(said) for name, said in (stated or {}).items()}
        self._lines = {
            scene.worker(name)["id"]: [_line(**one) for one in given] for name, given in (lines or {}).items()
        }
        self._extra: dict[str, list[Line]] = {}
        for one in extra or ():
            fields = dict(one)
            self._extra.setdefault(scene.worker(fields.pop("worker"))["id"], []).append(_line(**fields))

    def put(self, run: PayRun, worker: Row) -> None:
        """The worker is in the run."""
        worker_id = worker["id"]
        lines = self._lines[worker_id] if worker_id in self._lines else self._payroll.usual(run, worker)
        currency, stated = self._currencies.get(worker_id, "USD"), self._stated.get(worker_id, {})
        self._payroll.record(run, worker, (*lines, *self._extra.get(worker_id, ())), currency, stated)

    def check_found(self, paid: list[str]) -> None:
        """Raises ValueError where something was said of a worker who is in none of the runs."""
        named = {*self._currencies, *self._lines, *self._stated, *self._extra}
        if not named <= set(paid):
            raise ValueError(f"in none of the runs: {sorted(named - set(paid))}")


def _by_entity(scene: Scene, name: str | None, chosen: list[Row] | None) -> list[tuple[str, list[Row]]]:
    """Raises ValueError where nobody would be paid."""
    company = scene.company
    if name is not None:
        entity_id = scene.row("legal-entities", name)["id"]
        groups = [(entity_id, company.payroll.on_payroll(entity_id) if chosen is None else chosen)]
    else:
        groups = [
            (entity_id, company.payroll.on_payroll(entity_id) if chosen is None else _of(entity_id, chosen))
            for entity_id in company.tables["legal-entities"].rows
        ]
    found = [(entity_id, members) for entity_id, members in groups if members]
    if not found:
        raise ValueError("nobody is paid by the run")
    return found


def _of(entity_id: str, workers: list[Row]) -> list[Row]:
    return [worker for worker in workers if worker.get("legal_entity_id") == entity_id]


def _period(start: str | None, end: str | None) -> Period | None:
    if start is None and end is None:
        return None
    if start is None or end is None or start > end:
        raise ValueError("a period has a start and an end, in this order")
    return Period(date.fromisoformat(start), date.fromisoformat(end))


def _line(kind: str, code: str, name: str, amount: str, **more: str) -> Line:
    if kind not in KINDS:
        raise ValueError(f"kind is one of {sorted(KINDS)}, not {kind!r}")
    return Line(kind, code, name, _text(amount), **{field: _text(value) for field, value in more.items()})


def _stated(said: dict[str, str]) -> dict[str, str]:
    if not set(said) <= STATED:
        raise ValueError(f"stated is any of {sorted(STATED)}, not {sorted(said)}")
    return {name: _text(amount) for name, amount in said.items()}


def _text(amount: object) -> str:
    if not isinstance(amount, str):
        raise TypeError(f"amounts, hours and rates are text, not {amount!r}")
    return amount


def _run(scene: Scene, run_id: str) -> PayRun:
    found = scene.company.payroll.runs.get(run_id)
    if found is None:
        raise ValueError(f"no pay run {run_id!r}")
    return found


def _summary(scene: Scene, run: PayRun) -> dict[str, Any]:
    return scene.company.payroll.summary(run)
