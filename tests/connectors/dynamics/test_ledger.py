"""Accounts, dimensions, structures, fiscal periods and the activity of accounts, as Dynamics shows them."""

from __future__ import annotations

import sys
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.dynamics.display import Format, main_account
from connectors.dynamics.structures import Structure, matches, takes_values
from connectors.errors import ConnectionConfigError, RecordRejectedError
from connectors.journals import PeriodState
from tests.connectors.dynamics.books import (
    DAY,
    NET_PAY,
    TAXES,
    WAGES,
    Environment,
    MakeEnvironment,
    line,
    payroll,
)


def test_books_know_their_companies_and_currencies(environment: Environment) -> None:
    books = environment.books(lines_per_journal="500")
    assert books.companies() == ("usmf", "gbsi")
    assert (books.currency(None), books.currency("GBSI"), books.max_lines) == ("USD", "GBP", 450)
    with pytest.raises(ConnectionConfigError, match="demf"):
        books.currency("demf")


def test_every_main_account_is_there_for_each_company_with_its_own_word(environment: Environment) -> None:
    environment.change("change_account", account="606300", company="gbsi", fields={"IsSuspended": "Yes"})
    environment.change("change_account", account="401100", fields={"DoNotAllowManualEntry": "Yes"})
    accounts = {(one.company, one.number): one for one in environment.books().accounts()}
    assert len(accounts) == 30
    assert {key for key, one in accounts.items() if not one.active} == {
        ("gbsi", "606300"),
        *((company, number) for company in ("usmf", "gbsi") for number in ("401100", "699999")),
    }
    salaries = accounts["usmf", "601500"]
    assert (salaries.name, salaries.category) == ("Salaries", "Expense")
    assert main_account(WAGES) == "601500"


def test_an_account_is_judged_by_its_form_and_the_active_format(environment: Environment) -> None:
    books = environment.books()
    assert [books.account_error(account) for account in (WAGES, NET_PAY, TAXES)] == ["", "", ""]
    assert "main account" in books.account_error("|Department=022")
    assert "it says 'CostCenter', not 'costcenter'" in books.account_error("601500|costcenter=0015")
    assert "Worker is not part of the active format 'MainAccount-Department-" in books.account_error("601500|Worker=1")
    assert environment.asked() == ["GET DimensionParameters", "GET DimensionIntegrationFormats"]


def test_what_a_check_learned_is_not_asked_for_again(environment: Environment) -> None:
    learned = environment.books().learned()
    asked = len(environment.asked())

    books = environment.books(learned)

    assert [books.currency(company) for company in ("usmf", "gbsi")] == ["USD", "GBP"]
    assert [books.account_error(account) for account in (WAGES, NET_PAY, TAXES)] == ["", "", ""]
    assert "Worker is not part of the active format" in books.account_error("601500|Worker=1")
    assert environment.asked()[asked:] == []


@pytest.mark.parametrize(
    ("change", "becomes"),
    [
        (("set_format", {"names": ["MainAccount", "CostCenter", "Department"]}), "MainAccount-CostCenter-Department"),
        (("set_delimiter", {"delimiter": "DoubleBar"}), "MainAccount||Department||CostCenter"),
    ],
    ids=["format", "delimiter"],
)
def test_another_format_than_the_one_learned_is_told(
    environment: Environment, change: tuple[str, dict[str, Any]], becomes: str
) -> None:
    """Until the next check, which learns it."""
    learned = environment.books().learned()
    assert environment.books(learned).format_change() == ""
    name, options = change

    environment.change(name, **options)

    told = environment.books(learned).format_change()
    assert f"Dynamics now writes accounts as {becomes}" in told
    assert "when the connection was last tested it was MainAccount-Department-CostCenter" in told
    assert environment.books(environment.books().learned()).format_change() == ""


def test_before_the_first_check_no_format_is_known(environment: Environment) -> None:
    assert "Test the connection to Dynamics first" in environment.books().format_change()


def test_the_format_of_default_dimensions_follows_the_delimiter(environment: Environment) -> None:
    environment.change("set_delimiter", delimiter="DoubleBar")
    form = environment.books().dimensions.default_format()
    assert form == Format(("Department", "CostCenter", "BusinessUnit"), "||")


