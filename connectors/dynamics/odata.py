"""Dynamics over the wire: entity sets read page by page, single changes, and batches whose every part has an outcome.

Everything is asked of all companies (``cross-company``): without it Dynamics shows the user's own only, and a record
of another is a 404. Source: dynamics §2, §8, §9.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from connectors.contract import ConnectorContext
from connectors.dynamics import PRODUCT, batch, mistakes
from connectors.dynamics.batch import Operation, Part
from connectors.dynamics.literals import Value, key
from connectors.dynamics.mistakes import AccessError
from connectors.dynamics.settings import DynamicsSettings
from connectors.dynamics.sign_in import sign_in
from connectors.errors import (
    ConnectorError,
    OutcomeUnknownError,
    RateLimitedError,
    TemporaryError,
    UnexpectedReplyError,
)
from connectors.http import RefusedReply, Reply, VendorHttp
from connectors.paging import linked_pages

__all__ = ["ChangesetOutcome", "OData", "Operation"]

T = TypeVar("T")

READ_TIMEOUT = 120
"""Seconds; a batch of journal lines is made while we wait (dynamics §8)."""
PAGE = 5000
MAX_OPERATIONS = 5000
RATE_PAUSE = 30
"""Seconds to wait after a refusal for the rate that does not say how long (dynamics §9)."""

_CROSS_COMPANY = ("cross-company", "true")
_EXACT = msgspec.json.Decoder(float_hook=Decimal)
_PERSONAL = re.compile(r"Name|Text|Description|Email|Phone|Birth|PersonnelNumber|VendorAccountNumber|KnownAs")


class _Page(msgspec.Struct):
    value: list[msgspec.Raw]
    link: str | None = msgspec.field(default=None, name="@odata.nextLink")
    count: int | None = msgspec.field(default=None, name="@odata.count")


class _Document(msgspec.Struct):
    value: list[_Entry]


class _Entry(msgspec.Struct):
    name: str


class _ReadPage(msgspec.Struct, frozen=True):
    reply: Reply
    page: _Page


class ChangesetOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one changeset: ``answers``, one for each operation in order, when all of it happened; else
    ``error``. RecordRejectedError, TemporaryError and ConnectionConfigError: nothing of it happened (RateLimitedError
    with the seconds to wait). OutcomeUnknownError: nobody knows, or it was not reached; it must be looked up."""

    answers: tuple[Part, ...] = ()
    error: ConnectorError | None = None


