"""Every request of the API runs in the tenant of its key, and as the key's act."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterable, Iterator
from typing import Any, cast

import structlog
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.views import APIView

from audit.context import acting_as
from tenants.models import ApiKey
from tenants.scope import tenant_scope


class ApiTenantMixin(APIView):
    """Runs a view of the API, from permissions to the last byte, in the key's tenant and as the key's act.

    First among the bases of a view. The scope ends with the response, also after an exception.
    """

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with contextlib.ExitStack() as self._scope:
            response = super().dispatch(request, *args, **kwargs)
            if isinstance(response, StreamingHttpResponse) and not response.is_async:
                pieces = cast("Iterator[bytes]", response.streaming_content)
                response.streaming_content = _made_in(contextvars.copy_context(), pieces)
            elif hasattr(response, "render"):
                response.render()
            return response

    def perform_authentication(self, request: Request) -> None:
        super().perform_authentication(request)
        if not isinstance(request.auth, ApiKey):
            return
        key, correlation_id = request.auth, getattr(request, "correlation_id", None)
        request._request.tenant_id = key.tenant_id  # type: ignore[attr-defined]
        self._scope.enter_context(tenant_scope(key.tenant_id))
        self._scope.enter_context(acting_as("api_key", key.name, identity=key.acts_for, correlation_id=correlation_id))
        self._scope.enter_context(structlog.contextvars.bound_contextvars(tenant=str(key.tenant_id)))


def _made_in(context: contextvars.Context, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same pieces, each made in the context: a server asks for them after the view and its scope have ended."""
    source = iter(pieces)
    while (piece := context.run(next, source, None)) is not None:
        yield piece
