"""Charts as inline SVG without any script, each with the table behind it. Amounts are Decimal down to the pixel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

import msgspec
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from sync.admin.amounts import Amount, Row, Table, Value
from sync.payroll.visibility import MASK

ZERO = Decimal(0)
WIDTH = 960
LABELS, FIGURES = 280, 130
"""Room at the left for what a bar is about, and at the right for how much it is."""

BAR, GAP, MASKED = 14, 12, 70
"""Heights in pixels, and the length of a bar whose length must not tell anything."""

TALL, BELOW, ABOVE = 220, 44, 24
"""Heights of a column's room, and of what is written below and above it."""


class Bar(msgspec.Struct, kw_only=True):
    """One thing that is compared: a value per series, None for one that is not to be shown."""

    label: str
    values: list[Decimal | None]
    flagged: bool = False


class Step(msgspec.Struct, kw_only=True):
    """One column: what is added to (or, below zero, taken from) what stands so far, or ``total``: what stands there."""

    label: str
    values: list[Decimal | None]
    total: bool = False


class Chart(msgspec.Struct, kw_only=True):
    """A picture and its table. ``svg`` is empty where a picture would tell what is not to be shown."""

    title: str
    series: list[str]
    svg: SafeString
    table: Table


def bars(name: str, title: str, series: Sequence[str], rows: Sequence[Bar], currency: str = "") -> Chart:
    """Horizontal bars, one per row and series. What is masked has a bar of the same length everywhere."""
    table = _table(name, title, series, [(row.label, row.values, row.flagged) for row in rows], currency, counts=False)
    return Chart(title=title, series=list(series), svg=_bars(title, rows, currency), table=table)


def waterfall(name: str, title: str, series: Sequence[str], steps: Sequence[Step], currency: str = "") -> Chart:
    """Columns from one total to the next, the series side by side; a step at which they differ says so.

    Where any amount is masked there is no picture: each column would tell it by where the next one starts.
    """
    return _columns(name, title, series, steps, currency, counts=False)


def bridge(name: str, title: str, steps: Sequence[Step]) -> Chart:
    """A waterfall of people: whole numbers, one series."""
    return _columns(name, title, ["People"], steps, "", counts=True)


def _columns(
    name: str, title: str, series: Sequence[str], steps: Sequence[Step], currency: str, *, counts: bool
) -> Chart:
    rows = [(step.label, step.values, len(set(step.values)) > 1) for step in steps]
    table = _table(name, title, series, rows, currency, counts=counts)
    masked = any(value is None for step in steps for value in step.values)
    svg = mark_safe("") if masked or not steps else _waterfall(title, steps, currency, counts)
    return Chart(title=title, series=list(series), svg=svg, table=table)


def _table(
    name: str,
    title: str,
    series: Sequence[str],
    rows: Sequence[tuple[str, list[Decimal | None], bool]],
    currency: str,
    *,
    counts: bool,
) -> Table:
    return Table(
        name=name,
        title=title,
        columns=["", *(f"{one} ({currency})" if currency else one for one in series)],
        numbers=frozenset(range(1, len(series) + 1)),
        rows=[
            Row(cells=[label, *(_shown(value, currency, counts) for value in values)], look="flagged" if flag else "")
            for label, values, flag in rows
        ],
    )


def _shown(value: Decimal | None, currency: str, counts: bool) -> Value:
    if value is None:
        return MASK
    return int(value) if counts else Amount(value, currency)


def _bars(title: str, rows: Sequence[Bar], currency: str) -> SafeString:
    shown = [value for row in rows for value in row.values if value is not None]
    low, high = min([ZERO, *shown]), max([ZERO, *shown])
    before = FIGURES if low < 0 else 0
    room = WIDTH - LABELS - before - FIGURES

    def x(value: Decimal) -> int:
        return LABELS + before + int((value - low) * room / ((high - low) or 1))

    parts: list[SafeString] = []
    top = 0
    for row in rows:
        parts.append(_label(row, top))
        for place, value in enumerate(row.values):
            parts.append(_bar(value, place, top + place * BAR, x, currency))
        top += len(row.values) * BAR + GAP
    axis = format_html('<line class="axis" x1="{0}" x2="{0}" y1="0" y2="{1}"/>', x(ZERO), top)
    return _svg(title, top, mark_safe("".join([axis, *parts])))  # noqa: S308 - made of escaped parts


