"""``$filter``: comparisons, ``and``, ``or``, ``not`` and parentheses; no ``in``, no functions (dynamics §2)."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.dynamics.model import ENUMS, EntityType, Record, Unreadable, comparable, compared, literal
from sandbox.dynamics.refusals import bad_query

Test = Callable[[Record], bool]
_TOKEN = re.compile(r"\s*([()]|[\w.]*'(?:[^']|'')*'|[^\s()',]+|,)")
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}


@dataclass(frozen=True)
class Filter:
    """``equal``: properties that must have one value (as compared), which an index may look up. ``named``: all that are
    asked about."""

    test: Test
    equal: Record
    named: frozenset[str]


EVERYTHING = Filter(lambda record: True, {}, frozenset())


def parse(entity: EntityType, text: str) -> Filter:
    """What the filter's text accepts; a Refusal with status 400 for what Dynamics does not understand."""
    reader = _Reader(entity, text)
    try:
        test = reader.either(top=True)
    except Unreadable as error:
        raise bad_query(str(error)) from None
    if reader.tokens:
        raise bad_query(f"Syntax error: '{reader.tokens[0]}' is unexpected in '{text}'.")
    return Filter(test, reader.equal, frozenset(reader.named))


class _Reader:
    """Recursive descent over the tokens. ``equal`` collects what stands under ``and`` alone."""

    def __init__(self, entity: EntityType, text: str) -> None:
        self.entity = entity
        self.text = text
        self.tokens = self._split(text)
        self.equal: Record = {}
        self.named: set[str] = set()

    def _split(self, text: str) -> list[str]:
        tokens, place = [], 0
        while place < len(text.rstrip()):
            found = _TOKEN.match(text, place)
            if found is None:
                raise bad_query(f"There is an unterminated literal at position {place} in '{text}'.")
            tokens.append(found[1])
            place = found.end()
        return tokens

    def _next(self) -> str:
        if not self.tokens:
            raise bad_query(f"Expression expected at position {len(self.text)} in '{self.text}'.")
        return self.tokens.pop(0)

    def _accept(self, word: str) -> bool:
        if self.tokens and self.tokens[0] == word:
            del self.tokens[0]
            return True
        return False

    def either(self, *, top: bool) -> Test:
        before = dict(self.equal)
        tests = [self._both(top=top)]
        while self._accept("or"):
            self.equal = before
            tests.append(self._both(top=False))
        return tests[0] if len(tests) == 1 else lambda record: any(test(record) for test in tests)

    def _both(self, *, top: bool) -> Test:
        tests = [self._one(top=top)]
        while self._accept("and"):
            tests.append(self._one(top=top))
        return tests[0] if len(tests) == 1 else lambda record: all(test(record) for test in tests)

    def _one(self, *, top: bool) -> Test:
        if self._accept("not"):
            refused = self._one(top=False)
            return lambda record: not refused(record)
        if self._accept("("):
            inside = self.either(top=top)
            if not self._accept(")"):
                raise bad_query(f"')' or operator expected in '{self.text}'.")
            return inside
        return self._comparison(top=top)

    def _comparison(self, *, top: bool) -> Test:
        name, word = self._next(), self._next()
        if word == "(":
            raise bad_query(f"An unknown function with name '{name}' was found.")
        if name not in self.entity.kinds:
            raise bad_query(f"Could not find a property named '{name}' on type '{self.entity.type_name}'.")
        if word not in _OPERATORS:
            raise bad_query(f"Syntax error: '{word}' is no operator in '{self.text}'.")
        self.named.add(name)
        given = literal(self._next())
        kind, compare, blank = self.entity.kinds[name], _OPERATORS[word], self.entity.blanks[name]
        if kind in ENUMS and word not in ("eq", "ne"):
            raise bad_query(f"The operator '{word}' is not supported for the enumeration '{kind}'.")
        wanted = compared(self.entity, name, given)
        if isinstance(wanted, str) and "*" in wanted and kind == "string" and word in ("eq", "ne"):
            form = re.compile(".*".join(re.escape(part) for part in wanted.split("*")), re.DOTALL)
            return lambda record: (form.fullmatch(comparable(record.get(name, blank))) is not None) is (word == "eq")
        if top and word == "eq":
            self.equal[name] = wanted
        return lambda record: compare(comparable(record.get(name, blank)), wanted)
