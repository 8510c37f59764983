"""Display strings and what may stand in them (dynamics §5)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.dynamics_world import LINES, NAMESPACE, Dynamics, said

ODD = {"Department": {"022": "Sales", "0-22": "Odd", "a\\b": "Odder"}, "CostCenter": {"x--y": "Twice", "0015": "One"}}
SET_ACTION = f"DimensionSets/{NAMESPACE}.getSetDisplayValue"
COMBINATION_ACTION = f"DimensionCombinations/{NAMESPACE}.getCombinationDisplayValue"


def display(dynamics: Dynamics, account: str) -> tuple[int, str]:
    """Status, and the account a line of a new journal then shows or what Dynamics says."""
    answer = dynamics.line(dynamics.header(), account, debit="1")
    if answer.status_code == 201:
        return 201, answer.json()["AccountDisplayValue"]
    return said(answer)


def test_the_format_and_the_delimiter_are_read_where_an_administrator_set_them() -> None:
    dynamics = Dynamics(delimiter="DoubleBar")
    formats = {row["DimensionFormatType"]: row for row in dynamics.rows("DimensionIntegrationFormats")}
    assert formats["DataEntityLedgerDimensionFormat"]["FinancialDimensionFormat"] == (
        "MainAccount||Department||CostCenter||BusinessUnit"
    )
    assert formats["DataEntityDefaultDimensionFormat"]["FinancialDimensionFormat"] == (
        "Department||CostCenter||BusinessUnit"
    )
    assert dynamics.rows("DimensionParameters")[0]["DimensionSegmentDelimiter"] == "DoubleBar"
    assert display(dynamics, "601500||022||||001") == (201, "601500||022||||001")


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("601500", "601500--"),
        ("601500--", "601500--"),
        ("601500--0015", "601500--0015"),
        ("601500-0\\-22", "601500-0\\-22-"),
        ("601500-a\\\\b-0015", "601500-a\\\\b-0015"),
        ("601500--x\\-\\-y", "601500--x\\-\\-y"),
    ],
)
def test_a_backslash_frees_a_delimiter_or_a_backslash(sent: str, shown: str) -> None:
    assert display(Dynamics(dimensions=ODD), sent) == (201, shown)


def test_a_delimiter_that_is_not_freed_is_one() -> None:
    assert "number of segments" in display(Dynamics(dimensions=ODD), "601500-0-22-0015")[1]


def test_segments_stand_in_the_formats_order_and_old_lines_follow_it() -> None:
    dynamics = Dynamics()
    assert display(dynamics, "601500-022-0015") == (201, "601500-022-0015-")
    dynamics.change("set_format", names=["Department", "MainAccount", "CostCenter"])
    assert display(dynamics, "022-601500-0015") == (201, "022-601500-0015")
    assert "is not found" in display(dynamics, "601500-022-0015")[1]
    dynamics.change("set_delimiter", delimiter="DoubleTilde")
    shown = {row["AccountDisplayValue"] for row in dynamics.rows(f"{LINES}?$select=AccountDisplayValue")}
    assert shown == {"022~~601500~~0015"}
    active = [row for row in dynamics.rows("DimensionIntegrationFormats") if row["IsActive"] == "Yes"]
    assert "Department~~MainAccount~~CostCenter" in [row["FinancialDimensionFormat"] for row in active]


def test_without_an_active_format_or_with_an_inactive_dimension_nothing_goes() -> None:
    dynamics = Dynamics()
    dynamics.change("deactivate_dimension", dimension="CostCenter")
    assert "Only active dimensions can be used." in display(dynamics, "601500")[1]
    dynamics.change("deactivate_dimension", dimension="CostCenter", active=True)
    dynamics.change("deactivate_format", type="ledger")
    assert "No active format for data entities has been set up." in display(dynamics, "601500")[1]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"IsSuspended": "Yes"}, "022 for Department is suspended"),
        ({"ActiveTo": "2026-06-14"}, "is not active on 06/15/2026"),
        ({"ActiveFrom": "2026-06-16"}, "is not active on 06/15/2026"),
    ],
)
def test_values_are_suspended_or_out_of_date_for_all_or_for_one_company(fields: dict[str, Any], reason: str) -> None:
    dynamics = Dynamics()
    dynamics.change("change_value", dimension="Department", value="022", company="demf", fields=fields)
    overrides = dynamics.rows("FinancialDimensionValueLegalEntityOverrides")
    assert [(row["DimensionValue"], row["LegalEntityId"]) for row in overrides] == [("022", "demf")]
    assert display(dynamics, "601500-022")[0] == 201
    dynamics.change("change_value", dimension="Department", value="022", company="usmf", fields=fields)
    assert reason in display(dynamics, "601500-022")[1]
    dynamics.change("change_value", dimension="Department", value="023", fields=fields)
    assert reason.replace("022", "023") in display(dynamics, "601500-023")[1]


def test_blocked_values_and_accounts() -> None:
    dynamics = Dynamics()
    dynamics.change("change_value", dimension="Department", value="024", fields={"IsBlockedForManualEntry": "Yes"})
    assert "blocked for manual entry" in display(dynamics, "601500-024")[1]
    dynamics.change("change_account", account="601500", fields={"IsSuspended": "Yes"})
    assert "Main account 601500 is suspended" in display(dynamics, "601500")[1]
    dynamics.change("change_account", account="601510", company="usmf", fields={"DoNotAllowManualEntry": "Yes"})
    assert "not allowed for manual entry" in display(dynamics, "601510")[1]
    dynamics.change("change_account", account="601520", fields={"ActiveTo": "2020-01-01"})
    assert "Main account 601520 is not active" in display(dynamics, "601520")[1]


def test_the_account_structure_says_which_dimensions_an_account_takes() -> None:
    dynamics = Dynamics()
    assert display(dynamics, "201100---001") == (201, "201100---001")
    assert "dimension Department is not part of account structure Balance sheet" in display(dynamics, "201100-022")[1]
    segments = ["MainAccount", "Department"]
    constraints = [["601500..601510", "*"], ["602*", '022;""'], ["606300", '""']]
    dynamics.change("set_structure", name="P&L", segments=segments, constraints=constraints)
    assert display(dynamics, "601500-023")[0] == 201
    assert display(dynamics, "602100-022")[0] == 201
    assert "not allowed by the constraints" in display(dynamics, "602100-023")[1]
    assert "not allowed by the constraints" in display(dynamics, "606300-022")[1]
    assert "CostCenter is not part" in display(dynamics, "601500-022-0015")[1]
    assert "not part of an active account structure" in display(dynamics, "401100")[1]
    structures = dynamics.rows("AccountStructures?$select=AccountStructureName,Status,SegmentName02")
    assert {(row["Status"], row["SegmentName02"]) for row in structures if row["AccountStructureName"] == "P&L"} == {
        ("Active", "Department"),
        ("Draft", ""),
    }
    assert len(dynamics.rows("AccountStructureConstraints?$filter=AccountStructure%20eq%20'P%26L'")) == 3


@pytest.mark.parametrize("when", ["posting", "insert"])
def test_a_missing_dimension_shows_itself_when_posting_or_at_once(when: str) -> None:
    dynamics = Dynamics(mandatory_check=when)
    dynamics.change("set_structure", name="P&L", segments=["MainAccount", "Department"], constraints=[["6*", "*"]])
    status, text = display(dynamics, "601500")
    if when == "insert":
        assert (status, "Dimension Department must be filled in for main account 601500" in text) == (400, True)
    else:
        assert status == 201
        assert "Dimension Department must be filled in" in str(dynamics.change("post_journals")["refused"])


def test_a_vendors_number_needs_its_delimiter_freed() -> None:
    dynamics = Dynamics(vendors=[{"VendorOrganizationName": "Ann Lee"}, {"VendorOrganizationName": "B"}])
    number = dynamics.header()

    def to(account: str) -> tuple[int, str]:
        answer = dynamics.line(number, account, credit="5", AccountType="Vend", DefaultDimensionDisplayValue="022--")
        shown = answer.json()
        return (201, shown["AccountDisplayValue"]) if answer.status_code == 201 else said(answer)

    assert to("USMF\\-0000000001") == (201, "USMF\\-0000000001")
    assert "does not exist" in to("USMF-0000000001")[1]
    assert "does not exist" in to("USMF\\-0000000009")[1]
    assert dynamics.rows(f"{LINES}?$filter=LineNumber%20eq%201")[0]["DefaultDimensionDisplayValue"] == "022--"
    dynamics.change("change_vendor", number="USMF-0000000002", fields={"OnHoldStatus": "All"})
    assert "is on hold" in to("USMF\\-0000000002")[1]


def test_the_server_makes_display_strings_itself() -> None:
    dynamics = Dynamics(dimensions=ODD)
    body = {"_attributeNames": ["CostCenter", "Department"], "_attributeValues": ["0015", "0-22"]}
    assert dynamics.post(SET_ACTION, **body).json()["value"] == "0\\-22-0015"
    ledger = {
        "_entityName": "LedgerJournalLine",
        "_propertyName": "Account",
        "_attributeNames": ["MainAccount", "Department"],
        "_attributeValues": ["601500", "022"],
        "_ledgerJournalACType": "Ledger",
    }
    assert dynamics.post(COMBINATION_ACTION, **ledger).json()["value"] == "601500-022-"
    unknown = {"_attributeNames": ["Nothing"], "_attributeValues": ["1"]}
    assert "does not exist" in said(dynamics.post(SET_ACTION, **unknown))[1]
    assert "_entityName" in said(dynamics.post(COMBINATION_ACTION, **body))[1]
    assert "_more" in said(dynamics.post(SET_ACTION, **body, _more=1))[1]


def test_the_other_journal_companies_have_ledgers_of_their_own() -> None:
    dynamics = Dynamics(legal_entities=[{"id": "usmf"}, {"id": "zwei", "currency": "EUR", "chart": "Zweite"}])
    ledgers = dynamics.rows("Ledgers?$select=LegalEntityId,ChartOfAccounts,AccountingCurrency")
    assert [(row["LegalEntityId"], row["ChartOfAccounts"], row["AccountingCurrency"]) for row in ledgers] == [
        ("usmf", "Shared", "USD"),
        ("zwei", "Zweite", "EUR"),
    ]
    number = dynamics.header(dataAreaId="zwei")
    answer = dynamics.line(number, "601500", debit="1", dataAreaId="zwei", CurrencyCode="EUR")
    assert "field 'Main account' is not found" in said(answer)[1]


def test_many_values_come_in_pages_of_10_000() -> None:
    dynamics = Dynamics(dimensions={"Project": 25_000}, log_requests=False)
    path = "FinancialDimensionValues?$select=DimensionValue&$filter=FinancialDimension%20eq%20'Project'"
    page, seen = dynamics.get(path).json(), 0
    while "@odata.nextLink" in page:
        seen += len(page["value"])
        page = dynamics.send("GET", page["@odata.nextLink"].removeprefix(dynamics.base)).json()
    assert (seen, len(page["value"])) == (20_000, 5_000)
