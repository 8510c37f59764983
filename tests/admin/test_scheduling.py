"""How staff say when flows start by themselves, and see what comes and what became of it."""

from __future__ import annotations

import html
import re
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_q.models import Schedule

from audit.models import AuditEntry
from sync.models import CalendarDay, Flow, PayCalendar, Slot, Timing
from tenants.models import Role
from tenants.scope import tenant_scope
from tests.api.company import Company, found
from tests.cast import Cast, make_cast

XMAS = date(2028, 12, 25)  # a Monday
BIWEEKLY = {
    "name": "Plant",
    "rule": "biweekly",
    "anchor": "2028-12-25",
    "roll": "before",
    "country": "US",
    "time_zone": "America/Detroit",
}
NOW = datetime.fromisoformat("2028-12-01T12:00:00+00:00")


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def acme(cast: Cast) -> Company:
    return found(cast.acme)


@pytest.fixture
def december(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is 1 December 2028."""
    monkeypatch.setattr(timezone, "now", lambda: NOW)


def at(cast: Cast, role: Role = Role.ADMINISTRATOR) -> Client:
    client = Client()
    client.force_login(cast.people[role])
    return client


def text_of(answer: Any) -> str:
    assert answer.status_code == 200, answer.status_code
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())))


def made(cast: Cast, **values: str) -> PayCalendar:
    answer = at(cast).post(reverse("admin:sync_paycalendar_add"), BIWEEKLY | values, follow=True)
    assert answer.status_code == 200
    with tenant_scope(cast.acme.id):
        return PayCalendar.objects.get(name=(BIWEEKLY | values)["name"])


def page_of(cast: Cast, calendar: PayCalendar, role: Role = Role.VIEWER) -> str:
    return text_of(at(cast, role).get(reverse("admin:sync_paycalendar_change", args=[calendar.pk])))


def test_a_calendar_says_its_rule_and_its_pay_dates_with_what_moved_them(cast: Cast, december: None) -> None:
    page = page_of(cast, made(cast))
    assert "Every two weeks on Monday, among them 25 Dec 2028." in page
    assert "When that is a weekend or a holiday (US): the business day before." in page
    assert "Fri 22 Dec 2028 moved from Mon 25 Dec: Christmas Day" in page
    assert "Mon 11 Dec 2028" in page


def test_what_is_wrong_with_a_rule_stands_at_its_field_and_nothing_is_kept(cast: Cast) -> None:
    for values, sentence in (
        ({"anchor": ""}, "Enter one of the pay dates."),
        ({"rule": "semimonthly", "first_day": "15", "second_day": "10"}, "must be later in the month"),
        ({"subdivision": "ZZ"}, "is no state or region of US"),
        ({"time_zone": "Detroit"}, "is no time zone"),
    ):
        page = text_of(at(cast).post(reverse("admin:sync_paycalendar_add"), BIWEEKLY | values))
        assert sentence in page
    with tenant_scope(cast.acme.id):
        assert PayCalendar.objects.count() == 0


def imported(cast: Cast, calendar: PayCalendar, kind: str, name: str, content: str) -> str:
    address = reverse("admin:sync_paycalendar_import", args=[calendar.pk])
    file = SimpleUploadedFile(name, content.encode())
    return text_of(at(cast).post(address, {"kind": kind, "file": file}, follow=True))


ICS = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Plant//EN\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20280101T000000Z\r\n"
    "DTSTART;VALUE=DATE:20281222\r\nSUMMARY:Shutdown\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


def test_days_come_from_csv_and_icalendar_and_of_a_bad_file_nothing_is_kept(cast: Cast, december: None) -> None:
    own = made(cast, rule="custom", name="Own")
    assert "This calendar has no pay dates. Enter them, or import them from a file." in page_of(cast, own)
    page = imported(cast, own, "pay_date", "bad.csv", "date\n2028-12-25\n12/31/2028\n")
    assert "Line 3" in page
    with tenant_scope(cast.acme.id):
        assert CalendarDay.objects.count() == 0
    assert "2 days taken over." in imported(cast, own, "pay_date", "own.csv", "date\n2028-12-25\n2028-12-31\n")
    assert "1 days taken over." in imported(cast, own, "holiday", "plant.ics", ICS)
    page = page_of(cast, own)
    assert "Thu 21 Dec 2028 moved from Mon 25 Dec: Christmas Day" in page  # the 22nd is the plant's own holiday
    assert "Fri 29 Dec 2028 moved from Sun 31 Dec: weekend" in page
    with tenant_scope(cast.acme.id):
        entry = AuditEntry.objects.filter(action="calendar.imported").latest("seq")
    assert entry.content.detail["rows"] == 1


def test_a_day_is_entered_and_taken_out_by_hand(cast: Cast, december: None) -> None:
    calendar = made(cast)
    client = at(cast)
    address = reverse("admin:sync_paycalendar_add_day", args=[calendar.pk])
    day = {"kind": "working_day", "day": "2028-12-25"}
    assert "Mon 25 Dec 2028 Working day" in text_of(client.post(address, day, follow=True))
    assert "moved from Mon 25 Dec" not in page_of(cast, calendar)
    both = text_of(client.post(address, day | {"kind": "holiday"}, follow=True))
    assert "2028-12-25 is entered both as a holiday and as a working day." in both
    refused = text_of(client.post(address, day | {"kind": "pay_date"}, follow=True))
    assert "Only a calendar with dates of its own has pay dates to enter." in refused
    with tenant_scope(cast.acme.id):
        [kept] = CalendarDay.objects.all()
    remove = reverse("admin:sync_paycalendar_remove_day", args=[calendar.pk])
    assert "Removed." in text_of(client.post(remove, {"day": kept.pk}, follow=True))


def add_timing(cast: Cast, acme: Company, values: dict[str, str]) -> str:
    address = reverse("admin:sync_timing_add_to_flow", args=[acme.people.pk])
    return text_of(at(cast).post(address, values, follow=True))


def test_a_flow_is_tied_to_a_calendar_and_shows_what_it_starts(cast: Cast, acme: Company, december: None) -> None:
    calendar = made(cast)
    tied = {"kind": "calendar", "calendar": str(calendar.pk), "offset_days": "-2", "at": "06:30"}
    page = add_timing(cast, acme, tied)
    assert "06:30, 2 business days before each pay date of Plant (America/Detroit)" in page
    assert "Wed 20 Dec 2028 06:30 EST for Fri 22 Dec 2028 · moved from Mon 25 Dec: Christmas Day" in page
    flow = text_of(at(cast, Role.VIEWER).get(reverse("admin:sync_flow_change", args=[acme.people.pk])))
    assert "Next starts by its timings" in flow
    assert "Wed 20 Dec 2028 06:30 EST" in flow
    assert "06:30, 2 business days before" in page_of(cast, calendar)
    integration = reverse("admin:sync_integration_change", args=[acme.integration.pk])
    card = text_of(at(cast, Role.VIEWER).get(integration))
    assert "7 Dec 2028 06:30 EST" in card
    assert "by its timings" in card
    refused = at(cast).post(reverse("admin:sync_paycalendar_remove", args=[calendar.pk]), follow=True)
    assert "Still tied to this calendar: People · People. Remove that first." in text_of(refused)


def test_the_days_on_which_clocks_change_are_marked(cast: Cast, acme: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOW + timedelta(days=98))  # 9 March 2029
    page = add_timing(cast, acme, {"kind": "cron", "cron": "30 2 * * *", "time_zone": "America/Detroit"})
    assert "Sun 11 Mar 2029 03:00 EDT · clocks leave out 02:30 on Sun 11 Mar · clocks change on this day" in page
    assert page.count("clocks change on this day") == 1


def test_what_is_wrong_with_a_timing_stands_at_its_field(cast: Cast, acme: Company, december: None) -> None:
    own = made(cast, rule="custom", name="Own")
    cron = {"kind": "cron", "time_zone": "America/Detroit"}
    assert "five parts" in add_timing(cast, acme, cron | {"cron": "often"})
    assert "may be asked every 5 minutes at most" in add_timing(cast, acme, cron | {"cron": "*/2 * * * *"})
    assert "Choose a pay calendar." in add_timing(cast, acme, {"kind": "calendar", "at": "06:00"})
    empty = {"kind": "calendar", "calendar": str(own.pk), "at": "06:00", "offset_days": "-1"}
    assert "This calendar has no pay dates." in add_timing(cast, acme, empty)
    with tenant_scope(cast.acme.id):
        assert Timing.objects.count() == 0
    assert not Schedule.objects.filter(name__contains=str(cast.acme.id)).exists()


def test_a_timing_is_changed_and_removed(cast: Cast, acme: Company, december: None) -> None:
    add_timing(cast, acme, {"kind": "cron", "cron": "0 6 * * *", "time_zone": "America/Detroit"})
    with tenant_scope(cast.acme.id):
        timing = Timing.objects.get()
        Slot.objects.create(timing=timing, due_at=NOW, state=Slot.State.CAUGHT_UP, note="moved")
    shown = at(cast).get(reverse("admin:sync_timing_rule", args=[timing.pk])).content.decode()
    assert 'value="0 6 * * *"' in shown
    changed = {"kind": "cron", "cron": "0 7 * * *", "time_zone": "America/Detroit"}
    page = text_of(at(cast).post(reverse("admin:sync_timing_rule", args=[timing.pk]), changed, follow=True))
    assert "“0 7 * * *”" in page
    assert "Caught up" in page
    assert Schedule.objects.filter(name__contains=str(timing.pk)).count() == 1
    gone = at(cast).post(reverse("admin:sync_timing_remove", args=[timing.pk]), follow=True)
    assert "Only when asked." in text_of(gone)
    assert not Schedule.objects.filter(name__contains=str(timing.pk)).exists()
    with tenant_scope(cast.acme.id):
        verbs = set(AuditEntry.objects.filter(subject_kind="timing").values_list("action", flat=True))
    assert verbs == {"timing.created", "timing.changed", "timing.removed"}


@pytest.mark.parametrize("role", [Role.VIEWER, Role.PREPARER, Role.APPROVER])
def test_others_look_and_change_nothing(cast: Cast, acme: Company, role: Role) -> None:
    calendar = made(cast)
    add_timing(cast, acme, {"kind": "cron", "cron": "0 6 * * *", "time_zone": "America/Detroit"})
    with tenant_scope(cast.acme.id):
        timing = Timing.objects.get()
    client = at(cast, role)
    assert "Plant" in text_of(client.get(reverse("admin:sync_paycalendar_changelist")))
    assert "Change…" not in page_of(cast, calendar, role)
    for name, pk in (
        ("sync_paycalendar_add", None),
        ("sync_paycalendar_rule", calendar.pk),
        ("sync_paycalendar_import", calendar.pk),
        ("sync_paycalendar_add_day", calendar.pk),
        ("sync_paycalendar_remove_day", calendar.pk),
        ("sync_paycalendar_remove", calendar.pk),
        ("sync_timing_add_to_flow", acme.people.pk),
        ("sync_timing_rule", timing.pk),
        ("sync_timing_remove", timing.pk),
    ):
        answer = client.post(reverse(f"admin:{name}", args=[pk] if pk else []), BIWEEKLY)
        assert answer.status_code == 403, name
    with tenant_scope(cast.acme.id):
        assert (PayCalendar.objects.count(), Timing.objects.count()) == (1, 1)


def test_the_least_number_of_records_is_set_on_the_flows_page(cast: Cast, acme: Company) -> None:
    values = {"every_minutes": "", "full_every_hours": "24", "max_change_percent": "20", "least_records": "40"}
    at(cast).post(reverse("admin:sync_flow_settings", args=[acme.people.pk]), values)
    with tenant_scope(cast.acme.id):
        assert Flow.objects.get(pk=acme.people.pk).least_records == 40


def asked(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
    return len(queries)


def test_ten_thousand_slots_cost_as_many_queries_as_one(cast: Cast, acme: Company, december: None) -> None:
    calendar = made(cast)
    add_timing(cast, acme, {"kind": "calendar", "calendar": str(calendar.pk), "offset_days": "-30", "at": "06:00"})
    with tenant_scope(cast.acme.id):
        timing = Timing.objects.get()
    pages = [
        reverse("admin:sync_timing_change", args=[timing.pk]),
        reverse("admin:sync_timing_change", args=[timing.pk]) + "?page=150",
        reverse("admin:sync_flow_change", args=[acme.people.pk]),
        reverse("admin:sync_paycalendar_changelist"),
        reverse("admin:sync_paycalendar_change", args=[calendar.pk]),
    ]
    client = at(cast)
    few = [asked(client, address) for address in pages]
    with tenant_scope(cast.acme.id):
        Slot.objects.bulk_create(
            [Slot(timing=timing, due_at=NOW - timedelta(hours=n), state="started") for n in range(10_000)], 2000
        )
        for n in range(10):
            PayCalendar.objects.create(name=f"C{n}", rule="monthly", first_day=15, time_zone="UTC")
            values = {"flow": acme.people, "kind": "calendar", "calendar": calendar, "at": "06:00", "offset_days": n}
            Timing.objects.create(**values, time_zone="UTC")
    assert [asked(client, address) for address in pages] == few