@pytest.mark.parametrize("delimiter", ["Period", "Tilde", "DoubleHyphen", "DoubleUnderscore"])
def test_values_that_hold_the_delimiter_arrive_whole(make_environment: MakeEnvironment, delimiter: str) -> None:
    awkward = {"a-b.c_d|e~f": "", "--..__": "", "\\ü =": ""}
    environment = make_environment(delimiter=delimiter, dimensions={"Department": awkward, "CostCenter": ["1"]})
    segments = "MainAccount", "Department", "CostCenter"
    environment.change("set_structure", name="P&L", segments=segments, constraints=[["*"] + ['*;""'] * 2])
    lines = (
        line("601500|Department=a-b.c_d\\|e~f|CostCenter=1", debit="1"),
        line("601500|Department=--..__", debit="2"),
        line("601500|Department=\\\\ü \\=", credit="3"),
    )
    books = environment.books()
    posted = books.post_journal(payroll(lines=lines))
    assert posted.lines == lines
    (held,) = environment.journals()
    assert [one["segments"]["Department"] for one in held["lines"]] == list(awkward)
    found = books.get_journal(posted.id, None)
    assert found is not None
    assert found.lines == lines


def test_without_an_active_format_staff_learn_where_to_make_one(environment: Environment) -> None:
    environment.change("deactivate_format")
    with pytest.raises(ConnectionConfigError, match="Financial dimension configuration for integrating applications"):
        environment.books().post_journal(payroll())
    assert environment.journals() == []


def test_values_carry_each_companys_own_dates_and_suspensions(environment: Environment) -> None:
    environment.change("add_value", dimension="CostCenter", value="0099", fields={"IsBlockedForManualEntry": "Yes"})
    environment.change("change_value", dimension="CostCenter", value="0016", fields={"ActiveFrom": "2026-12-01"})
    environment.change("change_value", dimension="CostCenter", value="0017", fields={"ActiveTo": "2026-11-19"})
    environment.change("suspend_value", dimension="CostCenter", value="0015", company="gbsi")
    values = environment.books().dimensions.values
    usmf = {one.value: one.problem(DAY) for one in values("CostCenter", "usmf")}
    assert usmf == {
        "0015": "",
        "0016": "is not active on 2026-11-20",
        "0017": "is not active on 2026-11-20",
        "0099": "does not allow manual entry",
    }
    gbsi = {one.value: one.problem(DAY) for one in values("CostCenter", "gbsi")}
    assert gbsi == {**usmf, "0015": "is suspended"}


def test_a_star_in_a_value_is_no_other_value(make_environment: MakeEnvironment) -> None:
    environment = make_environment(dimensions={"Department": ["0*"], "CostCenter": ["01"]})
    problems = environment.books().dimensions.problems
    assert problems("usmf", DAY, {"Department": {"0*"}, "CostCenter": {"0*"}}) == [
        "CostCenter 0* does not exist in Dynamics for usmf."
    ]


def test_a_dimension_that_lists_no_values_is_left_to_dynamics(make_environment: MakeEnvironment) -> None:
    environment = make_environment(dimensions={"Department": {}, "CostCenter": ["1"]})
    assert environment.books().dimensions.problems("usmf", DAY, {"Department": {"7"}}) == []


def test_a_hundred_values_are_asked_for_in_five_requests_and_once(make_environment: MakeEnvironment) -> None:
    environment = make_environment(dimensions={"Department": 100})
    wanted = {"Department": {f"{number:06}" for number in range(1, 101)}}
    dimensions = environment.books().dimensions
    assert dimensions.problems("usmf", DAY, wanted) == dimensions.problems("usmf", DAY, wanted) == []
    assert environment.asked().count("GET FinancialDimensionValues") == 5


def test_a_hundred_thousand_values_are_read_in_little_memory(make_environment: MakeEnvironment) -> None:
    environment = make_environment(dimensions={"Project": 100_000}, log_requests=False)
    values = environment.books().dimensions.values("Project", "usmf")
    first = next(values)
    before, most, count = sys.getallocatedblocks(), 0, 1
    for count, _ in enumerate(values, start=2):
        if count % 5000 == 0:
            most = max(most, sys.getallocatedblocks() - before)
    assert (first.value, count) == ("000001", 100_000)
    assert most < 100_000, "fewer pieces of memory than values"


@pytest.mark.parametrize(
    ("criterion", "allowed", "refused"),
    [
        ("1*;2*", ["1", "10", "2999"], ["", "3", "31"]),
        ("510000..599999", ["510000", "555555", "599999"], ["", "509999", "600000"]),
        ("022", ["022"], ["", "0220", "22", "02"]),
        ("ABC", ["abc", "ABC"], ["AB"]),
        ('""', [""], ["0"]),
        ('*;""', ["", "0", "anything"], []),
        ("*", ["0", "anything"], [""]),
        ('4..5 ; "" ; 9?', ["4", "45", "5", "", "91"], ["9", "3", "911"]),
        ("a.c", ["a.c"], ["abc"]),
    ],
)
def test_criteria_of_account_structures(criterion: str, allowed: list[str], refused: list[str]) -> None:
    assert [value for value in allowed + refused if matches(criterion, value)] == allowed
    assert takes_values(criterion) is (criterion != '""')


