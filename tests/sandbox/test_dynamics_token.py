"""Entra's tokens, and what an environment makes of them (dynamics §1, §9)."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from tests.sandbox.dynamics_world import Dynamics, said, start
from tests.sandbox.plex_world import Clock


def test_a_token_for_exactly_this_environment_opens_it() -> None:
    dynamics = Dynamics(token_lifetime=900)

    granted = dynamics.token()

    assert (granted.status_code, granted.headers["cache-control"]) == (200, "no-store, no-cache")
    assert (granted.json()["token_type"], granted.json()["expires_in"]) == ("Bearer", 900)
    assert dynamics.get("LegalEntities?$select=LegalEntityId").status_code == 200
    assert dynamics.snapshot()["requests"] == {"token": 2, "GET LegalEntities": 1}


@pytest.mark.parametrize(
    ("form", "status", "error", "number"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client", "AADSTS7000215"),
        ({"client_id": "nobody"}, 400, "unauthorized_client", "AADSTS700016"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", "AADSTS70003"),
        ({"scope": "https://other.operations.dynamics.com/.default"}, 400, "invalid_resource", "AADSTS500011"),
        ({"scope": "openid"}, 400, "invalid_scope", "AADSTS70011"),
    ],
)
def test_entra_says_what_is_wrong(form: dict[str, str], status: int, error: str, number: str) -> None:
    answer = Dynamics().token(**form)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["error_description"].startswith(f"{number}:")


def test_a_token_for_another_audience_or_without_a_directory_is_granted_and_good_for_nothing() -> None:
    """The audience has no slash at its end, and the authority is the tenant's own (dynamics §1)."""
    dynamics = Dynamics()
    slash = dynamics.token(scope=f"{dynamics.base}//.default")
    common = dynamics.token("common")
    for granted in (slash, common):
        assert granted.status_code == 200
        headers = {"Authorization": f"Bearer {granted.json()['access_token']}"}
        assert httpx.get(f"{dynamics.base}/data", headers=headers).status_code == 401
    assert dynamics.token("another-directory").json()["error_codes"] == [90002]


def test_an_app_that_is_not_listed_is_refused_and_one_without_roles_forbidden() -> None:
    dynamics = Dynamics(registered=False)
    assert dynamics.token().status_code == 200
    assert said(dynamics.get("LegalEntities")) == (401, "Unauthorized")

    dynamics.change("set_options", registered=True, roles=False)
    assert dynamics.get("LegalEntities").status_code == 403

    dynamics.change("set_options", roles=True, forbidden=["VendorsV2"])
    assert (dynamics.get("VendorsV2").status_code, dynamics.get("Workers").status_code) == (403, 200)


def test_tokens_end_and_secrets_expire() -> None:
    clock = Clock()
    dynamics = Dynamics(base=start(clock), token_lifetime=60)
    assert dynamics.get("Companies").status_code == 200
    clock.passes(60)
    assert dynamics.get("Companies").status_code == 401

    dynamics.change("expire_secret")
    assert dynamics.token().json()["error_codes"] == [7000222]
    dynamics.change("expire_secret", secret="new")
    assert dynamics.token(client_secret="new").status_code == 200


def test_environments_on_one_server_know_nothing_of_each_other() -> None:
    one, other = Dynamics(legal_entities=["usmf"]), Dynamics(legal_entities=["demf"])
    assert [row["DataArea"] for row in one.rows("Companies")] == ["usmf"]
    assert [row["DataArea"] for row in other.rows("Companies")] == ["demf"]
    one.change("expire_tokens")
    assert (one.get("Companies").status_code, other.get("Companies").status_code) == (401, 200)


def test_the_secret_stays_out_of_the_log_of_requests() -> None:
    dynamics = Dynamics()
    dynamics.token()
    log = httpx.get(f"{dynamics.base}/_control/companies/{dynamics.made['key']}/requests").text
    assert "oauth2/v2.0/token" in log
    assert dynamics.made["client_secret"] not in log


class Certificate:
    """A key and its self-signed certificate, and the assertions it signs."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "connector")])
        built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self.key.public_key())
        built = built.serial_number(1).not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        self.certificate = built.not_valid_after(datetime(2036, 1, 1, tzinfo=UTC)).sign(self.key, hashes.SHA256())
        self.pem = self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def assertion(self, dynamics: Dynamics, **claims: object) -> dict[str, str]:
        client = dynamics.made["client_id"]
        issued = Clock().instant.timestamp()
        said = {"iss": client, "sub": client, "jti": "1", "nbf": issued, "exp": issued + 600}
        said["aud"] = f"{dynamics.base}/{dynamics.made['directory_id']}/oauth2/v2.0/token"
        digest = self.certificate.fingerprint(hashes.SHA256())
        head = {"alg": "PS256", "typ": "JWT", "x5t#S256": _encoded(digest)}
        signed = ".".join(_encoded(json.dumps(part).encode()) for part in (head, said | claims))
        salted = padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256.digest_size)
        signature = self.key.sign(signed.encode(), salted, hashes.SHA256())
        kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        return {"client_assertion_type": kind, "client_assertion": f"{signed}.{_encoded(signature)}"}


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def test_a_certificate_signs_instead_of_a_secret() -> None:
    certificate, stranger = Certificate(), Certificate()
    dynamics = Dynamics(certificate=certificate.pem)
    nothing = {"client_secret": ""}
    assert dynamics.token(**nothing, **certificate.assertion(dynamics)).status_code == 200
    for wrong, number in [
        (stranger.assertion(dynamics), 700027),
        (certificate.assertion(dynamics, aud="https://login.microsoftonline.com"), 700024),
        (certificate.assertion(dynamics, exp=1), 700024),
        (certificate.assertion(dynamics, sub="somebody"), 700021),
        (certificate.assertion(dynamics) | {"client_assertion": "a.b.c"}, 700027),
        (certificate.assertion(dynamics) | {"client_assertion_type": "jwt"}, 7000214),
    ]:
        answer = dynamics.token(**nothing, **wrong)
        assert (answer.status_code, answer.json()["error_codes"]) == (401, [number])
