"""The OpenAPI document is true: whatever is sent, every answer is one that it describes."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tenants.models import Role
from tests.api.caller import Caller
from tests.api.company import found
from tests.api.document import document, resource_of
from tests.api.test_outsider import state_of
from tests.cast import Cast, make_key

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 6


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """No allowance in the way, and no vendor asked: what a check does is told elsewhere."""
    monkeypatch.setattr("sync.api.throttling.KeyThrottle.THROTTLE_RATES", {"api_key": "100000/s"})
    monkeypatch.setattr("sync.api.connections.check_connection", lambda connection, **_: None)


def test_the_document_is_open_api_and_the_page_needs_nobody_else() -> None:
    assert document()["openapi"].startswith("3.1")
    assert Caller()("GET", "schema/").content.startswith(b"openapi: 3.1")
    page = Caller()("GET", "docs/").content.decode()
    assert "swagger-ui" in page
    assert "https://" not in page.replace("https://www.w3.org", "")


def test_every_operation_says_what_it_can_refuse() -> None:
    for address, methods in document()["paths"].items():
        for method, operation in methods.items():
            refusals = {status for status in operation["responses"] if status >= "400"}
            assert {"400", "401", "403", "429"} <= refusals, (method, address)
            assert ("404" in refusals) == ("{" in address or "integration" in _required(operation)), address
            for status in refusals:
                assert list(operation["responses"][status]["content"]) == ["application/problem+json"]


def _required(operation: Any) -> set[str]:
    return {parameter["name"] for parameter in operation.get("parameters", []) if parameter.get("required")}


@schemathesis.serializer("text/csv", "text/calendar")
def _csv(context: schemathesis.SerializationContext, value: Any) -> bytes:
    return str(value).encode(errors="replace")


def sweep(key: str, ids: dict[str, list[Any]], *, existing: float) -> dict[int, int]:
    """Send generated requests, right ones and wrong ones, to every operation; this share of them to objects of
    ``ids``. Every answer is checked against the document. Returns the answers by status."""
    handler = WSGIHandler()

    def with_key(environ: dict[str, Any], start_response: Any) -> Any:
        # Left to itself, schemathesis leaves the key out of wrong requests.
        return handler({**environ, "HTTP_AUTHORIZATION": f"Api-Key {key}"}, start_response)

    schema = schemathesis.openapi.from_wsgi("/api/v1/schema/?format=json", with_key)
    seen: Counter[int] = Counter()
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()
        for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):
            _send(operation, mode, ids.get(resource_of(operation.path), []), existing, seen)
    return dict(seen)


def _send(
    operation: Any, mode: schemathesis.GenerationMode, known: list[Any], existing: float, seen: Counter[int]
) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), chance=st.floats(0, 0.999), which=st.integers(0, 1000))
    def send(case: Any, chance: float, which: int) -> None:
        if known and chance < existing and case.path_parameters:
            case.path_parameters = dict.fromkeys(case.path_parameters, str(known[which % len(known)]))
        # What a client library would not send at all is no request.
        case.headers = {name: text for name, text in (case.headers or {}).items() if name == "Idempotency-Key"}
        response = case.call()
        seen[response.status_code] += 1
        case.validate_response(response, checks=CHECKS)

    # No wrong request can be made of an operation that has nothing to vary.
    with contextlib.suppress(Unsatisfiable):
        send()


@pytest.mark.filterwarnings("ignore:No directory at")
def test_every_answer_to_an_administrator_is_one_the_document_describes(cast: Cast) -> None:
    acme = found(cast.acme)
    acme.add(3)
    ids = acme.ids()
    key = make_key(cast.acme, Role.ADMINISTRATOR)
    seen = sweep(key, ids, existing=0.7)
    assert {200, 201, 204, 400, 404, 409} <= set(seen), seen
    assert not {401, 500} & set(seen), seen


@pytest.mark.filterwarnings("ignore:No directory at")
def test_every_answer_to_an_outsider_is_one_the_document_describes_and_changes_nothing(cast: Cast) -> None:
    acme = found(cast.acme)
    acme.add(3)
    ids = acme.ids()
    before = state_of(cast)
    seen = sweep(make_key(cast.other, Role.ADMINISTRATOR), ids, existing=1.0)
    assert state_of(cast) == before
    assert not {401, 403, 500} & set(seen), seen
