"""``$batch``: the multipart form of OData 4.0, changesets whole or not at all (dynamics §8)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sandbox.dynamics.operations import Answer, Operation
from sandbox.dynamics.refusals import Refusal, failed, throttled
from sandbox.dynamics.units import Undone, carry_out, journals_written

if TYPE_CHECKING:
    from sandbox.dynamics.environment import Environment

MOST_OPERATIONS = 5_000
CRLF = b"\r\n"
Numbered = tuple[str, Operation]
Response = tuple[str, Answer]


@dataclass(frozen=True)
class Unit:
    """A changeset, or one operation outside of any."""

    operations: list[Numbered]
    is_changeset: bool


def units_of(content_type: str, origin: str, body: bytes) -> list[Unit]:
    """The batch's units, in order; 400 for whatever is not exactly the form."""
    if not content_type.startswith("multipart/mixed"):
        raise failed(f"The content type '{content_type}' is not supported for a batch request.")
    units = []
    for headers, content in _parts(_boundary(content_type), body):
        kind = headers.get("content-type", "")
        if kind.startswith("multipart/mixed"):
            inner = [_operation(own, part, origin) for own, part in _parts(_boundary(kind), content)]
            numbers = [number for number, _ in inner]
            if "" in numbers or len(set(numbers)) < len(numbers):
                raise failed("Every operation of a changeset needs a Content-ID of its own.")
            if any(operation.method == "GET" for _, operation in inner):
                raise failed("A change set cannot contain a query operation.")
            units.append(Unit(inner, is_changeset=True))
        else:
            units.append(Unit([_operation(headers, content, origin)], is_changeset=False))
    if sum(len(unit.operations) for unit in units) > MOST_OPERATIONS:
        raise failed(f"The batch has more than {MOST_OPERATIONS} operations.")
    return units


async def run(environment: Environment, units: Sequence[Unit], *, go_on: bool) -> list[tuple[Unit, list[Response]]]:
    """The answers of each unit, in order, up to the first refused one unless ``go_on``.

    A refused changeset answers with a single part."""
    results = []
    operations = (operation for unit in units for _, operation in unit.operations)
    with environment.overlaps.during({key for one in operations for key in journals_written(environment, one)}):
        for unit in units:
            answers, failure = await _unit(environment, unit)
            results.append((unit, answers))
            if failure and not go_on:
                break
    return results


async def _unit(environment: Environment, unit: Unit) -> tuple[list[Response], bool]:
    for _, operation in unit.operations:
        environment.counted[kind_of(operation)] += 1
    fault = _fault(environment)
    try:
        if fault is not None and not fault.get("committed"):
            raise Undone(0, _scripted(fault))
        answers = await carry_out(environment, [operation for _, operation in unit.operations])
        if fault is not None:
            raise Undone(0, _scripted(fault))
    except Undone as undone:
        number, refusal = unit.operations[undone.place][0], undone.refusal
        return [(number, Answer(refusal.status, refusal.body(), refusal.headers))], True
    return list(zip((number for number, _ in unit.operations), answers, strict=True)), False


def kind_of(operation: Operation) -> str:
    """How a request is counted: ``POST LedgerJournalLines``, ``batch: DELETE LedgerJournalLines``."""
    name = re.split(r"[(?]", operation.path.removeprefix("/data/"))[0].rsplit(".", 1)[-1]
    return f"{'batch: ' if operation.in_batch else ''}{operation.method} {name}"


def _fault(environment: Environment) -> dict[str, object] | None:
    """The scripted misbehaviour that meets this unit, if any."""
    for fault in environment.inner_faults:
        if fault["skip"] > 0:
            fault["skip"] -= 1
        elif fault["times"] > 0:
            fault["times"] -= 1
            return fault
    return None


def _scripted(fault: Mapping[str, object]) -> Refusal:
    status = int(str(fault["status"]))
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return throttled(int(str(fault["retry_after"])))
    return Refusal(status, "An error has occurred.", inner=str(fault.get("message", "")))


def written(results: Sequence[tuple[Unit, list[Response]]], name: str) -> tuple[str, bytes]:
    """Content type and body of the batch's answer."""
    boundary = f"batchresponse_{name}"
    parts = []
    for place, (unit, answers) in enumerate(results):
        if unit.is_changeset and len(answers) == len(unit.operations) and answers[0][1].status < 400:
            inner = f"changesetresponse_{name}_{place}"
            head = f"Content-Type: multipart/mixed; boundary={inner}".encode()
            parts.append(head + CRLF * 2 + _joined([_part(*answer) for answer in answers], inner))
        else:
            parts.append(_part(*answers[0]))
    return f"multipart/mixed; boundary={boundary}", _joined(parts, boundary)


def _part(number: str, answer: Answer) -> bytes:
    head = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    head += [f"Content-ID: {number}"] if number else []
    phrase = HTTPStatus(answer.status).phrase
    content = answer.content()
    inside = [f"HTTP/1.1 {answer.status} {phrase}", *(f"{name}: {value}" for name, value in answer.headers.items())]
    inside += [f"Content-Type: {answer.content_type}"] if content else []
    return "\r\n".join([*head, "", *inside, "", ""]).encode() + content


def _joined(parts: Sequence[bytes], boundary: str) -> bytes:
    line = f"--{boundary}".encode()
    return b"".join(line + CRLF + part + CRLF for part in parts) + line + b"--" + CRLF


def _boundary(content_type: str) -> bytes:
    found = re.search(r'boundary="?([^";\s]+)"?', content_type)
    if found is None:
        raise failed("The content type of the batch has no boundary.")
    return found[1].encode()


def _parts(boundary: bytes, body: bytes) -> Iterator[tuple[dict[str, str], bytes]]:
    """Headers and content of each part. Lines end with CRLF, and the closing boundary has to be there."""
    line = CRLF + b"--" + boundary
    pieces = (CRLF + body).split(line)
    if len(pieces) < 2 or pieces[-1][:2] != b"--" or pieces[-1][2:].strip():
        raise failed("The multipart body does not end with its closing boundary.")
    for piece in pieces[1:-1]:
        if not piece.startswith(CRLF):
            raise failed("A boundary of the multipart body is not followed by a line's end.")
        yield _headed(piece[2:])


def _headed(content: bytes) -> tuple[dict[str, str], bytes]:
    head, blank, body = (CRLF + content).partition(CRLF * 2)
    if not blank:
        raise failed("A part of the multipart body has no empty line after its headers.")
    headers = {}
    for text in head.decode("latin-1").split("\r\n")[1:]:
        name, colon, value = text.partition(":")
        if not colon or "\n" in text:
            raise failed(f"'{text[:40]}' is no header.")
        headers[name.strip().lower()] = value.strip()
    return headers, body


def _operation(headers: Mapping[str, str], content: bytes, origin: str) -> Numbered:
    if headers.get("content-type") != "application/http" or headers.get("content-transfer-encoding") != "binary":
        raise failed("A part of the batch is not application/http in binary.")
    first, _, rest = content.partition(CRLF)
    found = re.fullmatch(r"(GET|POST|PATCH|DELETE) (\S+) HTTP/1\.1", first.decode("latin-1"))
    if found is None:
        raise failed("An operation of the batch does not begin with its request line.")
    url, (inner, body) = urlsplit(found[2]), _headed(rest)
    if url.netloc and f"{url.scheme}://{url.netloc}" != origin:
        raise failed("An operation of the batch is not addressed to this environment.")
    path = url.path if url.path.startswith("/") else f"/data/{url.path}"
    operation = Operation(found[1], origin, path, url.query, inner, body, in_batch=True)
    return headers.get("content-id", ""), operation
