"""Between our words for an account and Dynamics' display strings. Pure. Source: dynamics §5.

Our words are ``601500|Department=022|CostCenter=0015``: the main account, then dimensions by name in any order; a
backslash goes before a ``\\``, ``|`` or ``=`` that is part of a name or value. A display string has values alone, in
the order of the ledger's active format: ``601500-022-0015``. Names are one without regard to case.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

MAIN_ACCOUNT = "MainAccount"
DELIMITERS = {
    prefix + name: character * (2 if prefix else 1)
    for prefix in ("", "Double")
    for name, character in (("Hyphen", "-"), ("Period", "."), ("Underscore", "_"), ("Bar", "|"), ("Tilde", "~"))
}
"""By the members of DimensionSegmentDelimiter."""
_OURS = re.compile(r"[\\|=]")
_WORDS = re.compile(r"\\(.)|([|=])|([^\\|=]+)", re.DOTALL)


class Format(msgspec.Struct, frozen=True):
    """The active format of a kind of display string: names of dimensions in order, and what stands between values."""

    names: tuple[str, ...]
    delimiter: str

    def __str__(self) -> str:
        return self.delimiter.join(self.names)

    def spelled(self, name: str) -> str | None:
        """``name`` as the format spells it, None when the format does not have it."""
        return next((own for own in self.names if own.casefold() == name.casefold()), None)


def account_text(values: Mapping[str, str]) -> str:
    """Our words for an account of these ``values`` by dimension; empty ones are left out, the others keep their
    order behind the main account."""
    main = next((value for name, value in values.items() if _is_main(name)), "")
    named = [f"{escaped(name)}={escaped(value)}" for name, value in values.items() if value and not _is_main(name)]
    return "|".join((escaped(main), *named))


def read_account(text: str) -> dict[str, str]:
    """The values by dimension of an account in our words, the main account first, empty ones left out.

    ValueError with a sentence for staff when ``text`` is not of our form.
    """
    main, *named = _parts(text)
    if len(main) > 1 or not main[0]:
        raise ValueError(f"'{text}' does not begin with a main account.")
    values = {MAIN_ACCOUNT: main[0]}
    seen = {MAIN_ACCOUNT.casefold()}
    for part in named:
        if len(part) != 2 or not part[0]:
            raise ValueError(f"'{text}' has a part that is not a dimension's name, '=' and its value.")
        name, value = part
        if name.casefold() in seen:
            raise ValueError(f"'{text}' names the dimension {name} twice.")
        seen.add(name.casefold())
        if value:
            values[name] = value
    return values


def canonical(text: str) -> str:
    """The account of ``text`` in our words with its dimensions in the order of their names and no needless backslash;
    ``text`` itself where it is not of our form."""
    try:
        values = read_account(text)
    except ValueError:
        return text
    return account_text(dict(sorted(values.items(), key=lambda value: value[0].casefold())))


def main_account(text: str) -> str:
    """The main account of an account in our words; ``text`` itself where it is not of our form."""
    try:
        return read_account(text)[MAIN_ACCOUNT]
    except ValueError:
        return text


def display(values: Mapping[str, str], form: Format) -> str:
    """The display string of ``values`` by dimension: a place for each dimension of the format, empty ones included.

    ValueError with a sentence for staff for a value whose dimension the format does not have.
    """
    by_name: dict[str, str] = {}
    for name, value in values.items():
        if value and form.spelled(name) is None:
            raise ValueError(
                f"The dimension {name} is not part of the active format '{form}'. In Dynamics 365, add it under "
                "'Financial dimension configuration for integrating applications', or correct the account."
            )
        by_name[name.casefold()] = value
    return form.delimiter.join(_written(by_name.get(name.casefold(), ""), form.delimiter) for name in form.names)


def read_display(text: str, form: Format) -> dict[str, str]:
    """The values by dimension of a display string, in the format's order, empty ones left out; fewer values than the
    format has places are the first ones. ValueError for more."""
    values = _segments(text, form.delimiter)
    if len(values) > len(form.names):
        raise ValueError(f"{len(values)} values where the format has {len(form.names)} dimensions")
    return {name: value for name, value in zip(form.names, values, strict=False) if value}


def _is_main(name: str) -> bool:
    return name.casefold() == MAIN_ACCOUNT.casefold()


def escaped(text: str) -> str:
    """A name or value as part of an account in our words."""
    return _OURS.sub(r"\\\g<0>", text)


def _parts(text: str) -> list[list[str]]:
    """The texts between bars, each as the texts between its equal signs, escapes removed."""
    parts, position = [[""]], 0
    for match in _WORDS.finditer(text):
        if match.start() != position:
            break
        position = match.end()
        escaped, mark, plain = match.groups()
        if mark == "|":
            parts.append([""])
        elif mark == "=":
            parts[-1].append("")
        else:
            parts[-1][-1] += escaped or plain
    if position != len(text):
        raise ValueError(f"'{text}' ends with a backslash that nothing follows.")
    return parts


def _written(value: str, delimiter: str) -> str:
    """``value`` so that it reads as one segment: a backslash before each backslash and each character of the delimiter.

    A half of a doubled delimiter that stands alone within a value is left as people write it. How Dynamics itself
    escapes backslashes and halves is not public; it advises against both in values (dynamics §5).
    """
    half, single, last = delimiter[0], len(delimiter) == 1, len(value) - 1
    written = []
    for place, character in enumerate(value):
        apart = not single and 0 < place < last and half not in (value[place - 1], value[place + 1])
        written.append("\\" + character if character == "\\" or (character == half and not apart) else character)
    return "".join(written)


def _segments(text: str, delimiter: str) -> list[str]:
    """The values between delimiters, escapes removed. A backslash before anything else is one of the value's own."""
    escaped = (f"\\{delimiter[0]}", "\\\\")
    segments, place = [""], 0
    while place < len(text):
        if text.startswith(delimiter, place):
            segments.append("")
            place += len(delimiter)
        else:
            place += text.startswith(escaped, place)
            segments[-1] += text[place]
            place += 1
    return segments
