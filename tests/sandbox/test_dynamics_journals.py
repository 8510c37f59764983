"""Journals end to end: numbers, lines, vouchers, totals, posting (dynamics §4)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.dynamics_world import HEADERS, LINES, Dynamics, line, said, start
from tests.sandbox.plex_world import Clock

FIRST = "(dataAreaId='usmf',JournalBatchNumber='00001')"
FIRST_LINE = "LedgerJournalLines(dataAreaId='usmf',JournalBatchNumber='00001',LineNumber=1)"


def refused(answer: Any, reason: str, status: int = 400) -> None:
    assert answer.status_code == status, answer.text
    assert reason in said(answer)[1], said(answer)[1]


def balanced(dynamics: Dynamics, number: str, amount: str = "100.00") -> None:
    assert dynamics.line(number, "601500-022-0015", debit=amount).status_code == 201
    assert dynamics.line(number, "201100", credit=amount).status_code == 201


def test_a_journal_from_its_header_to_the_ledger() -> None:
    dynamics = Dynamics()
    number = dynamics.header(Description="Payroll 2026-06", IntegrationKey="run-4711")

    first = dynamics.line(number, "601500-022-0015", debit="1200.10", Text="PAY 2026-06 wages")
    second = dynamics.line(number, "201100", credit="1200.10")

    assert (first.status_code, second.status_code) == (201, 201)
    shown = first.json()
    assert shown["@odata.etag"] == first.headers["etag"]
    assert '"DebitAmount":1200.10,' in first.text
    assert (shown["LineNumber"], shown["Voucher"], shown["ExchRate"]) == (1, "PAYV000001", 100)
    assert (shown["dataAreaId"], shown["Company"]) == ("usmf", "USMF")
    assert shown["TransDate"] == "2026-06-15T12:00:00Z"
    assert shown["AccountDisplayValue"] == "601500-022-0015-"
    assert dynamics.change("post_journals") == {"posted": ["00001"], "refused": {}}
    header = dynamics.get(f"{HEADERS}{FIRST}").json()
    assert (header["IsPosted"], header["JournalTotalDebit"], header["JournalTotalCredit"]) == ("Yes", 1200.1, 1200.1)
    kept = dynamics.journal(number)
    assert (kept["company"], kept["posted"], kept["debit"], kept["integration_key"]) == (
        "usmf",
        True,
        "1200.10",
        "run-4711",
    )
    assert [(one["number"], one["voucher"], one["debit"], one["credit"]) for one in kept["lines"]] == [
        (1, "PAYV000001", "1200.10", "0"),
        (2, "PAYV000001", "0", "1200.10"),
    ]
    assert kept["lines"][0]["segments"] == {"MainAccount": "601500", "Department": "022", "CostCenter": "0015"}


@pytest.mark.parametrize("field", ["JournalBatchNumber", "IsPosted", "PostingLayer", "JournalTotalDebit"])
def test_what_the_server_gives_a_header_is_not_taken(field: str) -> None:
    values = {"JournalBatchNumber": "X1", "IsPosted": "No", "PostingLayer": "Current", "JournalTotalDebit": 0}
    body = {"dataAreaId": "usmf", "JournalName": "PAYJRN", field: values[field]}
    dynamics = Dynamics()
    refused(dynamics.post(HEADERS, **body), f"Insert not allowed for field '{field}'")
    assert dynamics.snapshot()["journals"] == []


def test_headers_that_are_refused() -> None:
    dynamics = Dynamics()
    refused(dynamics.post(HEADERS, dataAreaId="usmf"), "must be filled in")
    refused(dynamics.post(HEADERS, dataAreaId="usmf", JournalName="NONE"), "is not found in the related table")
    refused(dynamics.post(HEADERS, dataAreaId="usmf", JournalName="VENDPAY"), "is not found in the related table")
    refused(dynamics.post(HEADERS, dataAreaId="none", JournalName="PAYJRN"), "Company none does not exist")
    refused(dynamics.post(HEADERS, JournalName="PAYJRN", Name="x"), "The property 'Name' does not exist on type")
    refused(dynamics.post(HEADERS, JournalName="PAYJRN", Description="x" * 61), "longer than 60")
    refused(dynamics.post(HEADERS, JournalName=5), "Edm.String")
    dynamics.change("set_options", journal_number_sequence=False)
    refused(dynamics.post(HEADERS, JournalName="PAYJRN"), "A number sequence reference is missing")
    dynamics.change("set_options", journal_number_sequence=True, integration_key="not_writable")
    refused(dynamics.post(HEADERS, JournalName="PAYJRN", IntegrationKey="k"), "field 'IntegrationKey'")
    dynamics.change("set_options", integration_key="not_filterable")
    refused(dynamics.get(f"{HEADERS}?$filter=IntegrationKey%20eq%20'k'"), "cannot be used in the $filter")
    assert dynamics.snapshot()["journals"] == []


def test_the_body_says_the_company_and_numbers_are_each_companys_own() -> None:
    dynamics = Dynamics()
    answers = [dynamics.post(HEADERS, JournalName="PAYJRN", **more) for more in ({}, {"dataAreaId": "DEMF"})]
    assert [(a.json()["dataAreaId"], a.json()["JournalBatchNumber"]) for a in answers] == [
        ("usmf", "00001"),
        ("demf", "00001"),
    ]
    assert answers[1].json()["AccountingCurrency"] == "EUR"
    dynamics.change("set_options", post_needs_cross_company=True)
    refused(dynamics.post(HEADERS, dataAreaId="demf", JournalName="PAYJRN"), "cross-company")
    again = dynamics.post(f"{HEADERS}?cross-company=true", dataAreaId="demf", JournalName="PAYJRN")
    assert again.status_code == 201
    other = "(dataAreaId='demf',JournalBatchNumber='00001')"
    assert dynamics.patch(f"{HEADERS}{other}", Description="new").status_code == 404
    assert dynamics.patch(f"{HEADERS}{other}?cross-company=true", Description="new").status_code == 204


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"LineNumber": 1}, "Insert not allowed for field 'LineNumber'"),
        ({"JournalBatchNumber": "00077"}, "'Journal batch number' is not found"),
        ({"TransDate": "2026-06-15"}, "Edm.DateTimeOffset"),
        ({"TransDate": "2031-06-15T12:00:00Z"}, "Fiscal period for 06/15/2031 does not exist"),
        ({"CurrencyCode": "XXX"}, "field 'Currency' is not found"),
        ({"CurrencyCode": "EUR"}, "There is no exchange rate"),
        ({"AccountType": "Ledgers"}, "LedgerJournalACType"),
        ({"AccountType": "Bank"}, "transaction type Bank does not exist"),
        ({"AccountDisplayValue": ""}, "Field 'Account' must be filled in"),
        ({"AccountDisplayValue": "999999"}, "field 'Main account' is not found"),
        ({"AccountDisplayValue": "699999"}, "total account"),
        ({"AccountDisplayValue": "601500-099"}, "The value 099 for dimension Department does not exist"),
        ({"AccountDisplayValue": "601500-0015-022"}, "The value 0015 for dimension Department does not exist"),
        ({"AccountDisplayValue": "601500-022-0015-001-x"}, "number of segments"),
        ({"AccountDisplayValue": "201100-022"}, "Department is not part of account structure Balance sheet"),
        ({"DebitAmount": 0}, "Debit or credit must be filled in"),
        ({"DebitAmount": 1, "CreditAmount": 1}, "cannot both be filled in"),
        ({"DebitAmount": "100.00"}, "Edm.Decimal"),
        ({"Amount": 5}, "The property 'Amount' does not exist on type"),
        ({"Voucher": "V" * 21}, "longer than 20"),
    ],
)
def test_lines_that_are_refused(more: dict[str, Any], reason: str) -> None:
    dynamics = Dynamics()
    number = dynamics.header()
    refused(dynamics.post(LINES, **line(number, "601500", debit="5") | more), reason)
    assert dynamics.journal(number)["lines"] == []


def test_the_infolog_names_every_fault_in_the_words_of_x() -> None:
    dynamics = Dynamics()
    answer = dynamics.line(dynamics.header(), "601500-099", CurrencyCode="XXX")
    error = answer.json()["error"]
    assert error["message"] == "An error has occurred."
    inner = error["innererror"]["message"]
    assert inner.startswith("Write failed for table row of type 'LedgerJournalLineEntity'. Infolog: Warning: Debit or")
    assert inner.count("Warning:") == 4
    assert inner.endswith("validateWrite failed on data source 'LedgerJournalLineEntity (LedgerJournalLineEntity)'.")
    dynamics.change("set_options", refusal_status=500)
    assert dynamics.line("00001", "699999", debit="1").status_code == 500


def test_midnight_sent_for_a_day_is_the_day_before_where_the_service_user_lives() -> None:
    dynamics = Dynamics()
    shown = dynamics.line(dynamics.header(), "601500", debit="5", TransDate="2026-06-15T00:00:00Z").json()
    assert shown["TransDate"] == "2026-06-14T12:00:00Z"


def test_dimensions_told_apart_from_a_ledger_account_are_dropped_without_a_word() -> None:
    dynamics = Dynamics()
    answer = dynamics.line(dynamics.header(), "601500", debit="5", DefaultDimensionDisplayValue="022--")
    assert (answer.status_code, answer.json()["DefaultDimensionDisplayValue"]) == (201, "")


def test_a_rate_is_for_a_hundred_units() -> None:
    dynamics = Dynamics()
    number = dynamics.header()
    dynamics.line(number, "601500", debit="50.00", CurrencyCode="EUR", ExchRate=1)
    dynamics.line(number, "601500", debit="50.00", CurrencyCode="EUR", ExchRate=110)
    assert dynamics.journal(number)["debit"] == "55.50"


def test_a_voucher_lasts_until_debits_are_credits() -> None:
    dynamics = Dynamics()
    number = dynamics.header()
    for account, debit, credit, more in [
        ("601500", "60", "0", {}),
        ("601510", "40", "0", {}),
        ("201100", "0", "100", {}),
        ("602100", "7", "0", {"OffsetAccountDisplayValue": "201200"}),
        ("601500", "5", "0", {}),
        ("601510", "0", "3", {"Voucher": "MINE-1"}),
    ]:
        assert dynamics.line(number, account, debit, credit, **more).status_code == 201
    assert [one["voucher"] for one in dynamics.journal(number)["lines"]] == [
        "PAYV000001",
        "PAYV000001",
        "PAYV000001",
        "PAYV000002",
        "PAYV000003",
        "MINE-1",
    ]


def test_the_posting_job_leaves_what_does_not_balance_voucher_by_voucher() -> None:
    """The whole journal balances, but its vouchers were interleaved."""
    dynamics = Dynamics()
    number, good = dynamics.header(), dynamics.header()
    dynamics.line(number, "601500", debit="60", Voucher="A")
    dynamics.line(number, "201100", credit="60", Voucher="B")
    balanced(dynamics, good)
    empty = dynamics.header()
    outcome = dynamics.change("post_journals")
    assert outcome["posted"] == [good]
    assert outcome["refused"] == {
        number: ["The transactions on voucher A do not balance.", "The transactions on voucher B do not balance."],
        empty: [f"Journal {empty} has no lines."],
    }
    assert not dynamics.journal(number)["posted"]


def test_a_voucher_has_one_date() -> None:
    dynamics = Dynamics()
    number = dynamics.header()
    dynamics.line(number, "601500", debit="60")
    dynamics.line(number, "201100", credit="60", TransDate="2026-06-16T12:00:00Z")
    assert "do not have the same date" in str(dynamics.change("post_journals")["refused"])


def test_journal_names_rule_their_vouchers() -> None:
    dynamics = Dynamics()
    one, own, late, none = (dynamics.header(name) for name in ("GENJRN", "MANJRN", "ALLJRN", "NOSERIES"))
    balanced(dynamics, one)
    balanced(dynamics, one)
    assert {row["voucher"] for row in dynamics.journal(one)["lines"]} == {"GENV000001"}
    refused(dynamics.line(own, "601500", debit="1"), "Field 'Voucher' must be filled in")
    refused(dynamics.line(none, "601500", debit="1"), "A number sequence reference is missing")
    for account, debit, credit in (("601500", "9", "0"), ("201100", "0", "9")):
        assert dynamics.line(late, account, debit, credit, Voucher="T1").status_code == 201
    assert dynamics.change("post_journals", number=late) == {"posted": [late], "refused": {}}
    assert {row["voucher"] for row in dynamics.journal(late)["lines"]} == {"ALLV000001"}


def test_a_fixed_offset_account_balances_every_line_and_admits_no_other() -> None:
    dynamics = Dynamics()
    number = dynamics.header("FIXJRN")
    taken = dynamics.line(number, "601500", debit="8").json()
    assert taken["OffsetAccountDisplayValue"] == "201100---"
    refused(dynamics.line(number, "601500", debit="8", OffsetAccountDisplayValue="110110"), "is fixed")
    assert dynamics.line(number, "601510", debit="2").json()["Voucher"] != taken["Voucher"]
    kept = dynamics.journal(number)
    assert (kept["debit"], kept["credit"]) == ("10", "10")
    assert dynamics.change("post_journals")["posted"] == [number]


def test_what_is_posted_stays_and_lines_may_go_with_the_posting() -> None:
    dynamics = Dynamics()
    number = dynamics.header("DELJRN")
    balanced(dynamics, number)
    dynamics.change("post_journals")
    assert dynamics.journal(number)["lines"] == []
    refused(dynamics.patch(f"{HEADERS}{FIRST}", Description="x"), "has been posted")
    refused(dynamics.delete(f"{HEADERS}{FIRST}"), "has been posted")
    refused(dynamics.line(number, "601500", debit="1"), "has been posted")
    assert dynamics.journal(number)["posted"]


def test_lines_change_and_go_and_then_the_header_may() -> None:
    dynamics = Dynamics()
    number = dynamics.header()
    balanced(dynamics, number)
    refused(dynamics.delete(f"{HEADERS}{FIRST}"), "cannot be deleted while dependent Journal lines exist")
    assert dynamics.patch(FIRST_LINE, DebitAmount=70).status_code == 204
    assert (dynamics.journal(number)["debit"], dynamics.journal(number)["credit"]) == ("70.00", "100.00")
    refused(dynamics.patch(FIRST_LINE, LineNumber=5), "cannot be changed")
    refused(dynamics.patch(FIRST_LINE, AccountDisplayValue="999999"), "is not found")
    assert dynamics.delete(FIRST_LINE).status_code == 204
    assert dynamics.delete(FIRST_LINE).status_code == 404
    assert dynamics.delete(FIRST_LINE.replace("LineNumber=1", "LineNumber=2")).status_code == 204
    assert dynamics.journal(number)["debit"] == "0.00"
    again = dynamics.line(number, "601500", debit="1").json()
    assert (again["LineNumber"], again["Voucher"]) == (1, "PAYV000002")
    assert dynamics.delete(FIRST_LINE).status_code == 204
    refused(dynamics.patch(f"{HEADERS}{FIRST}", JournalName="GENJRN"), "cannot be changed")
    assert dynamics.delete(f"{HEADERS}{FIRST}").status_code == 204
    assert dynamics.snapshot()["journals"] == []


def test_an_etag_that_is_old_is_refused() -> None:
    dynamics = Dynamics()
    dynamics.header()
    old = dynamics.get(f"{HEADERS}{FIRST}").headers["etag"]
    path = f"/data/{HEADERS}{FIRST}"
    changed = dynamics.send("PATCH", path, body={"Description": "a"}, headers={"If-Match": old})
    again = dynamics.send("PATCH", path, body={"Description": "b"}, headers={"If-Match": old})
    assert (changed.status_code, again.status_code) == (204, 412)
    assert dynamics.journal("00001")["description"] == "a"
    assert dynamics.patch(f"{HEADERS}{FIRST}", Description="c").status_code == 204


def test_closed_periods_and_years() -> None:
    dynamics = Dynamics()
    number = dynamics.header()
    dynamics.change("close_period", company="usmf", period="2026-06")
    refused(dynamics.line(number, "601500", debit="1"), "is not open")
    years = "FiscalYears?$filter=FiscalYear%20eq%20'2026'%20and%20LegalEntityId%20eq%20'usmf'"
    assert dynamics.rows(years)[0]["Status"] == "Open"
    dynamics.change("close_period", company="usmf", period="2026-06", open=True)
    dynamics.change("close_year", company="usmf", year="2026")
    assert dynamics.rows(years)[0]["Status"] == "Close"
    refused(dynamics.line(number, "601500", debit="1"), "is not open")
    dynamics.change("set_options", period_check="posting")
    balanced(dynamics, number)
    assert "is not open" in str(dynamics.change("post_journals")["refused"])


def test_what_people_do_meanwhile() -> None:
    dynamics = Dynamics()
    number = dynamics.header()
    balanced(dynamics, number)
    dynamics.change("lock_journal", number=number, user="ALICIA")
    refused(dynamics.line(number, "601500", debit="1"), "in use by user ALICIA")
    dynamics.change("lock_journal", number=number, user="")
    dynamics.change("change_line", number=number, line=1, fields={"DebitAmount": "90.00", "Text": "by hand"})
    assert dynamics.change("add_line", number=number, fields={"CreditAmount": "1"}) == {"line": 3}
    dynamics.change("change_journal", number=number, fields={"Description": "mine"})
    kept = dynamics.journal(number)
    assert (kept["description"], kept["debit"], kept["credit"]) == ("mine", "90.00", "101.00")
    dynamics.change("delete_line", number=number, line=3)
    dynamics.change("delete_journal", number=number)
    assert dynamics.get(f"{HEADERS}{FIRST}").status_code == 404
    assert dynamics.rows(LINES) == []


def test_a_custom_service_posts_one_journal() -> None:
    dynamics = Dynamics(custom_service="PayGroup/PayService/post")
    number, path = dynamics.header(), "/api/services/PayGroup/PayService/post"
    body = {"dataAreaId": "usmf", "journalBatchNumber": number}
    dynamics.line(number, "601500", debit="3")
    refused(dynamics.send("POST", path, body=body), "do not balance", 500)
    dynamics.line(number, "201100", credit="3")
    assert dynamics.send("POST", path, body=body | {"more": 1}).status_code == 400
    assert dynamics.send("POST", path, body=body).status_code == 200
    assert dynamics.journal(number)["posted"]
    refused(dynamics.send("POST", path, body=body), "has been posted", 500)
    assert dynamics.send("POST", "/api/services/PayGroup/PayService/other", body=body).status_code == 404
    assert dynamics.send("GET", "/api/services").json() == {"ServiceGroups": [{"Name": "PayGroup"}]}


def test_a_journal_is_found_by_its_mark_and_a_star_stands_for_anything() -> None:
    dynamics = Dynamics(base=start(Clock()))
    for mark in ("PAY 4711", "PAY 4712", "Rent"):
        dynamics.header(Description=mark)

    def found(text: str) -> int:
        return len(dynamics.rows(f"{HEADERS}?$filter=Description%20eq%20'{text}'"))

    assert (found("PAY%204711"), found("PAY*"), found("*47*"), found("pay%204712"), found("4711")) == (1, 2, 2, 1, 0)
