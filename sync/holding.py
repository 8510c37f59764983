"""When a run stops and asks: nothing where there was something, or far more change than usual. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

SMALL = 5
"""So few changes of a kind never hold a run, whatever share of the people they are."""
SLACK = 1.1
"""A released run may exceed what was shown to the person by this factor."""


class Survey(msgspec.Struct, kw_only=True):
    """What reading and planning found, before anything was written."""

    complete: bool
    read: int = 0
    headcount: int = 0
    unchanged: int = 0
    acts: dict[str, int] = {}
    linked: int = 0
    present: int = 0
    expected: int | None = None


def judge(
    survey: Survey,
    max_change_percent: int,
    released: Mapping[str, int] | None,
    *,
    source: str,
    least: int | None = None,
) -> str | None:
    """The sentence with which the run is held, None when it may go on. ``least`` is how many records reading all of
    them must bring, None for any number.

    ``released`` are the numbers a person has seen and released: up to those, and a little more, it may go on.
    """
    if survey.complete and survey.read == 0:
        if released is not None:
            return None
        return (
            f"{source} shows no workers at all, where {survey.expected or survey.linked} were expected. "
            "Test the connection: a missing permission looks just like this. Nothing was changed."
        )
    if survey.complete and released is None and survey.expected and survey.read < survey.expected / 2:
        return (
            f"{source} shows {survey.read} workers where {survey.expected} were expected. "
            "If that is right, release this run; otherwise test the connection. Nothing was changed."
        )
    if survey.complete and released is None and (few := fewer_than(least, survey.read, "workers", source=source)):
        return few
    for act, word in (("terminate", "terminate"), ("update", "change"), ("transfer", "move"), ("create", "hire")):
        number = survey.acts.get(act, 0)
        if act != "terminate" and (survey.expected is None or survey.linked == 0):
            # The first load has not been completed yet: hiring and taking over everybody is what it is for.
            continue
        # Before anybody is linked, leavers are found by number among those the target has.
        people = survey.linked or survey.present
        if number <= SMALL or number * 100 <= people * max_change_percent:
            continue
        if released is not None and number <= released.get(act, 0) * SLACK:
            continue
        return (
            f"This run would {word} {number} of {people} people, more than {max_change_percent} %. "
            "Look at what it would do and release it, or correct the source. Nothing was changed."
        )
    return None


def fewer_than(least: int | None, read: int, records: str, *, source: str) -> str:
    """Why reading all records must stop and ask when it brought fewer than the company decided; empty when it need
    not. ``records`` is what they are called."""
    if least is None or read >= least:
        return ""
    return (
        f"{source} shows {read} {records}; at least {least} were expected. If that is right, release this run; "
        "otherwise test the connection. Nothing was changed."
    )
