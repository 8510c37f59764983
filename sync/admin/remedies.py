"""Where a problem is mended: the page behind its remedy."""

from __future__ import annotations

from urllib.parse import urlencode

from django.urls import reverse

from sync.mappings import MAPPED_KINDS
from sync.models import Problem
from sync.planning import CauseCode


def remedy_link(problem: Problem) -> tuple[str, str]:
    """(what the link says, address). The problem's integration must be loaded."""
    integration = problem.integration
    if problem.code in (CauseCode.UNMAPPED, CauseCode.TARGET_INACTIVE) and problem.culprit_kind in MAPPED_KINDS:
        shown = {"value": problem.culprit} if problem.code == CauseCode.UNMAPPED else {"show": "inactive"}
        page = reverse("admin:sync_mapping_workbench", args=[integration.pk, problem.culprit_kind])
        return "Map it", f"{page}?{urlencode(shown)}"
    if problem.code == CauseCode.WITHHELD:
        return "Test the connection", reverse("admin:connectors_connection_change", args=[integration.source_id])
    return "See who", reverse("admin:sync_problem_change", args=[problem.pk])
