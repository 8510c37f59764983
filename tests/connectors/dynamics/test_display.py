"""Accounts in our words and in Dynamics' display strings, there and back, whatever their values hold."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.dynamics.display import (
    DELIMITERS,
    MAIN_ACCOUNT,
    Format,
    account_text,
    display,
    read_account,
    read_display,
)
from connectors.vendors import VENDORS

DIMENSIONS = ("Department", "CostCenter", "BusinessUnit")
HYPHEN = Format((MAIN_ACCOUNT, *DIMENSIONS), "-")

awkward = st.text(st.sampled_from("ab0 -._|~\\=*'ÄЖ\t"), max_size=8)
values = st.one_of(awkward, st.text(max_size=8))
delimiters = st.sampled_from(sorted(DELIMITERS.values()))


@pytest.mark.parametrize(
    ("account", "shown"),
    [
        ("601500|Department=022|CostCenter=0015", "601500-022-0015-"),
        ("601500|CostCenter=0015|Department=022", "601500-022-0015-"),
        ("601500|costcenter=0015", "601500--0015-"),
        ("401100", "401100---"),
        ("401100|Department=", "401100---"),
        ("401100|BusinessUnit= 0 ", "401100--- 0 "),
        ("DAT-0000000002|Department=a\\|b\\=c", "DAT\\-0000000002-a|b=c--"),
    ],
)
def test_values_stand_in_the_order_of_the_format(account: str, shown: str) -> None:
    assert display(read_account(account), HYPHEN) == shown


def test_a_short_display_string_has_the_first_dimensions() -> None:
    assert read_display("601500", HYPHEN) == {MAIN_ACCOUNT: "601500"}
    assert read_display("601500--0015", HYPHEN) == {MAIN_ACCOUNT: "601500", "CostCenter": "0015"}
    assert read_display("001--", Format(DIMENSIONS, "-")) == {"Department": "001"}
    with pytest.raises(ValueError, match="5 values where the format has 4"):
        read_display("601500----", HYPHEN)


def test_a_backslash_dynamics_left_alone_is_part_of_the_value() -> None:
    assert read_display(r"a\b-\\x-c\-d", HYPHEN) == {MAIN_ACCOUNT: r"a\b", "Department": r"\x", "CostCenter": "c-d"}
    assert read_display("601500-022\\", HYPHEN)["Department"] == "022\\"


def test_a_single_half_of_a_doubled_delimiter_stays_as_people_write_it() -> None:
    form = Format((MAIN_ACCOUNT, "Department"), "--")
    assert display({MAIN_ACCOUNT: "A-100", "Department": "x--y"}, form) == r"A-100--x\-\-y"
    for shown in (r"A-100--x\-\-y", r"A\-100--x\--y"):
        assert read_display(shown, form) == {MAIN_ACCOUNT: "A-100", "Department": "x--y"}


def test_a_dimension_the_format_lacks_is_refused_and_not_dropped() -> None:
    with pytest.raises(ValueError, match=r"Worker is not part of .*'MainAccount-Department-CostCenter-BusinessUnit'"):
        display(read_account("601500|Worker=000123"), HYPHEN)
    assert display(read_account("601500|Worker="), HYPHEN) == "601500---"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "main account"),
        ("|Department=022", "main account"),
        ("MainAccount=601500", "main account"),
        ("601500|Department", "name, '=' and its value"),
        ("601500|=022", "name, '=' and its value"),
        ("601500|", "name, '=' and its value"),
        ("601500|Department=0=2", "name, '=' and its value"),
        ("601500|Department=022|department=023", "twice"),
        ("601500|mainaccount=601500", "twice"),
        ("601500|Department=022\\", "backslash"),
    ],
)
def test_what_is_no_account_is_said_in_a_sentence(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as wrong:
        read_account(text)
    assert str(wrong.value).endswith(".")


@given(main=values.filter(bool), others=st.lists(values, min_size=3, max_size=3), delimiter=delimiters)
@example(main="-", others=["-", "--", "---"], delimiter="--")
@example(main="x--", others=["-b", "", "a-"], delimiter="--")
@example(main="\\-", others=["-\\", "\\", "\\\\"], delimiter="-")
def test_any_values_survive_both_forms(main: str, others: list[str], delimiter: str) -> None:
    form = Format((DIMENSIONS[0], MAIN_ACCOUNT, *DIMENSIONS[1:]), delimiter)
    given_values = {MAIN_ACCOUNT: main, **dict(zip(DIMENSIONS, others, strict=True))}
    wanted = {name: value for name, value in given_values.items() if value}
    assert read_account(account_text(given_values)) == wanted
    assert read_display(display(given_values, form), form) == wanted


@given(account=st.dictionaries(values.filter(bool), values, max_size=3), main=values.filter(bool))
def test_any_names_survive_our_words(account: dict[str, str], main: str) -> None:
    names = {name.casefold() for name in account} | {MAIN_ACCOUNT.casefold()}
    if len(names) == len(account) + 1:
        text = account_text({**account, MAIN_ACCOUNT: main})
        assert read_account(text) == {MAIN_ACCOUNT: main} | {name: value for name, value in account.items() if value}


@given(text=st.text(max_size=20), delimiter=delimiters)
def test_no_text_from_dynamics_is_too_odd_to_be_read_again(text: str, delimiter: str) -> None:
    form = Format(tuple(f"D{number}" for number in range(25)), delimiter)
    read = read_display(text, form)
    assert read_display(display(read, form), form) == read


@given(value=values.filter(bool))
def test_a_value_in_the_place_of_a_rules_placeholder_stays_one_value(value: str) -> None:
    vendor = VENDORS["dynamics"]
    account = "601500|CostCenter={cost_center}".replace("{cost_center}", vendor.account_part(value))
    assert read_account(account) == {MAIN_ACCOUNT: "601500", "CostCenter": value}
    assert vendor.chart_number(account) == "601500"


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("601500|Department=022|CostCenter=0015", "601500|CostCenter=0015|Department=022"),
        ("601500|CostCenter=0015|Department=022", "601500|CostCenter=0015|Department=022"),
        ("60\\1500|b=|a=\\1\\|2", "601500|a=1\\|2"),
        ("not|an account", "not|an account"),
        ("", ""),
    ],
)
def test_an_account_is_written_in_one_way(text: str, canonical: str) -> None:
    assert VENDORS["dynamics"].account_text(text) == canonical
    assert VENDORS["dynamics"].account_text(canonical) == canonical
