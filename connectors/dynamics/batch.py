"""Many changes in one request: building and reading the multipart bodies of ``$batch``. Pure. Source: dynamics §8.

A changeset happens as a whole or not at all. An answer says for each changeset what became of it, in order; a refused
one answers with a single part, and one that was not reached does not answer.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from connectors.dynamics.literals import json_value
from connectors.errors import OutcomeUnknownError

T = TypeVar("T")

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_LINE = b"\r\n"


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One change: ``path`` is the entity set, with key where it has one, as it stands below ``/data/``. With ``etag``
    it happens only while the row is as it was read."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    etag: str = ""

    def __repr__(self) -> str:
        return f"Operation({self.method} {self.path.partition('(')[0]})"  # bodies and keys hold what is nobody's


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One answer inside of a batch's answer. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    content_id: str = ""

    def json(self, type: type[T]) -> T:
        """The body decoded as ``type``; OutcomeUnknownError when it is another, because the change has happened."""
        try:
            return msgspec.json.decode(self.body, type=type)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise OutcomeUnknownError(
                "Dynamics answered a change with data of an unexpected form. It will be looked up before anything is "
                "sent again.",
                detail=f"inside of a batch -> {self.status}: {str(error)[:200]}",
            ) from None


def encoded(body: Mapping[str, Any]) -> bytes:
    """A body as Dynamics wants it: amounts as exact JSON numbers, days at noon, enumerations by their bare names."""
    return _ENCODER.encode({name: json_value(value) for name, value in body.items()})


def build(changesets: Sequence[Sequence[Operation]], base_url: str) -> tuple[str, bytes]:
    """The content type and the body of a batch; operations are numbered from 1 through all changesets."""
    parts, number = [], 1
    for operations in changesets:
        inner = [_operation(operation, base_url, number + place) for place, operation in enumerate(operations)]
        number += len(operations)
        name = f"changeset_{_digest(inner)}"
        head = f"Content-Type: multipart/mixed; boundary={name}".encode()
        parts.append(_LINE.join((head, b"", _joined(inner, name))))
    name = f"batch_{_digest(parts)}"
    return f"multipart/mixed; boundary={name}", _joined(parts, name)


def read(content_type: str, body: bytes) -> tuple[list[list[Part]], bool]:
    """The answers by changeset, in order, and whether the body is whole. ValueError for what is no batch's answer."""
    pieces, whole = _pieces(_boundary(content_type), body)
    groups: list[list[Part]] = []
    for headers, content in pieces:
        kind = headers.get("content-type", "")
        if kind.startswith("multipart/mixed"):
            inner, all_of_it = _pieces(_boundary(kind), content)
            whole = whole and all_of_it
            groups.append([_part(own, answer) for own, answer in inner])
            if not all_of_it:
                break
        else:
            groups.append([_part(headers, content)])
    return groups, whole


def matched(groups: Sequence[Sequence[Part]], changesets: Sequence[Sequence[Operation]]) -> list[Sequence[Part] | None]:
    """For each changeset the group that answers it, None where there is none.

    A group belongs to the changeset its numbers name, else to the one after the group before it.
    """
    owner, number = {}, 1
    for place, operations in enumerate(changesets):
        for _ in operations:
            owner[str(number)] = place
            number += 1
    found: list[Sequence[Part] | None] = [None] * len(changesets)
    following = 0
    for group in groups:
        named = {owner[part.content_id] for part in group if part.content_id in owner}
        place = named.pop() if len(named) == 1 else following
        if named or place >= len(found) or found[place] is not None:
            raise ValueError("answers that belong to no changeset")
        found[place] = group
        following = place + 1
    return found


def _operation(operation: Operation, base_url: str, number: int) -> bytes:
    separator = "&" if "?" in operation.path else "?"
    url = f"{base_url}/data/{operation.path}{separator}cross-company=true"
    body = b"" if operation.body is None else encoded(operation.body)
    head = [
        "Content-Type: application/http",
        "Content-Transfer-Encoding: binary",
        f"Content-ID: {number}",
        "",
        f"{operation.method} {url} HTTP/1.1",
        "Accept: application/json",
        *([f"If-Match: {operation.etag}"] if operation.etag else []),
        *(["Content-Type: application/json"] if body else []),
        "",
    ]
    return _LINE.join((*(line.encode() for line in head), body))


def _joined(parts: Sequence[bytes], boundary: str) -> bytes:
    line = f"--{boundary}".encode()
    return _LINE.join((*(piece for part in parts for piece in (line, part)), line + b"--", b""))


def _digest(parts: Sequence[bytes]) -> str:
    """A boundary's name that its content does not hold, as it is made of it."""
    return hashlib.sha256(b"".join(parts)).hexdigest()[:32]


def _boundary(content_type: str) -> bytes:
    match = re.search(r'boundary="?([^";\s]+)"?', content_type)
    if match is None:
        raise ValueError("no boundary")
    return match[1].encode()


def _pieces(boundary: bytes, body: bytes) -> tuple[list[tuple[dict[str, str], bytes]], bool]:
    """Headers and content of the parts, and whether the closing line was there; a part that breaks off is left out."""
    line = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r?\n|\Z)")
    marks = list(line.finditer(body))
    whole = bool(marks) and marks[-1][1] is not None
    pieces = []
    for mark, end in itertools.pairwise(marks):
        if mark[1] is None:
            pieces.append(_headed(re.sub(rb"\A\r?\n", b"", body[mark.end() : end.start()])))
    return pieces, whole


def _headed(content: bytes) -> tuple[dict[str, str], bytes]:
    head, _, rest = _split(content)
    return dict(_headers(head)), rest


def _split(content: bytes) -> tuple[bytes, bytes, bytes]:
    blank = re.search(rb"(?:\A|\r?\n)\r?\n", content)
    if blank is None:
        return content, b"", b""
    return content[: blank.start()], blank[0], content[blank.end() :]


def _headers(head: bytes) -> Iterator[tuple[str, str]]:
    for line in head.decode("latin-1").splitlines():
        name, _, value = line.partition(":")
        yield name.strip().lower(), value.strip()


def _part(outer: Mapping[str, str], content: bytes) -> Part:
    head, _, body = _split(content)
    status_line, _, rest = head.partition(b"\n")
    match = re.match(rb"HTTP/\d\.\d (\d{3})\b", status_line)
    if match is None:
        raise ValueError("an answer without a status")
    headers = dict(_headers(rest))
    number = outer.get("content-id") or headers.get("content-id", "")
    return Part(status=int(match[1]), headers=headers, body=body.rstrip(_LINE), content_id=number)
