"""How journal entries are found again: lists, pages, windows and filters of both profiles."""

from __future__ import annotations

import uuid

import pytest

from tests.sandbox.plex_journals import CONNECT, DOCUMENTS, post
from tests.sandbox.plex_world import Clock, Plex, complaint, start


def test_documents_list_journals_in_pages_and_windows() -> None:
    clock = Clock()
    plex = Plex(base=start(clock))
    for number in range(3):
        post(plex, description=f"J{number}", postDate=f"2026-06-1{number}T00:00:00Z")
        clock.passes(60)

    def found(query: str) -> list[str]:
        return [row["Description"] for row in plex.documents("GET", f"{DOCUMENTS}?{query}").json()["data"]]

    first = plex.documents("GET", f"{DOCUMENTS}?limit=2").json()
    assert ([row["Description"] for row in first["data"]], first["next_offset"]) == (["J0", "J1"], 2)
    assert found("limit=2&offset=2") == ["J2"]
    assert found("post_date_from=2026-06-11T00:00:00Z&post_date_to=2026-06-11T00:00:00Z") == ["J1"]
    assert found("modified_date_from=2026-06-15T12:02:00Z") == ["J2"]
    assert found("created_date_to=2026-06-15T12:00:01Z") == ["J0"]


def test_every_filter_of_connect_narrows() -> None:
    clock = Clock()
    plex = Plex(base=start(clock))
    early = post(plex, description="EARLY", period="05-2026", postDate="2026-05-15T00:00:00Z")
    clock.passes(3600)
    late = post(plex, description="LATE", status="Posted", period13=True, periodAdjustment=True)
    plex.change("change_journal", id=late["id"], fields={"reversing": True, "booked": True})
    by_hand = plex.connect("GET", f"{CONNECT}/{late['id']}").json()["modifiedById"]

    def found(query: str) -> list[str]:
        return [one["description"] for one in plex.connect("GET", f"{CONNECT}?{query}").json()]

    only_late = [
        f"id={late['id']}",
        "journalNumber=2",
        "periodDisplay=06-2026",
        "description=LATE",
        "postDateBegin=2026-05-15T00:00:01Z",
        "reversing=true",
        "status=Posted",
        "createdDateBegin=2026-06-15T13:00:00Z",
        "modifiedDateBegin=2026-06-15T13:00:00Z",
        f"modifiedById={by_hand}",
        "booked=true",
        "period13=true",
        "periodAdjustmentEntries=true",
    ]
    only_early = [
        "postDateEnd=2026-05-15T00:00:00Z",
        "reversing=false",
        "createdDateEnd=2026-06-15T12:59:59Z",
        "modifiedDateEnd=2026-06-15T12:59:59Z",
        f"modifiedById={early['createdById']}",
        "booked=false&description=EARLY",
    ]
    assert {query: found(query) for query in only_late} == {query: ["LATE"] for query in only_late}
    assert {query: found(query) for query in only_early} == {query: ["EARLY"] for query in only_early}
    assert found(f"id={early['id']}&id={late['id']}") == ["EARLY", "LATE"]
    assert found(f"createdById={by_hand}") == []
    for ignored in ("limit=1", "Description=LATE", "postDateStart=2026-06-01T00:00:00Z", "updatedAfter=2030-01-01"):
        assert found(ignored) == ["EARLY", "LATE"], ignored
    for wrong in ("id=me", "journalNumber=x", "booked=yes", "postDateBegin=2026-06-15"):
        assert complaint(plex.connect("GET", f"{CONNECT}?{wrong}"))[:2] == (400, "ARGUMENT_INVALID"), wrong


@pytest.mark.parametrize(
    ("style", "whole", "part", "plus"), [("exact", 1, 0, 0), ("contains", 1, 2, 0), ("ignored", 3, 3, 3)]
)
def test_nobody_knows_how_the_description_filter_works(style: str, whole: int, part: int, plus: int) -> None:
    plex = Plex(description_filter=style)
    for description in ("PAYROLL 1", "PAYROLL 2", "Rent"):
        post(plex, description=description)

    for profile, path in (("connect", CONNECT), ("documents", DOCUMENTS)):

        def found(query: str, profile: str = profile, path: str = path) -> int:
            shown = getattr(plex, profile)("GET", f"{path}?description={query}").json()
            return len(shown if profile == "connect" else shown["data"])

        assert (found("PAYROLL%201"), found("PAYROLL"), found("PAYROLL+1")) == (whole, part, plus)


def test_no_journals_are_an_empty_list_or_not_found() -> None:
    plex = Plex()
    assert plex.connect("GET", CONNECT).json() == []
    plex.change("set_options", no_data_404=True)
    assert plex.connect("GET", CONNECT).status_code == 404
    assert complaint(plex.connect("GET", f"{CONNECT}/{uuid.uuid4()}"))[:2] == (404, "RESOURCE_NOT_FOUND")
