"""What Rippling announces: what is believed, what is understood, and what follows from it. Source: rippling §7."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.rippling import webhooks
from connectors.webhooks import Meaning, WebhookEvent, WebhookProof, WebhookUnreadable

FORM = "application/x-www-form-urlencoded"
BODY = {
    "event_name": "employee.terminated",
    "id": "65aa00000000000000000001",
    "company_id": "65bb00000000000000000001",
    "company_primary_email": "ops+hr@example.com",
}
RAW = urlencode(BODY).encode()
EVENT = WebhookEvent(name="employee.terminated", company="65bb00000000000000000001", subject="65aa00000000000000000001")


def signed(secret: str, body: bytes = RAW) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@pytest.mark.parametrize("kind", [FORM, f"{FORM}; charset=utf-8", FORM.upper()])
def test_a_form_is_what_rippling_sends(kind: str) -> None:
    assert webhooks.parse(kind, RAW) == EVENT


def test_json_of_the_product_documents_is_understood_too() -> None:
    body = b'{"event_name": "employee.terminated", "company_id": "65bb00000000000000000001", "more": [1], '
    assert webhooks.parse("application/json", body + b'"id": "65aa00000000000000000001"}') == EVENT


@pytest.mark.parametrize("field", ["event_name", "company_id", "id"])
@pytest.mark.parametrize("value", [None, "", "x" * 200, "a\nb"])
def test_what_is_missing_or_impossible_is_named_and_nothing_is_repeated(field: str, value: str | None) -> None:
    fields = {name: text for name, text in {**BODY, field: value}.items() if text is not None}
    with pytest.raises(WebhookUnreadable, match=f"The field {field} ") as caught:
        webhooks.parse(FORM, urlencode(fields).encode())
    assert "example.com" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "body"),
    [("text/plain", RAW), ("", RAW), ("application/json", b"[1]"), ("application/json", b"{"),
     ("application/json", b"\xff"), (FORM, b"\xff"), (FORM, b""), (FORM, b"&".join([b"a=1"] * 60)),
     ("application/json", b"[" * 100_000)],
)  # fmt: skip
def test_any_other_body_is_refused(kind: str, body: bytes) -> None:
    with pytest.raises(WebhookUnreadable):
        webhooks.parse(kind, body)


@given(st.sampled_from([FORM, "application/json"]), st.binary(max_size=300))
def test_no_body_breaks_it(kind: str, body: bytes) -> None:
    with contextlib.suppress(WebhookUnreadable):
        assert webhooks.parse(kind, body).name


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        *((f"employee.{verb}", Meaning.PERSON) for verb in ("created", "updated", "deleted", "hired", "terminated")),
        *((name, Meaning.PERSON) for name in ("employee.rehired", "department_changed", "manager_changed")),
        *((f"group.{verb}", Meaning.REFERENCE) for verb in ("created", "updated", "deleted")),
        ("company.updated", Meaning.REFERENCE),
        ("company.deleted", Meaning.UNINSTALLED),
        *((f"leave_request.{verb}", Meaning.IGNORED) for verb in ("created", "updated", "deleted")),
        *((f"custom_info_field.{verb}", Meaning.IGNORED) for verb in ("created", "updated", "deleted")),
        ("401_deductions.updated", Meaning.IGNORED),
        ("401_deductions_updated", Meaning.IGNORED),
        ("employee.promoted", Meaning.UNKNOWN),
        ("Employee.Hired", Meaning.UNKNOWN),
    ],
)
def test_every_event_has_one_meaning(name: str, meaning: Meaning) -> None:
    meant = webhooks.meaning(WebhookEvent(name=name, company="c", subject="s"))

    assert meant.meaning is meaning
    assert bool(meant.reason) is (meaning in (Meaning.IGNORED, Meaning.UNKNOWN))


def test_an_event_of_nobody_needs_no_subject() -> None:
    assert webhooks.parse(FORM, b"event_name=company.updated&company_id=c").subject == ""


TOKENS = WebhookProof(tokens=("now", "next"))
SECRETS = WebhookProof(secrets=("now", "next"), header="X-Signed")
BOTH = WebhookProof(tokens=("now",), secrets=("now",))


@pytest.mark.parametrize(
    ("proof", "headers", "believed"),
    [
        (TOKENS, {"Authorization": "Bearer now"}, True),
        (TOKENS, {"authorization": "bearer next"}, True),
        (TOKENS, {"Authorization": "Bearer other"}, False),
        (TOKENS, {"Authorization": "Bearer "}, False),
        (TOKENS, {"Authorization": "Basic now"}, False),
        (TOKENS, {}, False),
        (SECRETS, {"X-Signed": signed("now")}, True),
        (SECRETS, {"x-signed": signed("next").upper()}, True),
        (SECRETS, {"X-Signed": signed("now", RAW + b"&")}, False),
        (SECRETS, {"X-Rippling-Signature": signed("now")}, False),
        (SECRETS, {}, False),
        (BOTH, {"Authorization": "Bearer now", "X-Rippling-Signature": signed("now")}, True),
        (BOTH, {"Authorization": "Bearer now"}, False),
        (BOTH, {"X-Rippling-Signature": signed("now")}, False),
        (WebhookProof(), {"Authorization": "Bearer "}, False),
        (WebhookProof(tokens=("",)), {"Authorization": "Bearer "}, False),
    ],
)
def test_everything_that_was_agreed_must_be_there(proof: WebhookProof, headers: dict[str, str], believed: bool) -> None:
    assert webhooks.verified(proof, headers, RAW) is believed


def test_a_proof_shows_nothing() -> None:
    assert "now" not in repr(BOTH)
