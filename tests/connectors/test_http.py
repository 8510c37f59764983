"""What leaves the process, how often, and what is concluded from the answers."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from connectors.auth import BearerToken
from connectors.errors import (
    ConnectionConfigError,
    OutcomeUnknownError,
    RateLimitedError,
    TemporaryError,
    UnexpectedReplyError,
)
from connectors.http import CredentialsRefusedReply, RefusedReply, VendorHttp
from tests.connectors.scripted_server import Answer, ScriptedServer
from tests.connectors.surroundings import Clock, OpenBudget, context

SECRET = "tok-4f9d8e7c6b5a"

Open = Callable[..., VendorHttp]


@pytest.fixture
def open_http(server: ScriptedServer, clock: Clock) -> Iterator[Open]:
    opened: list[VendorHttp] = []

    def make(**values: Any) -> VendorHttp:
        surroundings = values.pop("context", context(clock, credentials={"token": SECRET}))
        defaults: dict[str, Any] = {"product": "Acme HR", "base_url": server.url, "auth": BearerToken(SECRET)}
        opened.append(VendorHttp(surroundings, **(defaults | values)))
        return opened[-1]

    yield make
    for http in opened:
        http.close()
        http.close()


class Renewable:
    """A credential that can be renewed a number of times."""

    def __init__(self, *tokens: str) -> None:
        self.tokens = list(tokens)

    def headers(self, http: VendorHttp) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[0]}"}

    def refresh(self) -> bool:
        if len(self.tokens) == 1:
            return False
        self.tokens.pop(0)
        return True


def test_a_read_carries_who_we_are_and_encodes_blanks_as_percent_20(server: ScriptedServer, open_http: Open) -> None:
    server.reply(Answer(body={"n": 1}, headers={"X-Thing": "yes"}))
    reply = open_http(headers={"Rippling-Api-Version": "2024-08-01"}).read(
        "/workers/", [("filter", "updated_at gte 2026-01-01"), ("expand", "user,a+b")]
    )
    asked = server.asked[0]
    assert asked.path == "/workers/?filter=updated_at%20gte%202026-01-01&expand=user%2Ca%2Bb"
    assert asked.headers["authorization"] == f"Bearer {SECRET}"
    assert asked.headers["user-agent"].startswith("ml-connector/")
    assert asked.headers["x-correlation-id"] == "run-4711"
    assert asked.headers["rippling-api-version"] == "2024-08-01"
    assert (reply.status, reply.headers["x-thing"], reply.json()) == (200, "yes", {"n": 1})


def test_cookies_of_one_answer_are_not_sent_with_the_next_request(server: ScriptedServer, open_http: Open) -> None:
    server.reply(Answer(headers={"Set-Cookie": "session=other-company; Path=/"}), Answer())
    http = open_http()
    http.read("/a")
    http.read("/b")
    assert "cookie" not in server.asked[1].headers


@pytest.mark.parametrize(
    "first",
    [
        Answer(status=500),
        Answer(status=503, body=b"<html>busy</html>"),
        Answer(cut=True),
        Answer(body=b'{"half":', length=400),
        Answer(body=b'{"half":', chunked=True),
    ],
    ids=["500", "503", "reset", "truncated", "truncated chunks"],
)
def test_a_read_is_repeated_until_an_answer_comes(
    server: ScriptedServer, open_http: Open, clock: Clock, first: Answer
) -> None:
    server.reply(first, first, Answer(body={"ok": True}))
    assert open_http().read("/a").json() == {"ok": True}
    assert len(server.asked) == 3
    assert clock.slept == [0.5, 1.0], "full jitter of 1 s, then 2 s"


def test_a_read_gives_up_after_its_attempts_without_a_secret_in_the_error(
    server: ScriptedServer, open_http: Open
) -> None:
    server.script = lambda asked: Answer(
        status=502, body={"error": f"upstream said {SECRET} for ada@example.com 123-45-6789"}
    )
    with pytest.raises(TemporaryError) as caught:
        open_http().read("/workers/65aa00000000000000000001/pay")
    assert len(server.asked) == 5
    shown = f"{caught.value!r} {caught.value.sentence} {caught.value.detail}"
    assert SECRET not in shown
    assert "ada@" not in shown
    assert "6789" not in shown
    assert "GET /workers/{id}/pay -> 502" in caught.value.detail
    assert "Nothing was changed" in caught.value.sentence


def test_retry_after_is_obeyed_to_the_second_and_burns_no_attempt(
    server: ScriptedServer, open_http: Open, clock: Clock
) -> None:
    date = "Sat, 21 Nov 2026 08:01:10 GMT"
    server.reply(
        *[Answer(status=429, headers={"Retry-After": "7"})] * 6,
        Answer(status=429, headers={"Retry-After": date}),
        Answer(status=429, headers={"Retry-After": "soon"}),
        Answer(body={"ok": 1}),
    )
    budget = OpenBudget()
    http = open_http(attempts=2, context=context(clock, budget=budget))
    assert http.read("/a").json() == {"ok": 1}
    assert clock.slept == [7.0] * 6 + [28.0, 30.0]
    assert budget.slowed == clock.slept, "every worker of the connection was told"
    assert budget.acquired == 9


@pytest.mark.parametrize("dice", [0.0, 1.0])
def test_endless_429_ends_in_a_rate_limit_error(server: ScriptedServer, open_http: Open, dice: float) -> None:
    server.script = lambda asked: Answer(status=429)
    with pytest.raises(RateLimitedError):
        open_http(context=context(random=lambda: dice)).read("/a")
    assert 5 < len(server.asked) < 40


def test_a_retry_after_of_hours_is_left_to_the_scheduler(server: ScriptedServer, open_http: Open, clock: Clock) -> None:
    server.reply(Answer(status=429, headers={"Retry-After": "7200"}))
    with pytest.raises(RateLimitedError) as caught:
        open_http().read("/a")
    assert (caught.value.retry_after, clock.slept) == (7200.0, [])


def test_a_401_is_answered_with_a_new_credential_once(server: ScriptedServer, open_http: Open) -> None:
    server.script = lambda asked: Answer(status=200 if asked.headers["authorization"] == "Bearer new" else 401)
    assert open_http(auth=Renewable("old", "new")).read("/a").status == 200
    assert [asked.headers["authorization"] for asked in server.asked] == ["Bearer old", "Bearer new"]


def test_a_second_401_asks_for_new_credentials(server: ScriptedServer, open_http: Open) -> None:
    server.script = lambda asked: Answer(status=401, body={"detail": "bad token"})
    with pytest.raises(ConnectionConfigError) as caught:
        open_http(auth=Renewable("a", "b", "c")).read("/a")
    assert len(server.asked) == 2
    assert isinstance(caught.value, CredentialsRefusedReply)
    assert "credentials" in str(caught.value)


def test_other_refusals_are_left_to_the_vendor_module(server: ScriptedServer, open_http: Open) -> None:
    server.reply(Answer(status=403, body={"code": "NO_SCOPE", "detail": "missing workers.read"}), Answer(status=404))
    http = open_http()
    with pytest.raises(RefusedReply) as caught:
        http.read("/a")
    assert (caught.value.status, caught.value.reply.message) == (403, "missing workers.read")
    assert caught.value.reply.code == "NO_SCOPE"
    assert http.read("/b", accept=(200, 404)).status == 404
    assert len(server.asked) == 2


def test_redirects_are_never_followed(server: ScriptedServer, open_http: Open) -> None:
    server.reply(Answer(status=302, headers={"Location": "https://login.example.com/"}))
    with pytest.raises(RefusedReply) as caught:
        open_http().read("/a")
    assert caught.value.status == 302
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"<html><body>Sign in</body></html>", "a web page instead of data"),
        (b'{"results": [{"id": ', "unreadable or incomplete data"),
        (b"", "nothing"),
        (b'{"n": "text"}', "data of an unexpected form"),
    ],
)
def test_an_answer_that_is_not_the_promised_data_is_named(
    server: ScriptedServer, open_http: Open, body: bytes, says: str
) -> None:
    class Promise(msgspec.Struct):
        n: int

    server.script = lambda asked: Answer(body=body)
    with pytest.raises(UnexpectedReplyError, match=says):
        open_http().read("/a").json(Promise)
    with pytest.raises(OutcomeUnknownError, match=says):
        open_http().write("POST", "/a", {}).json(Promise)


def test_an_answer_over_the_limit_is_not_swallowed(server: ScriptedServer, open_http: Open) -> None:
    server.script = lambda asked: Answer(body=b"[" + b" " * 5000 + b"]")
    with pytest.raises(UnexpectedReplyError, match="more data"):
        open_http(max_body=1000).read("/a")
    with pytest.raises(OutcomeUnknownError):
        open_http(max_body=1000).write("PUT", "/a", {})


@pytest.mark.parametrize(
    "link",
    ["https://evil.example.com/workers?cursor=1", "//evil.example.com/x", "http://127.0.0.1:1/x", "ftp://127.0.0.1/"],
)
def test_a_link_to_another_host_is_refused_before_anything_is_sent(
    server: ScriptedServer, open_http: Open, link: str
) -> None:
    with pytest.raises(UnexpectedReplyError, match="another web address"):
        open_http().read_link(link)
    assert server.asked == []


def test_links_may_be_absolute_or_relative_and_get_back_what_they_dropped(
    server: ScriptedServer, open_http: Open
) -> None:
    http = open_http()
    params = [("expand", "user"), ("limit", "100")]
    for link in (
        f"{server.url}/workers/?cursor=a%20b&limit=50",
        "/workers/?cursor=a%20b&limit=50",
        "?cursor=a%20b&limit=50",
    ):
        http.read_link(link, params, after="/workers/")
    assert {asked.path for asked in server.asked} == {"/workers/?cursor=a%20b&limit=50&expand=user"}


@pytest.mark.parametrize(
    "address",
    [
        "http://api.acme.com",
        "https://api.acme.com.evil.com",
        "https://user:pw@api.acme.com",
        "https://other.com",
        "https://notacme.com",
        "ftp://api.acme.com",
        "https://",
        "https://[bad",
        "http://127.0.0.1:9",
    ],
)
def test_credentials_go_only_to_the_vendors_hosts(address: str) -> None:
    surroundings = context(allowed_hosts=frozenset({"api.acme.com", ".acme.com"}), allow_loopback=False)
    with pytest.raises(ConnectionConfigError):
        VendorHttp(surroundings, product="Acme", base_url=address, auth=BearerToken("x"))
    for good in ("https://api.acme.com/platform", "https://eu.acme.com"):
        VendorHttp(surroundings, product="Acme", base_url=good, auth=BearerToken("x")).close()


def test_tls_is_always_verified(open_http: Open) -> None:
    http = open_http()
    verified = http._client._transport._pool._ssl_context  # type: ignore[attr-defined]
    assert verified.verify_mode is ssl.CERT_REQUIRED
    assert verified.check_hostname


@pytest.mark.parametrize(
    "answer",
    [
        Answer(cut=True),
        Answer(status=500),
        Answer(status=503),
        Answer(status=302),
        Answer(body=b"{", length=9),
        Answer(status=408),
    ],
    ids=["cut", "500", "503", "302", "truncated", "408"],
)
def test_a_write_without_a_trustworthy_answer_is_unknown_and_never_repeated(
    server: ScriptedServer, open_http: Open, answer: Answer
) -> None:
    server.reply(answer)
    with pytest.raises(OutcomeUnknownError):
        open_http().write("POST", "/employees", {"name": "Ada"})
    assert len(server.asked) == 1


def test_a_write_whose_answer_is_late_is_unknown(server: ScriptedServer, open_http: Open) -> None:
    server.reply(Answer(wait=True))
    with pytest.raises(OutcomeUnknownError):
        open_http(read_timeout=0.2).write("POST", "/employees", {})
    assert len(server.asked) == 1


def test_a_write_that_was_never_sent_is_temporary(open_http: Open, clock: Clock) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(TemporaryError, match="could not be reached"):
        open_http(base_url=address).write("POST", "/employees", {})
    assert len(clock.slept) == 4


def test_a_write_that_was_refused_for_rate_or_credential_is_sent_again(server: ScriptedServer, open_http: Open) -> None:
    server.reply(Answer(status=429, headers={"Retry-After": "3"}), Answer(status=401), Answer(status=202, body=b""))
    reply = open_http(auth=Renewable("old", "new")).write("PUT", "/employees/7", {"a": 1}, params=[("x", "1 2")])
    assert reply.status == 202
    assert [asked.body for asked in server.asked] == [b'{"a":1}'] * 3
    assert {asked.headers["content-type"] for asked in server.asked} == {"application/json"}
    assert server.asked[2].path == "/employees/7?x=1%202"


def test_no_attempt_to_write_leaves_once_somebody_objects(server: ScriptedServer, open_http: Open) -> None:
    http = open_http(context=context(before_write=iter([None]).__next__))
    server.reply(Answer(429), Answer(body={}))
    with pytest.raises(StopIteration):
        http.write("POST", "/x", {})
    http.read("/x")
    assert len(server.asked) == 2


def test_a_write_that_was_rejected_is_the_vendor_modules_to_explain(server: ScriptedServer, open_http: Open) -> None:
    server.reply(Answer(status=422, body=["badge is taken"]))
    with pytest.raises(RefusedReply) as caught:
        open_http().write("POST", "/employees", {})
    assert caught.value.reply.message == "badge is taken"


class Row(msgspec.Struct):
    id: int
    note: str = ""


def test_a_list_is_streamed(server: ScriptedServer, open_http: Open) -> None:
    server.reply(
        Answer(body=[{"id": n, "note": "x" * 1000} for n in range(500)]),
        Answer(body={"data": [{"id": 1}], "more": 1}),
        Answer(body=[]),
        Answer(body={"data": []}),
    )
    http = open_http(max_body=100)
    assert [row.id for row in http.stream("/a", item=Row)] == list(range(500))
    assert list(http.stream("/b", item=Row, prefix="data.item")) == [Row(1)]
    assert list(http.stream("/c", item=Row)) == []
    assert list(http.stream("/d", item=Row, prefix="data.item")) == []


@pytest.mark.parametrize("body", [b"<html>Sign in</html>", b'{"error": "no"}', b"null", b'"text"'])
def test_what_is_no_list_is_an_error_and_not_an_empty_list(
    server: ScriptedServer, open_http: Open, body: bytes
) -> None:
    server.script = lambda asked: Answer(body=body)
    for prefix in ("item", "data.item"):
        with pytest.raises(UnexpectedReplyError):
            list(open_http().stream("/a", item=Row, prefix=prefix))
    assert len(server.asked) == 2, "it is not asked again"


@pytest.mark.parametrize("chunked", [False, True])
def test_a_list_that_breaks_off_is_never_a_short_list(server: ScriptedServer, open_http: Open, chunked: bool) -> None:
    whole = msgspec.json.encode([{"id": n, "note": "x" * 900} for n in range(300)])
    half = Answer(body=whole[: len(whole) // 2], length=len(whole), chunked=chunked)
    server.script = lambda asked: half
    seen: list[Row] = []
    with pytest.raises(TemporaryError):
        seen.extend(open_http().stream("/a", item=Row))
    assert 0 < len(seen) < 300
    assert len(server.asked) == 1


def test_a_list_lost_before_its_first_item_is_read_again(server: ScriptedServer, open_http: Open) -> None:
    server.reply(Answer(cut=True), Answer(body=b"[", length=500), Answer(status=503), Answer(body=[{"id": 1}]))
    assert list(open_http().stream("/a", item=Row)) == [Row(1)]


def test_a_half_read_list_gives_its_connection_back(server: ScriptedServer, open_http: Open) -> None:
    server.script = lambda asked: Answer(body=[{"id": n} for n in range(50_000)])
    http = open_http(concurrency=1)
    for _ in range(8):
        rows = http.stream("/a", item=Row)
        assert next(rows).id == 0
        rows.close()  # type: ignore[attr-defined]
    assert http.read("/b").status == 200


def test_nothing_printed_shows_a_secret(open_http: Open) -> None:
    surroundings = context(credentials={"token": SECRET})
    http = open_http(context=surroundings)
    assert SECRET not in repr(http) + repr(http._auth) + repr(surroundings) + str(surroundings)
    with pytest.raises(ConnectionConfigError) as caught:
        BearerToken(f"{SECRET}\n{SECRET}")
    assert SECRET not in repr(caught.value)
