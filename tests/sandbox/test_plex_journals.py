"""Journal entries: what is refused, what is kept and replaced, and that nothing is idempotent."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.sandbox.plex_journals import (
    CONNECT,
    DOCUMENTS,
    PAYABLE,
    TAXES,
    WAGES,
    documented,
    exact,
    journals,
    line,
    payroll,
    post,
)
from tests.sandbox.plex_world import Clock, Plex, complaint, start


def refused(plex: Plex, journal: dict[str, Any], profile: str = "connect") -> str:
    """What is said about a journal that is refused by its content, and of which nothing is kept."""
    before = journals(plex)
    if profile == "connect":
        answer = plex.connect("POST", CONNECT, json=journal)
    else:
        answer = plex.documents("POST", DOCUMENTS, json=documented(journal))
    status, code, said = complaint(answer)
    assert (status, code) == (400, "REQUEST_VALIDATION_FAILED")
    assert journals(plex) == before
    return said


def test_a_journal_is_kept_as_sent_and_answered_under_other_names() -> None:
    plex = Plex()

    answer = plex.connect("POST", CONNECT, json=payroll(note="ext=acme:8812"))

    created = exact(answer)
    assert (created["periodDisplay"], created["journalNumber"], created["booked"]) == ("06-2026", 1, False)
    assert (created["postDate"], created["note"]) == ("2026-06-15T00:00:00.0000000Z", "ext=acme:8812")
    assert [(one["accountNumber"], one["debit"], one["credit"]) for one in created["lines"]] == [
        (WAGES, Decimal("1250.10"), Decimal("0.00")),
        (PAYABLE, Decimal("0.00"), Decimal("1000.00")),
        (TAXES, Decimal("0.00"), Decimal("250.10")),
    ]
    assert '"debit":1250.10,' in answer.text
    first = created["lines"][0]
    assert [first[f"{name}Segment"] for name in ("base", "costCenter", "subAccount")] == ["61000", "210", "0100"]
    assert exact(plex.connect("GET", f"{CONNECT}/{created['id']}")) == created
    assert exact(plex.connect("GET", CONNECT)) == [created]
    assert journals(plex) == [
        {
            "number": 1,
            "period": "06-2026",
            "id": created["id"],
            "description": "PAYROLL 8812 1/1 acme:8812",
            "note": "ext=acme:8812",
            "status": "Open",
            "currency": "USD",
            "reversing": False,
            "booked": False,
            "postDate": "2026-06-15T00:00:00.0000000Z",
            "lines": [
                {"accountNo": WAGES, "debit": "1250.10", "credit": "0.00"},
                {"accountNo": PAYABLE, "debit": "0.00", "credit": "1000.00"},
                {"accountNo": TAXES, "debit": "0.00", "credit": "250.10"},
            ],
        }
    ]
    assert plex.snapshot()["writes"]["journals"] == 1


def test_the_documents_profile_keeps_the_same_journal_under_its_own_names() -> None:
    plex = Plex()

    created = plex.documents("POST", DOCUMENTS, json=documented(payroll(note="n")))

    shown = exact(created)
    assert created.status_code == 201
    assert (shown["Journal_No"], shown["Period"], shown["Post_Date"]) == (1, "06-2026", "2026-06-15T00:00:00.0000000Z")
    assert (shown["Lines"][0]["Account_No"], shown["Lines"][0]["Debit"]) == (WAGES, Decimal("1250.10"))
    in_connect = exact(plex.connect("GET", f"{CONNECT}/{shown['Journal_Entry_Id']}"))
    assert list(shown.values())[:-1] == list(in_connect.values())[:-1]
    assert [list(one.values()) for one in shown["Lines"]] == [list(one.values()) for one in in_connect["lines"]]
    assert exact(plex.documents("GET", f"{DOCUMENTS}?journal_no=1")) == {"data": [shown]}
    assert exact(plex.documents("GET", f"{DOCUMENTS}?Period=07-2026")) == {"data": []}


def test_the_same_journal_sent_twice_exists_twice_whatever_id_the_caller_gave_it() -> None:
    plex = Plex()
    chosen = str(uuid.uuid4())
    lines = [{**one, "id": str(uuid.uuid4())} for one in payroll()["lines"]]

    first, second = (post(plex, id=chosen, lines=lines) for _ in range(2))

    assert len({first["id"], second["id"], chosen}) == 3
    assert len({one["lineId"] for journal in (first, second) for one in journal["lines"]}) == 6
    assert [journal["number"] for journal in journals(plex)] == [1, 2]
    assert len(plex.connect("GET", f"{CONNECT}?description=PAYROLL%208812%201/1%20acme:8812").json()) == 2


def test_of_many_who_post_at_once_all_succeed_and_numbers_are_consecutive() -> None:
    plex = Plex()
    with ThreadPoolExecutor(8) as crowd:
        list(crowd.map(lambda _: post(plex), range(16)))
    assert [journal["number"] for journal in journals(plex)] == list(range(1, 17))


def test_every_plant_has_numbers_of_its_own_and_shows_only_its_journals() -> None:
    plex = Plex(plants=[{}, {}])
    post(plex)
    other = plex.plants[1]["pcn"]

    created = plex.connect("POST", CONNECT, pcn=other, json=payroll()).json()

    assert created["journalNumber"] == 1
    assert [one["id"] for one in plex.connect("GET", CONNECT, pcn=other).json()] == [created["id"]]
    assert plex.connect("GET", f"{CONNECT}/{created['id']}").status_code == 404
    assert len(journals(plex, 0)) == len(journals(plex, 1)) == 1


@pytest.mark.parametrize("profile", ["connect", "documents"])
@pytest.mark.parametrize("name", ["period", "description", "status", "postDate", "currency", "lines"])
def test_a_journal_without_a_required_field_is_refused(profile: str, name: str) -> None:
    journal = payroll()
    del journal[name]
    wire = name if profile == "connect" else next(iter(documented({name: []})))
    assert f"'{wire}' is required" in refused(Plex(), journal, profile)


@pytest.mark.parametrize("profile", ["connect", "documents"])
@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"period": "2026-06"}, "not a period MM-YYYY"),
        ({"period": "13-2026"}, "not a period MM-YYYY"),
        ({"period": "202606"}, "not a period MM-YYYY"),
        ({"period": "06-2035"}, "not a fiscal period"),
        ({"period": "06-2025"}, "The period 06-2025 is closed"),
        ({"status": "Draft"}, "is not a journal status"),
        ({"currency": "EUR"}, "is not a currency"),
        ({"postDate": "2026-06-15"}, "must be an ISO 8601 UTC date-time"),
        ({"postDate": "2026-06-15T00:00:00"}, "must be an ISO 8601 UTC date-time"),
        ({"postDate": "2026-06-15T00:00:00+02:00"}, "must be an ISO 8601 UTC date-time"),
        ({"postDate": 20260615}, "must be an ISO 8601 UTC date-time"),
        ({"lines": []}, "is required"),
        ({"lines": {}}, "must be an array"),
        ({"note": 1}, "must be a string"),
        ({"reference": "acme:8812"}, "'reference' is not expected"),
        ({"journalNumber": 7}, "is not expected"),
        ({"periodDisplay": "06-2026"}, "is not expected"),
    ],
)
def test_a_fault_of_the_header_is_named(profile: str, fields: dict[str, Any], said: str) -> None:
    assert said.lower() in refused(Plex(), payroll(**fields), profile).lower()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"accountNo": None}, "'lines[0].accountNo' is required"),
        ({"description": ""}, "'lines[0].description' is required"),
        ({"accountNo": "61000-777-0100"}, "'lines[0].accountNo' is not an account"),
        ({"accountNo": "61000-210-0900"}, "'lines[0].accountNo' is not active"),
        ({"credit": 1250.10}, "needs a debit or a credit, and not both"),
        ({"debit": None}, "needs a debit or a credit, and not both"),
        ({"debit": -1250.10}, "must be above zero"),
        ({"debit": 0}, "must be above zero"),
        ({"debit": 1250.101}, "at most two decimals"),
        ({"debit": "1250.10"}, "'lines[0].debit' must be a number"),
        ({"debit": True}, "'lines[0].debit' must be a number"),
        ({"debit": 1e15}, "must be above zero and have at most two decimals"),
        ({"debit": 1250.11}, "are not equal"),
        ({"accountNumber": WAGES}, "'lines[0].accountNumber' is not expected"),
        ({"lineId": str(uuid.uuid4())}, "'lines[0].lineId' is not expected"),
    ],
)
def test_a_fault_of_a_line_is_named(changes: dict[str, Any], said: str) -> None:
    lines = payroll()["lines"]
    assert said in refused(Plex(), payroll(lines=[lines[0] | changes, *lines[1:]]))


def test_every_fault_is_said_at_once_and_a_refusal_is_counted() -> None:
    plex = Plex()
    lines = [line("1-2-3", "debit", 5), line("61000-210-0900", "credit", 6)]
    said = refused(plex, payroll(period="01-2025", status="?", currency="?", lines=lines))
    for part in ("closed", "journal status", "currency", "not an account", "not active", "not equal"):
        assert part in said
    assert plex.snapshot()["writes"]["rejected"] == 1


def test_amounts_are_exact_where_floats_are_not() -> None:
    plex = Plex()
    cents = [line(WAGES, "debit", 0.1) for _ in range(3)]
    post(plex, lines=[*cents, line(PAYABLE, "credit", 0.3)])
    assert refused(plex, payroll(lines=[*cents, line(PAYABLE, "credit", 0.31)]))


def test_periods_close_softly_and_open_again() -> None:
    plex = Plex()
    plex.change("set_period", period="06-2026", status="Soft Closed")
    assert "soft closed" in refused(plex, payroll())
    plex.change("set_options", may_post_soft_closed=True)
    post(plex)
    plex.change("set_period", period="06-2026", status="Closed")
    assert "is closed" in refused(plex, payroll())
    plex.change("set_period", period="06-2026", status="Open")
    post(plex)
    assert len(journals(plex)) == 2


def test_accounts_are_switched_off_and_on_by_hand() -> None:
    plex = Plex()
    plex.change("deactivate_account", accountNumber=WAGES)
    assert "not active" in refused(plex, payroll())
    plex.change("activate_account", accountNumber=WAGES)
    plex.change("add_account", accountNumber="61000-215-0100", name="Direct labor paint")
    post(plex, lines=[line("61000-215-0100", "debit", 1), line(WAGES, "credit", 1)])


def test_statuses_currencies_and_the_number_of_lines_are_choices() -> None:
    plex = Plex(journal_statuses=["Entered"], currencies=["USD", "CAD"], max_journal_lines=3, books=True)
    assert post(plex, status="Entered", currency="CAD", exchangeRate=0.73)["booked"] is True
    assert "at most 3 lines" in refused(
        plex, payroll(status="Entered", lines=[*payroll()["lines"], line(WAGES, "debit", 1), line(TAXES, "credit", 1)])
    )
    assert "journal status" in refused(plex, payroll())


@pytest.mark.parametrize(("profile", "path"), [("connect", CONNECT), ("documents", DOCUMENTS)])
def test_missing_rights_on_journals_answer_as_everywhere(profile: str, path: str) -> None:
    plex = Plex()
    post(plex)

    def speak(method: str) -> httpx.Response:
        answer: httpx.Response = getattr(plex, profile)(method, path, json=payroll())
        return answer

    plex.change("set_options", products=["Tenant"])
    assert {speak(method).status_code for method in ("GET", "POST")} == {401}
    plex.change("set_options", products=None, role_missing=["Journal_Entry"])
    assert speak("GET").json() == ([] if profile == "connect" else {"data": []})
    assert speak("POST").status_code == 403
    assert len(journals(plex)) == 1


def test_a_replacement_changes_what_it_names_and_lines_go_on_under_their_ids() -> None:
    clock = Clock()
    plex = Plex(base=start(clock))
    created = post(plex, note="old")
    clock.passes(60)
    url = f"{CONNECT}/{created['id']}"

    renamed = exact(plex.connect("PUT", url, json={"id": created["id"], "description": "new", "note": None}))
    assert (renamed["description"], renamed["note"], renamed["status"]) == ("new", None, "Open")
    assert [one["lineId"] for one in renamed["lines"]] == [one["lineId"] for one in created["lines"]]
    first = created["lines"][0]["lineId"]
    halved = [line(WAGES, "credit", 5, lineId=first), line(PAYABLE, "debit", 5)]
    replaced = exact(plex.connect("PUT", url, json={"lines": halved}))
    assert [(one["credit"], one["debit"]) for one in replaced["lines"]] == [(5, 0), (0, 5)]
    assert (replaced["lines"][0]["lineId"], replaced["lines"][0]["createdDate"]) == (first, created["createdDate"])
    assert replaced["modifiedDate"] > created["modifiedDate"]
    assert replaced["journalNumber"] == 1
    assert plex.snapshot()["writes"]["journal_updates"] == 2
    same = plex.documents("PUT", f"{DOCUMENTS}/{created['id']}", json={"Status": "Posted"}).json()
    assert (same["Status"], same["Description"]) == ("Posted", "new")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"id": str(uuid.uuid4())}, "is not the id in the path"),
        ({"lines": [line(WAGES, "debit", 5)]}, "are not equal"),
        ({"lines": [line(WAGES, "debit", 5, lineId=str(uuid.uuid4()))]}, "has no line"),
        ({"period": "01-2025"}, "is closed"),
        ({"status": "?"}, "journal status"),
        ({"journalNumber": 5}, "is not expected"),
    ],
)
def test_a_replacement_with_a_fault_changes_nothing(body: dict[str, Any], said: str) -> None:
    plex = Plex()
    created = post(plex)
    url = f"{CONNECT}/{created['id']}"

    status, _, complaints = complaint(plex.connect("PUT", url, json=body))

    assert status == 400
    assert said in complaints
    assert exact(plex.connect("GET", url)) == created


def test_a_booked_journal_and_one_of_a_closed_period_cannot_be_replaced() -> None:
    plex = Plex()
    booked = post(plex)
    assert plex.change("book_journals") == {"booked": 1}
    late = post(plex, period="05-2026")
    plex.change("set_period", period="05-2026", status="Closed")

    for journal, said in ((booked, "is booked"), (late, "is closed")):
        answer = plex.connect("PUT", f"{CONNECT}/{journal['id']}", json={"description": "x", "period": "06-2026"})
        assert said in complaint(answer)[2]
    assert [(journal["booked"], journal["period"], journal["description"]) for journal in journals(plex)] == [
        (True, "06-2026", payroll()["description"]),
        (False, "05-2026", payroll()["description"]),
    ]
    assert plex.connect("PUT", f"{CONNECT}/{uuid.uuid4()}", json={}).status_code == 404
    assert plex.connect("DELETE", f"{CONNECT}/{booked['id']}").status_code == 404


def test_a_seed_gives_the_same_journals() -> None:
    first, second = (Plex(seed=7, base=start(Clock())) for _ in range(2))
    assert post(first) == post(second)
    assert post(first) != post(second, description="other")
