"""Where notices may be sent: a public https address, looked up once and used as looked up, so that nobody can have us
ask the inside of a network."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import SplitResult, urlsplit

import msgspec

from connectors.hosts import is_loopback

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
"""IPv6 addresses behind which a network's translator puts any IPv4 address, private ones too."""


class AddressRefused(Exception):
    """Nothing is sent there. ``str()`` is the sentence for staff."""


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """Where to connect: ``ip`` and ``port``, speaking to ``host`` (name and port as in the address)."""

    scheme: str
    ip: str
    port: int
    name: str
    host: str
    target: str

    @property
    def url(self) -> str:
        """The address with the name replaced by what it was looked up to."""
        ip = f"[{self.ip}]" if ":" in self.ip else self.ip
        return f"{self.scheme}://{ip}:{self.port}{self.target}"


def check_form(url: str, *, allow_loopback: bool) -> SplitResult:
    """The parts of an address that has the form of one; nothing is looked up. Raises AddressRefused."""
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise AddressRefused("This is not a valid address.") from None
    if not host or "@" in parts.netloc or parts.fragment:
        raise AddressRefused("Enter an address of the form https://host/path.")
    if is_loopback(host):
        if allow_loopback and parts.scheme in ("http", "https"):
            return parts
        raise AddressRefused("This address points to this computer, which is not allowed here.")
    if parts.scheme != "https":
        raise AddressRefused("The address must begin with https://.")
    return parts


def look_up(url: str, *, allow_loopback: bool, resolve: Callable[..., list[Any]] = socket.getaddrinfo) -> Destination:
    """Where ``url`` leads now. Raises AddressRefused for a name that is unknown, or leads to any address that is not a
    public one."""
    parts = check_form(url, allow_loopback=allow_loopback)
    name = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = resolve(name, port, type=socket.SOCK_STREAM)
    except OSError:
        raise AddressRefused(f"The name {name} is not known.") from None
    ips = [str(entry[4][0]) for entry in found]
    own = allow_loopback and is_loopback(name)
    if not ips or not all(is_public(ip) or (own and is_loopback(ip)) for ip in ips):
        raise AddressRefused(f"{name} is not a public address, so nothing is sent there.")
    target = parts.path or "/"
    if parts.query:
        target += f"?{parts.query}"
    return Destination(scheme=parts.scheme, ip=ips[0], port=port, name=name, host=parts.netloc, target=target)


def is_public(ip: str) -> bool:
    """True when everybody on the internet means the same machine by it."""
    try:
        address: Address = ipaddress.ip_address(ip)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is not None:
            address = inner
        elif address in TRANSLATED:
            return False
    return address.is_global and not address.is_multicast
