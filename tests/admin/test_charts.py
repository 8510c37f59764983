"""Charts and tables of payroll: exact to the cent, silent about what is masked, and the same in a file."""

from __future__ import annotations

import re
from decimal import Decimal

from sync.admin.amounts import Amount, Row, Table, csv_of
from sync.admin.charts import Bar, Step, bars, bridge, waterfall

D = Decimal


def test_amounts_are_written_as_accountants_write_them() -> None:
    assert str(Amount(D("1234567.5"), "USD")) == "1,234,567.50"
    assert str(Amount(D("-12.345000"), "USD")) == "(12.345)"
    assert str(Amount(D("1500"), "JPY")) == "1,500"
    assert Amount(D("-1234.5"), "USD").plain == "(1234.50)"


def test_a_file_holds_what_the_page_shows_and_runs_no_formula() -> None:
    rows = [Row(cells=["=SUM(A1)", Amount(D("-2.5"), "USD"), "•••", None])]
    table = Table(
        name="t", title="T", columns=["A", "B", "C", "D"], rows=rows, foot=[Row(cells=["Total", 3, "", None])]
    )

    assert csv_of(table) == "A,B,C,D\r\n'=SUM(A1),(2.50),•••,\r\nTotal,3,,\r\n"


def test_masked_bars_are_of_one_length_and_do_not_stretch_the_others() -> None:
    shown = Bar(label="a", values=[D(100)])
    with_mask = bars(
        "n", "T", ["This run"], [shown, Bar(label="b", values=[None]), Bar(label="c", values=[None])], "USD"
    )
    without = bars("n", "T", ["This run"], [shown], "USD")

    widths = re.findall(r'class="masked"[^>]*width="(\d+)"', with_mask.svg)
    assert len(widths) == 2
    assert len(set(widths)) == 1
    assert re.findall(r'class="s0"[^>]*width="(\d+)"', with_mask.svg) == re.findall(
        r'class="s0"[^>]*width="(\d+)"', without.svg
    )
    assert [row.cells[1] for row in with_mask.table.rows][1:] == ["•••", "•••"]


def test_bars_are_as_long_as_their_amounts() -> None:
    chart = bars("n", "T", ["This run"], [Bar(label="a", values=[D(200)]), Bar(label="b", values=[D(-100)])])
    long, short = (int(width) for width in re.findall(r'class="s0"[^>]*width="(\d+)"', chart.svg))

    assert abs(long - 2 * short) <= 2


def test_a_waterfall_in_which_anything_is_masked_is_not_drawn() -> None:
    steps = [
        Step(label="Gross pay", values=[D(100), D(100)], total=True),
        Step(label="Garnished", values=[None, None]),
        Step(label="Net pay", values=[D(90), D(90)], total=True),
    ]
    chart = waterfall("n", "T", ["Register", "Journals"], steps, "USD")

    assert chart.svg == ""
    assert [row.cells[1] for row in chart.table.rows][1] == "•••"


def test_a_waterfall_says_where_the_two_sides_differ() -> None:
    steps = [
        Step(label="Gross pay", values=[D(100), D(100)], total=True),
        Step(label="Taxes", values=[D(-20), D(-19)]),
    ]
    chart = waterfall("n", "T", ["Register", "Journals"], steps, "USD")

    assert chart.svg.count("differs") == 1
    assert [row.look for row in chart.table.rows] == ["", "flagged"]


def test_a_bridge_counts_people() -> None:
    steps = [Step(label="Start", values=[D(10)], total=True), Step(label="Hires", values=[D(2)])]

    assert [row.cells for row in bridge("n", "T", steps).table.rows] == [["Start", 10], ["Hires", 2]]


def test_names_cannot_break_out_of_the_picture() -> None:
    chart = bars("n", "<b>T</b>", ["This run"], [Bar(label="<script>x</script>", values=[D(1)])])

    assert "<script>" not in chart.svg
    assert "<b>" not in chart.svg
