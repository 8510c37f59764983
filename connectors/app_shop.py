"""Installing our app at a vendor, by the administrator's browser: there and back, or from the vendor's side.

The code, the state and what they give are in no log, no address of ours and no audit entry. What was given waits,
sealed, in the session of the browser that brought it, until somebody who may has said whose it is.
"""

from __future__ import annotations

import hashlib
import random
import secrets
import threading
import time
import uuid
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.contrib import admin, messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from connectors import seal
from connectors.access import Grant, Held
from connectors.checks import check_connection
from connectors.contract import AppShop, Company
from connectors.errors import ConnectorError, TemporaryError
from connectors.installing import awaiting, install, is_of_operators_app, new_connection
from connectors.models import Connection
from connectors.registry import APPS, installed_settings, open_app
from connectors.vendors import VENDORS
from tenants.membership import membership_of, require
from tenants.models import Role
from tenants.pages import Question

STATE_LASTS = timedelta(minutes=10)
INSTALL_LASTS = timedelta(minutes=30)
LONGEST = 2_000
STARTED, WAITING, USED = "app_started", "app_waiting", "app_used_codes"
"""Keys of the session."""
COMING_IN = 2
"""So many codes that nobody asked for are exchanged at a time, by each web process."""
_coming_in = threading.BoundedSemaphore(COMING_IN)


class Waiting(msgspec.Struct):
    """An install from the vendor's side that nobody has claimed yet."""

    vendor: str
    company: Company
    grant: Grant
    return_to: str


@never_cache
@require_POST
def start(request: HttpRequest, vendor: str, connection_id: uuid.UUID) -> HttpResponse:
    """Send an administrator's browser to the vendor, to agree for this connection."""
    require(request, Role.ADMINISTRATOR)
    connection = _connection(vendor, str(connection_id))
    state = secrets.token_urlsafe(32)
    try:
        with closing(_shop(request, connection)) as shop:
            address = shop.authorize_address(state, shop.redirect_uri(_our_address(request, vendor)))
    except ConnectorError as error:
        messages.error(request, error.sentence)
        return HttpResponseRedirect(_page_of(connection))
    request.session[STARTED] = {
        "state": _digest(state),
        "connection": str(connection.pk),
        "user": request.user.pk,
        "at": timezone.now().isoformat(),
    }
    return HttpResponseRedirect(address)


@never_cache
@require_GET
def callback(request: HttpRequest, vendor: str) -> HttpResponse:
    """Where the vendor sends the browser back, or to begin with. Leads on at once: the code stays in no address."""
    if vendor not in APPS:
        raise Http404("There is no such app.")
    code, state = request.GET.get("code", ""), request.GET.get("state", "")
    product = VENDORS[vendor].product
    if not code or len(code) > LONGEST:
        request.session.pop(STARTED, None)
        return _told(request, f"{product} was not connected: it sent no code. Begin again if you want to connect it.")
    if _digest(code) in request.session.get(USED, []):
        return _told(request, f"This install of {product} was received already. Nothing was done a second time.")
    try:
        if state:
            return _come_back(request, vendor, code, state)
        return _come_in(request, vendor, code)
    except ConnectorError as error:
        return _told(request, error.sentence)
    except ValidationError as refusal:
        return _told(request, refusal.messages[0])


@never_cache
@require_http_methods(["GET", "POST"])
def choose(request: HttpRequest, vendor: str) -> HttpResponse:
    """Ask an administrator which connection an install from the vendor's side is for, and make it so."""
    if not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path(), reverse("admin:login"))
    require(request, Role.ADMINISTRATOR)
    waiting = _waiting(request, vendor)
    if waiting is None:
        return _told(request, "There is no install to decide on any more. Begin again.")
    if request.method == "GET":
        return _ask(request, waiting)
    if request.POST.get("install") != _digest(waiting.grant.token):
        return _told(request, "Another install came in between. Look at it and decide again.", _choosing(vendor))
    now = timezone.now()
    try:
        with transaction.atomic():
            wanted = request.POST.get("option", "")
            connection = new_connection(vendor, waiting.company, at=now) if wanted == "new" else _chosen(vendor, wanted)
            install(connection, waiting.company, waiting.grant, at=now)
    except ValidationError as refusal:
        return _told(request, refusal.messages[0], _choosing(vendor))
    request.session.pop(WAITING, None)
    return _finish(request, connection, waiting.return_to)


def _come_back(request: HttpRequest, vendor: str, code: str, state: str) -> HttpResponse:
    """We sent this browser: only it, this user, for this connection, for ten minutes, and once."""
    started = request.session.pop(STARTED, None)
    if (
        not started
        or not secrets.compare_digest(started["state"], _digest(state))
        or started["user"] != request.user.pk
        or timezone.now() - datetime.fromisoformat(started["at"]) > STATE_LASTS
    ):
        return _told(request, "This answer does not belong to anything you began here lately. Begin again.")
    require(request, Role.ADMINISTRATOR)
    connection = _connection(vendor, started["connection"])
    _note_used(request, code)
    company, grant = _exchanged(request, connection, code)
    install(connection, company, grant, at=timezone.now())
    return _finish(request, connection, "")


