"""Client credentials at ``/oauth2/token`` (plex §9.2, RFC 6749 §2.3.1, §4.4, §5) and the discovery document."""

from __future__ import annotations

import base64
import binascii
import secrets
from datetime import timedelta
from urllib.parse import parse_qsl, unquote_plus

from aiohttp import web

from sandbox.plex.company import PlexCompany

TOKEN_PATH = "/oauth2/token"
DISCOVERY_PATH = "/.well-known/openid-configuration"
FORM = "application/x-www-form-urlencoded"


class TokenRequest:
    """The client of a token request, however it names itself; ``client_id`` is empty when it does not."""

    def __init__(self, request: web.Request, body: bytes) -> None:
        self.is_form = request.content_type == FORM
        self.form = dict(parse_qsl(body.decode("latin-1"))) if self.is_form else {}
        self.basic = _basic(request.headers.get("Authorization", ""))
        self.client_id, self.client_secret = self.basic or (
            self.form.get("client_id", ""),
            self.form.get("client_secret", ""),
        )


TOKEN_REQUEST = web.RequestKey("token_request", TokenRequest)


def grant(wanted: TokenRequest, company: PlexCompany | None) -> tuple[str | None, web.Response]:
    """A new access token, if granted, and the answer."""
    if not wanted.is_form:
        return None, _error(415, "invalid_request")
    grant_type = wanted.form.get("grant_type")
    both = wanted.basic is not None and "client_secret" in wanted.form
    if grant_type is None or both:
        return None, _error(400, "invalid_request")
    if company is None or not _proved(wanted, company):
        return None, _error(401, "invalid_client")
    if grant_type != "client_credentials":
        return None, _error(400, "unsupported_grant_type")
    token, lifetime = secrets.token_urlsafe(32), company.settings.token_lifetime
    company.tokens[token] = company.now() + timedelta(seconds=lifetime)
    answer = {"access_token": token, "token_type": "Bearer", "expires_in": lifetime}
    return token, web.json_response(answer, headers={"Cache-Control": "no-store", "Pragma": "no-cache"})


def discovery(request: web.Request) -> web.Response:
    host = str(request.url.origin())
    return web.json_response(
        {
            "issuer": host,
            "token_endpoint": f"{host}{TOKEN_PATH}",
            "grant_types_supported": ["client_credentials"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        }
    )


def _proved(wanted: TokenRequest, company: PlexCompany) -> bool:
    used = "basic" if wanted.basic is not None else "post"
    return used == company.settings.client_auth and wanted.client_secret == company.client_secret


def _basic(header: str) -> tuple[str, str] | None:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return unquote_plus(client_id), unquote_plus(secret)


def _error(status: int, code: str) -> web.Response:
    headers = {"WWW-Authenticate": 'Basic realm="plex"'} if status == 401 else {}
    return web.json_response({"error": code}, status=status, headers=headers)
