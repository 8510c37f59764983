"""Journals on Plex's books: posted once, found again, and taken from Plex as it answers."""

from __future__ import annotations

import contextlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date
from decimal import Decimal

import pytest

from connectors.contract import LedgerTarget
from connectors.errors import (
    ConnectionConfigError,
    OutcomeUnknownError,
    RecordRejectedError,
    TemporaryError,
    UnexpectedReplyError,
)
from connectors.plex.connector import PlexConnector
from tests.connectors.plex.conftest import MakeCustomer, PlexCustomer
from tests.connectors.plex.payroll import DAY, HASH, PAYABLE, REFERENCE, TAXES, WAGES, line, payroll
from tests.connectors.scripted_server import Answer, Asked, ScriptedServer
from tests.connectors.surroundings import context

POST = {"method": "POST", "path": ".*/(journal-entries|Journal_Entry)"}


@pytest.fixture
def plant(make_customer: MakeCustomer) -> PlexCustomer:
    """Two plants; in the first somebody entered a journal before."""
    customer = make_customer(plants=[{"code": "acme"}, {"code": "acme2"}], employees=2)
    customer.enter("Utilities")
    customer.forget_requests()
    return customer


def ours(plant: PlexCustomer) -> list[str]:
    """Descriptions of the journals in the first plant that nobody entered by hand."""
    return [journal["description"] for journal in plant.journals() if journal["description"] != "Utilities"]


def asked(plant: PlexCustomer) -> list[str]:
    """Method and last word of the path of every request but those for a token."""
    requests = [request for request in plant.requests() if "token" not in request["path"]]
    return [f"{request['method']} {request['path'].rsplit('/', 1)[-1]}" for request in requests]


def test_plex_is_a_ledger(plant: PlexCustomer) -> None:
    connector = plant.connector(journal_max_lines="250", base_currency="CAD")
    assert isinstance(connector, LedgerTarget)
    assert connector.max_lines == 250
    assert connector.companies() == ["300101", "300102"]
    assert connector.currency("300102") == connector.currency(None) == "CAD"
    with pytest.raises(ConnectionConfigError, match="300199"):
        connector.currency("300199")


def test_a_journal_arrives_cent_by_cent(plant: PlexCustomer) -> None:
    connector = plant.connector()
    journal = payroll()
    posted = connector.post_journal(journal)
    assert connector.get_journal(posted.id, "300101") == posted
    assert (posted.reference, posted.content_hash, posted.company) == (REFERENCE, HASH, "300101")
    assert (posted.posting_date, posted.period, posted.booked) == (DAY, "11-2026", False)
    assert posted.lines == journal.lines
    assert posted.debit == posted.credit == Decimal("1234567.99")
    (_, held) = plant.journals()
    assert str(held["number"]) == posted.number
    assert held["description"] == f"PAYROLL 2026-11-20 1/1 {REFERENCE}"
    assert held["note"] == f"ext={REFERENCE};sha256={HASH}"
    assert (held["period"], held["status"], held["currency"]) == ("11-2026", "Posted", "USD")
    assert held["postDate"].startswith("2026-11-20T00:00:00")
    assert [(line["accountNo"], line["debit"], line["credit"]) for line in held["lines"]] == [
        (WAGES, "1234567.89", "0.00"),
        (WAGES, "0.10", "0.00"),
        (PAYABLE, "0.00", "1233317.99"),
        (TAXES, "0.00", "1250.00"),
    ]


def test_amounts_leave_as_exact_numbers_in_the_same_bytes_every_time(plant: PlexCustomer) -> None:
    for _ in range(2):
        plant.connector().post_journal(payroll())
    sent = [request for request in plant.requests() if request["path"].endswith(("journal-entries", "Journal_Entry"))]
    first, second = (request["body"] for request in sent)
    assert first == second
    for text in ("1234567.89", "0.10", "1233317.99", "1250.00"):
        assert f'it":{text}' in first.lower()
    body = {name.replace("_", "").lower(): value for name, value in json.loads(first).items()}
    assert body["postdate"] == "2026-11-20T00:00:00Z"


