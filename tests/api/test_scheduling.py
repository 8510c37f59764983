"""A program says when flows start by themselves, and reads what comes and what became of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.utils import timezone
from django_q.models import Schedule

from sync.models import Flow, Slot, Timing
from tenants.scope import tenant_scope
from tests.api.caller import Caller
from tests.api.company import Company, found
from tests.cast import Cast

NOW = datetime.fromisoformat("2028-12-01T12:00:00+00:00")
PLANT = {
    "name": "Plant",
    "rule": "biweekly",
    "anchor": "2028-12-25",
    "country": "US",
    "time_zone": "America/Detroit",
}


@pytest.fixture(autouse=True)
def _december(monkeypatch: pytest.MonkeyPatch, cast: Cast) -> None:
    """It is 1 December 2028; keys were made before."""
    monkeypatch.setattr("sync.api.views.ApiViewSet.now", lambda self: NOW)


@pytest.fixture
def acme(cast: Cast) -> Company:
    return found(cast.acme)


def calendar(ada: Caller, **values: Any) -> Any:
    return ada.post("pay-calendars/", PLANT | values).ok(201)


def tie(ada: Caller, acme: Company, made: Any, **values: Any) -> Any:
    body = {"flow": str(acme.people.pk), "kind": "calendar", "calendar": made["id"], "offset_days": -2, "at": "06:30"}
    return ada.post("timings/", body | values).ok(201)


def test_a_calendar_is_made_once_and_tells_its_pay_dates(ada: Caller) -> None:
    first = ada.post("pay-calendars/", PLANT, Idempotency_Key="one").ok(201)
    assert ada.post("pay-calendars/", PLANT, Idempotency_Key="one").ok(201) == first
    assert ada.post("pay-calendars/", PLANT).errors() == {"": "Another pay calendar has this name."}
    dates = ada.get(f"pay-calendars/{first['id']}/pay-dates/").ok()["results"]
    assert dates[1] == {
        "pay_date": "2028-12-22",
        "nominal": "2028-12-25",
        "note": "moved from Mon 25 Dec: Christmas Day",
    }
    assert len(dates) == 20
    changed = ada.patch(f"pay-calendars/{first['id']}/", {"roll": "after"}).ok()
    assert (changed["roll"], changed["anchor"]) == ("after", "2028-12-25")
    assert set(ada.post("pay-calendars/", {**PLANT, "name": "B", "anchor": None}).errors()) == {"anchor"}


def test_days_are_imported_entered_and_taken_out(ada: Caller) -> None:
    own = calendar(ada, rule="custom")
    assert own["problem"].startswith("This calendar has no pay dates.")
    address = f"pay-calendars/{own['id']}/import/"
    bad = ada("POST", f"{address}?kind=pay_date", b"date\n2028-12-25\nsoon\n", Content_Type="text/csv")
    assert "Line 3" in bad.errors()["file"]
    assert ada.get(f"calendar-days/?calendar={own['id']}").ok()["results"] == []
    good = ada("POST", f"{address}?kind=pay_date", b"date\n2028-12-25\n2029-01-08\n", Content_Type="text/csv")
    assert good.ok() == {"imported": 2}
    event = b"BEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20280101T000000Z\r\nDTSTART;VALUE=DATE:20281222\r\nEND:VEVENT\r\n"
    ics = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\n" + event + b"END:VCALENDAR\r\n"
    assert ada("POST", f"{address}?kind=holiday", ics, Content_Type="text/calendar").ok() == {"imported": 1}
    assert set(ada("POST", address, b"date\n", Content_Type="text/csv").errors()) == {"kind"}
    [first, *_] = ada.get(f"pay-calendars/{own['id']}/pay-dates/").ok()["results"]
    assert first["pay_date"] == "2028-12-21"
    day = {"calendar": own["id"], "kind": "holiday", "day": "2028-12-21", "name": "Shutdown"}
    entered = ada.post("calendar-days/", day).ok(201)
    assert ada.post("calendar-days/", day | {"name": "Closed"}).ok(201)["id"] == entered["id"]
    assert ada.delete(f"calendar-days/{entered['id']}/").status == 204
    assert ada.get(f"calendar-days/{entered['id']}/").status == 404


def test_a_timing_starts_a_flow_and_is_changed_and_removed(ada: Caller, acme: Company, cast: Cast) -> None:
    made = calendar(ada)
    timing = tie(ada, acme, made)
    assert (timing["next_at"], timing["time_zone"], timing["problem"]) == (
        "2028-12-07T11:30:00Z",
        "America/Detroit",
        "",
    )
    starts = ada.get(f"timings/{timing['id']}/starts/").ok()["results"]
    assert starts[1]["local"] == "2028-12-20T06:30:00-05:00"
    assert starts[1]["due"] == "2028-12-20T11:30:00Z"
    assert starts[1]["note"] == "moved from Mon 25 Dec: Christmas Day"
    assert Schedule.objects.filter(name__contains=timing["id"]).count() == 1
    assert ada.delete(f"pay-calendars/{made['id']}/").problem(409)["detail"].startswith("Still tied to this calendar")
    later = ada.patch(f"timings/{timing['id']}/", {"at": "07:00"}).ok()
    assert later["next_at"] == "2028-12-07T12:00:00Z"
    again = {"flow": str(acme.people.pk), "kind": "calendar", "calendar": made["id"], "offset_days": -2, "at": "07:00"}
    assert "has this timing already" in str(ada.post("timings/", again).problem(400))
    with tenant_scope(cast.acme.id):
        slot = Slot.objects.create(timing=Timing.objects.get(), due_at=timezone.now(), state=Slot.State.MISSED)
    assert ada.get(f"slots/?timing={timing['id']}&state=missed").ok()["results"][0]["id"] == slot.pk
    assert ada.delete(f"timings/{timing['id']}/").status == 204
    assert not Schedule.objects.filter(name__contains=timing["id"]).exists()
    assert ada.delete(f"pay-calendars/{made['id']}/").status == 204


def test_vendors_floors_and_the_least_number_of_records(ada: Caller, acme: Company, cast: Cast) -> None:
    cron = {"flow": str(acme.people.pk), "kind": "cron", "cron": "* * * * *", "time_zone": "America/Detroit"}
    assert "may be asked every 5 minutes at most" in ada.post("timings/", cron).errors()["cron"]
    flow = f"flows/{acme.people.pk}/"
    assert ada.patch(flow, {"least_records": 40, "every_minutes": 10}).ok()["least_records"] == 40
    assert "least_records" in ada.patch(flow, {"least_records": 0}).errors()
    with tenant_scope(cast.acme.id):
        assert Flow.objects.get(pk=acme.people.pk).next_run_at is not None
    assert Schedule.objects.filter(name__contains=str(acme.people.pk)).count() == 1


def test_a_preparer_and_a_viewer_read_it_all(ada: Caller, vera: Caller, pat: Caller, acme: Company) -> None:
    made = calendar(ada)
    timing = tie(ada, acme, made)
    for address in ("pay-calendars/", f"pay-calendars/{made['id']}/pay-dates/", f"timings/{timing['id']}/starts/"):
        assert vera.get(address).ok()["results"]
    assert pat.patch(f"timings/{timing['id']}/", {"at": "07:00"}).status == 403
