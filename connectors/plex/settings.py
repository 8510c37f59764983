"""The connection's settings, read once: every text checked, every default filled in."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from urllib.parse import urlsplit

import msgspec

from connectors.contract import ConnectorContext
from connectors.errors import ConnectionConfigError
from connectors.plex import SETTINGS

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_HOSTS = {"connect": "connect.plex.com", "documents": "cloud.plex.com/api"}
_DEFAULTS = {field.name: field.default for field in SETTINGS}
_LABELS = {field.name: field.label for field in SETTINGS}


class Plant(msgspec.Struct, frozen=True):
    """One PCN this connection covers. ``tenant_id`` is the customer's or a check's word, empty with neither."""

    pcn: str
    code: str
    tenant_id: str = ""


class CustomField(msgspec.Struct, frozen=True):
    """The custom field that holds our reference: Plex's internal names of its object and of itself."""

    object: str
    name: str


class BookSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How journals are posted and recognised. ``journal_status`` is empty where none are to be posted."""

    journal_status: str
    currency: str
    max_lines: int
    custom_field: CustomField | None


class PlexSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a Plex connector works with. ``plants`` starts with the connection's own PCN."""

    profile: str
    base_url: str
    plants: tuple[Plant, ...]
    tenant_header: str
    tenant_header_value: str
    key_expires_on: date | None
    account_number: re.Pattern[str]
    books: BookSettings
    status_active: str
    statuses_inactive: tuple[str, ...]
    match_user_id: bool
    user_id_rule: str
    default_shift: str
    default_type: str
    known: Mapping[str, tuple[str, ...]]
    may_be_empty: bool

    def plant(self, pcn: str) -> Plant:
        """The plant with this PCN; ``ConnectionConfigError`` when this connection does not cover it."""
        for plant in self.plants:
            if plant.pcn == pcn:
                return plant
        raise ConnectionConfigError(
            f"PCN {pcn} is not one of the plants of this Plex connection. Add it under '{_LABELS['plants']}'."
        )

    def is_inactive(self, status: str | None) -> bool:
        """True for a status the customer listed as inactive, without regard to case."""
        return (status or "").casefold() in {known.casefold() for known in self.statuses_inactive}


def read_settings(context: ConnectorContext) -> PlexSettings:
    """The settings of ``context``; ``ConnectionConfigError`` names the first one that cannot be used."""

    def text(name: str) -> str:
        return (context.settings.get(name) or _DEFAULTS[name]).strip()

    profile = _choice(text("profile"), "profile")
    own = Plant(_required(text("pcn"), "pcn"), _required(text("company_code"), "company_code"), text("tenant_id"))
    plants = tuple(
        msgspec.structs.replace(plant, tenant_id=plant.tenant_id or context.learned.get(f"tenant_id_{plant.pcn}", ""))
        for plant in (own, *_further_plants(text("plants")))
    )
    if len({plant.pcn for plant in plants}) < len(plants):
        raise ConnectionConfigError(f"A PCN is listed twice under '{_LABELS['plants']}'.")
    # An empty header is a choice ("send none"), so it must not fall back to the default.
    header = context.settings.get("tenant_header", _DEFAULTS["tenant_header"]).strip()
    if len(plants) > 1 and not header:
        raise ConnectionConfigError("Several plants need a plant header; without it Plex always answers for the same.")
    kind = _choice(text("tenant_header_value"), "tenant_header_value")
    if header and kind == "tenant_id" and not all(plant.tenant_id for plant in plants):
        raise ConnectionConfigError("The plant header holds the tenant id, but a plant has none in the settings.")
    return PlexSettings(
        profile=profile,
        base_url=_base_url(context, profile, _environment(context)),
        plants=plants,
        tenant_header=header,
        tenant_header_value=kind,
        key_expires_on=_date(text("key_expires_on"), "key_expires_on"),
        account_number=_pattern(text("account_number_pattern")),
        books=_books(text, profile),
        status_active=text("status_active"),
        statuses_inactive=_values(text("status_inactive")) or ("Terminated",),
        match_user_id=_choice(text("employee_match"), "employee_match") == "userId",
        user_id_rule=_choice(text("user_id_rule"), "user_id_rule"),
        default_shift=text("default_shift"),
        default_type=text("default_type"),
        known={
            name: _values(text(f"known_{name}")) for name in ("statuses", "positions", "departments", "shifts", "types")
        },
        may_be_empty=text("may_be_empty") == "yes",
    )


