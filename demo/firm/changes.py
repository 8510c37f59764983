"""What happens at Lakemont between the first run and the second: as many come as go."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from demo.api import Customer
from demo.firm import company, proof
from demo.firm.company import Person


@dataclass(frozen=True)
class Change:
    """One thing that happened to one person; ``outcome`` is what the product is to call it."""

    what: str
    number: str
    outcome: str


def happen(rippling: Customer, contractors: set[str]) -> list[Change]:
    """Everything happens in Rippling; the numbers of contractors are known to ``contractors`` afterwards too."""
    return list(_changes(rippling, contractors))


def _changes(rippling: Customer, contractors: set[str]) -> Iterator[Change]:
    workers = proof.in_rippling(rippling)
    cast = _Cast([one for number, one in workers.items() if number not in contractors])
    today = company.local_today()
    yesterday = (today - timedelta(days=1)).isoformat()
    for like in (cast.pick(), cast.pick()):
        words = ("department", "title", "work_location", "legal_entity")
        hired = rippling.change("hire", start_date=today.isoformat(), **{word: like[word] for word in words})
        yield Change(f"hired into {like['department']}", str(hired["number"]), "created")
    back = next(one for one in reversed(workers.values()) if one["status"] == "TERMINATED")
    rippling.change("rehire", worker=back["id"], start_date=today.isoformat())
    yield Change("came back", str(back["number"]), "created")
    for _ in range(2):
        leaver = cast.pick()
        rippling.change("terminate", worker=leaver["id"], end_date=yesterday)
        yield Change("left yesterday", str(leaver["number"]), "terminated")
    ended = workers[min(contractors)]
    rippling.change("terminate", worker=ended["id"], end_date=yesterday)
    yield Change("contract ended; the vendor is put on hold", str(ended["number"]), "terminated")
    mover = cast.pick(lambda one: one["department"] == "Pricing")
    rippling.change("transfer", worker=mover["id"], department="Strategy")
    yield Change("from Pricing to Strategy", str(mover["number"]), "transferred")
    mover = cast.pick(lambda one: company.entity_of(one) is company.CHICAGO)
    there = company.ATLANTA
    rippling.change("transfer", worker=mover["id"], work_location=there.office, legal_entity=there.legal_name)
    yield Change("from Chicago to Atlanta, another legal entity", str(mover["number"]), "transferred")


class _Cast:
    """Picks people who fit, each for one change only; none of them leads anybody."""

    def __init__(self, workers: list[Person]) -> None:
        self._free: list[dict[str, Any]] = [w for w in workers if w["status"] == "ACTIVE" and not w["is_manager"]]

    def pick(self, fits: Callable[[Person], bool] = lambda worker: True) -> Person:
        chosen = next(worker for worker in self._free if fits(worker))
        self._free.remove(chosen)
        return chosen
