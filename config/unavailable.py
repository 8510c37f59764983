"""What people and programs are told while the database cannot be reached or cannot store."""

from __future__ import annotations

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.defaults import server_error

RETRY_AFTER = 30
"""Seconds after which a program may try again."""


def failed(request: HttpRequest) -> HttpResponse:
    """The page for an error nobody foresaw: 503 when it is the database's, so that whoever sent something sends it
    again; else 500. What was under way was rolled back."""
    if not isinstance(sys.exception(), OperationalError | InterfaceError):
        return server_error(request)
    page = render_to_string("503.html")
    return HttpResponse(page, status=503, headers={"Retry-After": str(RETRY_AFTER), "Cache-Control": "no-store"})
