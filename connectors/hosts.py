"""Where requests may go: https on a host of the vendor's list, or loopback where an operator allows it."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import SplitResult, urlsplit

from connectors.errors import ConnectionConfigError


def check_address(
    url: str, *, allowed: Collection[str], allow_loopback: bool, product: str, is_link: bool = False
) -> SplitResult:
    """The parts of ``url`` if requests may be sent there, else ConnectionConfigError.

    ``allowed`` holds exact host names and ".suffix" entries. A URL with a user name, a query or a fragment is
    refused: none belongs in a base URL, and the first would be a secret in the clear. A link that the vendor made
    (``is_link``) may have a query.
    """
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise ConnectionConfigError(f"The web address of {product} is not a valid address.") from None
    if not host or "@" in parts.netloc or parts.fragment or (parts.query and not is_link):
        raise ConnectionConfigError(f"The web address of {product} must be of the form https://host/path.")
    if is_loopback(host):
        if allow_loopback and parts.scheme in ("http", "https"):
            return parts
        raise ConnectionConfigError(f"The web address of {product} points to this computer, which is not allowed here.")
    if parts.scheme != "https":
        raise ConnectionConfigError(f"The web address of {product} must begin with https://.")
    if not any(host == entry or (entry.startswith(".") and host.endswith(entry)) for entry in allowed):
        raise ConnectionConfigError(
            f"{host} is not an address of {product}. Correct the address, or have the operator allow this host."
        )
    return parts


def is_loopback(host: str) -> bool:
    """True for localhost and the loopback addresses of both IP versions."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def origin(parts: SplitResult) -> tuple[str, str, int]:
    """Scheme, host and effective port: what must not change when a link is followed."""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts.scheme.lower(), (parts.hostname or "").lower(), port
