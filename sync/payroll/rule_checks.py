"""What an account rule must fulfil before it is kept, held against both systems as they were read last."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from connectors.pay_runs import PayKind
from connectors.records import RefKind
from sync.models import AccountRule, Integration, ReferenceValue
from sync.payroll.register import CREDITED, DEBITED
from sync.payroll.rules import PLACEHOLDERS, PRECEDENCE, Rule, placeholders
from sync.payroll.surroundings import DIMENSION_KINDS

ACCOUNTS = ("debit", "credit", "settlement")


_ANY_PLACE = re.compile("|".join(map(re.escape, PLACEHOLDERS)))


class Chart:
    """The target's chart of accounts. One query. An account that is active in any company is active."""

    def __init__(self, integration: Integration) -> None:
        self._target = integration.target.name
        self._number = integration.target.product.chart_number
        rows = ReferenceValue.objects.filter(connection_id=integration.target_id, kind=RefKind.ACCOUNT)
        self._active: dict[str, bool] = {}
        for number, active in rows.values_list("external_id", "active").iterator():
            self._active[number] = active or self._active.get(number, False)
        self._problems: dict[str, str] = {}

    def problem(self, text: str) -> str:
        """Why nothing can be booked on this text of a rule, as a sentence; empty when something can."""
        if text not in self._problems:
            self._problems[text] = self._find_problem(text)
        return self._problems[text]

    def _find_problem(self, text: str) -> str:
        if set("{}") & set(_ANY_PLACE.sub("", text)):
            *some, last = PLACEHOLDERS
            return f"In “{text}” only {', '.join(some)} and {last} can stand for a part of the account."
        number = self._number(text)
        if open_parts := placeholders(number):
            if self._any_like(number):
                return ""
            words = " and ".join(PLACEHOLDERS[part].replace("_", " ") for part in open_parts)
            return f"{self._target} has no active account like “{text}”, whatever the {words}. Correct the pattern."
        if number not in self._active:
            return f"{self._target} has no account “{number}”. Choose one of its chart of accounts."
        if not self._active[number]:
            return f"Account “{number}” is not active in {self._target}. Choose an active one."
        return ""

    def _any_like(self, text: str) -> bool:
        """Whether an active account fits, with one value wherever the same placeholder is."""
        pattern = re.escape(text)
        for number, place in enumerate(placeholders(text)):
            mark, group = re.escape(place), f"value{number}"
            pattern = pattern.replace(mark, f"(?P<{group}>.+)", 1).replace(mark, f"(?P={group})")
        like = re.compile(pattern)
        return any(active and like.fullmatch(number) for number, active in self._active.items())


class Places:
    """The source's departments, locations, legal entities and job codes. One query."""

    def __init__(self, integration: Integration) -> None:
        self._source = integration.source.name
        self._active: dict[tuple[str, str], bool] = {}
        self._called: dict[tuple[str, str], set[str]] = defaultdict(set)
        names = {kind.value: name for name, kind in DIMENSION_KINDS.items()}
        rows = ReferenceValue.objects.filter(connection_id=integration.source_id, kind__in=names)
        for kind, key, code, name, active in rows.values_list("kind", "external_id", "code", "name", "active"):
            dimension = names[kind]
            self._active[dimension, key] = active or self._active.get((dimension, key), False)
            if active:
                for text in {code, name} - {""}:
                    self._called[dimension, text].add(key)
            self._called[dimension, key] = {key}

    def problem(self, dimension: str, key: str) -> str:
        """Why no rule can be limited to this value (a source id), as a sentence; empty when one can."""
        active = self._active.get((dimension, key))
        word = word_of(dimension)
        if active is None:
            return f"{self._source} has no {word} “{key}”. Choose one of those it shows."
        return "" if active else f"{self._source} no longer uses the {word} “{key}”. Choose an active one."

    def find(self, dimension: str, text: str) -> str:
        """The id of the value that has this id, or alone has this code or name. Raises LookupError with a sentence."""
        found = self._called.get((dimension, text), set())
        if len(found) == 1:
            return next(iter(found))
        if found:
            raise LookupError(f"there are several called {text!r}; write the id.")
        raise LookupError(f"{self._source} has no {word_of(dimension)} {text!r}.")


def word_of(dimension: str) -> str:
    """What staff call a dimension: its column's name."""
    return str(AccountRule._meta.get_field(dimension).verbose_name)  # type: ignore[union-attr]


def kind_of(item: str) -> PayKind | None:
    """The kind that a pay item's key names, None when it is no such key."""
    kind, _, code = item.partition(":")
    known = kind in PayKind.__members__.values() and code.strip() and "\x00" not in item
    return PayKind(kind) if known else None


def problems_of(rule: Rule, chart: Chart, places: Places) -> dict[str, list[str]]:
    """Everything that keeps a rule from being kept, in sentences by field; empty when nothing does."""
    found: dict[str, list[str]] = defaultdict(list)
    kind = kind_of(rule.item)
    if kind is None:
        kinds = ", ".join(PayKind)
        found["item"].append(f"“{rule.item}” is no pay item. Write kind:code, with one of the kinds {kinds}.")
    else:
        for field, sentence in _sides(rule, kind):
            found[field].append(sentence)
    for field in ACCOUNTS:
        if (text := getattr(rule, field)) and (sentence := chart.problem(text)):
            found[field].append(sentence)
    for field in PRECEDENCE:
        if (key := getattr(rule, field)) and (sentence := places.problem(field, key)):
            found[field].append(sentence)
    for field in ("item", *ACCOUNTS):
        longest = AccountRule._meta.get_field(field).max_length  # type: ignore[union-attr]
        if longest and len(getattr(rule, field)) > longest:
            found[field].append(f"At most {longest} characters.")
    if rule.valid_to is not None and rule.valid_to <= rule.valid_from:
        found["valid_to"].append("A rule must end after the day it starts.")
    return dict(found)


def _sides(rule: Rule, kind: PayKind) -> Sequence[tuple[str, str]]:
    """The sides a kind needs and does not get, or gets and does not use."""
    word = kind.value.replace("_", " ")
    found = []
    for field, kinds, deed in (("debit", DEBITED, "debited"), ("credit", CREDITED, "credited")):
        if kind in kinds and not getattr(rule, field):
            found.append((field, f"This pay item ({word}) is {deed}: enter a {field} account."))
        elif kind not in kinds and getattr(rule, field):
            found.append((field, f"This pay item ({word}) is never {deed}: leave the {field} account empty."))
    if rule.settlement and kind not in CREDITED:
        found.append(("settlement", f"Nothing is owed for this pay item ({word}): leave the settlement account empty."))
    return found
