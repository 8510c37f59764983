"""The one way out: an HTTP client that knows what was sent, what was not, and what nobody knows.

Reads are repeated until an answer or the end of our patience. Writes are repeated only when they provably did not
happen: never sent, refused for the credential (401) or for the rate (429). Redirects are never followed, and
credentials never leave the host of the base URL.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import ssl
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit

import httpx
import ijson
import msgspec

from connectors.contract import ConnectorContext
from connectors.errors import (
    ConnectionConfigError,
    ConnectorError,
    OutcomeUnknownError,
    TemporaryError,
    UnexpectedReplyError,
)
from connectors.hosts import check_address, origin
from connectors.patience import NOT_SENT, Patience
from connectors.replies import CredentialsRefusedReply, RefusedReply, Reply, path_template, redacted
from connectors.streaming import Source

__all__ = ["Auth", "CredentialsRefusedReply", "RefusedReply", "Reply", "VendorHttp", "redacted"]

T = TypeVar("T")
R = TypeVar("R")
Params = Sequence[tuple[str, str]]

USER_AGENT = "ml-connector/0.1"
CONNECT_TIMEOUT = 10.0
CHUNK = 65536
RETRIED = frozenset({408, 429, 500, 502, 503, 504})

# httpx logs every URL at INFO; a filter in a query may hold a person's address.
logging.getLogger("httpx").setLevel(logging.WARNING)


class Auth(Protocol):
    """How a request proves who sends it."""

    def headers(self, http: VendorHttp) -> dict[str, str]:
        """The credential's headers, built anew for every attempt."""
        ...

    def refresh(self) -> bool:
        """After a 401: True when another credential is there to try with, once."""
        ...


