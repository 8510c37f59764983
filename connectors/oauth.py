"""OAuth 2.0 (RFC 6749): credentials that are fetched, shared by all workers, and renewed before they expire.

A token is used until a minute before it expires (half its life when that is shorter; five minutes when the server
does not say), fetched by one worker at a time, and dropped once after a 401. It lives in ``context.tokens``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Protocol
from urllib.parse import quote

import msgspec

from connectors.access import Grant
from connectors.auth import basic, sendable
from connectors.contract import ConnectorContext
from connectors.errors import AccessEndedError, ConnectionConfigError, ConnectorError, TemporaryError
from connectors.hosts import check_address
from connectors.http import Params, VendorHttp
from connectors.replies import Reply, redacted

EXPIRY_MARGIN = 60.0
DEFAULT_LIFETIME = 300.0
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
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


class _Answer(msgspec.Struct):
    """The parts of a token answer we use. ``expires_in`` is in seconds and sometimes text or missing."""

    access_token: str = ""
    refresh_token: str | None = None
    expires_in: float | str | None = None


class TokenEndpoint:
    """Where a vendor hands out tokens, and the client we are there."""

    def __init__(
        self,
        context: ConnectorContext,
        *,
        product: str,
        token_url: str,
        client_id: str,
        client_secret: str,
        client_auth: str = "post",
        assertion: Callable[[], str] | None = None,
        explain: Callable[[Reply], str] = lambda refused: "",
    ) -> None:
        check_address(
            token_url,
            allowed=context.allowed_hosts,
            allow_loopback=context.allow_loopback,
            product=f"the sign-in of {product}",
        )
        if not client_id.strip() or not (client_secret.strip() or assertion):
            raise ConnectionConfigError(f"The client ID or the client secret for {product} is missing.")
        if client_auth not in ("post", "basic"):
            raise ConnectionConfigError(f"The way the client signs in to {product} must be post or basic.")
        self._context = context
        self._product = product
        self._token_url = token_url.strip()
        self._client_id = client_id.strip()
        self._secret = client_secret.strip()
        self._client_auth = client_auth
        self._assertion = assertion
        self._explain = explain

    def __repr__(self) -> str:
        return f"TokenEndpoint({self._product!r}, ***)"

    def ask(self, http: VendorHttp, form: Params, *, invalid_grant: str = "") -> Grant:
        """What the endpoint gives for ``form``; the client's own parts are added.

        ConnectionConfigError when it refuses for good: an AccessEndedError with ``invalid_grant`` as its sentence where
        that is what the endpoint says; TemporaryError when it may give later; UnexpectedReplyError when it gives no
        token.
        """
        form, headers = list(form), {}
        if self._assertion is not None:
            form += [("client_id", self._client_id), ("client_assertion_type", JWT_BEARER)]
            form += [("client_assertion", self._assertion())]
        elif self._client_auth == "basic":
            # RFC 6749 §2.3.1: both are form-encoded before they are joined.
            headers["Authorization"] = basic(quote(self._client_id, safe=""), quote(self._secret, safe=""))
        else:
            form += [("client_id", self._client_id), ("client_secret", self._secret)]
        asked_at = self._context.now()
        reply = http.post_form(self._token_url, form, headers)
        if reply.status != 200:
            raise self._refusal(reply, invalid_grant)
        answer = reply.json(_Answer)
        if not answer.access_token:
            raise reply.unusable("a sign-in answer without a token", "no access_token")
        lifetime = _seconds(answer.expires_in)
        usable = lifetime - min(EXPIRY_MARGIN, lifetime / 2)
        return Grant(
            token=sendable(answer.access_token, "token"),
            expires_at=asked_at + timedelta(seconds=usable),
            refresh_token=answer.refresh_token or "",
        )

    def _refusal(self, reply: Reply, invalid_grant: str) -> ConnectorError:
        detail = f"{reply.call} -> {reply.status} {redacted(reply.code, [self._secret, self._client_id])[:60]}"
        if reply.code == "invalid_grant" and invalid_grant:
            return AccessEndedError(invalid_grant, detail=detail)
        if reply.code in PERMANENT_TOKEN_ERRORS or reply.status in (400, 401, 403, 404):
            return ConnectionConfigError(
                self._explain(reply)
                or f"{self._product} refused the sign-in with this client ID and client secret. "
                "Enter them again on the connection's page, or ask for new ones.",
                detail=detail,
            )
        return TemporaryError(f"{self._product} could not sign us in just now. It will be tried again.", detail=detail)


class _Fetch(Protocol):
    def __call__(self, http: VendorHttp, held: Grant | None) -> Grant: ...


class _Renewed:
    """A bearer token from ``context.tokens``, replaced by what ``fetch`` brings."""

    def __init__(self, context: ConnectorContext, fetch: _Fetch) -> None:
        self._context = context
        self._fetch = fetch
        self._held: Grant | None = None
        self._used = threading.local()
        self._stale: set[str] = set()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"

    def headers(self, http: VendorHttp) -> dict[str, str]:
        """The bearer header with a token that is good for now; fetches one where there is none."""
        token = self._current(http).token
        self._used.token = token
        return {"Authorization": f"Bearer {token}"}

    def refresh(self) -> bool:
        """Drop the token this thread was refused with; another thread's newer one stays."""
        token = getattr(self._used, "token", None)
        if token is not None:
            self._stale.add(token)
        return True

    def _current(self, http: VendorHttp) -> Grant:
        held = self._held
        if held is None or not self._good(held):
            held = self._context.tokens.read()
            if held is None or not self._good(held):
                stale = held.token if held else None
                held = self._context.tokens.refresh(stale, lambda present: self._fetch(http, present))
            self._held = held
        return held

    def _good(self, held: Grant) -> bool:
        return held.token not in self._stale and held.expires_at > self._context.now()


