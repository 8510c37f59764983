"""What Dynamics says when it refuses, in words for staff. Source: dynamics §9.

The useful text is inside of ``innererror``, in the language of the service's user, between the names of tables and
methods. It is searched to classify, and shown only without names, numbers and amounts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from connectors.errors import ConnectionConfigError, ConnectorError, RecordRejectedError, TemporaryError
from connectors.replies import redacted

_SHORT_MESSAGE = 300
_NOISE = re.compile(r"^(validateWrite|validateField|validateDelete|Write|Insert|Update|Delete) failed\b")
_LEVEL = re.compile(r"^(Infolog|Warning|Error|Info)\s*:\s*", re.IGNORECASE)
_ROLLED_BACK = re.compile(r"\b(Write|Insert|Update|Delete) failed for table row\b")
_CONFLICT = re.compile(r"\bupdate conflict\b", re.IGNORECASE)
_AMOUNT = re.compile(r"-?\d[\d.,' ]*[.,]\d{2}\b")


class AccessError(ConnectionConfigError):
    """Dynamics does not let us at something. ``access`` is the word a check's ``Finding`` uses for it."""

    def __init__(self, sentence: str, *, access: str, detail: str = "") -> None:
        super().__init__(sentence, detail=detail)
        self.access = access


class RefusedError(RecordRejectedError):
    """Dynamics refused one change, and nothing of it happened. ``said`` are its own words, unredacted: for
    classifying, never for showing or logging."""

    def __init__(self, sentence: str, *, said: str, status: int, detail: str = "", field: str = "") -> None:
        super().__init__(sentence, detail=detail, field=field)
        self.said = said
        self.status = status


class _Inner(msgspec.Struct):
    message: str | None = None


class _Error(msgspec.Struct):
    message: str | None = None
    innererror: _Inner | None = None


class _Body(msgspec.Struct):
    error: _Error | None = None
    message: str | None = msgspec.field(default=None, name="Message")


def words(body: bytes) -> str:
    """What Dynamics itself says of the mistake, without the names of methods, each sentence once; unredacted."""
    return "; ".join(dict.fromkeys(_sentences(_raw(body))))


def refusal(status: int, body: bytes, *, call: str, what: str, personal: Iterable[str] = ()) -> ConnectorError:
    """The error for a refused change of ``what``, after which nothing has happened. ``personal`` values are blanked
    in Dynamics' own words."""
    said = words(body)
    detail = f"{call} -> {status}: {blanked(said, personal)[:200]}"
    if status == 403:
        return AccessError(
            f"Dynamics does not allow this connection to change {what}. Give the user of this connection's app a "
            f"security role that may.",
            access="forbidden",
            detail=detail,
        )
    if status == 412 or _CONFLICT.search(said):
        return TemporaryError(
            f"Somebody else changed {what} in Dynamics at the same moment. Nothing was changed by us; it will be tried "
            f"again.",
            detail=detail,
        )
    return RefusedError(
        f"Dynamics refused {what}: {blanked(said, personal) or 'no reason was given.'}",
        said=said,
        status=status,
        detail=detail,
    )


def is_refusal(status: int, body: bytes) -> bool:
    """True when an answer says for certain that nothing happened: every 4xx but a timeout, and a failure whose text
    is that of a validation, after which Dynamics has rolled back."""
    return (400 <= status < 500 and status != 408) or (status >= 500 and bool(_ROLLED_BACK.search(_raw(body))))


def blanked(text: str, personal: Iterable[str] = ()) -> str:
    """``text`` without the ``personal`` values, addresses, numbers and amounts, short enough to show."""
    for value in sorted(personal, key=len, reverse=True):
        text = text.replace(value, "…") if len(value) > 1 else text
    return redacted(_AMOUNT.sub("***", text))[:_SHORT_MESSAGE]


def is_routing(body: bytes) -> bool:
    """True for the 404 of an address that Dynamics does not know, which is no word about a record."""
    return "No HTTP resource was found" in _raw(body) or body.lstrip()[:1] == b"<"


def _raw(body: bytes) -> str:
    """The first of innererror.message, error.message and Message that is there; empty for anything else."""
    try:
        read = msgspec.json.decode(body, type=_Body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    error = read.error or _Error()
    inner = error.innererror.message if error.innererror else None
    return inner or error.message or read.message or ""


def _sentences(text: str) -> list[str]:
    _, found, infolog = text.partition("Infolog:")
    parts = (infolog if found else text).split(";")
    cleaned = (_cleaned(part) for part in parts)
    return [part for part in cleaned if part and not _NOISE.match(part)]


def _cleaned(text: str) -> str:
    text = text.strip()
    while match := _LEVEL.match(text):
        text = text[match.end() :]
    return text
