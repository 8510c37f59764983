"""Where notices may be sent: a public https address, looked up once and used as looked up, so that nobody can have us
ask the inside of a network."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable
from typing import Any

import httpx
import msgspec

from connectors.hosts import is_loopback

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

INSIDE = tuple(
    ipaddress.ip_network(network)
    for network in (
        "64:ff9b::/96",  # behind these a network's translator puts any IPv4 address, private ones too
        "64:ff9b:1::/48",
        "::/96",  # an IPv4 address in the form of before
        "fec0::/10",  # private, in the form of before
        "168.63.129.16/32",  # what a machine in Azure asks about itself
    )
)
"""What leads inside a network, though the registries do not call it private."""

LONGEST_NAME = 253
LABEL = re.compile(r"[a-z0-9_:-]{1,63}")
"""A part of a name between two dots; an IPv6 address is one."""


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


def check_form(url: str, *, allow_loopback: bool) -> httpx.URL:
    """The address as it is asked for, its name in ASCII, if it has the form of one; nothing is looked up. Raises
    AddressRefused."""
    try:
        parts = httpx.URL(url.strip())
    except httpx.InvalidURL:
        raise AddressRefused("This is not a valid address.") from None
    host = name_of(parts)
    if not host or parts.userinfo or parts.fragment:
        raise AddressRefused("Enter an address of the form https://host/path.")
    labels = host.removesuffix(".").split(".")
    if len(host) > LONGEST_NAME or not all(LABEL.fullmatch(label) for label in labels):
        raise AddressRefused("The name in this address cannot be one. Look for a typing error.")
    if parts.port is not None and not 0 < parts.port < 65_536:
        raise AddressRefused("There is no port of this number.")
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
    name = name_of(parts)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = resolve(name, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise AddressRefused(f"The name {name} is not known.") from None
    ips = [str(entry[4][0]) for entry in found]
    own = allow_loopback and is_loopback(name)
    if not ips or not all(is_public(ip) or (own and is_loopback(ip)) for ip in ips):
        raise AddressRefused(f"{name} is not a public address, so nothing is sent there.")
    host, target = parts.netloc.decode("ascii"), parts.raw_path.decode("ascii")
    return Destination(scheme=parts.scheme, ip=ips[0], port=port, name=name, host=host, target=target)


def name_of(url: httpx.URL) -> str:
    """The name, or address, of the machine in ``url``, in ASCII."""
    return url.raw_host.decode("ascii").lower()


def is_public(ip: str) -> bool:
    """True when everybody on the internet means the same machine by it."""
    try:
        address: Address = ipaddress.ip_address(ip)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        address = address if inner is None else inner
    inside = any(address in network for network in INSIDE)
    return address.is_global and not address.is_multicast and not inside
