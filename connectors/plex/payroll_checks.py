"""What the check asks for the sake of payroll: journals, account activity, the custom field. It posts nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import msgspec

from connectors.contract import Finding
from connectors.plex.client import PlexClient
from connectors.plex.findings import PAYROLL, empty, failed, granted, warning
from connectors.plex.journals import ACCOUNT_FILTER, between
from connectors.plex.lookup import LIVE
from connectors.plex.schemas import (
    ACTIVITY,
    FIELD_DEFINITIONS,
    JOURNALS,
    STANDARD_OBJECTS,
    FieldDefinitionRow,
    JournalRow,
    StandardObjectRow,
    read_row,
)
from connectors.plex.settings import CustomField, Plant

_RECENT = timedelta(days=31)


def journals(client: PlexClient, plant: Plant, today: date) -> Iterator[Finding]:
    """Whether journals can be read, and whether the status that new ones are to get is one they have."""
    settings = client.settings
    dates = between("post_date", today - LIVE, today + _RECENT, settings.profile)
    count, statuses = 0, set()
    for raw in client.rows(plant, JOURNALS, dates):
        count += 1
        statuses.add(read_row(raw, JournalRow, JOURNALS).status or "")
    if count:
        yield granted("journals", f"Plex shows {count} journals of PCN {plant.pcn} since last year.")
    elif settings.may_be_empty:
        yield empty("journals", plant, True, "journals", PAYROLL)
    else:
        yield warning(
            "journals",
            "empty",
            f"Plex shows no journals at all of PCN {plant.pcn} since last year. A plant that works has some, so the "
            f"role that may see them is probably missing: ask your Plex administrator. Nothing is posted before one "
            f"is seen; if the plant is really new, say so in the settings.",
            PAYROLL,
        )
    yield _journal_status(plant, settings.books.journal_status, statuses - {""})


def _journal_status(plant: Plant, wanted: str, used: set[str]) -> Finding:
    there = f"Statuses of the journals in PCN {plant.pcn}: {', '.join(sorted(used)) or 'none yet'}."
    if not wanted:
        sentence = f"No journal can be posted before 'Journal status' is set in the settings. {there}"
    elif used and wanted not in used:
        sentence = f"No journal has the status {wanted}. Make sure it is spelled as in Plex. {there}"
    else:
        return granted(
            "journal status",
            f"New journals in PCN {plant.pcn} will have the status {wanted}. Whether they may be posted shows only at "
            f"the first.",
            access="unknown",
        )
    return warning("journal status", "unknown", sentence, PAYROLL)


def activity(client: PlexClient, plant: Plant, today: date, account_id: str) -> Iterator[Finding]:
    """Whether the activity of one account can be asked for; no activity is no sign of anything."""
    profile = client.settings.profile
    dates = between("transaction_date", today - _RECENT, today, profile)
    for _ in client.rows(plant, ACTIVITY, [(ACCOUNT_FILTER[profile], account_id), *dates]):
        yield granted("account activity", f"Plex shows what was posted to an account of PCN {plant.pcn}.")
        return
    yield granted(
        "account activity",
        f"Plex answered for the activity of one account of PCN {plant.pcn}, and showed none in the last month.",
        access="unknown",
    )


def custom_field(client: PlexClient, plant: Plant) -> Iterator[Finding]:
    """Whether the configured field exists and refuses a reference given twice; nothing when none is configured."""
    wanted = client.settings.books.custom_field
    if wanted is not None:
        entity = "custom field"
        if fault := _object_fault(client, plant, wanted):
            yield failed(entity, "unknown", fault, PAYROLL)
            return
        rows = (read_row(raw, FieldDefinitionRow, FIELD_DEFINITIONS) for raw in client.rows(plant, FIELD_DEFINITIONS))
        field = next((row for row in rows if row.is_of(wanted.object, wanted.name)), None)
        what = f"{wanted.name} of {wanted.object} in PCN {plant.pcn}"
        if field is None:
            sentence = (
                f"Plex shows no custom field {what}. Have your Plex administrator add it, or correct the name in the "
                f"settings."
            )
            yield failed(entity, "unknown", sentence, PAYROLL)
        elif not _is_unique(field):
            sentence = (
                f"The custom field {what} does not seem to be unique. Have your Plex administrator make it so: Plex "
                f"then refuses a second journal with the same reference."
            )
            yield warning(entity, "granted", sentence, PAYROLL)
        else:
            yield granted(entity, f"Journals can also be recognised by the custom field {what}, which is unique.")


def _object_fault(client: PlexClient, plant: Plant, wanted: CustomField) -> str:
    """Why this object cannot have the field, naming those that sound like journals; empty when it is there."""
    names = [
        read_row(raw, StandardObjectRow, STANDARD_OBJECTS).standard_object_name
        for raw in client.rows(plant, STANDARD_OBJECTS)
    ]
    if wanted.object.casefold() in {name.casefold() for name in names}:
        return ""
    similar = ", ".join(sorted(name for name in names if "journal" in name.lower())) or "none"
    return (
        f"Plex has no standard object {wanted.object} in PCN {plant.pcn}. Those with journal in their name: {similar}. "
        f"Correct it in the settings."
    )


def _is_unique(field: FieldDefinitionRow) -> bool:
    """``constraints`` is a text of no published form; JSON is understood, anything else searched (plex §2.4.6)."""
    try:
        constraints = msgspec.json.decode(field.constraints or "")
    except msgspec.DecodeError:
        return "unique" in (field.constraints or "").lower()
    return isinstance(constraints, dict) and constraints.get("unique") is True
