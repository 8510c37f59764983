"""Fields that the token may not see: left out or null, and named where the company names them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.sandbox.rippling_world import Rippling

Make = Callable[..., Rippling]

REASON = "Insufficient entitlements"
HIDDEN_DEPARTMENT = [{"name": "department_id", "reason": REASON}]


@pytest.mark.parametrize("style", ["absent", "null"])
def test_a_redacted_field_is_gone_from_every_row_and_named_once(rippling: Make, style: str) -> None:
    company = rippling(size=3, redacted={"workers": {"department_id": REASON}}, redaction_style=style)

    page = company.ok("/workers/", expand="department")
    one = company.ok(f"/workers/{page['results'][0]['id']}/")

    assert page["__meta"]["redacted_fields"] == one["__meta"]["redacted_fields"] == HIDDEN_DEPARTMENT
    for row in (*page["results"], one):
        assert row.get("department_id") is None
        assert ("department_id" in row) is (style == "null")
        assert "department" not in row
        assert "__meta" not in row or row is one


@pytest.mark.parametrize("where", ["rows", "both"])
def test_redactions_can_be_named_on_each_row(rippling: Make, where: str) -> None:
    company = rippling(size=3, redaction_in=where)
    company.change("redact", field="department_id", worker=1002)

    page = company.ok("/workers/")

    assert [row["__meta"]["redacted_fields"] for row in page["results"]] == [[], HIDDEN_DEPARTMENT, []]
    assert ["department_id" in row for row in page["results"]] == [True, False, True]
    assert page["__meta"]["redacted_fields"] == (HIDDEN_DEPARTMENT if where == "both" else [])


def test_redaction_comes_and_goes_without_a_new_update_time(rippling: Make) -> None:
    company = rippling(size=2)
    before = company.ok("/workers/", expand="user")

    company.change("redact", resource="users", field="name", reason="No permission")
    during = company.ok("/workers/", expand="user")
    company.change("unredact", resource="users", field="name")

    assert during["__meta"]["redacted_fields"] == [{"name": "user.name", "reason": "No permission"}]
    assert [row["updated_at"] for row in during["results"]] == [row["updated_at"] for row in before["results"]]
    assert all("name" not in row["user"] for row in during["results"])
    assert company.ok("/workers/", expand="user") == before


def test_pay_and_custom_fields_need_scopes_of_their_own(rippling: Make) -> None:
    poor = rippling(size=1, scopes=["workers.read"])
    lower_tier = rippling(size=1, entitlements=["API Tier 1"])

    for company, hidden in ((poor, ["compensation", "custom_fields"]), (lower_tier, ["compensation"])):
        page = company.ok("/workers/", expand="compensation,custom_fields")
        assert [one["name"] for one in page["__meta"]["redacted_fields"]] == hidden
        assert not set(hidden) & set(page["results"][0])


def test_sensitive_fields_come_only_from_companies_that_have_them(rippling: Make) -> None:
    plain, telling = rippling(size=1), rippling(size=1, sensitive=True)

    assert "date_of_birth" not in plain.results("/workers/")[0]
    assert telling.results("/workers/")[0]["country_fields"]["us"]["ssn"].startswith("900-")
