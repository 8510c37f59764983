"""Lists: every row once whatever happens meanwhile, and a number of queries that does not grow."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.context import acting_as
from connectors.models import Connection
from sync.configuring import create_integration
from sync.models import BlockedRecord, Problem, ReferenceValue, Run, RunItem
from tenants.models import ApiKey, Role
from tenants.scope import tenant_scope
from tests.api.caller import Caller
from tests.api.company import NOW, Company, found
from tests.cast import Cast, make_user


def add_of_everything(acme: Company, cast: Cast, number: int, mark: str) -> None:
    """So many more rows on every list."""
    acme.add(number)
    for n in range(number):
        make_user(f"new{n}", cast.acme, Role.VIEWER)
    with tenant_scope(cast.acme.id), acting_as("system", "Test"):
        for n in range(number):
            ApiKey.objects.create_key(name=f"key {n}", role=Role.VIEWER)
            source = Connection.objects.create(vendor="rippling", name=f"R{mark}{n}")
            target = Connection.objects.create(vendor="plex", name=f"P{mark}{n}")
            create_integration(f"I{mark}{n}", source, target, now=NOW)


def queries(caller: Caller, address: str) -> tuple[int, int]:
    """(rows, queries) of one page."""
    with CaptureQueriesContext(connection) as captured:
        rows = len(caller.get(address).ok()["results"])
    return rows, len(captured)


LISTS = (
    "connections/",
    "integrations/",
    "flows/",
    "pay-calendars/",
    "calendar-days/",
    "timings/",
    "slots/",
    "deliveries/",
    "notices/",
    "alert-hooks/",
    "expectations/",
    "reference-values/",
    "mappings/",
    "runs/",
    "items/",
    "problems/",
    "payroll-settings/",
    "account-rules/",
    "pay-runs/",
    "findings/",
    "postings/",
    "reconciliations/",
    "audit-entries/",
    "api-keys/",
    "members/",
)


def test_a_page_of_fifty_rows_costs_as_many_queries_as_one_of_five(cast: Cast, ada: Caller) -> None:
    acme = found(cast.acme)
    ada.get("me/").ok()  # notes the use of the key
    add_of_everything(acme, cast, 5, "a")
    few = {address: queries(ada, f"{address}?page_size=5") for address in LISTS}
    add_of_everything(acme, cast, 50, "b")
    many = {address: queries(ada, f"{address}?page_size=50") for address in LISTS}
    assert {rows for rows, _ in few.values()} == {5}
    assert {rows for rows, _ in many.values()} == {50}
    assert {address: number for address, (_, number) in few.items()} == {
        address: number for address, (_, number) in many.items()
    }
    assert max(number for _, number in many.values()) <= 12, many


def test_lists_within_an_object_cost_as_much_for_many_as_for_few(cast: Cast, ada: Caller) -> None:
    acme = found(cast.acme)
    acme.add(1)
    ids = acme.ids()
    ada.get("me/").ok()  # notes the use of the key
    few = [
        queries(ada, f"runs/{ids['runs'][0]}/items/"),
        queries(ada, f"problems/{ids['problems'][0]}/victims/"),
        queries(ada, f"integrations/{acme.integration.pk}/differences/"),
    ]
    with tenant_scope(cast.acme.id):
        run, problem = Run.objects.get(), Problem.objects.get()
        RunItem.objects.bulk_create(
            RunItem(run=run, source_id=f"x{n}", change="create", state="created", created_at=NOW) for n in range(40)
        )
        BlockedRecord.objects.bulk_create(
            BlockedRecord(integration=acme.integration, problem=problem, source_id=f"x{n}", since=NOW)
            for n in range(40)
        )
        ReferenceValue.objects.bulk_create(
            ReferenceValue(
                connection=acme.source,
                kind="position",
                external_id=f"P{n}",
                name=f"P{n}",
                first_seen=NOW,
                last_seen=NOW,
            )
            for n in range(40)
        )
    many = [
        queries(ada, f"runs/{ids['runs'][0]}/items/"),
        queries(ada, f"problems/{ids['problems'][0]}/victims/"),
        queries(ada, f"integrations/{acme.integration.pk}/differences/"),
    ]
    assert [rows for rows, _ in many[:2]] == [41, 41]
    assert many[2][0] > few[2][0] + 20
    assert [number for _, number in many] == [number for _, number in few]


@pytest.mark.parametrize("address", LISTS)
def test_every_row_is_on_exactly_one_page(cast: Cast, ada: Caller, address: str) -> None:
    acme = found(cast.acme)
    add_of_everything(acme, cast, 7, "a")
    whole = ada.get(f"{address}?page_size=200").ok()
    paged = ada.all(f"{address}?page_size=3")
    assert whole["next"] is None
    assert len(whole["results"]) >= 7

    def name(row: dict[str, object]) -> object:
        return row.get("id") or row.get("prefix") or row.get("seq")

    assert [name(row) for row in paged] == [name(row) for row in whole["results"]]


def test_rows_that_come_while_pages_are_read_move_nothing(cast: Cast, ada: Caller) -> None:
    acme = found(cast.acme)
    acme.add(5)
    first = ada.get("runs/?page_size=3").ok()
    acme.add(4)
    rest = ada.all(first["next"])
    seen = [row["id"] for row in first["results"] + rest]
    assert len(seen) == len(set(seen)) == 5
    assert seen == sorted(seen, reverse=True)


def test_filters_narrow_a_list_and_stay_with_its_pages(cast: Cast, ada: Caller) -> None:
    acme = found(cast.acme)
    acme.add(6)
    confirmed = ada.all("mappings/?state=confirmed&page_size=2")
    assert [row["source_key"] for row in confirmed] == ["D1", "D3", "D5"]
    assert len(ada.all(f"reference-values/?connection={acme.source.pk}&kind=department&active=true&page_size=4")) == 6
    assert ada.all(f"reference-values/?connection={acme.source.pk}&active=false") == []
    run = ada.all("runs/?state=partly_failed")[0]["id"]
    assert [row["run"] for row in ada.all(f"items/?run={run}")] == [run]
    assert [row["run"] for row in ada.all(f"runs/{run}/items/?state=blocked")] == [run]
    assert ada.all(f"runs/{run}/items/?state=created") == []
    assert {row["action"] for row in ada.all("audit-entries/?action=run.finished")} == {"run.finished"}
    assert len(ada.all("audit-entries/?since=2026-03-02T09:00:01Z")) == 0
    assert {row["kind"] for row in ada.all("flows/?paused=false&kind=people")} == {"people"}
