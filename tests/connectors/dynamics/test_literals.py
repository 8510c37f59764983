"""What we write into keys and filters is what Dynamics reads: held against a reader of its own grammar."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.dynamics import literals
from connectors.dynamics.literals import EnumMember, Value

TEXTS = st.text(st.characters(codec="utf-8"))
VALUES = st.one_of(
    TEXTS,
    st.integers(),
    st.decimals(allow_nan=False, allow_infinity=False, places=2),
    st.dates(),
    st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(microsecond=0)),
    st.builds(EnumMember, st.just("NoYes"), TEXTS.filter(lambda text: "\n" not in text)),
)


def words(text: str) -> list[str]:
    """A filter cut into literals and words, as a server reads it: a quote ends a text unless it is doubled."""
    found, place = [], 0
    while place < len(text):
        if text[place] == "'":
            value, place = "", place + 1
            while text[place] != "'" or text[place : place + 2] == "''":
                value += text[place]
                place += 2 if text[place] == "'" else 1
            found.append(f"text:{value}")
            place += 1
        elif text[place] == " ":
            place += 1
        else:
            end = min((i for i in (text.find(" ", place), text.find("'", place)) if i >= 0), default=len(text))
            found.append(text[place:end])
            place = end
    return found


@given(TEXTS)
def test_a_server_reads_the_text_we_meant_whatever_it_holds(text: str) -> None:
    assert words(literals.equal("Description", text)) == ["Description", "eq", f"text:{text}"]


@given(TEXTS, TEXTS)
def test_a_text_never_becomes_another_condition(first: str, second: str) -> None:
    where = literals.both(literals.equal("Name", first), literals.equal("Type", EnumMember("NoYes", second)))
    enum = ["(Type", "eq", "Microsoft.Dynamics.DataEntities.NoYes"]
    assert words(where) == ["(Name", "eq", f"text:{first}", ")", "and", *enum, f"text:{second}", ")"]


@given(VALUES)
def test_every_value_comes_back_from_its_literal(value: Value) -> None:
    read = literals.parse(literals.literal(value))
    if isinstance(value, datetime) and (value.hour, value.minute, value.second) == (12, 0, 0):
        assert read == value.date()
    else:
        assert read == value


@given(st.dictionaries(st.sampled_from(["dataAreaId", "PersonnelNumber", "LineNumber"]), TEXTS, min_size=1))
def test_a_key_in_an_address_holds_its_texts_and_nothing_that_parts_an_address(values: dict[str, str]) -> None:
    written = literals.key(values)
    assert not set(written) & set(" /?#&+%") - {"%"}
    inside = unquote(written)[1:-1]
    assert inside == ",".join(f"{name}={literals.literal(value)}" for name, value in values.items())


def test_a_key_is_written_as_dynamics_shows_it() -> None:
    written = literals.key({"dataAreaId": "usmf", "JournalBatchNumber": "O'Neil 1", "LineNumber": 1})
    assert written == "(dataAreaId='usmf',JournalBatchNumber='O''Neil%201',LineNumber=1)"
    start = datetime(2020, 1, 1, tzinfo=UTC)
    assert literals.key({"EmploymentStartDate": start}) == "(EmploymentStartDate=2020-01-01T00:00:00Z)"


def test_conditions_are_grouped() -> None:
    some = literals.either([literals.equal("A", "1"), literals.equal("A", "2")])
    assert literals.both(some, "", literals.equal("B", literals.YES)) == (
        "((A eq '1') or (A eq '2')) and (B eq Microsoft.Dynamics.DataEntities.NoYes'Yes')"
    )
    assert literals.both("", "A eq 1") == "A eq 1"
    days = literals.between("TransDate", date(2026, 6, 1), date(2026, 6, 30))
    assert days == "TransDate ge 2026-06-01T12:00:00Z and TransDate le 2026-06-30T12:00:00Z"
    assert literals.begins("Text", "PAY ") == "Text eq 'PAY *'"


@given(st.dates(date(1900, 1, 2), date(2154, 1, 1)))
def test_a_day_stays_the_same_day_in_every_time_zone(day: date) -> None:
    written = literals.text_of(day)
    assert literals.read_day(written) == day
    for hours in range(-11, 12):
        assert datetime.fromisoformat(written).astimezone(timezone(timedelta(hours=hours))).date() == day


LIVES = (datetime(1901, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


@given(st.datetimes(*(end.replace(tzinfo=None) for end in LIVES), timezones=st.timezones()))
def test_an_instant_is_written_in_utc(moment: datetime) -> None:
    assert literals.read_instant(literals.text_of(moment)) == moment.astimezone(UTC).replace(microsecond=0)


def test_what_dynamics_writes_for_nothing_and_for_ever_is_none() -> None:
    assert literals.read_day("1900-01-01T12:00:00Z") is None
    assert literals.read_instant("1900-01-01T00:00:00Z") is None
    assert literals.read_instant(None) is None
    assert literals.read_end("2154-12-31T23:59:59Z") is None
    assert literals.read_end("2154-12-31T00:00:00Z") is None
    assert literals.read_end("2026-03-01T05:59:59Z") == datetime(2026, 3, 1, 5, 59, 59, tzinfo=UTC)


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        literals.text_of(datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None))


@pytest.mark.parametrize("text", ["", "'", "'a", "'a'b'", "usmf", "1.", "NoYes'Yes'", "2026-01-01"])
def test_what_is_no_literal_is_not_read(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        literals.parse(text)


def test_a_body_has_bare_names_and_noons() -> None:
    assert literals.json_value(literals.NO) == "No"
    assert literals.json_value(date(2026, 6, 30)) == "2026-06-30T12:00:00Z"
    assert literals.json_value(literals.OPEN_END) == "2154-12-31T23:59:59Z"
    assert literals.json_value(Decimal("1200.00")) == Decimal("1200.00")
