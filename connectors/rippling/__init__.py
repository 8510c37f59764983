"""Rippling: people and organisation, by the REST API (v2) or the older Platform API (v1), with an API token.

v2: cursor pages of at most 100, no published rate limit, no Retry-After promised; a field the token may not see is
absent or null and named in ``__meta.redacted_fields``. v1: limit and offset, at most 100, no filter by time, fields
out of scope left out without a word. A token unused for 30 days is dead. Source: rippling §1.1, §2, §4, §6, §9.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.contract import ConnectorContext, SettingField

if TYPE_CHECKING:
    from connectors.rippling.connector import RipplingConnector

PRODUCT = "Rippling"
HOSTS = frozenset(
    {
        "rest.ripplingapis.com",
        "api.rippling.com",
        "rest.ripplingsandboxapis.com",
        "rest.ripplingpreviewapis.com",
        "sandbox.rippling.com",
    }
)

SETTINGS: tuple[SettingField, ...] = (
    SettingField(
        name="api_token",
        label="API token",
        help="Made in Rippling under API Tokens, by an administrator. It is shown once, can do no more than its maker, "
        "and dies after 30 days without use.",
        secret=True,
        required=True,
    ),
    SettingField(
        name="api",
        label="Rippling API",
        help="REST is today's API. Platform is the older one: it cannot be asked for changes only, and knows neither "
        "legal entities nor job codes.",
        required=True,
        default="v2",
        choices=(("v2", "REST API (v2)"), ("v1", "Platform API (v1)")),
    ),
    SettingField(
        name="rest_url",
        label="REST address",
        help="The address of Rippling's REST API. Change it only for a Rippling test environment.",
        default="https://rest.ripplingapis.com",
        origin="documents",
        is_url=True,
    ),
    SettingField(
        name="platform_url",
        label="Platform address",
        help="The address of Rippling's Platform API. Change it only for a Rippling test environment.",
        default="https://api.rippling.com/platform/api",
        origin="documents",
        is_url=True,
    ),
    SettingField(
        name="api_version",
        label="API version",
        help="The date of the REST API's version. Empty: the version the token was made for.",
        default="2024-08-01",
    ),
)


def open(context: ConnectorContext) -> RipplingConnector:
    """A connector for one connection; ConnectionConfigError when its settings cannot work."""
    # Forms and lists of vendors need the fields above without the HTTP client below.
    from connectors.rippling.connector import RipplingConnector

    return RipplingConnector(context)
