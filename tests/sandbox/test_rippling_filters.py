"""The languages of filter, order_by and expand, and what is silently ignored."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.sandbox.rippling_world import Rippling

Make = Callable[..., Rippling]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("work_email eq 'ada@example.com'", {1003}),
        ("status eq 'TERMINATED'", {1009, 1010}),
        ("status ne 'ACTIVE'", {1009, 1010}),
        ("status in ('TERMINATED', 'INIT')", {1009, 1010}),
        ("work_email eq 'ada@example.com' or status eq 'TERMINATED'", {1003, 1009, 1010}),
        ("status eq 'ACTIVE' and work_email eq 'ada@example.com' or status eq 'TERMINATED'", {1003, 1009, 1010}),
        ("status eq 'TERMINATED' and work_email eq 'ada@example.com'", set()),
        ("updated_at gte 2026-11-02T09:00:02", {1004}),
        ("updated_at gt 2026-11-02T09:00:02", set()),
        ("updated_at gte 2026-11-02T09:00:01.000000 and updated_at lt 2026-11-02T09:00:02", {1003}),
        ("updated_at eq 2026-11-02T09:00:01", {1003}),
        ("updated_at gte 2026-11-02", {1003, 1004}),
        ("updated_at lte 2026-11-02T09:00:02 and updated_at gt 2026-11-01T00:00:00", {1003, 1004}),
        ("user_id eq 'nobody'", set()),
    ],
)
def test_a_filter_selects_what_it_says(rippling: Make, text: str, numbers: set[int]) -> None:
    company = rippling(size=8, terminated=2)
    company.change("raw", worker=1009, fields={"updated_at": "2026-01-01T00:00:00.000000+00:00"})
    company.change("set_clock", now="2026-11-02T09:00:00Z")
    company.change("update", worker=1003, work_email="ada@example.com")
    company.change("update", worker=1004)

    assert {row["number"] for row in company.walk("/workers/", filter=text, limit=1)} == numbers


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("updated_at gte '2026-11-02T09:00:00'", "expected: datetime.datetime | None, got: str"),
        ("updated_at ge 2026-11-02T09:00:00", "unknown operator 'ge'"),
        ("updated_at gte 2026-11-02T09:00:00Z", "2026-11-02T09:00:00Z"),
        ("updated_at gte 2026-11-02T09:00:00+00:00", "2026-11-02T09:00:00+00:00"),
        ("updated_at gte 2026-02-30T09:00:00", "2026-02-30T09:00:00"),
        ("updated_at gte 20261102", "20261102"),
        ("status eq ACTIVE", "must be quoted"),
        ("start_date gte 2026-01-01", "'start_date' is not filterable"),
        ("department_id eq 'x'", "'department_id' is not filterable"),
        ("status like 'A'", "unknown operator 'like'"),
        ("status eq", "got end of text"),
        ("status eq 'ACTIVE' status eq 'INIT'", "expected 'and' or 'or'"),
        ("status eq 'ACTIVE", "cannot read"),
        ("status in 'ACTIVE'", "'in' needs a list"),
        ("status in ('ACTIVE'", "got end of text"),
        ("(status eq 'ACTIVE')", "'(' is not filterable"),
    ],
)
def test_a_filter_that_is_not_understood_is_refused_by_name(rippling: Make, text: str, named: str) -> None:
    assert named in rippling(size=1).refused("/workers/", filter=text)


def test_some_companies_spell_the_operators_the_older_way(rippling: Make) -> None:
    company = rippling(size=3, filter_operator="ge")
    company.change("update", worker=1002)

    assert "'gte'" in company.refused("/workers/", filter="updated_at gte 2026-11-02T09:00:00")
    assert [r["number"] for r in company.results("/workers/", filter="updated_at ge 2026-11-02T09:00:00")] == [1002]
    assert len(company.results("/workers/", filter="updated_at le 2026-11-02T09:00:00")) == 2


def test_some_companies_take_any_filter_and_answer_everything(rippling: Make) -> None:
    company = rippling(size=3, filter_operator="ignored")

    assert len(company.results("/workers/", filter="updated_at gte 2030-01-01T00:00:00")) == 3
    assert len(company.results("/workers/", filter="complete nonsense")) == 3


def test_unknown_parameters_are_silently_ignored(rippling: Make) -> None:
    company = rippling(size=3)

    assert company.ok("/workers/", updated_at="2030-01-01", worker_id="x", sort="name", page=4) == company.ok(
        "/workers/"
    )
    assert company.ok("/titles/", filter="name eq 'x'", expand="everything") == company.ok("/titles/")
    assert company.ok("/departments/", filter="nonsense") == company.ok("/departments/")


def test_job_codes_and_dimensions_have_filters_of_their_own(rippling: Make) -> None:
    company = rippling(size=1)

    [line] = company.results("/job-dimensions/", filter="name eq 'Production Line'")
    codes = company.results("/job-codes/", filter=f"job_dimension_id eq '{line['id']}'", expand="job_dimension")

    assert [code["external_id"] for code in codes] == ["LINE-01", "LINE-02", "LINE-03"]
    assert {code["job_dimension"]["name"] for code in codes} == {"Production Line"}
    assert "not filterable" in company.refused("/job-codes/", filter="name eq 'Line A'")


def test_order_by_takes_several_fields_and_directions(rippling: Make) -> None:
    company = rippling(size=30)
    company.change("touch", n=5)

    rows = company.walk("/workers/", order_by="updated_at desc, id", limit=7)
    keys = [(row["updated_at"], row["id"]) for row in rows]
    assert keys == sorted(sorted(keys, key=lambda key: key[1]), key=lambda key: key[0], reverse=True)
    assert len(rows) == 30
    assert [r["id"] for r in company.walk("/workers/", order_by="id desc", limit=7)] == sorted(
        (row["id"] for row in rows), reverse=True
    )
    for order in ("-updated_at", "start_date", "updated_at down", "updated_at,"):
        assert "order_by" in company.refused("/workers/", order_by=order)


def test_expanded_references_come_beside_their_ids_two_levels_deep(rippling: Make) -> None:
    company = rippling(size=40)

    plain = company.results("/workers/", limit=40)[-1]
    rich = company.results("/workers/", limit=40, expand="user,manager.user,department.parent,teams,compensation")[-1]

    assert not {"user", "manager", "department", "teams", "compensation", "custom_fields"} & set(plain)
    assert rich | plain == rich
    assert rich["user"]["number"] == str(plain["number"])
    assert rich["manager"]["user"]["id"] == rich["manager"]["user_id"]
    assert "department" not in rich["manager"]
    assert rich["department"]["department_hierarchy_id"][-1] == plain["department_id"]
    assert rich["compensation"]["worker_id"] == plain["id"]
    assert company.ok(f"/workers/{plain['id']}/", expand="department")["department"] == {
        k: v for k, v in rich["department"].items() if k != "parent"
    }


@pytest.mark.parametrize(
    "text", ["salary", "user.name", "department.parent.parent", "user,nobody", ",".join(["user"] * 11)]
)
def test_an_expansion_that_is_not_offered_is_refused(rippling: Make, text: str) -> None:
    assert "Invalid expand" in rippling(size=1).refused("/workers/", expand=text)


def test_a_reference_to_what_is_gone_expands_to_nothing(rippling: Make) -> None:
    company = rippling(size=20)
    company.change("transfer", worker=1010, department="Quality")

    gone = company.change("remove_department", department="Quality")["removed"]

    [row] = [r for r in company.walk("/workers/", expand="department") if r["number"] == 1010]
    assert (row["department_id"], row["department"]) == (gone, None)