def _label(row: Bar, top: int) -> SafeString:
    look = " flagged" if row.flagged else ""
    middle = top + len(row.values) * BAR // 2
    words = f"⚑ {row.label}" if row.flagged else row.label
    return format_html(
        '<text class="what{}" x="{}" y="{}">{}<title>{}</title></text>',
        look,
        LABELS - 10,
        middle + 4,
        words if len(words) <= 44 else f"{words[:43]}…",
        row.label,
    )


def _bar(value: Decimal | None, place: int, top: int, x: Callable[[Decimal], int], currency: str) -> SafeString:
    zero = x(ZERO)
    if value is None:
        left, length, look, words = zero, MASKED, "masked", MASK
    else:
        end = x(value)
        left, length, look, words = min(zero, end), abs(end - zero), f"s{place}", str(Amount(value, currency))
    below = value is not None and value < 0
    return format_html(
        '<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="2"/><text class="figure{}" x="{}" y="{}">{}</text>',
        look,
        left,
        top + 1,
        max(length, 1),
        BAR - 3,
        " below" if below else "",
        left - 6 if below else left + length + 6,
        top + BAR - 3,
        words,
    )


def _waterfall(title: str, steps: Sequence[Step], currency: str, counts: bool) -> SafeString:
    spans = list(_spans(steps))
    edges = [edge for step in spans for span in step for edge in span]
    low, high = min([ZERO, *edges]), max([ZERO, *edges])
    column = WIDTH // len(steps)

    def y(value: Decimal) -> int:
        return ABOVE + int((high - value) * TALL / ((high - low) or 1))

    parts = [format_html('<line class="axis" x1="0" x2="{}" y1="{}" y2="{}"/>', WIDTH, y(ZERO), y(ZERO))]
    for number, (step, levels) in enumerate(zip(steps, spans, strict=True)):
        left, wide = number * column + column // 8, column * 3 // 4 // len(levels)
        for place, (start, end) in enumerate(levels):
            look = f"s{place}" if step.total else ("less" if end < start else "more") + (" second" if place else "")
            parts.append(_column(look, left + place * wide, y(max(start, end)), wide - 3, abs(y(end) - y(start))))
        parts.append(_words(step, left + column * 3 // 8, y(max(max(level) for level in levels)), currency, counts))
    return _svg(title, ABOVE + TALL + BELOW, mark_safe("".join(parts)))  # noqa: S308 - made of escaped parts


def _spans(steps: Sequence[Step]) -> Iterator[list[tuple[Decimal, Decimal]]]:
    """Where each series' column starts and ends."""
    stand = [ZERO] * len(steps[0].values)
    for step in steps:
        values = [value or ZERO for value in step.values]
        starts = [ZERO] * len(values) if step.total else stand
        stand = [start + value for start, value in zip(starts, values, strict=True)]
        yield list(zip(starts, stand, strict=True))


def _column(look: str, x: int, y: int, width: int, height: int) -> SafeString:
    return format_html(
        '<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="2"/>', look, x, y, width, max(height, 1)
    )


def _words(step: Step, middle: int, top: int, currency: str, counts: bool) -> SafeString:
    """The amount above the column, and what it is below all columns, in two lines where it is long."""
    differs = len(set(step.values)) > 1
    first, _, rest = step.label.partition(" ")
    lines = [step.label, ""] if len(step.label) <= 12 else [first, rest]
    return format_html(
        '<text class="figure middle{}" x="{}" y="{}">{}{}</text>{}',
        " flagged" if differs else "",
        middle,
        top - 6,
        _shown(step.values[0], currency, counts),
        " differs" if differs else "",
        format_html_join(
            "",
            '<text class="what middle" x="{}" y="{}">{}</text>',
            ((middle, ABOVE + TALL + 18 + 14 * n, line) for n, line in enumerate(lines)),
        ),
    )


def _svg(title: str, height: int, inside: SafeString) -> SafeString:
    return format_html(
        '<svg viewBox="0 0 {} {}" role="img" aria-label="{}. The same figures are in the table below.">{}</svg>',
        WIDTH,
        height,
        title,
        inside,
    )
