"""The tenants application: customers, roles, scopes, row-level security."""

from __future__ import annotations

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class TenantsConfig(AppConfig):
    name = "tenants"

    def ready(self) -> None:
        # Here, because models cannot be imported before the applications are ready.
        from tenants.rls import protect_after_migrate

        # The signal comes once per application that has models, in this order: act on the last.
        last = [app for app in apps.get_app_configs() if app.models_module is not None][-1]
        post_migrate.connect(protect_after_migrate, sender=last)
