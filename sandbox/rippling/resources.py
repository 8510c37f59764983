"""What each v2 list is: its entitlement, what can be filtered by, what can be expanded in it. Source: rippling §3.1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.rippling.filters import SORTABLE, FieldKind

TIER_1, TIER_2 = "API Tier 1", "API Tier 2"


@dataclass(frozen=True)
class Reference:
    """An expandable field: ``name`` beside ``name_id``, or a list beside a list of ids."""

    resource: str
    many: bool = False


@dataclass(frozen=True)
class Resource:
    tier: str = TIER_1
    filterable: Mapping[str, FieldKind] = field(default_factory=dict)
    """Empty: the ``filter`` parameter is not one that this list has, so it is ignored like any unknown one."""
    expandable: Mapping[str, Reference] = field(default_factory=dict)
    readable_by_id: bool = True
    sortable: frozenset[str] = SORTABLE
    served: bool = True
    """False: rows that only appear expanded in others."""


WORKER_FILTERS: Mapping[str, FieldKind] = {
    "status": "text",
    "work_email": "text",
    "user_id": "text",
    "created_at": "timestamp",
    "updated_at": "timestamp",
}

RESOURCES: Mapping[str, Resource] = {
    "workers": Resource(
        filterable=WORKER_FILTERS,
        expandable={
            "user": Reference("users"),
            "manager": Reference("workers"),
            "legal_entity": Reference("legal-entities"),
            "employment_type": Reference("employment-types"),
            "compensation": Reference("compensations"),
            "department": Reference("departments"),
            "teams": Reference("teams", many=True),
            "level": Reference("levels"),
            "custom_fields": Reference("custom values", many=True),
            "business_partners": Reference("business-partners", many=True),
        },
    ),
    "worker-changes": Resource(
        tier="Worker Changes API",
        filterable={
            "worker_id": "text",
            "applied_on": "date",
            "effective_on": "date",
            "changed_by_id": "text",
            "reason_code": "text",
            "field_key": "text",
            "event_type": "text",
        },
        expandable={"worker": Reference("workers"), "changed_by": Reference("workers")},
        sortable=SORTABLE | {"applied_on", "effective_on"},
        readable_by_id=False,
    ),
    "users": Resource(),
    "companies": Resource(
        expandable={
            "parent_legal_entity": Reference("legal-entities"),
            "legal_entities": Reference("legal-entities", many=True),
        },
        readable_by_id=False,
    ),
    "departments": Resource(
        expandable={"parent": Reference("departments"), "department_hierarchy": Reference("departments", many=True)}
    ),
    "legal-entities": Resource(
        tier=TIER_2, expandable={"parent": Reference("legal-entities"), "company": Reference("companies")}
    ),
    "work-locations": Resource(),
    "titles": Resource(),
    "employment-types": Resource(),
    "teams": Resource(expandable={"parent": Reference("teams")}),
    "levels": Resource(tier=TIER_2, expandable={"parent": Reference("levels"), "track": Reference("tracks")}),
    "tracks": Resource(tier=TIER_2),
    "job-dimensions": Resource(tier=TIER_2, filterable={"name": "text"}),
    "job-codes": Resource(
        tier=TIER_2,
        filterable={"job_dimension_id": "text", "group_id": "text"},
        expandable={
            "job_dimension": Reference("job-dimensions"),
            "work_location": Reference("work-locations"),
            "department": Reference("departments"),
            "pay_rate_exceptions": Reference("job-pay-rate-exceptions", many=True),
        },
    ),
    "custom-fields": Resource(readable_by_id=False),
    "sso-me": Resource(expandable={"company": Reference("companies")}, readable_by_id=False),
    "entitlements": Resource(readable_by_id=False),
    "compensations": Resource(tier=TIER_2, expandable={"worker": Reference("workers")}, served=False),
    "custom values": Resource(served=False),
    "business-partners": Resource(served=False),
    "job-pay-rate-exceptions": Resource(served=False),
}
