"""Personal data and pay never get into an entry that can never be changed."""

from __future__ import annotations

from typing import Any

import pytest

from audit.redaction import HIDDEN, redact, redact_both, redact_label


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("department", "Press shop", "Press shop"),
        ("active", False, False),
        ("given_name", "Jane", "J…"),
        ("full_name", "Jane van Doe", "J… v… D…"),
        ("work_email", "jane@example.com", "j…@example.com"),
        ("work_email", "not an address", HIDDEN),
        ("phone", "+1 313 555 0142", "…42"),
        ("phone", "0142", HIDDEN),
        ("home_address", "1 Main Street", HIDDEN),
        ("date_of_birth", "1980-01-01", HIDDEN),
        ("favourite_number", 17, HIDDEN),
        ("home_address", None, None),
        ("given_name", "", ""),
        ("given_name", ["Jane"], HIDDEN),
        ("pay_group", "Weekly", "Weekly"),
        ("department", {"code": "D1", "manager_name": "Jane Doe"}, {"code": "D1", "manager_name": "J… D…"}),
        ("findings", [{"work_email": "jane@example.com"}], [{"work_email": "j…@example.com"}]),
        ("department", "a\x00b\ud800", "a\ufffdb\ufffd"),
    ],
)
def test_what_is_not_on_the_list_is_masked(name: str, value: Any, shown: Any) -> None:
    assert redact({name: value}, subject_kind="worker") == {name: shown}


@pytest.mark.parametrize(
    "name",
    ["salary", "pay", "hourly_rate", "payAmount", "net_pay", "bank_account", "ssn", "client_secret", "accessToken",
     "password", "API_TOKEN", "compensation", "credentials"],
)  # fmt: skip
def test_pay_and_secrets_are_refused_wherever_they_stand(name: str) -> None:
    for values in ({name: "x"}, {name: None}, {"settings": {name: "x"}}, {"findings": [{"problem": {name: "x"}}]}):
        with pytest.raises(ValueError, match=f"'{name}' is pay or a secret"):
            redact(values, subject_kind="connection")


def test_a_change_that_masks_would_hide_is_still_seen() -> None:
    before = {"given_name": "Jane", "family_name": "Doe", "home_address": "1 Main Street", "department": "D1"}
    after = {"given_name": "Joan", "family_name": "Doe", "home_address": "2 Main Street", "department": "D2"}

    old, new = redact_both(before, after, subject_kind="worker")

    assert old == {"given_name": "J…", "family_name": "D…", "home_address": HIDDEN, "department": "D1"}
    assert new == {
        "given_name": "J… (changed)",
        "family_name": "D…",
        "home_address": f"{HIDDEN} (changed)",
        "department": "D2",
    }


def test_a_persons_label_is_masked_and_a_things_is_not() -> None:
    assert redact_label("4711 Jane Doe", subject_kind="worker") == "4711 J… D…"
    assert redact_label("Jane Doe2 EMP-0042", subject_kind="worker") == "J… D… EMP-0042"
    assert redact_label("Press shop → 200", subject_kind="mapping") == "Press shop → 200"
    assert redact({"name": "Jane Doe"}, subject_kind="worker") == {"name": "J… D…"}
    assert redact({"name": "Press shop"}, subject_kind="mapping") == {"name": "Press shop"}
