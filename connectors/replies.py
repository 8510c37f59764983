"""What a vendor answered, read defensively, and how much of it may be repeated in an error.

An answer is never assumed to be JSON, and never quoted before addresses, numbers and credentials are blanked.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, overload

import msgspec

from connectors.errors import ConnectionConfigError, ConnectorError, OutcomeUnknownError, UnexpectedReplyError

T = TypeVar("T")

_MESSAGE_KEYS = ("detail", "message", "error_description", "title", "error")
_CODE_KEYS = ("code", "error_code", "errorCode", "error")


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A complete answer. Header names are in lower case. ``call`` is method and path template, for details."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    product: str = "The other system"
    call: str = ""
    wrote: bool = False

    @overload
    def json(self) -> Any: ...

    @overload
    def json(self, type: type[T]) -> T: ...

    def json(self, type: Any = Any) -> Any:
        """The body decoded as ``type``.

        UnexpectedReplyError when it is a web page, cut off, or of another shape; OutcomeUnknownError instead when
        this is the answer to a write, because the write has happened for all we know.
        """
        try:
            return _decoder(type).decode(self.body)
        except msgspec.ValidationError as error:
            raise self.unusable("data of an unexpected form", str(error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError):
            pass
        if self.is_web_page:
            raise self.unusable("a web page instead of data", "html")
        raise self.unusable("nothing" if not self.body.strip() else "unreadable or incomplete data", "malformed json")

    @property
    def is_web_page(self) -> bool:
        """True when a person's browser was meant to read this."""
        return "html" in self.headers.get("content-type", "") or self.body.lstrip()[:1] == b"<"

    @property
    def message(self) -> str:
        """The vendor's own words, up to 300 characters, unredacted: for classifying, never for showing or logging."""
        return _problem(self.body, _MESSAGE_KEYS)

    @property
    def code(self) -> str:
        """The vendor's error code where the body is an object that has one."""
        return _problem(self.body, _CODE_KEYS, text=False)

    def unusable(self, what: str, why: str) -> ConnectorError:
        """The error for an answer that cannot be understood; ``what`` completes "… sent"."""
        detail = f"{self.call} -> {self.status}: {why[:200]}"
        if self.wrote:
            return OutcomeUnknownError(
                f"{self.product} answered a change with {what}. It will be looked up before anything is sent again.",
                detail=detail,
            )
        return UnexpectedReplyError(
            f"{self.product} sent {what}. Nothing was inferred from it; check the address, then try again later.",
            detail=detail,
        )


class RefusedReply(ConnectorError):
    """A status the caller did not expect. Vendor modules catch it and say what it means for their vendor."""

    def __init__(self, reply: Reply, *, secrets: Iterable[str] = ()) -> None:
        code = f" {reply.code}" if reply.code and len(reply.code) <= 60 else ""
        said = redacted("a web page" if reply.is_web_page else reply.message, secrets)
        super().__init__(
            f"{reply.product} refused a request (status {reply.status}).",
            detail=f"{reply.call} -> {reply.status}{redacted(code, secrets)}: {said[:200]}",
        )
        self.status = reply.status
        self.reply = reply


class CredentialsRefusedReply(RefusedReply, ConnectionConfigError):
    """A 401 that a new credential did not cure. Where a vendor module says nothing better, the owner is told."""

    def __init__(self, reply: Reply, *, secrets: Iterable[str] = ()) -> None:
        super().__init__(reply, secrets=secrets)
        self.sentence = (
            f"{reply.product} did not accept the credentials of this connection. "
            "Enter new credentials on the connection's page and test it."
        )
        self.args = (self.sentence,)


_MAIL = re.compile(r"[^\s\"'<>]+@[^\s\"'<>]+")
_LONG_TOKEN = re.compile(r"[A-Za-z0-9+/=_.\-]{24,}")
_NUMBER = re.compile(r"\d[\d .\-]{2,}\d")


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """``text`` without ``secrets``, e-mail addresses, numbers of four digits and more, or anything token-like."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    text = _MAIL.sub("***", text)
    text = _LONG_TOKEN.sub("***", text)
    return " ".join(_NUMBER.sub("***", text).split())


_KEY = re.compile(r"\([^/]*\)")
_ID_SEGMENT = re.compile(r"\d+|(?=.*\d)[0-9A-Za-z-]{6,}|.*(?:@|%40).*")


@functools.lru_cache(maxsize=1024)
def path_template(path: str) -> str:
    """``path`` with keys and segments that look like ids replaced, so that errors of one kind read the same."""
    path = _KEY.sub("({id})", path)
    return "/".join("{id}" if _ID_SEGMENT.fullmatch(segment) else segment for segment in path.split("/"))


@functools.lru_cache(maxsize=256)
def _decoder(type: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(type)


def _problem(body: bytes, keys: tuple[str, ...], *, text: bool = True) -> str:
    try:
        data = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return body[:300].decode("utf-8", "replace") if text else ""
    if isinstance(data, list) and data:
        data = data[0]
    if isinstance(data, dict):
        found = next((data[key] for key in keys if isinstance(data.get(key), str | int) and data[key] != ""), "")
        if not found and text:
            nested = next((data[key] for key in ("error", "errors") if isinstance(data.get(key), dict | list)), None)
            return _problem(msgspec.json.encode(nested), keys) if nested else ""
        return str(found)[:300]
    return str(data)[:300] if text and data is not None else ""
