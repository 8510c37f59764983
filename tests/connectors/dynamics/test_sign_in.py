"""How a connection signs in, and the settings it does it with. Source: dynamics §1."""

from __future__ import annotations

import base64
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from connectors.dynamics.mistakes import AccessError
from connectors.errors import ConnectionConfigError
from tests.connectors.dynamics.conftest import SECRET, OpenOData
from tests.connectors.scripted_server import Answer, ScriptedServer
from tests.connectors.surroundings import Clock

TOKEN = {"token_type": "Bearer", "expires_in": 3599, "access_token": "first.token.value"}


class Row(msgspec.Struct):
    """Whatever it is."""


def test_the_token_is_for_exactly_the_environment(server: ScriptedServer, connect: OpenOData) -> None:
    server.reply(Answer(body=TOKEN), Answer(body={"value": []}))
    odata = connect(signed_in=False, base_url=server.url.replace("http://", "HTTP://") + "/")
    assert list(odata.rows("Companies", select=["DataArea"], type=Row)) == []
    asked, read = server.asked
    assert asked.path == "/contoso.example/oauth2/v2.0/token"
    form = parse_qs(asked.body.decode())
    assert form["grant_type"] == ["client_credentials"]
    assert form["scope"] == [f"{server.url}/.default"]
    assert form["client_secret"] == [SECRET]
    assert read.headers["authorization"] == "Bearer first.token.value"
    assert read.headers["odata-version"] == "4.0"


def test_a_token_is_renewed_before_it_ends(server: ScriptedServer, connect: OpenOData, clock: Clock) -> None:
    second = {**TOKEN, "access_token": "second.token"}
    server.reply(Answer(body=TOKEN), Answer(body={"value": []}), Answer(body=second), Answer(body={"value": []}))
    odata = connect(signed_in=False)
    list(odata.rows("Companies", select=["DataArea"], type=Row))
    clock.moment += timedelta(seconds=3545)
    list(odata.rows("Companies", select=["DataArea"], type=Row))
    assert [asked.headers.get("authorization") for asked in server.asked[1::2]] == [
        "Bearer first.token.value",
        "Bearer second.token",
    ]


def test_a_refused_token_is_renewed_once(server: ScriptedServer, connect: OpenOData) -> None:
    server.reply(Answer(401), Answer(body=TOKEN), Answer(401))
    with pytest.raises(AccessError, match="Microsoft Entra ID applications"):
        list(connect().rows("Companies", select=["DataArea"], type=Row))
    assert [asked.method for asked in server.asked] == ["GET", "POST", "GET"]


def test_a_wrong_secret_is_a_matter_of_the_connection_and_told_to_nobody(
    server: ScriptedServer, connect: OpenOData
) -> None:
    body = {"error": "invalid_client", "error_description": f"AADSTS7000215: Invalid client secret {SECRET}."}
    server.reply(Answer(401, body))
    with pytest.raises(ConnectionConfigError, match="secret's value, not its id") as caught:
        list(connect(signed_in=False).rows("Companies", select=["DataArea"], type=Row))
    assert SECRET not in repr(caught.value) + caught.value.detail


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("7000222", "has expired"),
        ("700016", "application id or the directory id"),
        ("90002", "Correct the directory id"),
        ("500011", "environment address"),
        ("700027", "certificate"),
        ("65001", "administrator"),
        ("50000", "client ID and client secret"),
    ],
)
def test_why_microsoft_entra_refuses_is_told_in_our_words(
    server: ScriptedServer, connect: OpenOData, number: str, said: str
) -> None:
    body = {"error": "invalid_request", "error_description": f"AADSTS{number}: Theirs. Trace ID: 0000aaaa-11bb"}
    server.reply(Answer(400, body))
    with pytest.raises(ConnectionConfigError, match=said) as caught:
        list(connect(signed_in=False).rows("Companies", select=["DataArea"], type=Row))
    assert "Theirs" not in caught.value.sentence


