"""What happens at Northfield between the first run and the second, and whether it arrived in Plex."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from demo import company, proof
from demo.api import Customer
from demo.proof import Person

MOVED = 6
"""People who move into the new department."""
EXECUTIVES = 16
"""The first people lead the departments; none of them is part of what happens."""

Plex = dict[str, list[Person]]


@dataclass(frozen=True)
class Change:
    """One thing that happened. ``arrived`` looks into Plex; ``outcome`` is what the product is to call it."""

    what: str
    numbers: tuple[str, ...]
    outcome: str
    arrived: Callable[[Plex], bool]


class Cast:
    """Picks people who fit, each for one change only."""

    def __init__(self, workers: Sequence[Person]) -> None:
        self._free = [w for w in workers if w["status"] == "ACTIVE" and not w["is_manager"]][EXECUTIVES:]

    def pick(self, fits: Callable[[Person], bool] = lambda worker: True) -> Person:
        """The first person who fits and is in no other change."""
        chosen = next(worker for worker in self._free if fits(worker))
        self._free.remove(chosen)
        return chosen


def happen(rippling: Customer, plex: Customer) -> list[Change]:
    """Everything happens in Rippling; what Plex has to show for it afterwards."""
    workers = list(proof.in_rippling(rippling).values())
    cast, before = Cast(workers), proof.one_in_plex(plex)
    return [
        *_hires(rippling, workers),
        _future_hire(rippling, workers),
        _to_other_plant(rippling, cast),
        *_to_other_department(rippling, cast),
        *_terminations(rippling, cast),
        _rehire(rippling, workers, before),
        _new_name(rippling, cast),
        _withheld(rippling, cast, before),
        _new_department(rippling, cast),
    ]


def _holds(number: str, **fields: object) -> Callable[[Plex], bool]:
    """Whether Plex has exactly one such employee, with these values."""

    def arrived(plex: Plex) -> bool:
        rows = plex.get(number, [])
        return len(rows) == 1 and all(rows[0][name] == value for name, value in fields.items())

    return arrived


def _hire(rippling: Customer, like: Person, start: str) -> Person:
    """Somebody new who does what this person does."""
    hired: Person = rippling.change(
        "hire",
        start_date=start,
        department=like["department"],
        title=like["title"],
        work_location=like["work_location"],
        legal_entity=like["legal_entity"],
    )
    return hired


def _hires(rippling: Customer, workers: Sequence[Person]) -> Iterator[Change]:
    today = company.local_today().isoformat()
    for like in (workers[20], workers[40], workers[60]):
        number = str(_hire(rippling, like, today)["number"])
        department, pcn = company.meaning("department", like["department"]), company.plant_of(like).pcn
        arrived = _holds(number, active=True, department=department, pcn=pcn)
        yield Change(f"hired into {like['department']}", (number,), "created", arrived)


def _future_hire(rippling: Customer, workers: Sequence[Person]) -> Change:
    start = company.local_today() + timedelta(days=14)
    number = str(_hire(rippling, workers[30], start.isoformat())["number"])
    return Change(f"hired, starts on {start:%d %B}", (number,), "queued", lambda plex: number not in plex)


def _to_other_plant(rippling: Customer, cast: Cast) -> Change:
    shop = {company.shop_department(name, company.MAUMEE): name for name in company.SHOP}
    mover = cast.pick(lambda w: w["department"] in shop and company.plant_of(w) is company.MAUMEE)
    number, plant = str(mover["number"]), company.MONROE
    department = company.shop_department(shop[mover["department"]], plant)
    rippling.change(
        "transfer",
        worker=mover["id"],
        department=department,
        work_location=plant.work_location,
        legal_entity=plant.legal_entity,
    )
    arrived = _holds(
        number,
        active=True,
        pcn=plant.pcn,
        building=plant.building,
        department=company.meaning("department", department),
    )
    return Change("moved from Maumee to Monroe", (number,), "transferred", arrived)


def _to_other_department(rippling: Customer, cast: Cast) -> Iterator[Change]:
    for old, new in (("Assembly", "Quality"), ("Machining", "Maintenance")):
        mover = cast.pick(lambda w, old=old: w["department"].startswith(old))  # type: ignore[misc]
        number, department = str(mover["number"]), company.shop_department(new, company.plant_of(mover))
        rippling.change("transfer", worker=mover["id"], department=department)
        arrived = _holds(number, active=True, department=company.meaning("department", department))
        yield Change(f"from {old} to {new}, same plant", (number,), "transferred", arrived)


def _terminations(rippling: Customer, cast: Cast) -> Iterator[Change]:
    yesterday = (company.local_today() - timedelta(days=1)).isoformat()
    for _ in range(2):
        leaver = cast.pick()
        number = str(leaver["number"])
        rippling.change("terminate", worker=leaver["id"], end_date=yesterday)
        yield Change("left yesterday", (number,), "terminated", _holds(number, active=False))


def _rehire(rippling: Customer, workers: Sequence[Person], before: dict[str, Person]) -> Change:
    """Somebody whose employee of former days is still in Plex, inactive."""
    known = (w for w in workers if w["status"] == "TERMINATED" and str(w["number"]) in before)
    back = next(w for w in known if before[str(w["number"])]["status"] == "Terminated")
    number = str(back["number"])
    rippling.change("rehire", worker=back["id"], start_date=company.local_today().isoformat())
    same = _holds(number, active=True, id=before[number]["id"])
    return Change("came back; the former employee in Plex is used again", (number,), "rehired", same)


def _new_name(rippling: Customer, cast: Cast) -> Change:
    number = str((somebody := cast.pick())["number"])
    rippling.change("update", worker=somebody["id"], family_name="Hollis-Reyes")
    return Change("has a new last name", (number,), "updated", _holds(number, lastName="Hollis-Reyes"))


def _withheld(rippling: Customer, cast: Cast, before: dict[str, Person]) -> Change:
    """From now on Rippling shows nobody's e-mail address, so a new one cannot arrive and the old one must stay."""
    number = str((somebody := cast.pick())["number"])
    rippling.change("redact", field="work_email")
    rippling.change("update", worker=somebody["id"], work_email="changed.behind.the.curtain@northfield.example.com")
    untouched = _holds(number, active=True, email=before[number]["email"])
    return Change("e-mail addresses are withheld by Rippling; one of them changed", (number,), "unchanged", untouched)


def _new_department(rippling: Customer, cast: Cast) -> Change:
    rippling.change("add_department", name=company.NEW_DEPARTMENT, reference_code="2-5600", parent="Operations")
    moved = [cast.pick(lambda w: company.plant_of(w) is company.MONROE) for _ in range(MOVED)]
    for worker in moved:
        rippling.change("transfer", worker=worker["id"], department=company.NEW_DEPARTMENT)
    numbers = tuple(str(worker["number"]) for worker in moved)
    checks = [_holds(number, active=True, department=company.NEW_DEPARTMENT_IN_PLEX) for number in numbers]
    what = f"{MOVED} people moved into the new department {company.NEW_DEPARTMENT}"
    return Change(what, numbers, "transferred", lambda plex: all(check(plex) for check in checks))