class VendorHttp:
    """One vendor host of one connection. Thread-safe; one connection pool."""

    def __init__(
        self,
        context: ConnectorContext,
        *,
        product: str,
        base_url: str,
        auth: Auth,
        read_timeout: float = 60,
        max_body: int = 256 * 2**20,
        attempts: int = 5,
        headers: Mapping[str, str] | None = None,
        concurrency: int = 8,
    ) -> None:
        self.product = product
        self.base_url = base_url.strip().rstrip("/")
        self._context = context
        self._origin = origin(self._checked(self.base_url))
        self._auth = auth
        self._max_body = max_body
        self._attempts = attempts
        self._headers = {
            "User-Agent": USER_AGENT,
            "Accept": "application/json",
            "X-Correlation-Id": context.correlation_id,
            **(headers or {}),
        }
        self._deadline = timedelta(seconds=read_timeout * 10)
        limits = httpx.Limits(max_connections=concurrency + 2, max_keepalive_connections=concurrency + 2)
        self._client = httpx.Client(
            verify=_tls(),
            timeout=httpx.Timeout(read_timeout, connect=CONNECT_TIMEOUT),
            limits=limits,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            mounts={"all://127.0.0.1": None, "all://localhost": None, "all://[::1]": None},
        )

    def __repr__(self) -> str:
        return f"VendorHttp({self.product!r}, {self.base_url!r})"

    def read(
        self,
        path: str,
        params: Params = (),
        *,
        headers: Mapping[str, str] | None = None,
        accept: Collection[int] = (200,),
    ) -> Reply:
        """GET ``path`` below the base URL, repeated as often as makes sense.

        RefusedReply for a status not in ``accept``, TemporaryError when no answer came, RateLimitedError when the
        vendor kept us waiting for more than a quarter of an hour.
        """
        return self._persist(_Call("GET", self._url(path, params), headers), accept, self._whole)

    def read_link(self, link: str, params: Params = (), *, after: str = "/") -> Reply:
        """GET a vendor's link to the next page; ``after`` is the path it was found on, for relative ones.

        Those of ``params`` whose names the link does not have are added, because some vendors' links forget them.
        UnexpectedReplyError when the link leads to another scheme, host or port.
        """
        target = urlsplit(urljoin(self.base_url + after, link))
        try:
            same = origin(target) == self._origin and "@" not in target.netloc
        except ValueError:
            same = False
        if not same:
            raise UnexpectedReplyError(
                f"{self.product} pointed to another web address for its next page. It was not followed, because your "
                "credentials would have been sent there.",
                detail=f"next link to {redacted(target.hostname or 'an invalid address')}",
            )
        query = parse_qsl(target.query, keep_blank_values=True)
        present = {name for name, _ in query}
        query += [pair for pair in params if pair[0] not in present]
        url = target._replace(query=_query(query), fragment="").geturl()
        return self._persist(_Call("GET", url, None), (200,), self._whole)

    def stream(self, path: str, params: Params = (), *, item: type[T], prefix: str = "item") -> Iterator[T]:
        """GET a large JSON list and yield its items as they arrive, in constant memory.

        ``prefix`` is where the items are: "item" for a bare array, "data.item" inside an object. A list that
        breaks off is an error, never a short list: before the first item it is read again, later TemporaryError.
        """
        call = _Call("GET", self._url(path, params), None)
        response, first, rest = self._persist(call, (200,), functools.partial(self._first_item, prefix))
        with contextlib.closing(response):
            raw = first
            while raw is not _END:
                try:
                    converted = msgspec.convert(raw, item)
                except msgspec.ValidationError as error:
                    raise self._reply(call, response, b"").unusable("data of an unexpected form", str(error)) from None
                yield converted
                try:
                    raw = next(rest, _END)
                except (ijson.JSONError, httpx.HTTPError) as error:
                    raise TemporaryError(
                        f"{self.product} broke off a list in the middle. It will be read again.",
                        detail=f"{call} -> {type(error).__name__}",
                    ) from None

    def download(self, link: str, *, hosts: Collection[str]) -> Iterator[bytes]:
        """GET a file that the vendor put on one of ``hosts`` (or its own), in pieces and without our credential.

        ConnectionConfigError when the link leads anywhere else. A file that breaks off is an error, never a short
        file: before the first piece it is asked for again, later TemporaryError.
        """
        context = self._context
        allowed = context.allowed_hosts | frozenset(hosts)
        product = f"the file of {self.product}"
        check_address(link, allowed=allowed, allow_loopback=context.allow_loopback, product=product, is_link=True)
        call = _Call("GET", link, None, anonymous=True, shown="GET a file")
        response, source, piece = self._persist(call, (200,), _opened)
        with contextlib.closing(response):
            while piece:
                yield piece
                try:
                    piece = source.read(CHUNK)
                except httpx.HTTPError as error:
                    raise TemporaryError(
                        f"{self.product} broke off a file in the middle. It will be read again.",
                        detail=f"{call} -> {type(error).__name__}",
                    ) from None

    def write(
        self,
        method: str,
        path: str,
        body: object,
        *,
        params: Params = (),
        headers: Mapping[str, str] | None = None,
        accept: Collection[int] = (200, 201, 202),
    ) -> Reply:
        """Send a change as JSON (``None``: no body; bytes: as they are), at most once as far as the vendor knows.

        TemporaryError when it was never sent; RefusedReply for a 4xx, after which nothing has happened;
        OutcomeUnknownError for everything else that is not in ``accept``: it may have happened.
        """
        content = body if isinstance(body, bytes) or body is None else msgspec.json.encode(body)
        extra = dict(headers or {})
        if content is not None:
            extra.setdefault("Content-Type", "application/json")
        call = _Call(method, self._url(path, params), extra, content, writes=True)
        return self._persist(call, accept, self._whole)

    def post_form(self, url: str, form: Params, headers: Mapping[str, str]) -> Reply:
        """POST a form to a token endpoint, without the connection's own credential; repeated like a read.

        Every answer below 500 is returned. ``url`` must pass the same host rules as the base URL. An answer is waited
        for ten times as long as any other: one that is given up may have used up what the form holds.
        """
        self._checked(url)
        extra = {"Content-Type": "application/x-www-form-urlencoded", **headers}
        call = _Call(
            "POST", url, extra, urlencode(list(form)).encode(), anonymous=True, timeout=self._deadline.total_seconds()
        )
        return self._persist(call, range(200, 500), self._whole)

    def close(self) -> None:
        """Release the sockets. Idempotent."""
        self._client.close()

    def _checked(self, url: str) -> Any:
        context = self._context
        return check_address(
            url, allowed=context.allowed_hosts, allow_loopback=context.allow_loopback, product=self.product
        )

    def _url(self, path: str, params: Params) -> str:
        return self.base_url + path + (f"?{_query(params)}" if params else "")

    def _persist(self, call: _Call, accept: Collection[int], consume: Callable[[_Call, httpx.Response], R]) -> R:
        """The retry loop of everything above: send, and decide what an answer or its absence means."""
        patience = Patience(self._context, self.product, str(call), self._attempts)
        refreshed = False
        while True:
            try:
                response = self._send(call)
                if response.status_code in accept and response.status_code != 429:
                    return consume(call, response)
            except httpx.HTTPError as error:
                if call.writes and not isinstance(error, NOT_SENT):
                    raise self._unknown(call, type(error).__name__) from None
                patience.after_loss(error)
                continue
            reply = self._remains(call, response)
            if reply.status == 429:
                patience.after_429(reply)
            elif reply.status == 401 and not refreshed and not call.anonymous and self._auth.refresh():
                refreshed = True
            elif call.writes and not (400 <= reply.status < 500 and reply.status != 408):
                raise self._unknown(call, f"status {reply.status}")
            elif reply.status in RETRIED or reply.status >= 500:
                patience.after_failure(reply, self.refusal(reply).detail)
            else:
                raise self.refusal(reply)

    def refusal(self, reply: Reply) -> RefusedReply:
        """The error for an answer with a status nobody asked for, redacted."""
        kind = CredentialsRefusedReply if reply.status == 401 else RefusedReply
        return kind(reply, secrets=self._context.credentials.values())

    def _send(self, call: _Call) -> httpx.Response:
        self._context.budget.acquire()
        headers = self._headers | dict(call.headers or {})
        if not call.anonymous:
            # Made after the wait for our turn: a token may expire while we wait.
            headers |= self._auth.headers(self)
        timeout = httpx.USE_CLIENT_DEFAULT if call.timeout is None else httpx.Timeout(call.timeout)
        try:
            request = self._client.build_request(
                call.method, call.url, headers=headers, content=call.content, timeout=timeout
            )
            if call.writes:
                self._context.before_write()
            return self._client.send(request, stream=True, follow_redirects=False)
        except (httpx.LocalProtocolError, httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeEncodeError):
            raise ConnectionConfigError(
                f"The settings for {self.product} contain characters that cannot be sent. "
                "Copy the credentials and addresses again.",
                detail=f"{call} could not be written as a request",
            ) from None

    def _whole(self, call: _Call, response: httpx.Response) -> Reply:
        with contextlib.closing(response):
            return self._reply(call, response, self._body(call, response))

    def _body(self, call: _Call, response: httpx.Response) -> bytes:
        deadline = self._context.now() + self._deadline
        chunks: list[bytes] = []
        size = 0
        for chunk in response.iter_bytes():
            size += len(chunk)
            if size > self._max_body:
                raise self._reply(call, response, b"").unusable("far more data than expected", f"over {size} bytes")
            if self._context.now() > deadline:
                raise httpx.ReadTimeout("the answer trickles")
            chunks.append(chunk)
        return b"".join(chunks)

    def _remains(self, call: _Call, response: httpx.Response) -> Reply:
        """An answer whose status decides, with as much of its body as arrives."""
        try:
            return self._whole(call, response)
        except (httpx.HTTPError, ConnectorError):
            return self._reply(call, response, b"")

    def _reply(self, call: _Call, response: httpx.Response, body: bytes) -> Reply:
        return Reply(
            status=response.status_code,
            headers=dict(response.headers.items()),
            body=body,
            product=self.product,
            call=str(call),
            wrote=call.writes,
        )

    def _first_item(
        self, prefix: str, call: _Call, response: httpx.Response
    ) -> tuple[httpx.Response, Any, Iterator[Any]]:
        source = Source(response)
        try:
            items = iter(ijson.items(source, prefix, use_float=False))
            first = next(items, _END)
        except ijson.JSONError as error:
            response.close()
            if source.opening and source.opening.lstrip()[:1] != (b"[" if prefix == "item" else b"{"):
                raise self._not_a_list(call, response, source) from None
            raise httpx.RemoteProtocolError(type(error).__name__) from None
        except BaseException:
            response.close()
            raise
        if first is _END and not source.holds_empty_list(prefix):
            response.close()
            raise self._not_a_list(call, response, source)
        return response, first, items

    def _not_a_list(self, call: _Call, response: httpx.Response, source: Source) -> ConnectorError:
        reply = self._reply(call, response, source.opening)
        return reply.unusable("a web page instead of data" if reply.is_web_page else "no list", "no list found")

    def _unknown(self, call: _Call, why: str) -> OutcomeUnknownError:
        return OutcomeUnknownError(
            f"{self.product} did not confirm a change. It may or may not have been made; it will be looked up before "
            "anything is sent again.",
            detail=f"{call} -> {why}",
        )


class _Call(msgspec.Struct, frozen=True):
    """One thing to ask for, as often as it takes. ``str`` gives method and path template, nothing else."""

    method: str
    url: str
    headers: Mapping[str, str] | None
    content: bytes | None = None
    writes: bool = False
    anonymous: bool = False
    timeout: float | None = None
    shown: str = ""
    """What errors say of a URL that is itself a secret."""

    def __str__(self) -> str:
        return self.shown or f"{self.method} {path_template(urlsplit(self.url).path)}"


def _opened(call: _Call, response: httpx.Response) -> tuple[httpx.Response, Source, bytes]:
    source = Source(response)
    try:
        return response, source, source.read(CHUNK)
    except BaseException:
        response.close()
        raise


_END: Any = object()


def _query(params: Params) -> str:
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in params)


@functools.cache
def _tls() -> ssl.SSLContext:
    """One TLS context for all clients: loading the certificates takes longer than a request."""
    return httpx.create_ssl_context()