class ClientCredentials(_Renewed):
    """The client credentials grant (§4.4): a client ID and a secret are all it takes, or instead of the secret an
    ``assertion`` that is signed anew each time (RFC 7523 §2.2). ``explain`` may
    have a better sentence for a refusal."""

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
        assertion: Callable[[], str] | None = None,
        explain: Callable[[Reply], str] = lambda refused: "",
    ) -> None:
        endpoint = TokenEndpoint(
            context,
            product=product,
            token_url=token_url,
            client_id=client_id,
            client_secret=client_secret,
            client_auth=client_auth,
            assertion=assertion,
            explain=explain,
        )
        extra = [(name, value) for name, value in (("scope", scope), ("audience", audience)) if value]
        form = [("grant_type", "client_credentials"), *extra]
        super().__init__(context, lambda http, held: endpoint.ask(http, form))


class AuthorizedApp(_Renewed):
    """The authorization code grant (§4.1) after a person has agreed: what they gave is renewed by its refresh token.

    A refresh token may be good for one use. The answer's new one is stored with the new access token in the same
    transaction, by the one worker that holds the row's lock; an answer without a new one leaves the old one in place.
    Should the process die after the vendor has made the new one and before that transaction commits, nobody has a
    refresh token any more and an administrator must connect again: nothing but that commit lies in between. An
    answer that is lost on the way is asked for again with the same refresh token, as there is no other.
    """

    def __init__(self, context: ConnectorContext, endpoint: TokenEndpoint, *, product: str) -> None:
        self._endpoint = endpoint
        self._product = product
        super().__init__(context, self._renew)

    def _renew(self, http: VendorHttp, held: Grant | None) -> Grant:
        if held is None or not held.refresh_token:
            raise ConnectionConfigError(
                f"{self._product} is not connected yet, or the sign-in has ended. An administrator must connect it on "
                "the connection's page."
            )
        form = [("grant_type", "refresh_token"), ("refresh_token", held.refresh_token)]
        gone = (
            f"{self._product} has ended our access: the administrator who connected it may have left the company, or "
            "the app was removed. Another administrator must connect again on the connection's page."
        )
        grant = self._endpoint.ask(http, form, invalid_grant=gone)
        return grant if grant.refresh_token else msgspec.structs.replace(grant, refresh_token=held.refresh_token)


def _seconds(value: float | str | None) -> float:
    try:
        seconds = float(value) if value is not None else DEFAULT_LIFETIME
    except ValueError:
        return DEFAULT_LIFETIME
    return seconds if seconds > 0 else DEFAULT_LIFETIME
