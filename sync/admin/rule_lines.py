"""What the account-rules page shows: a line per pay item's default and per override, and what was typed into it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import msgspec
from django.db.models import Max, Q, QuerySet
from django.http import QueryDict

from connectors.records import RefKind
from sync.admin.amounts import Value
from sync.admin.workbench import OFFERED
from sync.models import AccountRule, Integration, PayRun, ReferenceValue
from sync.models.payroll import ALWAYS
from sync.payroll.account_rules import place_of, proposed, rule_of
from sync.payroll.coverage import ItemCoverage, ItemState
from sync.payroll.register import CREDITED, DEBITED
from sync.payroll.rule_checks import ACCOUNTS, Chart, Places, problems_of, word_of
from sync.payroll.rules import PLACEHOLDERS, PRECEDENCE, Rule, placeholders
from sync.payroll.surroundings import DIMENSION_KINDS

FILTERS = [
    ("", "All"),
    ("unmapped", "Unmapped"),
    ("default", "Using default"),
    ("mapped", "Overridden"),
    ("changed", "Changed since last run"),
    ("inactive", "Inactive in ledger"),
]
LABELS = {
    ItemState.UNMAPPED: "Unmapped",
    ItemState.INACTIVE: "Inactive in ledger",
    ItemState.DEFAULT: "Default",
    ItemState.MAPPED: "Overridden",
}
FIELDS = (*ACCOUNTS, "since")


class Line(msgspec.Struct, kw_only=True):
    """One place a pay item can go by. ``rule`` is its newest rule, None for a default nobody has made; ``typed`` holds
    its inputs (names of FIELDS). ``limits`` are the names of the dimensions and their values."""

    key: str
    item: ItemCoverage
    rule: AccountRule | None
    limits: list[tuple[str, str]]
    earlier: list[AccountRule]
    typed: dict[str, str]
    opens: bool = False
    label: str = ""
    money: list[tuple[str, Value]] = []
    error: str = ""

    @property
    def is_debited(self) -> bool:
        """True when this kind of pay item needs a debit account."""
        return self.item.kind in DEBITED

    @property
    def is_credited(self) -> bool:
        """True when this kind of pay item needs a credit account."""
        return self.item.kind in CREDITED


class Words:
    """What both systems call the values of rules. Two queries."""

    def __init__(self, integration: Integration) -> None:
        self._names: dict[tuple[str, str], str] = {}
        self._offered: dict[str, set[str]] = defaultdict(set)
        values = ReferenceValue.objects.filter(connection=integration.source_id, kind__in=DIMENSION_KINDS.values())
        dimensions = {kind.value: name for name, kind in DIMENSION_KINDS.items()}
        for kind, key, name, active in values.values_list("kind", "external_id", "name", "active"):
            self._names[dimensions[kind], key] = name
            if active:
                self._offered[dimensions[kind]].add(name or key)
        accounts = ReferenceValue.objects.filter(connection=integration.target_id, kind=RefKind.ACCOUNT, active=True)
        self.accounts = dict(accounts.order_by("external_id").values_list("external_id", "name"))

    def of(self, dimension: str, key: str) -> str:
        """The name of a dimension's value, its bare id when there is none."""
        return self._names.get((dimension, key)) or key

    def limits(self, rule: AccountRule | Rule) -> list[tuple[str, str]]:
        """What a rule is limited to, in words."""
        held = [(name, getattr(rule, name)) for name in PRECEDENCE]
        return [(word_of(name), self.of(name, key)) for name, key in held if key]

    def choices(self) -> list[tuple[str, str, list[str]]]:
        """Dimension, its word, and the names offered while typing."""
        return [(name, word_of(name), sorted(self._offered[name])[:OFFERED]) for name in reversed(PRECEDENCE)]

    def chart(self, used: Iterable[str]) -> list[tuple[str, str]]:
        """Accounts offered while typing with their names, first the patterns that rules already use."""
        patterns = [
            (text, "by " + " and ".join(PLACEHOLDERS[place].replace("_", " ") for place in placeholders(text)))
            for text in sorted(set(used))
            if placeholders(text)
        ]
        return [*patterns, *self.accounts.items()][:OFFERED]


def last_drafted(integration: Integration) -> datetime | None:
    """When journals were last made by the rules."""
    found: datetime | None = PayRun.objects.filter(integration=integration).aggregate(at=Max("drafted_at"))["at"]
    return found


def waiting_for_rules(integration: Integration, changed_at: datetime | None) -> QuerySet[PayRun]:
    """Pay runs that a check by today's rules may help: those held, and those whose drafts are older than the rules."""
    waiting = Q(state=PayRun.State.HELD)
    if changed_at is not None:
        waiting |= Q(state=PayRun.State.READY, drafted_at__lt=changed_at)
    return PayRun.objects.filter(waiting, integration=integration).order_by("check_date", "pk")


def shown_items(
    items: Sequence[ItemCoverage], show: str, search: str, only: str, since: datetime | None
) -> list[ItemCoverage]:
    """Those that pass the filters; ``since`` is when journals were last made."""
    return [
        one
        for one in items
        if (not only or one.item == only)
        and (not search or search.casefold() in f"{one.name} {one.item}".casefold())
        and (not show or (_is_changed(one, since) if show == "changed" else one.state == show))
    ]


