"""The token endpoint: exchange, refresh with rotation, and everything that ends a token."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import pytest

from tests.sandbox.rippling_app import TOKEN, Partner
from tests.sandbox.rippling_world import Rippling

Make = Callable[..., Rippling]
REFUSED = (400, {"error": "invalid_grant"})


def test_the_answer_carries_both_tokens_and_how_long_the_first_is_good(rippling: Make) -> None:
    partner = Partner(rippling(size=2, expires_in=900))

    answer = partner.exchange(partner.code())

    given = answer.json()
    assert set(given) == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
    assert (given["token_type"], given["expires_in"]) == ("Bearer", 900)
    assert "workers.read" in given["scope"].split()
    assert answer.headers["Cache-Control"] == "no-store"
    assert Partner(rippling(size=1)).tokens()["expires_in"] == 129_600


def test_an_access_token_works_on_both_apis_beside_the_api_token(rippling: Make) -> None:
    partner = Partner(rippling(size=2))
    access = partner.tokens()["access_token"]

    assert partner.status(access, "/workers/") == partner.status(access, "/platform/api/employees") == 200
    assert partner.seen()["token_uses"] == 2
    assert len(partner.company.results("/workers/")) == 2
    assert partner.seen()["token_uses"] == 2
    assert partner.status("invented") == 401


def test_the_client_proves_itself_by_basic_and_in_no_other_way(rippling: Make) -> None:
    partner = Partner(rippling(size=1))
    grant = {"grant_type": "authorization_code", "redirect_uri": partner.app["redirect_uri"]}
    name, secret = partner.client

    for client in ((name, "wrong"), ("nobody", secret)):
        answer = partner.post(grant | {"code": partner.code()}, auth=client)
        assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})
    inside = grant | {"code": partner.code(), "client_id": name, "client_secret": secret}
    assert partner.post(inside, auth=None).status_code == 401
    assert partner.seen()["exchanges"] == 0


def test_the_body_is_a_form_of_either_kind_and_no_json(rippling: Make) -> None:
    partner = Partner(rippling(size=1))
    grant = {"grant_type": "authorization_code", "redirect_uri": partner.app["redirect_uri"]}

    multipart = {name: (None, value) for name, value in (grant | {"code": partner.code()}).items()}
    assert partner.post({}, data=None, files=multipart).status_code == 200
    assert partner.post({}, data=None, json=grant | {"code": partner.code()}).json() == {
        "error": "unsupported_grant_type"
    }
    assert partner.post({"grant_type": "client_credentials"}).json() == {"error": "unsupported_grant_type"}


def test_the_last_slash_of_the_address_is_needed(rippling: Make) -> None:
    partner = Partner(rippling(size=1))
    grant = {"grant_type": "authorization_code", "code": partner.code(), "redirect_uri": partner.app["redirect_uri"]}

    without = partner.post(grant, "/api/o/token")

    assert without.status_code == 404
    assert without.headers["Content-Type"].startswith("text/html")
    assert partner.company.made["token_path"] == TOKEN
    assert partner.post(grant).status_code == 200


def test_the_unconfirmed_address_gives_tokens_only_where_that_is_asked_for(rippling: Make) -> None:
    for open_, status in ((True, 200), (False, 404)):
        partner = Partner(rippling(size=1, seed_token_url=open_))
        form = {"grant_type": "authorization_code", "code": partner.code()}
        form["redirect_uri"] = partner.app["redirect_uri"]
        assert partner.post(form, "/auth/oauth2/token").status_code == status


def test_a_refresh_token_is_good_once(rippling: Make) -> None:
    partner = Partner(rippling(size=1))
    first = partner.tokens()

    second = partner.refresh(first["refresh_token"]).json()
    again = partner.refresh(first["refresh_token"])

    assert second["refresh_token"] != first["refresh_token"]
    assert (again.status_code, again.json()) == REFUSED
    assert partner.status(first["access_token"]) == partner.status(second["access_token"]) == 200
    assert partner.refresh(second["refresh_token"]).status_code == 200
    assert (partner.seen()["refreshes"], partner.seen()["refused_refreshes"]) == (2, 1)


def test_a_second_use_can_end_every_token_of_the_installer(rippling: Make) -> None:
    partner = Partner(rippling(size=1, revoke_on_reuse=True))
    first = partner.tokens()
    second = partner.refresh(first["refresh_token"]).json()

    assert partner.refresh(first["refresh_token"]).status_code == 400

    assert partner.status(second["access_token"]) == 401
    assert partner.refresh(second["refresh_token"]).status_code == 400
    assert partner.seen()["live_access_tokens"] == partner.seen()["live_refresh_tokens"] == 0


def test_without_rotation_the_answer_has_no_refresh_token_and_the_old_one_stays(rippling: Make) -> None:
    partner = Partner(rippling(size=1, rotate=False))
    first = partner.tokens()

    for _ in range(2):
        renewed = partner.refresh(first["refresh_token"])
        assert renewed.status_code == 200
        assert "refresh_token" not in renewed.json()
        assert partner.status(renewed.json()["access_token"]) == 200


def test_a_refresh_can_end_the_access_token_before(rippling: Make) -> None:
    partner = Partner(rippling(size=1, refresh_ends_access=True))
    first = partner.tokens()

    second = partner.refresh(first["refresh_token"]).json()

    assert (partner.status(first["access_token"]), partner.status(second["access_token"])) == (401, 200)


def test_an_access_token_expires_by_the_servers_clock(rippling: Make) -> None:
    partner = Partner(rippling(size=1, expires_in=600))
    given = partner.tokens()

    partner.company.change("set_options", clock_skew_seconds=590)
    assert partner.status(given["access_token"]) == 200
    partner.company.change("set_options", clock_skew_seconds=601)
    assert partner.status(given["access_token"]) == partner.status(given["access_token"], "/platform/api/me") == 401
    assert partner.status(partner.refresh(given["refresh_token"]).json()["access_token"]) == 200


def test_tokens_can_be_made_to_expire_the_refresh_tokens_too(rippling: Make) -> None:
    partner = Partner(rippling(size=1))
    given = partner.tokens()

    partner.company.change("expire_tokens")
    assert partner.status(given["access_token"]) == 401
    renewed = partner.refresh(given["refresh_token"]).json()
    assert partner.status(renewed["access_token"]) == 200
    partner.company.change("expire_tokens", refresh=True)
    assert partner.status(renewed["access_token"]) == 401
    assert partner.refresh(renewed["refresh_token"]).json() == {"error": "invalid_grant"}


def test_an_installer_who_is_terminated_takes_every_token_along(rippling: Make) -> None:
    partner = Partner(rippling(size=1))
    given, waiting = partner.tokens(), partner.code()

    partner.company.change("terminate_installer")

    assert partner.status(given["access_token"]) == 401
    assert (partner.refresh(given["refresh_token"]).status_code, partner.exchange(waiting).status_code) == (400, 400)
    assert partner.company.get("/workers/").status_code == 200
    assert partner.status(partner.tokens()["access_token"]) == 200


def test_an_installer_who_is_no_administrator_is_forbidden_until_another_one_installs(rippling: Make) -> None:
    partner = Partner(rippling(size=1))
    given = partner.tokens()

    partner.company.change("demote_installer")

    assert partner.status(given["access_token"]) == partner.status(given["access_token"], "/platform/api/me") == 403
    assert partner.status(partner.tokens()["access_token"]) == 403
    another = partner.exchange(partner.company.change("install", another=True)["code"]).json()
    assert partner.status(another["access_token"]) == 200


def test_two_refreshes_at_once_are_one_success_and_one_refusal(rippling: Make) -> None:
    partner = Partner(rippling(size=1, exchange_seconds=0.3))
    token = partner.tokens()["refresh_token"]
    statuses: list[int] = []

    both = [threading.Thread(target=lambda: statuses.append(partner.refresh(token).status_code)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()

    assert sorted(statuses) == [200, 400]


def test_a_slow_token_endpoint_takes_its_time(rippling: Make) -> None:
    partner = Partner(rippling(size=1, exchange_seconds=0.4))

    began = time.monotonic()
    partner.tokens()

    assert time.monotonic() - began >= 0.4


def test_an_answer_that_is_lost_has_used_the_refresh_token_up(rippling: Make) -> None:
    partner = Partner(rippling(size=1))
    given = partner.tokens()
    partner.company.control("POST", "/faults", {"kind": "cut_after", "path": TOKEN})

    with pytest.raises(httpx.RemoteProtocolError):
        partner.refresh(given["refresh_token"])

    assert partner.refresh(given["refresh_token"]).json() == {"error": "invalid_grant"}


def test_neither_codes_nor_tokens_nor_secrets_are_in_the_log_of_requests(rippling: Make) -> None:
    partner = Partner(rippling(size=1))
    code = partner.code()
    given = partner.exchange(code).json()
    partner.refresh(given["refresh_token"])

    log = partner.company.control("GET", "/requests")

    assert [one["path"] for one in log.json()["requests"]] == [TOKEN, TOKEN]
    for secret in (code, given["refresh_token"], given["access_token"], *partner.client):
        assert secret not in log.text


@pytest.mark.parametrize("ahead", [0, 7200, -7200])
def test_the_date_of_an_answer_is_the_servers_clock(rippling: Make, ahead: int) -> None:
    company = rippling(size=1, clock_skew_seconds=ahead)

    said = parsedate_to_datetime(company.get("/workers/").headers["Date"])

    assert abs((said - datetime.now(UTC)).total_seconds() - ahead) < 30
