"""The month is closed with both systems side by side, and every difference has its reason."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from connectors.contract import LedgerTarget
from connectors.records import RefKind
from connectors.registry import open_connector
from sync.models import Flow, PayRun
from sync.payroll.correcting import reverse
from sync.payroll.headcounts import BridgeRow, HeadcountRow, bridge, headcounts
from sync.payroll.month_end import MonthRow, payroll_of, read_month
from tenants.scope import NoTenantScope, tenant_scope
from tests.cast import make_tenant
from tests.sync.payroll.payday import Payday, ready
from tests.sync.story import Story, tell

JUNE = date(2026, 6, 1)
NET = "21500-000-0000"


@contextmanager
def asked(story: Story) -> Iterator[LedgerTarget]:
    """The ledger, over the wire."""
    world = story.world
    target: Any = open_connector(
        story.target, now=world.now, sleep=world.sleep, random=world.random, correlation_id="month"
    )
    try:
        yield target
    finally:
        target.close()


def posted(sandbox: dict[str, str]) -> Payday:
    payday, pay_run = ready(sandbox)
    payday.approve(pay_run)
    assert payday.advance(pay_run).state == PayRun.State.RECONCILED
    return payday


def month_of(payday: Payday, *, read: bool = False) -> dict[str, MonthRow]:
    story = payday.story
    with payday.scope():
        if read:
            with asked(story) as target:
                read_month(story.integration, target, JUNE, now=story.world.now())
        return {row.account: row for row in payroll_of(story.integration, JUNE)}


def test_both_sides_agree_where_nobody_touched_anything(sandbox: dict[str, str]) -> None:
    payday = posted(sandbox)

    rows = month_of(payday)

    assert -rows[NET].ours == -rows[NET].ledger == Decimal(payday.register()["net_pay"])
    assert {row.difference for row in rows.values()} == {0}
    assert {row.reasons for row in rows.values()} == {()}
    assert sum((row.ours for row in rows.values()), Decimal(0)) == 0
    assert {row.cost_center for account, row in rows.items() if account.startswith("61000")} <= {
        account[6:9] for account in rows
    }
    assert rows[NET].people == 8


def test_what_is_ready_and_not_posted_is_told(sandbox: dict[str, str]) -> None:
    payday, pay_run = ready(sandbox)

    rows = month_of(payday)

    assert rows[NET].ours == rows[NET].ledger == 0
    assert -rows[NET].not_posted == Decimal(payday.register()["net_pay"])
    assert rows[NET].reasons == (f"Not posted yet: {pay_run} (draft).",)


def test_journals_of_other_people_and_changes_by_hand_are_told(sandbox: dict[str, str]) -> None:
    payday = posted(sandbox)
    (journal,) = payday.ours()
    entered = [
        {"accountNumber": line["accountNo"], "debit": line["debit"], "credit": line["credit"]}
        for line in journal["lines"]
    ]
    at = next(n for n, line in enumerate(entered) if line["accountNumber"] == NET)
    entered[at] = entered[at] | {"accountNumber": "21540-000-0000"}
    payday.story.plex.change("change_journal", id=journal["id"], lines=entered)
    payday.story.plex.change(
        "add_journal",
        description="Manual check",
        postDate="2026-06-20T00:00:00.0000000Z",
        periodDisplay="06-2026",
        lines=[{"accountNumber": NET, "debit": "40.00"}, {"accountNumber": "10120-000-0000", "credit": "40.00"}],
    )
    before = month_of(payday)

    rows = month_of(payday, read=True)

    assert before[NET].difference == 0
    assert rows[NET].difference == Decimal(entered[at]["credit"])
    assert rows[NET].others == 40
    assert rows[NET].reasons == ("Journal 2 was changed in Plex.", "1 journal of other people.")


def test_a_journal_that_is_gone_from_the_ledger_is_told(sandbox: dict[str, str]) -> None:
    payday = posted(sandbox)
    payday.story.plex.change("delete_journal", id=payday.ours()[0]["id"])

    rows = month_of(payday, read=True)

    assert rows[NET].ledger == 0
    assert rows[NET].difference == Decimal(payday.register()["net_pay"])
    assert rows[NET].reasons == ("Plex did not show journal 2 here when it was last read.",)


def test_a_reversed_journal_leaves_nothing_and_says_so(sandbox: dict[str, str]) -> None:
    payday = posted(sandbox)
    with payday.acting("pat"):
        reverse(payday.postings()[0], "Wrong plant", now=payday.story.world.now())
    payday.approve(payday.pay_run())
    payday.advance(payday.pay_run())

    row = month_of(payday)[NET]

    assert {row.ours, row.ledger, row.difference} == {Decimal(0)}
    assert row.reasons == ("Journal 2: Reversed by journal 3.",)


def people(sandbox: dict[str, str]) -> Story:
    """Acme's people in both systems; where they belong is known."""
    story = tell(sandbox, rippling={"payroll": {"runs": 1, "first_check_date": "2026-06-05"}})
    story.map_everything()
    story.run()
    story.run(flow=Flow.Kind.PAYROLL)
    return story


