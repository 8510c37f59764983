"""How the findings of a connection check are worded, and which flows they bear on."""

from __future__ import annotations

from connectors.contract import Finding, Level

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
