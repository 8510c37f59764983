"""Pages by keyset: each page starts after the last row of the one before, so nothing moves between pages and the
hundredth costs what the first does."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from django.core.exceptions import ValidationError as FieldError
from django.db.models import Model
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

DEFAULT_SIZE = 50
LARGEST_SIZE = 200


class KeysetPagination(BasePagination):
    """Orders by the view's ``order``: one unique column, with a minus for descending. ``next`` is a full address."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """The rows of one page, in one query. ValidationError names ``page_size`` or ``cursor``."""
        size = _page_size(request)
        column = view.order.lstrip("-")
        descending = view.order.startswith("-")
        queryset = queryset.order_by(view.order)
        if (cursor := request.query_params.get("cursor")) is not None:
            position = _position(queryset.model, column, cursor)
            queryset = queryset.filter(**{f"{column}__{'lt' if descending else 'gt'}": position})
        rows = list(queryset[: size + 1])
        self.next: str | None = None
        if len(rows) > size:
            rows = rows[:size]
            self.next = _address(request, _cursor(column, rows[-1]))
        return rows

    def get_paginated_response(self, data: Any) -> Response:
        """One page and the address of the next one, null on the last."""
        return Response({"next": self.next, "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The page in OpenAPI."""
        return {
            "type": "object",
            "required": ["next", "results"],
            "properties": {
                "next": {
                    "type": ["string", "null"],
                    "format": "uri",
                    "description": "Address of the next page, null on the last.",
                },
                "results": schema,
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """The parameters in OpenAPI."""
        return [
            {
                "name": "cursor",
                "in": "query",
                "required": False,
                "description": "Where the page starts; taken from `next` of the page before.",
                "schema": {"type": "string"},
            },
            {
                "name": "page_size",
                "in": "query",
                "required": False,
                "description": "Rows per page.",
                "schema": {"type": "integer", "minimum": 1, "maximum": LARGEST_SIZE, "default": DEFAULT_SIZE},
            },
        ]


class SinglePage(KeysetPagination):
    """A list that is always complete, in the form of all lists."""

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """None."""
        return []


PARAMETERS = ("cursor", "page_size")


def _page_size(request: Request) -> int:
    text = request.query_params.get("page_size", str(DEFAULT_SIZE))
    if not (text.isascii() and text.isdigit() and len(text) < 5 and 1 <= int(text) <= LARGEST_SIZE):
        raise ValidationError({"page_size": f"Enter a whole number from 1 to {LARGEST_SIZE}."})
    return int(text)


def _cursor(column: str, last: Model) -> str:
    return base64.urlsafe_b64encode(json.dumps([column, str(getattr(last, column))]).encode()).decode()


def _position(model: type[Model], column: str, cursor: str) -> Any:
    try:
        of, text = json.loads(base64.b64decode(cursor, altchars=b"-_", validate=True))
        if of != column or not isinstance(text, str) or "\x00" in text:
            raise ValueError(cursor)
        text.encode()
        field = model._meta.pk if column == "pk" else model._meta.get_field(column)
        return field.to_python(text)  # type: ignore[union-attr]
    except (ValueError, TypeError, binascii.Error, RecursionError, FieldError):
        raise ValidationError({"cursor": "This cursor is not one of this list. Start again without it."}) from None


def _address(request: Request, cursor: str) -> str:
    query = request.query_params.copy()
    query["cursor"] = cursor
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")


def single_page(data: Any) -> Response:
    """A list that is complete on one page, in the form of all lists."""
    return Response({"next": None, "results": data})
