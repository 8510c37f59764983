"""Who pays a tax that has nothing but a name: the older Platform API does not say. Source: rippling §8.2."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from connectors.errors import ConnectionConfigError
from connectors.pay_runs import PayKind

EMPLOYER = re.compile(
    r"\b(futa|suta|federal unemployment|state unemployment|job development|training tax|employment training)\b"
)
SHARED = re.compile(r"\b(unemployment|suta)\b.*\b(ak|nj|pa|alaska|new jersey|pennsylvania)\b")
"""States in which employees pay towards unemployment insurance too."""

EMPLOYEE = re.compile(
    r"^(federal income tax|state income tax|local income tax|city income tax|social security|medicare|"
    r"additional medicare|oregon transit tax)$|\b(state|local|city|county) withholding\b"
)
"""Names of which the samples or the law leave no doubt; all others must say employer or employee themselves."""


class Payers:
    """Tells taxes of the employer from those of the employee. What a connection's settings say goes first."""

    def __init__(self, employer: Iterable[str] = (), employee: Iterable[str] = ()) -> None:
        self._told: Mapping[str, PayKind] = {
            **{_plain(name): PayKind.EMPLOYER_TAX for name in employer},
            **{_plain(name): PayKind.EMPLOYEE_TAX for name in employee},
        }
        if both := {_plain(name) for name in employer} & {_plain(name) for name in employee}:
            raise ConnectionConfigError(
                f"The tax “{min(both)}” is listed both as an employer's and as an employee's. Take it off one of the "
                "two lists in the Rippling connection's settings."
            )

    def of(self, name: str) -> PayKind | None:
        """The kind of a tax of this name; None when the name does not decide it."""
        plain = _plain(name)
        if plain in self._told:
            return self._told[plain]
        words = set(re.findall(r"[a-z]+", plain))
        said = {"employer", "employee"} & words
        if said:
            return None if len(said) == 2 else PayKind.EMPLOYER_TAX if "employer" in said else PayKind.EMPLOYEE_TAX
        if EMPLOYER.search(plain):
            return None if SHARED.search(plain) else PayKind.EMPLOYER_TAX
        return PayKind.EMPLOYEE_TAX if EMPLOYEE.search(plain) else None


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())
