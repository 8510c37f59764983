"""Dates out of files: what is read, and what is refused with its line or event."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.scheduling.calendar_files import holidays_in, pay_dates_in
from sync.scheduling.refusing import ScheduleError

TODAY = date(2026, 11, 21)
NEW_YORK = ZoneInfo("America/New_York")


def holidays(data: str | bytes) -> dict[str, str]:
    content = data if isinstance(data, bytes) else data.encode()
    return {day.isoformat(): name for day, name in holidays_in(content, TODAY, NEW_YORK).items()}


def calendar(*events: str) -> str:
    """Each event as its lines."""
    parts = [f"BEGIN:VEVENT\n{lines.strip()}\nEND:VEVENT" for lines in events]
    return "\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *parts, "END:VCALENDAR"]).replace("\n", "\r\n")


def test_a_csv_file_gives_its_dates_in_order_with_names() -> None:
    file = '\ufeffName,Date,Paid\r\n"Christmas, at last",2026-12-25,yes\r\n\r\n,2026-12-24,\r\nFounders,2026-12-24,\r\n'

    assert holidays(file) == {"2026-12-24": "Founders", "2026-12-25": "Christmas, at last"}
    assert pay_dates_in(file.encode(), TODAY, NEW_YORK) == (date(2026, 12, 24), date(2026, 12, 25))


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        (b"", "one column named “date”"),
        (b"day\n2026-12-25\n", "Line 1: the file must have one column named “date”"),
        (b"date,date\n2026-12-25,2026-12-25\n", "one column named “date”"),
        (b"date\n", "There are no dates in the file."),
        (b"date\n2026-12-25\n12/24/2026\n", "Line 3: “12/24/2026” is no date. Write the year, month and day as in"),
        (b"date\n20261225\n", "Line 2: “20261225” is no date"),
        (b"date\n2026-02-29\n", "Line 2: “2026-02-29” is no date"),
        (b"name,date\nChristmas\n", "Line 2: “” is no date"),
        (b"date,name\n2026-12-25,Christmas, at last\n", "Line 2: there are more cells than columns"),
        (b"date\n0206-12-25\n", "Line 2: 0206-12-25 is not between 1900 and 2100"),
        (b'date,name\n2026-12-25,"Christmas\n', "this cannot be read as CSV"),
        ("date,name\n2026-12-25,Noël\n".encode("cp1252"), "Line 2: this is not UTF-8"),
        (b"date\n" + b"2026-12-25\n" * 5001, "more than 5,000 dates"),
        (b"date\n" + b"2026-12-25\n" * 100_000, "larger than 1 MB"),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value[:25]),
)
def test_a_csv_file_with_one_bad_line_gives_nothing(file: bytes, sentence: str) -> None:
    with pytest.raises(ScheduleError, match=sentence) as refused:
        holidays_in(file, TODAY, NEW_YORK)
    assert refused.value.field == "file"
    assert str(refused.value).endswith("Nothing was imported.")


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ("DTSTART;VALUE=DATE:20261225\nSUMMARY:Christmas", "2026-12-25"),
        ("DTSTART;VALUE=DATE:20261225\nDTEND;VALUE=DATE:20261226", "2026-12-25"),
        ("DTSTART;VALUE=DATE:20261225\nDTEND;VALUE=DATE:20261225", "2026-12-25"),
        # a date of the zone it is written in; in UTC, of the calendar's
        ("DTSTART;TZID=Asia/Tokyo:20261225T003000\nDTEND;TZID=Asia/Tokyo:20261225T013000", "2026-12-25"),
        ("DTSTART:20261225T233000", "2026-12-25"),
        ("DTSTART:20261225T033000Z", "2026-12-24"),
        # several days
        ("DTSTART;VALUE=DATE:20261230\nDTEND;VALUE=DATE:20270102", "2026-12-30 2026-12-31 2027-01-01"),
        ("DTSTART;VALUE=DATE:20261230\nDURATION:P2D", "2026-12-30 2026-12-31"),
        # repeating: from a year ago to ten years from now
        ("DTSTART;VALUE=DATE:20001225\nRRULE:FREQ=YEARLY", " ".join(f"{year}-12-25" for year in range(2025, 2036))),
        (
            "DTSTART;VALUE=DATE:20261126\nRRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH;COUNT=3",
            "2026-11-26 2027-11-25 2028-11-23",
        ),
        (
            "DTSTART;VALUE=DATE:20261130\nRRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;UNTIL=20270131",
            "2026-11-30 2026-12-31 2027-01-29",
        ),
        (
            "DTSTART;VALUE=DATE:20261120\nRRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=4\nEXDATE;VALUE=DATE:20261204\nEXDATE;VALUE=DATE:20261218",
            "2026-11-20 2027-01-01",
        ),
        (
            "DTSTART;VALUE=DATE:20261120\nRRULE:FREQ=WEEKLY;COUNT=1\nRDATE;VALUE=DATE:20261224,20261231",
            "2026-11-20 2026-12-24 2026-12-31",
        ),
        # at 23:00 over a change of clocks, and until an instant of UTC
        (
            "DTSTART;TZID=America/New_York:20261030T230000\nRRULE:FREQ=DAILY;UNTIL=20261103T040000Z",
            "2026-10-30 2026-10-31 2026-11-01 2026-11-02",
        ),
        ("DTSTART:20261225T033000Z\nRRULE:FREQ=WEEKLY;UNTIL=20270101T033000Z", "2026-12-24 2026-12-31"),
        # until the end of time
        (
            "DTSTART;TZID=Asia/Tokyo:20321225T003000\nRRULE:FREQ=YEARLY;UNTIL=99991231T235959Z",
            " ".join(f"{year}-12-25" for year in range(2032, 2036)),
        ),
    ],
)
def test_the_days_of_an_event(event: str, expected: str) -> None:
    assert " ".join(holidays(calendar(event))) == expected


def test_events_have_names_and_what_is_cancelled_or_moved_is_where_it_is_now() -> None:
    file = calendar(
        "UID:a\nDTSTART;VALUE=DATE:20261201\nRRULE:FREQ=WEEKLY;COUNT=3\nSUMMARY:Pay\\, day\u200b  one",
        "UID:a\nRECURRENCE-ID;VALUE=DATE:20261208\nDTSTART;VALUE=DATE:20261207\nSUMMARY:Early",
        "UID:a\nRECURRENCE-ID;VALUE=DATE:20261215\nDTSTART;VALUE=DATE:20261215\nSTATUS:CANCELLED",
        "UID:b\nDTSTART;VALUE=DATE:20261224\nSTATUS:CANCELLED",
    )

    assert holidays(file) == {"2026-12-01": "Pay, day one", "2026-12-07": "Early"}


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        ("SUMMARY:nothing", "Event 2: DTSTART is missing or no date"),
        ("DTSTART;VALUE=DATE:2026xx25", "Event 2: DTSTART cannot be read"),
        ("DTSTART:101010", "Event 2: DTSTART is missing or no date"),
        ("DTSTART;VALUE=DATE:20261225\nDTSTART;VALUE=DATE:20261226", "Event 2: DTSTART is there more than once"),
        ("DTSTART;VALUE=DATE:20261225\nDTEND;VALUE=DATE:20261224", "Event 2: it ends before it begins"),
        ("DTSTART;VALUE=DATE:20261225\nRRULE:FREQ=YEARLY;BYDAY=xx", "Event 2: RRULE cannot be read"),
        ("DTSTART;VALUE=DATE:20261225\nRRULE:FREQ=MONTHLY;BYDAY=9MO", "Event 2: how it repeats .* cannot be read"),
        ("DTSTART:00010101T000000Z", "Event 2: 0001-01-01 is not between"),
        ("DTSTART;VALUE=DATE:99991231\nDURATION:P3D", "Event 2: it goes beyond the year 9999"),
        ("DTSTART;VALUE=DATE:20261225\nRRULE:FREQ=SECONDLY", "Event 2: it repeats .* not known here"),
        ("DTSTART;VALUE=DATE:20261225\nRRULE:FREQ=DAILY;BYHOUR=1,2,3", "Event 2: it repeats .* not known here"),
        ("DTSTART;VALUE=DATE:20261225\nRRULE:COUNT=2", "Event 2: it repeats .* not known here"),
        ("DTSTART;VALUE=DATE:20261225\nRRULE:FREQ=YEARLY;INTERVAL=0", "Event 2: how it repeats"),
        ("DTSTART;VALUE=DATE:20261225\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "Event 2: there is no day on which"),
        ("DTSTART;VALUE=DATE:20261225\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "Event 2: it repeats .* not known"),
        ("DTSTART;VALUE=DATE:19000101\nRRULE:FREQ=DAILY", "Event 2: it begins before 1970"),
        ("DTSTART;VALUE=DATE:22001225", "Event 2: 2200-12-25 is not between"),
        ("DTSTART;VALUE=DATE:20261225\nRDATE;VALUE=PERIOD:19960403T020000Z/19960403T040000Z", "Event 2: RDATE has"),
    ],
)
def test_an_event_that_cannot_be_kept_is_named_and_nothing_is_imported(event: str, sentence: str) -> None:
    with pytest.raises(ScheduleError, match=sentence) as refused:
        holidays(calendar("DTSTART;VALUE=DATE:20261224", event))
    assert refused.value.field == "file"


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART", "Line 3: the file ends before END:VEVENT"),
        (calendar("DTSTART;VALUE=DATE:20261225\nEND:VALARM"), "Line 5: END:VALARM is not where it should be"),
        (calendar("nonsense"), "Event 1: one of its lines cannot be read"),
        (calendar(), "no dates in the file"),
        (calendar(*["DTSTART;VALUE=DATE:20261225"] * 5001), "more than 5,000 events"),
        (calendar(*["DTSTART;VALUE=DATE:20261225\nRRULE:FREQ=YEARLY"] * 101), "more than 100 events that repeat"),
        (calendar(*["DTSTART;VALUE=DATE:20200101\nRRULE:FREQ=DAILY"] * 9), "more than 5,000 dates"),
        (
            calendar(*["DTSTART;VALUE=DATE:19700101\nRRULE:FREQ=DAILY;UNTIL=20200101"] * 100),
            "Event 3: by now the events repeat more than 50,000 times",
        ),
        (
            "BEGIN:VCALENDAR\r\n" + "BEGIN:VEVENT\r\n" * 9000 + "END:VEVENT\r\n" * 9000 + "END:VCALENDAR",
            "Line 3: BEGIN:VEVENT is not where it should be",
        ),
    ],
    ids=["cut off", "not begun", "nonsense", "no dates", "events", "repeating", "dates", "repetitions", "nested"],
)
def test_a_file_without_bounds_or_sense_is_refused(file: str, sentence: str) -> None:
    with pytest.raises(ScheduleError, match=sentence):
        holidays(file)


def test_a_pay_date_is_one_day() -> None:
    file = calendar("DTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20261227")

    with pytest.raises(ScheduleError, match=r"Event 1 lasts several days\."):
        pay_dates_in(file.encode(), TODAY, NEW_YORK)
    assert list(holidays(file)) == ["2026-12-24", "2026-12-25", "2026-12-26"]


LINES = (
    """