@given(value=st.text(st.characters(exclude_characters=';*?."', exclude_categories=["Z", "C"]), min_size=1))
def test_a_value_matches_itself_whatever_it_holds(value: str) -> None:
    assert matches(value, value)
    assert not matches(value, value + "0")


def test_a_main_account_takes_what_its_rows_do_not_leave_blank() -> None:
    segments = ("MainAccount", "Department", "CostCenter")
    structure = Structure("P&L", segments, (("6*", "*", '""'), ("61*", '""', "*"), ("7*", "*", "*")))
    assert structure.takes("601500") == frozenset({"department"})
    assert structure.takes("615000") == frozenset({"department", "costcenter"})
    assert structure.takes("401100") is None


def test_a_structure_changed_in_dynamics_is_what_counts(environment: Environment) -> None:
    books = environment.books()
    environment.change("set_structure", name="P&L", segments=["MainAccount", "CostCenter"], constraints=[["6*", "*"]])
    with pytest.raises(RecordRejectedError, match="601500 does not take Department in usmf"):
        books.post_journal(payroll())


def test_periods_of_some_days_are_in_order_and_asked_for_once(environment: Environment) -> None:
    environment.change("close_year", company="usmf", year="2025")
    books = environment.books()
    periods = books.fiscal_periods(None, date(2025, 12, 31), date(2026, 2, 1))
    assert [(one.name, one.begin, one.end, one.state) for one in periods] == [
        ("2025 Period 12", date(2025, 12, 1), date(2025, 12, 31), PeriodState.CLOSED),
        ("2026 Period 1", date(2026, 1, 1), date(2026, 1, 31), PeriodState.OPEN),
        ("2026 Period 2", date(2026, 2, 1), date(2026, 2, 28), PeriodState.OPEN),
    ]
    assert books.fiscal_periods("gbsi", date(2025, 12, 31), date(2025, 12, 31))[0].state is PeriodState.OPEN
    books.fiscal_periods("usmf", DAY, DAY)
    assert environment.asked().count("GET FiscalPeriods") == 2


def test_a_day_in_a_closed_year_or_in_none_is_said_before_anything_is_sent(environment: Environment) -> None:
    environment.change("close_year", company="usmf", year="2026")
    with pytest.raises(RecordRejectedError, match="no open fiscal period for 2026-11-20") as refused:
        environment.books().post_journal(payroll())
    assert refused.value.field == "posting_date"
    with pytest.raises(RecordRejectedError, match="no open fiscal period for 2035-01-01"):
        environment.books().post_journal(payroll(posting_date=date(2035, 1, 1)))
    assert environment.journals() == []


def test_activity_is_what_everybody_entered_between_two_days(environment: Environment) -> None:
    books = environment.books()
    days = [date(2026, 11, 9), date(2026, 11, 10), DAY, date(2026, 11, 21)]
    numbers = [books.post_journal(payroll(f"MLC-{day}", posting_date=day)).number for day in days]
    books.post_journal(payroll("MLC-GB", company="gbsi", currency="GBP"))
    other = books.post_journal(payroll("MLC-X")).number
    offset = {"OffsetAccountDisplayValue": "601500-022-0015-", "OffsetAccountType": "Ledger", "OffsetCompany": "USMF"}
    environment.change("change_line", number=other, line=4, fields=offset)
    lines = list(books.activity(None, WAGES, date(2026, 11, 10), DAY))
    assert not any(one.credit for one in lines)
    assert sorted((one.journal, one.debit) for one in lines) == [
        (numbers[1], Decimal("1234567.89")),
        (numbers[2], Decimal("1234567.89")),
        (other, Decimal("1250.00")),
        (other, Decimal("1234567.89")),
    ]
    assert {one.account for one in lines} == {WAGES}
    assert [one.journal for one in books.activity("gbsi", "601500|CostCenter=0015|Department=022", DAY, DAY)] == [
        "00001"
    ]
    assert list(books.activity(None, "601500", DAY, DAY)) == []


def test_activity_of_an_account_that_is_none_is_refused(environment: Environment) -> None:
    with pytest.raises(RecordRejectedError, match="Worker"):
        list(environment.books().activity(None, "601500|Worker=1", DAY, DAY))
