"""A page asks the database the same number of questions for five rows as for fifty."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit.record import Entry, record
from connectors.models import Connection
from sync.models import (
    Approval,
    BlockedRecord,
    Flow,
    Integration,
    Mapping,
    PayFinding,
    PayrollSettings,
    PayRun,
    PendingChange,
    Posting,
    PostingLine,
    PostingShare,
    Problem,
    ReferenceValue,
    Run,
    RunItem,
)
from tenants.models import Role
from tenants.scope import tenant_scope
from tests.cast import make_key, make_tenant, make_user

NOW = timezone.now()


class Company:
    """A company that has as many rows of everything as asked for."""

    def __init__(self, rows: int) -> None:
        self.tenant = make_tenant("Rows")
        self.ada = make_user("ada", self.tenant, Role.ADMINISTRATOR)
        with tenant_scope(self.tenant.id):
            self._fill(rows)

    def _fill(self, rows: int) -> None:
        self.connections = [Connection.objects.create(vendor="plex", name=f"Plex {n}") for n in range(rows + 1)]
        integrations = [
            Integration.objects.create(name=f"I{n}", source=self.connections[0], target=self.connections[n + 1])
            for n in range(rows)
        ]
        self.integration, *_ = integrations
        flows = [Flow.objects.create(integration=i, kind=kind) for i in integrations for kind in Flow.Kind.values]
        self.flow = flows[0]
        self.runs = [
            Run.objects.create(flow=flow, kind="full", state=Run.State.SUCCEEDED, created_at=NOW, requested_by="ada")
            for flow in flows[:rows]
        ]
        self.preview = Run.objects.create(flow=self.flow, kind="preview", state="succeeded", created_at=NOW)
        for n in range(rows):
            problem = Problem.objects.create(
                integration=self.integration, code="unmapped", culprit_kind="department", culprit=f"d{n}",
                sentence="It is not mapped.", remedy="Map it.", victims=1, opened_at=NOW, last_seen_at=NOW,
            )  # fmt: skip
            self.problem = problem
            value = {"kind": "department", "first_seen": NOW, "last_seen": NOW, "name": f"Department {n}"}
            for side in (self.integration.source, self.integration.target):
                ReferenceValue.objects.create(connection=side, external_id=f"d{n}", **value)
            Mapping.objects.create(
                integration=self.integration, kind="department", source_key=f"d{n}", target_key=f"d{n}",
                valid_from=date(2020, 1, 1), state=Mapping.State.CONFIRMED,
            )  # fmt: skip
            PendingChange.objects.create(
                integration=self.integration, source_id=f"w{n}", change="terminate", effective_on=date(2030, 1, 1),
                noted_at=NOW,
            )  # fmt: skip
            for run in (self.runs[0], self.preview):
                RunItem.objects.create(
                    run=run, source_id=f"w{n}", label=str(n), change="update", state="blocked", problem=problem,
                    message="Blocked.", after={"manager_id": f"m{n}"}, created_at=NOW,
                )  # fmt: skip
        first = Problem.objects.order_by("pk")[0]
        self.problem = first
        BlockedRecord.objects.bulk_create(
            BlockedRecord(integration=self.integration, problem=first, source_id=f"w{n}", since=NOW)
            for n in range(rows)
        )
        with transaction.atomic():
            record(
                [Entry(action="worker.updated", subject_kind="worker", subject_id="w0") for n in range(rows)], at=NOW
            )
        self._pay(rows)
        for n in range(rows):
            make_key(self.tenant, Role.VIEWER, name=f"key {n}")
            make_user(f"u{n}", self.tenant, Role.VIEWER)
        self.item = RunItem.objects.filter(run=self.runs[0])[0]

    def _pay(self, rows: int) -> None:
        """As many fortnights as asked for; the latest has as many journals, lines, shares and findings."""
        PayrollSettings.objects.create(integration=self.integration)
        today = timezone.localdate()
        values = {
            "integration": self.integration,
            "kind": "regular",
            "company": "c1",
            "found_at": NOW,
            "drafted_at": NOW,
        }
        totals = [{"currency": "USD", "people": 9, "by_kind": {"earning": "9.00", "net_pay": "9.00"}}]
        for n in range(rows):
            self.pay_run = PayRun.objects.create(
                source_id=f"p{n}", title=f"Run {n}", check_date=today - timedelta(days=7 * (rows - n)), state="held",
                people=9, totals=totals, read_at=NOW, **values,
            )  # fmt: skip
            PayFinding.objects.create(
                pay_run=self.pay_run, stage="draft", code="no_rule", kind="item", culprit=f"i{n}", sentence="No rule.",
                remedy="Choose.", found_at=NOW,
            )  # fmt: skip
            for place in range(rows if n == rows - 1 else 1):
                self._journal(n, place, rows)
        PayRun.objects.filter(pk=self.pay_run.pk).update(state="ready")

    def _journal(self, run: int, place: int, rows: int) -> None:
        self.posting = Posting.objects.create(
            pay_run=self.pay_run, kind="payroll", key=f"payroll::USD:{place}", currency="USD",
            posting_date=date(2026, 1, 2), description="Payroll", reference=f"MLC-{run}-{place}", content_hash="c" * 64,
            line_count=rows, debit=rows, credit=rows, prepared_at=NOW,
        )  # fmt: skip
        for n in range(rows):
            line = PostingLine.objects.create(
                posting=self.posting, number=n, account=f"a{n}", department=f"d{n}", debit=1, credit=0, people=n,
            )  # fmt: skip
            PostingShare.objects.create(line=line, item="earning:REG", side="debit", amount=1, people=n)
        Approval.objects.create(
            posting=self.posting, decision="approved", content_hash="c" * 64, by="ann", by_key="user:ann", at=NOW
        )


@pytest.fixture(scope="module")
def small() -> Company:
    return Company(5)


@pytest.fixture(scope="module")
def large() -> Company:
    return Company(50)


PAGES: dict[str, Callable[[Company], str]] = {
    "dashboard": lambda c: reverse("admin:index"),
    "connections": lambda c: reverse("admin:connectors_connection_changelist"),
    "connection": lambda c: reverse("admin:connectors_connection_change", args=[c.connections[0].pk]),
    "integrations": lambda c: reverse("admin:sync_integration_changelist"),
    "integration": lambda c: reverse("admin:sync_integration_change", args=[c.integration.pk]),
    "differences": lambda c: reverse("admin:sync_integration_differences", args=[c.integration.pk]),
    "flow": lambda c: reverse("admin:sync_flow_change", args=[c.flow.pk]),
    "mappings": lambda c: reverse("admin:sync_mapping_changelist"),
    "workbench": lambda c: reverse("admin:sync_mapping_workbench", args=[c.integration.pk, "department"]),
    "runs": lambda c: reverse("admin:sync_run_changelist"),
    "run": lambda c: reverse("admin:sync_run_change", args=[c.runs[0].pk]),
    "preview": lambda c: reverse("admin:sync_run_change", args=[c.preview.pk]),
    "item": lambda c: reverse("admin:sync_runitem_change", args=[c.item.pk]),
    "problems": lambda c: reverse("admin:sync_problem_changelist"),
    "problem": lambda c: reverse("admin:sync_problem_change", args=[c.problem.pk]),
    "upcoming": lambda c: reverse("admin:sync_pendingchange_changelist"),
    "pay runs": lambda c: reverse("admin:sync_payrun_changelist"),
    "pay run": lambda c: reverse("admin:sync_payrun_change", args=[c.pay_run.pk]),
    "variance": lambda c: reverse("admin:sync_payrun_change", args=[c.pay_run.pk]) + "?tab=variance",
    "findings": lambda c: reverse("admin:sync_payrun_change", args=[c.pay_run.pk]) + "?tab=problems",
    "tie-out": lambda c: reverse("admin:sync_payrun_change", args=[c.pay_run.pk]) + "?tab=reconciliation",
    "history": lambda c: reverse("admin:sync_payrun_change", args=[c.pay_run.pk]) + "?tab=history",
    "journal": lambda c: reverse("admin:sync_posting_change", args=[c.posting.pk]) + "?line=1",
    "payroll settings": lambda c: reverse("admin:sync_payrollsettings_change", args=[c.integration.pk]),
    "audit": lambda c: reverse("admin:audit_auditentry_changelist"),
    "timeline": lambda c: reverse("admin:audit_auditentry_timeline", args=["worker", "w0"]),
    "people": lambda c: reverse("admin:tenants_membership_changelist"),
    "keys": lambda c: reverse("admin:tenants_apikey_changelist"),
}


def asked(company: Company, page: Callable[[Company], str]) -> list[str]:
    client = Client()
    client.force_login(company.ada)
    client.get("/admin/password_change/done/")
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(page(company))
    assert answer.status_code == 200
    return [query["sql"] for query in queries if query["sql"].startswith("SELECT ")]


@pytest.mark.parametrize("name", PAGES)
def test_the_number_of_queries_does_not_follow_the_number_of_rows(name: str, small: Company, large: Company) -> None:
    few, many = asked(small, PAGES[name]), asked(large, PAGES[name])
    assert len(few) == len(many), "\n".join(sorted(set(many) - set(few)))
    assert len(many) < 30


@pytest.mark.parametrize("name", ["audit", "run", "runs", "timeline"])
def test_a_list_over_a_table_without_end_is_never_counted(name: str, large: Company) -> None:
    table = "audit_auditentry" if name in ("audit", "timeline") else "sync_run"
    for query in asked(large, PAGES[name]):
        assert f'COUNT(*) AS "__count" FROM "{table}"' not in query
        assert 'COUNT("sync_runitem"' not in query


def test_the_states_to_choose_from_carry_the_numbers_the_run_has_counted(small: Company) -> None:
    with tenant_scope(small.tenant.id):
        Run.objects.filter(pk=small.runs[0].pk).update(created=1_200, blocked=5, unchanged=7)
    client = Client()
    client.force_login(small.ada)
    context = client.get(reverse("admin:sync_run_change", args=[small.runs[0].pk]), {"state": "blocked"}).context
    [choice] = context["choices"]
    assert [label for _, label in choice.options] == ["All", "Hired (1,200)", "Blocked (5)"]
    assert {item.state for item, _ in context["shown_items"]} == {"blocked"}
    assert context["undone"] == 5


def test_the_next_page_of_people_in_a_run_starts_where_this_one_ended(large: Company) -> None:
    run = large.runs[1]
    with tenant_scope(large.tenant.id):
        RunItem.objects.bulk_create(
            RunItem(
                run=large.runs[1], source_id=f"w{n}", label=f"E{n:03}", change="update", state="updated", created_at=NOW
            )
            for n in range(120)
        )
    client = Client()
    client.force_login(large.ada)
    address = reverse("admin:sync_run_change", args=[run.pk])
    seen: list[str] = []
    before = ""
    for _ in range(3):
        context = client.get(address, {"before": before} if before else {}).context
        seen += [item.label for item, _ in context["shown_items"]]
        before = str(context["items"].before or "")
    assert seen == [f"E{n:03}" for n in reversed(range(120))]
    assert before == ""
