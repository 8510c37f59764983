"""Typed readers of environment variables. A missing or malformed value stops the start with its name."""

from __future__ import annotations

import os

from django.core.exceptions import ImproperlyConfigured


def text(name: str, default: str | None = None) -> str:
    """The variable's text; without a default it must be set and not empty."""
    value = os.environ.get(name, "") or default
    if value is None:
        raise ImproperlyConfigured(f"Set the environment variable {name}.")
    return value


def flag(name: str, default: bool) -> bool:
    """true/1/yes/on or false/0/no/off, in any case."""
    value = os.environ.get(name, "").strip().lower()
    if value in ("", "true", "1", "yes", "on", "false", "0", "no", "off"):
        return default if value == "" else value in ("true", "1", "yes", "on")
    raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")


def number(name: str, default: int) -> int:
    """A whole number."""
    value = os.environ.get(name, "")
    try:
        return int(value) if value else default
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from None


def words(name: str, default: str = "") -> list[str]:
    """A comma-separated list without empty members."""
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]
