"""Many changes in one request, and several callers at one journal (dynamics §8)."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.sandbox.dynamics_world import HEADERS, LINES, Dynamics, batch_body, line, said, statuses


def pair(number: str, amount: str) -> list[tuple[str, str, dict[str, object]]]:
    """A balanced group of two lines."""
    lines = line(number, "601500", debit=amount), line(number, "201100", credit=amount)
    return [("POST", f"{LINES}?cross-company=true", body) for body in lines]


def test_a_changeset_answers_each_operation_under_one_200() -> None:
    dynamics = Dynamics()
    number = dynamics.header()

    answer = dynamics.batch(pair(number, "10.00"), pair(number, "5.50"))

    assert (answer.status_code, statuses(answer)) == (200, [201, 201, 201, 201])
    assert re.findall(r"Content-ID: (\d)", answer.text) == ["1", "2", "3", "4"]
    assert answer.headers["content-type"].startswith("multipart/mixed; boundary=batchresponse_")
    assert answer.text.count("changesetresponse_") == 8
    assert "Location: http" in answer.text
    assert [one["voucher"] for one in dynamics.journal(number)["lines"]] == ["PAYV000001"] * 2 + ["PAYV000002"] * 2
    assert dynamics.snapshot()["requests"] == {
        "token": 1,
        "POST LedgerJournalHeaders": 1,
        "POST $batch": 1,
        "batch: POST LedgerJournalLines": 4,
    }


def test_of_a_changeset_with_a_refused_line_nothing_is_kept() -> None:
    dynamics = Dynamics()
    number = dynamics.header()
    good = pair(number, "10.00")

    answer = dynamics.batch([*good, ("POST", LINES, line(number, "999999", debit="1"))])

    assert (answer.status_code, statuses(answer)) == (200, [400])
    assert "Content-ID: 3" in answer.text
    assert "Infolog: Warning: The value '999999' in field 'Main account'" in answer.text
    kept = dynamics.journal(number)
    assert (kept["lines"], kept["debit"], kept["credit"]) == ([], "0", "0")
    assert dynamics.line(number, "601500", debit="1").json()["LineNumber"] == 1


def test_changes_and_deletions_are_taken_back_too() -> None:
    dynamics = Dynamics()
    number = dynamics.header(Description="before")
    dynamics.batch(pair(number, "10.00"))
    before = dynamics.journal(number)
    key = f"(dataAreaId='usmf',JournalBatchNumber='{number}')"
    lines = f"{LINES}(dataAreaId='usmf',JournalBatchNumber='{number}',LineNumber=%s)"

    answer = dynamics.batch(
        [
            ("PATCH", f"{HEADERS}{key}", {"Description": "after"}),
            ("DELETE", lines % 1, None),
            ("PATCH", lines % 2, {"CreditAmount": 3}),
            ("DELETE", f"{HEADERS}{key}", None),
        ]
    )

    assert statuses(answer) == [400]
    assert dynamics.journal(number) == before
    assert dynamics.rows(f"{LINES}?$filter=LineNumber%20eq%201")[0]["DebitAmount"] == 10


def test_a_batch_stops_at_the_first_refused_changeset_unless_told_to_go_on() -> None:
    dynamics = Dynamics()
    number = dynamics.header()
    wrong = [("POST", LINES, line(number, "999999", debit="1"))]
    assert statuses(dynamics.batch(wrong, pair(number, "1"))) == [400]
    assert dynamics.journal(number)["lines"] == []
    going_on = dynamics.batch(pair(number, "1"), wrong, pair(number, "2"), Prefer="odata.continue-on-error")
    assert statuses(going_on) == [201, 201, 400, 201, 201]
    assert len(dynamics.journal(number)["lines"]) == 4


def test_throttling_inside_of_a_batch_hides_under_200() -> None:
    dynamics = Dynamics()
    number = dynamics.header()
    dynamics.change("fault_in_batch", skip=1, retry_after=9)
    answer = dynamics.batch(pair(number, "1"), pair(number, "2"), pair(number, "3"), Prefer="odata.continue-on-error")
    assert (answer.status_code, statuses(answer)) == (200, [201, 201, 429, 201, 201])
    assert "Retry-After: 9" in answer.text
    assert "experiencing high resource utilization" in answer.text
    assert dynamics.journal(number)["debit"] == "4"


def test_a_changeset_may_happen_and_be_answered_with_500() -> None:
    dynamics = Dynamics()
    number = dynamics.header()
    dynamics.change("fault_in_batch", status=500, committed=True)
    assert statuses(dynamics.batch(pair(number, "1"))) == [500]
    assert len(dynamics.journal(number)["lines"]) == 2


def test_what_is_not_exactly_the_form_is_refused() -> None:
    dynamics = Dynamics()
    number = dynamics.header()
    name, body = batch_body(dynamics.base, [pair(number, "1")])
    form = {"Content-Type": f"multipart/mixed; boundary={name}"}
    wrong = [
        (form, body.replace(b"\r\n", b"\n")),
        (form, body.replace(b"--batch_x--", b"")),
        (form, body.replace(b"--changeset_0--", b"")),
        (form, body.replace(b"Content-Transfer-Encoding: binary\r\n", b"")),
        (form, body.replace(b"Content-ID: 2", b"Content-ID: 1")),
        (form, body.replace(b"Content-ID: 2\r\n", b"\r\n", 1)),
        (form, body.replace(b"POST", b"GET", 1)),
        (form, body.replace(b" HTTP/1.1", b"", 1)),
        (form, body.replace(dynamics.base.encode(), b"https://elsewhere.example", 1)),
        ({"Content-Type": "multipart/mixed"}, body),
        ({"Content-Type": "application/json"}, b'{"requests": []}'),
    ]
    for headers, content in wrong:
        answer = dynamics.send("POST", "/data/$batch", headers=headers, content=content)
        assert answer.status_code == 400, content
    assert dynamics.journal(number)["lines"] == []
    relative = body.replace(f"{dynamics.base}/data/".encode(), b"/data/")
    assert statuses(dynamics.send("POST", "/data/$batch", headers=form, content=relative)) == [201, 201]


def test_a_batch_has_at_most_5000_operations() -> None:
    dynamics = Dynamics()
    body = {"JournalName": "PAYJRN"}
    refused = dynamics.batch([("POST", HEADERS, body)] * 5001)
    assert said(refused)[0] == 400
    assert dynamics.snapshot()["journals"] == []


def test_lines_written_at_once_to_one_journal_meet_an_update_conflict() -> None:
    dynamics = Dynamics(line_delay_ms=1000)
    number, other = dynamics.header(), dynamics.header()
    with ThreadPoolExecutor(3) as pool:
        same = [pool.submit(dynamics.line, number, "601500", "1") for _ in range(2)]
        apart = pool.submit(dynamics.line, other, "601500", "1")
        answers = sorted((future.result() for future in same), key=lambda answer: answer.status_code)
    assert [answer.status_code for answer in answers] == [201, 400]
    assert "An update conflict occurred due to another user process" in said(answers[1])[1]
    assert apart.result().status_code == 201
    assert len(dynamics.journal(number)["lines"]) == 1
    assert dynamics.snapshot()["overlaps"] == {"in_one_journal": 2, "journals": 2}


@pytest.mark.parametrize("status", [400, 409])
def test_conflicts_can_be_scripted(status: int) -> None:
    dynamics = Dynamics(conflict_status=status)
    number = dynamics.header()
    dynamics.change("conflict_next", times=1)
    refused = dynamics.line(number, "601500", "1")
    assert refused.status_code == status
    assert "update conflict" in said(refused)[1]
    assert dynamics.line(number, "601500", "1").status_code == 201


def test_a_plain_patch_may_keep_its_reason_that_a_batch_tells() -> None:
    dynamics = Dynamics(mute_patches=True)
    number = dynamics.header()
    path = f"{HEADERS}(dataAreaId='usmf',JournalBatchNumber='{number}')"
    assert said(dynamics.patch(path, JournalName="x")) == (400, "An error has occurred.")
    assert "Field 'JournalName' cannot be changed" in dynamics.batch([("PATCH", path, {"JournalName": "x"})]).text


def test_a_lost_answer_does_not_undo_what_happened() -> None:
    dynamics = Dynamics()
    number = dynamics.header()
    dynamics.fault(kind="cut_after", path="/data/.batch")
    with pytest.raises(Exception, match="disconnected"):
        dynamics.batch(pair(number, "1"))
    assert len(dynamics.journal(number)["lines"]) == 2
