"""A text field an administrator added to the journal entry, and the integer keys it is found by (plex §2.4.6).

Only connect offers this. Standard objects and fields are named without regard to case.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web

from sandbox.plex import bodies
from sandbox.plex.call import Call, is_uuid
from sandbox.plex.lists import json_response
from sandbox.plex.refusals import invalid

MOST_RECORDS = 5000
LINK = "Journal_Link"
LINE_OBJECT = "GLJournalDist"
JOURNAL_OBJECT = "GLJournal"
_COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "=": operator.eq,
    "startswith": str.startswith,
}
_TYPES = {"a string": str, "an array": list, "an object": dict}


@dataclass(frozen=True)
class Field:
    """The configured field; ``name`` None while the administrator has added none."""

    object: str = JOURNAL_OBJECT
    name: str | None = None
    unique: bool = False

    @classmethod
    def of(cls, call: Call) -> Field:
        option = call.company.settings.journal_custom_field
        return cls() if option is None else cls(option["object"], option["field"], option["unique"])

    def refuse_other(self, name: str) -> None:
        if self.name is None or name.lower() != self.name.lower():
            raise invalid(f"'{name}' is not a custom field of the standard object.")


def standard_objects(call: Call) -> web.Response:
    """The journal entry, known by one integer key, and its lines, known by two."""
    described = [
        _object(Field.of(call).object, "Journal entry", "GL_Journal", [LINK]),
        _object(LINE_OBJECT, "Journal entry line", "GL_Journal_Dist", [LINK, "Line_Item_No"]),
    ]
    return _filtered(call, described, ("standardObjectName", "standardObjectLabel"))


def field_definitions(call: Call) -> web.Response:
    field, described = Field.of(call), []
    if field.name is not None:
        definition = {
            "standardObjectName": field.object,
            "fieldTypeName": "Text",
            "fieldName": field.name,
            "fieldLabel": field.name.replace("_", " "),
            "description": None,
            "constraints": msgspec.json.encode({"unique": field.unique}).decode(),
        }
        described.append(definition)
    return _filtered(call, described, ("fieldName", "fieldLabel", "standardObjectName", "fieldTypeName"))


def save(call: Call) -> web.Response:
    """200 without a body; null empties the field, a value another journal carries is refused where it is unique."""
    given = _body(call, standardObjectName="a string", recordIdentifiers="an object", customFields="an object")
    field, books = Field.of(call), call.plant.books
    _refuse_unknown_object(field, given["standardObjectName"])
    journal_id = next(_ids(call, field, given["standardObjectName"], [given["recordIdentifiers"]]), None)
    if journal_id is None:
        raise invalid("The record identifiers are not those of a record.")
    for name, value in given["customFields"].items():
        field.refuse_other(name)
        if value is not None and not isinstance(value, str):
            raise invalid(f"The value of '{name}' must be a string.")
        owners = [owner for owner, carried in books.references.items() if carried == value and owner != journal_id]
        if field.unique and value is not None and owners:
            raise invalid(f"The value of '{field.name}' must be unique and is already in use.")
    for value in given["customFields"].values():
        if value is None:
            books.references.pop(journal_id, None)
        else:
            books.references[journal_id] = value
    call.company.writes["custom_fields"] += 1
    return web.Response(status=200)


def search(call: Call) -> web.Response:
    """A bare array of the records that satisfy every condition, and of those named where some are."""
    given = _body(call, standardObjectName="a string")
    field, name = Field.of(call), given["standardObjectName"]
    _refuse_unknown_object(field, name)
    filters = given.get("fieldValueSearchFilters") or []
    if "fieldName" in given or "operation" in given:
        raise invalid("'fieldName' and 'operation' belong into 'fieldValueSearchFilters'.")
    conditions = [_condition(field, one) for one in filters]
    identifiers = given.get("recordIdentifiers")
    journals = [] if name.lower() != field.object.lower() else list(call.plant.books.journals.rows)
    if identifiers:
        journals = list(_ids(call, field, name, identifiers))
    values = call.plant.books.references
    found = [
        {
            "standardObjectName": field.object,
            "recordIdentifiers": {LINK: call.plant.books.links[journal_id]},
            "customFields": {field.name: values.get(journal_id)},
        }
        for journal_id in journals
        if not call.blind and all(condition(values.get(journal_id)) for condition in conditions)
    ]
    return json_response(msgspec.json.encode(found[:MOST_RECORDS]))


def ids_to_keys(call: Call) -> web.Response:
    """One object; ids of no record are left out."""
    given = _body(call, standardObjectName="a string", ids="an array")
    if not all(is_uuid(one) for one in given["ids"]):
        raise invalid("Every one of 'ids' must be a uuid.")
    return _mapped(call, given["standardObjectName"], [one.lower() for one in given["ids"]])


def keys_to_ids(call: Call) -> web.Response:
    given = _body(call, standardObjectName="a string", recordIdentifiers="an array")
    name = given["standardObjectName"]
    return _mapped(call, name, list(_ids(call, Field.of(call), name, given["recordIdentifiers"])))


def _mapped(call: Call, name: str, journal_ids: list[str]) -> web.Response:
    field, links = Field.of(call), call.plant.books.links
    _refuse_unknown_object(field, name)
    lines = name.lower() == LINE_OBJECT.lower()
    known = [] if lines or call.blind else [one for one in journal_ids[:MOST_RECORDS] if one in links]
    standard = {"name": name, "keys": [LINK, "Line_Item_No"] if lines else [LINK]}
    records = [{"Id": one, LINK: links[one]} for one in known]
    return json_response(msgspec.json.encode({"standardObject": standard, "recordIdentifiers": records}))


def _ids(call: Call, field: Field, name: str, identifiers: list[Any]) -> Iterator[str]:
    """The journals with these integer keys; an identifier that is none is refused, one of no record is passed over."""
    if name.lower() != field.object.lower():
        return
    by_link = {link: journal_id for journal_id, link in call.plant.books.links.items()}
    for one in identifiers:
        if not isinstance(one, dict) or one.keys() != {LINK} or type(one[LINK]) is not int:
            raise invalid(f"'recordIdentifiers' must hold the integer key {LINK}.")
        if one[LINK] in by_link:
            yield by_link[one[LINK]]


def _condition(field: Field, given: Any) -> Callable[[str | None], bool]:
    if not isinstance(given, dict) or given.keys() - {"fieldName", "operation", "operand"}:
        raise invalid("A filter has 'fieldName', 'operation' and 'operand'.")
    field.refuse_other(str(given.get("fieldName")))
    operation, operand = str(given.get("operation")).lower(), given.get("operand")
    if operation == "isnull":
        return lambda value: value is None
    compare = _COMPARISONS.get(operation)
    if compare is None:
        raise invalid(f"'operation' is one of {', '.join([*_COMPARISONS, 'IsNull'])}.")
    if not isinstance(operand, str):
        raise invalid(f"The 'operand' for '{field.name}' must be a string.")
    return lambda value: value is not None and compare(value, operand)


def _refuse_unknown_object(field: Field, name: str) -> None:
    if name.lower() not in (field.object.lower(), LINE_OBJECT.lower()):
        raise invalid(f"'{name}' is not a standard object.")


def _body(call: Call, **required: str) -> dict[str, Any]:
    given = bodies.as_object(call)
    faults = [
        f"The property '{name}' is required and must be {wanted}."
        for name, wanted in required.items()
        if not isinstance(given.get(name), _TYPES[wanted])
    ]
    if faults:
        raise invalid(*faults)
    return given


def _object(name: str, label: str, table: str, keys: list[str]) -> dict[str, Any]:
    return {
        "standardObjectName": name,
        "standardObjectLabel": label,
        "tableName": table,
        "recordIdentifiers": {
            "keyCount": len(keys),
            "keys": [{"IdentityName": key, "IdentityType": "BIGINT"} for key in keys],
        },
    }


def _filtered(call: Call, described: list[dict[str, Any]], filters: tuple[str, ...]) -> web.Response:
    asked: Mapping[str, str] = {name: call.query[name][0] for name in filters if name in call.query}
    shown = [one for one in described if not call.blind and all(one[name] == text for name, text in asked.items())]
    return json_response(msgspec.json.encode(shown))
