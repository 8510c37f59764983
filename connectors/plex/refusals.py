"""What Plex's refusals mean. One 401 means four things and a 404 three, so some are told apart by asking again.

Source: plex §2.7, §7, §8.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date

import msgspec

from connectors.errors import ConnectionConfigError, ConnectorError, RecordRejectedError, UnexpectedReplyError
from connectors.http import RefusedReply, Reply, redacted
from connectors.plex.mapper import FIELDS
from connectors.plex.schemas import ACCOUNTS, EMPLOYEES, TENANTS, Resource, fold
from connectors.plex.settings import Plant

_IAM = re.compile(r"(?<![A-Za-z])IAM(?![A-Za-z])|identity and access management", re.IGNORECASE)
_SHORT_MESSAGE = 300


class AccessError(ConnectionConfigError):
    """Plex does not let us at something. ``access`` is the word a check's ``Finding`` uses for it."""

    def __init__(self, sentence: str, *, access: str, detail: str = "") -> None:
        super().__init__(sentence, detail=detail)
        self.access = access


class _Fault(msgspec.Struct):
    code: str = ""
    message: str = ""


class _Refusal(_Fault):
    """Plex's error body (plex §2.7); ``errors`` comes with 400."""

    errors: list[_Fault] = []


def explain_read(
    refused: RefusedReply, plant: Plant, resource: Resource, answers: Callable[[Resource, bool], bool], key_end: str
) -> ConnectorError:
    """What a refused read means. ``answers(resource, named)`` asks whether a resource is open, with or without
    naming the plant; ``key_end`` is a sentence about the key's expiry, or empty."""
    if refused.status == 401:
        return _explain_401(refused, plant, resource, answers, key_end)
    if refused.status == 403:
        return AccessError(
            f"Plex does not allow this connection to read the {resource.label} of PCN {plant.pcn}. Ask your Plex "
            f"administrator for a role that may see them.",
            access="forbidden",
            detail=refused.detail,
        )
    return UnexpectedReplyError(
        f"Plex refused to list the {resource.label} (status {refused.status}). We have to look at it.",
        detail=refused.detail,
    )


def _explain_401(
    refused: RefusedReply, plant: Plant, resource: Resource, answers: Callable[[Resource, bool], bool], key_end: str
) -> AccessError:
    others = [other for other in (TENANTS, EMPLOYEES, ACCOUNTS) if other is not resource]
    if any(answers(other, True) for other in others):
        sentence = (
            f"The credentials work, but they do not include the API product that holds the {resource.label}. Add it "
            f"to the app in the Plex developer portal."
        )
        access = "not_subscribed"
    elif any(answers(other, False) for other in (TENANTS, EMPLOYEES, ACCOUNTS)):
        sentence = (
            f"The credentials work, but not for PCN {plant.pcn}. Correct the PCN, or ask Plex to give the app access "
            f"to it."
        )
        access = "forbidden"
    else:
        sentence = f"Plex refuses the credentials everywhere: the key is wrong, withdrawn or expired.{key_end}"
        access = "refused"
    return AccessError(sentence, access=access, detail=refused.detail)


def key_end_sentence(expires_on: date | None, today: date) -> str:
    """What to say about the key's expiry date when it is refused; empty when the customer gave none."""
    if expires_on is None:
        return " Enter the key again, or create a new one in the Plex developer portal."
    if expires_on <= today:
        return f" By the date you gave it expired on {expires_on}: create a new one in the Plex developer portal."
    return f" By the date you gave it lives until {expires_on}: enter it again, or create a new one."


def explain_write(refused: RefusedReply, plant: Plant, personal: Sequence[str]) -> ConnectorError:
    """What a refused employee write means; ``personal`` values are blanked in Plex's own words."""
    refusal = _refusal(refused.reply)
    detail = blanked(refused.detail, personal)
    texts = [fault.message for fault in refusal.errors if fault.message] or [refusal.message]
    if _IAM.search(" ".join([refusal.code, refusal.message, *texts])):
        return AccessError(
            f"PCN {plant.pcn} was moved to Plex IAM, and Plex then accepts no employee changes from this API; reading "
            f"still works. Switch the people flow off, or ask Plex support which way of writing employees is open to "
            f"this PCN.",
            access="forbidden",
            detail=detail,
        )
    if refused.status == 403:
        return AccessError(
            f"Plex does not allow this connection to change employees of PCN {plant.pcn}. Ask your Plex administrator "
            f"for a role that may edit employees.",
            access="forbidden",
            detail=detail,
        )
    if refused.status == 404:
        return RecordRejectedError(
            f"Plex no longer has this employee in PCN {plant.pcn}. Read the employees again before the next change.",
            detail=detail,
        )
    if refused.status in (400, 409, 422):
        said = blanked("; ".join(texts), personal)
        return RecordRejectedError(f"Plex refused this employee: {said}", detail=detail, field=_field(texts))
    return UnexpectedReplyError(
        f"Plex refused a change of an employee (status {refused.status}). We have to look at it.",
        detail=detail,
    )


def explain_field(refused: RefusedReply, plant: Plant) -> ConnectorError:
    """What a custom field that was not saved means; the journal itself is posted already."""
    return RecordRejectedError(
        f"Plex did not save the custom field of a journal of PCN {plant.pcn}. Another journal may have the same "
        f"reference already.",
        detail=blanked(refused.detail, ()),
    )


def words(reply: Reply, personal: Sequence[str]) -> tuple[str, str]:
    """What Plex said about a refused write: as it came, for classifying, and blanked, for showing."""
    refusal = _refusal(reply)
    said = "; ".join([fault.message for fault in refusal.errors if fault.message] or [refusal.message])
    return said, blanked(said, personal)


def _refusal(reply: Reply) -> _Refusal:
    try:
        return msgspec.json.decode(reply.body, type=_Refusal)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Refusal()


def blanked(text: str, personal: Sequence[str]) -> str:
    """``text`` without the ``personal`` values, e-mail addresses and numbers, short enough to show."""
    for value in sorted(personal, key=len, reverse=True):
        text = text.replace(value, "…") if len(value) > 1 else text
    return redacted(text)[:_SHORT_MESSAGE] or "no reason was given."


def _field(texts: list[str]) -> str:
    """Our name of the only field Plex's words mention in quotes, else empty."""
    named = {FIELDS.get(fold(word)) for text in texts for word in re.findall(r"'([A-Za-z_]+)'", text)} - {None}
    return str(named.pop()) if len(named) == 1 else ""
