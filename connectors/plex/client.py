"""Plex over the wire: one HTTP client per plant, lists whole, the company proved before anything is written."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from connectors.auth import ApiKeyHeader, sendable
from connectors.contract import ConnectorContext
from connectors.errors import (
    ConnectionConfigError,
    ConnectorError,
    OutcomeUnknownError,
    TemporaryError,
    UnexpectedReplyError,
)
from connectors.http import Auth, RefusedReply, Reply, VendorHttp
from connectors.oauth import ClientCredentials
from connectors.plex import PRODUCT
from connectors.plex.refusals import AccessError, explain_read, key_end_sentence
from connectors.plex.schemas import BODY, ROW, TENANTS, Resource, TenantRow, folded, read_row
from connectors.plex.settings import Plant, PlexSettings

Row = dict[str, Any]
Params = Sequence[tuple[str, str]]
Explain = Callable[[RefusedReply, Plant], ConnectorError]

READ_TIMEOUT = 120.0  # unpaged lists are made while we wait (plex §2.6)
PAGE = 500
_NOBODY = "00000000-0000-0000-0000-000000000000"


class _Envelope(msgspec.Struct):
    """The forms a documents answer may have beside a bare array (plex §9.2)."""

    data: list[msgspec.Raw] | None = None
    rows: list[msgspec.Raw] | None = None
    value: list[msgspec.Raw] | None = None
    next_offset: int | None = None


class PlexClient:
    """Requests of one connection to its plants. Thread-safe."""

    def __init__(self, context: ConnectorContext, settings: PlexSettings, concurrency: int) -> None:
        self.settings = settings
        self._context = context
        self._concurrency = concurrency
        self._auth = _auth(context, settings)
        self._http = {plant.pcn: self._open(plant) for plant in settings.plants}
        self._proved: dict[str, str] = {}
        self._proving = threading.Lock()

    def close(self) -> None:
        for http in self._http.values():
            http.close()

    def rows(self, plant: Plant, resource: Resource, params: Params = ()) -> Iterator[Row]:
        """Every row of a list in constant memory; none when Plex says 404, its other word for "no data"."""
        try:
            if self.settings.profile == "connect":
                prefix = f"{resource.rows}.item" if resource.rows else "item"
                yield from self._http[plant.pcn].stream(resource.connect, params, item=Row, prefix=prefix)
            else:
                yield from self._pages(plant, resource, params)
        except RefusedReply as refused:
            if refused.status != 404 or self.settings.profile == "documents":
                raise self._explained(refused, plant, resource) from refused

    def one(self, plant: Plant, resource: Resource, row_id: str) -> Row | None:
        """One row by id, None when this plant has none."""
        path = f"{resource.path(self.settings.profile)}/{quote(row_id, safe='')}"
        try:
            reply = self._http[plant.pcn].read(path, accept=(200, 404))
        except RefusedReply as refused:
            raise self._explained(refused, plant, resource) from refused
        return row_in(reply) if reply.status == 200 else None

    def write(self, plant: Plant, resource: Resource, method: str, suffix: str, body: Row, explain: Explain) -> Reply:
        """Send a change to a plant that was proved to be the customer's. ``explain`` says what a refusal means."""
        self.prove(plant)
        path = resource.path(self.settings.profile) + suffix
        try:
            return self._http[plant.pcn].write(method, path, BODY.encode(body))
        except RefusedReply as refused:
            if refused.status == 401:
                raise self._explained(refused, plant, resource) from refused
            raise explain(refused, plant) from refused

    def ask(self, plant: Plant, resource: Resource, suffix: str, body: Row) -> Reply:
        """The answer to a question that Plex wants posted. It changes nothing, whatever becomes of it."""
        path = resource.path(self.settings.profile) + suffix
        try:
            reply = self._http[plant.pcn].write("POST", path, BODY.encode(body))
        except RefusedReply as refused:
            raise self._explained(refused, plant, resource) from refused
        except OutcomeUnknownError as error:
            raise TemporaryError(
                f"Plex did not answer a question about {resource.label}. It will be asked again.", detail=error.detail
            ) from error
        return msgspec.structs.replace(reply, wrote=False)

    def prove(self, plant: Plant) -> str:
        """The tenant id Plex answered for the configured company, asked once per connector.

        ``ConnectionConfigError`` naming both codes when another company answers. Empty where the documents profile
        does not offer the question: nothing is proved then, and the check says so.
        """
        with self._proving:
            if plant.pcn not in self._proved:
                self._proved[plant.pcn] = self._prove(plant)
            return self._proved[plant.pcn]

    def refuse_empty(self, plant: Plant, what: str) -> None:
        """``AccessError`` for a list that is empty though a plant that works always has some, unless the customer
        said that the plant is new."""
        if not self.settings.may_be_empty:
            raise AccessError(
                f"Plex shows no {what} at all in PCN {plant.pcn}. A plant that works always has some, so the role "
                f"that may see them is probably missing, or the address is wrong: ask your Plex administrator. If "
                f"the plant is really new, say so in the connection's settings.",
                access="role_missing",
                detail=f"empty list of {what}",
            )

    def _prove(self, plant: Plant) -> str:
        try:
            reply = self._http[plant.pcn].read(TENANTS.path(self.settings.profile), accept=(200, 404))
        except RefusedReply as refused:
            raise self._explained(refused, plant, TENANTS) from refused
        if reply.status == 404 and self.settings.profile == "documents":
            return ""
        tenants = []
        if reply.status == 200:
            tenants = [read_row(msgspec.json.decode(raw), TenantRow, TENANTS) for raw in _listed(reply)[0]]
        if not tenants:
            raise AccessError(
                f"Plex does not say which company PCN {plant.pcn} is, so nothing is written. Ask your Plex "
                f"administrator for a role that may see the company's identity (tenants).",
                access="role_missing",
            )
        mine = next((tenant for tenant in tenants if _is(tenant, plant)), None)
        if mine is None or (len(tenants) > 1 and not self.settings.tenant_header):
            other = ", ".join(sorted({tenant.code or tenant.id for tenant in tenants}))
            raise ConnectionConfigError(
                f"Plex answers for company {other}, but this connection is set to company {plant.code} (PCN "
                f"{plant.pcn}). Nothing was written. Correct the PCN, the company code, the tenant id or the "
                f"credentials.",
                detail=f"tenant identity mismatch: {len(tenants)} tenants answered",
            )
        return mine.id or plant.tenant_id or mine.code

    def _pages(self, plant: Plant, resource: Resource, params: Params) -> Iterator[Row]:
        """Pages by offset. Each begins with the last row of the one before, so that a list that moves is noticed;
        a bare array that repeats comes from a server that does not page and has already sent everything."""
        offset, before = 0, ("", "", 0)
        while True:
            paging = [("limit", str(PAGE)), ("offset", str(offset))]
            accept = (200,) if offset else (200, 404)
            reply = self._http[plant.pcn].read(resource.documents, [*params, *paging], accept=accept)
            listed, following = _listed(reply, offset) if reply.status == 200 else ([], None)
            if not listed and not offset:
                return
            page = (_key(listed[0], resource), _key(listed[-1], resource), len(listed)) if listed else ("", "", 0)
            if offset and page[0] != before[1]:
                if page == before and _is_array(reply):
                    return
                raise TemporaryError(
                    f"The list of {resource.label} changed in Plex while it was read. It will be read again.",
                    detail=f"{reply.call}: page overlap moved",
                )
            for raw in listed[1 if offset else 0 :]:
                yield ROW.decode(raw)
            if following is None:
                return
            if following - 1 <= offset:
                raise UnexpectedReplyError(
                    f"Plex does not move on in its list of {resource.label}. We have to look at it.",
                    detail=f"{reply.call}: next_offset {following} after {offset}",
                )
            offset, before = following - 1, page

    def _explained(self, refused: RefusedReply, plant: Plant, resource: Resource) -> ConnectorError:
        def answers(other: Resource, named: bool) -> bool:
            filters = [] if other is TENANTS else [("id", _NOBODY)]
            http = self._http[plant.pcn] if named else self._open(None)
            try:
                status = http.read(other.path(self.settings.profile), filters, accept=range(200, 500)).status
            finally:
                if not named:
                    http.close()
            return status < 400 or status == 404

        key_end = key_end_sentence(self.settings.key_expires_on, self._context.now().date())
        return explain_read(refused, plant, resource, answers, key_end)

    def _open(self, plant: Plant | None) -> VendorHttp:
        """A client whose requests name ``plant``, or no plant at all."""
        settings, headers = self.settings, {}
        if plant is not None and settings.tenant_header:
            value = {"pcn": plant.pcn, "tenant_id": plant.tenant_id, "company_code": plant.code}
            headers[settings.tenant_header] = value[settings.tenant_header_value]
        if settings.profile == "connect" and (name := (self._context.settings.get("api_secret_header") or "").strip()):
            headers[name] = sendable(self._context.credentials.get("api_secret") or "", "API secret")
        return VendorHttp(
            self._context,
            product=PRODUCT,
            base_url=settings.base_url,
            auth=self._auth,
            read_timeout=READ_TIMEOUT,
            headers=headers,
            concurrency=self._concurrency,
        )