def _environment(context: ConnectorContext) -> str:
    """The connection's environment; production where it names none."""
    environment = context.settings.get("environment") or "production"
    if environment not in ("production", "test"):
        raise ConnectionConfigError("'Environment' is none of production, test.")
    return environment


def _base_url(context: ConnectorContext, profile: str, environment: str) -> str:
    """The address, proved to be of the environment (plex §9.1); a loopback address is of either."""
    url = (context.settings.get("base_url") or "").strip().rstrip("/")
    if not url:
        return f"https://{'test.' if environment == 'test' else ''}{_HOSTS[profile]}"
    host = (urlsplit(url).hostname or "").lower()
    is_test = host.startswith("test.") or ".test." in host
    if host not in _LOOPBACK and is_test != (environment == "test"):
        raise ConnectionConfigError(
            f"The address {host} belongs to Plex's {'test' if is_test else 'production'} environment, but the "
            f"connection is set to {environment}. Correct one of the two."
        )
    return url


def _further_plants(text: str) -> list[Plant]:
    plants = []
    for entry in _values(text):
        parts = [part.strip() for part in entry.split(":")]
        if len(parts) not in (2, 3) or not parts[0].isdigit() or not parts[1]:
            raise ConnectionConfigError(
                f"'{_LABELS['plants']}' has an entry that is not PCN:company code:tenant id: {entry}"
            )
        plants.append(Plant(*parts))
    return plants


def _values(text: str) -> tuple[str, ...]:
    return tuple(value for part in re.split(r"[,;\n]", text) if (value := part.strip()))


def _required(value: str, name: str) -> str:
    if not value:
        raise ConnectionConfigError(f"'{_LABELS[name]}' is missing in the settings of the Plex connection.")
    return value


def _choice(value: str, name: str) -> str:
    choices = {key for field in SETTINGS if field.name == name for key, _ in field.choices}
    if value not in choices:
        raise ConnectionConfigError(f"'{_LABELS[name]}' is none of {', '.join(sorted(choices))}.")
    return value


def _date(value: str, name: str) -> date | None:
    try:
        return date.fromisoformat(value) if value else None
    except ValueError:
        raise ConnectionConfigError(f"'{_LABELS[name]}' is not a date like 2026-12-31.") from None


def _books(text: Callable[[str], str], profile: str) -> BookSettings:
    return BookSettings(
        journal_status=text("journal_status"),
        currency=_currency(text("base_currency")),
        max_lines=_max_lines(text("journal_max_lines")),
        custom_field=_custom_field(text, profile),
    )


def _currency(value: str) -> str:
    if not re.fullmatch("[A-Z]{3}", value):
        raise ConnectionConfigError(f"'{_LABELS['base_currency']}' is not a code of three capital letters like USD.")
    return value


def _max_lines(value: str) -> int:
    if not (value.isascii() and value.isdigit()) or int(value) < 2:
        raise ConnectionConfigError(f"'{_LABELS['journal_max_lines']}' is not a number of at least 2.")
    return int(value)


def _custom_field(text: Callable[[str], str], profile: str) -> CustomField | None:
    if _choice(text("duplicate_check"), "duplicate_check") == "description":
        return None
    if profile != "connect":
        raise ConnectionConfigError(
            f"Only the Connect API has custom fields. Set '{_LABELS['duplicate_check']}' to description and note."
        )
    names = ("journal_custom_field_object", "journal_custom_field")
    return CustomField(*(_required(text(name), name) for name in names))


def _pattern(value: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(value)
    except re.error as error:
        raise ConnectionConfigError(f"'{_LABELS['account_number_pattern']}' cannot be read: {error}.") from error
    if "base" not in pattern.groupindex or not set(pattern.groupindex) <= {"base", "cost_center", "sub"}:
        raise ConnectionConfigError(
            f"'{_LABELS['account_number_pattern']}' must have a group named base, and may have cost_center and sub."
        )
    return pattern
