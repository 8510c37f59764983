"""Fiscal periods, account numbers, account activity, custom fields, and what the check says about all of them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from connectors.contract import CheckResult, Finding, Level
from connectors.errors import (
    ConnectionConfigError,
    OutcomeUnknownError,
    RecordRejectedError,
    TemporaryError,
    UnexpectedReplyError,
)
from connectors.journals import ZERO, LedgerLine, PeriodState
from tests.connectors.plex.conftest import MakeCustomer, PlexCustomer, documents_only
from tests.connectors.plex.contract import CONTRACTS
from tests.connectors.plex.payroll import DAY, PAYABLE, REFERENCE, WAGES, line, payroll

FIELD = {"object": "GLJournal", "field": "External_Reference", "unique": True}
BY_FIELD = {
    "duplicate_check": "custom_field",
    "journal_custom_field_object": "GLJournal",
    "journal_custom_field": "External_Reference",
}
connect_only = pytest.mark.parametrize("contract", CONTRACTS[:1], ids=["connect"], indirect=True)


@pytest.fixture
def plant(make_customer: MakeCustomer) -> PlexCustomer:
    customer = make_customer(employees=1, journal_custom_field=FIELD)
    customer.enter("Utilities")
    return customer


def finding(result: CheckResult, entity: str) -> Finding:
    (found,) = [one for one in result.findings if one.entity == entity]
    return found


def test_periods_of_some_days_are_in_order_and_asked_for_once(plant: PlexCustomer) -> None:
    plant.change("set_period", period="10-2026", status="Closed")
    connector = plant.connector()
    periods = connector.fiscal_periods(None, date(2026, 10, 31), date(2026, 12, 1))
    assert [(one.name, one.begin, one.end, one.state) for one in periods] == [
        ("10-2026", date(2026, 10, 1), date(2026, 10, 31), PeriodState.CLOSED),
        ("11-2026", date(2026, 11, 1), date(2026, 11, 30), PeriodState.OPEN),
        ("12-2026", date(2026, 12, 1), date(2026, 12, 31), PeriodState.OPEN),
    ]
    connector.fiscal_periods(plant.pcn, DAY, DAY)
    assert sum("iscal" in request["path"] for request in plant.requests()) == 1


def test_a_plant_without_periods_is_a_missing_role(plant: PlexCustomer) -> None:
    plant.behave(role_missing=["fiscal-period-statuses"])
    with pytest.raises(ConnectionConfigError, match="no fiscal periods at all"):
        plant.connector().fiscal_periods(None, DAY, DAY)


def test_account_numbers_are_held_against_the_customers_pattern(plant: PlexCustomer) -> None:
    connector = plant.connector()
    assert connector.account_error(WAGES) == ""
    assert connector.account_error("61000-210") == (
        "'61000-210' is not an account number of this Plex connection: by the account number pattern in its settings "
        "one consists of base, cost center, sub."
    )
    assert plant.connector(account_number_pattern=r"(?P<base>\d+)").account_error(WAGES)


def test_activity_is_what_everybody_posted_between_two_days(plant: PlexCustomer) -> None:
    connector = plant.connector()
    days = [date(2026, 11, 9), date(2026, 11, 10), DAY, date(2026, 11, 21)]
    numbers = [connector.post_journal(payroll(f"run:{day}", company=None, posting_date=day)).number for day in days]
    plant.enter("By hand", postDate="2026-11-15T00:00:00.0000000Z", amount="0.30")
    lines = list(connector.activity(None, WAGES, date(2026, 11, 10), DAY))
    assert sorted((one.posting_date, one.debit) for one in lines) == [
        (date(2026, 11, 10), Decimal("0.10")),
        (date(2026, 11, 10), Decimal("1234567.89")),
        (date(2026, 11, 15), Decimal("0.30")),
        (DAY, Decimal("0.10")),
        (DAY, Decimal("1234567.89")),
    ]
    assert {(one.account, one.credit) for one in lines} == {(WAGES, ZERO)}
    assert {one.journal for one in lines if one.debit != Decimal("0.30")} == {numbers[1], numbers[2]}
    assert list(connector.activity(None, PAYABLE, DAY, DAY)) == [
        LedgerLine(
            account=PAYABLE,
            journal=numbers[2],
            posting_date=DAY,
            description="Gross wages",
            credit=Decimal("1233317.99"),
        )
    ]
    charts = [request for request in plant.requests() if request["path"].endswith(("chart-of-accounts", "GL_Account"))]
    assert len(charts) == 1


@pytest.mark.parametrize("no_data_404", [True, False])
def test_an_account_without_activity_has_none(plant: PlexCustomer, no_data_404: bool) -> None:
    plant.behave(no_data_404=no_data_404)
    assert list(plant.connector().activity(None, "10120-000-0000", DAY, DAY)) == []


def test_activity_of_an_account_plex_does_not_have_is_refused(plant: PlexCustomer) -> None:
    with pytest.raises(RecordRejectedError, match="no account 1-2-3"):
        list(plant.connector().activity(None, "1-2-3", DAY, DAY))


def test_activity_of_another_account_or_day_is_not_taken_for_an_answer(plant: PlexCustomer) -> None:
    row = {"accountNumber": WAGES, "debit": 5, "journalNumber": 7, "transactionDate": "2026-11-20T00:00:00Z"}
    path = ".*/(general-ledger-activity/.*|GL_Activity)"
    rows = [row, row | {"transactionDate": "2026-10-20T00:00:00Z"}]
    plant.fault("status", method="GET", path=path, status_code=200, body=rows)
    (only,) = plant.connector().activity(None, WAGES, DAY, DAY)
    assert (only.journal, only.debit, only.credit) == ("7", Decimal(5), ZERO)
    plant.fault("status", method="GET", path=path, status_code=200, body=[row | {"accountNumber": PAYABLE}])
    with pytest.raises(UnexpectedReplyError, match="another account"):
        list(plant.connector().activity(None, WAGES, DAY, DAY))


def test_activity_that_breaks_off_is_an_error(plant: PlexCustomer) -> None:
    plant.fault("truncate", method="GET", path=".*/(general-ledger-activity/.*|GL_Activity)", times=None)
    with pytest.raises(TemporaryError):
        list(plant.connector().activity(None, WAGES, date(2026, 1, 1), DAY))


# Custom fields


@connect_only
def test_a_custom_field_finds_a_journal_whose_texts_are_gone(plant: PlexCustomer) -> None:
    connector = plant.connector(settings=BY_FIELD)
    posted = connector.post_journal(payroll(company=None))
    assert connector.find_journal(payroll(company=None)) == [posted]
    gone = {"description": "x", "note": None, "postDate": "2026-01-05T00:00:00.0000000Z"}
    plant.change("change_journal", journalNumber=int(posted.number), fields=gone)
    (found,) = connector.find_journal(payroll(company=None))
    assert (found.id, found.reference) == (posted.id, REFERENCE)
    assert plant.connector().find_journal(payroll(company=None)) == [], "the texts alone would not have found it"
    assert connector.find_journal(payroll("rippling:8812:300101:2", company=None)) == []


@connect_only
def test_a_second_journal_with_the_reference_is_noticed_by_the_field(plant: PlexCustomer) -> None:
    connector = plant.connector(settings=BY_FIELD)
    connector.post_journal(payroll(company=None))
    with pytest.raises(OutcomeUnknownError, match="custom field"):
        connector.post_journal(payroll(company=None))
    assert len(connector.find_journal(payroll(company=None))) == 2


@connect_only
@pytest.mark.parametrize("path", [".*/ids-to-keys", ".*/field-values/save"])
@pytest.mark.parametrize("status", [400, 401, 500])
def test_a_field_that_cannot_be_saved_leaves_a_journal_that_is_found(
    plant: PlexCustomer, path: str, status: int
) -> None:
    plant.fault("status", method="POST", path=path, status_code=status, times=None)
    connector = plant.connector(settings=BY_FIELD)
    with pytest.raises(OutcomeUnknownError, match=r"took journal 2.*looked up"):
        connector.post_journal(payroll(company=None))
    plant.heal()
    assert [one.number for one in connector.find_journal(payroll(company=None))] == ["2"]


@connect_only
@pytest.mark.parametrize("path", [".*/field-values/search", ".*/keys-to-ids"])
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"kind": "cut"}, TemporaryError),
        ({"kind": "status", "status_code": 500}, TemporaryError),
        ({"kind": "html"}, UnexpectedReplyError),
        ({"kind": "status", "status_code": 400}, UnexpectedReplyError),
        ({"kind": "status", "status_code": 200, "body": [{"customFields": {}}]}, UnexpectedReplyError),
        ({"kind": "status", "status_code": 200, "body": {"recordIdentifiers": []}}, UnexpectedReplyError),
    ],
)
def test_a_question_by_field_that_fails_is_never_a_no(
    plant: PlexCustomer, path: str, answer: dict[str, Any], error: type[Exception]
) -> None:
    connector = plant.connector(settings=BY_FIELD)
    connector.post_journal(payroll(company=None))
    plant.fault(method="POST", path=path, times=None, **answer)
    with pytest.raises(error):
        connector.find_journal(payroll(company=None))


@connect_only
def test_a_search_that_ignores_its_filter_claims_no_stranger(plant: PlexCustomer) -> None:
    row = {"standardObjectName": "GLJournal", "recordIdentifiers": {"Journal_Link": 1}}
    rows = [row | {"customFields": {"external_reference": value}} for value in (None, "other", REFERENCE + "0")]
    plant.fault("status", method="POST", path=".*/search", status_code=200, body=rows)
    assert plant.connector(settings=BY_FIELD).find_journal(payroll(company=None)) == []


@documents_only
def test_the_cloud_api_has_no_custom_fields(plant: PlexCustomer) -> None:
    with pytest.raises(ConnectionConfigError, match="Only the Connect API"):
        plant.connector(settings=BY_FIELD)


@connect_only
@pytest.mark.parametrize("missing", ["journal_custom_field_object", "journal_custom_field"])
def test_a_custom_field_needs_its_names(plant: PlexCustomer, missing: str) -> None:
    with pytest.raises(ConnectionConfigError, match="is missing"):
        plant.connector(settings=BY_FIELD | {missing: ""})


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"base_currency": "dollars"}, "three capital letters"),
        ({"journal_max_lines": "many"}, "at least 2"),
        ({"journal_max_lines": "1"}, "at least 2"),
        ({"duplicate_check": "data_source"}, "none of"),
    ],
)
def test_settings_that_cannot_work_are_said_at_once(
    plant: PlexCustomer, settings: dict[str, str], sentence: str
) -> None:
    with pytest.raises(ConnectionConfigError, match=sentence):
        plant.connector(settings=settings)


# The check


def test_the_check_says_that_journals_can_be_read_and_posts_none(plant: PlexCustomer) -> None:
    before = plant.snapshot()["plants"]
    result = plant.connector().check()
    assert result.ok
    assert "1 journals" in finding(result, "journals").sentence
    assert "status Posted" in finding(result, "journal status").sentence
    assert finding(result, "account activity").level is Level.OK
    assert plant.snapshot()["plants"] == before


def test_a_status_that_is_missing_or_unknown_is_a_warning_with_those_there_are(plant: PlexCustomer) -> None:
    for status in ("", "Aproved"):
        found = finding(plant.connector(journal_status=status).check(), "journal status")
        assert (found.level, found.affects) == (Level.WARNING, ("payroll",))
        assert found.sentence.endswith(": Posted.")


def test_books_without_a_journal_are_a_warning(make_customer: MakeCustomer) -> None:
    customer = make_customer(employees=1)
    found = finding(customer.connector().check(), "journals")
    assert (found.level, found.access, found.affects) == (Level.WARNING, "empty", ("payroll",))
    assert "role" in found.sentence
    fresh = finding(customer.connector(may_be_empty="yes").check(), "journals")
    assert (fresh.level, "role" in fresh.sentence) == (Level.WARNING, False)


@pytest.mark.parametrize(
    ("product", "entity"), [("journal-entries", "journals"), ("general-ledger-activity", "account activity")]
)
def test_what_payroll_may_not_see_affects_payroll_only(plant: PlexCustomer, product: str, entity: str) -> None:
    plant.behave(forbidden=[product])
    found = finding(plant.connector().check(), entity)
    assert (found.level, found.access, found.affects) == (Level.FAILED, "forbidden", ("payroll",))


@connect_only
@pytest.mark.parametrize(
    ("settings", "unique", "level", "said"),
    [
        ({}, True, Level.OK, "which is unique"),
        ({"journal_custom_field": "external_reference"}, True, Level.OK, "which is unique"),
        ({}, False, Level.WARNING, "not seem to be unique"),
        ({"journal_custom_field": "Reference"}, True, Level.FAILED, "no custom field Reference"),
        ({"journal_custom_field_object": "Journal"}, True, Level.FAILED, "GLJournal, GLJournalDist"),
    ],
)
def test_the_check_looks_at_the_custom_field(
    plant: PlexCustomer, settings: dict[str, str], unique: bool, level: Level, said: str
) -> None:
    plant.behave(journal_custom_field=FIELD | {"unique": unique})
    found = finding(plant.connector(settings=BY_FIELD | settings).check(), "custom field")
    assert found.level is level, found.sentence
    assert said in found.sentence


def test_only_those_who_ask_for_a_custom_field_hear_of_it(plant: PlexCustomer) -> None:
    assert "custom field" not in {one.entity for one in plant.connector().check().findings}


def test_a_line_has_one_side(plant: PlexCustomer) -> None:
    journal = payroll(company=None, lines=(line(WAGES, debit="7"), line(PAYABLE, credit="7")))
    plant.connector().post_journal(journal)
    (body,) = [request["body"] for request in plant.requests() if "7.00" in request["body"]]
    assert (body.lower().count('"debit"'), body.lower().count('"credit"')) == (1, 1)
