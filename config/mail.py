"""The mail server, from one address: ``smtp://user:password@host:port`` and its safer kin."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import msgspec
from django.core.exceptions import ImproperlyConfigured

PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 465}
"""Plain; encrypted from the first command on (STARTTLS); encrypted from the first byte on."""


class MailServer(msgspec.Struct, frozen=True, kw_only=True):
    """How mail leaves. Without a host it does not, and nobody is told anything by mail."""

    host: str = ""
    port: int = 25
    user: str = ""
    password: str = ""
    starttls: bool = False
    tls: bool = False

    def __repr__(self) -> str:
        return f"MailServer({self.host}:{self.port})"

    @property
    def backend(self) -> str:
        """Django's name for it."""
        return f"django.core.mail.backends.{'smtp' if self.host else 'dummy'}.EmailBackend"


def mail_server(url: str) -> MailServer:
    """The server that ``EMAIL_URL`` names; none for an empty one. Raises ImproperlyConfigured, without the password."""
    if not url:
        return MailServer()
    refused = ImproperlyConfigured(
        "EMAIL_URL must be of the form smtp://user:password@host:port, smtp+tls://… or smtps://…"
    )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise refused from None
    if parts.scheme not in PORTS or not parts.hostname or parts.path not in ("", "/") or parts.query:
        raise refused
    return MailServer(
        host=parts.hostname,
        port=port or PORTS[parts.scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        starttls=parts.scheme == "smtp+tls",
        tls=parts.scheme == "smtps",
    )
