"""What people and programs are told while the database cannot be reached or cannot store."""

from __future__ import annotations

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.defaults import server_error
from rest_framework.renderers import JSONRenderer

from sync.api.errors import CONTENT_TYPE, Unavailable, problem


def failed(request: HttpRequest) -> HttpResponse:
    """The page for an error nobody foresaw: 503 when it is the database's, so that whoever sent something sends it
    again; else 500. What was under way was rolled back."""
    if not isinstance(sys.exception(), OperationalError | InterfaceError):
        return server_error(request)
    if request.path_info.startswith("/api/"):
        return _problem(request)
    page = render_to_string("503.html")
    headers = {"Retry-After": str(Unavailable.wait), "Cache-Control": "no-store"}
    return HttpResponse(page, status=503, headers=headers)


def _problem(request: HttpRequest) -> HttpResponse:
    """What the API says of it when it did not get as far as a view."""
    answer = problem(Unavailable(), request)
    document = JSONRenderer().render(answer.data)
    headers = {"Retry-After": answer["Retry-After"]}
    return HttpResponse(document, status=answer.status_code, headers=headers, content_type=CONTENT_TYPE)
