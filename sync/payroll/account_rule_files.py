"""Account rules as CSV files, out and in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from audit.record import Entry, record
from sync.csv_text import cells_of, csv_line, csv_rows
from sync.models import AccountRule, Integration, PayItem
from sync.models.payroll import ALWAYS
from sync.payroll.account_rules import place_of, proposed, save_rules
from sync.payroll.rule_checks import ACCOUNTS, Chart, Places, problems_of
from sync.payroll.rules import Rule

PLACES = ("company", "department", "location", "job_code")
COLUMNS = ("item", "item_name", *PLACES, *ACCOUNTS, "valid_from", "valid_to")


def export_csv(integration: Integration, *, now: datetime) -> Iterator[str]:
    """Lines of a CSV file with a header, one rule a line, in a stable order. That they were exported is recorded at
    once, before the first line is read."""
    with transaction.atomic():
        _record("account_rule.exported", integration, now)
    return _lines(integration)


def _lines(integration: Integration) -> Iterator[str]:
    names = dict(PayItem.objects.filter(integration=integration).values_list("key", "name"))
    yield csv_line(COLUMNS)
    rules = AccountRule.objects.filter(integration=integration).order_by("item", *PLACES, "valid_from")
    for rule in rules.iterator():
        yield csv_line(
            (
                rule.item,
                names.get(rule.item, ""),
                *(getattr(rule, name) for name in (*PLACES, *ACCOUNTS)),
                rule.valid_from.isoformat() if rule.valid_from != ALWAYS else "",
                rule.valid_to.isoformat() if rule.valid_to else "",
            )
        )


def import_csv(integration: Integration, text: str, *, now: datetime) -> int:
    """Take over every row of such a file; returns how many. All or nothing.

    A department, location, legal entity or job code is named by its id, or by a code or name that no other has.
    Raises ValidationError with one sentence per problem, naming row and column; then nothing was imported.
    """
    problems: list[str] = []
    rules: list[Rule] = []
    seen: dict[Any, int] = {}
    chart, places = Chart(integration), Places(integration)
    for number, row in enumerate(csv_rows(text, ("item", "debit", "credit")), start=2):
        rule, found = _parse_row(row, places)
        if rule is not None:
            found += [(f, sentence) for f, all_of in problems_of(rule, chart, places).items() for sentence in all_of]
            if (first := seen.setdefault((place_of(rule), rule.valid_from), number)) != number:
                found.append(("item", f"the same pay item, dimensions and start as in row {first}."))
            rules.append(rule)
        problems += [f"Row {number}{f', {column}' if column else ''}: {sentence}" for column, sentence in found]
    if problems:
        raise ValidationError([*problems, "Nothing was imported."])
    if not rules:
        raise ValidationError("The file has no rows. Nothing was imported.")
    with transaction.atomic():
        save_rules(integration, rules, now=now)
        _record("account_rule.imported", integration, now, rows=len(rules))
    return len(rules)


def _parse_row(row: dict[str | None, Any], places: Places) -> tuple[Rule | None, list[tuple[str, str]]]:
    """The rule a row stands for, None when it cannot be told, and what is wrong, by column."""
    text = cells_of(row)
    found: list[tuple[str, str]] = []
    if None in row:
        found.append(("", "there are more cells than columns."))
    values: dict[str, Any] = {name: text.get(name, "") for name in ACCOUNTS}
    for column in PLACES:
        try:
            values[column] = places.find(column, text[column]) if text.get(column) else ""
        except LookupError as error:
            found.append((column, str(error)))
    for column, default in (("valid_from", ALWAYS), ("valid_to", None)):
        try:
            values[column] = date.fromisoformat(text[column]) if text.get(column) else default
        except ValueError:
            found.append((column, f"{text[column]!r} is not a date like 2026-01-31."))
    return (None if found else proposed(text.get("item", ""), **values)), found


def _record(verb: str, integration: Integration, now: datetime, **detail: Any) -> None:
    entry = Entry(
        action=verb,
        subject_kind="integration",
        subject_id=str(integration.pk),
        subject_label=integration.name,
        detail=detail,
    )
    record([entry], at=now)
