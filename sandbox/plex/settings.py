"""How a simulated Plex behaves, beyond its data; set when a company is made, and later by ``set_options``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

RESOURCES = {
    "Tenant": "tenants",
    "GL_Account": "chart-of-accounts",
    "Cost_Center": "cost-centers",
    "Employee": "employees",
    "Building": "buildings",
    "Fiscal_Period": "fiscal-period-statuses",
    "Trial_Balance": "trial-balance",
    "Journal_Entry": "journal-entries",
    "GL_Activity": "general-ledger-activity",
    "Custom_Field": "custom-fields",
    "Identity_Mapping": "identity-mappings",
}
_CHOICES: dict[str, frozenset[Any]] = {
    "client_auth": frozenset({"post", "basic"}),
    "description_filter": frozenset({"exact", "contains", "ignored"}),
    "documents_envelope": frozenset({"data", "rows", "value", "array"}),
    "documents_paging": frozenset({True, "ignored"}),
    "rate_limit_style": frozenset({"seconds", "date", "none"}),
    "used_id_status": frozenset({400, 409}),
}
_LISTS = frozenset({"products", "role_missing", "forbidden"})


@dataclass
class Settings:
    """Resources are named as in the connect paths (``employees``) or as in the documents (``Employee``).

    ``products`` None means all. ``used_id_status``, ``iam_*`` and the body of a 429 are open questions of the real
    Plex (plex §10), therefore settings. ``deactivate_delay`` is ``{"reads": n}`` or ``{"seconds": s}`` (a bare
    number counts reads): for so long reads show what was before an accepted 202.

    Journals: their statuses, the meaning of the description filter, the number of lines and what of them the ledger
    shows are open questions too. ``books``: a created journal is booked at once. ``activity_lag_reads``: so many
    reads of an account's activity do not show a new journal yet. ``activity_statuses`` None lets journals of every
    status into activity and trial balance, otherwise those of the named ones and the booked.
    ``journal_custom_field`` is ``{"object", "field", "unique"}``: the field an administrator added to the journal.
    """

    token_lifetime: int = 3600
    client_auth: str = "post"
    products: list[str] | None = None
    role_missing: list[str] = field(default_factory=list)
    forbidden: list[str] = field(default_factory=list)
    no_data_404: bool = False
    iam_migrated: bool = False
    iam_status: int = 403
    iam_code: str = "IAM_MANAGED_USERS"
    iam_message: str = "Employee writes are not available because this PCN was migrated to IAM."
    default_pcn_wrong: bool = False
    deactivate_delay: dict[str, float] | float = 0
    commit_delay_seconds: float = 0.0
    rate_limit: int | None = None
    rate_limit_window: float = 60.0
    rate_limit_style: str = "seconds"
    used_id_status: int = 400
    documents_envelope: str = "data"
    documents_paging: bool | str = True
    journal_statuses: list[str] = field(default_factory=lambda: ["Open", "Posted"])
    currencies: list[str] = field(default_factory=lambda: ["USD"])
    max_journal_lines: int | None = None
    may_post_soft_closed: bool = False
    books: bool = False
    description_filter: str = "exact"
    activity_lag_reads: int = 0
    activity_statuses: list[str] | None = None
    journal_custom_field: dict[str, Any] | None = None

    def set(self, options: dict[str, Any]) -> None:
        """Take over the given settings; ValueError for an unknown name or value, and then none is changed."""
        for name, value in options.items():
            if name not in self.__dataclass_fields__:
                raise ValueError(f"unknown option {name!r}; one of {sorted(self.__dataclass_fields__)}")
            if name in _CHOICES and value not in _CHOICES[name]:
                raise ValueError(f"{name} is one of {sorted(map(str, _CHOICES[name]))}, not {value!r}")
            if name == "journal_custom_field" and value is not None and value.keys() != {"object", "field", "unique"}:
                raise ValueError(f"{name} has object, field and unique, not {sorted(value)}")
        for name, value in options.items():
            setattr(self, name, _resources(value) if name in _LISTS else value)

    def delay(self) -> tuple[int, float]:
        """(reads, seconds) for which an accepted command is not yet visible."""
        delay = self.deactivate_delay
        if isinstance(delay, dict):
            return int(delay.get("reads", 0)), float(delay.get("seconds", 0))
        return int(delay), 0.0

    def in_ledger(self, journal: Mapping[str, Any]) -> bool:
        """Whether the activity and the trial balance know of the journal."""
        wanted = self.activity_statuses
        return wanted is None or journal["booked"] or journal["status"] in wanted


def _resources(names: list[str] | None) -> list[str] | None:
    if names is None:
        return None
    unknown = [name for name in names if name not in RESOURCES and name not in RESOURCES.values()]
    if unknown:
        raise ValueError(f"unknown resources {unknown}; one of {sorted(RESOURCES.values())}")
    return [RESOURCES.get(name, name) for name in names]
