"""The token endpoint and what a token is good for."""

from __future__ import annotations

import httpx
import pytest

from tests.sandbox.plex_world import Clock, Plex, start


def test_client_credentials_in_a_form_give_a_bearer_token_for_the_documents_profile() -> None:
    plex = Plex(employees=1, token_lifetime=900)

    granted = plex.token()

    assert granted.status_code == 200
    assert granted.headers["cache-control"] == "no-store"
    assert {k: v for k, v in granted.json().items() if k != "access_token"} == {
        "token_type": "Bearer",
        "expires_in": 900,
    }
    headers = {"Authorization": f"Bearer {granted.json()['access_token']}"}
    assert len(httpx.get(f"{plex.base}/api/Employee", headers=headers).json()["data"]) == 1
    assert httpx.get(f"{plex.base}/mdm/v1/employees", headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
def test_a_wrong_request_gets_the_oauth_error(form: dict[str, str], status: int, error: str) -> None:
    answer = Plex().token(**form)
    assert (answer.status_code, answer.json()) == (status, {"error": error})


def test_a_json_body_is_refused() -> None:
    plex = Plex()
    body = {"grant_type": "client_credentials", **{k: plex.made[k] for k in ("client_id", "client_secret")}}
    assert httpx.post(f"{plex.base}/oauth2/token", json=body).status_code == 415


def test_a_client_set_up_for_basic_must_use_basic() -> None:
    plex = Plex(client_auth="basic", client_id="me", client_secret="s:e/c")
    url, form = f"{plex.base}/oauth2/token", {"grant_type": "client_credentials"}

    assert plex.token().status_code == 401
    # Both halves travel form-encoded (RFC 6749 §2.3.1).
    assert httpx.post(url, data=form, auth=("me", "s%3Ae%2Fc")).status_code == 200
    assert httpx.post(url, data=form, auth=("me", "no")).json() == {"error": "invalid_client"}


def test_a_token_ends_with_its_lifetime() -> None:
    clock = Clock()
    plex = Plex(base=start(clock), token_lifetime=60)

    assert plex.documents("GET", "/api/Tenant").status_code == 200
    clock.passes(60)
    expired = plex.documents("GET", "/api/Tenant")

    assert (expired.status_code, expired.json()["code"]) == (401, "REQUEST_NOT_AUTHENTICATED")


def test_expired_tokens_are_refused_and_a_new_one_works() -> None:
    plex = Plex()
    headers = {"Authorization": f"Bearer {plex.token().json()['access_token']}"}
    url = f"{plex.base}/api/Tenant"

    assert httpx.get(url, headers=headers).status_code == 200
    assert plex.change("expire_tokens") == {"expired": 1}
    assert httpx.get(url, headers=headers).status_code == 401
    assert plex.documents("GET", "/api/Tenant").status_code == 200


def test_discovery_names_the_token_endpoint() -> None:
    plex = Plex()
    found = httpx.get(f"{plex.base}/.well-known/openid-configuration").json()
    assert found["token_endpoint"] == f"{plex.base}/oauth2/token"


def test_a_fault_on_the_token_endpoint_hits_only_its_company() -> None:
    struck, spared = Plex(), Plex()
    fault = {"kind": "status", "path": "/oauth2/token", "status_code": 503}
    httpx.post(f"{struck.base}/_control/companies/{struck.made['key']}/faults", json=fault)

    assert spared.token().status_code == 200
    assert struck.token().status_code == 503
    assert struck.token().status_code == 200
