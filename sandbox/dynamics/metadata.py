"""What describes the environment to a caller: service document, CSDL, the JSON metadata service (dynamics §2)."""

from __future__ import annotations

import re
from typing import Any
from xml.sax.saxutils import quoteattr

from sandbox.dynamics.model import ENTITIES, ENUMS, NAMESPACE, EntityType
from sandbox.dynamics.refusals import no_route

READ_ONLY = {"LedgerJournalHeaders": {"JournalBatchNumber"}, "LedgerJournalLines": {"LineNumber"}}


def service_document(origin: str) -> dict[str, Any]:
    sets = [{"name": name, "kind": "EntitySet", "url": name} for name in sorted(ENTITIES)]
    return {"@odata.context": f"{origin}/data/$metadata", "value": sets}


def csdl() -> str:
    """Entity types with their keys and properties, and the sets; nothing of what else is in the real one."""
    types = "".join(_csdl_type(entity) for entity in ENTITIES.values())
    enums = "".join(
        f"<EnumType Name={quoteattr(name)}>{''.join(f'<Member Name={quoteattr(one)}/>' for one in members)}</EnumType>"
        for name, members in ENUMS.items()
    )
    sets = "".join(
        f'<EntitySet Name="{name}" EntityType="{NAMESPACE}.{entity.type_name}"/>' for name, entity in ENTITIES.items()
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?><edmx:Edmx Version="4.0" '
        'xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>'
        f'<Schema Namespace="{NAMESPACE}" xmlns="http://docs.oasis-open.org/odata/ns/edm">{types}{enums}'
        f'<EntityContainer Name="Resources">{sets}</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>'
    )


def described(path: str, uri: str) -> dict[str, Any]:
    """One entity or enumeration by its singular public name; 404 in the router's words for another."""
    found = re.fullmatch(r"Public(Entities|Enumerations)\('(\w+)'\)", path)
    if found is not None and found[1] == "Enumerations" and found[2] in ENUMS:
        members = [{"Name": name, "Value": place} for place, name in enumerate(ENUMS[found[2]])]
        return {"Name": found[2], "Members": members}
    for entity in ENTITIES.values():
        if found is not None and found[1] == "Entities" and entity.type_name == found[2]:
            return _described(entity)
    raise no_route(uri)


def _csdl_type(entity: EntityType) -> str:
    keys = "".join(f'<PropertyRef Name="{name}"/>' for name in entity.keys)
    properties = "".join(f'<Property Name="{name}" Type="{entity.edm(name)}"/>' for name in entity.kinds)
    return f'<EntityType Name="{entity.type_name}"><Key>{keys}</Key>{properties}</EntityType>'


def _described(entity: EntityType) -> dict[str, Any]:
    server_given = READ_ONLY.get(entity.name, set())
    properties = [
        {
            "Name": name,
            "TypeName": entity.edm(name),
            "IsKey": name in entity.keys,
            "IsMandatory": name in entity.keys,
            "AllowEdit": name not in entity.keys,
            "AllowEditOnCreate": name not in server_given,
        }
        for name in entity.kinds
    ]
    return {"Name": entity.type_name, "EntitySetName": entity.name, "IsReadOnly": False, "Properties": properties}
