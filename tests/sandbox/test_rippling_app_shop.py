"""How an app gets installed: from its own side, from Rippling's, and what the code is good for."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
import pytest

from tests.sandbox.rippling_app import Partner, query_of
from tests.sandbox.rippling_world import Rippling

Make = Callable[..., Rippling]


def test_the_administrator_who_agrees_comes_back_with_a_code_and_the_state(rippling: Make) -> None:
    partner = Partner(rippling(size=1))

    answer = partner.authorize(state="a b&c")

    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(partner.app["redirect_uri"] + "?")
    came = query_of(answer.headers["Location"])
    assert set(came) == {"code", "state"}
    assert came["state"] == "a b&c"
    assert partner.exchange(came["code"]).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "somebody-else"},
        {"redirect_uri": "https://evil.example.net/"},
        {"redirect_uri": "https://connector.example.com/connect/rippling/more"},
    ],
)
def test_a_wrong_client_or_address_sees_a_page_and_is_sent_nowhere(rippling: Make, wrong: dict[str, str]) -> None:
    answer = Partner(rippling(size=1)).authorize(**wrong)

    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert answer.headers["Content-Type"].startswith("text/html")


def test_an_app_that_there_is_not_can_neither_be_connected_nor_installed(rippling: Make) -> None:
    company = rippling(size=1)

    for path in ("/apps/PLATFORM/nobody/authorize", "/apps/PLATFORM/nobody"):
        answer = httpx.get(company.address + path)
        assert answer.status_code in (400, 404)
        assert "Location" not in answer.headers


def test_from_rippling_the_browser_lands_without_a_state_of_ours(rippling: Make) -> None:
    partner = Partner(rippling(size=1))

    made = partner.company.change("install")

    came = query_of(made["url"])
    assert made["url"].startswith(partner.app["redirect_uri"] + "?")
    back = f"https://app.rippling.com/apps/PLATFORM/{partner.app['name']}/redirect"
    assert came == {"code": made["code"], "buy": "false", "redirect_uri": back}
    assert partner.exchange(came["code"]).status_code == 200
    evil = partner.company.change("install", buy=True, return_to="https://evil.example.net/")
    assert query_of(evil["url"]) | {"code": ""} == {
        "code": "",
        "buy": "true",
        "redirect_uri": "https://evil.example.net/",
    }


def test_the_page_in_the_app_shop_installs_and_the_last_page_says_so(rippling: Make) -> None:
    partner = Partner(rippling(size=1))
    listing = f"{partner.company.address}/apps/PLATFORM/{partner.app['name']}"

    answer = httpx.get(listing)

    assert answer.status_code == 302
    assert set(query_of(answer.headers["Location"])) == {"code", "buy", "redirect_uri"}
    assert partner.exchange(query_of(answer.headers["Location"])["code"]).status_code == 200
    assert "installed" in httpx.get(f"{listing}/redirect").text


def test_an_app_can_be_registered_in_full_or_in_part(rippling: Make) -> None:
    app = {
        "name": "ours",
        "client_id": "the client",
        "client_secret": "p+%:ü",
        "redirect_uri": "http://127.0.0.1:8000/x/",
    }
    whole, part = Partner(rippling(size=1, app=app)), Partner(rippling(size=1, app={"name": "half"}))

    assert whole.app == app
    assert whole.tokens()["token_type"] == "Bearer"
    assert part.app["name"] == "half"
    assert all(part.app.values())
    assert urlsplit(part.app["redirect_uri"]).scheme == "https"
    unknown = httpx.post(f"{whole.company.address}/_control/companies", json={"app": {"colour": "red"}})
    assert unknown.status_code == 400


def test_one_app_of_several_companies_connects_the_one_whose_administrator_signed_in_last(rippling: Make) -> None:
    app = {"name": "shared", "client_id": "shared", "client_secret": "s", "redirect_uri": "https://c.example.com/"}
    north, south = Partner(rippling(size=1, seed=11, app=app)), Partner(rippling(size=1, seed=12, app=app))

    def connected() -> str:
        given = north.exchange(query_of(north.authorize().headers["Location"])["code"]).json()
        headers = {"Authorization": f"Bearer {given['access_token']}"}
        return str(north.company.request("GET", "/sso-me/", headers).json()["company_id"])

    assert connected() == south.company.company_id
    north.company.change("sign_in")
    assert connected() == north.company.company_id
    assert (north.seen()["exchanges"], south.seen()["exchanges"]) == (1, 1)


def test_a_code_is_good_once_and_for_the_registered_address_alone(rippling: Make) -> None:
    partner = Partner(rippling(size=1))
    code = partner.code()

    assert partner.exchange(code).status_code == 200
    again = partner.exchange(code)
    assert (again.status_code, again.json()) == (400, {"error": "invalid_grant"})
    other = partner.exchange(partner.code(), redirect_uri="https://evil.example.net/")
    assert (other.status_code, other.json()) == (400, {"error": "invalid_grant"})
    assert (partner.seen()["exchanges"], partner.seen()["refused_exchanges"]) == (1, 2)


def test_a_code_lives_for_as_long_as_the_option_says(rippling: Make) -> None:
    partner = Partner(rippling(size=1, code_seconds=30))
    late, soon = partner.code(), partner.code()

    partner.company.change("set_options", clock_skew_seconds=25)
    assert partner.exchange(soon).status_code == 200
    partner.company.change("set_options", clock_skew_seconds=31)
    assert partner.exchange(late).json() == {"error": "invalid_grant"}


def test_the_app_is_marked_as_installed_by_any_call_to_v1_with_its_token(rippling: Make) -> None:
    marked, other = Partner(rippling(size=1)), Partner(rippling(size=1))
    access = marked.tokens()["access_token"]
    bearer = {"Authorization": f"Bearer {access}"}

    assert marked.status(access) == 200
    assert marked.seen()["installed"] is False
    assert marked.company.request("POST", "/platform/api/mark_app_installed", bearer).json() == {"ok": True}
    assert marked.seen()["installed"] is True

    other.company.ok("/platform/api/employees")
    assert other.seen()["installed"] is False
    assert other.status(other.tokens()["access_token"], "/platform/api/employees") == 200
    assert other.seen()["installed"] is True


def test_a_call_that_is_forbidden_does_not_mark_the_app(rippling: Make) -> None:
    partner = Partner(rippling(size=1))
    access = partner.tokens()["access_token"]

    partner.company.change("demote_installer")

    assert partner.status(access, "/platform/api/me") == 403
    assert partner.seen()["installed"] is False
