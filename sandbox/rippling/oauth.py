"""The App Shop over HTTP: the page on which an administrator agrees, and the token endpoint.

Source: rippling §1.2–§1.4; RFC 6749 §2.3.1, §5. The client proves itself by Basic and in no other way.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from aiohttp import web

from sandbox.rippling.app_shop import RefusedGrant, Terms
from sandbox.rippling.company import RipplingCompany

TOKEN_PATH = "/api/o/token/"
SEED_TOKEN_PATH = "/auth/oauth2/token"
"""Served for companies with the option ``seed_token_url`` alone: no source confirms it (rippling §0)."""

LISTING_PATH = "/apps/PLATFORM/{name}"
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


@dataclass(frozen=True)
class TokenRequest:
    client: tuple[str, str] | None
    """Id and secret as Basic names them."""
    form: dict[str, str]
    path: str

    def holder(self, companies: Sequence[RipplingCompany]) -> RipplingCompany | None:
        """Whose code or refresh token this is, or any company with the client; None for an unknown client."""
        served = [c for c in companies if self.path == TOKEN_PATH or c.behaviour.seed_token_url]
        known = [c for c in served if self.client is not None and c.app.app.client_id == self.client[0]]
        code, refresh = self.form.get("code", ""), self.form.get("refresh_token", "")
        return next((c for c in known if code in c.app.codes or refresh in c.app.refresh), known[0] if known else None)


TOKEN_REQUEST = web.RequestKey("token_request", TokenRequest)


async def read(request: web.Request) -> TokenRequest:
    """The request, from a form of either kind; any other body says nothing."""
    posted = await request.post() if request.content_type in FORMS else {}
    form = {name: value for name, value in posted.items() if isinstance(value, str)}
    return TokenRequest(_basic(request.headers.get("Authorization", "")), form, request.path)


def grant(wanted: TokenRequest, company: RipplingCompany | None) -> web.Response:
    """What the token endpoint answers. A code or refresh token is used up even if nobody waits for the answer."""
    if company is None or wanted.client != (company.app.app.client_id, company.app.app.client_secret):
        return _answer({"error": "invalid_client"}, 401)
    behaviour, moment = company.behaviour, company.server_time
    terms = Terms(behaviour.expires_in, behaviour.rotate, behaviour.revoke_on_reuse, behaviour.refresh_ends_access)
    form = wanted.form
    try:
        match form.get("grant_type"):
            case "authorization_code":
                given = company.app.exchange(form.get("code", ""), form.get("redirect_uri", ""), terms, moment)
            case "refresh_token":
                given = company.app.renew(form.get("refresh_token", ""), terms, moment)
            case _:
                return _answer({"error": "unsupported_grant_type"}, 400)
    except RefusedGrant:
        return _answer({"error": "invalid_grant"}, 400)
    return _answer({**given, "scope": " ".join(sorted(behaviour.scopes))}, 200)


def authorize(request: web.Request, company: RipplingCompany | None) -> web.Response:
    """The administrator agrees at once. Back goes only who asked rightly; everybody else sees a page of Rippling's."""
    client_id, redirect_uri = request.query.get("client_id"), request.query.get("redirect_uri")
    if company is None or client_id != company.app.app.client_id or redirect_uri != company.app.app.redirect_uri:
        return page("This app cannot be connected: its client or its address is not registered.", 400)
    state = {"state": request.query["state"]} if "state" in request.query else {}
    return _to(f"{redirect_uri}?{urlencode({'code': new_code(company), **state})}")


def listing(company: RipplingCompany | None) -> web.Response:
    """The app's page in the App Shop, on which the administrator presses Install at once."""
    if company is None:
        return page("There is no such app.", 404)
    return _to(company.app.install_url(new_code(company), False, None))


def new_code(company: RipplingCompany) -> str:
    return company.app.code(company.server_time + timedelta(seconds=company.behaviour.code_seconds))


def newest_sign_in(companies: Sequence[RipplingCompany], name: str) -> RipplingCompany | None:
    """The company with an app of this name whose administrator signed in last."""
    known = [c for c in companies if c.app.app.name == name]
    return max(known, key=lambda c: c.app.signed_in_at, default=None)


def page(text: str, status: int = 200) -> web.Response:
    html = f"<!DOCTYPE html><html><body><p>{text}</p></body></html>"
    return web.Response(status=status, text=html, content_type="text/html")


def _to(url: str) -> web.Response:
    return web.Response(status=302, headers={"Location": url})


def _answer(body: dict[str, object], status: int) -> web.Response:
    headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
    if status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="rippling"'
    return web.json_response(body, status=status, headers=headers)


def _basic(header: str) -> tuple[str, str] | None:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return client_id, secret
