"""Reference values of both sides, what differs, and the mappings people keep."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from audit.models import AuditEntry
from connectors.records import RefKind
from sync.comparison import headcount, reference_differences
from sync.mappings import (
    confirm,
    coverage,
    export_csv,
    import_csv,
    people_covered,
    remove,
    save_mapping,
    suggest_mappings,
)
from sync.models import Flow, Integration, Mapping, ReferenceValue, Run
from tenants.scope import tenant_scope
from tests.cast import make_tenant
from tests.sync.story import Story, tell


@pytest.fixture
def story(sandbox: dict[str, str]) -> Story:
    found = tell(sandbox, size=12)
    found.run(flow=Flow.Kind.REFERENCE)
    return found


def values(story: Story, side: str, kind: RefKind) -> dict[str, ReferenceValue]:
    connection = story.source if side == "source" else story.target
    return {v.name: v for v in ReferenceValue.objects.filter(connection=connection, kind=kind)}


def test_both_sides_are_read_and_kept(story: Story) -> None:
    snapshot = story.rippling.snapshot()
    with story.scope():
        departments = values(story, "source", RefKind.DEPARTMENT)
        assert set(departments) == {row["name"] for row in snapshot["departments"]}
        assert {v.code for v in departments.values()} == {row["reference_code"] for row in snapshot["departments"]}
        in_use = {w["department"] for w in snapshot["workers"]}
        assert in_use <= set(values(story, "target", RefKind.DEPARTMENT))
        accounts = values(story, "target", RefKind.ACCOUNT)
        assert {a.attributes["segments"]["cost_center"] for a in accounts.values()} >= {"000", "210"}
        assert any(not account.active for account in accounts.values())
        centers = ReferenceValue.objects.filter(connection=story.target, kind=RefKind.COST_CENTER)
        assert {"210", "220"} <= set(centers.values_list("external_id", flat=True))


def test_renamed_vanished_and_returned_values_are_noticed_in_both_directions(story: Story) -> None:
    story.map_everything()
    with story.scope():
        mapped = Mapping.objects.filter(kind=RefKind.DEPARTMENT).values_list("source_key", flat=True)
        first, second = sorted(mapped)[:2]
    name = next(r["name"] for r in story.rippling.snapshot()["departments"] if r["id"] == first)
    story.rippling.change("rename_department", department=first, name="Renamed")
    story.rippling.change("remove_department", department=second)

    story.run(flow=Flow.Kind.REFERENCE)

    with story.scope():
        found = {(d.side, d.what, d.key) for d in reference_differences(story.integration, [RefKind.DEPARTMENT])}
        assert ("source", "renamed", first) in found
        assert ("source", "inactive", second) in found
        renamed = ReferenceValue.objects.get(connection=story.source, kind=RefKind.DEPARTMENT, external_id=first)
        assert (renamed.previous_name, renamed.name, renamed.active) == (name, "Renamed", True)


def test_an_unchanged_reading_changes_nothing_but_the_date(story: Story) -> None:
    fields = ("kind", "external_id", "code", "name", "active", "previous_name", "first_seen")
    with story.scope():
        before = list(ReferenceValue.objects.order_by("pk").values_list(*fields))
    run = story.run(flow=Flow.Kind.REFERENCE)
    with story.scope():
        assert list(ReferenceValue.objects.order_by("pk").values_list(*fields)) == before
    assert run.state == Run.State.SUCCEEDED, run.message


def test_heads_are_counted_on_both_sides_and_a_difference_is_explained(story: Story) -> None:
    story.map_everything()
    with story.scope():
        assert headcount(story.integration).source is None
    story.run()
    with story.scope():
        counted = headcount(story.integration)
    # One employee was in Plex before and is nobody's worker: the difference has a name.
    assert (counted.source, counted.linked, counted.target, counted.only_on_target) == (12, 12, 13, 1)
    assert counted.agrees is False


def test_suggestions_count_only_when_a_person_confirms_them(story: Story) -> None:
    with story.scope():
        suggested = suggest_mappings(story.integration, kinds=[RefKind.DEPARTMENT])
        assert {m.score for m in suggested} >= {95}
        assert coverage(story.integration)[0].mapped == 0
    assert story.run().created == 0

    with story.scope():
        sure = [m for m in suggested if m.score >= 95]
        assert confirm(sure, now=story.world.now()) == len(sure)
        assert confirm(sure, now=story.world.now()) == 0
        department = coverage(story.integration)[0]
        assert (department.kind, department.mapped) == (RefKind.DEPARTMENT, len(sure))
        assert Mapping.objects.filter(state=Mapping.State.CONFIRMED).first().confirmed_by  # type: ignore[union-attr]
        assert AuditEntry.objects.filter(action="mapping.confirmed").count() == len(sure)


def test_a_mapping_from_a_later_day_ends_the_former_one(story: Story) -> None:
    with story.scope():
        source, *_ = values(story, "source", RefKind.DEPARTMENT).values()
        one, two, *_ = values(story, "target", RefKind.DEPARTMENT).values()
        now = story.world.now()
        put: dict[str, Any] = {"kind": RefKind.DEPARTMENT.value, "source_key": source.external_id}
        save_mapping(story.integration, **put, target_key=one.external_id, now=now)
        save_mapping(story.integration, **put, target_key=two.external_id, valid_from=date(2026, 7, 1), now=now)
        spans = [(m.target_key, m.valid_from, m.valid_to) for m in Mapping.objects.order_by("valid_from")]
        assert spans == [
            (one.external_id, date(1900, 1, 1), date(2026, 7, 1)),
            (two.external_id, date(2026, 7, 1), None),
        ]
        remove(Mapping.objects.get(valid_from=date(2026, 7, 1)), now=now)
        told = [entry.subject_label for entry in AuditEntry.objects.filter(subject_kind="mapping").order_by("seq")]
        assert told == [f"Department {source.name} → {target.name}" for target in (one, two, two)]


def test_a_mapping_to_what_does_not_exist_or_is_inactive_is_refused_by_field(story: Story) -> None:
    with story.scope():
        source, *_ = values(story, "source", RefKind.DEPARTMENT).values()
        target, *_ = values(story, "target", RefKind.DEPARTMENT).values()
        for field, changed in (
            ("kind", {"kind": "salary"}),
            ("source_key", {"source_key": "nobody"}),
            ("target_key", {"target_key": "nowhere"}),
        ):
            put: dict[str, Any] = {"kind": "department", "source_key": source.external_id} | {
                "target_key": target.external_id,
                **changed,
            }
            with pytest.raises(ValidationError) as refused:
                save_mapping(story.integration, **put, now=story.world.now())
            assert list(refused.value.message_dict) == [field]
        ReferenceValue.objects.filter(pk=target.pk).update(active=False)
        with pytest.raises(ValidationError, match="not active"):
            save_mapping(
                story.integration,
                kind="department",
                source_key=source.external_id,
                target_key=target.external_id,
                now=story.world.now(),
            )


def test_a_csv_goes_out_and_comes_back_the_same(story: Story) -> None:
    story.map_everything()
    with story.scope():
        before = list(Mapping.objects.order_by("kind", "source_key").values_list("kind", "source_key", "target_key"))
        text = "".join(export_csv(story.integration, now=story.world.now()))
        Mapping.objects.all().delete()
        assert import_csv(story.integration, "\ufeff" + text, now=story.world.now()) == len(before)
        after = list(Mapping.objects.order_by("kind", "source_key").values_list("kind", "source_key", "target_key"))
        assert after == before
        assert "".join(export_csv(story.integration, now=story.world.now())).count("\r\n") == len(before) + 1


def test_one_bad_row_imports_nothing_and_names_row_and_column(story: Story) -> None:
    with story.scope():
        source, *_ = values(story, "source", RefKind.DEPARTMENT).values()
        target, *_ = values(story, "target", RefKind.DEPARTMENT).values()
        good = f"department,{source.external_id},{target.external_id},,"
        header = "kind,source_key,target_key,valid_from,valid_to"
        for bad, expected in (
            ("department,,x,,", "Row 3, source_key"),
            ("dept,a,b,,", "Row 3, kind"),
            (f"department,{source.external_id},nowhere,,", "Row 3, target_key"),
            (f"department,{source.external_id},{target.external_id},2026-13-01,", "Row 3, valid_from"),
            (f"department,{source.external_id},{target.external_id},2026-02-01,2026-01-01", "Row 3, valid_to"),
            (good, "Row 3, source_key: the same value"),
            (f"{good},more", "Row 3: there are more cells"),
        ):
            with pytest.raises(ValidationError) as refused:
                import_csv(story.integration, f"{header}\n{good}\n{bad}\n", now=story.world.now())
            assert any(expected in message for message in refused.value.messages), refused.value.messages
            assert "Nothing was imported." in refused.value.messages
            assert Mapping.objects.count() == 0
        with pytest.raises(ValidationError, match="target_key is missing"):
            import_csv(story.integration, "kind,source_key\n", now=story.world.now())
        with pytest.raises(ValidationError, match="no rows"):
            import_csv(story.integration, f"{header}\n", now=story.world.now())


def test_coverage_counts_people_and_not_rows(story: Story) -> None:
    story.map_everything()
    worker = sorted(story.workers().values(), key=lambda w: w["number"])[-1]
    story.rippling.change("add_department", name="Paint Shop", reference_code="PT-200")
    story.rippling.change("transfer", worker=worker["id"], department="Paint Shop")
    story.run()
    with story.scope():
        assert people_covered(story.integration) == (11, 12)
        department = coverage(story.integration)[0]
        assert department.blocked_people == 1
        assert department.percent < 100


def test_olga_maps_nothing_of_acmes(story: Story) -> None:
    olga = make_tenant("Other Corp")
    with story.scope():
        source, *_ = values(story, "source", RefKind.DEPARTMENT).values()
        target, *_ = values(story, "target", RefKind.DEPARTMENT).values()
    with tenant_scope(olga.id):
        assert Integration.objects.count() == ReferenceValue.objects.count() == 0
        with pytest.raises(ValidationError):
            save_mapping(
                story.integration,
                kind="department",
                source_key=source.external_id,
                target_key=target.external_id,
                now=story.world.now(),
            )