def row_in(reply: Reply) -> Row:
    """The object a reply holds, its amounts exact; raises as ``Reply.json`` does when it holds none."""
    reply.json(Row)
    return ROW.decode(reply.body)


def _auth(context: ConnectorContext, settings: PlexSettings) -> Auth:
    def text(name: str) -> str:
        return (context.settings.get(name) or "").strip()

    if settings.profile == "connect":
        return ApiKeyHeader(
            text("api_key_header") or "X-Plex-Connect-Api-Key", context.credentials.get("api_key") or ""
        )
    return ClientCredentials(
        context,
        product=PRODUCT,
        token_url=text("token_url") or "https://accounts.plex.com/oauth2/token",
        client_id=text("client_id"),
        client_secret=context.credentials.get("client_secret") or "",
        client_auth=text("client_auth") or "post",
        scope=text("scope"),
        audience=text("audience"),
    )


def _listed(reply: Reply, offset: int = 0) -> tuple[list[msgspec.Raw], int | None]:
    """The rows of a page and the offset of the next, None after the last.

    A bare array does not say whether more follows: it may when the page is exactly full.
    """
    if _is_array(reply):
        rows = reply.json(list[msgspec.Raw])
        return rows, offset + PAGE if len(rows) == PAGE else None
    envelope = reply.json(_Envelope)
    found = next((rows for rows in (envelope.data, envelope.rows, envelope.value) if rows is not None), None)
    if found is None:
        raise reply.unusable("no list", "none of data, rows, value")
    return found, envelope.next_offset


def _is_array(reply: Reply) -> bool:
    return reply.body.lstrip()[:1] == b"["


def _key(raw: msgspec.Raw, resource: Resource) -> str:
    """What tells one row from another: its id, or all of it where it has none."""
    try:
        return str(folded(msgspec.json.decode(raw, type=Row), resource).get("id") or bytes(raw).decode())
    except msgspec.ValidationError:
        raise UnexpectedReplyError(
            f"Plex sent {resource.label} in a form we do not know. We have to look at it.", detail="row is no object"
        ) from None


def _is(tenant: TenantRow, plant: Plant) -> bool:
    return (
        (not plant.code or tenant.code.casefold() == plant.code.casefold())
        and (not plant.tenant_id or tenant.id.casefold() == plant.tenant_id.casefold())
        and (not tenant.pcn or str(tenant.pcn) == plant.pcn)
    )