def test_a_journal_goes_to_the_plant_it_names(plant: PlexCustomer) -> None:
    posted = plant.connector().post_journal(payroll(company="300102"))
    assert posted.company == "300102"
    assert ours(plant) == []
    assert len(plant.journals(1)) == 1


def test_looking_up_posting_and_reading_back_cost_three_requests(plant: PlexCustomer) -> None:
    connector = plant.connector()
    connector.post_journal(payroll("rippling:8811:300101:1"))
    plant.forget_requests()
    assert connector.find_journal(payroll()) == []
    posted = connector.post_journal(payroll())
    connector.get_journal(posted.id, "300101")
    assert [call.split()[0] for call in asked(plant)] == ["GET", "POST", "GET"]


@pytest.mark.parametrize("style", ["exact", "contains", "ignored"])
@pytest.mark.parametrize(
    "description",
    ["PAYROLL 2026-11-20 1/1", "Löhne & Gehälter + 5% (Süd)", 'A "quoted"; list, #1?', "  spaces   within "],
)
def test_a_journal_is_found_whatever_its_description(plant: PlexCustomer, style: str, description: str) -> None:
    plant.behave(description_filter=style)
    connector = plant.connector()
    journal = payroll(description=description)
    assert connector.find_journal(journal) == []
    posted = connector.post_journal(journal)
    assert connector.find_journal(journal) == [posted]
    assert connector.find_journal(payroll("rippling:8812:300101:10")) == []
    assert connector.find_journal(payroll("rippling:8812:300101")) == []


def test_filters_plex_ignores_bring_more_and_hide_nothing(plant: PlexCustomer) -> None:
    rows = [
        {"id": f"id-{number}", "journalNumber": number, "periodDisplay": "01-2026", "lines": []}
        | {"postDate": "2026-01-02T00:00:00.1234567Z", "description": description, "note": None}
        for number, description in [(1, "Rent"), (2, f"moved far away {REFERENCE}"), (3, f"{REFERENCE}0")]
    ]
    plant.fault("status", method="GET", path=POST["path"], status_code=200, body=rows)
    (found,) = plant.connector().find_journal(payroll())
    assert (found.number, found.posting_date) == ("2", date(2026, 1, 2))


@pytest.mark.parametrize(
    "changed",
    [
        {"description": "corrected by hand"},
        {"note": "see mail of Monday"},
        {"note": None},
        {"postDate": "2026-11-30T00:00:00.0000000Z"},
        {"postDate": "2026-11-07T00:00:00.0000000Z", "description": "earlier"},
        {"note": f"checked; EXT={REFERENCE.upper()}", "description": "shouting"},
    ],
)
def test_a_journal_somebody_changed_is_still_found(plant: PlexCustomer, changed: dict[str, str | None]) -> None:
    connector = plant.connector()
    posted = connector.post_journal(payroll())
    plant.change("change_journal", journalNumber=int(posted.number), fields=changed)
    (found,) = connector.find_journal(payroll())
    assert (found.id, found.reference) == (posted.id, REFERENCE)


def test_two_journals_with_one_reference_are_both_found(plant: PlexCustomer) -> None:
    connector = plant.connector()
    first, second = connector.post_journal(payroll()), connector.post_journal(payroll(content_hash="cd" * 32))
    found = connector.find_journal(payroll())
    assert sorted(one.id for one in found) == sorted([first.id, second.id])
    assert {one.content_hash for one in found} == {HASH, "cd" * 32}


@pytest.mark.parametrize("how", ["cut_after", "truncate", "html", "garbage", "500", "empty", "another form", "202"])
def test_a_journal_whose_answer_is_lost_is_unknown_and_found(plant: PlexCustomer, how: str) -> None:
    answers = {"empty": (201, ""), "another form": (201, {"id": "7", "lines": [{"debit": "a lot"}]}), "202": (202, "")}
    if how == "500":
        plant.change("fail_after_commit")
    elif how not in answers:
        plant.fault(how, **POST)
    connector = plant.connector()
    if how in answers:
        status, body = answers[how]
        posted = connector.post_journal(payroll())
        plant.fault("status", status_code=status, body=body, **POST)
    with pytest.raises(OutcomeUnknownError, match="looked up"):
        connector.post_journal(payroll())
    found = plant.connector().find_journal(payroll())
    if how in ("html", "garbage"):
        assert len(found) == len(ours(plant))
    else:
        assert len(found) == len(ours(plant)) == 1
        assert how not in answers or found[0].id == posted.id


