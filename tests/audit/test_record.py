"""What an entry says, and that it stands or falls with what it proves."""

from __future__ import annotations

import threading
from datetime import date, datetime
from decimal import Decimal

import msgspec
import pytest
from django.db import close_old_connections, connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from audit.actions import ACTIONS, choices, sentence
from audit.context import acting_as, current_actor
from audit.models import AuditEntry, Change
from audit.record import Entry, NotInTransaction, record
from tenants.scope import NoTenantScope, tenant_scope
from tests.audit.trail import AT, company_with_trail, entries_of, verified, worker_entry, write
from tests.cast import make_tenant


def test_an_entry_says_what_who_when_why_and_where_from() -> None:
    acme = make_tenant("Acme")

    with (
        tenant_scope(acme.id),
        acting_as("user", "pat@example.com", why="Moved on 1 March", correlation_id="request-42"),
        transaction.atomic(),
    ):
        record([worker_entry(12)], at=AT)

    [entry] = entries_of(acme)
    assert entry.sentence == "12 J… D… was updated in Plex."
    assert (entry.seq, entry.at, entry.run_id) == (1, AT, 7)
    assert (entry.actor_kind, entry.actor_label, entry.correlation_id) == ("user", "pat@example.com", "request-42")
    assert (entry.subject_kind, entry.subject_id, entry.source_id, entry.target_id) == (
        "worker",
        "w-12",
        "emp-12",
        "1012",
    )
    assert entry.why == "Moved on 1 March"
    assert entry.changes() == [
        Change("department", "Press shop", "Assembly"),
        Change("given_name", "J…", "J… (changed)"),
        Change("work_email", "j…@example.com", "j…@example.com"),
    ]
    assert "Jane" not in entry.body
    assert "Joan" not in entry.body
    assert "jane@" not in entry.body
    assert entry.content.at == "2026-03-01T08:15:00.000000Z"


def test_values_of_every_kind_can_be_recorded() -> None:
    acme = make_tenant("Acme")
    after = {
        "start_date": date(2026, 3, 1),
        "updated_at": AT,
        "score": Decimal("0.95"),
        "active": True,
        "position": None,
        "location": msgspec.UNSET,
        "settings": {"plants": ["P1", "P2"]},
    }

    write(acme, worker_entry(before=None, after=after))

    assert entries_of(acme)[0].content.after == {
        "active": True,
        "position": None,
        "score": "0.95",
        "settings": {"plants": ["P1", "P2"]},
        "start_date": "2026-03-01",
        "updated_at": "2026-03-01T08:15:00Z",
    }


def test_a_reason_given_for_one_entry_wins_over_the_actors() -> None:
    acme = make_tenant("Acme")

    with tenant_scope(acme.id), acting_as("schedule", "Every night", why="due"), transaction.atomic():
        record([worker_entry(why="No department"), worker_entry()], at=AT)

    assert [entry.why for entry in entries_of(acme)] == ["No department", "due"]


def test_the_actor_is_the_innermost_and_keeps_the_correlation_id() -> None:
    assert current_actor().kind == "system"
    with acting_as("user", "pat@example.com") as outer:
        assert len(outer.correlation_id) == 32
        with acting_as("schedule", "Every night") as inner:
            assert current_actor() == inner
            assert inner.correlation_id == outer.correlation_id
        assert current_actor() == outer
    assert current_actor().kind == "system"
    with pytest.raises(ValueError, match="Unknown kind of actor"), acting_as("robot", "R2"):
        pass


def test_a_batch_costs_the_same_few_round_trips_whatever_its_size() -> None:
    acme = company_with_trail(2)

    def queries(size: int) -> int:
        with CaptureQueriesContext(connection) as captured:
            write(acme, *(worker_entry(n) for n in range(size)))
        return len(captured)

    assert queries(1) == queries(1_000) <= 4
    assert verified(acme).entries == 1_003


def test_an_entry_without_a_transaction_or_a_company_is_refused() -> None:
    acme = make_tenant("Acme")

    with tenant_scope(acme.id), pytest.raises(NotInTransaction):
        record([worker_entry()], at=AT)
    with transaction.atomic(), pytest.raises(NoTenantScope):
        record([worker_entry()], at=AT)

    assert entries_of(acme) == []


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (worker_entry(action="worker.promoted"), "Unknown audit action 'worker.promoted'"),
        (worker_entry(after={"salary": "88000"}), "'salary' is pay or a secret"),
        (worker_entry(detail={"settings": {"client_secret": "88000"}}), "'client_secret' is pay or a secret"),
    ],
)
def test_what_must_not_be_recorded_is_refused_without_repeating_it(entry: Entry, message: str) -> None:
    acme = company_with_trail(2)

    with pytest.raises(ValueError, match=message) as refused:
        write(acme, worker_entry(), entry)

    assert "88000" not in str(refused.value)
    assert len(entries_of(acme)) == 2


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        write(make_tenant("Acme"), worker_entry(), at=datetime(2026, 3, 1))  # noqa: DTZ001


def test_what_is_rolled_back_leaves_no_gap() -> None:
    acme = company_with_trail(2)

    with (
        tenant_scope(acme.id),
        pytest.raises(RuntimeError, match="vendor"),
        transaction.atomic(),
    ):
        record([worker_entry(3)], at=AT)
        raise RuntimeError("the vendor did not answer")
    with tenant_scope(acme.id), transaction.atomic():
        record([worker_entry(4)], at=AT)
        with pytest.raises(RuntimeError, match="savepoint"), transaction.atomic():
            record([worker_entry(5)], at=AT)
            raise RuntimeError("savepoint")
        record([worker_entry(6)], at=AT)

    assert [(e.seq, e.subject_id) for e in entries_of(acme)] == [(1, "w-1"), (2, "w-2"), (3, "w-4"), (4, "w-6")]
    assert verified(acme).ok


def test_many_writers_at_once_make_one_chain_without_gaps() -> None:
    acme = make_tenant("Acme")
    start = threading.Barrier(20)
    failures: list[BaseException] = []

    def work(writer: int) -> None:
        try:
            start.wait(timeout=60)
            for batch in range(5):
                write(acme, *(worker_entry(writer * 100 + batch * 10 + n) for n in range(3)))
        except BaseException as failure:  # noqa: BLE001 - shown by the test
            failures.append(failure)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    close_old_connections()

    assert failures == []
    entries = entries_of(acme)
    assert [entry.seq for entry in entries] == list(range(1, 301))
    assert len({entry.subject_id for entry in entries}) == 300
    found = verified(acme)
    assert (found.ok, found.entries) == (True, 300)


def test_no_company_sees_anothers_trail() -> None:
    acme, other = company_with_trail(3), company_with_trail(2)

    with tenant_scope(other.id):
        assert AuditEntry.objects.count() == 2
        assert AuditEntry._base_manager.filter(tenant=acme.id).count() == 0
    with pytest.raises(NoTenantScope):
        AuditEntry.objects.count()
    assert AuditEntry._base_manager.count() == 0


def test_the_list_of_actions_reads_like_sentences() -> None:
    assert [verb for verb, _ in choices()] == list(ACTIONS)
    for verb, action in ACTIONS.items():
        told = sentence(verb, subject="S", source="", target="", actor="A")
        assert verb.count(".") == 1
        assert action.label
        assert told.endswith(".")
        assert "{" not in told
        for word in ("job", "sync", "payload", "upsert", "null", "worker process", "retry"):
            assert word not in told.lower().split()
    assert sentence("worker.knighted", subject="S", source="", target="", actor="A") == "worker.knighted: S"
