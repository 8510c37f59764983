"""A lease is kept while the database comes and goes."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.conf import LazySettings
from django.db import OperationalError, close_old_connections

from sync.models import Flow, Run
from sync.runs import claim, kept_alive, request_run
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.cast import make_tenant
from tests.processes import until
from tests.sync.hands import cut_others, cut_ours
from tests.sync.story import Story, tell


@pytest.fixture
def run(sandbox: dict[str, str]) -> tuple[Story, Run]:
    """A run that a worker has in hand."""
    story = tell(sandbox, size=3)
    with story.scope():
        asked = request_run(Flow.objects.get(pk=story.flows["people"].pk), Run.Kind.FULL, now=story.world.now())
        taken = claim(asked.pk, now=story.world.now())
    assert taken is not None
    return story, taken


def test_a_lease_is_renewed_on_a_new_connection_when_the_old_one_was_cut(
    run: tuple[Story, Run], settings: LazySettings
) -> None:
    settings.RUN_LEASE_SECONDS = 1
    story, taken = run

    def renewed_since(instant: datetime) -> datetime | None:
        alive = Run.objects.get(pk=taken.pk).heartbeat_at
        return alive if alive is not None and alive > instant else None

    with story.scope(), kept_alive(taken, story.world.now):
        begun = story.world.now()
        until(lambda: renewed_since(begun), "the lease is renewed")
        assert cut_others() >= 1
        cut = story.world.now()
        until(lambda: renewed_since(cut), "the lease is renewed again", patience=20)


def test_a_connection_that_was_cut_is_djangos_error_and_is_replaced() -> None:
    tenant = make_tenant("Acme")
    with tenant_scope(tenant.id):
        assert Tenant.objects.get() == tenant
        cut_ours()

        with pytest.raises(OperationalError):
            Tenant.objects.get()
        close_old_connections()

        assert Tenant.objects.get() == tenant
