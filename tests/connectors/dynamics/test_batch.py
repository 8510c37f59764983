"""Batches come back from their bytes as they were meant, and every form of answer is read or refused."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.dynamics import batch
from connectors.dynamics.batch import Operation, Part
from tests.connectors.dynamics.batches import operations_in

BASE = "https://contoso.operations.dynamics.com"
BODIES = st.dictionaries(
    st.text(st.characters(codec="utf-8"), min_size=1), st.text(st.characters(codec="utf-8")), max_size=3
)
OPERATIONS = st.builds(Operation, method=st.sampled_from(["POST", "PATCH"]), path=st.just("Things"), body=BODIES)
CHANGESETS = st.lists(st.lists(OPERATIONS, min_size=1, max_size=4), min_size=1, max_size=4)


def answer(*groups: list[tuple[int, str, dict[str, object]]], close: bool = True, line: str = "\r\n") -> bytes:
    """A batch's answer: a group of one refusal stands by itself, others are in a changeset."""
    lines: list[str] = []
    for place, group in enumerate(groups):
        lines.append("--batchresponse_b")
        inner = "--changesetresponse_c" + str(place)
        alone = len(group) == 1 and group[0][0] >= 400
        if not alone:
            lines += [f"Content-Type: multipart/mixed; boundary={inner[2:]}", ""]
        for status, number, body in group:
            lines += [] if alone else [inner]
            lines += ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
            lines += [f"Content-ID: {number}"] if number else []
            lines += ["", f"HTTP/1.1 {status} Words", "Content-Type: application/json; odata.metadata=minimal"]
            lines += ["Retry-After: 7"] if status == 429 else []
            lines += ["", json.dumps(body)]
        lines += [] if alone else [f"{inner}--"]
    return line.join([*lines, "--batchresponse_b--" if close else "", ""]).encode()


KIND = "multipart/mixed; boundary=batchresponse_b"


@given(CHANGESETS)
def test_what_is_built_is_read_back(changesets: list[list[Operation]]) -> None:
    kind, body = batch.build(changesets, BASE)
    read = operations_in(kind, body)
    assert [[(method, url) for method, url, _ in group] for group in read] == [
        [(one.method, f"{BASE}/data/{one.path}?cross-company=true") for one in group] for group in changesets
    ]
    assert [[json.loads(text) for _, _, text in group] for group in read] == [
        [one.body for one in group] for group in changesets
    ]


def test_a_batch_looks_as_dynamics_wants_it() -> None:
    line = Operation(method="POST", path="Lines", body={"DebitAmount": Decimal("1200.10"), "Text": "Löhne"})
    gone = Operation(method="DELETE", path="Lines(LineNumber=1)", etag='W/"abc"')
    kind, body = batch.build([[line, gone]], BASE)
    text = body.decode()
    assert kind.startswith("multipart/mixed; boundary=batch_")
    assert text.replace("\r\n", "").count("\n") == 0
    assert f"POST {BASE}/data/Lines?cross-company=true HTTP/1.1\r\n" in text
    assert 'Content-Type: application/json\r\n\r\n{"DebitAmount":1200.10,"Text":"Löhne"}\r\n--changeset_' in text
    assert f"DELETE {BASE}/data/Lines(LineNumber=1)?cross-company=true HTTP/1.1\r\n" in text
    assert text.count("If-Match: ") == text.count('If-Match: W/"abc"\r\n') == 1
    assert "Content-ID: 1\r\n" in text
    assert "Content-ID: 2\r\n" in text
    assert text.endswith("--\r\n")
    assert "Lines(" not in repr(line)


@given(CHANGESETS, st.integers(min_value=1, max_value=40))
def test_a_batch_that_breaks_off_is_not_taken_for_whole(changesets: list[list[Operation]], cut: int) -> None:
    kind, body = batch.build(changesets, BASE)
    with pytest.raises(ValueError, match=r".+"):
        operations_in(kind, body[: -len(b"\r\n") - cut])


@pytest.mark.parametrize("line", ["\r\n", "\n"])
def test_answers_are_read_by_changeset(line: str) -> None:
    body = answer([(201, "1", {"a": 1}), (204, "2", {})], [(400, "", {"error": {}})], [(201, "4", {"b": 2})], line=line)
    groups, whole = batch.read(KIND, body)
    assert whole
    assert [[part.status for part in group] for group in groups] == [[201, 204], [400], [201]]
    assert groups[0][0].json(dict[str, int]) == {"a": 1}
    assert [part.content_id for part in groups[0]] == ["1", "2"]


def test_answers_belong_to_the_changesets_they_name() -> None:
    one, two, three = ([Operation(method="POST", path="Lines")] for _ in range(3))
    parts = [Part(status=201, headers={}, body=b"", content_id=number) for number in ("1", "3")]
    assert batch.matched([[parts[0]], [parts[1]]], [one, two, three]) == [[parts[0]], None, [parts[1]]]


def test_answers_without_numbers_belong_to_the_changesets_in_order() -> None:
    one, two, three = ([Operation(method="POST", path="Lines")] for _ in range(3))
    part = Part(status=400, headers={}, body=b"")
    assert batch.matched([[part], [part]], [one, two, three]) == [[part], [part], None]


@pytest.mark.parametrize("numbers", [["1", "1"], ["1", "", ""], ["2", ""]])
def test_answers_to_nothing_are_refused(numbers: list[str]) -> None:
    groups = [[Part(status=201, headers={}, body=b"", content_id=number)] for number in numbers]
    with pytest.raises(ValueError, match="belong to no"):
        batch.matched(groups, [[Operation(method="POST", path="Lines")], [Operation(method="POST", path="Lines")]])


def test_an_answer_that_breaks_off_keeps_what_was_whole() -> None:
    body = answer([(201, "1", {})], [(201, "2", {})])
    groups, whole = batch.read(KIND, body[: body.index(b"Content-ID: 2")])
    assert not whole
    assert len(groups) == 1


@pytest.mark.parametrize(
    ("kind", "body"), [("application/json", b"{}"), (KIND, b"--batchresponse_b\r\n\r\nHi\r\n--batchresponse_b--")]
)
def test_what_is_no_answer_is_refused(kind: str, body: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        batch.read(kind, body)
