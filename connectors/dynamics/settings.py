"""The connection's settings, read once: every text checked, every default filled in."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec

from connectors.contract import ConnectorContext
from connectors.dynamics import SETTINGS
from connectors.errors import ConnectionConfigError

_DEFAULTS = {field.name: field.default for field in SETTINGS}
_LABELS = {field.name: field.label for field in SETTINGS}
_REFERENCE_FIELDS = {"search_name": "NameAlias", "known_as": "KnownAs"}
_CUSTOM_SERVICE = re.compile(r"/api/services/[^/?#]+/[^/?#]+/[^/?#]+")
MOST_LINES_PER_VOUCHER = 100
"""A voucher is sent whole, and a line takes up to a second (dynamics §8)."""
MOST_LINES_PER_JOURNAL = 10_000


class BookSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How journals are written, recognised and posted.

    ``marker_field`` is the header's property that holds our reference. ``posting_service`` is the path of the
    customer's custom service, empty where the customer's finance department posts. ``lines_per_journal`` are lines
    as they are written, parted ones included.
    """

    journal_name: str
    marker_field: str
    posting_service: str
    lines_per_voucher: int
    lines_per_journal: int
    blanks_unknown_dimensions: bool


class PeopleSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How people are written. ``time_zone`` is the company's: employments begin and end at its midnights.

    ``reference_field`` is the property that holds our reference. ``dimensions`` maps our fields to the financial
    dimensions of an employment's defaults. ``vendor_group`` is empty where contractors are workers like all others.
    """

    time_zone: ZoneInfo
    reference_field: str
    dimensions: dict[str, str]
    vendor_set: str
    vendor_group: str

    def midnight(self, day: date) -> datetime:
        """The instant at which ``day`` begins where the company is."""
        return datetime.combine(day, time(), self.time_zone)

    def last_second(self, day: date) -> datetime:
        """The instant at which the last second of ``day`` begins where the company is."""
        return self.midnight(day + timedelta(days=1)) - timedelta(seconds=1)

    def day_of(self, moment: datetime) -> date:
        """The calendar day of an aware instant where the company is."""
        return moment.astimezone(self.time_zone).date()


class DynamicsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a Dynamics connector works with. ``legal_entities`` are dataAreaIds in lower case, the own one first."""

    base_url: str
    resource: str
    token_url: str
    client_id: str
    certificate_thumbprint: str
    legal_entities: tuple[str, ...]
    books: BookSettings
    people: PeopleSettings

    def legal_entity(self, company: str | None) -> str:
        """``company`` as Dynamics writes it, the own one for None; ConnectionConfigError when it is not covered."""
        if company is None:
            return self.legal_entities[0]
        if company.strip().lower() not in self.legal_entities:
            raise ConnectionConfigError(
                f"The legal entity {company} is not one of this Dynamics 365 connection. Add it under "
                f"'{_LABELS['legal_entities']}'."
            )
        return company.strip().lower()


def read_settings(context: ConnectorContext) -> DynamicsSettings:
    """The settings of ``context``; ``ConnectionConfigError`` names the first one that cannot be used."""

    def text(name: str) -> str:
        return (context.settings.get(name) or _DEFAULTS[name]).strip()

    base_url = environment_address(_required(text("base_url"), "base_url"))
    if context.settings.get("environment") == "production" and ".sandbox." in base_url:
        raise ConnectionConfigError(
            "The environment's address belongs to a sandbox, but the connection is set to production. Correct one of "
            "the two."
        )
    tenant = _required(text("directory_id"), "directory_id")
    if not re.fullmatch(r"[0-9A-Za-z.-]+", tenant):
        raise ConnectionConfigError(f"'{_LABELS['directory_id']}' is neither an id nor a domain name.")
    legal_entities = tuple(value.lower() for value in _values(text("legal_entities")))
    if not legal_entities or len(set(legal_entities)) < len(legal_entities):
        raise ConnectionConfigError(f"'{_LABELS['legal_entities']}' is empty or names one twice.")
    return DynamicsSettings(
        base_url=base_url,
        resource=_resource(base_url),
        token_url=f"{text('authority').rstrip('/')}/{tenant}/oauth2/v2.0/token",
        client_id=_required(text("client_id"), "client_id"),
        certificate_thumbprint=_thumbprint(text("certificate_thumbprint")),
        legal_entities=legal_entities,
        books=_books(text),
        people=_people(text),
    )


