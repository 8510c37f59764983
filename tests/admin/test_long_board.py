"""Ten thousand pay runs: the board asks as few questions as for ten, on its first page and far down."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from connectors.models import Connection
from sync.models import Integration, PayrollSettings, PayRun
from tenants.models import Role
from tenants.scope import tenant_scope
from tests.cast import make_tenant, make_user

TODAY = date(2026, 6, 30)


def questions(number: int, address: str) -> int:
    """How many queries the page makes in a company with so many pay runs."""
    tenant = make_tenant("Weekly for ever")
    vera = make_user("vera", tenant, Role.VIEWER)
    now = timezone.now()
    with tenant_scope(tenant.id):
        ends = [Connection.objects.create(vendor=vendor, name=vendor) for vendor in ("rippling", "plex")]
        integration = Integration.objects.create(name="Pair", source=ends[0], target=ends[1])
        PayrollSettings.objects.create(integration=integration, start_date=date(2000, 1, 1))
        PayRun.objects.bulk_create(
            PayRun(
                integration=integration,
                source_id=f"run-{n}",
                title=f"Week {n}",
                kind="regular",
                check_date=TODAY - timedelta(days=n),
                pay_group="WEEKLY",
                state=PayRun.State.RECONCILED,
                found_at=now,
            )
            for n in range(number)
        )
    client = Client()
    client.force_login(vera)
    client.get(address)  # what is asked once per process
    with CaptureQueriesContext(connection) as asked:
        answer = client.get(address)
    assert answer.status_code == 200
    assert "Week" in answer.content.decode()
    return len(asked)


@pytest.mark.parametrize("below", ["", "2026-06-28.999999999"])
def test_the_board_asks_as_much_for_ten_thousand_pay_runs_as_for_ten(below: str) -> None:
    address = reverse("admin:sync_payrun_changelist") + (f"?before={below}" if below else "")

    assert questions(10_000, address) == questions(10, address) < 30