def test_a_post_cut_before_it_arrived_is_unknown_and_not_there(plant: PlexCustomer) -> None:
    plant.fault("cut", **POST)
    connector = plant.connector()
    with pytest.raises(OutcomeUnknownError):
        connector.post_journal(payroll())
    assert connector.find_journal(payroll()) == []
    assert ours(plant) == []


def test_a_plex_that_says_wait_is_waited_for_and_the_journal_posted_once(plant: PlexCustomer) -> None:
    plant.fault("status", status_code=429, headers={"Retry-After": "7"}, times=2, **POST)
    plant.connector().post_journal(payroll())
    assert plant.clock.slept == [7.0, 7.0]
    assert len(ours(plant)) == 1


@pytest.mark.parametrize(
    "distortion",
    [
        {"answer": {"lines": "drop_last"}},
        {"answer": {"amount_factor": 2}},
        {"answer": {"lines": "swap_sides"}},
        {"ledger": {"lines": "drop_last"}, "answer": {"lines": "drop_last"}},
    ],
)
def test_an_answer_with_other_totals_is_returned_as_it_is(plant: PlexCustomer, distortion: dict[str, object]) -> None:
    plant.change("distort_next_journal", **distortion)
    connector = plant.connector()
    answered = connector.post_journal(payroll())
    assert answered.lines != payroll().lines
    held = connector.get_journal(answered.id, "300101")
    assert held is not None
    assert (held.lines == answered.lines) is ("ledger" in distortion)


def test_a_journal_somebody_deleted_is_gone(plant: PlexCustomer) -> None:
    connector = plant.connector()
    posted = connector.post_journal(payroll())
    plant.change("book_journals")
    held = connector.get_journal(posted.id, "300101")
    assert held is not None
    assert held.booked
    plant.change("delete_journal", journalNumber=int(posted.number))
    assert connector.get_journal(posted.id, "300101") is None
    assert connector.find_journal(payroll()) == []


def test_journals_without_a_trace_of_ours_have_no_reference(plant: PlexCustomer) -> None:
    number = plant.enter("Rent", note="paid late")
    found = next(journal for journal in plant.journals() if str(journal["number"]) == number)
    held = plant.connector().get_journal(found["id"], None)
    assert held is not None
    assert (held.reference, held.content_hash, held.number) == ("", "", number)


@pytest.mark.parametrize("no_data_404", [True, False])
def test_books_that_show_nothing_at_all_prove_nothing(make_customer: MakeCustomer, no_data_404: bool) -> None:
    customer = make_customer(employees=1, no_data_404=no_data_404)
    with pytest.raises(ConnectionConfigError, match="no journals at all"):
        customer.connector().find_journal(payroll(company=None))
    assert customer.connector(may_be_empty="yes").find_journal(payroll(company=None)) == []
    customer.enter("Opening balance", postDate="2026-02-01T00:00:00.0000000Z", periodDisplay="02-2026")
    assert customer.connector().find_journal(payroll(company=None)) == []


def test_a_role_that_may_post_and_not_read_cannot_make_a_second_journal(plant: PlexCustomer) -> None:
    plant.connector().post_journal(payroll())
    plant.behave(role_missing=["journal-entries"])
    with pytest.raises(ConnectionConfigError, match="role"):
        plant.connector().find_journal(payroll())


@pytest.mark.parametrize("trouble", [{"kind": "html"}, {"kind": "garbage"}, {"kind": "cut"}, {"kind": "truncate"}])
def test_a_look_up_that_fails_is_never_an_empty_one(plant: PlexCustomer, trouble: dict[str, str]) -> None:
    plant.connector().post_journal(payroll())
    plant.fault(method="GET", path=POST["path"], times=None, **trouble)
    with pytest.raises((UnexpectedReplyError, TemporaryError)):
        plant.connector().find_journal(payroll())


