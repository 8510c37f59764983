"""``GET /watch/``: an outside monitor asks whether everything happened when it was due. Counts only."""

from __future__ import annotations

import hmac

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from sync.clock import database_now
from sync.watching.watch import glance, take_watch, watch

SECONDS = 20


@never_cache
@require_safe
def answer_monitor(request: HttpRequest) -> HttpResponse:
    """200 when all is well; 503 with counts when something was missed, nobody works on a queue, or a company could
    not be looked at. People are told from here, so it works while every worker is dead. Without WATCH_TOKEN there
    is no such page.
    """
    if not settings.WATCH_TOKEN:
        raise Http404
    given = request.headers.get("Authorization", "")
    if not hmac.compare_digest(given.encode(), f"Bearer {settings.WATCH_TOKEN}".encode()):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    now = database_now()
    found = watch(now, seconds=SECONDS) if take_watch(now) else glance(now)
    counts = {
        "status": "ok" if found.is_well else "alarm",
        "missed": found.missed,
        "workers": "silent" if found.silent else "working",
        "silent_queues": found.silent,
        "not_looked_at": found.troubles,
    }
    return JsonResponse(counts, status=200 if found.is_well else 503)
