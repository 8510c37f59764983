"""Activity by account and the trial balance: what journals did to the books."""

from __future__ import annotations

import uuid
from decimal import Decimal

import pytest

from tests.sandbox.plex_journals import ACTIVITY, PAYABLE, TAXES, WAGES, account_id, activity, exact, line, post
from tests.sandbox.plex_world import Clock, Plex, complaint, start


def balance(plex: Plex, number: str, period: str) -> dict[str, Decimal]:
    path = f"/accounting/v1/trial-balance?periodDisplayBegin={period}&periodDisplayEnd={period}"
    lines = exact(plex.connect("GET", path))["trialBalanceLines"]
    found: dict[str, Decimal] = next(one for one in lines if one["accountNumber"] == number)
    return found


def test_activity_shows_every_line_of_journals_on_one_account() -> None:
    plex = Plex()
    posted = post(plex)
    post(plex, description="twice", lines=[line(WAGES, "debit", 1), line(WAGES, "debit", 2), line(TAXES, "credit", 3)])

    shown = activity(plex, WAGES)

    assert [(one["journalNumber"], one["debit"]) for one in shown] == [(1, Decimal("1250.10")), (2, 1), (2, 2)]
    first = shown[0]
    assert first["headerDescription"] == posted["description"]
    assert first["description"] == "Gross wages"
    assert first["transactionDate"] == "2026-06-15T00:00:00.0000000Z"
    assert first["modifiedDate"] == posted["modifiedDate"]
    assert (first["baseSegment"], first["costCenterSegment"], first["subAccountSegment"]) == ("61000", "210", "0100")
    assert [one["credit"] for one in activity(plex, PAYABLE)] == [Decimal("1000.00")]
    assert activity(plex, "61000-220-0100") == []


def test_activity_needs_to_be_told_the_account() -> None:
    plex = Plex()
    for query in ("", "?accountNumber=61000-210-0100", "?accountId=me"):
        assert complaint(plex.connect("GET", f"{ACTIVITY}{query}"))[:2] == (400, "ARGUMENT_INVALID")
    assert complaint(plex.documents("GET", "/api/GL_Activity"))[:2] == (400, "ARGUMENT_INVALID")
    assert plex.connect("GET", f"{ACTIVITY}?accountId={uuid.uuid4()}").json() == []
    plex.change("set_options", no_data_404=True)
    assert plex.connect("GET", f"{ACTIVITY}?accountId={account_id(plex, WAGES)}").status_code == 404


def test_activity_is_narrowed_by_period_dates_and_flags() -> None:
    clock = Clock()
    plex = Plex(base=start(clock))
    post(plex, period="05-2026", postDate="2026-05-31T00:00:00Z")
    clock.passes(3600)
    post(plex, period13=True, periodAdjustment=True)

    def numbers(query: str) -> list[int]:
        return [one["journalNumber"] for one in activity(plex, WAGES, f"&{query}")]

    assert numbers("periodDisplay=05-2026") == numbers("transactionDateEnd=2026-05-31T00:00:00Z") == [1]
    assert numbers("modifiedDateEnd=2026-06-15T12:30:00Z") == numbers("period13=false") == [1]
    assert numbers("periodAdjustmentEntries=true") == numbers("transactionDateBegin=2026-06-01T00:00:00Z") == [2]
    assert numbers("modifiedDateBegin=2026-06-15T13:00:00Z") == [2]
    assert numbers("journalNumber=1") == numbers("status=Posted") == [1, 2]


def test_the_documents_show_activity_in_pages_under_their_own_names() -> None:
    plex = Plex()
    for _ in range(3):
        post(plex)
    path = f"/api/GL_Activity?GL_Account_Id={account_id(plex, WAGES)}"

    first = exact(plex.documents("GET", f"{path}&limit=2"))

    assert [one["Journal_No"] for one in first["data"]] == [1, 2]
    assert first["next_offset"] == 2
    row = first["data"][0]
    assert (row["Account_No"], row["Debit"], row["Period"]) == (WAGES, Decimal("1250.10"), "06-2026")
    assert "modified_date" in row
    assert exact(plex.documents("GET", f"{path}&limit=2&offset=2"))["data"][0]["Journal_No"] == 3
    assert exact(plex.documents("GET", f"{path}&Period=05-2026")) == {"data": []}
    assert exact(plex.documents("GET", f"{path}&transaction_date_from=2026-06-16T00:00:00Z")) == {"data": []}


