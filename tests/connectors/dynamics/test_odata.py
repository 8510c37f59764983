"""The client against scripted answers: pages, refusals, doubts. Source: dynamics §2, §8, §9."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
import pytest

from connectors.dynamics import literals
from connectors.dynamics.mistakes import AccessError, RefusedError
from connectors.dynamics.odata import OData, Operation, spoken
from connectors.errors import (
    ConnectorError,
    OutcomeUnknownError,
    RateLimitedError,
    TemporaryError,
    UnexpectedReplyError,
)
from tests.connectors.dynamics.conftest import OpenOData
from tests.connectors.dynamics.test_batch import KIND, answer
from tests.connectors.scripted_server import Answer, ScriptedServer
from tests.connectors.surroundings import Clock


class Row(msgspec.Struct):
    name: str = msgspec.field(name="Name")
    amount: Decimal = msgspec.field(default=Decimal(0), name="Amount")


def refused(message: str, type_: str = "LedgerJournalLineEntity") -> dict[str, Any]:
    inner = {"message": message, "type": f"Microsoft.Dynamics.{type_}", "stacktrace": "at Dynamics.AX"}
    return {"error": {"code": "", "message": "An error has occurred.", "innererror": inner}}


def query(path: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(path).query)


# Reading


def test_all_pages_of_all_companies_are_read_exactly(server: ScriptedServer, connect: OpenOData) -> None:
    link = f"{server.url}/data/Things?$skiptoken=4%2C%27x%27"
    server.reply(
        Answer(
            body=b'{"@odata.count":3,"value":[{"Name":"a","Amount":0.10},{"Name":"b"}],"@odata.nextLink":"%s"}'
            % link.encode()
        ),
        Answer(body={"@odata.count": 3, "value": [{"Name": "c"}]}),
    )
    where = literals.equal("Name", "O'Neil + Söhne")
    rows = list(connect().rows("Things", select=["Name", "Amount"], where=where, order=["Name"], type=Row))
    assert [row.name for row in rows] == ["a", "b", "c"]
    assert str(rows[0].amount) == "0.10"
    first, second = server.asked
    assert query(first.path)["$filter"] == ["Name eq 'O''Neil + Söhne'"]
    assert "+" not in first.path
    assert "%20" in first.path
    assert query(first.path)["cross-company"] == ["true"]
    assert query(second.path) == {"$skiptoken": ["4,'x'"], "cross-company": ["true"]}
    assert first.headers["prefer"].startswith("odata.maxpagesize=")


def test_a_link_to_another_host_is_not_followed(server: ScriptedServer, connect: OpenOData) -> None:
    server.reply(Answer(body={"value": [{"Name": "a"}], "@odata.nextLink": "https://elsewhere.example/data/Things"}))
    with pytest.raises(UnexpectedReplyError, match="another web address"):
        list(connect().rows("Things", select=["Name"], type=Row))
    assert len(server.asked) == 1


def test_a_list_that_is_shorter_than_its_count_is_not_taken_for_whole(
    server: ScriptedServer, connect: OpenOData
) -> None:
    server.reply(Answer(body={"@odata.count": 2, "value": [{"Name": "a"}]}))
    with pytest.raises(TemporaryError, match="changed in Dynamics while"):
        list(connect().rows("Things", select=["Name"], type=Row))


def test_pages_that_repeat_end_the_walk(server: ScriptedServer, connect: OpenOData) -> None:
    page = {"value": [{"Name": "a"}], "@odata.nextLink": "Things?$skip=1"}
    server.script = lambda asked: Answer(body=page)
    with pytest.raises(UnexpectedReplyError, match="same page twice"):
        list(connect().rows("Things", select=["Name"], type=Row))


def test_a_read_is_repeated_after_failures_and_waits_as_told(
    server: ScriptedServer, connect: OpenOData, clock: Clock
) -> None:
    server.reply(Answer(429, headers={"Retry-After": "11"}), Answer(503), Answer(body={"value": []}))
    assert list(connect().rows("Things", select=["Name"], type=Row)) == []
    assert clock.slept[0] == 11.0


@pytest.mark.parametrize(
    ("status", "access", "said"),
    [(403, "forbidden", "security role"), (404, "not_subscribed", "does not know journal names")],
)
def test_what_is_not_there_for_us_is_a_matter_of_the_connection(
    server: ScriptedServer, connect: OpenOData, status: int, access: str, said: str
) -> None:
    server.reply(Answer(status))
    with pytest.raises(AccessError, match=said) as caught:
        list(connect().rows("JournalNames", select=["Name"], type=Row))
    assert caught.value.access == access


def test_a_filter_dynamics_does_not_like_is_ours_to_look_at(server: ScriptedServer, connect: OpenOData) -> None:
    server.reply(Answer(400, refused("Could not find a property named 'Nme' on type 'X'.")))
    with pytest.raises(UnexpectedReplyError) as caught:
        list(connect().rows("Things", select=["Nme"], type=Row))
    assert "Could not find a property named 'Nme'" in caught.value.detail


def test_one_row_is_found_by_its_whole_key(server: ScriptedServer, connect: OpenOData) -> None:
    server.reply(Answer(body={"Name": "a", "@odata.etag": 'W/"1"'}), Answer(404, refused("No resources were found")))
    odata = connect()
    key = {"dataAreaId": "usmf", "PersonnelNumber": "A/1 ö"}
    found = odata.one("Things", key, select=["Name"], type=Row)
    assert found is not None
    assert odata.one("Things", key, select=["Name"], type=Row) is None
    assert unquote(urlsplit(server.asked[0].path).path) == "/data/Things(dataAreaId='usmf',PersonnelNumber='A/1 ö')"
    assert query(server.asked[0].path)["cross-company"] == ["true"]


@pytest.mark.parametrize(
    "body", [{"Message": "No HTTP resource was found that matches the request URI"}, b"<html>Not Found</html>"]
)
def test_an_address_without_a_route_is_not_a_missing_row(server: ScriptedServer, connect: OpenOData, body: Any) -> None:
    server.script = lambda asked: Answer(404, body)
    odata = connect()
    with pytest.raises(AccessError, match="does not know things"):
        odata.one("Things", {"Name": "a"}, select=["Name"], type=Row)
    with pytest.raises(AccessError, match="does not know things"):
        odata.remove("Things", {"Name": "a"})


def test_rows_are_counted_by_dynamics(server: ScriptedServer, connect: OpenOData) -> None:
    server.reply(Answer(body={"@odata.count": 42, "value": [{}]}), Answer(body={"value": []}))
    odata = connect()
    assert odata.count("Things", "Name eq 'a'") == 42
    with pytest.raises(UnexpectedReplyError):
        odata.count("Things")
    assert odata.first is not None


# Changing


def test_a_row_is_created_with_exact_amounts_and_noons(server: ScriptedServer, connect: OpenOData) -> None:
    server.reply(Answer(201, {"Name": "00629"}))
    body = {"dataAreaId": "usmf", "Amount": Decimal("1200.10"), "Day": date(2026, 6, 30), "Flag": literals.YES}
    assert connect().create("Things", body, Row).name == "00629"
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/data/Things?cross-company=true")
    assert asked.body == b'{"dataAreaId":"usmf","Amount":1200.10,"Day":"2026-06-30T12:00:00Z","Flag":"Yes"}'
    assert asked.headers["content-type"] == "application/json"


def test_a_change_may_depend_on_what_was_read(server: ScriptedServer, connect: OpenOData) -> None:
    server.reply(Answer(204, b""), Answer(412))
    odata = connect()
    odata.change("Things", {"Name": "a"}, {"Amount": Decimal("1.00")}, etag='W/"abc"')
    assert (server.asked[0].method, server.asked[0].headers["if-match"]) == ("PATCH", 'W/"abc"')
    with pytest.raises(TemporaryError, match="at the same moment"):
        odata.change("Things", {"Name": "a"}, {"Amount": Decimal("1.00")}, etag='W/"abc"')


def test_a_row_is_removed_once(server: ScriptedServer, connect: OpenOData) -> None:
    server.reply(Answer(204, b""), Answer(404, refused("not found")))
    odata = connect()
    assert odata.remove("Things", {"Name": "a"})
    assert not odata.remove("Things", {"Name": "a"})


INFOLOG = (
    "Write failed for table row of type 'LedgerJournalLineEntity'. Infolog: Warning: Account number 601500 for "
    "transaction type Ledger does not exist; Warning: validateWrite failed on data source 'LedgerJournalTrans'.; "
    "Error: Account number 601500 for transaction type Ledger does not exist."
)


@pytest.mark.parametrize("status", [400, 500])
def test_a_refusal_is_told_without_the_names_of_methods(
    server: ScriptedServer, connect: OpenOData, status: int
) -> None:
    server.reply(Answer(status, refused(INFOLOG)))
    with pytest.raises(RefusedError) as caught:
        connect().create("LedgerJournalLines", {"Text": "Ada"}, Row)
    error = caught.value
    assert error.sentence.startswith("Dynamics refused ledger journal lines: Account number *** for transaction type")
    assert "validateWrite" not in error.sentence
    assert "601500" not in error.sentence + error.detail
    assert "601500" in error.said


def test_a_refusal_tells_nothing_of_the_person(server: ScriptedServer, connect: OpenOData) -> None:
    said = "Infolog: Error: Zoe O'Neil (zoe@example.com, 417) earns 12.50 or 1,234.50 already"
    server.reply(Answer(400, refused(said)), Answer(404, refused("no 417 here")))
    odata = connect()
    body = {"FirstName": "Zoe", "LastName": "O'Neil", "PersonnelNumber": "417"}
    with pytest.raises(RefusedError) as caught:
        odata.create("EmployeesV2", body, Row)
    with pytest.raises(RefusedError) as changed:
        odata.change("Workers", {"PersonnelNumber": "417"}, {"FirstName": "Zoe"})
    shown = "".join(error.value.sentence + error.value.detail for error in (caught, changed))
    for private in ("Zoe", "O'Neil", "417", "12.50", "234", "example.com"):
        assert private not in shown


@pytest.mark.parametrize(
    "trouble",
    [Answer(500, {"error": {"message": "Object reference"}}), Answer(502), Answer(cut=True), Answer(201, b"<html>")],
    ids=["500", "502", "cut", "web page"],
)
def test_what_was_not_confirmed_is_unknown_and_not_sent_again(
    server: ScriptedServer, connect: OpenOData, trouble: Answer
) -> None:
    server.reply(trouble)
    with pytest.raises(OutcomeUnknownError):
        connect().create("Things", {"Name": "a"}, Row)
    assert len(server.asked) == 1


def test_a_conflict_is_tried_again_later(server: ScriptedServer, connect: OpenOData) -> None:
    text = "Write failed for table row of type 'X'. Infolog: Error: An update conflict occurred due to another user."
    server.reply(Answer(500, refused(text)))
    with pytest.raises(TemporaryError, match="at the same moment"):
        connect().create("LedgerJournalLines", {"Text": "a"}, Row)


def test_a_missing_right_to_change_is_a_matter_of_the_connection(server: ScriptedServer, connect: OpenOData) -> None:
    server.reply(Answer(403, {"Message": "Access denied"}))
    with pytest.raises(AccessError, match="change vendors"):
        connect().create("VendorsV2", {"VendorGroupId": "10"}, Row)


def test_actions_and_questions(server: ScriptedServer, connect: OpenOData) -> None:
    server.reply(Answer(body=b'{"value":"601500-022"}'), Answer(body=b'{"Posted":1.10}'), Answer(204, b""), Answer(500))
    odata = connect()
    path = "DimensionCombinations/Microsoft.Dynamics.DataEntities.getCombinationDisplayValue"
    assert odata.ask(path, {"_entityName": "LedgerJournalLine"}) == "601500-022"
    assert odata.action("/api/services/Pay/Journals/post", {"batch": "00629"}) == {"Posted": Decimal("1.10")}
    assert odata.action("/api/services/Pay/Journals/post", {}) is None
    with pytest.raises(TemporaryError):
        odata.ask(path, {})
    assert [urlsplit(asked.path).path for asked in server.asked[:2]] == [
        f"/data/{path}",
        "/api/services/Pay/Journals/post",
    ]


# Batches

LINES = [Operation(method="POST", path="LedgerJournalLines", body={"Text": f"line {n}"}) for n in range(2)]


def batched(odata: OData, body: bytes, server: ScriptedServer) -> list[Any]:
    server.reply(Answer(200, body, {"Content-Type": KIND}))
    return [outcome.error or outcome.answers for outcome in odata.batch([LINES, LINES, LINES])]


def test_every_changeset_has_an_outcome_of_its_own(server: ScriptedServer, connect: OpenOData) -> None:
    good: list[tuple[int, str, dict[str, object]]] = [(201, "1", {"Name": "a"}), (201, "2", {"Name": "b"})]
    body = answer(good, [(400, "", refused(INFOLOG))], [(429, "", {})])
    odata = connect()
    first, second, third = batched(odata, body, server)
    assert [part.json(Row).name for part in first] == ["a", "b"]
    assert isinstance(second, RefusedError)
    assert "does not exist" in second.sentence
    assert isinstance(third, RateLimitedError)
    assert third.retry_after == 7.0
    assert odata.context.budget.slowed == [7.0]  # type: ignore[attr-defined]
    (asked,) = server.asked
    assert (asked.path, asked.headers["prefer"]) == ("/data/$batch", "odata.continue-on-error")
    assert asked.headers["content-type"].startswith("multipart/mixed; boundary=batch_")
    assert f"POST {server.url}/data/LedgerJournalLines?cross-company=true".encode() in asked.body


def test_a_changeset_without_an_answer_is_unknown(server: ScriptedServer, connect: OpenOData) -> None:
    body = answer([(201, "1", {"Name": "a"}), (201, "2", {"Name": "b"})], [(400, "3", refused(INFOLOG))])
    first, second, third = batched(connect(), body, server)
    assert len(first) == 2
    assert isinstance(second, RefusedError)
    assert isinstance(third, OutcomeUnknownError)


@pytest.mark.parametrize(
    "group",
    [[(201, "1", {})], [(500, "", {"error": {"message": "Object reference"}})], [(503, "1", {})]],
    ids=["one answer to two", "failure", "unavailable"],
)
def test_a_changeset_that_is_not_confirmed_is_unknown(
    server: ScriptedServer, connect: OpenOData, group: list[tuple[int, str, dict[str, object]]]
) -> None:
    first, *_ = batched(connect(), answer(group), server)
    assert isinstance(first, OutcomeUnknownError)


def test_an_answer_that_breaks_off_leaves_the_rest_unknown(server: ScriptedServer, connect: OpenOData) -> None:
    good: list[tuple[int, str, dict[str, object]]] = [(201, "", {}), (201, "", {})]
    body = answer(good, good, good)
    outcomes = batched(connect(), body[: len(body) - 60], server)
    assert [isinstance(outcome, OutcomeUnknownError) for outcome in outcomes] == [False, False, True]


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Answer(500), OutcomeUnknownError),
        (Answer(cut=True), OutcomeUnknownError),
        (Answer(200, b"{}"), OutcomeUnknownError),
        (Answer(400, refused("Infolog: Error: Too large")), RefusedError),
        (Answer(403), AccessError),
    ],
)
def test_a_batch_as_a_whole_may_fail(
    server: ScriptedServer, connect: OpenOData, reply: Answer, error: type[ConnectorError]
) -> None:
    server.reply(reply)
    with pytest.raises(error):
        connect().batch([LINES])
    assert len(server.asked) == 1


def test_a_batch_has_an_end(connect: OpenOData) -> None:
    with pytest.raises(ValueError, match="more than 5000"):
        connect().batch([LINES * 2501])


def test_entity_sets_are_spoken_of() -> None:
    assert spoken("LedgerJournalHeaders(dataAreaId='usmf')") == "ledger journal headers"
    assert spoken("VendorsV2") == "vendors"
