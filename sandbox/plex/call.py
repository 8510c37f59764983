"""One admitted request: whose it is, which plant it runs in, and its query read strictly."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

from aiohttp import web

from sandbox.plex.company import PlexCompany
from sandbox.plex.naming import Profile
from sandbox.plex.plant import Plant
from sandbox.plex.refusals import bad_argument, malformed

UUID_LENGTH = 36


@dataclass(frozen=True)
class Call:
    """``blind``: the integration user lacks the role for this resource, so there is nothing to see (plex §7)."""

    request: web.Request
    company: PlexCompany
    plant: Plant
    profile: Profile
    blind: bool
    body: bytes = b""

    @property
    def query(self) -> dict[str, list[str]]:
        """Name → values. Only %XX is decoded: a ``+`` stays a plus, so ``a+b`` never finds ``a b`` (plex §2.2)."""
        query: dict[str, list[str]] = {}
        for part in self.request.rel_url.raw_query_string.split("&"):
            name, _, value = part.partition("=")
            if value:
                query.setdefault(unquote(name), []).append(unquote(value))
        return query

    @property
    def path_id(self) -> str:
        return as_uuid("id", self.request.match_info["id"])


def as_uuid(name: str, text: str) -> str:
    """Lower-case uuid text; a word where a uuid belongs is refused (plex §2.7)."""
    if not is_uuid(text):
        raise bad_argument(name, "a uuid")
    return text.lower()


def is_uuid(text: object) -> bool:
    if not isinstance(text, str) or len(text) != UUID_LENGTH:
        return False
    groups = text.split("-")
    return [len(g) for g in groups] == [8, 4, 4, 4, 12] and set("".join(groups).lower()) <= set("0123456789abcdef")


def plant_of(request: web.Request, company: PlexCompany) -> Plant | None:
    """The plant the routing headers name, or the default one; None without access to it (plex §2.1)."""
    number = request.headers.get("X-Plex-Connect-Customer-Id")
    tenant = request.headers.get("X-Plex-Connect-Tenant-Id")
    if number is None and tenant is None:
        return company.foreign if company.settings.default_pcn_wrong else next(iter(company.plants.values()))
    by_number = by_tenant = None
    if number is not None:
        if not (number.isascii() and number.isdigit()):
            raise bad_argument("X-Plex-Connect-Customer-Id", "a number")
        by_number = company.plants.get(int(number))
    if tenant is not None:
        by_tenant = company.plant_of_tenant(as_uuid("X-Plex-Connect-Tenant-Id", tenant))
    if number is not None and tenant is not None and by_number is not by_tenant:
        raise malformed("X-Plex-Connect-Customer-Id and X-Plex-Connect-Tenant-Id name different customers.")
    return by_number or by_tenant
