"""The account-rules workbench: which accounts a pay item goes to, tried on past pay runs before it is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, reverse
from django.utils import timezone

from connectors.errors import ConnectorError
from connectors.records import RefKind
from sync.admin.amounts import csv_answer
from sync.admin.mappings import LARGEST_FILE
from sync.admin.refusals import SAYS
from sync.admin.rule_coverage import Money, over_time
from sync.admin.rule_lines import (
    ADDED,
    FIELDS,
    FILTERS,
    Typed,
    Words,
    last_drafted,
    lines_of,
    shown_items,
    typed_for_several,
    typed_into,
    typed_lines,
    waiting_for_rules,
)
from sync.admin.rule_simulation import RUNS, Proposal, packed, shown_run, unpacked
from sync.admin.rule_winning import Verdict, verdicts
from sync.mappings import mapped_kinds
from sync.models import AccountRule, Integration, PayrollSettings
from sync.payroll.account_rule_files import export_csv, import_csv
from sync.payroll.account_rules import remove_rule, save_rules
from sync.payroll.asking import check_all_again
from sync.payroll.coverage import LATEST, ItemCoverage, ItemState, history, items_of
from sync.payroll.ledgers import opened_ledger
from sync.payroll.register import Dimensions
from sync.payroll.rule_checks import Chart, Places
from sync.payroll.rules import PRECEDENCE
from sync.payroll.run_secrets import RunSecrets
from sync.payroll.sight import sight_of
from sync.payroll.simulating import simulate
from sync.payroll.surroundings import load_rules, load_words
from tenants.membership import allows, membership_of, require
from tenants.models import Role
from tenants.pages import Choice, Records, rows_of

SHOWN_RUNS = 20
"""So many pay runs to check again are named; more are counted."""


@admin.register(AccountRule)
class AccountRulePages(Records):
    """How much of what was paid has an account, and the workbench to change that."""

    title = "Account rules"

    def own_urls(self) -> list[URLPattern]:
        return [
            self.url("<uuid:integration_id>/", self.workbench, "workbench"),
            self.url("<uuid:integration_id>/rules.csv", self.export, "export"),
            self.url("<uuid:integration_id>/import/", self.import_file, "import"),
            self.url("<uuid:integration_id>/which/", self.which, "which"),
            self.url("<uuid:integration_id>/trial/", self.trial, "trial"),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        require(request, Role.VIEWER)
        first = Integration.objects.order_by("name", "pk").first()
        if first is None:
            return self.render(request, "payroll/rules.html", {"integration": None})
        return HttpResponseRedirect(self.address("workbench", first.pk))

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        rule: AccountRule = self.find(request, object_id)
        return HttpResponseRedirect(f"{self.address('workbench', rule.integration_id)}?item={rule.item}")

    def workbench(self, request: HttpRequest, integration_id: str) -> HttpResponse:
        """Every pay item with its rules; every button of the page posts here."""
        integration = self._integration(request, integration_id)
        if request.method != "POST":
            return self._show(request, integration, {})
        require(request, Role.PREPARER)
        deed, _, which = request.POST.get("act", "").partition(":")
        if deed == "remove":
            return self._try(
                request, integration, Proposal(rules=[], removed=[int(which)] if which.isdecimal() else [])
            )
        if deed == "check":
            return self._check_again(request, integration)
        if deed not in ("save", "try"):
            raise Http404("There is no such button.")
        typed = self._typed(request, integration)
        if deed == "try" and not typed.errors:
            return self._try(request, integration, Proposal(rules=list(typed.rules.values())))
        if deed == "save" and typed.rules:
            save_rules(integration, list(typed.rules.values()), now=timezone.now())
            self._say_saved(request, integration, len(typed.rules))
        if typed.errors:
            return self._show(request, integration, typed.errors)
        return HttpResponseRedirect(request.get_full_path())

    def _typed(self, request: HttpRequest, integration: Integration) -> Typed:
        """Everything on the page that was changed, whichever of its filters is set."""
        chart, places, words = Chart(integration), Places(integration), Words(integration)
        lines = lines_of(items_of(integration, on=timezone.localdate()), words)
        changed = typed_lines(request.POST, lines, chart, places)
        added = typed_for_several(request.POST, chart, places)
        return Typed(rules=changed.rules | added.rules, errors=changed.errors | added.errors)

    def _show(self, request: HttpRequest, integration: Integration, errors: Mapping[str, str]) -> HttpResponse:
        fewest = PayrollSettings.objects.get(integration=integration).fewest_people
        runs = history(integration)
        table = over_time(runs, fewest)
        if file := csv_answer(request, [table], "account-rules"):
            return file
        items = items_of(integration, on=timezone.localdate())
        words = Words(integration)
        telling = RunSecrets([run for run, _ in runs[:LATEST]], fewest).items()
        money = Money(items, sight_of(_role(request), None, now=timezone.now()), fewest, telling)
        changed_at = max((rule.changed_at for item in items for rule in item.rules), default=None)
        waiting = list(waiting_for_rules(integration, changed_at)[: SHOWN_RUNS + 1])
        used = {text for item in items for rule in item.rules for text in (rule.debit, rule.credit, rule.settlement)}
        is_kept = ADDED in errors or (errors and request.POST.get("act") == "try")
        context = {
            "integration": integration,
            "integrations": list(Integration.objects.order_by("name", "pk")[:50]),
            **self._lines(request, integration, items, words, money, errors),
            "money": money.by_currency(),
            "mapped": sum(item.state != ItemState.UNMAPPED for item in items),
            "items": len(items),
            "over_time": table,
            "has_cost_centers": RefKind.COST_CENTER in mapped_kinds(integration),
            "dimensions": words.choices(),
            "chart": words.chart(used),
            "waiting": waiting[:SHOWN_RUNS],
            "more_waiting": len(waiting) > SHOWN_RUNS,
            "added": {name: request.POST.get(name, "") for name in (*FIELDS, *PRECEDENCE)} if is_kept else {},
            "selected": request.POST.getlist("item") if is_kept else [],
            "added_error": errors.get(ADDED, ""),
            "may_edit": allows(request, Role.PREPARER),
        }
        return self.render(request, "payroll/rules.html", context)

    def _lines(
        self,
        request: HttpRequest,
        integration: Integration,
        items: Sequence[ItemCoverage],
        words: Words,
        money: Money,
        errors: Mapping[str, str],
    ) -> dict[str, Any]:
        """What the filters let through, a page of it, with what was typed where something could not be kept."""
        show = Choice(param="show", label="Show", options=FILTERS)
        show.chosen = self.chosen(request, show)
        search, only = request.GET.get("q", "").strip()[:100], request.GET.get("item", "")[:200]
        passing = lines_of(shown_items(items, show.chosen, search, only, last_drafted(integration)), words)
        # A page is cut from a list as from a query: by a slice.
        rows = rows_of(cast("QuerySet[Any]", passing), request)
        for line in rows.records:
            if errors and f"since:{line.key}" in request.POST:
                line.error, line.typed = errors.get(line.key, ""), typed_into(request.POST, line)
            line.money = money.of(line.item) if line.opens else []
        return {"choices": [show], "rows": rows, "search": search, "only": only}

    def _try(self, request: HttpRequest, integration: Integration, proposal: Proposal) -> HttpResponse:
        """The trial's page: what the latest pay runs would have been, and the question whether to keep that."""
        removed = _to_remove(integration, proposal)
        if not proposal.rules and not removed:
            messages.info(request, "Change a rule first, then try it.")
            return HttpResponseRedirect(self.address("workbench", integration.pk))
        settings = PayrollSettings.objects.get(integration=integration)
        words, sentence = Words(integration), ""
        try:
            with opened_ledger(integration) as target:
                tried = simulate(integration, proposal.rules, removed=proposal.removed, target=target, runs=RUNS)
        except ConnectorError as error:
            tried, sentence = [], error.sentence
        names, now = load_words(integration), timezone.now()
        secrets = RunSecrets([run.pay_run for run in tried], settings.fewest_people)
        runs = [
            shown_run(
                run,
                integration,
                names,
                words.accounts,
                sight_of(_role(request), run.pay_run, now=now),
                settings.fewest_people,
                secrets,
            )
            for run in tried
        ]
        context = {
            "integration": integration,
            "proposal": packed(proposal),
            "proposed": [(rule, names.get(("item", rule.item)), words.limits(rule)) for rule in proposal.rules],
            "removed": [(rule, names.get(("item", rule.item)), words.limits(rule)) for rule in removed],
            "runs": runs,
            "sentence": sentence,
            "title": "Try rules on past pay runs",
        }
        return self.render(request, "payroll/simulation.html", context)

    def trial(self, request: HttpRequest, integration_id: str) -> HttpResponse:
        """Keep what was tried. The trial itself is shown by the workbench's button, and is never an address."""
        integration = self._integration(request, integration_id)
        if request.method == "POST":
            require(request, Role.PREPARER)
            try:
                self._keep(request, integration, unpacked(request.POST.get("proposal", "")))
            except ValidationError as refusal:
                for sentence in refusal.messages:
                    messages.error(request, sentence)
        return HttpResponseRedirect(self.address("workbench", integration.pk))

    def _keep(self, request: HttpRequest, integration: Integration, proposal: Proposal) -> None:
        now = timezone.now()
        with transaction.atomic():
            gone = _to_remove(integration, proposal)
            for rule in gone:
                remove_rule(rule, now=now)
            if proposal.rules:
                save_rules(integration, proposal.rules, now=now)
        if proposal.rules:
            self._say_saved(request, integration, len(proposal.rules))
        if gone:
            messages.success(request, "Removed. What it decided goes by a less specific rule from now on, or is held.")

    def _say_saved(self, request: HttpRequest, integration: Integration, number: int) -> None:
        saved = f"{number} {'rule' if number == 1 else 'rules'} saved."
        waiting = waiting_for_rules(integration, timezone.now()).count()
        runs = "1 pay run waits" if waiting == 1 else f"{waiting} pay runs wait"
        after = f"{runs} to be checked again by the new rules: see below." if waiting else "No pay run waits for them."
        messages.success(request, f"{saved} {after}")

    def _check_again(self, request: HttpRequest, integration: Integration) -> HttpResponse:
        changed = AccountRule.objects.filter(integration=integration).order_by("-changed_at").first()
        waiting = waiting_for_rules(integration, changed.changed_at if changed else None)
        pay_runs = list(waiting.select_related("integration__source", "integration__target"))
        back = HttpResponseRedirect(self.address("workbench", integration.pk))
        if not pay_runs:
            messages.info(request, "No pay run waits for these rules.")
            return back
        try:
            run = check_all_again(pay_runs, now=timezone.now())
        except SAYS as refusal:
            messages.error(request, str(refusal))
            return back
        return HttpResponseRedirect(reverse("admin:sync_run_change", args=[run.pk]))

    def which(self, request: HttpRequest, integration_id: str) -> HttpResponse:
        """Which rule wins for a pay item somewhere on a day, and why."""
        integration = self._integration(request, integration_id)
        words, names = Words(integration), load_words(integration)
        asked = {name: request.GET.get(name, "").strip()[:200] for name in ("item", "on", *PRECEDENCE)}
        asked["on"] = asked["on"] or timezone.localdate().isoformat()
        context: dict[str, Any] = {
            "integration": integration,
            "dimensions": [(name, word, offered, asked[name]) for name, word, offered in words.choices()],
            "asked": asked,
            "error": "",
        }
        context["items"] = sorted(
            {key: name for (kind, key), name in names.items() if kind == "item"}.items(), key=lambda item: item[1]
        )
        if asked["item"]:
            try:
                context["verdicts"] = self._verdicts(integration, asked, words)
            except LookupError as error:
                context["error"] = f"{str(error)[:1].upper()}{str(error)[1:]}"
            except ValueError:
                context["error"] = f"“{asked['on']}” is not a date like 2026-01-31."
        return self.render(request, "payroll/rules_which.html", context | {"title": "Which rule wins?"})

    def _verdicts(self, integration: Integration, asked: dict[str, str], words: Words) -> list[Verdict]:
        places = Places(integration)
        there = Dimensions(**{name: places.find(name, asked[name]) for name in PRECEDENCE if asked[name]})
        return verdicts(load_rules(integration), asked["item"], there, date.fromisoformat(asked["on"]), words)

    def export(self, request: HttpRequest, integration_id: str) -> HttpResponse:
        """Every rule of the integration as a CSV file."""
        integration = self._integration(request, integration_id)
        # Joined here: once the response has left, its lines could no longer be read from the database.
        text = "".join(export_csv(integration, now=timezone.now()))
        answer = HttpResponse(text, content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = 'attachment; filename="account-rules.csv"'
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
                self._say_saved(request, integration, number)
                return HttpResponseRedirect(self.address("workbench", integration.pk))
        return self.render(request, "payroll/rules_import.html", {"integration": integration, "sentences": sentences})

    def _integration(self, request: HttpRequest, integration_id: str) -> Integration:
        require(request, Role.VIEWER)
        found = Integration.objects.select_related("source", "target").filter(pk=integration_id).first()
        if found is None:
            raise Http404("There is no such integration in your company.")
        return found


def _to_remove(integration: Integration, proposal: Proposal) -> list[AccountRule]:
    known = [pk for pk in proposal.removed if 0 < pk < 2**63]
    return list(AccountRule.objects.filter(integration=integration, pk__in=known))


def _role(request: HttpRequest) -> Role | None:
    membership = membership_of(request)
    return Role(membership.role) if membership else None
