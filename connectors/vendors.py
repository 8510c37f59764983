"""The vendors we know, and what a form needs to show before any connector is made. One line a vendor."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from connectors import plex, rippling
from connectors.contract import SettingField


class Vendor(msgspec.Struct, frozen=True, kw_only=True):
    """A product we connect to. ``hosts`` are the host names (or ``.suffixes``) its base URLs may use."""

    key: str
    product: str
    roles: frozenset[str]
    settings: Sequence[SettingField]
    hosts: frozenset[str]


VENDORS: dict[str, Vendor] = {
    "rippling": Vendor(
        key="rippling",
        product=rippling.PRODUCT,
        roles=frozenset({"source"}),
        settings=rippling.SETTINGS,
        hosts=rippling.HOSTS,
    ),
    "plex": Vendor(
        key="plex", product=plex.PRODUCT, roles=frozenset({"target"}), settings=plex.SETTINGS, hosts=plex.HOSTS
    ),
}
