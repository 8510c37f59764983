"""The month end as staff close it: both systems side by side, what differs has a reason, nobody's pay is told."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ

from sync.execution import read_ledger_month
from sync.models import LedgerActivity, PayRun, Posting, PostingLine
from sync.payroll.masks import kinds_of, masks_of
from sync.payroll.month_end import payroll_of
from sync.payroll.variances import load_journals
from sync.payroll.visibility import Sight
from tenants.models import Role
from tests.cast import Cast, make_cast
from tests.sync.payroll.payday import Payday, ready

PAGE = "/admin/sync/ledgeractivity/"
BY_HAND = "61000-210-0100"


@dataclass
class Month:
    """Acme in the month of its pay day."""

    cast: Cast
    payday: Payday

    def at(self, role: Role) -> Client:
        client = Client()
        client.force_login(self.cast.people[role])
        return client

    def table(self, role: Role, name: str) -> list[dict[str, str]]:
        answer = self.at(role).get(PAGE, {"month": "2026-06", "csv": name})
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        return list(csv.DictReader(io.StringIO(answer.content.decode())))

    def read_ledger(self) -> None:
        story = self.payday.story
        with self.payday.scope():
            read_ledger_month(str(story.integration.pk), self.payday.pay_runs()[0].check_date, story.world)


@pytest.fixture(scope="module")
def month(sandbox: dict[str, str]) -> Month:
    """One pay run drafted, people of both systems known, heads agreeing; nothing is posted yet."""
    cast = make_cast()
    payday, _ = ready(sandbox, tenant=cast.acme, rippling={"size": 40})
    payday.story.map_everything()
    payday.story.run()
    return Month(cast, payday)


@pytest.fixture(scope="module")
def closed(month: Month) -> Month:
    """Its journal is posted and the ledger was read; somebody else has a journal on one of the accounts."""
    payday = month.payday
    lines = [{"accountNumber": BY_HAND, "debit": "12.34"}, {"accountNumber": "10120-000-0000", "credit": "12.34"}]
    payday.story.plex.change(
        "add_journal", description="Correction", postDate="2026-06-12T00:00:00Z", periodDisplay="06-2026", lines=lines
    )
    payday.approve(payday.pay_runs()[0])
    payday.advance(payday.pay_runs()[0])
    month.read_ledger()
    return month


def test_every_account_agrees_or_says_why_not(closed: Month) -> None:
    rows = {row["Account"]: row for row in closed.table(Role.PREPARER, "payroll")}
    with closed.payday.scope():
        known = {
            row.account: row
            for row in payroll_of(closed.payday.story.integration, closed.payday.pay_runs()[0].check_date)
        }
    assert set(rows) == set(known)
    assert {row["Difference"] for row in rows.values()} <= {"0.00", "•••"}
    assert rows[BY_HAND]["Other journals"] == "12.34"
    assert "1 journal of other people." in rows[BY_HAND]["Explanation"]
    answer = closed.at(Role.PREPARER).get(PAGE, {"month": "2026-06"})
    assert answer.context["agree"] == answer.context["accounts"] == len(known)
    assert known["21500-000-0000"].ours == closed.payday.balance("21500-000-0000")


def test_what_was_changed_by_hand_in_the_ledger_is_flagged(closed: Month) -> None:
    with closed.payday.scope():
        row = LedgerActivity.objects.filter(account="21500-000-0000").exclude(description="Correction").get()
        LedgerActivity.objects.filter(pk=row.pk).update(credit=row.credit + 1)
    answer = closed.at(Role.PREPARER).get(PAGE, {"month": "2026-06"})
    assert answer.context["differ"] == 1
    (flagged,) = [row for row in answer.context["pay_tables"][0].rows if row.look == "flagged"]
    assert flagged.cells[0] == "21500-000-0000"
    assert "was changed in Plex" in str(flagged.cells[-1])
    closed.read_ledger()
    assert closed.at(Role.PREPARER).get(PAGE, {"month": "2026-06"}).context["differ"] == 0


def test_heads_of_both_sides_stand_side_by_side_and_the_bridge_ends_where_the_ledger_is(closed: Month) -> None:
    rows = closed.table(Role.VIEWER, "departments")
    total = rows[-1]
    people = len([w for w in closed.payday.story.employees().values() if w["status"] == "Active"])
    assert total["Plex"] == str(people)
    assert [row["Only in Plex"] for row in rows if row["Only in Plex"] != "0"]
    for row in rows[:-1]:
        assert (row["Difference"] == "0") == (row["Explanation"] == "Agrees.")
    present = closed.at(Role.VIEWER).get(PAGE, {"month": f"{timezone.localdate():%Y-%m}"})
    steps = {row.cells[0]: row.cells[1] for row in present.context["head_chart"].table.rows}
    assert steps["End"] == people
    # The directory held one before the first run wrote to it.
    assert (steps["Start"], steps["Hired"]) == (1, people - 1)


def test_a_viewer_sees_no_amount_and_a_preparer_none_of_a_single_person(closed: Month) -> None:
    amounts = ("Our journals", "Ledger", "Difference", "Not posted yet", "Other journals")
    for row in closed.table(Role.VIEWER, "payroll"):
        assert {row[name] for name in amounts} == {"•••"}
    seen = closed.at(Role.VIEWER).get(PAGE, {"month": "2026-06"})
    assert all(not chart.svg for chart in seen.context["pay_charts"])

    rows = {row["Account"]: row["Our journals"] for row in closed.table(Role.PREPARER, "payroll")}
    unknown: dict[str, int] = defaultdict(int)
    with closed.payday.scope():
        run = closed.payday.pay_runs()[0]
        postings, lines = load_journals([run])[run.pk]
        masks = masks_of(run, postings, lines, kinds_of(postings), Sight.GROUPS, 2)
        for posting in postings:
            for line in lines[posting.pk]:
                unknown[line.account] += line.people if masks.hides_line(posting, line) else 0
    assert 1 in unknown.values()
    for account, people in unknown.items():
        # Whoever takes what the run's page shows from the month's sum is left with the pay of several, or of nobody.
        assert people != 1 or rows[account] == "•••"
    assert "•••" not in {rows["21500-000-0000"], rows["21510-000-0000"]}


def test_the_ledger_is_read_again_by_a_worker_when_a_preparer_asks(month: Month) -> None:
    read = reverse("admin:sync_ledgeractivity_read", args=[month.payday.story.integration.pk])
    assert month.at(Role.VIEWER).post(read, {"month": "2026-06"}).status_code == HTTPStatus.FORBIDDEN
    before = OrmQ.objects.count()
    shown = month.at(Role.PREPARER).post(read, {"month": "2026-06"}, follow=True).content.decode()
    assert "The ledger is being read." in shown
    assert OrmQ.objects.count() == before + 1
    task: dict[str, Any] = OrmQ.objects.latest("pk").task
    assert task["func"] == "sync.jobs.read_ledger"
    assert task["args"][2] == "2026-06-01"
    assert month.at(Role.PREPARER).post(read, {"month": "1999-01"}).status_code == HTTPStatus.NOT_FOUND


def test_the_outsider_finds_no_month_of_acmes(month: Month) -> None:
    olga = Client()
    olga.force_login(month.cast.olga)
    integration = month.payday.story.integration
    assert integration.name not in olga.get(PAGE, {"integration": str(integration.pk)}).content.decode()
    read = reverse("admin:sync_ledgeractivity_read", args=[integration.pk])
    assert olga.post(read, {"month": "2026-06"}).status_code == HTTPStatus.NOT_FOUND


def draft_in_july(month: Month, number: int) -> None:
    """One more pay run with a journal like the first one's."""
    with month.payday.scope():
        first = Posting.objects.filter(pay_run=month.payday.pay_runs()[0]).order_by("pk")[0]
        lines = list(PostingLine.objects.filter(posting=first))
        run = PayRun.objects.get(pk=first.pay_run_id)
        run.pk, run.source_id, run.check_date, run.state = None, f"july-{number}", date(2026, 7, 3), "ready"
        run.save(force_insert=True)
        posting = Posting(
            **{
                name: getattr(first, name)
                for name in ("kind", "key", "company", "currency", "content_hash", "line_count", "debit", "credit")
            },
            pay_run=run,
            posting_date=date(2026, 7, 3),
            description="July",
            reference=f"July {number}",
            prepared_at=first.prepared_at,
            people=first.people,
        )
        posting.save()
        for line in lines:
            line.pk, line.posting = None, posting
        PostingLine.objects.bulk_create(lines)


def test_the_page_costs_the_same_however_much_was_posted(month: Month) -> None:
    pat = month.at(Role.PREPARER)

    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            answer = pat.get(PAGE, {"month": "2026-07"})
        assert answer.context["accounts"] == answer.context["waiting"] > 0
        return len([query for query in queries if query["sql"].startswith("SELECT ")])

    draft_in_july(month, 0)
    asked()
    few = asked()
    for number in range(1, 6):
        draft_in_july(month, number)
    assert asked() == few
    assert few < 40
