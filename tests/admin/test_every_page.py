"""Every page there is: it can be seen by those who may, and by nobody else."""

from __future__ import annotations

from datetime import date

import pytest
from django.utils import timezone

from audit.models import AuditEntry
from sync.models import PendingChange, Run
from tenants.models import Role
from tests.admin.addresses import addresses
from tests.admin.conftest import Office
from tests.cast import make_key


@pytest.fixture(scope="module", autouse=True)
def _something_in_every_list(office: Office) -> None:
    make_key(office.cast.acme, Role.VIEWER)
    with office.story.scope():
        PendingChange.objects.create(
            integration=office.story.integration,
            source_id="w-1",
            label="1001",
            change="terminate",
            effective_on=date(2030, 1, 1),
            noted_at=timezone.now(),
        )


def test_an_administrator_can_open_every_page(office: Office) -> None:
    ada = office.at(Role.ADMINISTRATOR)
    for address in addresses(office):
        if address.name in ("logout", "login"):
            continue
        answer = ada.get(address.path)
        # An act answers a GET with a question, with "ask by POST", or with a way back.
        assert answer.status_code in (200, 302, 405), f"{address.path}: {answer.status_code}"


def test_the_outsider_gets_nothing_of_acme_from_any_address(office: Office) -> None:
    """GET and POST, on every page and act about an object of Acme's, and on every list."""
    olga = office.at(office.cast.olga)
    with office.story.scope():
        entries, runs = AuditEntry.objects.count(), Run.objects.count()
    secrets = [
        office.story.integration.name,
        str(office.story.source.pk),
        office.problem.sentence,
        office.item.source_id,
    ]
    for address in addresses(office):
        if address.name in ("logout", "login", "password_change"):
            continue
        for answer in (
            olga.get(address.path),
            olga.post(address.path, {"act": "suggest", "role": "viewer", "name": "x"}),
        ):
            if address.of_object and address.name != "audit_auditentry_timeline":
                assert answer.status_code in (403, 404), f"{address.path}: {answer.status_code}"
            assert answer.status_code < 500, address.path
            shown = "" if answer.streaming else answer.content.decode()
            answer.close()
            for secret in secrets:
                if address.name == "audit_auditentry_timeline" and secret == office.item.source_id:
                    continue  # It repeats what was asked for, and says that nothing is recorded.
                assert secret not in shown, f"{address.path} shows {secret}"
    with office.story.scope():
        assert (AuditEntry.objects.count(), Run.objects.count()) == (entries, runs)
