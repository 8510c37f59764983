"""The site as it is served, with one more address: the floor of ``benchmarks.webhooks``."""

from __future__ import annotations

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
TABLE = "benchmark_floor_delivery"
INSERT = f"INSERT INTO {TABLE} (event, subject, digest, state, received_at) VALUES (%s, %s, %s, %s, %s)"


@csrf_exempt
def floor(request: HttpRequest) -> HttpResponse:
    """Looks at nothing, inserts one row, answers 200."""
    with connection.cursor() as cursor:
        cursor.execute(INSERT, ["employee.updated", "65aa00000000000000000001", "0" * 64, "pending", timezone.now()])
    return HttpResponse()


settings.ROOT_URLCONF = "benchmarks.webhook_site"
application = get_wsgi_application()
urlpatterns = [path("floor/", floor), path("", include("config.urls"))]
