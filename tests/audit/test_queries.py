"""Pages of the trail: the right entries, newest first, one query each."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.context import acting_as
from audit.queries import Filters, Page, of_run, page, timeline
from tenants.models import Tenant
from tenants.scope import NoTenantScope, tenant_scope
from tests.audit.trail import AT, entries_of, worker_entry, write
from tests.cast import make_tenant


@pytest.fixture(scope="module")
def acme() -> Tenant:
    """Thirty workers updated in run 1, ten of them terminated in run 2 a day later."""
    tenant = make_tenant("Acme")
    write(tenant, *(worker_entry(n, run_id=1) for n in range(30)))
    with acting_as("schedule", "Every night", correlation_id="second-night"):
        write(
            tenant,
            *(worker_entry(n, run_id=2, action="worker.terminated") for n in range(10)),
            at=AT + timedelta(days=1),
        )
    return tenant


def seqs(found: Page) -> list[int]:
    return [entry.seq for entry in found.entries]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(), range(40, 0, -1)),
        (Filters(action="worker.terminated"), range(40, 30, -1)),
        (Filters(run_id=2), range(40, 30, -1)),
        (Filters(subject_kind="worker", subject_id="w-3"), [34, 4]),
        (Filters(correlation_id="second-night"), range(40, 30, -1)),
        (Filters(until=AT + timedelta(days=1)), range(30, 0, -1)),
        (Filters(since=AT + timedelta(days=1)), range(40, 30, -1)),
        (Filters(action="worker.updated", since=AT + timedelta(days=1)), []),
        (Filters(actor_label="pat@example.com"), range(40, 0, -1)),
        (Filters(actor_label="nobody"), []),
    ],
)
def test_filters_find_the_entries_that_pass(acme: Tenant, filters: Filters, expected: range | list[int]) -> None:
    with tenant_scope(acme.id):
        assert seqs(page(filters)) == list(expected)


def test_pages_follow_each_other_without_gap_or_overlap_while_entries_are_added(acme: Tenant) -> None:
    seen, before = [], None
    with tenant_scope(acme.id):
        while True:
            found = page(Filters(run_id=1), before=before, limit=7)
            seen += seqs(found)
            before = found.before
            if before is None:
                break

    assert seen == list(range(30, 0, -1))


def test_pages_between_dates_follow_the_dates_even_where_numbers_do_not() -> None:
    tenant = make_tenant("Acme")
    for hours in (5, 1, 3, 3, 3, 2, 4, 9):
        write(tenant, worker_entry(hours), at=AT + timedelta(hours=hours))
    filters = Filters(since=AT, until=AT + timedelta(hours=9))

    seen, before = [], None
    with tenant_scope(tenant.id):
        while (found := page(filters, before=before, limit=2)).before is not None:
            seen += seqs(found)
            before = found.before
        seen += seqs(found)

    assert seen == [1, 7, 5, 4, 3, 6, 2]


def test_the_story_of_a_worker_and_of_a_run(acme: Tenant) -> None:
    with tenant_scope(acme.id):
        assert [entry.action for entry in timeline("worker", "w-3").entries] == ["worker.terminated", "worker.updated"]
        assert seqs(of_run(2, limit=3)) == [40, 39, 38]
        assert seqs(of_run(2, limit=10)) == list(range(40, 30, -1))
        assert of_run(2, limit=10).before is None


def test_a_page_with_everything_a_screen_shows_is_one_query(acme: Tenant) -> None:
    with tenant_scope(acme.id), CaptureQueriesContext(connection) as captured:
        for entry in page(Filters()).entries:
            assert entry.sentence
            assert entry.changes()
            assert entry.why == ""

    assert len([query for query in captured if query["sql"].startswith("SELECT")]) == 1


def test_outsiders_see_nothing(acme: Tenant) -> None:
    with tenant_scope(make_tenant("Other").id):
        assert page(Filters()) == Page([], None)
        assert timeline("worker", "w-3") == Page([], None)
    with pytest.raises(NoTenantScope):
        page(Filters())
    assert len(entries_of(acme)) == 40