@pytest.mark.parametrize(("digits", "alg", "name"), [(40, "RS256", "x5t"), (64, "PS256", "x5t#S256")])
def test_a_certificate_proves_the_app(
    server: ScriptedServer, connect: OpenOData, digits: int, alg: str, name: str
) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    server.reply(Answer(body=TOKEN), Answer(body={"value": []}))
    odata = connect(signed_in=False, credentials={"certificate_key": pem}, certificate_thumbprint=("AB" * 32)[:digits])
    list(odata.rows("Companies", select=["DataArea"], type=Row))
    form = parse_qs(server.asked[0].body.decode())
    assert "client_secret" not in form
    assert form["client_assertion_type"] == ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]
    head, claims, signature = form["client_assertion"][0].split(".")
    said = _json(head)
    assert (said["alg"], said[name]) == (alg, base64.urlsafe_b64encode(b"\xab" * (digits // 2)).decode().rstrip("="))
    assert _json(claims)["aud"] == f"{server.url}/contoso.example/oauth2/v2.0/token"
    assert _json(claims)["exp"] - _json(claims)["nbf"] == 600
    sha = hashes.SHA256()
    padded = padding.PSS(padding.MGF1(sha), 32) if alg == "PS256" else padding.PKCS1v15()
    key.public_key().verify(_bytes(signature), f"{head}.{claims}".encode(), padded, sha)


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _json(text: str) -> Any:
    return json.loads(_bytes(text))


@pytest.mark.parametrize(
    "credentials", [{"certificate_key": "-----BEGIN"}, {"certificate_key": ""}], ids=["no key", "nothing"]
)
def test_half_a_certificate_is_said_at_once(connect: OpenOData, credentials: dict[str, str]) -> None:
    with pytest.raises(ConnectionConfigError, match=r"certificate"):
        connect(credentials={"client_secret": "", **credentials}, certificate_thumbprint="AB" * 20)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"legal_entities": "usmf,USMF"}, "Legal entities"),
        ({"directory_id": "a/b"}, "Directory"),
        ({"time_zone": "Mars/Olympus"}, "Time zone"),
        ({"certificate_thumbprint": "xyz"}, "thumbprint"),
        ({"posting_mode": "custom_service"}, "Custom service"),
        ({"posting_mode": "custom_service", "posting_service": "https://elsewhere.example"}, "/api/services/"),
        ({"contractors": "vendors"}, "Vendor group"),
        ({"lines_per_voucher": "1"}, "Lines per voucher"),
        ({"lines_per_voucher": "101"}, "'Lines per voucher' is not a number from 2 to 100"),
        ({"lines_per_journal": "10001"}, "'Lines per journal' is not a number from 2 to 10,000"),
        ({"lines_per_journal": "9" * 5000}, "Lines per journal"),
        ({"marker_field": "text"}, "recognised by"),
        ({"base_url": "https://a.sandbox.operations.dynamics.com", "environment": "production"}, "sandbox"),
    ],
)
def test_settings_that_cannot_work_are_named(connect: OpenOData, settings: dict[str, str], said: str) -> None:
    with pytest.raises(ConnectionConfigError, match=said):
        connect(**settings)


def test_days_begin_where_the_company_is(connect: OpenOData) -> None:
    people = connect(time_zone="America/Chicago").settings.people
    assert people.midnight(date(2026, 3, 8)) == datetime(2026, 3, 8, 6, 0, tzinfo=UTC)
    assert people.midnight(date(2026, 3, 9)) == datetime(2026, 3, 9, 5, 0, tzinfo=UTC)
    assert people.last_second(date(2026, 3, 8)) == datetime(2026, 3, 9, 4, 59, 59, tzinfo=UTC)
    assert people.day_of(datetime(2026, 3, 9, 4, 59, 59, tzinfo=UTC)) == date(2026, 3, 8)


def test_legal_entities_are_written_as_dynamics_does(connect: OpenOData) -> None:
    settings = connect().settings
    assert settings.legal_entities == ("usmf", "frrt")
    assert settings.legal_entity("FRRT") == "frrt"
    assert settings.legal_entity(None) == "usmf"
    with pytest.raises(ConnectionConfigError, match="dat"):
        settings.legal_entity("dat")
