"""What all views of the API have in common."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar, TypeVar

from django.db import models
from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from django.utils import timezone
from django_filters.rest_framework import DjangoFilterBackend  # type: ignore[import-untyped]
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.permissions import SAFE_METHODS
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from sync.api import idempotency, paging
from sync.api.parsing import StrictJSONParser
from sync.api.throttling import KeyThrottle
from tenants.models import Role

ModelT = TypeVar("ModelT", bound=models.Model)


class AlwaysJSON(BaseContentNegotiation):
    """Whatever the caller would accept, the API answers in JSON, problems included."""

    def select_parser(self, request: Request, parsers: Any) -> BaseParser | None:
        """The parser for the body's content type, None when there is none."""
        media_type = (request.content_type or "").split(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == media_type), None)

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """The first renderer."""
        return renderers[0], renderers[0].media_type


class ApiViewSet(GenericViewSet[ModelT]):
    """A resource of the tenant's. ``model`` has the rows, ``order`` is the unique column they are listed by."""

    model: type[ModelT]
    order = "-pk"
    lookup_value_converter = "int"
    pagination_class: Any = paging.KeysetPagination
    filter_backends: Any = [DjangoFilterBackend]
    parser_classes: Any = [StrictJSONParser]
    throttle_classes: Any = [KeyThrottle]
    content_negotiation_class = AlwaysJSON
    metadata_class = None
    write_role: Role = Role.ADMINISTRATOR
    action_roles: ClassVar[dict[str, Role]] = {}
    bodies: ClassVar[dict[str, Any]] = {}
    """The serializer of the body by action; a writing action that is not here takes none."""
    parameters: ClassVar[dict[str, tuple[str, ...]]] = {}
    """Query parameters by action, besides those of filters and pages."""
    listed: ClassVar[tuple[str, ...]] = ("list",)
    """Actions that filter and page."""
    outside_transaction: ClassVar[tuple[str, ...]] = ()
    """POST actions that ask other systems and must not hold a transaction open meanwhile."""

    def get_queryset(self) -> QuerySet[ModelT]:
        """The tenant's rows with all that one answer needs."""
        rows: QuerySet[ModelT] = self.model.objects.all()  # type: ignore[attr-defined]
        return rows

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Checks key, role, rate and parameters; a POST with an Idempotency-Key then runs at most once."""
        super().initial(request, *args, **kwargs)
        if not self.action:
            return  # A method this address does not take; the answer is 405.
        self._refuse_unknown_parameters(request)
        if request.method not in SAFE_METHODS and self.action not in self.bodies and request.data:
            raise ValidationError("This address takes no body.")
        if request.method == "POST" and idempotency.HEADER in request.headers:
            # The view sets the action's method as ``post``, and asks for it after this.
            handle = getattr(self, "post", self.http_method_not_allowed)
            self.post = functools.partial(self._once, handle)

    def now(self) -> datetime:
        """The present instant, aware UTC."""
        return timezone.now()

    def body(self, request: Request) -> dict[str, Any]:
        """The validated body, of a PATCH what was given of it. ValidationError names the field."""
        serializer = self.bodies[self.action or ""](data=request.data, partial=request.method == "PATCH")
        serializer.is_valid(raise_exception=True)
        values: dict[str, Any] = serializer.validated_data
        return values

    def page_of(self, rows: QuerySet[Any], serializer: type[Any]) -> Response:
        """One page of these rows, filtered by the request's parameters."""
        page = self.paginate_queryset(self.filter_queryset(rows))
        return self.get_paginated_response(serializer(page, many=True).data)

    def address_of(self, name: str, pk: Any) -> dict[str, str]:
        """The Location header for a new object of the resource ``name``."""
        return {"Location": reverse(f"api:{name}-detail", args=[pk], request=self.request)}

    def _once(self, handle: Callable[..., HttpResponseBase], request: Request, *args: Any, **kwargs: Any) -> Any:
        return idempotency.once(
            request,
            functools.partial(handle, request, *args, **kwargs),
            now=self.now(),
            in_transaction=self.action not in self.outside_transaction,
        )

    def _refuse_unknown_parameters(self, request: Request) -> None:
        known = set(self.parameters.get(self.action or "", ()))
        if self.action in self.listed:
            known.update(paging.PARAMETERS)
            known.update(getattr(getattr(self, "filterset_class", None), "base_filters", ()))
        errors = {}
        for name, values in request.query_params.lists():
            if name not in known:
                errors[name] = "There is no such parameter here."
            elif len(values) > 1:
                errors[name] = "Give this parameter once."
        if errors:
            raise ValidationError(errors)


class NoSuchAddress(APIView):
    """Every address under the API's that is not one of its own: a problem document, and not a page."""

    authentication_classes: Any = []
    permission_classes: Any = []
    content_negotiation_class = AlwaysJSON
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Answers 404."""
        raise NotFound("There is no such address. Addresses end with a slash; /api/v1/docs/ lists them all.")
