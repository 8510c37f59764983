"""What Rippling announces to an app: hints that something changed, about five minutes late, maybe twice, maybe never.

There is no event id, no time and no content; the subject of ``employee.*`` is the Platform API's (v1) id. Rippling
documents a form as the body and a static bearer token as the only proof. JSON, a signature header and the events
``employee.rehired``, ``department_changed`` and ``manager_changed`` are in product documents alone; they are understood
in case they come. Source: rippling §0, §7.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl

import msgspec

from connectors.webhooks import Meaning, Meant, WebhookEvent, WebhookProof, WebhookUnreadable

SIGNATURE_HEADER = "X-Rippling-Signature"
"""Unconfirmed: no source of Rippling's own names it."""
LONGEST = {"event_name": 80, "company_id": 64, "id": 100}

PERSON = Meant(Meaning.PERSON)
REFERENCE = Meant(Meaning.REFERENCE)
NO_LEAVE = Meant(Meaning.IGNORED, "Leave is not synced.")
NO_DEDUCTIONS = Meant(Meaning.IGNORED, "Deductions are read with the pay run they are in.")
NO_FIELDS = Meant(Meaning.IGNORED, "Custom fields are not synced.")
EVENTS: Mapping[str, Meant] = {
    # Granted to or withdrawn from our app: neither a hire nor a termination, and a reason to look all the same.
    **dict.fromkeys(("employee.created", "employee.updated", "employee.deleted"), PERSON),
    **dict.fromkeys(("employee.hired", "employee.terminated"), PERSON),
    **dict.fromkeys(("employee.rehired", "employee.department_changed", "employee.manager_changed"), PERSON),
    **dict.fromkeys(("department_changed", "manager_changed"), PERSON),
    **dict.fromkeys(("group.created", "group.updated", "group.deleted", "company.updated"), REFERENCE),
    "company.deleted": Meant(Meaning.UNINSTALLED),
    **{f"custom_info_field.{verb}": NO_FIELDS for verb in ("created", "updated", "deleted")},
    **{f"leave_request.{verb}": NO_LEAVE for verb in ("created", "updated", "deleted")},
    # The second is how it was spelt in 2021.
    **dict.fromkeys(("401_deductions.updated", "401_deductions_updated"), NO_DEDUCTIONS),
}


def verified(proof: WebhookProof, headers: Mapping[str, str], body: bytes) -> bool:
    """True when the delivery carries one of the bearer tokens and a signature (HMAC-SHA256 of the body, in hex) by one
    of the secrets, as far as ``proof`` has any; False when it has neither."""
    given = {name.lower(): value for name, value in headers.items()}
    checks = []
    if proof.tokens:
        scheme, _, token = given.get("authorization", "").partition(" ")
        checks.append(_is_one_of(token.strip() if scheme.lower() == "bearer" else "", proof.tokens))
    if proof.secrets:
        signature = given.get((proof.header or SIGNATURE_HEADER).lower(), "").strip().lower()
        made = (hmac.new(secret.encode(), body, hashlib.sha256).hexdigest() for secret in proof.secrets)
        checks.append(_is_one_of(signature, made))
    return bool(checks) and all(checks)


def parse(content_type: str, body: bytes) -> WebhookEvent:
    """The event of a form, or of a JSON object with the same fields. WebhookUnreadable names what is wrong."""
    fields = _fields(content_type.partition(";")[0].strip().lower(), body)
    event = WebhookEvent(
        name=_field(fields, "event_name"), company=_field(fields, "company_id"), subject=_field(fields, "id", "")
    )
    if not event.subject and meaning(event).meaning is Meaning.PERSON:
        raise WebhookUnreadable("The field id is missing.")
    return event


def meaning(event: WebhookEvent) -> Meant:
    """What follows from the event; UNKNOWN with a reason for one we never heard of."""
    unknown = Meant(Meaning.UNKNOWN, "This event is not in Rippling's list, or is new there. Nothing was done.")
    return EVENTS.get(event.name, unknown)


def _is_one_of(given: str, accepted: Iterable[str]) -> bool:
    """Every accepted value is compared whole, whatever the first says."""
    digest = hashlib.sha256(given.encode()).digest()
    same = [hmac.compare_digest(digest, hashlib.sha256(one.encode()).digest()) for one in accepted if one]
    return bool(given) and any(same)


def _fields(kind: str, body: bytes) -> Mapping[str, object]:
    if kind == "application/x-www-form-urlencoded":
        try:
            pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=50)
        except ValueError:
            raise WebhookUnreadable("The body is not a form.") from None
        return {name: value.replace("\x00", "") for name, value in pairs}
    if kind == "application/json":
        try:
            return msgspec.json.decode(body, type=dict[str, object])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise WebhookUnreadable("The body is not a JSON object.") from None
    raise WebhookUnreadable("The field Content-Type must name a form or JSON.")


def _field(fields: Mapping[str, object], name: str, default: str | None = None) -> str:
    value = fields.get(name)
    text = value.strip() if isinstance(value, str) else ""
    if not text and default is not None and value in (None, ""):
        return default
    if not text:
        raise WebhookUnreadable(f"The field {name} is missing.")
    if len(text) > LONGEST[name] or not text.isprintable():
        raise WebhookUnreadable(f"The field {name} is too long, or is not plain text.")
    return text
