"""The invented company: the same for the same seed, of any size, with a sound tree of managers."""

from __future__ import annotations

import time
from collections.abc import Callable

from sandbox.rippling.company import found
from sandbox.rippling.filters import parse_filter
from tests.sandbox.rippling_world import Rippling

Make = Callable[..., Rippling]


def test_the_same_seed_gives_the_same_company_and_another_seed_another(rippling: Make) -> None:
    one, again, other = rippling(seed=7), rippling(seed=7), rippling(seed=8)

    for path in ("/workers/", "/users/", "/departments/"):
        assert one.walk(path) == again.walk(path)
    assert one.token != again.token
    assert not {row["id"] for row in one.walk("/workers/")} & {row["id"] for row in other.walk("/workers/")}
    assert one.change("hire")["user"]["name"] == again.change("hire")["user"]["name"]


def test_the_default_company_is_a_manufacturer_of_150_in_two_plants(rippling: Make) -> None:
    company = rippling()
    workers = company.snapshot()["workers"]

    assert len(workers) == 150
    assert {worker["status"] for worker in workers} == {"ACTIVE"}
    assert {worker["work_location"] for worker in workers} == {"Plant 1 - Maumee", "Plant 2 - Monroe"}
    assert len({worker["department"] for worker in workers}) == 16
    assert len({worker["number"] for worker in workers}) == len({worker["work_email"] for worker in workers}) == 150
    assert {email.rpartition("@")[2] for email in (worker["work_email"] for worker in workers)} == {
        "northfield.example.com"
    }
    titles = {row["name"] for row in company.walk("/titles/")}
    assert {worker["title"] for worker in workers} <= titles
    names = " ".join(f"{worker['given_name']} {worker['family_name']}" for worker in workers)
    assert not names.isascii()
    assert "'" in names or "’" in names


def test_plants_and_departments_can_be_given(rippling: Make) -> None:
    company = rippling(
        size=12,
        plants=[{"name": "Leeds"}, {"name": "York"}, {"name": "Hull", "legal_name": "Hull Forge Ltd"}],
        departments=[
            {"name": "Melt Shop", "reference_code": "10"},
            {"name": "Rolling", "reference_code": "20", "parent": "Melt Shop"},
        ],
    )

    snapshot = company.snapshot()
    assert [place["name"] for place in snapshot["work_locations"]] == ["Leeds", "York", "Hull"]
    assert {worker["department"] for worker in snapshot["workers"]} == {"Melt Shop", "Rolling"}
    entities = company.results("/legal-entities/")
    assert entities[2]["legal_name"] == "Hull Forge Ltd"
    assert len({entity["tax_identifier"] for entity in entities}) == 3


def test_managers_form_a_tree_under_one_leader(rippling: Make) -> None:
    rows = {row["id"]: row for row in rippling(size=600).walk("/workers/", limit=100)}

    def leader(row_id: str) -> str:
        steps = 0
        while (manager := rows[row_id]["manager_id"]) is not None:
            row_id, steps = manager, steps + 1
            assert steps < 20, "a cycle"
        return row_id

    assert len({leader(row_id) for row_id in rows}) == 1
    managers = {row["manager_id"] for row in rows.values()} - {None}
    assert {row_id for row_id, row in rows.items() if row["is_manager"]} == managers


def test_terminated_and_pending_workers_come_on_top(rippling: Make) -> None:
    company = rippling(size=10, terminated=4, pending=3)

    by_status: dict[str, list[dict[str, str]]] = {}
    for worker in company.snapshot()["workers"]:
        by_status.setdefault(worker["status"], []).append(worker)

    assert {status: len(workers) for status, workers in by_status.items()} == {
        "ACTIVE": 10,
        "TERMINATED": 4,
        "ACCEPTED": 1,
        "HIRED": 1,
        "INIT": 1,
    }
    assert all(worker["start_date"] <= worker["end_date"] <= "2026-11-02" for worker in by_status["TERMINATED"])
    assert all(
        worker["start_date"] > "2026-11-02" for state in ("ACCEPTED", "HIRED", "INIT") for worker in by_status[state]
    )


def test_a_page_of_a_large_company_costs_the_page() -> None:
    def seconds(size: int) -> float:
        table = found("k", {"size": size}).workers
        table.after(None, None, (), 100)
        middle = {**table.rows[list(table.rows)[size // 2]]}
        best = 1.0
        for _ in range(20):
            started = time.perf_counter()
            rows, more = table.after(middle, None, (), 100)
            best = min(best, time.perf_counter() - started)
            assert (len(rows), more) == (100, True)
        return best

    assert seconds(20_000) < 5 * seconds(1_000)


def test_a_bound_on_the_update_time_looks_only_at_what_is_newer() -> None:
    company = found("k", {"size": 5_000})
    company.change("touch", {"n": 5})
    wanted = parse_filter("updated_at gte 2026-11-02T09:00:00", {"updated_at": "timestamp"}, "gte")
    looked_at: list[str] = []
    rows = company.workers.rows
    company.workers.rows = _Watched(rows, looked_at)

    found_rows, more = company.workers.after(None, wanted, (("updated_at", False),), 100)

    assert (len(found_rows), more) == (5, False)
    assert set(looked_at) == {row["id"] for row in found_rows}


class _Watched(dict[str, dict[str, object]]):
    """A table's rows that note which of them are read."""

    def __init__(self, rows: dict[str, dict[str, object]], seen: list[str]) -> None:
        super().__init__(rows)
        self._seen = seen

    def __getitem__(self, row_id: str) -> dict[str, object]:
        self._seen.append(row_id)
        return super().__getitem__(row_id)
