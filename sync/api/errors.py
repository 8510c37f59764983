"""Every refusal of the API as a problem document (RFC 9457), with the fields at fault and a correlation id."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig, ValidationError
from django.core.signals import got_request_exception
from django.db import IntegrityError, InterfaceError, OperationalError
from django.http import Http404
from psycopg.errors import ForeignKeyViolation, UniqueViolation
from rest_framework import exceptions, serializers, status
from rest_framework.response import Response
from rest_framework.views import set_rollback

from connectors.errors import ConnectionConfigError
from sync.configuring import Paused
from sync.payroll.approval import Refusal
from sync.replay import NothingToReplay
from sync.runs import AlreadyRunning

CONTENT_TYPE = "application/problem+json"

log = structlog.get_logger()


class Conflict(exceptions.APIException):
    """What was asked for does not fit the present state; nothing was changed."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


class Unprocessable(exceptions.APIException):
    """The request contradicts an earlier one; nothing was changed."""

    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_code = "unprocessable"


class TooLarge(exceptions.APIException):
    """The body is longer than we read."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = "The request is too large. Send it in several parts."


class Unavailable(exceptions.APIException):
    """The database cannot be reached or cannot store; nothing was changed."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "Nothing can be stored right now, and nothing was changed. Send the request again later."
    wait = 30


TITLES = {
    400: ("invalid", "Something in the request is not right"),
    401: ("unauthenticated", "A valid API key is needed"),
    403: ("forbidden", "This role may not do that"),
    404: ("not-found", "There is nothing at this address"),
    405: ("method-not-allowed", "This address does not take this method"),
    409: ("conflict", "This does not fit the present state"),
    413: ("too-large", "The request is too large"),
    415: ("unsupported-media-type", "The body is of a kind this address does not read"),
    422: ("contradiction", "This contradicts an earlier request"),
    429: ("throttled", "Too many requests"),
    500: ("defect", "An error on our side"),
    503: ("unavailable", "Nothing can be stored right now"),
}
"""Status → (last part of ``type``, ``title``) of every problem the API answers with."""


class FieldErrorSerializer(serializers.Serializer[Any]):
    """One thing that is not right. ``field`` is empty when it concerns the request as a whole."""

    field = serializers.CharField(help_text="The path to the field, such as settings.base_url or mappings.3.kind.")
    message = serializers.CharField(help_text="A sentence for a person.")


class ProblemSerializer(serializers.Serializer[Any]):
    """Why a request was refused (RFC 9457)."""

    type = serializers.CharField(help_text="Names the kind of problem; the same for all problems of a kind.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="A sentence for a person about this very request.")
    errors = FieldErrorSerializer(many=True)  # type: ignore[assignment]
    correlation_id = serializers.CharField(help_text="Give it to us when you ask about this request.")


def answer(error: Exception, context: dict[str, Any]) -> Response:
    """The problem document for whatever a view raised. What nobody foresaw is logged without its message, which may
    hold a customer's data, and answered as 500."""
    known = _translated(error)
    set_rollback()
    if known is None:
        log.error("api.defect", error=type(error).__name__, at=traceback.format_tb(error.__traceback__))
        got_request_exception.send(sender=answer, request=context["request"])
        known = exceptions.APIException("An error on our side stopped this request. We have been told.")
    return problem(known, context["request"])


def problem(error: exceptions.APIException, request: Any) -> Response:
    """The answer to a request that failed with this error."""
    errors: list[dict[str, str]] = []
    if isinstance(error, exceptions.ValidationError):
        errors = [{"field": field, "message": message} for field, message in flattened(error.detail)]
        detail = errors[0]["message"] if len(errors) == 1 else "See errors for what is not right. Nothing was changed."
    else:
        detail = str(error.detail)
    kind, title = TITLES[error.status_code]
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    body = {
        "type": f"urn:ml-connector:problem:{kind}",
        "title": title,
        "status": error.status_code,
        "detail": detail,
        "errors": errors,
        "correlation_id": getattr(request, "correlation_id", ""),
    }
    return Response(body, status=error.status_code, headers=headers, content_type=CONTENT_TYPE)


def flattened(detail: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """(path to the field, message) of nested validation errors."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            part = "" if name in ("non_field_errors", "__all__") else str(name)
            yield from flattened(inner, f"{path}.{part}".strip(".") if part else path)
    elif isinstance(detail, list | tuple):
        for number, inner in enumerate(detail):
            nested = isinstance(inner, dict | list)
            yield from flattened(inner, f"{path}.{number}".strip(".") if nested else path)
    else:
        yield path, str(detail)


def _translated(error: Exception) -> exceptions.APIException | None:
    match error:
        case exceptions.APIException():
            return error
        case Http404():
            return exceptions.NotFound("There is no such object, or it is not your company's.")
        case PermissionDenied():
            return exceptions.PermissionDenied()
        case ValidationError():
            return exceptions.ValidationError(_detail(error))
        case AlreadyRunning() | Paused() | NothingToReplay() | Refusal():
            return Conflict(str(error))
        case ConnectionConfigError(sentence=sentence):
            return Conflict(sentence)
        case RequestDataTooBig():
            return TooLarge()
        case OperationalError() | InterfaceError():
            log.error("api.unavailable", exc_info=error)
            return Unavailable()
        case IntegrityError(__cause__=UniqueViolation() | ForeignKeyViolation()):
            return Conflict("Somebody changed the same thing at the same moment. Look again, then try again.")
    return None


def _detail(error: ValidationError) -> Any:
    return error.message_dict if hasattr(error, "error_dict") else error.messages
