"""Employees in Plex: what a run asks of the connector, and what Plex holds afterwards."""

from __future__ import annotations

import msgspec
import pytest

from connectors.errors import (
    ConnectionConfigError,
    OutcomeUnknownError,
    RecordRejectedError,
    TemporaryError,
    UnexpectedReplyError,
)
from connectors.plex.connector import PlexConnector
from connectors.records import UNSET, Employee
from tests.connectors.plex.conftest import MakeCustomer, PlexCustomer


def hire(connector: PlexConnector, **changes: object) -> Employee:
    """Somebody Plex does not know yet."""
    values = {
        "reference": connector.reference_for("integration-1", "worker-7"),
        "number": "20007",
        "given_name": "Zoë",
        "family_name": "O'Neil & Söhne",
        "work_email": "zoe@example.com",
        "department": "Quality",
        "position": "Quality Inspector",
    }
    return Employee(**(values | changes))  # type: ignore[arg-type]


def held(connector: PlexConnector, badge: str) -> Employee:
    (found,) = [employee for employee in connector.employees() if employee.number == badge]
    return found


def test_a_hire_becomes_an_employee_that_is_found_by_its_reference(customer: PlexCustomer) -> None:
    connector = customer.connector(default_shift="2nd", default_type="Full Time")
    wanted = hire(connector)
    assert connector.find_by_reference([wanted.reference]) == {}

    created = connector.create(wanted)

    in_plex = customer.employee("20007")
    assert in_plex["id"] == wanted.reference == created.id
    assert (in_plex["userId"], in_plex["lastName"]) == ("zoe", "O'Neil & Söhne")
    assert (in_plex["shift"], in_plex["type"], in_plex["status"]) == ("2nd", "Full Time", "Active")
    assert in_plex["building"] is None
    later = customer.connector()
    assert later.find_by_reference([wanted.reference, str(later.reference_for("integration-1", "worker-8"))]) == {
        wanted.reference: created
    }


def test_the_reference_never_changes(customer: PlexCustomer) -> None:
    reference = customer.connector().reference_for("5f0c", "w-1")
    assert reference == "e3fbb585-39ed-56de-85ce-2bcdd11d61e4"
    assert customer.connector().reference_for("5f0d", "w-1") != reference


@pytest.mark.parametrize(
    ("missing", "field"),
    [
        ({"department": UNSET}, "department"),
        ({"position": None}, "position"),
        ({"given_name": ""}, "given_name"),
        ({"family_name": UNSET}, "family_name"),
        ({"work_email": UNSET}, "user_id"),
    ],
)
def test_a_hire_without_a_required_field_is_refused_before_plex_hears_of_it(
    customer: PlexCustomer, missing: dict[str, object], field: str
) -> None:
    connector = customer.connector()
    with pytest.raises(RecordRejectedError) as refused:
        connector.create(hire(connector, **missing))
    assert refused.value.field == field
    assert not [request for request in customer.requests() if request["method"] == "POST" and "oyee" in request["path"]]


def test_the_user_id_can_follow_the_employee_number(customer: PlexCustomer) -> None:
    connector = customer.connector(user_id_rule="number")
    connector.create(hire(connector, work_email=UNSET))
    assert customer.employee("20007")["userId"] == "20007"


def test_the_employee_number_can_be_kept_in_the_user_id(customer: PlexCustomer) -> None:
    connector = customer.connector(employee_match="userId")
    created = connector.create(hire(connector))
    assert created.number == "20007"
    assert [e["userId"] for p in customer.snapshot()["plants"] for e in p["employees"] if e["id"] == created.id] == [
        "20007"
    ]
    with pytest.raises(RecordRejectedError, match="never changes the user id"):
        connector.update(Employee(reference=created.reference, id=created.id, number="20008"))


def test_an_update_changes_the_set_fields_and_keeps_every_other(customer: PlexCustomer) -> None:
    customer.change(
        "update_employee",
        badgeNumber="10001",
        fields={"mobilePhone": "+1 555 0100", "middleName": "Q.", "shift": "3rd"},
    )
    before = customer.employee("10001")
    connector = customer.connector()
    supervisor = held(connector, "10003").id

    updated = connector.update(
        Employee(
            reference="r",
            id=before["id"],
            company=customer.pcn,
            department="Welding",
            manager_id=supervisor,
            middle_name=None,
        )
    )

    assert (updated.department, updated.manager_id, updated.middle_name) == ("Welding", supervisor, None)
    assert customer.employee("10001") == before | {
        "department": "Welding",
        "supervisorId": supervisor,
        "middleName": None,
    }
    (put,) = [request for request in customer.requests() if request["method"] == "PUT"]
    assert "+1 555 0100" in put["body"]


