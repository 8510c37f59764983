"""Who is let in, what is where, and how v2 lists are paged."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from tests.sandbox.rippling_world import Rippling

Make = Callable[..., Rippling]

LISTS = (
    "workers", "users", "companies", "departments", "legal-entities", "work-locations", "titles", "employment-types",
    "teams", "levels", "job-dimensions", "job-codes", "custom-fields",
)  # fmt: skip


def test_a_token_opens_its_own_company_and_a_wrong_one_opens_none(rippling: Make) -> None:
    north, south = rippling(seed=1, token="north-token"), rippling(seed=2)

    assert north.ok("/sso-me/")["company_id"] == north.company_id
    assert south.ok("/sso-me/")["company_id"] == south.company_id != north.company_id
    headers: list[dict[str, str]] = [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic north-token"},
        {"Authorization": "north-token"},
    ]
    for path in ("/workers/", "/sso-me/", "/platform/api/employees"):
        assert [north.request("GET", path, one).status_code for one in headers] == [401] * 4


def test_a_revoked_token_is_refused_everywhere_until_a_new_one_is_issued(rippling: Make) -> None:
    company = rippling(size=3)

    assert company.get("/workers/").status_code == 200
    company.change("revoke_token")
    assert company.get("/workers/").status_code == 401
    assert company.get("/platform/api/employees").status_code == 401

    old, company.token = company.token, company.change("issue_token")["token"]
    assert len(company.results("/workers/")) == 3
    assert company.request("GET", "/workers/", {"Authorization": f"Bearer {old}"}).status_code == 401


def test_a_token_may_be_good_for_one_of_the_two_apis_only(rippling: Make) -> None:
    only_v1, only_v2 = rippling(size=2, v2=False), rippling(size=2, v1=False)

    assert only_v1.get("/workers/").status_code == 401
    assert len(only_v1.ok("/platform/api/employees")) == 2
    assert only_v2.get("/platform/api/employees").status_code == 401
    assert len(only_v2.results("/workers/")) == 2


@pytest.mark.parametrize("name", LISTS)
def test_every_list_answers_the_envelope_with_and_without_the_last_slash(rippling: Make, name: str) -> None:
    company = rippling(size=3)

    page = company.ok(f"/{name}/")

    assert list(page) == ["__meta", "results", "next_link"]
    assert page["__meta"] == {"redacted_fields": []}
    assert page["results"]
    assert company.ok(f"/{name}") == page
    row = page["results"][0]
    one = company.get(f"/{name}/{row['id']}/")
    if name in ("companies", "custom-fields"):
        assert one.status_code == 404
        assert "<h1>Not Found!</h1>" in one.text
    else:
        assert one.json() == {"__meta": {"redacted_fields": []}, **row}
        assert company.get(f"/{name}/{row['id'][:-1]}x").json() == {"detail": "Not found."}


@pytest.mark.parametrize("path", ["/", "/worker", "/expenses/", "/workers/1/2/", "/compensations/"])
def test_an_unknown_path_answers_404_with_html(rippling: Make, path: str) -> None:
    answer = rippling(size=1).get(path)

    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "Not Found!" in answer.text


def test_people_cannot_be_written(rippling: Make) -> None:
    company = rippling(size=1)

    assert company.request("POST", "/workers/").status_code == 405
    assert company.request("POST", "/platform/api/employees").status_code == 405


def test_pages_hold_fifty_rows_unless_asked_and_never_more_than_a_hundred(rippling: Make) -> None:
    company = rippling(size=120)

    assert len(company.results("/workers/")) == 50
    assert len(company.results("/workers/", limit=100)) == 100
    for limit in ("101", "0", "-1", "ten"):
        assert "limit" in company.refused("/workers/", limit=limit)


@pytest.mark.parametrize("form", ["absolute", "relative"])
def test_following_the_links_gives_every_row_once_and_keeps_the_question(rippling: Make, form: str) -> None:
    company = rippling(size=130, terminated=20, next_link=form)

    first = company.ok("/workers/", limit=40, expand="user", filter="status eq 'ACTIVE'")
    rows = company.walk("/workers/", limit=40, expand="user", filter="status eq 'ACTIVE'", order_by="created_at")

    assert first["next_link"].startswith(company.address if form == "absolute" else "/workers/?")
    assert len({row["id"] for row in rows}) == len(rows) == 130
    assert all(row["user"]["id"] == row["user_id"] and row["status"] == "ACTIVE" for row in rows)
    assert [row["created_at"] for row in rows] == sorted(row["created_at"] for row in rows)


def test_a_link_with_only_the_cursor_forgets_filter_expand_and_limit(rippling: Make) -> None:
    company = rippling(size=90, terminated=40, next_link="cursor_only")
    question = {"limit": 20, "expand": "user", "filter": "status eq 'ACTIVE'"}

    link = company.ok("/workers/", **question)["next_link"]
    forgetful = company.results(link)
    cursor = httpx.URL(link).params["cursor"]
    mindful = company.results("/workers/", cursor=cursor, **question)

    assert list(httpx.URL(link).params) == ["cursor"]
    assert len(forgetful) == 50
    assert "user" not in forgetful[0]
    assert "TERMINATED" in {row["status"] for row in company.walk(link)}
    assert len(mindful) == 20
    assert mindful[0]["user"]["id"] == mindful[0]["user_id"]


def test_links_can_lead_to_another_host(rippling: Make) -> None:
    company = rippling(size=60, next_link_host="https://evil.example.net")

    assert company.ok("/workers/")["next_link"].startswith("https://evil.example.net/workers/?")


def test_a_page_can_lead_to_itself(rippling: Make) -> None:
    company = rippling(size=90, repeat_page=2)

    second = company.ok(company.ok("/workers/", limit=30)["next_link"])
    third = company.ok(second["next_link"])

    assert third == second


def test_a_cursor_survives_changes_and_nonsense_is_no_cursor(rippling: Make) -> None:
    company = rippling(size=60)
    first = company.ok("/workers/", limit=30)
    numbers = [row["number"] for row in first["results"]]

    company.change("remove_worker", worker=numbers[-1])
    company.change("remove_worker", worker=numbers[0])
    rest = company.walk(first["next_link"])

    assert [row["number"] for row in rest] == list(range(numbers[-1] + 1, 1061))
    assert company.refused("/workers/", cursor="bm9uc2Vuc2U") == "Invalid cursor."


def test_a_row_touched_during_a_walk_by_update_time_moves_to_the_end(rippling: Make) -> None:
    company = rippling(size=60)
    first = company.ok("/workers/", limit=30, order_by="updated_at")

    company.change("update", worker=first["results"][0]["number"])
    rest = company.walk(first["next_link"])

    assert rest[-1]["id"] == first["results"][0]["id"]
    assert len(rest) == 31


@pytest.mark.parametrize("version", ["2024-08-01", "2025-01-01"])
def test_the_version_header_may_be_any_date(rippling: Make, version: str) -> None:
    company = rippling(size=1)

    assert company.request("GET", "/workers/", {**company.headers, "Rippling-Api-Version": version}).status_code == 200


@pytest.mark.parametrize("version", ["latest", "2024-13-01", "20240801", "2024-08-01T00:00:00", ""])
def test_a_malformed_version_header_is_refused(rippling: Make, version: str) -> None:
    company = rippling(size=1)

    answer = company.request("GET", "/workers/", {**company.headers, "Rippling-Api-Version": version})

    assert answer.status_code == 400


def test_a_company_can_insist_on_the_version_header(rippling: Make) -> None:
    company = rippling(size=1, require_version=True)

    assert "Rippling-Api-Version" in company.refused("/workers/")
    headers = {**company.headers, "Rippling-Api-Version": "2024-08-01"}
    assert company.request("GET", "/workers/", headers).status_code == 200


def test_without_an_entitlement_its_lists_are_forbidden_and_the_others_are_not(rippling: Make) -> None:
    company = rippling(size=1, entitlements=["API Tier 1"])

    assert [row["display_name"] for row in company.results("/entitlements/")] == ["API Tier 1"]
    status = {name: company.get(f"/{name}/").status_code for name in LISTS}
    assert {name for name, code in status.items() if code == 403} == {
        "legal-entities",
        "levels",
        "job-dimensions",
        "job-codes",
    }
    assert set(status.values()) == {200, 403}
    assert company.results("/workers/", expand="legal_entity")[0]["legal_entity"]["legal_name"]


def test_without_a_scope_its_list_is_forbidden(rippling: Make) -> None:
    company = rippling(size=1, scopes=["workers.read"])

    assert company.get("/workers/").status_code == 200
    refused = company.get("/departments/")
    assert refused.status_code == 403
    assert "departments.read" in refused.json()["detail"]


def test_pages_kept_from_memory_never_outlive_a_change(rippling: Make) -> None:
    kept, fresh = rippling(size=120, prerendered=True), rippling(size=120)

    for _ in range(2):
        assert kept.walk("/workers/", expand="user,department") == fresh.walk("/workers/", expand="user,department")
    kept.change("rename_department", department="Quality", name="Quality Assurance")
    kept.change("transfer", worker=1050, department="Quality Assurance")

    assert kept.worker(1050)["department_id"] == kept.results("/departments/")[7]["id"]
    named = {row["department"]["name"] for row in kept.walk("/workers/", expand="user,department")}
    assert "Quality Assurance" in named
    assert "Quality" not in named


def test_scripted_faults_hit_the_company_they_were_made_for(rippling: Make) -> None:
    troubled, calm = rippling(size=2), rippling(size=2)

    def fault(**fault: object) -> None:
        assert troubled.control("POST", "/faults", fault).status_code == 204

    fault(kind="status", status_code=429, headers={"Retry-After": "7"}, body={"detail": "slow down"})
    answer = troubled.get("/workers/")
    assert (answer.status_code, answer.headers["Retry-After"], answer.json()) == (429, "7", {"detail": "slow down"})
    fault(kind="html")
    assert "<html>" in troubled.get("/workers/").text
    for kind in ("cut", "cut_after", "truncate"):
        fault(kind=kind, path="/workers/")
        with pytest.raises(httpx.RemoteProtocolError):
            troubled.get("/workers/")
    assert len(troubled.results("/workers/")) == len(calm.results("/workers/")) == 2
    assert troubled.control("POST", "/faults", {"kind": "unheard-of"}).status_code == 400


def test_requests_are_logged_without_the_token(rippling: Make) -> None:
    company = rippling(size=1)

    company.get("/workers/", filter="status eq 'ACTIVE'")
    log = company.control("GET", "/requests")

    assert log.json()["count"] == 1
    assert log.json()["requests"][0]["query"] == [["filter", "status eq 'ACTIVE'"]]
    assert company.token not in log.text


def test_an_unknown_option_is_an_error_of_the_test(rippling_address: str) -> None:
    for options in ({"colour": "red"}, {"next_link": "sideways"}, {"repeat_page": 1}):
        assert httpx.post(f"{rippling_address}/_control/companies", json=options).status_code == 400