def _come_in(request: HttpRequest, vendor: str, code: str) -> HttpResponse:
    """The vendor sent this browser: nobody is known yet, and the code does not wait. Until it has proved good nothing
    is stored, and no more than a few are asked about at a time: anybody may come with anything."""
    product = VENDORS[vendor].product
    unknown = Connection(vendor=vendor, name=product, settings=installed_settings(vendor))
    if not _coming_in.acquire(blocking=False):
        raise TemporaryError(f"{product} is being connected by others just now. Begin again in a minute.")
    try:
        company, grant = _exchanged(request, unknown, code)
    finally:
        _coming_in.release()
    _note_used(request, code)
    key = uuid.uuid4()
    content = {
        "vendor": vendor,
        "company": company.id,
        "name": company.name,
        "token": grant.token,
        "expires_at": grant.expires_at.isoformat(),
        "refresh_token": grant.refresh_token,
        "return_to": request.GET.get("redirect_uri", "")[:LONGEST],
    }
    sealed = seal.seal(key, key, seal.INSTALL, content).token.decode()
    request.session[WAITING] = {"key": str(key), "sealed": sealed, "at": timezone.now().isoformat()}
    return HttpResponseRedirect(_choosing(vendor))


def _waiting(request: HttpRequest, vendor: str) -> Waiting | None:
    held = request.session.get(WAITING)
    if not held or timezone.now() - datetime.fromisoformat(held["at"]) > INSTALL_LASTS:
        request.session.pop(WAITING, None)
        return None
    key = uuid.UUID(held["key"])
    try:
        content = seal.unseal(key, key, seal.INSTALL, seal.Sealed(held["sealed"].encode()))
    except seal.SealBroken:  # its key is gone: it is like an install that waited too long
        request.session.pop(WAITING, None)
        return None
    if content["vendor"] != vendor:
        return None
    grant = Grant(
        token=content["token"],
        expires_at=datetime.fromisoformat(content["expires_at"]),
        refresh_token=content["refresh_token"],
    )
    return Waiting(vendor, Company(content["company"], content["name"]), grant, content["return_to"])


def _ask(request: HttpRequest, waiting: Waiting) -> HttpResponse:
    product = VENDORS[waiting.vendor].product
    membership = membership_of(request)
    assert membership is not None, "who may install works for a company"
    question = Question(
        title=f"Connect {product} of {waiting.company.name or 'this company'}?",
        facts=[
            f"Our app was just installed in {product} at {waiting.company.name or 'a company'} ({waiting.company.id}).",
            f"Afterwards {membership.tenant} reads the people and the pay of that company.",
            "Go on only if you or a colleague installed it.",
        ],
        button="Connect",
        hidden={"install": _digest(waiting.grant.token)},
        options=[
            *(
                (str(one.pk), one.name, "It is connected again." if one.company else "It waits to be connected.")
                for one in awaiting(waiting.vendor, waiting.company)
            ),
            ("new", "A new connection", "Integrations can use it once it is tested."),
        ],
    )
    context = {"question": question, "title": question.title, "back": reverse("admin:index")}
    return TemplateResponse(request, "pages/question.html", {**admin.site.each_context(request), **context})


def _exchanged(request: HttpRequest, connection: Connection, code: str) -> tuple[Company, Grant]:
    """What the code gives and whose company that is. ConnectorError when the vendor refuses either."""
    world = {**_world(request), "sleep": _not_now}
    with closing(open_app(connection, tokens=(held := Held()), **world)) as shop:
        held.keep(grant := shop.exchange(code, shop.redirect_uri(_our_address(request, connection.vendor))))
        return shop.company(), grant


def _finish(request: HttpRequest, connection: Connection, return_to: str) -> HttpResponse:
    """Test what was installed, end the install unless something needed is refused, and lead the browser on."""
    check_connection(connection, **_world(request))
    if any(finding["level"] == "failed" for finding in connection.findings):
        messages.warning(request, f"{connection} is connected, and needs attention. See what was found.")
        return HttpResponseRedirect(_page_of(connection))
    with closing(_shop(request, connection)) as shop:
        if not shop.mark_installed():
            messages.warning(
                request,
                f"{connection} is connected. {connection.product.product} could not be told that the install is done; "
                "it may show the app as not installed until people are read.",
            )
        if return_to:
            return HttpResponseRedirect(shop.return_address(return_to))
    messages.success(request, f"{connection} is connected.")
    return HttpResponseRedirect(_page_of(connection))


def _not_now(seconds: float) -> None:
    """A browser waits, and a code does not: what does not work at once is begun again by the person."""
    raise TemporaryError("The install could not be completed just now. Begin again in a few minutes.")


def _note_used(request: HttpRequest, code: str) -> None:
    request.session[USED] = [*request.session.get(USED, [])[-20:], _digest(code)]


def _shop(request: HttpRequest, connection: Connection) -> AppShop:
    return open_app(connection, **_world(request))


def _world(request: HttpRequest) -> dict[str, Any]:
    return {
        "now": timezone.now,
        "sleep": time.sleep,
        "random": random.random,
        "correlation_id": getattr(request, "correlation_id", ""),
    }


def _connection(vendor: str, connection_id: str) -> Connection:
    """The connection, of this tenant; Http404 when there is none."""
    try:
        found = Connection.objects.filter(vendor=vendor, pk=connection_id).first()
    except (ValueError, ValidationError):
        found = None
    if found is None:
        raise Http404("There is no such connection in your company.")
    return found


def _chosen(vendor: str, connection_id: str) -> Connection:
    """The connection an install from the vendor's side is to be for. ValidationError when that is of another app."""
    found = _connection(vendor, connection_id)
    if not is_of_operators_app(found):
        raise ValidationError(
            f"{found} is not of the app that was installed. Connect it from its own page, or choose another connection."
        )
    return found


def _our_address(request: HttpRequest, vendor: str) -> str:
    return request.build_absolute_uri(reverse("app_shop", args=[vendor]))


def _choosing(vendor: str) -> str:
    return reverse("app_shop_choose", args=[vendor])


def _page_of(connection: Connection) -> str:
    return reverse("admin:connectors_connection_change", args=[connection.pk])


def _told(request: HttpRequest, sentence: str, where: str = "") -> HttpResponse:
    messages.error(request, sentence)
    return HttpResponseRedirect(where or reverse("admin:index"))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
