"""Sums and shares, as the pages about runs and mappings show them."""

from __future__ import annotations

from django import template

from sync.mappings import Coverage
from sync.models import Run

register = template.Library()

SHORT = {Run.State.PARTLY_FAILED: "Needs attention", Run.State.HELD: "Held"}


@register.filter
def state(run: Run) -> str:
    """The run's state in two words at most, for lists."""
    return SHORT.get(Run.State(run.state), str(run.get_state_display()))


@register.filter
def written(run: Run) -> int:
    """People for whom something was made true on the target."""
    return run.created + run.updated + run.terminated + run.rehired + run.transferred


@register.filter
def failed(run: Run) -> int:
    """People the target refused, or who were not sent, or whose answer is still missing."""
    return run.rejected + run.unsent + run.verifying


@register.filter
def unmapped(covered: Coverage) -> int:
    """Source values with neither a mapping nor a suggestion."""
    return covered.values - covered.mapped - covered.suggested


@register.filter
def share(part: int, whole: int) -> int:
    """``part`` in per cent of ``whole``, rounded down; 0 of nothing."""
    return 100 * part // whole if whole else 0
