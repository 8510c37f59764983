"""Entra ID's token endpoint for client credentials, with a secret or a signed assertion (dynamics §1)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from aiohttp import web
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

if TYPE_CHECKING:
    from sandbox.dynamics.environment import Environment

TOKEN_PATH = "/{directory}/oauth2/v2.0/token"
FORM = "application/x-www-form-urlencoded"
BEARER_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
NO_DIRECTORY = ("common", "organizations")
LONGEST_ASSERTION = 24 * 3600


class TokenRequest:
    """A token request's form, read before it is known whose it is."""

    def __init__(self, request: web.Request, body: bytes) -> None:
        self.is_form = request.content_type == FORM
        self.form = dict(parse_qsl(body.decode("latin-1"))) if self.is_form else {}
        self.client_id = self.form.get("client_id", "")
        self.origin = str(request.url.origin())
        self.url = f"{self.origin}{request.path}"
        self.directory = request.path.split("/")[1]


TOKEN_REQUEST = web.RequestKey("entra_token_request", TokenRequest)


def grant(wanted: TokenRequest, environment: Environment | None) -> tuple[str | None, web.Response]:
    """A new access token, if granted, and the answer. A token for another audience is granted and good for nothing."""
    form = wanted.form
    if not wanted.is_form or not form:
        return None, _error(400, "invalid_request", 900144, "The request body must contain the parameter 'grant_type'.")
    if environment is None:
        return None, _error(400, "unauthorized_client", 700016, "Application was not found in the directory.")
    if wanted.directory not in (environment.directory_id, *NO_DIRECTORY):
        return None, _error(400, "invalid_request", 90002, f"Tenant '{wanted.directory}' not found.")
    if form.get("grant_type") != "client_credentials":
        return None, _error(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.")
    fault = _unproved(wanted, environment)
    if fault is not None:
        return None, _error(401, "invalid_client", *fault)
    scope = form.get("scope", "")
    if not scope.endswith("/.default"):
        return None, _error(400, "invalid_scope", 70011, f"The scope '{scope}' is not valid.")
    audience = scope.removesuffix("/.default")
    if audience.rstrip("/").lower() != wanted.origin:
        return None, _error(400, "invalid_resource", 500011, f"The resource principal named {audience} was not found.")
    token, lifetime = secrets.token_urlsafe(48), environment.settings.token_lifetime
    good = audience == wanted.origin and wanted.directory == environment.directory_id
    ends = environment.now() + timedelta(seconds=lifetime)
    environment.tokens[token] = (ends, audience if good else "")
    answer = {"token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime, "access_token": token}
    return token, web.json_response(answer, headers={"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"})


def holds(environment: Environment, token: str) -> bool:
    """Whether the token has not ended and is for exactly this environment."""
    ends, audience = environment.tokens[token]
    return bool(audience) and ends > environment.now()


def _unproved(wanted: TokenRequest, environment: Environment) -> tuple[int, str] | None:
    """Why the client has not proved who it is."""
    form = wanted.form
    if "client_assertion" in form:
        return _assertion_fault(wanted, environment)
    if "client_secret" not in form:
        return 7000218, "The request body must contain the parameter 'client_assertion' or 'client_secret'."
    if environment.secret_expired:
        return 7000222, "The provided client secret keys are expired."
    if form["client_secret"] != environment.client_secret:
        return 7000215, "Invalid client secret provided."
    return None


def _assertion_fault(wanted: TokenRequest, environment: Environment) -> tuple[int, str] | None:
    if wanted.form.get("client_assertion_type") != BEARER_ASSERTION or not environment.certificate:
        return 7000214, "The client assertion type is missing or the application has no certificate."
    certificate = x509.load_pem_x509_certificate(environment.certificate.encode())
    try:
        head, claims, signature, signed = _jwt(wanted.form["client_assertion"])
        _verify(certificate, head, signature, signed)
    except (ValueError, KeyError, TypeError, InvalidSignature):
        return 700027, "The certificate with identifier used to sign the client assertion is not registered."
    now = environment.now().timestamp()
    if claims.get("aud") != wanted.url:
        return 700024, "The audience of the client assertion is not this endpoint."
    if not now - 300 < claims.get("exp", 0) < now + LONGEST_ASSERTION or claims.get("nbf", 0) > now + 300:
        return 700024, "The client assertion is not within its valid time range."
    if {claims.get("iss"), claims.get("sub")} != {environment.client_id} or not claims.get("jti"):
        return 700021, "The client assertion names another application."
    return None


def _jwt(text: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    """Header, claims, signature and what is signed; ValueError when the text is no JSON Web Token."""
    head, claims, signature = text.split(".")
    return json.loads(_decoded(head)), json.loads(_decoded(claims)), _decoded(signature), f"{head}.{claims}".encode()


def _verify(certificate: x509.Certificate, head: dict[str, Any], signature: bytes, signed: bytes) -> None:
    """ValueError or InvalidSignature unless this certificate's key has signed, and the header names its thumbprint."""
    der, key = certificate.public_bytes(Encoding.DER), certificate.public_key()
    thumbprints = {"x5t": hashlib.sha1(der).digest(), "x5t#S256": hashlib.sha256(der).digest()}
    named = [_decoded(head[name]) == digest for name, digest in thumbprints.items() if name in head]
    if not named or not all(named) or not isinstance(key, rsa.RSAPublicKey):
        raise ValueError("thumbprint")
    salted = padding.PSS(padding.MGF1(SHA256()), SHA256.digest_size)
    key.verify(signature, signed, {"PS256": salted, "RS256": padding.PKCS1v15()}[head["alg"]], SHA256())


def _decoded(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError("base64") from error


def _error(status: int, code: str, number: int, message: str) -> web.Response:
    body = {"error": code, "error_description": f"AADSTS{number}: {message}", "error_codes": [number]}
    return web.json_response(body, status=status)
