"""What every request gets: a correlation id, and the tenant the signed-in user works for."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse

from audit.context import acting_as
from tenants.membership import choose_membership
from tenants.scope import tenant_scope

GetResponse = Callable[[HttpRequest], HttpResponse]

log = structlog.get_logger()

_CORRELATION_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class CorrelationMiddleware:
    """Gives the request an id (the caller's X-Correlation-Id if it is a sane one), answers with it, and writes one line
    about it: its route, not its address, which may hold what is nobody's business."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Correlation-Id", "")
        correlation_id = given if _CORRELATION_ID.fullmatch(given) else uuid.uuid4().hex
        request.correlation_id = correlation_id  # type: ignore[attr-defined]
        began = time.monotonic()
        with structlog.contextvars.bound_contextvars(correlation_id=correlation_id):
            response = self.get_response(request)
            log.info(
                "http.request",
                method=request.method,
                route=request.resolver_match.route if request.resolver_match else "",
                status=response.status_code,
                seconds=round(time.monotonic() - began, 3),
                **_tenant_of(request),
            )
        response["X-Correlation-Id"] = correlation_id
        return response


def _tenant_of(request: HttpRequest) -> dict[str, str]:
    """Whose request it was, whether a person's or a program's."""
    tenant_id = getattr(getattr(request, "membership", None), "tenant_id", None) or getattr(request, "tenant_id", None)
    return {"tenant": str(tenant_id)} if tenant_id else {}


class TenantMiddleware:
    """Runs the request of a signed-in user in the scope of their tenant, as their act.

    A user with several tenants works for the one chosen in the session. A user without any gets no scope: every
    page about a tenant's data then refuses.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.membership = None  # type: ignore[attr-defined]
        if not request.user.is_authenticated:
            return self.get_response(request)
        membership = choose_membership(request.user.pk, request.session.get("tenant"))
        if membership is None:
            return self.get_response(request)
        request.membership = membership  # type: ignore[attr-defined]
        with (
            tenant_scope(membership.tenant_id),
            acting_as("user", request.user.get_username(), correlation_id=request.correlation_id),  # type: ignore[attr-defined]
            structlog.contextvars.bound_contextvars(tenant=str(membership.tenant_id)),
        ):
            response = self.get_response(request)
            if hasattr(response, "render") and not getattr(response, "is_rendered", True):
                # A template response is rendered by the handler further out, where the scope has ended.
                response = response.render()
            return response
