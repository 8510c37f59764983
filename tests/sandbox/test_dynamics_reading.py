"""How lists and records are read: names, filters, companies, pages (dynamics §2)."""

from __future__ import annotations

import httpx
import pytest

from tests.sandbox.dynamics_world import NAMESPACE, Dynamics, said

YES = f"{NAMESPACE}.NoYes'Yes'"


def test_a_record_shows_its_etag_then_its_properties_and_empty_values_are_never_null() -> None:
    dynamics = Dynamics()
    dynamics.header(Description="Payroll")

    row = dynamics.rows("LedgerJournalHeaders")[0]

    assert row.pop("@odata.etag").startswith('W/"')
    assert row == {
        "dataAreaId": "usmf",
        "JournalBatchNumber": "00001",
        "JournalName": "PAYJRN",
        "Description": "Payroll",
        "IntegrationKey": "",
        "IsPosted": "No",
        "PostingLayer": "Current",
        "AccountingCurrency": "USD",
        "JournalTotalDebit": 0,
        "JournalTotalCredit": 0,
    }
    period = dynamics.rows("FiscalPeriods?$top=1")[0]
    assert (period["StartDate"], period["EndDate"]) == ("2024-01-01T12:00:00Z", "2024-01-31T12:00:00Z")
    account = dynamics.rows("MainAccounts?$top=1&$select=ActiveFrom,ActiveTo")[0]
    assert (account["ActiveFrom"], account["ActiveTo"]) == ("1900-01-01T12:00:00Z", "1900-01-01T12:00:00Z")
    worker = Dynamics(workers=1).rows("EmploymentsV2")[0]
    assert worker["EmploymentEndDate"] == "2154-12-31T23:59:59Z"


@pytest.mark.parametrize(
    "path",
    [
        "legalentities",
        "LegalEntity",
        "LedgerJournalHeaders(dataAreaId='usmf')",
        "LedgerJournalHeaders(dataAreaId='usmf',JournalBatchNumber='1',More='2')",
        "LedgerJournalHeaders(dataAreaId=usmf,JournalBatchNumber='00001')",
        "LedgerJournalLines(dataAreaId='usmf',JournalBatchNumber='00001',LineNumber='1')",
        "LedgerJournalHeaders('00001')",
        "LedgerJournalHeaders/Lines",
    ],
)
def test_a_wrong_name_or_key_is_no_route(path: str) -> None:
    dynamics = Dynamics()
    dynamics.header()
    status, message = said(dynamics.get(path))
    assert status == 404
    assert message.startswith("No HTTP resource was found that matches the request URI")


def test_keys_find_one_record_without_regard_to_case() -> None:
    dynamics = Dynamics()
    number = dynamics.header()
    found = dynamics.get(f"LedgerJournalHeaders(JournalBatchNumber='{number}',dataAreaId='USMF')")
    assert found.json()["JournalBatchNumber"] == number
    assert found.headers["etag"] == found.json()["@odata.etag"]
    assert dynamics.get("Ledgers('usmf')").json() == dynamics.get("Ledgers(LegalEntityId='usmf')").json()
    kind = f"{NAMESPACE}.DimensionHierarchyType'DataEntityLedgerDimensionFormat'"
    key = f"(DimensionFormatName='Integration%201',DimensionFormatType={kind})"
    assert dynamics.get(f"DimensionIntegrationFormats{key}").json()["IsActive"] == "Yes"
    missing = dynamics.get("LedgerJournalHeaders(dataAreaId='usmf',JournalBatchNumber='99999')")
    assert missing.status_code == 404
    assert "error" in missing.json()


def test_without_cross_company_only_the_default_company_is_there() -> None:
    dynamics = Dynamics(default_company="gbsi")
    names = "JournalNames?$select=dataAreaId,Name&$filter=Name%20eq%20'PAYJRN'"
    assert [row["dataAreaId"] for row in dynamics.rows(names)] == ["gbsi"]
    assert [row["dataAreaId"] for row in dynamics.rows(f"{names}&cross-company=true")] == ["usmf", "gbsi", "demf"]
    other = f"{names}%20and%20dataAreaId%20eq%20'USMF'"
    assert dynamics.rows(other) == []
    assert len(dynamics.rows(f"{other}&cross-company=true")) == 1
    key = "JournalNames(dataAreaId='usmf',Name='PAYJRN')"
    assert dynamics.get(key).status_code == 404
    assert dynamics.get(f"{key}?cross-company=true").status_code == 200
    assert len(dynamics.rows("Companies")) == 3


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("MainAccountId eq '601500'", ["601500"]),
        ("MainAccountId ge '602100' and MainAccountId lt '606300'", ["602100", "602200"]),
        ("MainAccountId eq '6015*'", ["601500", "601510", "601520"]),
        ("Name eq '*PAY*' and not (MainAccountId eq '2*')", ["110110", "602100"]),
        ("MainAccountId eq '601500' or MainAccountId eq '606300'", ["601500", "606300"]),
        (f"MainAccountType eq {NAMESPACE}.DimensionLedgerAccountType'Revenue'", ["401100"]),
        ("Name eq 'SALARIES'", ["601500"]),
        ("(MainAccountId eq '601500' or MainAccountId eq '601510') and Name eq 'Overtime'", ["601510"]),
        ("ActiveFrom gt 2026-01-01T00:00:00Z", []),
        ("Name eq 'O''Neill'", []),
    ],
)
def test_filters(text: str, numbers: list[str]) -> None:
    shown = Dynamics().get("MainAccounts", params={"$filter": text}).request.url
    path = str(shown).partition("/data/")[2].replace("+", "%20")
    assert [row["MainAccountId"] for row in Dynamics().rows(path)] == numbers


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("$filter=Name%20eq%20'a'+and%20Name%20eq%20'b'", "character '+'"),
        ("$filter=MainAccountId%20in%20('601500','601510')", "'in' is no operator"),
        ("$filter=contains(Name,'pay')", "unknown function"),
        ("$filter=IsSuspended%20eq%20'No'", "incompatible types"),
        ("$filter=IsSuspended%20eq%20NoYes'No'", "Syntax error"),
        (f"$filter=IsSuspended%20gt%20{NAMESPACE}.NoYes'No'", "not supported"),
        (f"$filter=IsSuspended%20eq%20{NAMESPACE}.NoYes'Maybe'", "incompatible types"),
        ("$filter=MainAccountId%20eq%20601500", "incompatible types"),
        ("$filter=Title%20eq%20'x'", "Could not find a property named 'Title'"),
        ("$filter=name%20eq%20'x'", "Could not find a property named 'name'"),
        ("$filter=Name%20eq%20'x", "unterminated"),
        ("$filter=Name%20eq%20'x'%20and", "Expression expected"),
        ("$select=Title", "Could not find a property named 'Title'"),
        ("$orderby=Title", "Could not find a property named 'Title'"),
        ("$top=-1", "$top"),
        ("$expand=Lines", "$expand"),
    ],
)
def test_what_odata_of_dynamics_does_not_understand(query: str, reason: str) -> None:
    status, message = said(Dynamics().get(f"MainAccounts?{query}"))
    assert status == 400
    assert reason in message


