"""Cost centers: values of the dimension that payroll settings name are mapped to the target's cost centers."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from audit.models import AuditEntry
from connectors.records import RefKind
from sync.admin.workbench import Targets, lines_of, values_of
from sync.comparison import reference_differences
from sync.mappings import coverage, export_csv, import_csv, mapped_kinds, save_mapping, source_kind, suggest_mappings
from sync.models import Mapping, PayrollSettings, ReferenceValue
from tenants.scope import tenant_scope
from tests.cast import make_tenant
from tests.sync.ledger import NOW, Books, books

KIND = RefKind.COST_CENTER


@pytest.fixture
def acme() -> Books:
    """Departments D1 Paint Shop and D2 Tooling and location L1 Plant 1; cost centers 210 Paint Shop and 220 Press."""
    found = books()
    with found.scope():
        found.source_value(RefKind.DEPARTMENT, "D1", "Paint Shop")
        found.source_value(RefKind.DEPARTMENT, "D2", "Tooling")
        found.source_value(RefKind.LOCATION, "L1", "Plant 1")
        found.target_value(KIND, "210", "Paint Shop")
        found.target_value(KIND, "220", "Press")
    return found


def test_departments_are_suggested_mapped_and_counted_as_cost_centers(acme: Books) -> None:
    with acme.scope():
        [suggested] = suggest_mappings(acme.integration, kinds=[KIND])
        assert (suggested.source_key, suggested.target_key, suggested.reason) == ("D1", "210", "same name")

        save_mapping(acme.integration, kind=KIND, source_key="D2", target_key="220", now=NOW)

        [covered] = [one for one in coverage(acme.integration) if one.kind == KIND]
        assert (covered.values, covered.mapped, covered.suggested) == (2, 1, 1)
        entry = AuditEntry.objects.get(action="mapping.created")
        assert entry.subject_label == "Cost center Tooling → Press"

        values = values_of(acme.integration, KIND, "", "", "")
        lines = lines_of(acme.integration, KIND, values, Targets(acme.integration, KIND))
        assert [(line.value.name, line.state, line.typed) for line in lines] == [
            ("Paint Shop", "suggested", "Paint Shop"),
            ("Tooling", "mapped", "Press"),
        ]


def test_only_values_of_the_chosen_dimension_can_mean_a_cost_center(acme: Books) -> None:
    with acme.scope():
        PayrollSettings.objects.filter(integration=acme.integration).update(cost_center_from="location")
        assert source_kind(acme.integration, KIND) == RefKind.LOCATION
        assert source_kind(acme.integration, RefKind.DEPARTMENT) == RefKind.DEPARTMENT

        with pytest.raises(ValidationError) as refused:
            save_mapping(acme.integration, kind=KIND, source_key="D1", target_key="210", now=NOW)
        assert refused.value.message_dict == {"source_key": ["Payroll has no such location."]}

        save_mapping(acme.integration, kind=KIND, source_key="L1", target_key="210", now=NOW)
        assert Mapping.objects.get().source_key == "L1"


def test_cost_centers_go_out_as_csv_and_come_back(acme: Books) -> None:
    with acme.scope():
        save_mapping(acme.integration, kind=KIND, source_key="D1", target_key="210", now=NOW)
        text = "".join(export_csv(acme.integration, now=NOW))
        assert text.splitlines()[1] == "cost_center,D1,Paint Shop,210,Paint Shop,1900-01-01,,confirmed"

        Mapping.objects.all().delete()
        assert import_csv(acme.integration, text, now=NOW) == 1
        assert (Mapping.objects.get().source_key, Mapping.objects.get().target_key) == ("D1", "210")

        with pytest.raises(ValidationError, match="Row 2, source_key: 'L1' is not known"):
            import_csv(acme.integration, text.replace("D1", "L1"), now=NOW)


def test_what_does_not_agree_is_told_about_cost_centers_too(acme: Books) -> None:
    with acme.scope():
        save_mapping(acme.integration, kind=KIND, source_key="D1", target_key="210", now=NOW)
        ReferenceValue.objects.filter(external_id="210").update(active=False)
        ReferenceValue.objects.filter(external_id="D1").update(active=False)

        found = {(d.side, d.what, d.key): d.sentence for d in reference_differences(acme.integration, [KIND])}

    assert found == {
        ("source", "inactive", "D1"): "Payroll no longer has department Paint Shop, but it is mapped.",
        ("source", "missing", "D2"): "Tooling has no cost center in Ledger.",
        ("target", "inactive", "210"): "Paint Shop is mapped to, but not active in Ledger.",
        ("target", "missing", "220"): "Nothing in Payroll is mapped to Press.",
    }


def test_cost_centers_are_nobodys_concern_before_payroll_is_set_up_or_without_any(acme: Books) -> None:
    with acme.scope():
        assert KIND in mapped_kinds(acme.integration)
        PayrollSettings.objects.update(start_date=None)
        assert KIND not in mapped_kinds(acme.integration)
        assert KIND not in {one.kind for one in coverage(acme.integration)}
        assert KIND not in {one.kind for one in reference_differences(acme.integration)}

        PayrollSettings.objects.update(start_date="2026-01-01")
        ReferenceValue.objects.filter(kind=KIND).update(active=False)
        assert KIND not in mapped_kinds(acme.integration)


def test_olga_maps_no_cost_center_of_acmes(acme: Books) -> None:
    with tenant_scope(make_tenant("Other Corp").id):
        assert KIND not in mapped_kinds(acme.integration)
        assert suggest_mappings(acme.integration, kinds=[KIND]) == []
        with pytest.raises(ValidationError):
            save_mapping(acme.integration, kind=KIND, source_key="D1", target_key="210", now=NOW)
    with acme.scope():
        assert not Mapping.objects.exists()
