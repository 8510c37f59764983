"""Integrations that exist already get a payroll flow, switched off, and payroll settings with nothing chosen."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

# Row-level security holds for the owner too, so this goes from tenant to tenant. Each row is named by its tenant
# besides: later versions let the owner read integrations of all.
ADD = """
DO $$
DECLARE company uuid;
BEGIN
    FOR company IN SELECT id FROM tenants_tenant LOOP
        PERFORM set_config('mlc.tenant', company::text, true);
        INSERT INTO sync_flow (id, tenant_id, integration_id, kind, writes_enabled, paused, paused_reason,
                               full_every_hours, max_change_percent, redacted)
        SELECT gen_random_uuid(), company, id, 'payroll', false, false, '', 24, 20, '{}'
        FROM sync_integration
        WHERE tenant_id = company
          AND NOT EXISTS (SELECT FROM sync_flow WHERE integration_id = sync_integration.id AND kind = 'payroll');
        INSERT INTO sync_payrollsettings (tenant_id, integration_id, post_when, separate_settlement, detail,
                                          cost_center_from, rounding_account, rounding_limit, month_end,
                                          accrued_account, two_people, post_by_itself, variance_percent,
                                          variance_amount, fewest_people, changed_key)
        SELECT company, id, 'paid', false, 'department', 'department', '', 1, 'none', '', true, true, 10, 1000, 2, ''
        FROM sync_integration
        WHERE tenant_id = company
          AND NOT EXISTS (SELECT FROM sync_payrollsettings WHERE integration_id = sync_integration.id);
    END LOOP;
    PERFORM set_config('mlc.tenant', '', true);
END $$
"""


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("sync", "0004_payroll")]
    operations: ClassVar[list[migrations.RunSQL]] = [migrations.RunSQL(ADD, migrations.RunSQL.noop)]
