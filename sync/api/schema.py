"""The OpenAPI document: what all operations have in common is added here, once."""

from __future__ import annotations

import uuid
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import append_meta
from drf_spectacular.utils import Direction, OpenApiParameter
from rest_framework import serializers

from sync.api.errors import CONTENT_TYPE, TITLES, ProblemSerializer
from sync.api.idempotency import HEADER, LONGEST
from tenants.scope import tenant_scope

STANDARD = ("list", "create", "retrieve", "partial_update", "destroy")
TIME_OF_DAY = r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?$"
NOBODY = uuid.UUID(int=0)
"""The tenant in whose scope the document is made."""


class ApiSchema(AutoSchema):
    """Documents every refusal an operation can answer with, and the Idempotency-Key of every POST."""

    def _map_serializer_field(self, field: Any, direction: Direction, bypass_extensions: bool = False) -> Any:
        """A time of day has no offset from UTC here, which JSON Schema's own ``time`` must have."""
        if not isinstance(field, serializers.TimeField):
            return super()._map_serializer_field(field, direction, bypass_extensions)  # type: ignore[no-untyped-call]
        schema = {"type": "string", "pattern": TIME_OF_DAY}
        meta = self._get_serializer_field_meta(field, direction)  # type: ignore[no-untyped-call]
        return append_meta(schema, meta)

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        """The operation. Views and filters may speak of the tenant's rows meanwhile; none are read."""
        with tenant_scope(NOBODY):
            return super().get_operation(*args, **kwargs)

    def get_operation_id(self) -> str:
        """Actions are called by their name alone: flows_run and not flows_run_create."""
        operation: str = super().get_operation_id()
        if getattr(self.view, "action", "") in STANDARD:
            return operation
        return operation.removesuffix("_create").removesuffix("_retrieve").removesuffix("_update").removesuffix("_list")

    def get_request_serializer(self) -> Any:
        """What the view says that it reads."""
        return getattr(self.view, "bodies", {}).get(getattr(self.view, "action", None))

    def get_override_parameters(self) -> list[Any]:
        """The header of a POST."""
        if self.method != "POST":
            return []
        return [
            OpenApiParameter(
                HEADER,
                {"type": "string", "minLength": 1, "maxLength": LONGEST, "pattern": "^[ -~]+$"},
                OpenApiParameter.HEADER,
                description="The same request with the same key has one effect, and gets the first answer again.",
            )
        ]

    def _get_response_bodies(self, direction: Direction = "response") -> dict[str, Any]:
        """The answers, and every problem this operation can answer with."""
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        if direction != "response":
            return bodies
        component = self.resolve_serializer(ProblemSerializer, "response")
        for status in self._refusals():
            bodies[str(status)] = {
                "description": TITLES[status][1],
                "content": {CONTENT_TYPE: {"schema": component.ref}},
            }
        return bodies

    def _refusals(self) -> list[int]:
        writes = self.method in ("POST", "PUT", "PATCH", "DELETE")
        has_body = self.method in ("POST", "PUT", "PATCH")
        return [
            400,
            401,
            403,
            *([404] if "{" in self.path or "integration" in self._required_parameters() else []),
            *([409] if writes else []),
            *([413, 415] if has_body else []),
            *([422] if self.method == "POST" else []),
            429,
        ]

    def _required_parameters(self) -> tuple[str, ...]:
        known: tuple[str, ...] = getattr(self.view, "parameters", {}).get(getattr(self.view, "action", ""), ())
        return known
