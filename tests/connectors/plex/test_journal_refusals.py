"""Why Plex took no journal: said so that somebody can mend it, and without what the lines say."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from connectors.errors import (
    ConnectionConfigError,
    ConnectorError,
    OutcomeUnknownError,
    RateLimitedError,
    RecordRejectedError,
    UnexpectedReplyError,
)
from connectors.journals import PeriodState
from tests.connectors.plex.conftest import MakeCustomer, PlexCustomer
from tests.connectors.plex.payroll import DAY, PAYABLE, TAXES, WAGES, line, payroll

POST = {"method": "POST", "path": ".*/(journal-entries|Journal_Entry)"}


@pytest.fixture
def plant(make_customer: MakeCustomer) -> PlexCustomer:
    return make_customer(employees=1)


def refused(plant: PlexCustomer, settings: dict[str, str] | None = None, **fields: Any) -> RecordRejectedError:
    """The error for this journal, of which nothing is on the books afterwards."""
    with pytest.raises(RecordRejectedError) as caught:
        plant.connector(settings=settings or {}).post_journal(payroll(company=None, **fields))
    assert plant.journals() == []
    return caught.value


@pytest.mark.parametrize(
    ("status", "state", "said"),
    [("Closed", PeriodState.CLOSED, "period is closed"), ("Soft Closed", PeriodState.SOFT_CLOSED, "special right")],
)
def test_a_period_that_takes_no_journals_is_shown_and_named(
    plant: PlexCustomer, status: str, state: PeriodState, said: str
) -> None:
    plant.change("set_period", period="11-2026", status=status)
    (period,) = plant.connector().fiscal_periods(None, DAY, DAY)
    assert (period.name, period.state) == ("11-2026", state)
    error = refused(plant)
    assert said in error.sentence
    assert error.field == "posting_date"


def test_a_soft_closed_period_takes_journals_from_those_who_may(make_customer: MakeCustomer) -> None:
    customer = make_customer(employees=1, may_post_soft_closed=True)
    customer.change("set_period", period="11-2026", status="Soft Closed")
    assert customer.connector().post_journal(payroll(company=None)).period == "11-2026"


def test_a_date_without_a_period_is_refused_before_anything_is_sent(plant: PlexCustomer) -> None:
    error = refused(plant, posting_date=date(2061, 1, 1))
    assert "no fiscal period for 2061-01-01" in error.sentence
    assert not [request for request in plant.requests() if request["body"] and "ines" in request["body"]]


def test_accounts_that_are_inactive_or_unknown_are_named(plant: PlexCustomer) -> None:
    plant.change("deactivate_account", accountNumber=TAXES)
    error = refused(plant)
    assert f"not active in Plex: {TAXES}." in error.sentence
    assert error.field == "account"
    plant.change("activate_account", accountNumber=TAXES)
    error = refused(plant, lines=(line(WAGES, debit="5"), line("99999-000-0000", credit="5")))
    assert "does not accept an account: 99999-000-0000." in error.sentence


def test_a_status_plex_does_not_know_is_a_matter_of_the_settings(plant: PlexCustomer) -> None:
    assert "Correct 'Journal status'" in refused(plant, {"journal_status": "Aproved"}).sentence


def test_a_currency_plex_does_not_have_is_a_matter_of_the_settings(plant: PlexCustomer) -> None:
    error = refused(plant, {"base_currency": "EUR"}, currency="EUR")
    assert "Correct 'Currency of the books'" in error.sentence


def test_a_journal_that_is_too_long_says_which_setting_helps(make_customer: MakeCustomer) -> None:
    customer = make_customer(employees=1, max_journal_lines=3)
    assert "Lower 'Lines per journal'" in refused(customer).sentence


@pytest.mark.parametrize(
    "lines",
    [
        (line(WAGES, debit="5"), line(PAYABLE, credit="4.99")),
        (line(WAGES, debit="5.005"), line(PAYABLE, credit="5.005")),
        (line(WAGES, debit="-5"), line(PAYABLE, credit="-5")),
        (line(WAGES), line(PAYABLE)),
    ],
    ids=["unbalanced", "mills", "negative", "zero"],
)
def test_what_plex_refuses_is_said_in_its_words(plant: PlexCustomer, lines: tuple[object, ...]) -> None:
    assert "Plex refused this journal" in refused(plant, lines=lines).sentence


def test_what_the_lines_say_comes_back_in_no_error(plant: PlexCustomer) -> None:
    message = "Line 'Zoë O'Neil base pay' of 4321.55 on account 61000-210-0100 was refused; zoe@example.com"
    plant.fault("status", status_code=400, body={"code": "X", "message": "", "errors": [{"message": message}]}, **POST)
    lines = (line(WAGES, "Zoë O'Neil base pay", debit="4321.55"), line(PAYABLE, credit="4321.55"))
    error = refused(plant, lines=lines)
    assert WAGES in error.sentence
    for private in ("Neil", "4321", "example.com"):
        assert private not in error.sentence + error.detail


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (400, "<html>bad</html>", RecordRejectedError, "no reason was given"),
        (400, {"code": "REQUEST_MALFORMED"}, RecordRejectedError, "no reason was given"),
        (409, {"message": "conflict"}, RecordRejectedError, "conflict"),
        (413, "", RecordRejectedError, "refused this journal"),
        (403, {"message": "no"}, ConnectionConfigError, "create journal entries"),
        (404, {}, ConnectionConfigError, "Check the address"),
        (401, {}, ConnectionConfigError, "credentials"),
        (408, {}, OutcomeUnknownError, "looked up"),
        (302, {}, OutcomeUnknownError, "looked up"),
        (502, "<html>oops</html>", OutcomeUnknownError, "looked up"),
    ],
)
def test_each_status_means_one_thing(
    plant: PlexCustomer, status: int, body: object, kind: type[ConnectorError], said: str
) -> None:
    plant.fault("status", status_code=status, body=body, times=None, **POST)
    with pytest.raises(kind, match=said):
        plant.connector().post_journal(payroll(company=None))
    assert plant.journals() == []


def test_a_plex_that_only_says_wait_never_got_the_journal(plant: PlexCustomer) -> None:
    plant.fault("status", status_code=429, headers={"Retry-After": "600"}, times=None, **POST)
    with pytest.raises(RateLimitedError):
        plant.connector().post_journal(payroll(company=None))
    assert plant.journals() == []


def test_a_period_status_nobody_knows_stops_the_post(plant: PlexCustomer) -> None:
    row = {"periodDisplay": "11-2026", "beginDate": "2026-11-01T00:00:00Z", "endDate": "2026-11-30T00:00:00Z"}
    rows = [row | {"periodStatus": "Frozen"}]
    plant.fault("status", method="GET", path=".*/(fiscal|Fiscal).*", status_code=200, body=rows)
    with pytest.raises(UnexpectedReplyError, match="Frozen"):
        plant.connector().post_journal(payroll(company=None))
    assert plant.journals() == []
