"""What an installation's monitor reads: the same from every process, totals only, for whoever shows the token."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.signing import dumps
from django.test import Client
from django.utils import timezone
from django_q.models import OrmQ
from prometheus_client.parser import text_string_to_metric_families

from config.metrics import METRICS
from connectors.models import AccessToken, Connection
from sync.heartbeats import note_alive
from sync.models import Delivery, Flow, Heartbeat, Integration, Notice, Run
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.cast import make_tenant

TOKEN = "a-token-of-the-monitor"
Values = dict[tuple[str, ...], float]


@pytest.fixture(autouse=True)
def _token(settings: Any, installation: None) -> None:
    settings.METRICS_TOKEN = TOKEN


def scrape() -> dict[str, Values]:
    """Metric → labels' values → value."""
    answer = Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    return {
        family.name.removeprefix("mlc_"): {tuple(s.labels.values()): s.value for s in family.samples}
        for family in text_string_to_metric_families(answer.content.decode())
    }


def a_company() -> tuple[Tenant, Flow]:
    tenant = make_tenant("Metrics")
    with tenant_scope(tenant.id):
        source, target = (Connection.objects.create(vendor=v, name=v) for v in ("rippling", "plex"))
        integration = Integration.objects.create(name="One", source=source, target=target)
        return tenant, Flow.objects.create(integration=integration, kind=Flow.Kind.PEOPLE)


def more(before: dict[str, Values], after: dict[str, Values], name: str, *labels: str) -> float:
    return after[name].get(labels, 0) - before[name].get(labels, 0)


def test_every_metric_is_there_even_if_nothing_happened() -> None:
    found = scrape()
    assert set(found) == set(METRICS)
    assert all(found[name] for name, (_, labels) in METRICS.items() if not labels)


def test_what_happens_in_any_company_is_counted() -> None:
    before, now = scrape(), timezone.now()
    companies = [a_company(), a_company()]
    for tenant, flow in companies:
        with tenant_scope(tenant.id):
            Run.objects.create(flow=flow, kind="full", state="succeeded", created_at=now - timedelta(days=3), created=9)
            Run.objects.create(flow=flow, kind="full", state="scheduled", created_at=now - timedelta(days=40))
            Flow.objects.filter(pk=flow.pk).update(every_minutes=15, next_run_at=now - timedelta(days=50))
            connection = flow.integration.source
            AccessToken.objects.create(connection=connection, refused_at=now)
            Delivery.objects.create(connection=connection, event="x", received_at=now - timedelta(days=60))
            Notice.objects.create(kind="missed", cause="x", sentence="x", opened_at=now, last_seen_at=now)
    for tenant, flow in companies:
        with tenant_scope(tenant.id):
            Run.objects.create(flow=flow, kind="full", state="failed", created_at=now, created=3, blocked=2)
    after = scrape()

    assert after["runs_day"] == {("people", "failed"): 2}
    assert (after["settled_day"][("created",)], after["settled_day"][("blocked",)]) == (6, 4)
    assert more(before, after, "runs_active", "people", "scheduled") == 2
    assert after["run_waiting_seconds"][()] == pytest.approx(40 * 86400, rel=0.01)
    assert after["clock_overdue_seconds"][()] == pytest.approx(50 * 86400, rel=0.01)
    assert more(before, after, "tokens", "refused") == 2
    assert more(before, after, "deliveries", "pending") == 2
    assert after["delivery_oldest_seconds"][()] == pytest.approx(60 * 86400, rel=0.01)
    assert more(before, after, "notices_open", "missed") == 2
    assert more(before, after, "connections", "new") == 4


def test_jobs_are_counted_by_queue_and_the_oldest_is_told() -> None:
    before, now = scrape(), timezone.now()
    late, then = now - timedelta(days=70), now + timedelta(hours=1)
    rows = [("people:t1", late), ("people:t2", now), ("people:t1:1", then), ("people:t1", then), ("mlc", now)]
    made = [OrmQ.objects.create(key=key, payload=dumps({}), lock=lock) for key, lock in rows]
    after = scrape()
    OrmQ.objects.filter(pk__in=[row.pk for row in made]).delete()

    assert more(before, after, "queue_jobs", "people", "waiting") == 2
    assert more(before, after, "queue_jobs", "people", "in_hand") == 1
    assert more(before, after, "queue_jobs", "people", "not_due") == 1
    assert more(before, after, "queue_jobs", "mlc", "waiting") == 1
    assert after["queue_oldest_seconds"][("people",)] == pytest.approx(70 * 86400, rel=0.01)


def test_a_cluster_counts_while_it_gives_signs_of_life() -> None:
    before = scrape()
    note_alive("payroll", now=timezone.now())
    assert more(before, scrape(), "workers_alive", "payroll") == 1
    Heartbeat.objects.filter(name__startswith="cluster:payroll:").update(at=datetime(2026, 1, 1, tzinfo=UTC))
    assert more(before, scrape(), "workers_alive", "payroll") == 0
    note_alive("people", now=timezone.now())
    assert not Heartbeat.objects.filter(name__startswith="cluster:payroll:").exists()


def test_no_label_names_anybody() -> None:
    a_company()
    for name, values in scrape().items():
        for labels in values:
            assert all(re.fullmatch("[a-z_]{0,20}", label) for label in labels), (name, labels)


@pytest.mark.parametrize("shown", ["", "Bearer ", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer é"])
def test_without_the_token_nothing_is_told(shown: str) -> None:
    answer = Client().get("/metrics", HTTP_AUTHORIZATION=shown)
    assert (answer.status_code, answer.content) == (401, b"")


def test_without_a_token_of_its_own_an_installation_has_no_metrics(settings: Any) -> None:
    settings.METRICS_TOKEN = ""
    assert Client().get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404
