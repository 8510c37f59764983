"""What every command of Django runs first: were it broken, nothing would start, not even a migration."""

from __future__ import annotations

from django.core.management import call_command


def test_system_checks_find_nothing() -> None:
    call_command("check", fail_level="WARNING")


def test_every_change_of_a_model_has_its_migration() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
