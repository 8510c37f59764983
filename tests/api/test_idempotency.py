"""The same request sent twice has one effect."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.utils import timezone

from audit.models import AuditEntry
from connectors.models import Connection
from sync.models import RememberedAnswer, Run
from tenants.models import ApiKey, Role
from tenants.scope import tenant_scope
from tests.api.caller import Answer, Caller
from tests.api.company import found
from tests.cast import Cast, make_key

RIPPLING = {"vendor": "rippling", "name": "HR"}


def test_the_second_request_gets_the_first_answer(cast: Cast, ada: Caller) -> None:
    first = ada.post("connections/", RIPPLING, Idempotency_Key="one")
    again = ada.post("connections/", RIPPLING, Idempotency_Key="one")
    assert again.ok(201) == first.ok(201)
    assert again.headers["Location"] == first.headers["Location"]
    assert (first.headers.get("Idempotency-Replayed"), again.headers["Idempotency-Replayed"]) == (None, "true")
    with tenant_scope(cast.acme.id):
        assert Connection.objects.count() == 1
        assert AuditEntry.objects.filter(action="connection.created").count() == 1


def test_the_first_answer_is_given_also_after_the_world_has_moved_on(cast: Cast, ada: Caller) -> None:
    acme = found(cast.acme)
    started = ada.post(f"flows/{acme.people.pk}/run/", Idempotency_Key="run").ok(201)
    ada.post(f"runs/{started['id']}/cancel/").ok()
    assert ada.post(f"flows/{acme.people.pk}/run/", Idempotency_Key="run").ok(201) == started
    with tenant_scope(cast.acme.id):
        assert Run.objects.count() == 1


def test_a_key_belongs_to_one_request(ada: Caller) -> None:
    ada.post("connections/", RIPPLING, Idempotency_Key="one").ok(201)
    assert (
        "another request"
        in ada.post("connections/", {**RIPPLING, "name": "B"}, Idempotency_Key="one").problem(422)["detail"]
    )
    ada.post("integrations/", RIPPLING, Idempotency_Key="one").problem(422)
    assert len(ada.all("connections/")) == 1


def test_a_key_belongs_to_one_company(ada: Caller, olga: Caller) -> None:
    mine = ada.post("connections/", RIPPLING, Idempotency_Key="one").ok(201)
    hers = olga.post("connections/", RIPPLING, Idempotency_Key="one").ok(201)
    assert mine["id"] != hers["id"]


def test_after_a_refusal_the_key_can_be_used_again(ada: Caller) -> None:
    ada.post("connections/", {"vendor": "rippling"}, Idempotency_Key="one").problem(400)
    ada.post("connections/", RIPPLING, Idempotency_Key="one").ok(201)


def test_a_role_that_may_not_do_it_may_not_see_its_answer(ada: Caller, vera: Caller) -> None:
    ada.post("connections/", RIPPLING, Idempotency_Key="one").ok(201)
    vera.post("connections/", RIPPLING, Idempotency_Key="one").problem(403)


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there", "umlaut-ä"])
def test_a_key_that_cannot_be_kept_is_refused(ada: Caller, key: str) -> None:
    assert set(ada.post("connections/", RIPPLING, Idempotency_Key=key).errors()) == {"Idempotency-Key"}


def test_a_secret_is_shown_once_and_kept_nowhere(cast: Cast, ada: Caller) -> None:
    body = {"name": "Payroll", "role": "viewer"}
    made = ada.post("api-keys/", body, Idempotency_Key="one").ok(201)
    assert "shown once" in ada.post("api-keys/", body, Idempotency_Key="one").problem(409)["detail"]
    with tenant_scope(cast.acme.id):
        assert ApiKey.objects.filter(name="Payroll").count() == 1
        kept = RememberedAnswer.objects.get()
        with database.cursor() as cursor:
            cursor.execute("SELECT sync_rememberedanswer::text FROM sync_rememberedanswer")
            rows = str(cursor.fetchall())
    assert made["key"].split(".")[1] not in rows
    assert kept.body == ""
    assert Caller(made["key"]).get("me/").ok()["role"] == "viewer"


def test_credentials_are_not_kept_with_the_answer(cast: Cast, ada: Caller) -> None:
    body = {**RIPPLING, "credentials": {"api_token": "very-secret-token"}}
    ada.post("connections/", body, Idempotency_Key="one").ok(201)
    with tenant_scope(cast.acme.id), database.cursor() as cursor:
        cursor.execute("SELECT sync_rememberedanswer::text FROM sync_rememberedanswer")
        assert "very-secret-token" not in str(cursor.fetchall())


def test_two_at_the_same_moment_have_one_effect(cast: Cast) -> None:
    """Eight threads send the same request at once; one works, the others wait and get its answer."""
    key = make_key(cast.acme, Role.ADMINISTRATOR)
    answers: list[Answer] = []
    together = threading.Barrier(8)

    def send(caller: Caller) -> None:
        try:
            together.wait(timeout=30)
            answers.append(caller.post("connections/", RIPPLING, Idempotency_Key="one"))
        finally:
            database.close()

    threads = [threading.Thread(target=send, args=[Caller(key)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({answer.ok(201)["id"] for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    with tenant_scope(cast.acme.id):
        assert Connection.objects.count() == 1
        assert AuditEntry.objects.filter(action="connection.created").count() == 1


def test_while_a_long_question_is_asked_the_second_is_told_to_wait(
    cast: Cast, ada: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme = found(cast.acme)
    asked, seen = [], []

    def slow(connection: Connection, **_: Any) -> None:
        asked.append(connection.pk)
        seen.append(ada.post(f"connections/{acme.source.pk}/check/", Idempotency_Key="one"))

    monkeypatch.setattr("sync.api.connections.check_connection", slow)
    first = ada.post(f"connections/{acme.source.pk}/check/", Idempotency_Key="one").ok()
    assert "still being worked on" in seen[0].problem(409)["detail"]
    assert ada.post(f"connections/{acme.source.pk}/check/", Idempotency_Key="one").ok() == first
    assert asked == [acme.source.pk]


def test_a_long_question_whose_process_died_can_be_asked_again(
    cast: Cast, ada: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme = found(cast.acme)
    asked = []

    def dies(connection: Connection, **_: Any) -> None:
        asked.append(connection.pk)

    monkeypatch.setattr("sync.api.connections.check_connection", dies)
    ada.post(f"connections/{acme.source.pk}/check/", Idempotency_Key="one").ok()
    with tenant_scope(cast.acme.id):
        hour_ago = timezone.now() - timedelta(hours=1)
        RememberedAnswer.objects.update(status=None, created_at=hour_ago)
    ada.post(f"connections/{acme.source.pk}/check/", Idempotency_Key="one").ok()
    assert len(asked) == 2


def test_a_check_that_fails_leaves_the_key_free(cast: Cast, ada: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    acme = found(cast.acme)

    def breaks(connection: Connection, **_: Any) -> None:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr("sync.api.connections.check_connection", breaks)
        with pytest.raises(RuntimeError):
            ada.post(f"connections/{acme.source.pk}/check/", Idempotency_Key="one")
    with tenant_scope(cast.acme.id):
        assert not RememberedAnswer.objects.exists()


def test_answers_are_forgotten_after_a_week(cast: Cast, ada: Caller) -> None:
    ada.post("connections/", RIPPLING, Idempotency_Key="one").ok(201)
    with tenant_scope(cast.acme.id):
        RememberedAnswer.objects.update(created_at=timezone.now() - timedelta(days=8))
    ada.post("connections/", {**RIPPLING, "name": "B"}, Idempotency_Key="one").ok(201)
    with tenant_scope(cast.acme.id):
        assert RememberedAnswer.objects.count() == 1