BEGIN:VEVENT|END:VEVENT|BEGIN:VTIMEZONE|END:VTIMEZONE|END:VCALENDAR|BEGIN:VCALENDAR|UID:x|TZID:X|:|x|SUMMARY;X="y:z
DTSTART:20261225|DTSTART;VALUE=DATE:20261225|DTSTART;TZID=X:20261225T000000|DTSTART:PT1H|DTSTART:20261225T000000Z
DTEND:20261226T000000Z|DTEND;VALUE=DATE:20261228|DURATION:P2D|DURATION:x|STATUS:CANCELLED|STATUS:x
RRULE:FREQ=YEARLY|RRULE:FREQ=MONTHLY;BYDAY=9XX|RRULE:FREQ=WEEKLY;UNTIL=20270101|RRULE:FREQ=MONTHLY;BYMONTHDAY=99|RRULE:x
DTSTART:00010101T000000Z|DTSTART:99991231T235959Z|DURATION:P9D|RRULE:FREQ=MONTHLY;BYDAY=9MO|RRULE:FREQ=YEARLY;BYDAY=60FR
RRULE:FREQ=YEARLY;COUNT=x|RRULE:FREQ=YEARLY;BYSETPOS=0|RRULE:FREQ=WEEKLY;UNTIL=20270101T000000Z|RRULE:FREQ=DAILY;UNTIL=x
RRULE:FREQ=YEARLY;BYMONTH=5L|RRULE:FREQ=WEEKLY;WKST=x|RRULE:FREQ=WEEKLY;COUNT=1,2|RRULE:FREQ=YEARLY,DAILY
EXDATE:20261225|EXDATE:x|RDATE:20270101T000000Z|RECURRENCE-ID:20261225T000000|RECURRENCE-ID:x|EXDATE:PT1H
""".strip()
    .replace("\n", "|")
    .split("|")
)


def as_event(lines: list[str]) -> bytes:
    return "\r\n".join(["BEGIN:VCALENDAR", "BEGIN:VEVENT", *lines, "END:VEVENT", "END:VCALENDAR"]).encode()


@settings(deadline=None, max_examples=400)
@given(
    data=st.one_of(
        st.binary(max_size=300),
        st.text(max_size=200).map(lambda text: f"date,name\n{text}".encode("utf-8", "replace")),
        st.lists(st.sampled_from(LINES), max_size=8).map(as_event),
        st.lists(st.sampled_from(LINES), max_size=4).map(lambda lines: as_event(["DTSTART:20261225", *lines])),
    )
)
def test_whatever_is_in_a_file_there_are_dates_or_a_sentence(data: bytes) -> None:
    found: dict[date, str] = {}
    refused = ""
    try:
        found = holidays_in(data, TODAY, NEW_YORK)
    except ScheduleError as error:
        refused = str(error)

    assert found or refused.endswith("Nothing was imported.")
