"""Request bodies, read strictly: JSON content type, an object, known names, required values, right types."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Any

import msgspec

from sandbox.plex.call import Call, is_uuid
from sandbox.plex.naming import Names
from sandbox.plex.refusals import Refusal, invalid, malformed
from sandbox.plex.tables import Record

_DECODER = msgspec.json.Decoder(float_hook=Decimal)
UUIDS = frozenset({"id", "supervisorId", "tenantId"})


def read(call: Call, names: Names, *, allowed: Collection[str], required: Collection[str]) -> Record:
    """The body under its kept names; every fault found is named in one answer."""
    given = as_object(call)
    record: Record = {}
    faults = []
    for wire, value in given.items():
        kept = names.kept(call.profile, wire)
        if kept is None or kept not in allowed:
            faults.append(f"The property '{wire}' is not expected.")
        elif kept in record:
            faults.append(f"The property '{wire}' is given twice.")
        elif value is not None and not isinstance(value, str):
            faults.append(f"The property '{wire}' must be a string.")
        elif value is not None and kept in UUIDS and not is_uuid(value):
            faults.append(f"The property '{wire}' must be a uuid.")
        else:
            record[kept] = value.lower() if value is not None and kept in UUIDS else value
    faults += [
        f"The property '{names.on_wire(call.profile, name)}' is required." for name in required if not record.get(name)
    ]
    if faults:
        raise invalid(*faults)
    return record


def as_object(call: Call) -> dict[str, Any]:
    """The body as it came, numbers with a point as Decimal."""
    if call.request.content_type != "application/json":
        raise Refusal(415, "UNSUPPORTED_MEDIA_TYPE", "The content type must be application/json.")
    try:
        given = _DECODER.decode(call.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise malformed("The body is not valid JSON.") from None
    if not isinstance(given, dict):
        raise malformed("The body must be an object.")
    return given
