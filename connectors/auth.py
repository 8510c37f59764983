"""The credentials a person enters, as a request carries them. No object here shows its secret when printed.

Those that are fetched and renewed are in ``oauth.py``.
"""

from __future__ import annotations

import base64

from connectors.errors import ConnectionConfigError
from connectors.http import VendorHttp


class _Fixed:
    """A credential that is the same for every request and cannot be renewed by us."""

    def __init__(self, headers: dict[str, str]) -> None:
        self._headers = headers

    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"

    def headers(self, http: VendorHttp) -> dict[str, str]:
        """The same headers every time."""
        return self._headers

    def refresh(self) -> bool:
        """False: only a person can enter another one."""
        return False


class BearerToken(_Fixed):
    """A token a person was given, sent as ``Authorization: Bearer``."""

    def __init__(self, token: str) -> None:
        super().__init__({"Authorization": f"Bearer {sendable(token, 'token')}"})


class ApiKeyHeader(_Fixed):
    """A key in a header of the vendor's own."""

    def __init__(self, name: str, key: str) -> None:
        super().__init__({name: sendable(key, "API key")})


class Basic(_Fixed):
    """User name and password, sent as ``Authorization: Basic`` (UTF-8)."""

    def __init__(self, user: str, password: str) -> None:
        super().__init__({"Authorization": basic(user, password)})


def basic(user: str, password: str) -> str:
    """The value of an ``Authorization`` header for user name and password."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def sendable(secret: str, what: str) -> str:
    """``secret`` without surrounding blanks, or ConnectionConfigError when no header can carry it."""
    secret = secret.strip()
    if not secret:
        raise ConnectionConfigError(f"The {what} is missing. Enter it on the connection's page.")
    if not (secret.isascii() and secret.isprintable()):
        raise ConnectionConfigError(f"The {what} contains characters no {what} has. Copy it again.")
    return secret
