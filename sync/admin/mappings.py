"""The mapping workbench: suggest, confirm, change from a date on, carry in and out as CSV."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, reverse
from django.utils import timezone

from connectors.records import RefKind
from sync.admin.workbench import FILTERS, Line, Targets, lines_of, parse_since, values_of
from sync.mappings import (
    confirm,
    coverage,
    export_csv,
    import_csv,
    mapped_kinds,
    people_covered,
    remove,
    save_mapping,
    suggest_mappings,
)
from sync.models import Integration, Mapping
from tenants.membership import allows, require
from tenants.models import Role
from tenants.pages import Choice, Records, rows_of

LARGEST_FILE = 5_000_000
SCORES = (100, 95, 90, 80, 70)


@admin.register(Mapping)
class MappingPages(Records):
    """How much of each kind is mapped, and the workbench behind it."""

    def own_urls(self) -> list[URLPattern]:
        return [
            self.url("<uuid:integration_id>/mappings.csv", self.export, "export"),
            self.url("<uuid:integration_id>/import/", self.import_file, "import"),
            self.url("<uuid:integration_id>/<slug:kind>/", self.workbench, "workbench"),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        require(request, Role.VIEWER)
        integrations = list(Integration.objects.select_related("source", "target")[:50])
        if not integrations:
            return self.render(request, "sync/mappings.html", {"integration": None})
        choice = Choice(param="integration", label="Integration", options=[(str(i.pk), i.name) for i in integrations])
        choice.chosen = self.chosen(request, choice)
        integration = next(i for i in integrations if str(i.pk) == choice.chosen)
        covered, known = people_covered(integration)
        context = {
            "integration": integration,
            "choices": [choice] if len(integrations) > 1 else [],
            "coverage": [(RefKind(c.kind).value.replace("_", " ").capitalize(), c) for c in coverage(integration)],
            "covered": covered,
            "known": known,
        }
        return self.render(request, "sync/mappings.html", context)

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        mapping: Mapping = self.find(request, object_id)
        page = self.address("workbench", mapping.integration_id, mapping.kind)
        return HttpResponseRedirect(f"{page}?value={mapping.source_key}")

    def workbench(self, request: HttpRequest, integration_id: str, kind: str) -> HttpResponse:
        """One kind's source values and what they mean; every button of the page posts here."""
        integration = self._integration(request, integration_id)
        if kind not in mapped_kinds(integration):
            raise Http404("There is no such kind of value to map.")
        targets = Targets(integration, kind)
        if request.method != "POST":
            return self._show(request, integration, kind, targets, {})
        require(request, Role.PREPARER)
        deeds: dict[str, Callable[[HttpRequest, Integration, str, Targets], dict[str, str]]] = {
            "save": self._save,
            "confirm": self._confirm,
            "confirm_above": self._confirm_above,
            "suggest": self._suggest,
        }
        deed, _, which = request.POST.get("act", "").partition(":")
        if deed == "remove":
            errors = self._remove(request, integration, which)
        elif deed in deeds:
            errors = deeds[deed](request, integration, kind, targets)
        else:
            raise Http404("There is no such button.")
        if errors:
            return self._show(request, integration, kind, targets, errors)
        return HttpResponseRedirect(request.get_full_path())

    def _show(
        self, request: HttpRequest, integration: Integration, kind: str, targets: Targets, errors: dict[str, str]
    ) -> HttpResponse:
        show = Choice(param="show", label="Show", options=FILTERS)
        show.chosen = self.chosen(request, show)
        search, only = request.GET.get("q", "").strip()[:100], request.GET.get("value", "")[:200]
        rows = rows_of(values_of(integration, kind, show.chosen, search, only), request)
        lines = lines_of(integration, kind, rows.records, targets)
        for line in lines:
            _keep_typed(line, request, errors)
        covered = {c.kind: c for c in coverage(integration)}
        context = {
            "integration": integration,
            "kind": kind,
            "kind_label": kind.replace("_", " "),
            "kinds": [(k, k.replace("_", " ").capitalize(), one) for k, one in covered.items()],
            "covered": covered[RefKind(kind)],
            "people": people_covered(integration),
            "choices": [show],
            "rows": rows,
            "lines": lines,
            "offered": targets.offered(),
            "search": search,
            "only": only,
            "scores": SCORES,
            "may_edit": allows(request, Role.PREPARER),
        }
        return self.render(request, "sync/workbench.html", context)

    def _save(self, request: HttpRequest, integration: Integration, kind: str, targets: Targets) -> dict[str, str]:
        """Save every line that was changed; returns a sentence per line that cannot be."""
        keys = [name.removeprefix("target:") for name in request.POST if name.startswith("target:")][:200]
        values = values_of(integration, kind, "", "", "").filter(external_id__in=keys)
        errors, saved = {}, 0
        for line in lines_of(integration, kind, values, targets):
            key = line.value.external_id
            typed, since = request.POST.get(f"target:{key}", "").strip(), request.POST.get(f"since:{key}", "").strip()
            if (typed, since) == (line.typed, line.since) or not typed:
                continue
            target = targets.key(typed)
            if target is None:
                errors[key] = (
                    f"{integration.target} has no active {kind.replace('_', ' ')} “{typed}”. Choose one of the list."
                )
                continue
            try:
                save_mapping(
                    integration,
                    kind=kind,
                    source_key=key,
                    target_key=target,
                    valid_from=parse_since(since),
                    now=timezone.now(),
                )
                saved += 1
            except ValidationError as refusal:
                errors[key] = " ".join(refusal.messages)
            except ValueError:
                errors[key] = f"“{since}” is not a date like 2026-01-31."
        if saved:
            messages.success(request, f"{saved} saved. Open problems go away with the next run or a replay.")
        return errors

    def _confirm(self, request: HttpRequest, integration: Integration, kind: str, targets: Targets) -> dict[str, str]:
        chosen = [int(pk) for pk in request.POST.getlist("chosen") if pk.isdigit()]
        self._agree(request, list(Mapping.objects.filter(integration=integration, kind=kind, pk__in=chosen)))
        return {}

    def _confirm_above(
        self, request: HttpRequest, integration: Integration, kind: str, targets: Targets
    ) -> dict[str, str]:
        score = request.POST.get("score", "")
        least = int(score) if score.isascii() and score.isdigit() else max(SCORES)
        pending = Mapping.objects.filter(integration=integration, kind=kind, state=Mapping.State.SUGGESTED)
        self._agree(request, list(pending.filter(score__gte=least)))
        return {}

    def _agree(self, request: HttpRequest, suggestions: list[Mapping]) -> None:
        try:
            number = confirm(suggestions, now=timezone.now())
        except ValidationError as refusal:
            for sentence in refusal.messages:
                messages.error(request, sentence)
        else:
            messages.success(request, f"{number} confirmed." if number else "Choose the suggestions to confirm first.")

    def _suggest(self, request: HttpRequest, integration: Integration, kind: str, targets: Targets) -> dict[str, str]:
        found = suggest_mappings(integration, kinds=[RefKind(kind)])
        messages.success(
            request,
            f"{len(found)} suggested. Look at them, then confirm."
            if found
            else "Nothing looks alike enough to suggest.",
        )
        return {}

    def _remove(self, request: HttpRequest, integration: Integration, which: str) -> dict[str, str]:
        mapping = Mapping.objects.filter(integration=integration, pk=which).first() if which.isdigit() else None
        if mapping is not None:
            remove(mapping, now=timezone.now())
            messages.success(request, "Removed. Whom it concerned is blocked by the next run until it is mapped again.")
        return {}

    def export(self, request: HttpRequest, integration_id: str) -> HttpResponse:
        """Every mapping of the integration as a CSV file."""
        integration = self._integration(request, integration_id)
        # Joined here: once the response has left, its lines could no longer be read from the database.
        answer = HttpResponse(
            "".join(export_csv(integration, now=timezone.now())), content_type="text/csv; charset=utf-8"
        )
        answer["Content-Disposition"] = 'attachment; filename="mappings.csv"'
        return answer

    def import_file(self, request: HttpRequest, integration_id: str) -> HttpResponse:
        """Take a CSV file over, or say row by row what is wrong with it."""
        integration = self._integration(request, integration_id)
        require(request, Role.PREPARER)
        sentences: list[str] = []
        if request.method == "POST":
            file = request.FILES.get("file")
            try:
                if file is None or (file.size or 0) > LARGEST_FILE:
                    raise ValidationError("Choose a CSV file of at most 5 MB.")
                number = import_csv(integration, file.read().decode(), now=timezone.now())
            except UnicodeDecodeError:
                sentences = ["This is not a CSV file in UTF-8. Save it as “CSV UTF-8”. Nothing was imported."]
            except ValidationError as refusal:
                sentences = refusal.messages
            else:
                messages.success(request, f"{number} mappings imported and confirmed.")
                return HttpResponseRedirect(f"{reverse('admin:sync_mapping_changelist')}?integration={integration.pk}")
        return self.render(request, "sync/import.html", {"integration": integration, "sentences": sentences})

    def _integration(self, request: HttpRequest, integration_id: str) -> Integration:
        require(request, Role.VIEWER)
        found = Integration.objects.select_related("source", "target").filter(pk=integration_id).first()
        if found is None:
            raise Http404("There is no such integration in your company.")
        return found


def _keep_typed(line: Line, request: HttpRequest, errors: dict[str, str]) -> None:
    """After a refusal the person finds again what they typed, and the reason beside it."""
    key = line.value.external_id
    if key in errors:
        line.error = errors[key]
        line.typed, line.since = request.POST.get(f"target:{key}", ""), request.POST.get(f"since:{key}", "")
