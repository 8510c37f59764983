"""Wall times that there are not, that there are twice, and all others."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones, reset_tzpath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.scheduling.business_days import BusinessDays, Roll
from sync.scheduling.calendars import Monthly
from sync.scheduling.occurrences import Tied, next_after
from sync.scheduling.refusing import ScheduleError
from sync.scheduling.wall_time import instant_at, local_date, zone_named

USA = "2024-03-10 2025-03-09 2026-03-08", "2024-11-03 2025-11-02 2026-11-01"
EUROPE = "2024-03-31 2025-03-30 2026-03-29", "2024-10-27 2025-10-26 2026-10-25"
AUSTRALIA = "2024-10-06 2025-10-05 2026-10-04", "2024-04-07 2025-04-06 2026-04-05"

# zone, hours from UTC in winter, minutes that clocks go forward, the gap's days and start, the doubled days and start
CLOCK_CHANGES = [
    ("America/New_York", -5, 60, USA[0], "02:00", USA[1], "01:00"),
    ("America/Los_Angeles", -8, 60, USA[0], "02:00", USA[1], "01:00"),
    ("America/St_Johns", -3.5, 60, USA[0], "02:00", USA[1], "01:00"),
    ("America/Havana", -5, 60, USA[0], "00:00", USA[1], "00:00"),
    (
        "America/Santiago",
        -4,
        60,
        "2024-09-08 2025-09-07 2026-09-06",
        "00:00",
        "2024-04-06 2025-04-05 2026-04-04",
        "23:00",
    ),
    ("Atlantic/Azores", -1, 60, EUROPE[0], "00:00", EUROPE[1], "00:00"),
    ("Europe/London", 0, 60, EUROPE[0], "01:00", EUROPE[1], "01:00"),
    ("Europe/Berlin", 1, 60, EUROPE[0], "02:00", EUROPE[1], "02:00"),
    ("Asia/Beirut", 2, 60, EUROPE[0], "00:00", "2024-10-26 2025-10-25 2026-10-24", "23:00"),
    ("Asia/Jerusalem", 2, 60, "2024-03-29 2025-03-28 2026-03-27", "02:00", EUROPE[1], "01:00"),
    ("Africa/Cairo", 2, 60, "2024-04-26 2025-04-25 2026-04-24", "00:00", "2024-10-31 2025-10-30 2026-10-29", "23:00"),
    ("Australia/Sydney", 10, 60, AUSTRALIA[0], "02:00", AUSTRALIA[1], "02:00"),
    ("Australia/Lord_Howe", 10.5, 30, AUSTRALIA[0], "02:00", AUSTRALIA[1], "01:30"),
    ("Pacific/Auckland", 12, 60, "2024-09-29 2025-09-28 2026-09-27", "02:00", AUSTRALIA[1], "02:00"),
]


@pytest.mark.parametrize(("name", "winter", "forward", "gaps", "gap", "folds", "fold"), CLOCK_CHANGES)
def test_on_the_days_when_clocks_change(
    name: str, winter: float, forward: int, gaps: str, gap: str, folds: str, fold: str
) -> None:
    zone = zone_named(name)
    minutes = timedelta(minutes=1)
    for day in gaps.split():
        start = datetime.fromisoformat(f"{day} {gap}+00:00") - timedelta(hours=winter)
        wall = datetime.fromisoformat(f"{day} {gap}")
        for into in range(forward):
            assert instant_of_wall(wall + into * minutes, zone) == start
        assert instant_of_wall(wall + forward * minutes, zone) == start
        assert instant_of_wall(wall - minutes, zone) == start - minutes
        assert instant_of_wall(wall + (forward + 1) * minutes, zone) == start + minutes
    for day in folds.split():
        first = datetime.fromisoformat(f"{day} {fold}+00:00") - timedelta(hours=winter, minutes=forward)
        wall = datetime.fromisoformat(f"{day} {fold}")
        for into in range(forward):
            assert instant_of_wall(wall + into * minutes, zone) == first + into * minutes
        assert instant_of_wall(wall - minutes, zone) == first - minutes
        assert instant_of_wall(wall + forward * minutes, zone) == first + 2 * forward * minutes


def test_a_day_that_was_left_out_ends_with_the_first_instant_of_the_next() -> None:
    zone = zone_named("Pacific/Apia")

    for at in (time(0), time(12, 34), time(23, 59)):
        assert instant_at(date(2011, 12, 30), at, zone) == datetime(2011, 12, 30, 10, tzinfo=UTC)
    assert local_date(datetime(2011, 12, 30, 9, 59, tzinfo=UTC), zone) == date(2011, 12, 29)
    assert local_date(datetime(2011, 12, 30, 10, tzinfo=UTC), zone) == date(2011, 12, 31)


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(sorted(available_timezones() - {"localtime", "posixrules"})),
    day=st.dates(date(1973, 1, 2), date(2037, 12, 30)),
    minute=st.integers(0, 24 * 60 - 1),
)
def test_it_is_the_first_instant_at_which_clocks_show_the_time_or_a_later_one(
    name: str, day: date, minute: int
) -> None:
    """Against every minute of the days around it."""
    zone = zone_named(name)
    wall = datetime.combine(day, time(minute // 60, minute % 60))
    minutes = [wall.replace(tzinfo=UTC) + timedelta(minutes=n) for n in range(-27 * 60, 27 * 60)]
    shown = [instant.astimezone(zone).replace(tzinfo=None) for instant in minutes]
    expected = next(
        (instant for instant, local in zip(minutes, shown, strict=True) if local == wall),
        next((instant for instant, local in zip(minutes, shown, strict=True) if local > wall), None),
    )

    assert instant_at(wall.date(), wall.time(), zone) == expected


@pytest.mark.parametrize("name", ["", "America", "New York", "../../etc/passwd", "/etc/passwd", "a\0b", "x" * 300])
def test_a_zone_there_is_not_is_refused_in_a_sentence(name: str) -> None:
    with pytest.raises(ScheduleError, match=r"is no time zone\. Choose one from the list") as refused:
        zone_named(name)
    assert refused.value.field == "time_zone"


@pytest.fixture
def zone_files(tmp_path: Path) -> Iterator[Path]:
    """A time zone database of our own, before that of the system."""
    reset_tzpath([tmp_path])
    ZoneInfo.clear_cache()
    yield tmp_path
    reset_tzpath()
    ZoneInfo.clear_cache()


def test_when_a_government_changes_its_zone_the_next_occurrence_is_at_the_new_instant(zone_files: Path) -> None:
    (zone_files / "Republic").write_bytes(zone_file("RPT-3"))
    timing = Tied(
        rule=Monthly(25),
        business_days=BusinessDays(),
        roll=Roll.BEFORE,
        offset_days=-2,
        at=time(9, 30),
        zone="Republic",
    )
    now = datetime(2026, 11, 21, tzinfo=UTC)

    before = next_after(timing, now)
    (zone_files / "Republic").write_bytes(zone_file("RPT-4"))
    unaware = next_after(timing, now)
    ZoneInfo.clear_cache()
    after = next_after(timing, now)

    nine_thirty = datetime.fromisoformat("2026-11-23 09:30")
    assert before is not None
    assert after is not None
    assert unaware == before
    assert before.due == datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
    assert after.due == datetime(2026, 11, 23, 5, 30, tzinfo=UTC)
    assert before.local.replace(tzinfo=None) == after.local.replace(tzinfo=None) == nine_thirty


def zone_file(rule: str) -> bytes:
    """RFC 8536: one local time type, and from then on the POSIX rule."""
    counts = struct.pack(">6l", 0, 0, 0, 0, 1, 4)
    body = struct.pack(">lbb", 0, 0, 0) + b"RPT\0"
    header = b"TZif2" + bytes(15) + counts
    return header + body + header + body + f"\n{rule}\n".encode()


def instant_of_wall(wall: datetime, zone: ZoneInfo) -> datetime:
    return instant_at(wall.date(), wall.time(), zone)
