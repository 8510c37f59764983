"""How a connection signs in: client credentials of Microsoft Entra, by a secret or by a certificate.

Source: dynamics §1; the assertion's form is Microsoft's "Application authentication certificate credentials".
"""

from __future__ import annotations

import base64
import json
import re
import textwrap
import uuid
from datetime import timedelta

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from connectors.contract import ConnectorContext
from connectors.dynamics import PRODUCT
from connectors.dynamics.settings import DynamicsSettings
from connectors.errors import ConnectionConfigError
from connectors.http import Auth
from connectors.oauth import ClientCredentials
from connectors.replies import Reply

_PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----([A-Za-z0-9+/=\s]+)-----END \1-----")
ASSERTION_LIFETIME = timedelta(minutes=10)
_REASONS = {
    "7000222": "The client secret has expired. Create a new one in the app registration and enter its value here.",
    "7000215": "The client secret is wrong. Enter the secret's value, not its id, or create a new one.",
    "700027": "Microsoft Entra does not accept the certificate. Upload it to the app registration, and enter its "
    "thumbprint and its own key here.",
    "700016": "Microsoft Entra does not know this application in this directory. Correct the application id or the "
    "directory id.",
    "90002": "Microsoft Entra does not know this directory. Correct the directory id.",
    "500011": "Microsoft Entra knows no Dynamics environment at this address in this directory. Correct the "
    "environment address or the directory id.",
    "65001": "Nobody has agreed yet that this application may use Dynamics. Have an administrator of the directory "
    "grant it the permission for Microsoft Dynamics ERP.",
}
"""Sentences by the numbers Microsoft Entra gives its refusals. It may change them; then the general sentence stands."""


def sign_in(context: ConnectorContext, settings: DynamicsSettings) -> Auth:
    """The credential of the connection; ConnectionConfigError when it has neither a secret nor a whole certificate."""
    secret = (context.credentials.get("client_secret") or "").strip()
    certificate = None if secret else Certificate(context, settings)
    return ClientCredentials(
        context,
        product=PRODUCT,
        token_url=settings.token_url,
        client_id=settings.client_id,
        client_secret=secret,
        assertion=certificate.assertion if certificate else None,
        explain=explained,
        scope=f"{settings.resource}/.default",
    )


def explained(refused: Reply) -> str:
    """What a refused sign-in means, as a sentence; empty for a reason we do not know."""
    number = re.match(r"AADSTS(\d+)", refused.message)
    return _REASONS.get(number[1], "") if number else ""


class Certificate:
    """A key and the thumbprint of its certificate, which sign what proves the app to Microsoft Entra."""

    def __init__(self, context: ConnectorContext, settings: DynamicsSettings) -> None:
        self._context = context
        self._settings = settings
        pem = (context.credentials.get("certificate_key") or "").strip()
        if not pem or not settings.certificate_thumbprint:
            raise ConnectionConfigError(
                "The Dynamics 365 connection has neither a client secret nor a certificate's key and thumbprint. Enter "
                "one of the two on the connection's page."
            )
        self._key = _key(pem)

    def __repr__(self) -> str:
        return "Certificate(***)"

    def assertion(self) -> str:
        """A signed statement that we are the app, good for ten minutes and used once."""
        settings, now = self._settings, self._context.now()
        print_ = bytes.fromhex(settings.certificate_thumbprint)
        # A thumbprint says by its length which hash it is, and with it which signature belongs to it.
        is_sha256 = len(print_) == 32
        header = {
            "alg": "PS256" if is_sha256 else "RS256",
            "typ": "JWT",
            "x5t#S256" if is_sha256 else "x5t": _base64(print_),
        }
        claims = {
            "aud": settings.token_url,
            "iss": settings.client_id,
            "sub": settings.client_id,
            "jti": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{now.isoformat()} {self._context.random()!r}")),
            "nbf": int(now.timestamp()),
            "exp": int((now + ASSERTION_LIFETIME).timestamp()),
        }
        said = f"{_base64(json.dumps(header).encode())}.{_base64(json.dumps(claims).encode())}"
        sha = hashes.SHA256()
        padded = padding.PSS(padding.MGF1(sha), sha.digest_size) if is_sha256 else padding.PKCS1v15()
        return f"{said}.{_base64(self._key.sign(said.encode(), padded, sha))}"


def _key(pem: str) -> rsa.RSAPrivateKey:
    try:
        key = load_pem_private_key(_in_lines(pem).encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ConnectionConfigError(
            "The certificate key is not a private RSA key in PEM form without a password. Copy it again, from "
            "BEGIN to END."
        )
    return key


def _in_lines(pem: str) -> str:
    """A form's field leaves out the ends of lines, which PEM cannot be without."""
    match = _PEM.fullmatch(pem)
    if match is None:
        return pem
    kind, body = match.groups()
    lines = textwrap.wrap("".join(body.split()), 64)
    return "\n".join((f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----", ""))


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
