"""How pages for staff show instants, durations, values and who may do what."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django import template
from django.http import HttpRequest
from django.utils import timezone

from tenants.membership import allows
from tenants.models import Role

register = template.Library()

NOTHING = "–"


@register.filter
def moment(value: datetime | None) -> str:
    """An instant in the company's time zone, with the zone: ``3 Oct 2026 14:05 EDT``; a dash for none."""
    if value is None:
        return NOTHING
    local = timezone.localtime(value)
    return f"{local.day} {local:%b %Y %H:%M} {local.tzname()}"


@register.filter
def wall(value: datetime) -> str:
    """An instant in the zone it is given in, with the day of the week: ``Thu 12 Mar 2026 06:00 EDT``."""
    return f"{value:%a} {value.day} {value:%b %Y %H:%M} {value.tzname()}"


@register.filter
def day(value: date | None) -> str:
    """A date as ``3 Oct 2026``; a dash for none."""
    return NOTHING if value is None else f"{value.day} {value:%b %Y}"


@register.filter
def lasting(seconds: float | None) -> str:
    """A duration in the words of a person: ``under a minute``, ``about 4 minutes``, ``about 2 h 05 min``."""
    if seconds is None:
        return NOTHING
    minutes = round(seconds / 60)
    if minutes < 1:
        return "under a minute"
    if minutes < 60:
        return f"about {minutes} minute{'s' if minutes > 1 else ''}"
    return f"about {minutes // 60} h {minutes % 60:02} min"


@register.filter
def label(name: str) -> str:
    """A field's name as people say it: ``manager_id`` is ``Manager``."""
    return name.removesuffix("_id").replace("_", " ").capitalize()


@register.filter
def shown(value: Any) -> str:
    """A recorded value in words, never in the notation of a program."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{label(str(name))}: {shown(inner)}" for name, inner in value.items()) or NOTHING
    if isinstance(value, list | tuple):
        return ", ".join(shown(inner) for inner in value) or NOTHING
    return str(value)


@register.simple_tag(takes_context=True)
def may(context: template.Context, role: str) -> bool:
    """True when the person's role covers this one: ``{% may "preparer" as can_run %}``."""
    request: HttpRequest = context["request"]
    return allows(request, Role(role))


@register.simple_tag(takes_context=True)
def choose(context: template.Context, param: str, value: str) -> str:
    """The address of this list with another choice, from its first page."""
    request: HttpRequest = context["request"]
    query = request.GET.copy()
    query.pop("page", None)
    query.pop("before", None)
    query[param] = value
    return f"?{query.urlencode()}"


@register.filter
def of(values: dict[str, Any], name: str) -> Any:
    """The value of that name, None when there is none."""
    return values.get(name)