class OData:
    """One environment of one connection. Thread-safe.

    Reads raise ConnectionConfigError (as AccessError) where the right or the entity is missing, TemporaryError and
    UnexpectedReplyError. Changes raise RecordRejectedError (as RefusedError) when Dynamics refused and nothing
    happened, TemporaryError when nothing was sent or somebody else was faster, ConnectionConfigError without the
    right, and OutcomeUnknownError when it may have happened.
    """

    def __init__(self, context: ConnectorContext, settings: DynamicsSettings, concurrency: int) -> None:
        self.settings = settings
        self.context = context
        self._http = VendorHttp(
            context,
            product=PRODUCT,
            base_url=settings.base_url,
            auth=sign_in(context, settings),
            read_timeout=READ_TIMEOUT,
            headers={"OData-Version": "4.0", "OData-MaxVersion": "4.0", "Prefer": f"odata.maxpagesize={PAGE}"},
            concurrency=concurrency,
        )

    def close(self) -> None:
        """Release the sockets. Idempotent."""
        self._http.close()

    # Reading

    def entity_sets(self) -> frozenset[str]:
        """The names of all entity sets of the environment: the cheapest thing anybody who is let in may ask."""
        try:
            reply = self._http.read("/data")
        except RefusedReply as refused:
            raise _explained(refused, "the service document") from None
        return frozenset(entry.name for entry in reply.json(_Document).value)

    def rows(
        self, entity_set: str, *, select: Sequence[str], where: str = "", order: Sequence[str] = (), type: type[T]
    ) -> Iterator[T]:
        """Every row of all companies that ``where`` (see ``literals``) lets through, streamed by pages.

        Give ``order`` where there may be several pages: pages of an unordered list overlap. TemporaryError when what
        came is not as many as Dynamics counted at the end: then the list moved while it was read.
        """
        params = [("$select", ",".join(select)), ("$count", "true"), _CROSS_COMPANY]
        params += [("$filter", where)] if where else []
        params += [("$orderby", ",".join(order))] if order else []
        seen, counted = 0, None
        for read in linked_pages(
            self._page(entity_set, None, params),
            link_of=lambda read: read.page.link,
            keys_of=_digest,
            follow=lambda link: self._page(entity_set, link, [_CROSS_COMPANY]),
            product=PRODUCT,
        ):
            seen += len(read.page.value)
            counted = read.page.count if read.page.count is not None else counted
            for raw in read.page.value:
                yield _row(raw, type, read.reply)
        if counted is not None and counted != seen:
            raise TemporaryError(
                f"The list of {spoken(entity_set)} changed in Dynamics while it was read. It will be read again.",
                detail=f"GET {entity_set}: {counted} counted, {seen} read",
            )

    def first(self, entity_set: str, *, select: Sequence[str], where: str = "", type: type[T]) -> T | None:
        """Any one row that ``where`` lets through, None when there is none."""
        params = [("$select", ",".join(select)), ("$top", "1"), _CROSS_COMPANY]
        read = self._page(entity_set, None, params + ([("$filter", where)] if where else []))
        return _row(read.page.value[0], type, read.reply) if read.page.value else None

    def count(self, entity_set: str, where: str = "") -> int:
        """How many rows of all companies ``where`` lets through, by Dynamics' own count."""
        params = [("$top", "1"), ("$count", "true"), _CROSS_COMPANY]
        read = self._page(entity_set, None, params + ([("$filter", where)] if where else []))
        if read.page.count is None:
            raise read.reply.unusable("a list without its count", "no @odata.count")
        return read.page.count

    def one(self, entity_set: str, key_of: Mapping[str, Value], *, select: Sequence[str], type: type[T]) -> T | None:
        """The row with this key (all its fields), None when no company has one."""
        params = [("$select", ",".join(select)), _CROSS_COMPANY]
        try:
            reply = self._http.read(f"/data/{entity_set}{key(key_of)}", params, accept=(200, 404))
        except RefusedReply as refused:
            raise _explained(refused, entity_set) from None
        if reply.status == 404:
            self._not_routing(reply, entity_set)
            return None
        return reply.json(type)

    def ask(self, path: str, body: Mapping[str, Any]) -> Any:
        """The answer to a question that has to be posted (see ``action``). It changes nothing, whatever becomes of
        it: what would be unknown of a change is a TemporaryError."""
        try:
            return self.action(path, body)
        except OutcomeUnknownError as error:
            raise TemporaryError(
                "Dynamics did not answer a question. It will be asked again.", detail=error.detail
            ) from None

    # Changing

    def create(self, entity_set: str, body: Mapping[str, Any], type: type[T]) -> T:
        """Create a row and return what Dynamics answered: with the numbers it gave."""
        return self._write("POST", entity_set, "", body).json(type)

    def change(
        self, entity_set: str, key_of: Mapping[str, Value], body: Mapping[str, Any], etag: str | None = None
    ) -> None:
        """Set these fields of a row, keep all others; with ``etag`` only while it is as it was read."""
        headers = {"If-Match": etag} if etag else None
        self._write("PATCH", entity_set, key(key_of), body, personal=key_of, headers=headers)

    def remove(self, entity_set: str, key_of: Mapping[str, Value]) -> bool:
        """Afterwards there is no such row; False when there was none before."""
        reply = self._write("DELETE", entity_set, key(key_of), None, personal=key_of, accept=(200, 204, 404, 500))
        if reply.status == 404:
            self._not_routing(reply, entity_set)
        return reply.status != 404

    def action(self, path: str, body: Mapping[str, Any]) -> Any:
        """Call an action: ``Set/Microsoft.Dynamics.DataEntities.name`` or, beginning with a slash, a custom service.

        Gives its ``value``, or all it answered; numbers are exact, None is an empty answer.
        """
        entity_set, _, rest = path.partition("/")
        name = path.rpartition("/")[2].rpartition(".")[2]
        reply = self._write("POST", entity_set, f"/{rest}" if rest else "", body, what=f"the action {name}")
        if not reply.body.strip():
            return None
        reply.json()
        answer = _EXACT.decode(reply.body)
        return answer["value"] if isinstance(answer, dict) and "value" in answer else answer

    def batch(self, changesets: Sequence[Sequence[Operation]]) -> Sequence[ChangesetOutcome]:
        """Send changesets in one request, at most 5,000 operations; each happens as a whole or not at all.

        One outcome for each, in order. Raises what a change raises where the request as a whole was refused, never
        sent, or is not known to have arrived.
        """
        if sum(len(operations) for operations in changesets) > MAX_OPERATIONS:
            raise ValueError(f"more than {MAX_OPERATIONS} operations in one batch")
        content_type, body = batch.build(changesets, self._http.base_url)
        headers = {"Content-Type": content_type, "Accept": "multipart/mixed", "Prefer": "odata.continue-on-error"}
        try:
            reply = self._http.write("POST", "/data/$batch", body, headers=headers)
        except RefusedReply as refused:
            raise self._refused(refused, "a batch of changes", ()) from None
        try:
            groups, whole = batch.read(reply.headers.get("content-type", ""), reply.body)
            answered = batch.matched(groups, changesets)
        except ValueError as error:
            raise reply.unusable("something that is no answer to a batch", str(error)) from None
        outcomes = zip(changesets, answered, strict=True)
        return [self._outcome(operations, parts, whole) for operations, parts in outcomes]

    def _outcome(self, operations: Sequence[Operation], parts: Sequence[Part] | None, whole: bool) -> ChangesetOutcome:
        refused = next((part for part in parts or () if part.status >= 400), None)
        what = spoken(operations[0].path) if operations else "changes"
        call = f"POST $batch {operations[0].method if operations else ''} {what}"
        if refused is None:
            if parts is not None and len(parts) == len(operations):
                return ChangesetOutcome(answers=tuple(parts))
            why = "no answer" if parts is None else f"{len(parts)} answers to {len(operations)}"
            return ChangesetOutcome(error=_unknown(f"{call} -> {why}{'' if whole else ', broken off'}"))
        if refused.status == 429:
            asked = refused.headers.get("retry-after", "")
            seconds = int(asked) if asked.isascii() and asked.isdigit() else RATE_PAUSE
            self.context.budget.slow_down(seconds)
            sentence = "Dynamics is busy and asked us to slow down. Nothing was changed; it will be tried again."
            return ChangesetOutcome(error=RateLimitedError(sentence, detail=f"{call} -> 429", retry_after=seconds))
        if not mistakes.is_refusal(refused.status, refused.body):
            return ChangesetOutcome(error=_unknown(f"{call} -> status {refused.status}"))
        personal = [value for operation in operations for value in _personal(operation.body or {})]
        personal += self.context.credentials.values()
        return ChangesetOutcome(
            error=mistakes.refusal(refused.status, refused.body, call=call, what=what, personal=personal)
        )

    def _write(
        self,
        method: str,
        entity_set: str,
        suffix: str,
        body: Mapping[str, Any] | None,
        *,
        personal: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        accept: Sequence[int] = (200, 201, 204, 500),
        what: str = "",
    ) -> Reply:
        values = [*_personal(body or {}), *_personal(personal or {})]
        what = what or spoken(entity_set)
        path = f"/data/{entity_set}{suffix}" if entity_set else suffix
        params = [_CROSS_COMPANY] if entity_set else []
        content = None if body is None else batch.encoded(body)
        try:
            reply = self._http.write(method, path, content, params=params, headers=headers, accept=accept)
        except RefusedReply as refused:
            raise self._refused(refused, what, values) from None
        if reply.status < 500:
            return reply
        # A failure may be a refusal: Dynamics answers some validations so (dynamics §9).
        if not mistakes.is_refusal(reply.status, reply.body):
            raise _unknown(f"{reply.call} -> status {reply.status}")
        values += self.context.credentials.values()
        raise mistakes.refusal(reply.status, reply.body, call=reply.call, what=what, personal=values)

    def _refused(self, refused: RefusedReply, what: str, personal: Sequence[str]) -> ConnectorError:
        if refused.status == 401:
            return _not_listed(refused)
        blanked = [*personal, *self.context.credentials.values()]
        reply = refused.reply
        return mistakes.refusal(reply.status, reply.body, call=reply.call, what=what, personal=blanked)

    def _page(self, entity_set: str, link: str | None, params: Sequence[tuple[str, str]]) -> _ReadPage:
        path = f"/data/{entity_set}"
        try:
            reply = self._http.read(path, params) if link is None else self._http.read_link(link, params, after=path)
        except RefusedReply as refused:
            raise _explained(refused, entity_set) from None
        return _ReadPage(reply, reply.json(_Page))

    def _not_routing(self, reply: Reply, entity_set: str) -> None:
        if mistakes.is_routing(reply.body):
            raise _missing(entity_set, f"{reply.call} -> 404 without a route")


