"""Pay runs: the board, the list, the page of each with its tabs, and what people do with it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import URLPattern, reverse
from django.utils import timezone

from connectors.errors import ConnectionConfigError
from sync.admin.amounts import Table, csv_answer
from sync.admin.choices import by_integration
from sync.admin.corrections import DEEDS, effect_table, posting_day
from sync.admin.pay_run_page import (
    Content,
    content_of,
    figures_of,
    history_of,
    journals_of,
    problems_of,
    shortly,
)
from sync.admin.pay_run_steps import next_step
from sync.admin.pay_run_tabs import flags_of, reconciliation_of, variances_of
from sync.admin.refusals import SAYS
from sync.models import PayFinding, PayrollSettings, PayRun, Posting
from sync.payroll import approval, asking, board
from sync.payroll.approval import Refusal
from sync.payroll.effects import effect_of
from sync.payroll.evidence import pack
from sync.payroll.ledgers import opened_ledger
from sync.payroll.sight import reveal, revealed_until
from sync.payroll.visibility import MASK, Sight
from tenants.membership import membership_of, require
from tenants.models import Role
from tenants.pages import Choice, Question, Records, act

SAID = (*SAYS, Refusal)
TABS = {
    "journal": "Journal",
    "variance": "Variance",
    "problems": "Problems",
    "reconciliation": "Reconciliation",
    "history": "History",
}
STATES = [
    ("", "All"),
    ("held", "Problems"),
    ("ready", "Ready for review"),
    ("active", "Approved and under way"),
    ("attention", "Needs a person"),
    ("posted", "Posted"),
    ("reconciled", "Reconciled"),
    ("changed", "Changed after posting"),
]
UNDER_WAY = (PayRun.State.APPROVED, PayRun.State.POSTING, PayRun.State.VERIFYING)


def role_of(request: HttpRequest) -> Role | None:
    """What the person may do in their company."""
    membership = membership_of(request)
    return Role(membership.role) if membership else None


@admin.register(PayRun)
class PayRunPages(Records):
    """What the payroll paid, on its way to the ledger: drafted by the product, approved by people."""

    list_template = "payroll/board.html"
    page_template = "payroll/pay_run.html"
    title = "Pay runs"

    def own_urls(self) -> list[URLPattern]:
        acts = ("check_again", "approve", "reject", "post_now", "verify", "tie_out", "reveal", "accept")
        names = (*acts, "correct", "evidence")
        return [self.url(f"<str:object_id>/{name.replace('_', '-')}/", getattr(self, name), name) for name in names]

    def get_queryset(self, request: HttpRequest) -> QuerySet[PayRun]:
        return PayRun.objects.select_related("integration__source", "integration__target")

    def choices(self, request: HttpRequest) -> list[Choice]:
        return [Choice(param="state", label="Show", options=STATES), *by_integration()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        require(request, Role.VIEWER)
        choices = self.choices(request)
        for choice in choices:
            choice.chosen = self.chosen(request, choice)
        chosen = {choice.param: choice.chosen for choice in choices}
        runs, below = board.page_below(self.rows(request, chosen), request.GET.get("before", ""), self.per_page)
        badges = board.badges_of(runs)
        names = board.company_names([run.integration for run in runs])
        context = {
            "choices": choices,
            "runs": [
                (run, badges[run.pk], names.get((run.integration.source_id, run.company), run.company)) for run in runs
            ],
            "rows": {"before": below},
            "lines": [] if request.GET.get("before") else board.calendar(timezone.localdate(), timezone.now()),
            "unset": PayrollSettings.objects.filter(start_date=None).select_related("integration"),
            "is_filtered": any(chosen.values()),
        }
        return self.render(request, self.list_template, context)

    def rows(self, request: HttpRequest, chosen: dict[str, str]) -> QuerySet[PayRun]:
        runs = self.get_queryset(request)
        if chosen.get("integration"):
            runs = runs.filter(integration=UUID(chosen["integration"]))
        match chosen["state"]:
            case "":
                return runs
            case "active":
                return runs.filter(state__in=UNDER_WAY)
            case "changed":
                return runs.exclude(source_change="")
        return runs.filter(state=chosen["state"])

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        pay_run: PayRun = self.find(request, object_id)
        content = content_of(pay_run, role_of(request), timezone.now())
        tab = request.GET.get("tab", "")
        if tab not in TABS:
            tab = "problems" if pay_run.state == PayRun.State.HELD else "journal"
        own, tables = self._tab(content, tab, whole="csv" in request.GET)
        if file := csv_answer(request, tables, f"pay-run-{pay_run.check_date.isoformat()}"):
            return file
        context = {"object": pay_run, "tab": tab, **self._frame(request, content), **own}
        return self.render(request, self.page_template, context)

    def _tab(self, content: Content, tab: str, *, whole: bool) -> tuple[dict[str, Any], list[Table]]:
        """What the tab shows, and the tables that can be had as a file."""
        if tab == "variance":
            variances = variances_of(content)
            return {"variances": variances}, [t for one in variances for t in (one.table, one.chart.table)]
        if tab == "problems":
            return {"problems": problems_of(content)}, []
        if tab == "reconciliation":
            own = reconciliation_of(content)
            charts = [chart.table for chart in own["waterfalls"]]
            return own, [*charts, *(own[name] for name in ("sides", "differences") if own[name])]
        if tab == "history":
            return history_of(content), []
        journals = journals_of(content, whole=whole)
        return {"journals": journals}, [journal.table for journal in journals]

    def _frame(self, request: HttpRequest, content: Content) -> dict[str, Any]:
        """What stands above every tab."""
        pay_run, role = content.pay_run, role_of(request)
        names = board.company_names([pay_run.integration])
        return {
            "tabs": TABS.items(),
            "badge": board.badges_of([pay_run])[pay_run.pk],
            "company": names.get((pay_run.integration.source_id, pay_run.company), pay_run.company),
            "figures": figures_of(content),
            "posting_dates": sorted({posting.posting_date for posting in content.postings}),
            "step": next_step(content, role or Role.VIEWER),
            "hidden": content.masks.hides_anything,
            "sees_none": content.masks.sight is Sight.NONE,
            "until": revealed_until(pay_run, now=timezone.now()) if content.masks.sight is Sight.ALL else None,
            "drafts": content.in_state(Posting.State.DRAFTED, Posting.State.APPROVED),
            "on_ledger": content.on_ledger,
        }

    @act(Role.PREPARER, says=SAID)
    def check_again(self, request: HttpRequest, pay_run: PayRun) -> HttpResponse:
        run = asking.check_again(pay_run, now=timezone.now())
        return HttpResponseRedirect(reverse("admin:sync_run_change", args=[run.pk]))

    def ask_approve(self, request: HttpRequest, pay_run: PayRun) -> Question | str:
        content = content_of(pay_run, role_of(request), timezone.now())
        drafts = content.in_state(Posting.State.DRAFTED)
        if not drafts:
            return "There is no draft to approve."
        for draft in drafts:
            if refusal := approval.why_not_approved(draft, content.settings):
                return refusal
        totals = [
            f"{draft}: {draft.line_count} lines on {draft.posting_date:%d %b %Y}, {draft.currency} "
            f"{MASK if content.masks.hides_total(draft) else f'{draft.debit:,.2f}'} debit and as much credit."
            for draft in drafts
        ]
        flags = flags_of(content)
        target = pay_run.integration.target
        after = (
            f"As soon as it is approved it is posted to {target}."
            if content.settings.post_by_itself and approval.writes_enabled(pay_run)
            else "It is posted once a person says so."
        )
        return Question(
            title=f"Approve {pay_run}?",
            facts=[
                *totals,
                *(flags or ["No figure is beyond the thresholds, compared with the previous run."]),
                f"You approve exactly this content ({shortly(drafts)}). Should it change, it must be approved anew.",
                after,
            ],
            button="Approve",
            reason="A note for the record (may be empty)",
            hidden={f"hash:{draft.pk}": draft.content_hash for draft in drafts},
        )

    @act(Role.APPROVER, says=SAID, ask="ask_approve")
    def approve(self, request: HttpRequest, pay_run: PayRun) -> str:
        drafts = list(Posting.objects.filter(pay_run=pay_run, state=Posting.State.DRAFTED))
        hashes = {draft.pk: str(request.POST.get(f"hash:{draft.pk}", "")) for draft in drafts}
        reason = request.POST.get("reason", "").strip()
        done = approval.approve(drafts, hashes=hashes, now=timezone.now(), reason=reason)
        if len(done) < len(drafts):
            return "Approved by you. Above this amount a second person must approve it too."
        return "Approved."

    def ask_reject(self, request: HttpRequest, pay_run: PayRun) -> Question:
        return Question(
            title=f"Reject the journals of {pay_run}?",
            facts=["They will not be posted as they are. Whoever prepared them sees your reason and mends it."],
            button="Reject",
            danger=True,
            reason="Why? What must be mended?",
        )

    @act(Role.APPROVER, says=SAID, ask="ask_reject")
    def reject(self, request: HttpRequest, pay_run: PayRun) -> str:
        waiting = Posting.objects.filter(pay_run=pay_run, state__in=[Posting.State.DRAFTED, Posting.State.APPROVED])
        approval.reject(list(waiting), request.POST.get("reason", ""), now=timezone.now())
        return "Rejected. Nothing is posted."

    @act(Role.APPROVER, says=SAID)
    def post_now(self, request: HttpRequest, pay_run: PayRun) -> str:
        approved = list(Posting.objects.filter(pay_run=pay_run, state=Posting.State.APPROVED))
        if not approved:
            raise Refusal("No journal of this pay run is approved and waits to be posted.")
        approval.post_now(approved, now=timezone.now())
        return "On its way. Nothing is sent twice."

    @act(Role.PREPARER, says=SAID)
    def verify(self, request: HttpRequest, pay_run: PayRun) -> str:
        unsure = list(Posting.objects.filter(pay_run=pay_run, state=Posting.State.VERIFYING))
        if not unsure:
            raise Refusal("No journal of this pay run waits for an answer.")
        for posting in unsure:
            asking.look_up(posting, now=timezone.now())
        return f"{pay_run.integration.target} is being asked. Nothing is sent."

    @act(Role.PREPARER, says=SAID)
    def tie_out(self, request: HttpRequest, pay_run: PayRun) -> str:
        asking.tie_out(pay_run)
        return f"{pay_run.integration.target} is being read back. The result is here in a moment."

    def ask_reveal(self, request: HttpRequest, pay_run: PayRun) -> Question:
        return Question(
            title="Show the amounts of single people?",
            facts=[
                "For 15 minutes you see every amount of this pay run, also those that are one person's pay.",
                "That you looked, when and why, stays in the audit trail for good.",
            ],
            button="Show the amounts",
            danger=True,
            reason="Why do you need to see them?",
        )

    @act(Role.APPROVER, says=SAID, ask="ask_reveal")
    def reveal(self, request: HttpRequest, pay_run: PayRun) -> str:
        shown = reveal(pay_run, request.POST.get("reason", ""), now=timezone.now())
        return f"Shown to you until {timezone.localtime(shown.until):%H:%M}."

    @act(Role.PREPARER, says=SAID)
    def evidence(self, request: HttpRequest, pay_run: PayRun) -> HttpResponseBase:
        name = f"pay-run-{pay_run.check_date.isoformat()}-{pay_run.pk}.zip"
        file = pack(pay_run, now=timezone.now())
        return FileResponse(file, as_attachment=True, filename=name)

    def correct(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What correcting would do, and doing it. Nothing is asked of the ledger."""
        pay_run: PayRun = self.find(request, object_id)
        require(request, Role.APPROVER)
        now = timezone.now()
        try:
            with opened_ledger(pay_run.integration) as target:
                if request.method == "POST":
                    deed = DEEDS.get(request.POST.get("act", ""))
                    if deed is None:
                        raise Http404("There is no such button.")
                    day = posting_day(request.POST.get("posting_date", ""))
                    made = deed(pay_run, request.POST.get("reason", ""), target, posting_date=day, now=now)
                    drafts = "1 journal is" if len(made) == 1 else f"{len(made)} journals are"
                    messages.success(request, f"{drafts} drafted. Somebody else must approve what you prepared.")
                    return HttpResponseRedirect(self.back(pay_run))
                effect = effect_of(pay_run, target, now=now)
        except (Refusal, ConnectionConfigError, ValidationError) as refusal:
            said = refusal.messages if isinstance(refusal, ValidationError) else [str(refusal)]
            messages.error(request, " ".join(said))
            return HttpResponseRedirect(self.back(pay_run))
        table = effect_table(content_of(pay_run, role_of(request), now), effect)
        context = {"object": pay_run, "effect": effect, "table": table, "back": self.back(pay_run)}
        return csv_answer(request, [table], "effect") or self.render(request, "payroll/correct.html", context)

    @act(Role.APPROVER, says=SAID)
    def accept(self, request: HttpRequest, pay_run: PayRun) -> HttpResponse:
        number = request.POST.get("finding", "")
        finding = PayFinding.objects.filter(pay_run=pay_run, pk=number).first() if number.isdigit() else None
        if finding is None:
            raise Refusal("This problem is gone: the pay run was checked again meanwhile.")
        approval.accept_finding(finding, request.POST.get("reason", ""), now=timezone.now())
        return HttpResponseRedirect(f"{self.back(pay_run)}?tab=problems")
