"""How the findings of a connection check are worded, and which flows they bear on."""

from __future__ import annotations

from connectors.contract import Finding, Level
from connectors.plex.settings import Plant

REFERENCE, PEOPLE, PAYROLL = "reference", "people", "payroll"


def granted(entity: str, sentence: str, access: str = "granted") -> Finding:
    """Nothing to do."""
    return Finding(entity=entity, level=Level.OK, access=access, sentence=sentence)


def warning(entity: str, access: str, sentence: str, *affects: str) -> Finding:
    """Works for now, or perhaps."""
    return Finding(entity=entity, level=Level.WARNING, access=access, sentence=sentence, affects=affects)


def failed(entity: str, access: str, sentence: str, *affects: str) -> Finding:
    """Does not work for these flows."""
    return Finding(entity=entity, level=Level.FAILED, access=access, sentence=sentence, affects=affects)


def empty(entity: str, plant: Plant, really: bool, what: str, *affects: str) -> Finding:
    """An empty list: a plant without ``what``, or a missing role, which Plex answers alike (plex §7)."""
    if really:
        return warning(entity, "empty", f"PCN {plant.pcn} has no {what} yet, as far as Plex shows.", *affects)
    return failed(
        entity,
        "role_missing",
        f"Plex shows no {what} of PCN {plant.pcn}, though there must be some: the role that may see them is missing. "
        f"Ask your Plex administrator for it.",
        *affects,
    )