def test_an_update_that_is_true_already_writes_nothing(customer: PlexCustomer) -> None:
    connector = customer.connector()
    assert connector.update(held(connector, "10001")) == held(connector, "10001")
    assert customer.writes() == {}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [({"user_id": "other"}, "never changes the user id"), ({"department": None}, "without department")],
)
def test_an_update_that_plex_cannot_make_is_refused_before_it_is_sent(
    customer: PlexCustomer, change: dict[str, str | None], sentence: str
) -> None:
    connector = customer.connector()
    wanted = msgspec.structs.replace(held(connector, "10001"), **change)
    with pytest.raises(RecordRejectedError, match=sentence):
        connector.update(wanted)
    assert customer.writes() == {}


def test_plex_refusing_a_value_names_the_field_and_not_the_person(customer: PlexCustomer) -> None:
    connector = customer.connector()
    with pytest.raises(RecordRejectedError) as refused:
        connector.create(hire(connector, department="Catering"))
    assert refused.value.field == "department"
    assert "Catering" in refused.value.sentence
    customer.fault(
        "status",
        method="POST",
        path=".*/[Ee]mployees?",
        status_code=400,
        body={"code": "X", "message": "Söhne", "errors": [{"code": "X", "message": "O'Neil & Söhne, Zoë is taken"}]},
    )
    with pytest.raises(RecordRejectedError) as refused:
        connector.create(hire(connector, family_name="Söhne", middle_name="O'Neil"))
    assert "is taken" in refused.value.sentence
    shown = refused.value.sentence + refused.value.detail
    assert not [name for name in ("Zoë", "Söhne", "O'Neil") if name in shown]


def test_an_employee_who_got_another_id_stops_the_run(customer: PlexCustomer) -> None:
    connector = customer.connector()
    other = {"status": "Active", "Employee_Id" if customer.profile == "documents" else "id": "another"}
    customer.fault("status", method="POST", path=".*/[Ee]mployees?", status_code=201, body=other)
    with pytest.raises(UnexpectedReplyError, match="id of its own"):
        connector.create(hire(connector))


def test_a_change_plex_accepts_and_does_not_make_is_said(customer: PlexCustomer) -> None:
    connector = customer.connector()
    wanted = msgspec.structs.replace(held(connector, "10001"), department="Welding", shift="3rd")
    unchanged = {"Status": "Active", "id": wanted.id, "Department": "Quality", "Shift": "3rd"}
    unchanged |= {"Badge_Number": "10001", "First_Name": str(wanted.given_name), "Last_Name": str(wanted.family_name)}
    customer.fault("status", method="PUT", status_code=200, body=unchanged)
    with pytest.raises(RecordRejectedError, match="did not make it") as refused:
        connector.update(Employee(reference="r", id=wanted.id, department="Welding", shift="3rd"))
    assert refused.value.field == "department"


def test_leaving_and_coming_back(customer: PlexCustomer) -> None:
    customer.behave(deactivate_delay=2)
    connector = customer.connector()
    leaver = held(connector, "10002")

    assert connector.deactivate(leaver).active is False
    assert customer.employee("10002")["status"] == "Terminated"
    assert connector.deactivate(leaver).active is False

    back = connector.activate(msgspec.structs.replace(leaver, department="Quality"))
    assert (back.active, back.department) == (True, "Quality")
    in_plex = customer.employee("10002")
    assert (in_plex["status"], in_plex["department"]) == ("Active", "Quality")
    assert customer.writes() == {"deactivations": 1, "activations": 1, "updates": 1}
    assert 0 < sum(customer.clock.slept) < 10


def test_an_accepted_termination_that_never_shows_is_an_unknown_outcome(customer: PlexCustomer) -> None:
    customer.behave(deactivate_delay=1000)
    connector = customer.connector()
    with pytest.raises(OutcomeUnknownError):
        connector.deactivate(held(connector, "10002"))
    assert 30 <= sum(customer.clock.slept) <= 120


def test_a_failure_while_looking_after_an_accepted_write_is_an_unknown_outcome(customer: PlexCustomer) -> None:
    connector = customer.connector()
    leaver = held(connector, "10002")
    connector.get("00000000-0000-0000-0000-000000000001")
    customer.fault("status", method="GET", path=".*/[0-9a-f-]{36}", skip=1, times=None, status_code=503)
    with pytest.raises(OutcomeUnknownError):
        connector.deactivate(leaver)
    assert customer.employee("10002")["status"] == "Terminated"


def test_statuses_of_one_kind_count_alike(customer: PlexCustomer) -> None:
    customer.change("update_employee", badgeNumber="10002", fields={"status": "Retired"})
    customer.change("update_employee", badgeNumber="10003", fields={"status": "Leave"})
    connector = customer.connector(status_inactive="Terminated, retired")
    assert (held(connector, "10002").active, held(connector, "10003").active) == (False, True)


