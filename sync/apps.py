"""The sync application: what is kept in agreement, how, and what happened."""

from __future__ import annotations

from django.apps import AppConfig


class SyncConfig(AppConfig):
    name = "sync"
