"""The vendors we know, and what a form needs to show before any connector is made. One line a vendor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from connectors import dynamics, plex, rippling
from connectors.contract import SettingField
from connectors.dynamics.display import canonical, escaped, main_account
from connectors.rippling import webhooks as rippling_webhooks
from connectors.webhooks import Webhooks


class Vendor(msgspec.Struct, frozen=True, kw_only=True):
    """A product we connect to. ``hosts`` are the host names (or ``.suffixes``) its base URLs may use.
    ``polling_floor_minutes`` is the shortest interval at which it may be asked by itself. Credentials that are not used
    for ``unused_credentials_die_after_days`` are withdrawn; None where they are not. ``is_installed`` says of a
    connection's settings that access is given by installing an app, so that no credentials are entered.
    ``chart_number`` gives the number under which a ledger's chart has an account that journals are posted to, or the
    text itself where that is no account; ``account_part`` writes a value as a part of such an account, and
    ``account_text`` an account that may be written in several ways in the one way that journals have it.
    ``books_later`` says that a journal that arrived can still be changed there until people book it."""

    key: str
    product: str
    roles: frozenset[str]
    settings: Sequence[SettingField]
    hosts: frozenset[str]
    polling_floor_minutes: int = 5
    unused_credentials_die_after_days: int | None = None
    webhooks: Webhooks | None = None
    is_installed: Callable[[Mapping[str, str]], bool] = lambda settings: False
    chart_number: Callable[[str], str] = lambda account: account
    account_part: Callable[[str], str] = lambda value: value
    account_text: Callable[[str], str] = lambda account: account
    books_later: bool = False


VENDORS: dict[str, Vendor] = {
    "rippling": Vendor(
        key="rippling",
        product=rippling.PRODUCT,
        roles=frozenset({"source"}),
        settings=rippling.SETTINGS,
        hosts=rippling.HOSTS,
        polling_floor_minutes=rippling.POLLING_FLOOR_MINUTES,
        unused_credentials_die_after_days=rippling.UNUSED_TOKENS_DIE_AFTER_DAYS,
        webhooks=rippling_webhooks,
        is_installed=rippling.is_installed,
    ),
    "plex": Vendor(
        key="plex",
        product=plex.PRODUCT,
        roles=frozenset({"target"}),
        settings=plex.SETTINGS,
        hosts=plex.HOSTS,
        polling_floor_minutes=plex.POLLING_FLOOR_MINUTES,
    ),
    "dynamics": Vendor(
        key="dynamics",
        product=dynamics.PRODUCT,
        roles=frozenset({"target"}),
        settings=dynamics.SETTINGS,
        hosts=dynamics.HOSTS,
        polling_floor_minutes=dynamics.POLLING_FLOOR_MINUTES,
        chart_number=main_account,
        account_part=escaped,
        account_text=canonical,
        books_later=True,
    ),
}