def test_a_transfer_moves_one_person_and_makes_the_new_plants_fields_true(customer: PlexCustomer) -> None:
    source, target = (str(plant["pcn"]) for plant in customer.plants)
    building = customer.plants[1]["buildings"][0]
    customer.change("update_employee", badgeNumber="10001", fields={"building": None})
    connector = customer.connector()
    moving = held(connector, "10001")
    assert moving.company == source
    wanted = msgspec.structs.replace(moving, company=target, department="Welding", location=building)

    moved = connector.transfer(wanted, source)

    assert (moved.company, moved.department, moved.location) == (target, "Welding", building)
    in_plex = customer.employee("10001")
    assert (in_plex["pcn"], in_plex["id"], in_plex["building"]) == (target, moving.id, building)
    assert connector.transfer(wanted, source) == moved
    assert customer.writes() == {"transfers": 1, "updates": 1}


def test_a_transfer_leaves_the_building_of_the_old_plant_behind(customer: PlexCustomer) -> None:
    source, target = (str(plant["pcn"]) for plant in customer.plants)
    connector = customer.connector()
    moving = held(connector, "10001")
    assert moving.location == customer.plants[0]["buildings"][0]
    building = customer.plants[1]["buildings"][0]

    moved = connector.transfer(msgspec.structs.replace(moving, company=target, location=building), source)

    assert (moved.company, moved.location) == (target, building)
    assert customer.employee("10001")["building"] == building
    assert customer.writes() == {"updates": 2, "transfers": 1}


def test_a_transfer_to_a_plant_nobody_configured_is_refused(customer: PlexCustomer) -> None:
    connector = customer.connector()
    with pytest.raises(ConnectionConfigError, match="PCN 777"):
        connector.transfer(msgspec.structs.replace(held(connector, "10001"), company="777"), customer.pcn)
    assert customer.writes() == {}


def test_two_people_with_one_badge_are_both_seen(customer: PlexCustomer) -> None:
    customer.change("update_employee", badgeNumber="10002", fields={"badgeNumber": "10001"})
    assert len([e for e in customer.connector().employees() if e.number == "10001"]) == 2


def test_every_employee_of_every_plant_is_read_however_long_the_list(make_customer: MakeCustomer) -> None:
    customer = make_customer(plants=[{}, {"code": "two"}], employees=2003)
    connector = customer.connector()
    badges = [employee.number for employee in connector.employees()]
    assert len(badges) == len(set(badges)) == 2003
    everyone = list(connector.employees())
    references = [employee.reference for employee in everyone[::17]]
    assert set(connector.find_by_reference(references)) == set(references)


def test_a_lost_answer_leaves_one_employee_that_is_found(customer: PlexCustomer) -> None:
    connector = customer.connector()
    customer.fault("cut_after", method="POST", path=".*/[Ee]mployees?")
    wanted = hire(connector)
    with pytest.raises(OutcomeUnknownError):
        connector.create(wanted)
    assert connector.find_by_reference([wanted.reference])[wanted.reference].number == "20007"
    assert customer.writes() == {"creates": 1}


def test_an_answer_to_a_create_that_is_no_data_is_an_unknown_outcome(customer: PlexCustomer) -> None:
    connector = customer.connector()
    customer.fault("html", method="POST", path=".*/[Ee]mployees?")
    with pytest.raises(OutcomeUnknownError):
        connector.create(hire(connector))


@pytest.mark.parametrize("kind", ["html", "garbage"])
def test_a_list_that_is_no_list_is_an_error(customer: PlexCustomer, kind: str) -> None:
    connector = customer.connector()
    customer.fault(kind, method="GET", path=".*/[Ee]mployees?", times=None)
    with pytest.raises((UnexpectedReplyError, TemporaryError)):
        list(connector.employees())


def test_a_list_cut_in_the_middle_is_never_a_short_list(customer: PlexCustomer) -> None:
    connector = customer.connector()
    customer.fault("truncate", method="GET", path=".*/[Ee]mployees?")
    try:
        badges = [employee.number for employee in connector.employees()]
    except TemporaryError:
        return
    assert len(badges) == 6


def test_a_row_of_another_shape_stops_the_run(customer: PlexCustomer) -> None:
    customer.change("update_employee", badgeNumber="10001", fields={"department": 7})
    with pytest.raises(UnexpectedReplyError) as unexpected:
        list(customer.connector().employees())
    assert "department" in unexpected.value.detail


def test_somebody_who_vanished_is_not_recreated_by_an_update(customer: PlexCustomer) -> None:
    connector = customer.connector()
    gone = held(connector, "10004")
    customer.change("remove_employee", badgeNumber="10004")
    assert connector.get(gone.id or "") is None
    with pytest.raises(RecordRejectedError, match="no such employee"):
        connector.update(msgspec.structs.replace(gone, department="Welding"))


def test_a_used_user_id_is_refused_by_plex_and_said(customer: PlexCustomer) -> None:
    connector = customer.connector()
    with pytest.raises(RecordRejectedError) as refused:
        connector.create(hire(connector, user_id="u10001"))
    assert refused.value.field == "user_id"