def test_select_order_skip_top_and_count() -> None:
    dynamics = Dynamics()
    answer = dynamics.get("MainAccounts?$select=MainAccountId&$orderby=MainAccountId%20desc&$skip=1&$top=2&$count=true")
    assert answer.json()["@odata.count"] == 15
    assert [row["MainAccountId"] for row in answer.json()["value"]] == ["606300", "602200"]
    assert set(answer.json()["value"][0]) == {"@odata.etag", "MainAccountId"}
    assert "@odata.nextLink" not in answer.json()
    assert dynamics.get("MainAccounts/$count?$filter=MainAccountId%20eq%20'2*'").text == "5"


def test_pages_follow_an_absolute_link_to_the_end() -> None:
    dynamics = Dynamics(page_size=4)
    first = dynamics.get(
        "MainAccounts?$select=MainAccountId&$filter=MainAccountId%20gt%20'1'&cross-company=true"
    ).json()
    seen, link = [], first["@odata.nextLink"]
    assert link.startswith(f"{dynamics.base}/data/MainAccounts?")
    assert "$skiptoken" in link
    page = first
    while True:
        seen += [row["MainAccountId"] for row in page["value"]]
        if "@odata.nextLink" not in page:
            break
        page = dynamics.send("GET", page["@odata.nextLink"].removeprefix(dynamics.base)).json()
    assert len(seen) == len(set(seen)) == 15
    smaller = dynamics.get("MainAccounts", headers={"Prefer": "odata.maxpagesize=2"})
    assert (len(smaller.json()["value"]), smaller.headers["preference-applied"]) == (2, "odata.maxpagesize=2")
    larger = dynamics.get("MainAccounts?$top=9", headers={"Prefer": "odata.maxpagesize=50"}).json()
    assert len(larger["value"]) == 4
    assert "@odata.nextLink" in larger


def test_what_describes_the_environment() -> None:
    dynamics = Dynamics()
    sets = [one["name"] for one in dynamics.send("GET", "/data").json()["value"]]
    assert {"LedgerJournalHeaders", "EmployeesV2", "VendorsV3"} <= set(sets)
    assert '<EntitySet Name="LedgerJournalLines"' in dynamics.send("GET", "/data/$metadata").text
    described = dynamics.send("GET", "/Metadata/PublicEntities('LedgerJournalHeader')").json()
    number = next(one for one in described["Properties"] if one["Name"] == "JournalBatchNumber")
    assert (described["EntitySetName"], number["IsKey"], number["AllowEditOnCreate"]) == (
        "LedgerJournalHeaders",
        True,
        False,
    )
    assert dynamics.send("GET", "/Metadata/PublicEntities('LedgerJournalHeaders')").status_code == 404
    members = dynamics.send("GET", "/Metadata/PublicEnumerations('NoYes')").json()["Members"]
    assert [one["Name"] for one in members] == ["No", "Yes"]


def test_the_application_is_listed_and_the_version_told() -> None:
    dynamics = Dynamics(application_version="10.0.47")
    listed = dynamics.rows("SysAADClients")
    assert [row["AADClientId"] for row in listed] == [dynamics.made["client_id"]]
    action = f"DataManagementEntities/{NAMESPACE}.GetApplicationVersion"
    assert dynamics.post(action).json()["value"] == "10.0.47"
    assert dynamics.post(f"DataManagementEntities/{NAMESPACE}.GetSomething").status_code == 404


def test_throttling_answers_with_how_long_to_wait() -> None:
    dynamics = Dynamics()
    dynamics.fault(kind="status", path="/data/.*", status_code=429, headers={"Retry-After": "7"})
    refused = dynamics.get("Companies")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "7")
    assert dynamics.get("Companies").status_code == 200


def test_a_set_that_is_only_read_takes_nothing() -> None:
    dynamics = Dynamics()
    assert dynamics.post("MainAccounts", MainAccountId="1").status_code == 405
    assert dynamics.send("PUT", "/data/Companies").status_code == 405
    assert httpx.get(f"{dynamics.base}/data/Companies").status_code == 401