def environment_address(url: str) -> str:
    """The address of an environment with scheme and host in lower case and no slash at its end.

    The token's audience must be exactly this, or every call is refused (dynamics §1)."""
    parts = urlsplit(url.strip().rstrip("/"))
    return parts._replace(scheme=parts.scheme.lower(), netloc=parts.netloc.lower()).geturl()


def _resource(base_url: str) -> str:
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc}"


def _books(text: Callable[[str], str]) -> BookSettings:
    service = ""
    if _choice(text("posting_mode"), "posting_mode") == "custom_service":
        service = "/" + _required(text("posting_service"), "posting_service").strip("/")
        if not _CUSTOM_SERVICE.fullmatch(service):
            raise ConnectionConfigError(
                f"'{_LABELS['posting_service']}' is not of the form /api/services/group/service/operation."
            )
    marker = _choice(text("marker_field"), "marker_field")
    return BookSettings(
        journal_name=text("journal_name"),
        marker_field="IntegrationKey" if marker == "integration_key" else "Description",
        posting_service=service,
        lines_per_voucher=_number(text("lines_per_voucher"), "lines_per_voucher", MOST_LINES_PER_VOUCHER),
        lines_per_journal=_number(text("lines_per_journal"), "lines_per_journal", MOST_LINES_PER_JOURNAL),
        blanks_unknown_dimensions=_choice(text("dimension_outside"), "dimension_outside") == "blank",
    )


def _people(text: Callable[[str], str]) -> PeopleSettings:
    fields = ("department", "location")
    dimensions = {field: text(f"{field}_dimension") for field in fields if text(f"{field}_dimension")}
    as_vendors = _choice(text("contractors"), "contractors") == "vendors"
    return PeopleSettings(
        time_zone=_time_zone(text("time_zone")),
        reference_field=_REFERENCE_FIELDS[_choice(text("reference_field"), "reference_field")],
        dimensions=dimensions,
        vendor_set=_choice(text("vendor_set"), "vendor_set"),
        vendor_group=_required(text("vendor_group"), "vendor_group") if as_vendors else "",
    )


def _values(text: str) -> tuple[str, ...]:
    return tuple(value for part in re.split(r"[,;\n]", text) if (value := part.strip()))


def _required(value: str, name: str) -> str:
    if not value:
        raise ConnectionConfigError(f"'{_LABELS[name]}' is missing in the settings of the Dynamics 365 connection.")
    return value


def _choice(value: str, name: str) -> str:
    choices = {key for field in SETTINGS if field.name == name for key, _ in field.choices}
    if value not in choices:
        raise ConnectionConfigError(f"'{_LABELS[name]}' is none of {', '.join(sorted(choices))}.")
    return value


def _number(value: str, name: str, most: int) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= len(str(most)) and 2 <= int(value) <= most):
        raise ConnectionConfigError(f"'{_LABELS[name]}' is not a number from 2 to {most:,}.")
    return int(value)


def _thumbprint(value: str) -> str:
    plain = re.sub(r"[\s:]", "", value).lower()
    if plain and not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", plain):
        raise ConnectionConfigError(
            f"'{_LABELS['certificate_thumbprint']}' is not the 40 or 64 hexadecimal digits Microsoft Entra shows."
        )
    return plain


def _time_zone(value: str) -> ZoneInfo:
    try:
        return ZoneInfo(value)
    except (KeyError, OSError, ValueError):
        raise ConnectionConfigError(f"'{_LABELS['time_zone']}' is not a name like America/Chicago.") from None
