"""The ways a request proves who sends it. No object here shows its secret when printed."""

from __future__ import annotations

import base64
import threading
from datetime import datetime, timedelta
from urllib.parse import quote

import msgspec

from connectors.contract import ConnectorContext
from connectors.errors import ConnectionConfigError, TemporaryError
from connectors.hosts import check_address
from connectors.http import VendorHttp
from connectors.replies import Reply, redacted

EXPIRY_MARGIN = 60.0
DEFAULT_LIFETIME = 300.0
PERMANENT_TOKEN_ERRORS = frozenset(
    {
        "invalid_client",
        "unauthorized_client",
        "invalid_scope",
        "invalid_grant",
        "unsupported_grant_type",
        "access_denied",
    }
)


class _Fixed:
    """A credential that is the same for every request and cannot be renewed by us."""

    def __init__(self, headers: dict[str, str]) -> None:
        self._headers = headers

    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"

    def headers(self, http: VendorHttp) -> dict[str, str]:
        """The same headers every time."""
        return self._headers

    def refresh(self) -> bool:
        """False: only a person can enter another one."""
        return False


class BearerToken(_Fixed):
    """A token a person was given, sent as ``Authorization: Bearer``."""

    def __init__(self, token: str) -> None:
        super().__init__({"Authorization": f"Bearer {sendable(token, 'token')}"})


class ApiKeyHeader(_Fixed):
    """A key in a header of the vendor's own."""

    def __init__(self, name: str, key: str) -> None:
        super().__init__({name: sendable(key, "API key")})


class Basic(_Fixed):
    """User name and password, sent as ``Authorization: Basic`` (UTF-8)."""

    def __init__(self, user: str, password: str) -> None:
        super().__init__({"Authorization": basic(user, password)})


class _Grant(msgspec.Struct):
    """The parts of a token answer we use. ``expires_in`` is in seconds and sometimes text or missing."""

    access_token: str = ""
    expires_in: float | str | None = None


class ClientCredentials:
    """OAuth 2.0 client credentials (RFC 6749 §4.4). The token lives in ``context.tokens``, shared by all workers.

    A token is used until a minute before it expires (half its life when that is shorter; five minutes when the
    server does not say), fetched by one worker at a time, and dropped once after a 401.
    """

    def __init__(
        self,
        context: ConnectorContext,
        *,
        product: str,
        token_url: str,
        client_id: str,
        client_secret: str,
        client_auth: str = "post",
        scope: str = "",
        audience: str = "",
    ) -> None:
        check_address(
            token_url,
            allowed=context.allowed_hosts,
            allow_loopback=context.allow_loopback,
            product=f"the sign-in of {product}",
        )
        if not client_id.strip() or not client_secret.strip():
            raise ConnectionConfigError(f"The client ID or the client secret for {product} is missing.")
        if client_auth not in ("post", "basic"):
            raise ConnectionConfigError(f"The way the client signs in to {product} must be post or basic.")
        self._context = context
        self._product = product
        self._token_url = token_url.strip()
        self._client_id = client_id.strip()
        self._secret = client_secret.strip()
        self._client_auth = client_auth
        self._extra = [(name, value) for name, value in (("scope", scope), ("audience", audience)) if value]
        self._held: tuple[str, datetime] | None = None
        self._used = threading.local()
        self._stale: set[str] = set()

    def __repr__(self) -> str:
        return f"ClientCredentials({self._product!r}, ***)"

    def headers(self, http: VendorHttp) -> dict[str, str]:
        """The bearer header with a token that is good for now; fetches one where there is none."""
        token = self._current(http)
        self._used.token = token
        return {"Authorization": f"Bearer {token}"}

    def refresh(self) -> bool:
        """Drop the token this thread was refused with; another thread's newer one stays."""
        token = getattr(self._used, "token", None)
        if token is not None:
            self._stale.add(token)
        return True

    def _current(self, http: VendorHttp) -> str:
        held = self._held
        if held is None or not self._good(held):
            held = self._context.tokens.read()
            if held is None or not self._good(held):
                token = self._context.tokens.refresh(held[0] if held else None, lambda: self._fetch(http))
                held = self._context.tokens.read() or (token, self._context.now())
                held = held if held[0] == token else (token, self._context.now())
            self._held = held
        return held[0]

    def _good(self, held: tuple[str, datetime]) -> bool:
        return held[0] not in self._stale and held[1] > self._context.now()

    def _fetch(self, http: VendorHttp) -> tuple[str, datetime]:
        form = [("grant_type", "client_credentials"), *self._extra]
        headers = {}
        if self._client_auth == "basic":
            # RFC 6749 §2.3.1: both are form-encoded before they are joined.
            headers["Authorization"] = basic(quote(self._client_id, safe=""), quote(self._secret, safe=""))
        else:
            form += [("client_id", self._client_id), ("client_secret", self._secret)]
        asked_at = self._context.now()
        reply = http.post_form(self._token_url, form, headers)
        if reply.status != 200:
            raise self._refusal(reply)
        grant = reply.json(_Grant)
        if not grant.access_token:
            raise reply.unusable("a sign-in answer without a token", "no access_token")
        lifetime = _seconds(grant.expires_in)
        usable = lifetime - min(EXPIRY_MARGIN, lifetime / 2)
        return sendable(grant.access_token, "token"), asked_at + timedelta(seconds=usable)

    def _refusal(self, reply: Reply) -> ConnectionConfigError | TemporaryError:
        detail = f"{reply.call} -> {reply.status} {redacted(reply.code, [self._secret, self._client_id])[:60]}"
        if reply.code in PERMANENT_TOKEN_ERRORS or reply.status in (400, 401, 403, 404):
            return ConnectionConfigError(
                f"{self._product} refused the sign-in with this client ID and client secret. "
                "Enter them again on the connection's page, or ask for new ones.",
                detail=detail,
            )
        return TemporaryError(f"{self._product} could not sign us in just now. It will be tried again.", detail=detail)


def basic(user: str, password: str) -> str:
    """The value of an ``Authorization`` header for user name and password."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def sendable(secret: str, what: str) -> str:
    """``secret`` without surrounding blanks, or ConnectionConfigError when no header can carry it."""
    secret = secret.strip()
    if not secret:
        raise ConnectionConfigError(f"The {what} is missing. Enter it on the connection's page.")
    if not (secret.isascii() and secret.isprintable()):
        raise ConnectionConfigError(f"The {what} contains characters no {what} has. Copy it again.")
    return secret


def _seconds(value: float | str | None) -> float:
    try:
        seconds = float(value) if value is not None else DEFAULT_LIFETIME
    except ValueError:
        return DEFAULT_LIFETIME
    return seconds if seconds > 0 else DEFAULT_LIFETIME
