"""Whether a journal is on the ledger already, asked in as many ways as the customer chose.

An answer "no" is what lets a journal be posted, so each way says what it rests on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any, Protocol

from connectors.errors import UnexpectedReplyError
from connectors.http import Reply
from connectors.journals import Journal, PostedJournal
from connectors.plex.client import PlexClient, Row, row_in
from connectors.plex.journals import between, carries, journal_from
from connectors.plex.refusals import explain_field
from connectors.plex.schemas import FIELD_VALUES, IDENTITIES, JOURNALS, fold
from connectors.plex.settings import CustomField, Plant

MARGIN = timedelta(days=14)
LIVE = timedelta(days=400)
_KEYS = "recordIdentifiers"


class JournalLookup(Protocol):
    """One way of recognising our journals on the ledger."""

    def find(self, plant: Plant, journal: Journal) -> Sequence[PostedJournal]:
        """Every journal of the plant that carries the reference. Empty only when the ledger was really seen."""
        ...

    def mark(self, plant: Plant, posted: PostedJournal, reference: str) -> None:
        """Leave what ``find`` looks for on a journal just posted, beyond what its post left."""
        ...


class TextLookup:
    """By the reference in description and note, which every journal is posted with.

    Asks by post date alone and compares the texts here. Whether the description filter is exact, contains or does
    nothing is not public (plex §2.4.3), an encoding it does not like finds nothing without a word (plex §2.2), and a
    text that Plex shortened or a person changed would not be found; the form of periods in filters is open too. A
    date is understood or refused with 400, and ignored it brings more journals, never fewer. The margin covers time
    zones and a person who moved the journal to a period before or after.
    """

    def __init__(self, client: PlexClient) -> None:
        self._client = client
        self._live: set[str] = set()

    def find(self, plant: Plant, journal: Journal) -> list[PostedJournal]:
        found, empty = [], True
        for raw in self._dated(plant, journal.posting_date - MARGIN, journal.posting_date + MARGIN):
            empty = False
            if carries(raw, journal.reference):
                found.append(journal_from(raw, plant.pcn, journal.reference))
        if empty:
            self._prove_live(plant, journal.posting_date)
        return found

    def mark(self, plant: Plant, posted: PostedJournal, reference: str) -> None:
        """The post itself left everything."""

    def _dated(self, plant: Plant, first: date, last: date) -> Iterator[Row]:
        return self._client.rows(plant, JOURNALS, between("post_date", first, last, self._client.settings.profile))

    def _prove_live(self, plant: Plant, day: date) -> None:
        """No journal at all, ours or another's: where the role is missing Plex answers so too (plex §7), and then
        nothing is proved. One journal of the last year is enough, asked once per connector."""
        if plant.pcn not in self._live:
            if next(self._dated(plant, day - LIVE, day + LIVE), None) is None:
                self._client.refuse_empty(plant, "journals")
            self._live.add(plant.pcn)


class CustomFieldLookup:
    """By a custom field in addition to the texts: it is saved after the post, so a journal may lack it.

    Custom fields know records by integer keys, journals by uuid (plex §2.4.6).
    """

    def __init__(self, client: PlexClient, field: CustomField) -> None:
        self._client = client
        self._field = field
        self._texts = TextLookup(client)

    def find(self, plant: Plant, journal: Journal) -> list[PostedJournal]:
        found = self._texts.find(plant, journal)
        known = {posted.id for posted in found}
        for journal_id in self._ids(plant, self._keys(plant, journal.reference)):
            raw = None if journal_id in known else self._client.one(plant, JOURNALS, journal_id)
            if raw is not None:
                found.append(journal_from(raw, plant.pcn, journal.reference))
        return found

    def mark(self, plant: Plant, posted: PostedJournal, reference: str) -> None:
        """Saves the field. A journal that already has it makes Plex refuse where the field is unique."""
        answer = row_in(self._ask(plant, "/ids-to-keys", {"ids": [posted.id]}))
        rows = _listed(answer.get(_KEYS))
        keys = {name: value for row in rows for name, value in row.items() if fold(name) != "id"}
        if len(rows) != 1 or not keys:
            raise _not_understood("the keys of a journal")
        self._client.write(
            plant,
            FIELD_VALUES,
            "POST",
            "/save",
            {
                "standardObjectName": self._field.object,
                _KEYS: keys,
                "customFields": {self._field.name: reference},
            },
            explain_field,
        )

    def _keys(self, plant: Plant, reference: str) -> list[Row]:
        """The integer keys of the records whose field is exactly ``reference``."""
        condition = {"fieldName": self._field.name, "operation": "=", "operand": reference}
        body = {"standardObjectName": self._field.object, "fieldValueSearchFilters": [condition]}
        keys = []
        for row in self._client.ask(plant, FIELD_VALUES, "/search", body).json(list[Row]):
            values = {fold(name): value for name, value in (row.get("customFields") or {}).items()}
            if fold(self._field.name) not in values or not isinstance(row.get(_KEYS), dict):
                raise _not_understood("custom field values")
            if values[fold(self._field.name)] == reference:
                keys.append(row[_KEYS])
        return keys

    def _ids(self, plant: Plant, keys: list[Row]) -> list[str]:
        """The uuids of the records with these keys; ``UnexpectedReplyError`` unless there is one for each."""
        if not keys:
            return []
        rows = _listed(row_in(self._ask(plant, "/keys-to-ids", {_KEYS: keys})).get(_KEYS))
        ids = [str(value) for row in rows for name, value in row.items() if fold(name) == "id"]
        if len(ids) != len(keys):
            raise _not_understood("the ids of journals")
        return ids

    def _ask(self, plant: Plant, suffix: str, body: Row) -> Reply:
        return self._client.ask(plant, IDENTITIES, suffix, {"standardObjectName": self._field.object, **body})


def _listed(value: Any) -> list[Row]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _not_understood(what: str) -> UnexpectedReplyError:
    return UnexpectedReplyError(
        f"Plex sent {what} in a form we do not know, so it is not certain which journals carry our reference. We have "
        f"to look at it.",
        detail=f"{what}: unknown form",
    )