def spoken(path: str) -> str:
    """An entity set in words: ``LedgerJournalHeaders(…)`` is "ledger journal headers", a version is dropped."""
    name = re.sub(r"V\d+$", "", re.split(r"[(/?]", path)[0])
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower() or "a record"


def _row(raw: msgspec.Raw, type: type[T], reply: Reply) -> T:
    try:
        return msgspec.json.decode(raw, type=type)
    except msgspec.DecodeError as error:
        raise reply.unusable("data of an unexpected form", str(error)) from None


def _digest(read: _ReadPage) -> list[str]:
    """What tells a page from the one before: all of it, as rows have an etag of their own."""
    rows = read.page.value
    return [hashlib.sha256(b"\n".join(bytes(raw) for raw in rows)).hexdigest()] if rows else []


def _personal(values: Mapping[str, Any]) -> list[str]:
    return [value for name, value in values.items() if isinstance(value, str) and _PERSONAL.search(name)]


def _explained(refused: RefusedReply, entity_set: str) -> ConnectorError:
    """What a refused read means (dynamics §9)."""
    if refused.status == 401:
        return _not_listed(refused)
    if refused.status == 403:
        return AccessError(
            f"Dynamics does not allow this connection to read {spoken(entity_set)}. Give the user of this "
            f"connection's app a security role that may see them.",
            access="forbidden",
            detail=refused.detail,
        )
    if refused.status == 404:
        return _missing(entity_set, refused.detail)
    said = mistakes.blanked(mistakes.words(refused.reply.body))
    return UnexpectedReplyError(
        f"Dynamics refused to list {spoken(entity_set)} (status {refused.status}). We have to look at it.",
        detail=f"{refused.reply.call} -> {refused.status}: {said[:200]}",
    )


def _missing(entity_set: str, detail: str) -> AccessError:
    return AccessError(
        f"This Dynamics environment does not know {spoken(entity_set)} ({entity_set}). Check the environment address; "
        f"an older version, or one without that module, does not have them.",
        access="not_subscribed",
        detail=detail,
    )


def _not_listed(refused: RefusedReply) -> AccessError:
    return AccessError(
        "Microsoft Entra signed us in, but Dynamics does not accept the app. In Dynamics, under System administration "
        "> Setup > Microsoft Entra ID applications, list its client id with a user that has security roles; also "
        "check that the environment belongs to this directory.",
        access="forbidden",
        detail=refused.detail,
    )


def _unknown(detail: str) -> OutcomeUnknownError:
    return OutcomeUnknownError(
        "Dynamics did not confirm a change. It may or may not have been made; it will be looked up before anything is "
        "sent again.",
        detail=detail,
    )
