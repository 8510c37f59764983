"""Keeping account rules: who changes which account a pay item goes to, from which day on.

Whoever changes a rule may not approve the journals it decides, so every rule says who changed it last; one that is
saved as it is already stays as it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, TypedDict, Unpack

import msgspec
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count

from audit.context import current_actor
from audit.record import Entry, record
from sync.models import AccountRule, Integration
from sync.models.payroll import ALWAYS
from sync.payroll.register import Dimensions
from sync.payroll.rule_checks import ACCOUNTS, Chart, Places, kind_of, problems_of, word_of
from sync.payroll.rules import PRECEDENCE, Rule
from sync.payroll.surroundings import RULE_COLUMNS, load_words

CHANGEABLE = (*ACCOUNTS, "valid_to")


class RuleValues(TypedDict, total=False):
    """What a person enters besides the pay item; see ``rules.Rule``. Dimensions are source ids."""

    company: str
    department: str
    location: str
    job_code: str
    debit: str
    credit: str
    settlement: str
    valid_from: date
    valid_to: date | None


class Accounts(msgspec.Struct, frozen=True, kw_only=True):
    """Account texts of a rule, and how many rules of a kind have them."""

    debit: str
    credit: str
    settlement: str
    rules: int


def save_rule(integration: Integration, *, item: str, now: datetime, **values: Unpack[RuleValues]) -> AccountRule:
    """A person says that this pay item goes to these accounts from a date on (without one: always).

    A rule for the same item and dimensions with the same start is replaced; an older open one ends where this one
    starts. Raises ValidationError naming the field: a side that the kind of item needs and does not get, or gets and
    does not use; a dimension's value the source does not have; an account that is not active in the target.
    """
    return save_rules_for(integration, [item], now=now, **values)[0]


def save_rules_for(
    integration: Integration, items: Sequence[str], *, now: datetime, **values: Unpack[RuleValues]
) -> list[AccountRule]:
    """``save_rule`` with the same accounts for each of these items, all or none; in their order."""
    if not items:
        raise ValidationError({"item": "Choose at least one pay item."})
    return save_rules(integration, [proposed(item, **values) for item in dict.fromkeys(items)], now=now)


def proposed(item: str, **values: Unpack[RuleValues]) -> Rule:
    """A rule as a person enters it, not kept yet (its id is 0). Spaces around an account mean nothing."""
    start, end = values.pop("valid_from", ALWAYS), values.pop("valid_to", None)
    texts: dict[str, Any] = {name: str(text).strip() for name, text in values.items()}
    return Rule(id=0, item=item, valid_from=start, valid_to=end, **texts)


def check_rules(integration: Integration, rules: Iterable[Rule]) -> None:
    """Raises ValidationError with every problem of these rules, by field. Two queries."""
    chart, places = Chart(integration), Places(integration)
    found: dict[str, list[str]] = defaultdict(list)
    for rule in rules:
        for field, sentences in problems_of(rule, chart, places).items():
            found[field] += [sentence for sentence in sentences if sentence not in found[field]]
    if found:
        raise ValidationError(found)


def applied(rules: Iterable[Rule], changes: Iterable[Rule]) -> list[Rule]:
    """The rules after ``changes`` are saved: one for the same place with the same start takes the other's id and
    place, an older open one ends where the new one starts."""
    table: dict[tuple[str, Dimensions], dict[date, Rule]] = defaultdict(dict)
    for rule in rules:
        table[place_of(rule)][rule.valid_from] = rule
    for change in sorted(changes, key=lambda change: change.valid_from):
        same = table[place_of(change)]
        for start, rule in same.items():
            if start < change.valid_from and rule.valid_to is None:
                same[start] = msgspec.structs.replace(rule, valid_to=change.valid_from)
        held = same.get(change.valid_from)
        same[change.valid_from] = msgspec.structs.replace(change, id=held.id if held else 0)
    return [rule for same in table.values() for rule in same.values()]


def save_rules(integration: Integration, rules: Sequence[Rule], *, now: datetime) -> list[AccountRule]:
    """``save_rule`` for many at once, all or none; in their order. Constant number of queries."""
    check_rules(integration, rules)
    with transaction.atomic():
        # One after the other: two people who save the same rule at once would both find none.
        integration = Integration.objects.select_for_update(no_key=True).get(pk=integration.pk)
        items = {rule.item for rule in rules}
        rows = {row.pk: row for row in AccountRule.objects.filter(integration=integration, item__in=items)}
        former = {pk: rule_of(row) for pk, row in rows.items()}
        made: list[AccountRule] = []
        changed: list[tuple[AccountRule, dict[str, Any]]] = []
        for rule in applied(former.values(), rules):
            if rule.id == 0:
                values = {name: getattr(rule, name) for name in RULE_COLUMNS if name != "id"}
                made.append(_signed(AccountRule(integration=integration, **values), now))
            elif rule != former[rule.id]:
                row = rows[rule.id]
                changed.append((row, _shown(row)))
                for name in CHANGEABLE:
                    setattr(row, name, getattr(rule, name))
                _signed(row, now)
        AccountRule.objects.bulk_create(made)
        AccountRule.objects.bulk_update(
            [row for row, _ in changed], [*CHANGEABLE, "changed_by", "changed_key", "changed_at"]
        )
        _record(integration, [*((row, None, _shown(row)) for row in made), *_both(changed)], now)
    kept = {(place_of(rule_of(row)), row.valid_from): row for row in (*rows.values(), *made)}
    return [kept[place_of(rule), rule.valid_from] for rule in rules]


def remove_rule(rule: AccountRule, *, now: datetime) -> None:
    """Afterwards the rule is gone; what it decided goes by a less specific one, or is held for want of one. The item's
    other rules count as changed by who removed it: they decide now what it decided."""
    with transaction.atomic():
        row = AccountRule.objects.select_for_update(of=("self",)).select_related("integration").get(pk=rule.pk)
        _record(row.integration, [(row, _shown(row), None)], now)
        AccountRule.objects.filter(integration=row.integration, item=row.item).update(
            changed_by=current_actor().label[:200], changed_key=current_actor().identity[:220], changed_at=now
        )
        row.delete()


def suggest_accounts(integration: Integration, item: str) -> Accounts | None:
    """The accounts that most of the open rules for items of the same kind have; None when there are none."""
    kind = kind_of(item)
    if kind is None:
        return None
    rules = AccountRule.objects.filter(integration=integration, item__startswith=f"{kind.value}:", valid_to=None)
    often = rules.order_by().values(*ACCOUNTS).annotate(rules=Count("pk")).order_by("-rules", *ACCOUNTS).first()
    return Accounts(**often) if often else None


def place_of(rule: Rule) -> tuple[str, Dimensions]:
    """What a rule is for: only one of those with the same place holds on a day."""
    return rule.item, Dimensions(**{name: getattr(rule, name) for name in PRECEDENCE})


def rule_of(row: AccountRule) -> Rule:
    """The rule that a row keeps."""
    return Rule(**{name: getattr(row, name) for name in RULE_COLUMNS})


def _signed(row: AccountRule, now: datetime) -> AccountRule:
    actor = current_actor()
    row.changed_by, row.changed_key, row.changed_at = actor.label[:200], actor.identity[:220], now
    return row


def _shown(row: AccountRule) -> dict[str, Any]:
    return {
        "pay_item": row.item,
        **{name: getattr(row, name) for name in PRECEDENCE if getattr(row, name)},
        **{f"{name}_account": getattr(row, name) for name in ACCOUNTS},
        "valid_from": row.valid_from.isoformat(),
        "valid_to": row.valid_to.isoformat() if row.valid_to else None,
    }


Change = tuple[AccountRule, dict[str, Any] | None, dict[str, Any] | None]
"""A rule, and what it was before and is afterwards; None where it is not."""


def _both(changed: Iterable[tuple[AccountRule, dict[str, Any]]]) -> list[Change]:
    return [(row, before, _shown(row)) for row, before in changed]


def _record(integration: Integration, changes: Sequence[Change], now: datetime) -> None:
    words = load_words(integration) if changes else {}
    verbs = {(False, True): "created", (True, True): "changed", (True, False): "removed"}
    record(
        [
            Entry(
                action=f"account_rule.{verbs[before is not None, after is not None]}",
                subject_kind="account_rule",
                subject_id=str(row.pk),
                subject_label=_label(row, words),
                before=before,
                after=after,
            )
            for row, before, after in changes
        ],
        at=now,
    )


def _label(row: AccountRule, words: dict[tuple[str, str], str]) -> str:
    """What to call a rule, as staff know its values: "Regular pay (earning), department Paint Shop"."""
    kind, _, code = row.item.partition(":")
    limits = [(name, getattr(row, name)) for name in PRECEDENCE if getattr(row, name)]
    places = [f"{word_of(name)} {words.get((name, key)) or key}" for name, key in limits]
    return ", ".join([f"{words.get(('item', row.item)) or code} ({kind.replace('_', ' ')})", *places])
