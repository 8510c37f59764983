"""Every address of the site, with arguments of one company's own objects: for tests that must miss none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib import admin
from django.urls import URLPattern, URLResolver, reverse

from audit.models import AuditEntry
from sync.models import (
    AccountRule,
    AlertHook,
    Delivery,
    LedgerActivity,
    Mapping,
    Notice,
    PayCalendar,
    PayExpectation,
    PayRun,
    PendingChange,
    Posting,
    Timing,
)
from tenants.models import ApiKey, Membership
from tests.admin.conftest import Office

OF_DJANGO = {"jsi18n", "autocomplete", "view_on_site", "app_list", "search"}


@dataclass(frozen=True)
class Address:
    """One page or act, and whether it is about an object."""

    name: str
    path: str
    of_object: bool


def addresses(office: Office) -> Iterator[Address]:
    """Every named address under /admin/ that shows or does something of a company. A page whose arguments this does
    not know fails the test: it must be added here."""
    story = office.story
    with story.scope():
        ids = {
            "sync_run": office.run.pk,
            "sync_runitem": office.item.pk,
            "sync_problem": office.problem.pk,
            "sync_integration": story.integration.pk,
            "sync_flow": story.flows["people"].pk,
            "sync_paycalendar": PayCalendar.objects.values_list("pk", flat=True)[0],
            "sync_timing": Timing.objects.values_list("pk", flat=True)[0],
            "sync_mapping": Mapping.objects.values_list("pk", flat=True)[0],
            "sync_ledgeractivity": LedgerActivity.objects.values_list("pk", flat=True)[0],
            "sync_accountrule": AccountRule.objects.values_list("pk", flat=True)[0],
            "sync_payrun": PayRun.objects.values_list("pk", flat=True)[0],
            "sync_posting": Posting.objects.values_list("pk", flat=True)[0],
            "sync_delivery": Delivery.objects.values_list("pk", flat=True)[0],
            "sync_notice": Notice.objects.values_list("pk", flat=True)[0],
            "sync_alerthook": AlertHook.objects.values_list("pk", flat=True)[0],
            "sync_payexpectation": PayExpectation.objects.values_list("pk", flat=True)[0],
            "sync_payrollsettings": story.integration.pk,
            "sync_pendingchange": PendingChange.objects.values_list("pk", flat=True)[0],
            "connectors_connection": story.source.pk,
            "audit_auditentry": AuditEntry.objects.values_list("pk", flat=True)[0],
            "tenants_membership": Membership.objects.values_list("pk", flat=True)[0],
            "tenants_apikey": ApiKey.objects.values_list("prefix", flat=True)[0],
        }
    given = {
        "integration_id": story.integration.pk,
        "flow_id": story.flows["people"].pk,
        "kind": "department",
        "vendor": "rippling",
        "subject_kind": "worker",
        "subject_id": office.item.source_id,
    }
    for pattern in _patterns():
        name = pattern.name or ""
        if name in OF_DJANGO or not name:
            continue
        model = next((model for model in ids if name.startswith(f"{model}_")), "")
        wanted = pattern.pattern.regex.groupindex
        arguments = {key: ids[model] if key == "object_id" else given[key] for key in wanted}
        yield Address(name, reverse(f"admin:{name}", kwargs=arguments), bool(wanted) and set(wanted) != {"vendor"})


def _patterns() -> Iterator[URLPattern]:
    def inside(entries: list[URLPattern | URLResolver]) -> Iterator[URLPattern]:
        for entry in entries:
            if isinstance(entry, URLPattern):
                yield entry
            else:
                yield from inside(entry.url_patterns)

    yield from inside(admin.site.get_urls())
