"""How a simulated environment behaves, beyond its data; set when it is made, and later by ``set_options``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

_CHOICES: dict[str, frozenset[Any]] = {
    "second_hire": frozenset({"employment", "refuse"}),
    "employments_shown": frozenset({"current", "all"}),
    "integration_key": frozenset({"plain", "not_writable", "not_filterable"}),
    "overlong": frozenset({"refuse", "truncate"}),
    "period_check": frozenset({"insert", "posting"}),
    "mandatory_check": frozenset({"insert", "posting"}),
    "conflict_status": frozenset({400, 409}),
    "refusal_status": frozenset({400, 500}),
    "created_status": frozenset({200, 201}),
}


@dataclass
class Settings:
    """What the dossier leaves open or calls inferred is an option here; the default is its best guess, or the stricter.

    ``registered``: the app is listed among the environment's Entra ID applications. ``roles``: its user has any.
    ``forbidden``: entity sets the user may not touch. ``default_company`` empty means the first legal entity.
    ``user_time_zone``: where an instant sent for a date is read as a day. ``page_size`` is the server's maximum.

    ``line_delay_ms``: how long a write to a journal takes; another write to the same journal meanwhile is an update
    conflict. ``post_needs_cross_company``: whether a creation in another company needs the query option (sources
    differ, dynamics §2). ``mute_patches``: a PATCH outside of a batch is refused without its reason (§8).
    ``max_lengths``: property → letters, and ``overlong`` what becomes of more.

    ``employments_shown``: ``current`` lists as of now unless the filter names a date (§7). ``period_check`` and
    ``mandatory_check``: whether closed periods and missing dimensions are refused for a line or when posting.
    ``journal_number_sequence`` False: the reference is not set up (§4.5). ``custom_service`` is the path below
    ``/api/services/`` of an operation that posts a journal, ``custom_service_parameters`` the names of its parameters.
    """

    token_lifetime: int = 3599
    registered: bool = True
    roles: bool = True
    forbidden: list[str] = field(default_factory=list)
    default_company: str = ""
    user_time_zone: str = "America/Chicago"
    page_size: int = 10_000
    line_delay_ms: int = 0
    conflict_status: int = 400
    refusal_status: int = 400
    created_status: int = 201
    post_needs_cross_company: bool = False
    mute_patches: bool = False
    integration_key: str = "plain"
    max_lengths: dict[str, int] = field(default_factory=lambda: {"Description": 60, "Voucher": 20})
    overlong: str = "refuse"
    period_check: str = "insert"
    mandatory_check: str = "posting"
    journal_number_sequence: bool = True
    voucher_number_sequence: bool = True
    employments_shown: str = "current"
    second_hire: str = "employment"
    vendor_numbers_manual: bool = False
    vendor_approval: bool = False
    application_version: str = "10.0.2177.60"
    custom_service: str = ""
    custom_service_parameters: dict[str, str] = field(
        default_factory=lambda: {"company": "dataAreaId", "journal": "journalBatchNumber"}
    )

    def set(self, options: Mapping[str, Any]) -> None:
        """Take over the given settings; ValueError for an unknown name or value, and then none is changed."""
        for name, value in options.items():
            if name not in self.__dataclass_fields__:
                raise ValueError(f"unknown option {name!r}; one of {sorted(self.__dataclass_fields__)}")
            if name in _CHOICES and value not in _CHOICES[name]:
                raise ValueError(f"{name} is one of {sorted(map(str, _CHOICES[name]))}, not {value!r}")
            if name == "custom_service_parameters" and value.keys() != {"company", "journal"}:
                raise ValueError(f"{name} has company and journal, not {sorted(value)}")
        for name, value in options.items():
            setattr(self, name, value)

    @property
    def user_zone(self) -> ZoneInfo:
        return ZoneInfo(self.user_time_zone)