def today(story: Story) -> date:
    return story.world.now().astimezone(ZoneInfo("America/Detroit")).date()


def heads(story: Story, kind: RefKind = RefKind.DEPARTMENT) -> dict[str, HeadcountRow]:
    with story.scope():
        return {row.name: row for row in headcounts(story.integration, today(story), kind)}


def bridged(story: Story) -> dict[str, BridgeRow]:
    with story.scope():
        day = today(story)
        return {row.department: row for row in bridge(story.integration, day, day)}


def in_plex(story: Story) -> dict[str, int]:
    """Active people in Plex by department."""
    found: dict[str, int] = {}
    for employee in story.employees().values():
        if employee["status"] == "Active":
            found[employee["department"]] = found.get(employee["department"], 0) + 1
    return found


def test_heads_are_counted_on_both_sides(sandbox: dict[str, str]) -> None:
    story = people(sandbox)

    rows = heads(story)

    assert sum(row.source for row in rows.values()) == 12
    assert {name: row.target for name, row in rows.items()} == in_plex(story)
    (seeded,) = (row for row in rows.values() if row.difference)
    assert (seeded.difference, seeded.only_target) == (1, 1)
    assert seeded.reasons == ("1 person is on the target only.",)


def test_people_of_a_department_that_is_not_mapped_are_told(sandbox: dict[str, str]) -> None:
    story = people(sandbox)
    story.rippling.change("add_department", name="Paint Shop", reference_code="PT-200")
    mover = story.rippling.snapshot()["workers"][0]
    story.rippling.change("transfer", worker=mover["id"], department="Paint Shop")
    story.run()
    story.run(flow=Flow.Kind.PAYROLL)

    rows = heads(story)

    assert (rows[""].source, rows[""].target, rows[""].blocked) == (1, 0, 1)
    assert rows[""].reasons == (
        "1 person is of the source whose department is not mapped.",
        "1 person is blocked: see Problems.",
    )


def test_heads_are_counted_by_cost_center(sandbox: dict[str, str]) -> None:
    story = people(sandbox)
    Payday(story).map_cost_centers()

    rows = heads(story, RefKind.COST_CENTER)

    assert sum(row.source for row in rows.values()) == 12
    assert all(row.difference == 0 for row in rows.values() if row.key)
    assert rows[""].only_target == 1


def test_the_bridge_goes_from_the_first_head_to_the_last(sandbox: dict[str, str]) -> None:
    story = people(sandbox)
    story.world.sleep(timedelta(days=3).total_seconds())
    before = in_plex(story)
    workers = story.rippling.snapshot()["workers"]
    leaver, mover = workers[0], workers[1]
    other = next(w["department"] for w in workers if w["department"] != mover["department"])
    story.rippling.change("terminate", worker=leaver["id"])
    story.rippling.change("transfer", worker=mover["id"], department=other)
    story.rippling.change("hire", department=other, title=mover["title"])
    story.run()

    rows = bridged(story)

    assert {name: row.end for name, row in rows.items() if row.end} == in_plex(story)
    assert {name: row.start for name, row in rows.items() if row.start} == before
    assert rows[other].hires == 1
    assert rows[other].transfers_in == rows[mover["department"]].transfers_out == 1
    assert rows[leaver["department"]].terminations == 1
    story.rippling.change("rehire", worker=leaver["id"])
    story.run()
    again = bridged(story)
    assert again[leaver["department"]].rehires == 1
    assert {name: row.end for name, row in again.items() if row.end} == in_plex(story)
    assert {name: row.start for name, row in again.items() if row.start} == before


def test_the_month_costs_the_same_queries_whatever_is_in_it(sandbox: dict[str, str]) -> None:
    payday = posted(sandbox)

    def queries() -> int:
        with payday.scope(), CaptureQueriesContext(connection) as captured:
            payroll_of(payday.story.integration, JUNE)
            headcounts(payday.story.integration, JUNE)
            bridge(payday.story.integration, JUNE, JUNE)
        return len(captured)

    before = queries()
    payday.story.rippling.change("run_payroll", check_date="2026-06-19")
    payday.read()
    payday.write_rules()
    payday.read()
    payday.approve(payday.pay_runs()[-1])
    payday.advance(payday.pay_runs()[-1])

    assert len(payday.postings()) == 2
    assert queries() == before


def test_another_company_sees_nothing(sandbox: dict[str, str]) -> None:
    payday = posted(sandbox)
    integration = payday.story.integration

    with tenant_scope(make_tenant("Other Corp").id):
        assert payroll_of(integration, JUNE) == []
        assert headcounts(integration, JUNE) == []
        with pytest.raises(NoTenantScope), asked(payday.story):
            pass
        with pytest.raises(Exception, match="does not exist"):
            bridge(integration, JUNE, JUNE)
