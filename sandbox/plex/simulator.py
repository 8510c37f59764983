"""The Plex simulator: every Plex host on one server, told apart by path."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from aiohttp import web

from sandbox.core import Handler, Simulator
from sandbox.plex import accounts, custom_fields, employees, journals, ledger, oauth
from sandbox.plex.call import Call, plant_of
from sandbox.plex.company import PlexCompany
from sandbox.plex.founding import found
from sandbox.plex.lists import Listing
from sandbox.plex.naming import Profile
from sandbox.plex.refusals import Refusal, forbidden, not_authenticated, not_found, processing_error

API_KEY_HEADER = "X-Plex-Connect-Api-Key"
CUSTOM_FIELDS = "/platform/custom-fields/v1"
Action = Callable[[Call], web.Response]

# (resource, connect path or None, documents path or None, its list)
LISTINGS: list[tuple[str, str | None, str | None, Listing]] = [
    ("tenants", "/mdm/v1/tenants", "/api/Tenant", accounts.TENANTS),
    ("employees", "/mdm/v1/employees", "/api/Employee", employees.EMPLOYEES),
    ("chart-of-accounts", "/mdm/v1/chart-of-accounts", "/api/GL_Account", accounts.ACCOUNTS),
    ("cost-centers", None, "/api/Cost_Center", accounts.COST_CENTERS),
    ("buildings", "/mdm/v1/buildings", "/api/Building", accounts.BUILDINGS),
    (
        "fiscal-period-statuses",
        "/accounting/v1/fiscal-period-statuses",
        "/api/Fiscal_Period",
        ledger.PERIODS,
    ),
    ("journal-entries", "/accounting/v2/journal-entries", "/api/Journal_Entry", journals.JOURNALS),
]
# (resource, method, what follows the resource's path, action)
WRITES: list[tuple[str, str, str, Action]] = [
    ("employees", "POST", "", employees.create),
    ("employees", "PUT", "/{id}", employees.replace),
    ("employees", "POST", "/{id}/activate", employees.activate),
    ("employees", "POST", "/{id}/deactivate", employees.deactivate),
    ("employees", "POST", "/{id}/transfer", employees.transfer),
    ("chart-of-accounts", "POST", "", accounts.create),
    ("chart-of-accounts", "PUT", "/{id}", accounts.replace),
    ("chart-of-accounts", "POST", "/{id}/activate", accounts.activate),
    ("chart-of-accounts", "POST", "/{id}/deactivate", accounts.deactivate),
    ("journal-entries", "POST", "", journals.create),
    ("journal-entries", "PUT", "/{id}", journals.replace),
]
# (resource, method, path, action) of what only reads and is no list with rows of its own
READS: list[tuple[str, str, str, Action]] = [
    ("trial-balance", "GET", "/accounting/v1/trial-balance", ledger.trial_balance),
    ("general-ledger-activity", "GET", "/accounting/v1/general-ledger-activity/journal-entries", ledger.activity),
    ("general-ledger-activity", "GET", "/api/GL_Activity", ledger.activity),
    ("custom-fields", "GET", f"{CUSTOM_FIELDS}/standard-objects", custom_fields.standard_objects),
    ("custom-fields", "GET", f"{CUSTOM_FIELDS}/field-definitions", custom_fields.field_definitions),
    ("custom-fields", "POST", f"{CUSTOM_FIELDS}/field-values/search", custom_fields.search),
    ("identity-mappings", "POST", "/platform/identity-mappings/v1/ids-to-keys", custom_fields.ids_to_keys),
    ("identity-mappings", "POST", "/platform/identity-mappings/v1/keys-to-ids", custom_fields.keys_to_ids),
]


class PlexSimulator(Simulator[PlexCompany]):
    """``now`` tells the time: token lifetimes, rate limits, delays and modified dates follow it."""

    name = "plex"

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._by_client: dict[str, PlexCompany] = {}
        self._by_key: dict[str, PlexCompany] = {}
        self._by_token: dict[str, PlexCompany] = {}
        super().__init__()

    def routes(self, app: web.Application) -> None:
        add = app.router.add_route
        add("POST", oauth.TOKEN_PATH, self._token)
        add("GET", oauth.DISCOVERY_PATH, self._discovery)
        for resource, connect, documents, listing in LISTINGS:
            for profile, path in ((Profile.CONNECT, connect), (Profile.DOCUMENTS, documents)):
                if path is None:
                    continue
                add("GET", path, self._reading(profile, resource, listing.many))
                if listing is not ledger.PERIODS:
                    add("GET", f"{path}/{{id}}", self._reading(profile, resource, listing.one))
                for written, method, rest, action in WRITES:
                    if written == resource:
                        add(method, path + rest, self._writing(profile, resource, action))
        for resource, method, path, action in READS:
            profile = Profile.DOCUMENTS if path.startswith("/api/") else Profile.CONNECT
            add(method, path, self._reading(profile, resource, action))
        save = self._writing(Profile.CONNECT, "custom-fields", custom_fields.save)
        add("POST", f"{CUSTOM_FIELDS}/field-values/save", save)
        add("*", "/{path:.*}", self._nothing_here)

    def create(self, options: dict[str, Any]) -> tuple[PlexCompany, dict[str, Any]]:
        try:
            company = found(options, self._now)
        except (KeyError, ValueError, TypeError) as error:
            raise web.HTTPBadRequest(text=f"company options: {error!r}") from error
        self._by_client[company.client_id] = company
        if company.api_key is not None:
            self._by_key[company.api_key] = company
        plants = [
            {"pcn": p.pcn, "tenant_id": p.tenant_id, "code": p.code, "buildings": p.building_codes}
            for p in company.plants.values()
        ]
        return company, {
            "client_id": company.client_id,
            "client_secret": company.client_secret,
            "api_key": company.api_key,
            "token_path": oauth.TOKEN_PATH,
            "documents_path": "/api",
            "plants": plants,
        }

    def company_of(self, request: web.Request) -> PlexCompany | None:
        """Whose credential this is, valid or not; the handlers decide whether it still counts."""
        wanted = request.get(oauth.TOKEN_REQUEST)
        if wanted is not None:
            company = self._by_client.get(wanted.client_id)
        elif request.path.startswith("/api/"):
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            company = self._by_token.get(token) if scheme.lower() == "bearer" else None
        else:
            company = self._by_key.get(request.headers.get(API_KEY_HEADER, ""))
        return company

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """A token request names its client in the body, which has to be read before the company is known."""
        if request.path == oauth.TOKEN_PATH:
            request[oauth.TOKEN_REQUEST] = oauth.TokenRequest(request, await request.read())
        return await super()._middleware(request, handler)

    async def _control_snapshot(self, request: web.Request) -> web.Response:
        compact = request.query.get("compact") == "1"
        return web.json_response(self._named(request).snapshot(compact=compact))

    async def _control_delete(self, request: web.Request) -> web.Response:
        company = self._named(request)
        for known in (self._by_client, self._by_key, self._by_token):
            for credential in [name for name, owner in known.items() if owner is company]:
                del known[credential]
        return await super()._control_delete(request)

    async def _token(self, request: web.Request) -> web.Response:
        company = self.company_of(request)
        token, answer = oauth.grant(request[oauth.TOKEN_REQUEST], company)
        if token is not None and company is not None:
            self._by_token[token] = company
        return answer

    async def _discovery(self, request: web.Request) -> web.Response:
        return oauth.discovery(request)

    async def _nothing_here(self, request: web.Request) -> web.Response:
        return not_found().response()

    def _reading(self, profile: Profile, resource: str, action: Action) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            try:
                return action(self._admit(request, profile, resource, await request.read()))
            except Refusal as refusal:
                return refusal.response()

        return handle

    def _writing(self, profile: Profile, resource: str, action: Action) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            company = self.company_of(request)
            try:
                call = self._admit(request, profile, resource, await request.read())
                if call.blind:
                    raise forbidden()
                # A caller that goes away meanwhile does not stop the write.
                await asyncio.sleep(call.company.settings.commit_delay_seconds)
                answer = action(call)
            except Refusal as refusal:
                if company is not None:
                    company.writes["rejected"] += 1
                return refusal.response()
            if call.company.failing[resource] > 0:
                call.company.failing[resource] -= 1
                return processing_error().response()
            return answer

        return handle

    def _admit(self, request: web.Request, profile: Profile, resource: str, body: bytes = b"") -> Call:
        """Credential, rate, product, plant, role – in this order, each refused in Plex's words."""
        company = self.company_of(request)
        if company is None or not _valid(company, request, profile):
            raise not_authenticated()
        _keep_rate(company)
        settings = company.settings
        if settings.products is not None and resource not in settings.products:
            raise not_authenticated()
        plant = plant_of(request, company)
        if plant is None:
            raise not_authenticated()
        if resource in settings.forbidden:
            raise forbidden()
        return Call(request, company, plant, profile, resource in settings.role_missing, body)


def _valid(company: PlexCompany, request: web.Request, profile: Profile) -> bool:
    if profile is Profile.CONNECT:
        return request.headers.get(API_KEY_HEADER) == company.api_key
    token = request.headers["Authorization"].partition(" ")[2]
    return company.tokens[token] > company.now()


def _keep_rate(company: PlexCompany) -> None:
    wait = company.seconds_to_wait()
    if wait <= 0:
        return
    seconds = math.ceil(wait)
    style, headers = company.settings.rate_limit_style, {}
    if style == "seconds":
        headers = {"Retry-After": str(seconds)}
    elif style == "date":
        headers = {"Retry-After": format_datetime(company.now() + timedelta(seconds=seconds), usegmt=True)}
    message = f"Rate limit is exceeded. Try again in {seconds} seconds."
    raise Refusal(429, "TOO_MANY_REQUESTS", message, headers=headers)
