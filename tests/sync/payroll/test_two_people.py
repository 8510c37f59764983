"""Whoever decides where a journal goes does not approve it, whichever way they decide it."""

from __future__ import annotations

from typing import Any

import pytest

from audit.context import acting_as
from connectors.records import RefKind
from sync.mappings import remove, save_mapping
from sync.models import Flow, Mapping, PayrollSettings, PayRun, ReferenceValue
from sync.payroll.approval import Refusal
from sync.payroll.settings import change_settings
from tenants.scope import tenant_scope
from tests.sync.payroll.payday import CENTERS, Payday, open_books, ready


def approves_no_longer(payday: Payday, pay_run: PayRun, who: str) -> None:
    """The run is drafted anew at somebody else's wish; this person approves none of it, and Ann may."""
    payday.check_again(pay_run)
    with pytest.raises(Refusal, match="Somebody else"):
        payday.approve(pay_run, by=who)
    assert payday.approve(pay_run, by="ann")


def mapping_in_use(payday: Payday, kind: RefKind) -> Mapping:
    """A mapping that the first journal rests on."""
    (posting, *_) = payday.postings()
    with payday.scope():
        targets = [posting.company, *posting.lines.exclude(cost_center="").values_list("cost_center", flat=True)]
        found = Mapping.objects.select_related("integration__source", "integration__target")
        return found.filter(kind=kind, target_key__in=targets, state=Mapping.State.CONFIRMED)[0]


def map_to(payday: Payday, mapping: Mapping, target_key: str, **values: Any) -> Mapping:
    """The acting person says that the value means something else."""
    start: dict[str, Any] = {"valid_from": mapping.valid_from, "now": payday.story.world.now(), **values}
    same: dict[str, Any] = {"kind": mapping.kind, "source_key": mapping.source_key}
    return save_mapping(payday.story.integration, **same, target_key=target_key, **start)


def another_center(mapping: Mapping) -> str:
    return next(center for center in CENTERS if center != mapping.target_key)


def test_a_key_maps_for_the_person_who_made_it(sandbox: dict[str, str]) -> None:
    payday, pay_run = ready(sandbox)
    mapping = mapping_in_use(payday, RefKind.COST_CENTER)

    with tenant_scope(payday.story.tenant.id), acting_as("api_key", "Nightly mapping", identity="user:zoe"):
        map_to(payday, mapping, another_center(mapping))

    approves_no_longer(payday, pay_run, "zoe")


def test_who_removes_a_mapping_has_a_hand_in_what_holds_instead(sandbox: dict[str, str]) -> None:
    payday, pay_run = ready(sandbox)
    mapping = mapping_in_use(payday, RefKind.COST_CENTER)
    with payday.acting("rita"):
        later = map_to(payday, mapping, another_center(mapping), valid_from=pay_run.check_date)
        Mapping.objects.filter(pk=mapping.pk).update(valid_to=None)
    payday.check_again(pay_run)

    with payday.acting("zoe"):
        remove(Mapping.objects.select_related("integration__source").get(pk=later.pk), now=payday.story.world.now())

    approves_no_longer(payday, pay_run, "zoe")


def test_who_maps_a_legal_entity_has_a_hand_in_its_journals(sandbox: dict[str, str]) -> None:
    payday = in_two_plants(sandbox)
    pay_run = payday.pay_runs()[0]
    mapping = mapping_in_use(payday, RefKind.COMPANY)
    plants = [str(plant["pcn"]) for plant in payday.story.plex.connect["plants"]]

    with payday.acting("zoe"):
        map_to(payday, mapping, next(plant for plant in plants if plant != mapping.target_key))

    approves_no_longer(payday, pay_run, "zoe")


def in_two_plants(sandbox: dict[str, str]) -> Payday:
    """Two legal entities with a pay run each, both mapped to the first of two plants."""
    plants = [{"pcn": 300101, "code": "acme"}, {"pcn": 300102, "code": "acme2"}]
    payday = open_books(sandbox, rippling={"plants": [{}, {}]}, plex={"plants": plants, "employees": 4})
    further = payday.story.plex.connect["plants"][1]
    with payday.scope():
        payday.story.target.refresh_from_db()
        payday.story.target.settings |= {"plants": f"{further['pcn']}:{further['code']}:{further['tenant_id']}"}
        payday.story.target.save()
    cash, sales = "10120-000-0000", "40100-000-0000"
    lines = [{"accountNumber": cash, "debit": "75.00"}, {"accountNumber": sales, "credit": "75.00"}]
    payday.story.plex.change("add_journal", pcn=further["pcn"], description="Scrap sale", lines=lines)
    payday.story.run(flow=Flow.Kind.REFERENCE)
    with payday.scope():
        for value in ReferenceValue.objects.filter(connection=payday.story.source, kind=RefKind.COMPANY):
            payday.story.map(RefKind.COMPANY, value.external_id, "300101")
    payday.map_cost_centers()
    payday.read()
    payday.write_rules()
    payday.check_again(payday.pay_runs()[0])
    return payday


@pytest.mark.parametrize(
    "values",
    [{"detail": "account"}, {"separate_settlement": True}],
    ids=lambda values: next(iter(values)),
)
def test_who_decides_how_journals_are_made_has_a_hand_in_them(sandbox: dict[str, str], values: dict[str, Any]) -> None:
    payday, pay_run = ready(sandbox)
    with payday.acting("zoe"):
        change_settings(PayrollSettings.objects.get(), values, now=payday.story.world.now())

    approves_no_longer(payday, pay_run, "zoe")


def test_a_setting_that_makes_no_journal_keeps_nobody_from_approving(sandbox: dict[str, str]) -> None:
    payday, pay_run = ready(sandbox)
    with payday.acting("ann"):
        change_settings(PayrollSettings.objects.get(), {"variance_percent": 20}, now=payday.story.world.now())
    payday.check_again(pay_run)

    assert payday.approve(pay_run, by="ann")