def test_journals_of_a_connection_are_posted_one_at_a_time(server: ScriptedServer) -> None:
    together, met = threading.Barrier(2), []

    def answer(asked: Asked) -> Answer:
        if asked.path.startswith("/mdm/v1/tenants"):
            return Answer(body=[{"id": "t", "code": "acme"}])
        if asked.method == "GET":
            days = {"beginDate": "2026-11-01T00:00:00Z", "endDate": "2026-11-30T00:00:00Z"}
            return Answer(body=[{"periodDisplay": "11-2026", "periodStatus": "Open", **days}])
        with contextlib.suppress(threading.BrokenBarrierError):
            met.append(together.wait(timeout=0.3))
        row = {"id": "1", "journalNumber": 1, "periodDisplay": "11-2026", "postDate": "2026-11-20T00:00:00Z"}
        return Answer(201, row | {"lines": []})

    server.script = answer
    settings = {"base_url": server.url, "pcn": "300101", "company_code": "acme", "journal_status": "Posted"}
    surroundings = context(settings=settings, credentials={"api_key": "k"})
    with closing(PlexConnector(surroundings)) as connector, ThreadPoolExecutor(2) as several:
        posted = list(several.map(connector.post_journal, [payroll("run:1"), payroll("run:2")]))
    assert len(posted) == 2
    assert met == [], "two posts were under way at the same time"


def test_amounts_of_seventeen_digits_keep_every_cent(plant: PlexCustomer) -> None:
    most = "999999999999999.99"
    journal = payroll(lines=(line(WAGES, debit=most), line(PAYABLE, credit=most)))
    connector = plant.connector()
    posted = connector.post_journal(journal)
    assert posted.lines == journal.lines
    assert connector.find_journal(journal) == [posted]
    assert plant.journals()[-1]["lines"][0]["debit"] == most
    assert [one.debit for one in connector.activity(None, WAGES, DAY, DAY)][-1] == Decimal(most)


def test_a_journal_of_a_thousand_lines_comes_back_whole(plant: PlexCustomer) -> None:
    lines = tuple(line(WAGES, f"Person {n}", debit=f"{n}.01") for n in range(1, 1000))
    total = sum((one.debit for one in lines), Decimal(0))
    journal = payroll(lines=(*lines, line(PAYABLE, credit=str(total))))
    connector = plant.connector()
    posted = connector.post_journal(journal)
    assert posted.lines == journal.lines
    assert connector.find_journal(journal) == [posted]


def test_many_journals_of_others_hide_nothing(plant: PlexCustomer) -> None:
    connector = plant.connector()
    posted = connector.post_journal(payroll())
    for number in range(520):
        plant.enter(f"Entry {number}", postDate="2026-11-20T00:00:00.0000000Z")
    assert [one.id for one in connector.find_journal(payroll())] == [posted.id]


def test_nothing_of_a_journal_is_in_an_address(plant: PlexCustomer) -> None:
    connector = plant.connector()
    posted = connector.post_journal(payroll())
    connector.find_journal(payroll())
    connector.get_journal(posted.id, None)
    for request in plant.requests():
        assert "1234567" not in request["path"] + request["raw_query"]
        assert "PAYROLL" not in request["raw_query"]


def test_another_company_that_answers_gets_no_journal(plant: PlexCustomer) -> None:
    with pytest.raises(ConnectionConfigError, match="Nothing was written"):
        plant.connector(company_code="beta").post_journal(payroll())
    assert ours(plant) == []


def test_posting_needs_a_status_and_says_so_before_anything_is_sent(plant: PlexCustomer) -> None:
    with pytest.raises(ConnectionConfigError, match="'Journal status' is missing"):
        plant.connector(journal_status="").post_journal(payroll())
    assert "POST" not in " ".join(asked(plant))


def test_a_journal_in_another_currency_than_the_books_is_not_sent(plant: PlexCustomer) -> None:
    with pytest.raises(RecordRejectedError, match="in CAD") as refused:
        plant.connector().post_journal(payroll(currency="CAD"))
    assert refused.value.field == "currency"
    assert "POST" not in " ".join(asked(plant))
