"""Journals in Dynamics: written once, found again, and left alone when they are a person's."""

from __future__ import annotations

from collections import Counter
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
    line,
    long_payroll,
    payroll,
)


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
    found = environment.vouchers()
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


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"CurrencyCode": "EUR"}, "lines of it are in another currency"),
        ({"Company": "GBSI"}, "lines of it are another company's"),
        ({"TransDate": "2026-10-15"}, "lines of it are on another day"),
    ],
)
def test_lines_a_person_moved_elsewhere_are_another_journal(
    environment: Environment, fields: dict[str, str], why: str
) -> None:
    """Accounts and amounts are as they were; found by number alone it is another one too."""
    books = environment.books()
    posted = books.post_journal(payroll())
    assert posted.departure(payroll()) == ""
    for number in range(1, 5):
        environment.change("change_line", number=posted.number, line=number, fields=fields)
    (found,) = books.find_journal(payroll())
    assert (found.lines, found.departure(payroll())) == (payroll().lines, why)
    held = books.get_journal(posted.id, "usmf")
    assert held is not None
    assert held.departure(payroll())


def test_a_journal_somebody_deleted_is_gone(environment: Environment) -> None:
    books = environment.books()
    posted = books.post_journal(payroll())
    environment.change("delete_journal", number=posted.number)
    assert books.get_journal(posted.id, "usmf") is None
    assert books.find_journal(payroll()) == []
    assert books.get_journal("nothing of the kind", "gbsi") is None


def test_a_journal_whose_reference_somebody_removed_is_found_by_its_number(environment: Environment) -> None:
    """With our lines as they are ours: spelled our way, and those that are alike each by itself."""
    own = "601500|costcenter=0015|Department=022"
    lines = (*(line(own, debit="5") for _ in range(3)), *(line(NET_PAY, credit="5") for _ in range(3)))
    journal = payroll(lines=lines)
    books = environment.books(lines_per_voucher="2")
    posted = books.post_journal(journal)
    environment.change("change_journal", number=posted.number, fields={"Description": "Payroll November"})
    assert books.find_journal(journal) == []
    (found,) = books.find_journal(replace(journal, id=posted.id))
    assert (found.lines, found.departure(journal), found.complete) == (lines, "", True)
    books.post_journal(replace(journal, id=posted.id))
    assert len(environment.journals()) == 1


def test_a_journal_is_read_back_where_its_name_takes_no_more(environment: Environment) -> None:
    posted = environment.books().post_journal(payroll())
    environment.change("change_journal_name", name="PAYJRN", fields={"NewVoucher": "Manually"})
    assert list(environment.books().find_journal(payroll())) == [posted]
    assert list(environment.books(journal_name="").find_journal(payroll())) == [posted]


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
