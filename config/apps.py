"""The project's own application: admin site, API, middleware, management of the whole."""

from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin import apps


class ConfigConfig(AppConfig):
    name = "config"
    default = True

    def ready(self) -> None:
        # Only now: django-q2 reads the settings.
        from config.job_logging import follow_jobs

        follow_jobs()


class SiteConfig(apps.AdminConfig):
    """Django's admin with our site in the place of its own."""

    # AdminConfig is its own default and so would this be; the application is ConfigConfig.
    default = False
    default_site = "config.site.Site"
