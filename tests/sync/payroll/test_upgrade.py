"""A company that was there before payroll was: after the upgrade its integrations have a payroll flow, switched off."""

from __future__ import annotations

from importlib import import_module

from django.db import connections, transaction

from connectors.models import Connection
from sync.models import Flow, Integration, PayrollSettings
from tenants.scope import tenant_scope
from tests.cast import make_tenant

ADD = import_module("sync.migrations.0005_payroll_of_integrations").ADD


def test_integrations_get_a_payroll_flow_and_settings_with_nothing_chosen() -> None:
    acme, other = make_tenant("Acme"), make_tenant("Other Corp")
    for tenant in (acme, other):
        with tenant_scope(tenant.id):
            source = Connection.objects.create(vendor="rippling", name="Rippling")
            target = Connection.objects.create(vendor="plex", name="Plex")
            Integration.objects.create(name="Pair", source=source, target=target)

    for _ in range(2):  # the second time there is nothing to add
        with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
            cursor.execute(ADD)

    for tenant in (acme, other):
        with tenant_scope(tenant.id):
            flow = Flow.objects.get(kind=Flow.Kind.PAYROLL)
            settings = PayrollSettings.objects.get()
            flow.full_clean()
            settings.full_clean()
            assert not flow.writes_enabled
            assert settings.start_date is None
            assert settings.two_people
            assert settings.fewest_people == PayrollSettings._meta.get_field("fewest_people").default