def _is_changed(item: ItemCoverage, since: datetime | None) -> bool:
    return any(since is None or rule.changed_at > since for rule in item.rules)


def lines_of(items: Iterable[ItemCoverage], words: Words) -> list[Line]:
    """Of each item its default, made or not, then its overrides."""
    found: list[Line] = []
    for item in items:
        by_place: dict[Any, list[AccountRule]] = defaultdict(list)
        for row in sorted(item.rules, key=lambda row: row.valid_from, reverse=True):
            by_place[place_of(rule_of(row))].append(row)
        lines = [_line(item, rows, words) for rows in by_place.values()]
        if all(line.limits for line in lines):
            lines.append(_line(item, [], words))
        lines.sort(key=lambda line: (len(line.limits), line.limits))
        lines[0].opens, lines[0].label = True, LABELS[item.state]
        found += lines
    return found


def _line(item: ItemCoverage, rows: Sequence[AccountRule], words: Words) -> Line:
    newest = rows[0] if rows else None
    return Line(
        key=f"r{newest.pk}" if newest else f"i{item.item}",
        item=item,
        rule=newest,
        limits=words.limits(newest) if newest else [],
        earlier=list(rows[1:]),
        typed=_typed(newest),
    )


def _typed(rule: AccountRule | None) -> dict[str, str]:
    if rule is None:
        return dict.fromkeys(FIELDS, "")
    since = rule.valid_from.isoformat() if rule.valid_from != ALWAYS else ""
    return {name: getattr(rule, name) for name in ACCOUNTS} | {"since": since}


class Typed(msgspec.Struct, kw_only=True):
    """What a person wants to keep, and a sentence for each line (by key) or field that cannot be."""

    rules: dict[str, Rule]
    errors: dict[str, str]


def typed_lines(form: QueryDict, lines: Iterable[Line], chart: Chart, places: Places) -> Typed:
    """The rules of the lines that were changed."""
    found = Typed(rules={}, errors={})
    for line in lines:
        if f"since:{line.key}" not in form:
            continue
        texts = typed_into(form, line)
        if texts == line.typed or (line.rule is None and not any(texts[name] for name in ACCOUNTS)):
            continue
        place: dict[str, Any] = {name: getattr(line.rule, name) for name in PRECEDENCE} if line.rule else {}
        try:
            rule = proposed(line.item.item, valid_from=since_of(texts["since"]), **_accounts(texts), **place)
        except ValueError:
            found.errors[line.key] = f"“{texts['since']}” is not a date like 2026-01-31."
            continue
        if line.rule and rule.valid_from < line.rule.valid_from:
            rule = msgspec.structs.replace(rule, valid_to=line.rule.valid_from)
        if problems := problems_of(rule, chart, places):
            found.errors[line.key] = _said(problems)
        else:
            found.rules[line.key] = rule
    return found


def typed_into(form: QueryDict, line: Line) -> dict[str, str]:
    """What the line's inputs held when the form was sent."""
    return {name: form.get(f"{name}:{line.key}", "").strip() for name in FIELDS}


ADDED = "added"


def typed_for_several(form: QueryDict, chart: Chart, places: Places) -> Typed:
    """The rule a person wants for each of the selected pay items; nothing when none of its accounts is filled in.
    Sentences about it have the key ADDED."""
    found = Typed(rules={}, errors={})
    texts = {name: form.get(name, "").strip() for name in (*FIELDS, *PRECEDENCE)}
    items = list(dict.fromkeys(form.getlist("item")))[:200]
    if not any(texts[name] for name in ACCOUNTS):
        if items or any(texts[name] for name in PRECEDENCE):
            found.errors[ADDED] = "Fill in the accounts for the selected pay items."
        return found
    if not items:
        found.errors[ADDED] = "Select the pay items it is for, on the left of the list."
        return found
    try:
        place: dict[str, Any] = {name: places.find(name, texts[name]) for name in PRECEDENCE if texts[name]}
        for item in items:
            rule = proposed(item, valid_from=since_of(texts["since"]), **_accounts(texts), **place)
            if problems := problems_of(rule, chart, places):
                found.errors[ADDED] = f"{item.partition(':')[2]}: {_said(problems)}"
                return Typed(rules={}, errors=found.errors)
            found.rules[f"{ADDED}:{item}"] = rule
    except LookupError as error:
        sentence = str(error)
        found.errors[ADDED] = f"{sentence[:1].upper()}{sentence[1:]}"
    except ValueError:
        found.errors[ADDED] = f"“{texts['since']}” is not a date like 2026-01-31."
    return found


def since_of(text: str) -> date:
    """The day a rule starts; without one it holds for as long as anybody remembers. ValueError for no date."""
    return date.fromisoformat(text) if text else ALWAYS


def _accounts(texts: Mapping[str, str]) -> dict[str, Any]:
    return {name: texts[name] for name in ACCOUNTS}


def _said(problems: Mapping[str, Sequence[str]]) -> str:
    return " ".join(dict.fromkeys(sentence for sentences in problems.values() for sentence in sentences))