def test_activity_may_lag_behind_each_account_by_some_reads() -> None:
    plex = Plex(activity_lag_reads=2)
    post(plex)
    assert [len(activity(plex, WAGES)) for _ in range(3)] == [0, 0, 1]
    assert [len(activity(plex, PAYABLE)) for _ in range(3)] == [0, 0, 1]


def test_a_later_side_of_the_documents_list_is_no_new_read() -> None:
    plex = Plex(activity_lag_reads=1)
    post(plex)
    path = f"/api/GL_Activity?GL_Account_Id={account_id(plex, WAGES)}"
    assert plex.documents("GET", path).json() == {"data": []}
    post(plex, description="second")
    assert plex.documents("GET", f"{path}&offset=1").json() == {"data": []}
    assert len(plex.documents("GET", path).json()["data"]) == 1


def test_the_ledger_may_know_posted_and_booked_journals_only() -> None:
    plex = Plex(activity_statuses=["Posted"])
    before = balance(plex, WAGES, "06-2026")
    post(plex)
    assert activity(plex, WAGES) == []
    assert balance(plex, WAGES, "06-2026") == before
    post(plex, status="Posted")
    assert len(activity(plex, WAGES)) == 1
    plex.change("book_journals")
    assert len(activity(plex, WAGES)) == 2


def test_the_trial_balance_adds_journals_to_what_was_there() -> None:
    plex = Plex()
    before = balance(plex, WAGES, "06-2026")
    post(plex)
    post(plex, period="02-2026")

    after = balance(plex, WAGES, "06-2026")

    assert after["currentDebit"] - before["currentDebit"] == Decimal("1250.10")
    assert after["currentBalance"] - before["currentBalance"] == Decimal("1250.10")
    assert after["ytdDebit"] - before["ytdDebit"] == Decimal("2500.20")
    assert after["currentCredit"] == before["currentCredit"]
    liability = balance(plex, PAYABLE, "06-2026")
    assert liability["currentBalance"] == -liability["currentCredit"]
    assert balance(plex, WAGES, "01-2026")["currentDebit"] == before["currentDebit"]
    assert balance(plex, WAGES, "01-2027")["ytdDebit"] == before["ytdDebit"]


def test_an_inactive_account_that_moved_stays_in_the_trial_balance() -> None:
    plex = Plex()
    post(plex)
    plex.change("deactivate_account", accountNumber=WAGES)
    assert balance(plex, WAGES, "06-2026")["currentDebit"] > 0
    with pytest.raises(StopIteration):
        balance(plex, WAGES, "05-2026")


def test_deleted_and_changed_journals_change_the_ledger() -> None:
    plex = Plex()
    first, second = post(plex), post(plex)
    before = balance(plex, WAGES, "06-2026")
    plex.change("delete_journal", id=first["id"])
    plex.change(
        "change_journal",
        id=second["id"],
        lines=[{"accountNumber": WAGES, "debit": "5"}, {"accountNumber": TAXES, "credit": "5"}],
    )
    assert [one["debit"] for one in activity(plex, WAGES)] == [5]
    assert before["currentDebit"] - balance(plex, WAGES, "06-2026")["currentDebit"] == Decimal("2495.20")


def test_without_the_role_the_ledger_is_empty() -> None:
    plex = Plex(role_missing=["GL_Activity"])
    post(plex)
    assert activity(plex, WAGES) == []


def test_the_default_chart_has_what_payroll_posts_to() -> None:
    plex = Plex()
    chart = {one["accountNumber"]: one for one in plex.connect("GET", "/mdm/v1/chart-of-accounts?active=true").json()}
    for center in ("210", "220", "230", "310", "320", "910"):
        for base, sub in (("61000", "0100"), ("61100", "0100"), ("61200", "0100"), ("61300", "0100")):
            assert chart[f"{base}-{center}-{sub}"]["categoryType"] == "Expense"
    liabilities = ["21400", "21500", "21510", "21520", "21530", "21540", "21550", "21560"]
    assert {chart[f"{base}-000-0000"]["categoryType"] for base in liabilities} == {"Liability"}
    assert chart["10120-000-0000"]["categoryType"] == "Asset"
    assert chart["69900-000-0000"]["name"] == "Payroll rounding"
    assert len({one["name"] for one in chart.values()}) == len(chart)
