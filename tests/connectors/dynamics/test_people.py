"""Workers on the simulator: hired, changed, moved, ended and employed again. End states are Dynamics' own."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest

from connectors.dynamics.connector import DynamicsConnector
from connectors.errors import (
    ConnectionConfigError,
    OutcomeUnknownError,
    RecordRejectedError,
    TemporaryError,
    UnexpectedReplyError,
)
from connectors.records import Employee
from tests.connectors.dynamics.conftest import DynamicsCustomer, MakeCustomer


def newcomer(connector: DynamicsConnector, number: str = "90001", **fields: Any) -> Employee:
    given: dict[str, Any] = {
        "reference": connector.reference_for("integration", number),
        "number": number,
        "given_name": "Łukasz",
        "family_name": "O'Neil",
        "work_email": "l.oneil@example.com",
        "company": "usmf",
        **fields,
    }
    return Employee(**given)


def writes(customer: DynamicsCustomer) -> list[str]:
    return [
        asked["path"] for asked in customer.requests() if asked["method"] != "GET" and "oauth2" not in asked["path"]
    ]


def test_a_hire_is_one_worker_with_one_employment_from_local_midnight_on(customer: DynamicsCustomer) -> None:
    connector = customer.connector()
    hired = connector.create(newcomer(connector, department="022", start_date=date(2026, 11, 16)))
    assert (hired.id, hired.company, hired.active, hired.department) == ("90001", "usmf", True, "022")
    assert customer.worker("90001")["Name"] == "Łukasz O'Neil"
    (employment,) = customer.employments("90001")
    assert employment["EmploymentStartDate"] == "2026-11-16T06:00:00Z", "midnight in Chicago, in winter"
    assert employment["EmploymentEndDate"] == "2154-12-31T23:59:59Z"
    assert employment["DimensionDisplayValue"] == "022--"


@pytest.mark.parametrize(
    ("zone", "day", "instant"),
    [
        ("America/Chicago", date(2026, 7, 1), "2026-07-01T05:00:00Z"),
        ("Asia/Tokyo", date(2026, 7, 1), "2026-06-30T15:00:00Z"),
        ("Europe/Berlin", date(2026, 3, 29), "2026-03-28T23:00:00Z"),
    ],
)
def test_days_begin_where_the_company_is(customer: DynamicsCustomer, zone: str, day: date, instant: str) -> None:
    connector = customer.connector(time_zone=zone)
    connector.create(newcomer(connector, start_date=day))
    assert customer.employments("90001")[0]["EmploymentStartDate"] == instant


def test_without_a_start_date_today_is_the_companys_today(customer: DynamicsCustomer) -> None:
    customer.clock.moment = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
    connector = customer.connector()
    connector.create(newcomer(connector))
    assert customer.employments("90001")[0]["EmploymentStartDate"] == "2026-11-20T06:00:00Z"


def test_a_hire_whose_answer_is_lost_is_found_and_not_made_twice(customer: DynamicsCustomer) -> None:
    connector = customer.connector()
    somebody = newcomer(connector)
    customer.fault("cut_after", method="POST", path="/data/EmployeesV2")
    with pytest.raises(OutcomeUnknownError):
        connector.create(somebody)
    found = connector.find_by_reference([somebody.reference])
    assert found[somebody.reference].id == "90001"
    again = customer.connector().create(somebody)
    assert again.id == "90001"
    assert len(customer.employments("90001")) == 1


def test_a_personnel_number_of_somebody_else_is_refused_before_anything_is_sent(customer: DynamicsCustomer) -> None:
    connector = customer.connector()
    with pytest.raises(RecordRejectedError, match="this personnel number already") as refused:
        connector.create(newcomer(connector, "000003"))
    assert refused.value.field == "number"
    assert writes(customer) == []


@pytest.mark.parametrize("missing", ["number", "given_name", "family_name"])
def test_what_a_hire_needs_is_named(customer: DynamicsCustomer, missing: str) -> None:
    connector = customer.connector()
    incomplete = msgspec.structs.replace(newcomer(connector), **{missing: None})
    with pytest.raises(RecordRejectedError) as refused:
        connector.create(incomplete)
    assert refused.value.field == missing
    assert writes(customer) == []


def test_somebody_whose_reference_was_erased_is_not_hired_a_second_time(customer: DynamicsCustomer) -> None:
    connector = customer.connector()
    somebody = newcomer(connector)
    customer.fault("cut_after", method="POST", path="/data/EmployeesV2")
    with pytest.raises(OutcomeUnknownError):
        connector.create(somebody)
    customer.change("change_worker", number="90001", fields={"NameAlias": ""})
    with pytest.raises(RecordRejectedError, match="personnel number"):
        connector.create(somebody)
    assert len(customer.employments("90001")) == 1


def test_a_reference_written_elsewhere_is_not_taken_for_kept(customer: DynamicsCustomer) -> None:
    connector = customer.connector(reference_field="known_as")
    hired = connector.create(newcomer(connector))
    assert customer.worker("90001")["KnownAs"] == hired.reference
    assert customer.connector().find_by_reference([hired.reference]) == {}


def test_many_references_are_asked_for_in_few_requests(customer: DynamicsCustomer) -> None:
    connector = customer.connector()
    people = [connector.create(newcomer(connector, f"9{number:04}")) for number in range(20)]
    customer.forget_requests()
    wanted = [one.reference for one in people] + [connector.reference_for("i", str(number)) for number in range(20)]
    found = connector.find_by_reference(wanted)
    assert {one.id for one in found.values()} == {one.id for one in people}
    assert len(customer.requests()) <= 6


def test_a_change_is_one_request_and_keeps_all_else(customer: DynamicsCustomer) -> None:
    connector = customer.connector()
    hired = connector.create(newcomer(connector, department="022", location="0016"))
    before, employed = customer.worker("90001"), customer.employments("90001")[0]
    customer.forget_requests()
    change = Employee(reference=hired.reference, id="90001", company="usmf", family_name="Žižka", department="024")
    changed = connector.update(change)
    assert (changed.family_name, changed.department, changed.location) == ("Žižka", "024", "0016")
    assert writes(customer) == ["/data/$batch"]
    (sent,) = [asked["body"] for asked in customer.requests() if asked["path"] == "/data/$batch"]
    assert sent.count("If-Match: W/") == 2, "only what is still as it was read is overwritten"
    after = customer.worker("90001")
    assert {name for name in after if after[name] != before.get(name)} == {"LastName", "Name"}
    (now,) = customer.employments("90001")
    assert now == {**employed, "DimensionDisplayValue": "024-0016-"}


def test_dimensions_are_told_by_name_and_those_we_do_not_map_are_kept(customer: DynamicsCustomer) -> None:
    customer.change("set_format", type="default", names=["BusinessUnit", "CostCenter", "Department"])
    connector = customer.connector()
    hired = connector.create(newcomer(connector, department="022", location="0016"))
    assert customer.employments("90001")[0]["DimensionDisplayValue"] == "-0016-022"
    by_hand = customer.connector(department_dimension="businessunit", location_dimension="")
    by_hand.update(Employee(reference="x", id="90001", company="usmf", department="003"))
    connector.update(msgspec.structs.replace(hired, department="024", location=None))
    assert customer.employments("90001")[0]["DimensionDisplayValue"] == "003--024"


def test_what_is_true_already_is_not_sent(customer: DynamicsCustomer) -> None:
    connector = customer.connector()
    hired = connector.create(newcomer(connector, department="022"))
    customer.forget_requests()
    assert connector.update(hired) == hired
    assert writes(customer) == []


def test_a_change_that_somebody_else_was_faster_with_is_tried_again(customer: DynamicsCustomer) -> None:
    connector = customer.connector()
    hired = connector.create(newcomer(connector))
    customer.change("fault_in_batch", status=412, times=1)
    with pytest.raises(TemporaryError):
        connector.update(msgspec.structs.replace(hired, family_name="Other"))
    assert customer.worker("90001")["LastName"] == "O'Neil"
    assert connector.update(msgspec.structs.replace(hired, family_name="Other")).family_name == "Other"


def test_a_personnel_number_never_changes(customer: DynamicsCustomer) -> None:
    connector = customer.connector()
    hired = connector.create(newcomer(connector))
    with pytest.raises(RecordRejectedError, match="never changes"):
        connector.update(msgspec.structs.replace(hired, number="90002"))


def test_a_dimension_the_format_lacks_is_refused_by_name(customer: DynamicsCustomer) -> None:
    connector = customer.connector(department_dimension="Project")
    with pytest.raises(RecordRejectedError, match="Project"):
        connector.create(newcomer(connector, department="022"))


def test_whoever_leaves_is_ended_with_the_last_second_of_the_last_day(customer: DynamicsCustomer) -> None:
    connector = customer.connector()
    hired = connector.create(newcomer(connector, start_date=date(2026, 3, 2)))
    left = connector.deactivate(msgspec.structs.replace(hired, end_date=date(2026, 10, 31)))
    assert not left.active
    (employment,) = customer.employments("90001")
    assert employment["EmploymentEndDate"] == "2026-11-01T04:59:59Z"
    assert customer.worker("90001")["WorkerStatus"] == "Terminated"


@pytest.mark.parametrize(
    ("start", "end"),
    [(date(2026, 3, 2), "2026-11-21T05:59:59Z"), (date(2026, 11, 21), "2026-11-21T07:59:59Z")],
    ids=["yesterday", "began today"],
)
def test_without_an_end_date_somebody_is_out_at_once(customer: DynamicsCustomer, start: date, end: str) -> None:
    connector = customer.connector()
    left = connector.deactivate(connector.create(newcomer(connector, start_date=start)))
    assert not left.active
    assert customer.employments("90001")[0]["EmploymentEndDate"] == end


def test_an_end_that_lies_ahead_does_not_leave_somebody_active(customer: DynamicsCustomer) -> None:
    connector = customer.connector()
    hired = connector.create(newcomer(connector, start_date=date(2026, 3, 2)))
    left = connector.deactivate(msgspec.structs.replace(hired, end_date=date(2027, 1, 31)))
    assert not left.active
    assert customer.worker("90001")["WorkerStatus"] == "Terminated"


def test_whoever_left_is_still_seen_and_not_hired_again(make_customer: MakeCustomer) -> None:
    customer = make_customer(workers=3, employments_shown="current")
    connector = customer.connector()
    connector.deactivate(connector.create(newcomer(connector, start_date=date(2026, 3, 2))))
    there = {one.id: one for one in connector.employees()}
    assert (there["90001"].active, there["90001"].company) == (False, "usmf")
    assert [one.id for one in connector.find_by_number("90001")] == ["90001"]


def test_a_rehire_is_a_second_employment_of_the_same_worker(customer: DynamicsCustomer) -> None:
    connector = customer.connector()
    hired = connector.create(newcomer(connector, start_date=date(2026, 3, 2), department="022"))
    left = connector.deactivate(msgspec.structs.replace(hired, end_date=date(2026, 10, 31)))
    back = connector.activate(msgspec.structs.replace(left, start_date=date(2026, 11, 16), department="023"))
    assert (back.active, back.id, back.department) == (True, "90001", "023")
    first, second = customer.employments("90001")
    assert first["EmploymentEndDate"] == "2026-11-01T04:59:59Z"
    assert (second["EmploymentStartDate"], second["DimensionDisplayValue"]) == ("2026-11-16T06:00:00Z", "023--")
    assert customer.worker("90001")["WorkerStatus"] == "Employed"
    assert connector.activate(back) == back
    assert len(customer.employments("90001")) == 2


def test_a_rehire_on_the_day_of_leaving_does_not_overlap(customer: DynamicsCustomer) -> None:
    connector = customer.connector()
    left = connector.deactivate(connector.create(newcomer(connector)))
    assert connector.activate(left).active
    first, second = customer.employments("90001")
    assert first["EmploymentEndDate"] < second["EmploymentStartDate"]


def test_a_rehire_whose_answer_is_lost_is_not_made_twice(customer: DynamicsCustomer) -> None:
    connector = customer.connector()
    left = connector.deactivate(connector.create(newcomer(connector, start_date=date(2026, 3, 2))))
    customer.fault("cut_after", method="POST", path=r"/data/\$batch")
    with pytest.raises(OutcomeUnknownError):
        connector.activate(left)
    assert connector.activate(left).active
    assert len(customer.employments("90001")) == 2


def test_a_move_ends_the_one_employment_and_begins_the_other_in_one_step(customer: DynamicsCustomer) -> None:
    connector = customer.connector()
    hired = connector.create(newcomer(connector, start_date=date(2026, 3, 2)))
    customer.forget_requests()
    moved = connector.transfer(
        msgspec.structs.replace(hired, company="gbsi", start_date=date(2026, 3, 2)), from_company="usmf"
    )
    assert (moved.company, moved.active, moved.id) == ("gbsi", True, "90001")
    assert writes(customer) == ["/data/$batch"]
    first, second = customer.employments("90001")
    assert (first["LegalEntityId"], first["EmploymentStartDate"]) == ("usmf", "2026-03-02T06:00:00Z")
    assert first["EmploymentEndDate"] == "2026-11-21T05:59:59Z", "yesterday's last second in Chicago"
    assert (second["LegalEntityId"], second["EmploymentStartDate"]) == ("gbsi", "2026-11-21T06:00:00Z")
    assert connector.get("90001", "usmf") is None
    assert customer.snapshot()["duplicates"] == {}


def test_a_move_that_is_refused_leaves_the_old_employment_open(customer: DynamicsCustomer) -> None:
    connector = customer.connector()
    hired = connector.create(newcomer(connector, start_date=date(2026, 3, 2)))
    customer.change("fault_in_batch", status=400, message="Infolog: Error: The calendar is closed.")
    with pytest.raises(RecordRejectedError, match="The calendar is closed"):
        connector.transfer(msgspec.structs.replace(hired, company="gbsi"), from_company="usmf")
    (employment,) = customer.employments("90001")
    assert (employment["LegalEntityId"], employment["EmploymentEndDate"]) == ("usmf", "2154-12-31T23:59:59Z")


def test_a_move_made_half_by_hand_is_finished(customer: DynamicsCustomer) -> None:
    connector = customer.connector()
    hired = connector.create(newcomer(connector, start_date=date(2026, 3, 2)))
    both = msgspec.structs.replace(hired, company="gbsi", start_date=date(2026, 11, 1))
    connector.activate(both)
    assert {one["EmploymentEndDate"] for one in customer.employments("90001")} == {"2154-12-31T23:59:59Z"}
    shown = connector.get("90001", "usmf")
    assert shown is not None
    connector.transfer(both, from_company="usmf")
    first, second = customer.employments("90001")
    assert first["EmploymentEndDate"] == "2026-11-01T04:59:59Z"
    assert second["EmploymentEndDate"] == "2154-12-31T23:59:59Z"
    assert len(customer.employments("90001")) == 2


def test_whoever_leaves_leaves_every_legal_entity_of_the_connection(customer: DynamicsCustomer) -> None:
    connector = customer.connector()
    hired = connector.create(newcomer(connector, start_date=date(2026, 3, 2)))
    connector.activate(msgspec.structs.replace(hired, company="gbsi"))
    assert not connector.deactivate(hired).active
    assert all(one["EmploymentEndDate"] < "2026-11-22" for one in customer.employments("90001"))
    assert customer.worker("90001")["WorkerStatus"] == "Terminated"


def test_people_of_other_legal_entities_are_nobodys_business_but_their_numbers_count(
    customer: DynamicsCustomer,
) -> None:
    connector = customer.connector()
    connector.create(newcomer(connector, company="demf"))
    narrow = customer.connector(legal_entities="usmf, gbsi")
    assert "90001" not in {one.id for one in narrow.employees()}
    (holder,) = narrow.find_by_number("90001")
    assert (holder.active, holder.company) == (False, None)
    with pytest.raises(ConnectionConfigError, match="demf"):
        narrow.create(newcomer(narrow, "90002", company="demf"))


def test_everybody_comes_once_through_all_pages(make_customer: MakeCustomer) -> None:
    customer = make_customer(workers=70, page_size=20)
    people = list(customer.connector().employees())
    assert len(people) == len({one.id for one in people}) == 70
    assert all(one.active and one.company == "usmf" for one in people)
    paths = [asked["path"] for asked in customer.requests()]
    assert (paths.count("/data/Workers"), paths.count("/data/EmploymentsV2")) == (4, 4)


def test_whoever_is_gone_is_said(customer: DynamicsCustomer) -> None:
    connector = customer.connector()
    assert connector.get("99999") is None
    for act in (connector.update, connector.deactivate, connector.activate):
        with pytest.raises(RecordRejectedError, match="no such worker"):
            act(Employee(reference="x", id="99999", company="usmf"))


def test_a_refusal_names_no_person(customer: DynamicsCustomer) -> None:
    connector = customer.connector()
    somebody = newcomer(connector)
    said = "Infolog: Error: Łukasz O'Neil (l.oneil@example.com) with 90001 is not allowed here"
    body = {"error": {"message": "An error has occurred.", "innererror": {"message": said}}}
    customer.fault("status", method="POST", path="/data/EmployeesV2", status_code=400, body=body)
    with pytest.raises(RecordRejectedError) as refused:
        connector.create(somebody)
    shown = refused.value.sentence + refused.value.detail
    assert "is not allowed here" in shown
    for private in ("Łukasz", "O'Neil", "example.com", "90001"):
        assert private not in shown


def test_a_worker_that_does_not_show_our_reference_stops_the_hires(customer: DynamicsCustomer) -> None:
    connector = customer.connector()
    customer.behave(max_lengths={"NameAlias": 5}, overlong="truncate")
    with pytest.raises(UnexpectedReplyError, match="did not keep our reference"):
        connector.create(newcomer(connector))
