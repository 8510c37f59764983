"""Journals that were interrupted, refused or kept waiting: never written twice, never left in part without a word."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from connectors.errors import (
    OutcomeUnknownError,
    RecordRejectedError,
)
from tests.connectors.dynamics.books import (
    DAY,
    HASH,
    Environment,
    MakeEnvironment,
    long_payroll,
    payroll,
)

BATCH = {"method": "POST", "path": r".*/data/\$batch"}
HEADER = {"method": "POST", "path": ".*/data/LedgerJournalHeaders"}
SERVICE = "/api/services/MLPosting/Journals/post"


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
    assert all(sum(amounts) == 0 for amounts in environment.vouchers().values())


PART_CHANGES: dict[str, tuple[str, dict[str, Any]]] = {
    "a lower amount": ("change_line", {"line": 1, "fields": {"DebitAmount": "0.50"}}),
    "a deleted line": ("delete_line", {"line": 1}),
    "a line of somebody's": ("add_line", {"fields": {"CreditAmount": "0.01", "Text": "entered by finance"}}),
    "another currency": ("change_line", {"line": 1, "fields": {"CurrencyCode": "EUR"}}),
}


@pytest.mark.parametrize("how", PART_CHANGES)
def test_a_part_that_somebody_changed_is_shown_as_it_is_and_not_completed(environment: Environment, how: str) -> None:
    journal, (change, fields) = long_payroll(120), PART_CHANGES[how]
    environment.fault("cut", skip=1, **BATCH)
    with pytest.raises(OutcomeUnknownError):
        environment.books().post_journal(journal)
    (part,) = environment.journals()
    environment.change(change, number=part["number"], **fields)
    before = environment.journals()
    (found,) = environment.books().find_journal(journal)
    assert found.complete
    assert found.debit == sum(Decimal(one["debit"]) for one in before[0]["lines"])
    assert environment.books().post_journal(journal) == found
    assert environment.journals() == before


def test_lines_in_vouchers_of_another_size_are_for_a_person(environment: Environment) -> None:
    journal = long_payroll(60)
    environment.fault("cut", skip=1, **BATCH)
    with pytest.raises(OutcomeUnknownError):
        environment.books(lines_per_voucher="4").post_journal(journal)
    before = environment.journals()
    (found,) = environment.books(lines_per_voucher="10").find_journal(journal)
    assert found.complete
    assert environment.books(lines_per_voucher="10").post_journal(journal) == found
    assert environment.journals() == before
    assert environment.books(lines_per_voucher="4").post_journal(journal).lines == journal.lines


def test_what_a_refusal_takes_back_in_part_is_completed_all_the_same(environment: Environment) -> None:
    """Taking back breaks off too: what it leaves are whole groups."""
    journal = long_payroll(120)
    environment.change("fault_in_batch", status=400, skip=11, message="The combination 601500 is not valid.")
    environment.fault("cut", skip=3, **BATCH)
    books = environment.books(lines_per_voucher="8")
    with pytest.raises(OutcomeUnknownError, match="may not be whole"):
        books.post_journal(journal)
    (left,) = environment.journals()
    assert 0 < len(left["lines"]) < 88
    (found,) = books.find_journal(journal)
    assert not found.complete
    posted = books.post_journal(journal)
    assert environment.sums(posted.number) == {"601500-022-0015-": journal.debit, "201100---001": -journal.debit}


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
    assert all(sum(amounts) == 0 for amounts in environment.vouchers().values())


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


@pytest.mark.parametrize("sequence", ["journal_number_sequence", "voucher_number_sequence"])
def test_a_missing_number_sequence_is_said_with_its_place(make_environment: MakeEnvironment, sequence: str) -> None:
    environment = make_environment(**{sequence: False})
    with pytest.raises(RecordRejectedError, match="General ledger parameters > Number sequences"):
        environment.books().post_journal(payroll())
    assert environment.journals() == []


def test_a_journal_that_somebody_has_open_is_left_and_completed_once_it_is_closed(environment: Environment) -> None:
    journal = long_payroll(120)
    environment.fault("cut", skip=1, **BATCH)
    with pytest.raises(OutcomeUnknownError):
        environment.books().post_journal(journal)
    (part,) = environment.journals()
    environment.change("lock_journal", number=part["number"])
    environment.forget_requests()
    with pytest.raises(OutcomeUnknownError, match=r"00001 is in Dynamics.*Somebody has the journal open.*closed there"):
        environment.books().post_journal(journal)
    assert environment.asked().count("POST $batch") == 1, "nothing is tried to be taken back"
    assert environment.journals() == [part]
    environment.change("lock_journal", number=part["number"], user="")
    assert environment.books().post_journal(journal).lines == journal.lines
    assert len(environment.journals()) == 1


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
