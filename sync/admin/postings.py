"""Journals: every line, what each is made of and by which rule, and what people decide about one journal."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, reverse
from django.utils import timezone

from sync.admin.amounts import Amount, Row, Table, Value, csv_answer
from sync.admin.pay_run_page import Content, content_of, lines_table, words_of
from sync.admin.pay_runs import SAID, role_of
from sync.clock import database_now
from sync.models import PayItem, Posting, PostingLine, PostingShare
from sync.payroll import asking
from sync.payroll.correcting import reverse as take_back
from sync.payroll.deciding import decide
from sync.payroll.visibility import MASK, Cell, Sight, masked
from tenants.models import Role
from tenants.pages import Question, Records, act

DECISIONS = [
    (
        "check_again",
        "Look for it again",
        "The ledger is asked for this journal right away. Nothing is sent.",
    ),
    (
        "post_again",
        "It is not on the ledger: post it",
        "It is looked up once more before it is sent, so that it cannot be there twice.",
    ),
    (
        "give_up",
        "It is not on the ledger, and must not be posted",
        "The journal is rejected. The pay run can be checked again afterwards.",
    ),
]


@admin.register(Posting)
class PostingPages(Records):
    """One journal of a pay run, whole."""

    page_template = "payroll/posting.html"
    title = "Pay runs"

    def own_urls(self) -> list[URLPattern]:
        return [
            self.url(f"<str:object_id>/{name.replace('_', '-')}/", getattr(self, name), name)
            for name in ("look_up", "reverse_it", "decide")
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Posting]:
        return Posting.objects.select_related(
            "pay_run__integration__source", "pay_run__integration__target", "reverses", "adjusts", "after"
        )

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:sync_payrun_changelist"))

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        posting: Posting = self.find(request, object_id)
        content = content_of(posting.pay_run, role_of(request), timezone.now(), also=posting)
        lines = lines_table(content, posting, words_of(posting.pay_run.integration, [posting], content.lines), None)
        number = request.GET.get("line", "")
        line = next((one for one in content.lines[posting.pk] if str(one.number) == number), None)
        made_of = shares_table(content, posting, line) if line else None
        tables = [lines, *([made_of] if made_of else [])]
        if file := csv_answer(request, tables, f"journal-{posting.reference}"):
            return file
        context = {
            "object": posting,
            "table": lines,
            "line": line,
            "made_of": made_of,
            "hidden": content.masks.hides_anything,
            "is_unsure": posting.state in (Posting.State.VERIFYING, Posting.State.ATTENTION),
            "is_standing": posting.state in (Posting.State.POSTED, Posting.State.RECONCILED),
            "approvals": posting.approvals.all(),
            "corrections": Posting.objects.filter(reverses=posting) | Posting.objects.filter(adjusts=posting),
        }
        return self.render(request, self.page_template, context)

    @act(Role.PREPARER, says=SAID)
    def look_up(self, request: HttpRequest, posting: Posting) -> str:
        asking.look_up(posting, now=timezone.now())
        return f"{posting.pay_run.integration.target} is being asked. Nothing is sent."

    def ask_reverse(self, request: HttpRequest, posting: Posting) -> Question:
        return Question(
            title=f"Reverse journal {posting.journal_number or posting.reference}?",
            facts=[
                "A journal is drafted that takes it back line by line. What is on the ledger is never changed.",
                "Somebody else must approve it, as with any journal.",
                "It is posted on the same day, or on the first day after it whose period is open.",
            ],
            button="Draft the reversal",
            danger=True,
            reason="Why is it reversed?",
        )

    @act(Role.APPROVER, says=SAID, ask="ask_reverse")
    def reverse_it(self, request: HttpRequest, posting: Posting) -> HttpResponse:
        draft = take_back(posting, request.POST.get("reason", ""), now=timezone.now())
        return HttpResponseRedirect(self.back(draft))

    def ask_decide(self, request: HttpRequest, posting: Posting) -> Question:
        return Question(
            title=f"What became of {posting.description}?",
            facts=[
                posting.message or "The ledger has not said whether it has this journal.",
                f"Look for the reference {posting.reference} in {posting.pay_run.integration.target}, then decide.",
            ],
            button="Decide",
            danger=True,
            reason="Why? What did you see?",
            options=DECISIONS,
        )

    @act(Role.APPROVER, says=SAID, ask="ask_decide")
    def decide(self, request: HttpRequest, posting: Posting) -> str:
        decide(posting, request.POST.get("option", ""), request.POST.get("reason", ""), now=database_now())
        return "Decided, and recorded."


def shares_table(content: Content, posting: Posting, line: PostingLine) -> Table:
    """What a line is made of: per pay item the amount, the people, and which rule put it there and why.

    Where anything of the run is hidden, an amount is shown only if it is the line's own.
    """
    shares = list(PostingShare.objects.filter(line=line).select_related("rule").order_by("item", "pk"))
    names = dict(
        PayItem.objects.filter(
            integration=posting.pay_run.integration_id, key__in={share.item for share in shares}
        ).values_list("key", "name")
    )
    cells = [Cell(groups=("line",), people=share.people) for share in shares]
    hidden = masked(cells, content.masks.sight, content.settings.fewest_people).cells
    if content.masks.hides_line(posting, line) or (
        content.masks.sight is Sight.GROUPS and content.masks.hides_anything and len(shares) > 1
    ):
        hidden = [True] * len(shares)
    rows = []
    for share, hides in zip(shares, hidden, strict=True):
        rule = share.rule
        amount: Value = MASK if hides else Amount(share.amount, posting.currency)
        because = f"override by {share.because.replace('_', ' ')}" if share.because else "default of the pay item"
        account = (rule.debit if share.side == "debit" else rule.credit) if rule else "a rule that is gone"
        since = f"since {rule.valid_from:%d %b %Y}" if rule and rule.valid_from.year > 1900 else ""
        kind = share.item.partition(":")[0].replace("_", " ")
        cells_of_row: list[Value] = [names.get(share.item, share.item), kind, account, f"{because} {since}".strip()]
        rows.append(Row(cells=[*cells_of_row, share.people, amount]))
    return Table(
        name=f"line-{line.number}",
        title=f"Line {line.number}: {line.account}",
        columns=["Pay item", "Kind", "Rule", "Why this rule", "People", f"Amount ({posting.currency})"],
        numbers=frozenset({4, 5}),
        rows=rows,
        empty="This line is the rounding of the journal.",
    )
