"""Invented people, the same for the same seed: a worker row and a user row each.

Names are put together from short lists; some carry accents, apostrophes or another script. Addresses are under
example.com.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sandbox.rippling.filters import instant_text
from sandbox.rippling.organization import OTHER_TITLES, TITLES, WEIGHTS, Ids, Organization
from sandbox.rippling.table import Row

GIVEN = (
    "Aaron", "Adaeze", "Agnieszka", "Amélie", "Anders", "Anh", "Beatriz", "Björn", "Brandon", "Camila", "Carlos",
    "Chloë", "Darnell", "Deepika", "Diego", "Élodie", "Emeka", "Emily", "Fatima", "François", "Grace", "Hannah",
    "Hiroshi", "Ingrid", "Jamal", "José", "Joon-ho", "Karolína", "Keisha", "Krzysztof", "Lakshmi", "Latoya",
    "Łukasz", "Mădălina", "Marcus", "María", "Mehmet", "Mei", "Niamh", "Nikolai", "Noah", "Oluwaseun", "Øyvind",
    "Patricia", "Priya", "Rachel", "Renée", "Ryan", "Samuel", "Seán", "Siobhán", "Sofía", "Tamara", "Thanh",
    "Tyrone", "Víctor", "Xochitl", "Yusuf", "Zoë", "Žofia",
)  # fmt: skip
FAMILY = (
    "Abernathy", "Adeyemi", "Álvarez", "Andersson", "Baker", "Bąk", "Becker", "Bélanger", "Brannigan",
    "Castañeda", "Chen", "Cooper", "D'Amico", "Dąbrowski", "De la Cruz", "Dvořák", "Eriksson", "Ferreira",
    "Fitzgerald", "García", "Grünwald", "Hassan", "Herrera", "Ibrahim", "Iyer", "Jóhannsdóttir", "Johnson",
    "Kaczmarek", "Kim", "Kowalski", "Lefèvre", "Lindqvist", "López-Reyes", "MacAllister", "Mbeki", "McCready",
    "Müller", "Muñoz", "Nguyễn", "Novák", "O'Brien", "O’Sullivan", "Okafor", "Özdemir", "Park", "Patel", "Peña",
    "Quintero", "Ramírez", "Rosenbaum", "Saint-Pierre", "Sørensen", "Şahin", "Takahashi", "Thorvaldsen",
    "Underhill", "Vasquez", "Weiß", "Yamamoto", "Zielińska",
)  # fmt: skip
MIDDLE = ("Ann", "Lee", "J.", "Marie", "R.", "Søren")
PREFERRED = {
    "Hiroshi": "浩",
    "Krzysztof": "Chris",
    "Mei": "美",
    "Patricia": "Pat",
    "Samuel": "Sam",
    "Oluwaseun": "Seun",
}
OFFICES = frozenset({
    "Executive", "Operations", "Supply Chain", "Engineering", "Finance & Accounting", "Human Resources",
    "Sales & Marketing", "Information Technology",
})  # fmt: skip
SPAN = 12
"""How many people one manager leads."""

_UNFOLDABLE = str.maketrans({"Ł": "L", "ł": "l", "Ø": "O", "ø": "o", "ß": "ss", "đ": "d"})
_NOTHING: list[Any] = []


class People:
    """Makes one person after the other; asking in the same order gives the same people."""

    def __init__(self, seed: int, ids: Ids, organization: Organization, today: date) -> None:
        self._chance = random.Random(f"people {seed}").random
        self._organization = organization
        self._today = today.toordinal()
        self._worker_prefix, self._user_prefix = ids.prefix("workers"), ids.prefix("users")
        self._pay_prefix = ids.prefix("compensations")
        self._departments = [
            (row["id"], row["name"], TITLES.get(row["name"], OTHER_TITLES))
            for row in organization.tables["departments"]
        ]
        self._draw = [choice for choice in self._departments for _ in range(WEIGHTS.get(choice[1], 1))]
        self._types = {row["name"]: row["id"] for row in organization.tables["employment-types"]}
        self._levels = list(organization.tables["levels"].rows)
        self._teams = [[row_id] for row_id in organization.tables["teams"].rows]
        self._sites = [
            ({"type": "WORK", "work_location_id": plant.location["id"]}, plant.entity["id"])
            for plant in organization.plants
        ]
        self._members: dict[str, list[Row]] = {row_id: [] for row_id, _, _ in self._departments}
        self._addresses: dict[str, int] = {}
        self._count = 0

    def next(self) -> tuple[Row, Row]:
        """A worker, active for at least a month, and their user. The first one leads the company."""
        number = self._count
        self._count += 1
        department_id, department, titles = (
            self._departments[number] if number < len(self._departments) else self._pick(self._draw)
        )
        location, entity_id = self._pick(self._sites)
        peers = self._members[department_id]
        started = date.fromordinal(self._today - 30 - int(self._chance() * 5400)).isoformat()
        user = self._user(number, started)
        given, family = user["name"]["given_name"], user["name"]["family_name"]
        kind = self._employment_type(department)
        worker = {
            "id": f"{self._worker_prefix}{number:06x}",
            "created_at": user["created_at"],
            "updated_at": user["updated_at"],
            "user_id": user["id"],
            "is_manager": False,
            "manager_id": self._manager(peers, number),
            "legal_entity_id": entity_id,
            "country": "US",
            "start_date": started,
            "end_date": None,
            "number": 1001 + number,
            "work_email": user["username"],
            "personal_email": f"{_folded(given)}.{_folded(family)}.{number}@home.example.com",
            "status": "ACTIVE",
            "location": location,
            "employment_type_id": self._types[kind],
            "compensation_id": f"{self._pay_prefix}{number:06x}",
            "overtime_exemption": "EXEMPT" if kind.startswith("SALARIED") else "NON_EXEMPT",
            "department_id": department_id,
            "teams_id": self._pick(self._teams) if self._chance() < 0.05 else _NOTHING,
            "title": titles[0] if not peers else self._pick(titles[1:]),
            "title_effective_date": started,
            "level_id": self._levels[3] if not peers else self._levels[0],
            "termination_details": None,
            "business_partners_id": _NOTHING,
        }
        peers.append(worker)
        return worker, user

    def close(self, department_id: str) -> None:
        """Nobody is put into this department from now on."""
        self._draw = [choice for choice in self._draw if choice[0] != department_id]

    def _pick(self, choices: Sequence[Any]) -> Any:
        return choices[int(self._chance() * len(choices))]

    def _employment_type(self, department: str) -> str:
        if department in OFFICES:
            return "SALARIED_FT" if self._chance() < 0.95 else "SALARIED_PT"
        draw = self._chance()
        return "HOURLY_FT" if draw < 0.9 else "HOURLY_PT" if draw < 0.96 else "TEMP"

    def _manager(self, peers: list[Row], number: int) -> str | None:
        """An earlier person: a tree within the department, its head under the leader of the company."""
        if number == 0:
            return None
        manager = peers[(len(peers) - 1) // SPAN] if peers else next(iter(self._members.values()))[0]
        manager["is_manager"] = True
        return str(manager["id"])

    def _user(self, number: int, started: str) -> Row:
        given, family = self._pick(GIVEN), self._pick(FAMILY)
        if self._chance() < 0.08:
            family = f"{family}-{self._pick(FAMILY)}"
        preferred = PREFERRED.get(given)
        email = self._address(given, family)
        day = date.fromordinal(
            min(self._today - 2, date.fromisoformat(started).toordinal() + int(self._chance() * 900))
        )
        moment = datetime(day.year, day.month, day.day, 6, tzinfo=UTC) + timedelta(
            microseconds=int(self._chance() * 5e10)
        )
        display = f"{given} {family}"
        return {
            "id": f"{self._user_prefix}{number:06x}",
            "created_at": f"{started}T05:00:00.000000+00:00",
            "updated_at": instant_text(moment),
            "active": True,
            "username": email,
            "name": {
                "formatted": display,
                "given_name": given,
                "middle_name": self._pick(MIDDLE) if self._chance() < 0.2 else None,
                "family_name": family,
                "preferred_given_name": preferred,
                "preferred_family_name": None,
            },
            "display_name": f"{preferred or given} {family}",
            "emails": [{"value": email, "type": "WORK", "display": email}],
            "phone_numbers": _NOTHING,
            "addresses": _NOTHING,
            "photos": _NOTHING,
            "preferred_language": "en",
            "locale": "en-US",
            "timezone": "America/New_York",
            "number": str(1001 + number),
        }

    def _address(self, given: str, family: str) -> str:
        local = f"{_folded(given)}.{_folded(family)}"
        taken = self._addresses.get(local, 0)
        self._addresses[local] = taken + 1
        return f"{local}{taken + 1 if taken else ''}@northfield.example.com"


def compensation(worker: Row) -> Row:
    """The current pay package of a worker; the amounts follow from the worker's number. Source: rippling §12.4."""
    hourly = 18.0 + (worker["number"] * 37 % 2400) / 100

    def money(value: float) -> dict[str, Any]:
        return {"currency_type": "USD", "value": round(value, 2)}

    return {
        "id": worker["compensation_id"],
        "created_at": worker["created_at"],
        "updated_at": worker["created_at"],
        "worker_id": worker["id"],
        "annual_compensation": money(hourly * 2080),
        "annual_salary_equivalent": money(hourly * 2080),
        "hourly_wage": money(hourly),
        "monthly_compensation": money(hourly * 2080 / 12),
        "weekly_compensation": money(hourly * 40),
        "payment_type": "HOURLY" if worker["overtime_exemption"] == "NON_EXEMPT" else "SALARIED",
        "salary_effective_date": worker["start_date"],
    }


def custom_values(worker: Row) -> list[dict[str, Any]]:
    """The values of the company's custom fields for a worker, unless a change has given others."""
    known: list[dict[str, Any]] | None = worker.get("custom_fields")
    return [{"name": "Clock badge", "value": f"B{worker['number']:06d}"}] if known is None else known


def sensitive(worker: Row) -> Row:
    """What nobody but payroll should ever copy: invented, and never assigned social security numbers (900-…)."""
    number = worker["number"]
    return {
        "date_of_birth": date(1960 + number % 44, 1 + number % 12, 1 + number % 28).isoformat(),
        "gender": ("FEMALE", "MALE", "NONBINARY")[number % 3],
        "country_fields": {"us": {"ssn": f"900-{number % 89 + 10:02d}-{number % 10000:04d}"}},
    }


def _folded(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.translate(_UNFOLDABLE))
    return "".join(letter for letter in plain.lower() if letter.isascii() and letter.isalnum())
