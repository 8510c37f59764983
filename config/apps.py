"""The project's own application: admin site, API, middleware, management of the whole."""

from __future__ import annotations

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "config"
