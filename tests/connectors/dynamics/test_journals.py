"""Journals in Dynamics: written once, found again, completed after a crash, and left alone when they are a person's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from connectors.errors import (
    ConnectionConfigError,
    OutcomeUnknownError,
    RecordRejectedError,
    TemporaryError,
)
from tests.connectors.dynamics.books import (
    DAY,
    HASH,
    NET_PAY,
    OFFICE,
    REFERENCE,
    TAXES,
    WAGES,
    Environment,
    MakeEnvironment,
    dynamics,
    environments,
    line,
    long_payroll,
    payroll,
)

BATCH = {"method": "POST", "path": r".*/data/\$batch"}
HEADER = {"method": "POST", "path": ".*/data/LedgerJournalHeaders"}
SERVICE = "/api/services/MLPosting/Journals/post"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with dynamics() as address:
        yield address


@pytest.fixture
def make_environment(address: str) -> Iterator[MakeEnvironment]:
    with environments(address) as make:
        yield make


@pytest.fixture
def environment(make_environment: MakeEnvironment) -> Environment:
    return make_environment()


def vouchers(environment: Environment) -> dict[str, list[Decimal]]:
    """Voucher → debits less credits of its lines, of the one journal there is."""
    (journal,) = environment.journals()
    found: dict[str, list[Decimal]] = {}
    for one in journal["lines"]:
        found.setdefault(one["voucher"], []).append(Decimal(one["debit"]) - Decimal(one["credit"]))
    return found


def test_a_journal_arrives_cent_by_cent_and_waits_for_finance(environment: Environment) -> None:
    posted = environment.books().post_journal(payroll())
    (held,) = environment.journals()
    assert (held["company"], held["number"], held["name"], held["posted"]) == ("usmf", posted.number, "PAYJRN", False)
    assert held["description"] == f"{REFERENCE} ab12ab12ab12 PAYROLL 2026-11-20 1/1"
    assert [(one["account"], one["debit"], one["credit"], one["date"]) for one in held["lines"]] == [
        ("601500-022-0015-", "1234567.89", "0", "2026-11-20"),
        ("601500--0017-", "0.10", "0", "2026-11-20"),
        ("201100---001", "0", "1233317.99", "2026-11-20"),
        ("201200---", "0", "1250.00", "2026-11-20"),
    ]
    assert posted.lines == payroll().lines
    assert (posted.reference, posted.content_hash, posted.company) == (REFERENCE, HASH[:12], "usmf")
    assert (posted.posting_date, posted.period) == (DAY, "2026 Period 11")
    assert (posted.booked, posted.complete) == (False, True)
    assert list(environment.books().find_journal(payroll())) == [posted]
    assert environment.books().get_journal(posted.id, "usmf") == posted


def test_posting_costs_one_header_and_one_batch(environment: Environment) -> None:
    environment.books().post_journal(payroll("MLC-A"))
    environment.forget_requests()
    books = environment.books()
    assert books.find_journal(payroll()) == []
    books.post_journal(payroll())
    asked = Counter(environment.asked())
    assert {name: count for name, count in asked.items() if not name.startswith("GET")} == {
        "POST LedgerJournalHeaders": 1,
        "POST $batch": 1,
    }
    assert asked["GET LedgerJournalHeaders"] == 3
    assert asked["GET LedgerJournalLines"] == 2
    assert sum(asked.values()) < 25


def test_the_posting_job_finds_every_voucher_balanced(environment: Environment) -> None:
    books, journal = environment.books(), long_payroll(137)
    posted = books.post_journal(journal)
    found = vouchers(environment)
    assert all(sum(amounts) == 0 for amounts in found.values())
    assert max(map(len, found.values())) <= 10
    assert posted.lines == journal.lines
    assert environment.sums(posted.number) == {"601500-022-0015-": journal.debit, "201100---001": -journal.debit}
    assert environment.change("post_journals")["posted"] == [posted.number]
    held = books.get_journal(posted.id, None)
    assert held is not None
    assert held.booked
    whole = sorted((one.account, one.description, one.debit, one.credit) for one in journal.lines)
    found_lines = sorted((one.account, one.description, one.debit, one.credit) for one in held.lines)
    assert found_lines == whole, "a line that is in several vouchers is one line again"


def test_groups_of_a_batch_are_few_and_its_requests_too(environment: Environment) -> None:
    environment.books().post_journal(long_payroll(400))
    assert Counter(environment.asked())["POST $batch"] == 9


@pytest.mark.parametrize("style", ["description", "integration_key"])
def test_no_other_reference_finds_the_journal(environment: Environment, style: str) -> None:
    books = environment.books(marker_field=style)
    posted = books.post_journal(payroll())
    for other in (f"{REFERENCE}4", REFERENCE[:-1], f"X{REFERENCE}", f"{REFERENCE}-4"):
        assert books.find_journal(payroll(other)) == []
    (held,) = environment.journals()
    assert held["integration_key"] == (f"{REFERENCE} ab12ab12ab12" if style == "integration_key" else "")
    environment.change("change_journal", number=posted.number, fields={"Description": f"checked ({REFERENCE}), Bob"})
    for other_style in ("description", "integration_key"):
        (found,) = environment.books(marker_field=other_style).find_journal(payroll())
        assert found.number == posted.number


def test_a_long_description_is_cut_and_never_our_mark(environment: Environment) -> None:
    journal = payroll(description="PAYROLL of everybody in the whole wide world, and then some", content_hash=HASH)
    environment.books().post_journal(journal)
    (held,) = environment.journals()
    assert len(held["description"]) <= 60
    assert held["description"].startswith(f"{REFERENCE} ab12ab12ab12 PAYROLL of")
    (found,) = environment.books().find_journal(journal)
    assert found.complete


@pytest.mark.parametrize("fault", ["cut_after", "truncate"])
def test_a_header_whose_answer_is_lost_is_found_empty_and_completed(environment: Environment, fault: str) -> None:
    environment.fault(fault, **HEADER)
    with pytest.raises(OutcomeUnknownError):
        environment.books().post_journal(payroll())
    (found,) = environment.books().find_journal(payroll())
    assert (found.complete, found.lines) == (False, ())
    assert (found.posting_date, found.period) == (DAY, "2026 Period 11")
    posted = environment.books().post_journal(payroll())
    assert (posted.complete, posted.lines, posted.number) == (True, payroll().lines, found.number)
    assert len(environment.journals()) == 1


@pytest.mark.parametrize("fault", ["cut", "cut_after", "truncate", "html"])
@pytest.mark.parametrize("times", [0, 1])
def test_a_journal_that_broke_off_is_told_from_a_whole_one_and_completed(
    environment: Environment, fault: str, times: int
) -> None:
    """Of several requests the first or second is lost: whether its lines are there or not, none is there twice."""
    journal = long_payroll(120)
    environment.fault(fault, skip=times, **BATCH)
    with pytest.raises(OutcomeUnknownError):
        environment.books().post_journal(journal)
    (found,) = environment.books().find_journal(journal)
    assert not found.complete
    assert found.debit < journal.debit
    before = environment.journals()[0]["lines"]
    posted = environment.books().post_journal(journal)
    (held,) = environment.journals()
    assert held["lines"][: len(before)] == before, "what was there stays as it is"
    assert (posted.complete, posted.lines, posted.number) == (True, journal.lines, found.number)
    assert environment.sums(posted.number) == {"601500-022-0015-": journal.debit, "201100---001": -journal.debit}
    assert all(sum(amounts) == 0 for amounts in vouchers(environment).values())


def test_lines_in_other_groups_are_removed_and_written_again(environment: Environment) -> None:
    journal = long_payroll(60)
    environment.fault("cut", skip=1, **BATCH)
    with pytest.raises(OutcomeUnknownError):
        environment.books(lines_per_voucher="4").post_journal(journal)
    (found,) = environment.books().find_journal(journal)
    assert not found.complete
    assert found.debit > 0
    posted = environment.books(lines_per_voucher="10").post_journal(journal)
    assert posted.number == found.number
    assert environment.sums(posted.number) == {"601500-022-0015-": journal.debit, "201100---001": -journal.debit}
    assert len(vouchers(environment)) == 7


def test_a_whole_journal_is_not_written_again(environment: Environment) -> None:
    first = environment.books().post_journal(payroll())
    environment.forget_requests()
    assert environment.books().post_journal(payroll()) == first
    assert not [call for call in environment.asked() if call.startswith("POST")]
    assert len(environment.journals()) == 1


def test_two_journals_with_one_reference_are_both_found_and_nothing_is_sent(environment: Environment) -> None:
    books = environment.books()
    first = books.post_journal(payroll())
    second = books.post_journal(payroll("MLC-B"))
    environment.change("change_journal", number=second.number, fields={"Description": f"copy of {REFERENCE}"})
    assert {one.number for one in books.find_journal(payroll())} == {first.number, second.number}
    with pytest.raises(OutcomeUnknownError, match="2 times"):
        books.post_journal(payroll())
    assert len(environment.journals()) == 2


@pytest.mark.parametrize("kind", ["conflict", "rate"])
def test_what_dynamics_asks_to_wait_for_is_waited_for_and_sent_once(environment: Environment, kind: str) -> None:
    journal = long_payroll(30)
    if kind == "conflict":
        environment.change("conflict_next", times=2)
    else:
        environment.change("fault_in_batch", status=429, retry_after=7, skip=1, times=2)
    posted = environment.books().post_journal(journal)
    assert environment.sums(posted.number) == {"601500-022-0015-": journal.debit, "201100---001": -journal.debit}
    assert environment.clock.slept
    assert kind == "conflict" or 7 in environment.clock.slept
    assert all(sum(amounts) == 0 for amounts in vouchers(environment).values())


def test_a_group_that_happened_though_dynamics_said_no_is_not_sent_again(environment: Environment) -> None:
    journal = long_payroll(30)
    environment.change("fault_in_batch", status=429, retry_after=1, committed=True)
    posted = environment.books().post_journal(journal)
    assert environment.sums(posted.number) == {"601500-022-0015-": journal.debit, "201100---001": -journal.debit}


def test_conflicts_without_end_leave_a_part_that_is_completed_later(environment: Environment) -> None:
    environment.change("conflict_next", times=500)
    with pytest.raises(OutcomeUnknownError, match="may not be whole"):
        environment.books().post_journal(long_payroll(30))
    assert len(environment.clock.slept) == 5
    (found,) = environment.books().find_journal(long_payroll(30))
    assert not found.complete


def test_a_wait_of_hours_is_left_to_another_time(environment: Environment) -> None:
    environment.change("fault_in_batch", status=429, retry_after=3600, times=9)
    with pytest.raises(OutcomeUnknownError, match="may not be whole"):
        environment.books().post_journal(payroll())
    assert environment.clock.slept == []


def test_a_refused_line_leaves_nothing_behind(environment: Environment) -> None:
    """The month shows itself closed only when lines arrive."""
    environment.change("close_period", period="2026-11")
    with pytest.raises(RecordRejectedError, match=r"fiscal period is not open.*Dynamics refused") as refused:
        environment.books().post_journal(payroll())
    assert refused.value.field == "posting_date"
    assert environment.journals() == []
    assert environment.books().find_journal(payroll()) == []


def test_a_late_refusal_takes_back_all_that_was_written(environment: Environment) -> None:
    journal = long_payroll(120)
    environment.change("fault_in_batch", status=400, skip=8, message="The combination 601500 is not valid.")
    with pytest.raises(RecordRejectedError, match=r"601500\|Department=022") as refused:
        environment.books().post_journal(journal)
    assert refused.value.field == "account"
    assert environment.journals() == []


def test_a_refusal_that_cannot_be_taken_back_is_not_a_refusal(environment: Environment) -> None:
    environment.change("fault_in_batch", status=400, skip=8)
    environment.fault("status", method="DELETE", path=".*", status_code=500)
    with pytest.raises(OutcomeUnknownError, match="may not be whole"):
        environment.books().post_journal(long_payroll(120))
    (found,) = environment.books().find_journal(long_payroll(120))
    assert not found.complete


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ((line(WAGES, debit="1"), line(NET_PAY, credit="2")), "debits and credits differ"),
        ((line(WAGES, debit="1"), line(WAGES), line(NET_PAY, credit="1")), "no amount"),
        ((line("601500|Worker=000001", debit="1"), line(NET_PAY, credit="1")), "Worker is not part of the active"),
        ((line("601500|Department", debit="1"), line(NET_PAY, credit="1")), "name, '=' and its value"),
        ((line("201100|Department=022", debit="1"), line(NET_PAY, credit="1")), "201100 does not take Department"),
        ((line("601500|Department=099", debit="1"), line(NET_PAY, credit="1")), "Department 099 does not exist"),
        ((line("601599", debit="1"), line(NET_PAY, credit="1")), "Main account 601599 does not exist"),
        ((line("699999", debit="1"), line(NET_PAY, credit="1")), "Main account 699999 is a total"),
    ],
)
def test_what_dynamics_would_refuse_is_said_before_anything_is_sent(
    environment: Environment, lines: tuple[Any, ...], why: str
) -> None:
    with pytest.raises(RecordRejectedError, match=why):
        environment.books().post_journal(payroll(lines=lines))
    assert environment.journals() == []
    assert not [call for call in environment.asked() if call.startswith("POST")]


def test_a_dimension_outside_of_the_structure_is_left_blank_where_the_setting_says_so(environment: Environment) -> None:
    journal = payroll(lines=(line(WAGES, debit="7"), line("201100|Department=022|BusinessUnit=001", credit="7")))
    books = environment.books(dimension_outside="blank")
    posted = books.post_journal(journal)
    assert environment.sums(posted.number) == {"601500-022-0015-": 7, "201100---001": -7}
    assert posted.lines == journal.lines
    assert list(books.find_journal(journal)) == [posted]


def test_a_suspended_value_is_named_with_its_company(environment: Environment) -> None:
    environment.change("suspend_value", dimension="CostCenter", value="0017", company="gbsi")
    environment.change("change_account", account="201200", company="usmf", fields={"ActiveTo": "2026-10-31"})
    with pytest.raises(RecordRejectedError, match=r"Main account 201200 is not active on 2026-11-20 .* usmf"):
        environment.books().post_journal(payroll())
    with pytest.raises(RecordRejectedError, match="CostCenter 0017 is suspended in Dynamics for gbsi"):
        environment.books().post_journal(payroll(company="gbsi", currency="GBP"))
    assert environment.journals() == []


@pytest.mark.parametrize("marker", ["changed line", "more line", "moved", "offset"])
def test_a_journal_a_person_changed_is_shown_as_it_is(environment: Environment, marker: str) -> None:
    books = environment.books()
    number = books.post_journal(payroll()).number
    fields: dict[str, Any] = {
        "changed line": {"DebitAmount": "5000000.00"},
        "moved": {"TransDate": "2026-11-21"},
        "offset": {"OffsetAccountDisplayValue": "201100---"},
    }.get(marker, {})
    if fields:
        environment.change("change_line", number=number, line=1, fields=fields)
    else:
        environment.change("add_line", number=number, fields={"CreditAmount": "1.00"})
    before = environment.journals()
    (found,) = books.find_journal(payroll())
    assert found.complete
    assert Counter(one.account for one in found.lines) >= Counter({WAGES: 1, OFFICE: 1, NET_PAY: 1, TAXES: 1})
    held = books.get_journal(number, None)
    assert held is not None
    assert sorted(one.debit - one.credit for one in found.lines) == sorted(one.debit - one.credit for one in held.lines)
    assert marker == "moved" or (found.debit, found.credit) != (payroll().debit, payroll().credit)
    books.post_journal(payroll())
    assert environment.journals() == before


def test_another_content_under_the_same_reference_is_not_completed(environment: Environment) -> None:
    environment.fault("cut_after", **HEADER)
    with pytest.raises(OutcomeUnknownError):
        environment.books().post_journal(payroll())
    other = payroll(content_hash="cd" * 32)
    (found,) = environment.books().find_journal(other)
    assert (found.complete, found.content_hash) == (True, HASH[:12])
    environment.books().post_journal(other)
    assert environment.journals()[0]["lines"] == []


def test_a_part_that_was_posted_is_for_a_person(environment: Environment) -> None:
    environment.fault("cut", skip=1, **BATCH)
    journal = long_payroll(120)
    with pytest.raises(OutcomeUnknownError):
        environment.books().post_journal(journal)
    environment.change("post_journals")
    (found,) = environment.books().find_journal(journal)
    assert (found.booked, found.complete) == (True, True)
    assert found.debit < journal.debit
    assert environment.books().post_journal(journal) == found


def test_a_journal_somebody_deleted_is_gone(environment: Environment) -> None:
    books = environment.books()
    posted = books.post_journal(payroll())
    environment.change("delete_journal", number=posted.number)
    assert books.get_journal(posted.id, "usmf") is None
    assert books.find_journal(payroll()) == []
    assert books.get_journal("nothing of the kind", "gbsi") is None


def test_lines_that_posting_removes_are_not_missed(environment: Environment) -> None:
    books = environment.books(journal_name="DELJRN")
    posted = books.post_journal(payroll())
    environment.change("post_journals")
    (found,) = books.find_journal(payroll())
    assert (found.booked, found.complete, found.lines) == (True, True, payroll().lines)
    held = books.get_journal(posted.id, None)
    assert held is not None
    assert (held.booked, held.lines, held.posting_date.year) == (True, (), 1900)


def test_each_company_has_journals_of_its_own(environment: Environment) -> None:
    books = environment.books()
    posted = books.post_journal(payroll(company="gbsi", currency="GBP"))
    assert environment.journals()[0]["company"] == "gbsi"
    assert books.find_journal(payroll()) == []
    assert [one.id for one in books.find_journal(payroll(company="GBSI", currency="GBP"))] == [posted.id]
    with pytest.raises(ConnectionConfigError, match="demf"):
        books.post_journal(payroll(company="demf"))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "'Journal name' is missing"),
        ("NOSUCH", "does not exist"),
        ("VENDPAY", "not of type Daily"),
        ("FIXJRN", "offset account"),
        ("MANJRN", "vouchers entered by hand"),
        ("NOSERIES", "no voucher series"),
    ],
)
def test_a_journal_name_that_cannot_take_it_stops_before_anything_is_sent(
    environment: Environment, name: str, why: str
) -> None:
    with pytest.raises(ConnectionConfigError, match=why):
        environment.books(journal_name=name).post_journal(payroll())
    assert environment.journals() == []


def test_a_service_of_the_customers_posts_what_was_written(make_environment: MakeEnvironment) -> None:
    environment = make_environment(custom_service=SERVICE.removeprefix("/api/services/"))
    books = environment.books(posting_mode="custom_service", posting_service=SERVICE)
    posted = books.post_journal(payroll())
    assert (posted.booked, posted.complete) == (True, True)
    assert environment.journals()[0]["posted"]
    assert list(books.find_journal(payroll())) == [posted]


def test_a_service_that_was_not_reached_is_asked_again(make_environment: MakeEnvironment) -> None:
    environment = make_environment(custom_service=SERVICE.removeprefix("/api/services/"))
    environment.fault("cut", method="POST", path="/api/services/.*")
    settings = {"posting_mode": "custom_service", "posting_service": SERVICE}
    with pytest.raises(OutcomeUnknownError):
        environment.books(**settings).post_journal(payroll())
    (found,) = environment.books(**settings).find_journal(payroll())
    assert (found.lines, found.complete, found.booked) == (payroll().lines, False, False)
    assert environment.books(**settings).post_journal(payroll()).booked
    assert len(environment.journals()) == 1


def test_a_service_whose_answer_is_lost_has_posted(make_environment: MakeEnvironment) -> None:
    environment = make_environment(custom_service=SERVICE.removeprefix("/api/services/"))
    environment.fault("cut_after", method="POST", path="/api/services/.*")
    posted = environment.books(posting_mode="custom_service", posting_service=SERVICE).post_journal(payroll())
    assert (posted.booked, posted.complete) == (True, True)


def test_a_service_that_fails_leaves_the_journal_to_be_posted_later(make_environment: MakeEnvironment) -> None:
    environment = make_environment(custom_service=SERVICE.removeprefix("/api/services/"), period_check="posting")
    environment.change("close_period", period="2026-11")
    books = environment.books(posting_mode="custom_service", posting_service=SERVICE)
    with pytest.raises(OutcomeUnknownError, match="Journal 00001 is in Dynamics"):
        books.post_journal(payroll())
    (found,) = books.find_journal(payroll())
    assert (found.lines, found.complete, found.booked) == (payroll().lines, False, False)
    environment.change("close_period", period="2026-11", open=True)
    assert books.post_journal(payroll()).booked
    assert len(environment.journals()) == 1


def test_what_a_service_refuses_is_taken_back(make_environment: MakeEnvironment) -> None:
    environment = make_environment(
        custom_service=SERVICE.removeprefix("/api/services/"),
        custom_service_parameters={"company": "_company", "journal": "_journal"},
    )
    books = environment.books(posting_mode="custom_service", posting_service=SERVICE)
    with pytest.raises(RecordRejectedError, match="The parameters of"):
        books.post_journal(payroll())
    assert environment.journals() == []


def test_a_format_that_changed_since_does_not_book_to_other_dimensions(environment: Environment) -> None:
    books = environment.books()
    first = books.post_journal(payroll())
    environment.change("set_format", names=["MainAccount", "CostCenter", "Department", "BusinessUnit"])
    second = books.post_journal(payroll("MLC-B"))
    assert environment.sums(second.number) == environment.sums(first.number)
    (found,) = environment.books().find_journal(payroll())
    assert found.lines == payroll().lines


def test_a_look_up_that_fails_is_never_an_empty_one(environment: Environment) -> None:
    environment.books().post_journal(payroll())
    environment.fault("cut", method="GET", path=".*Headers.*", times=None)
    with pytest.raises(TemporaryError):
        environment.books().find_journal(payroll())


def test_a_company_this_connection_does_not_see_proves_nothing(make_environment: MakeEnvironment) -> None:
    environment = make_environment(forbidden=["LedgerJournalHeaders"])
    with pytest.raises(ConnectionConfigError, match="security role"):
        environment.books().find_journal(payroll())


def test_amounts_of_seventeen_digits_keep_every_cent(environment: Environment) -> None:
    most = "999999999999999.99"
    journal = payroll(lines=(line(WAGES, debit=most), line(NET_PAY, credit=most)))
    posted = environment.books().post_journal(journal)
    assert posted.debit == Decimal(most)
    assert environment.sums(posted.number)["601500-022-0015-"] == Decimal(most)


def test_nothing_of_a_journal_is_in_an_address_but_its_reference(environment: Environment) -> None:
    books = environment.books()
    posted = books.post_journal(payroll())
    books.find_journal(payroll())
    for request in environment.requests():
        assert "1234567.89" not in request["path"] + request["raw_query"]
        assert "Gross" not in request["path"] + request["raw_query"]
    assert replace(posted).lines == payroll().lines
