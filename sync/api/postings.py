"""Journals on their way to the ledger: looked at, approved, posted once, looked up, reversed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from sync.api import filters
from sync.api.amounts import Masked, Money, unless
from sync.api.files import zip_answer, zip_of
from sync.api.payroll_sight import RunView, run_view
from sync.api.reasons import LONGEST, CorrectSerializer, WhySerializer
from sync.api.runs import RunSerializer, RunStarting
from sync.api.strict import StrictSerializer
from sync.clock import database_now
from sync.models import Approval, PayRun, Posting, PostingLine, PostingShare
from sync.payroll.approval import approve, post_now, reject
from sync.payroll.asking import check_again, look_up
from sync.payroll.correcting import reverse
from sync.payroll.deciding import DECISIONS, decide
from sync.payroll.evidence import pack
from sync.payroll.visibility import Sight
from tenants.models import Role


class PostingSerializer(serializers.ModelSerializer[Posting]):
    """One journal and where it stands. Its amounts are in the answer to one journal alone, masked by role: this is
    also what acts answer, and an answer that is remembered for an `Idempotency-Key` holds nobody's pay."""

    class Meta:
        model = Posting
        fields = (
            "id",
            "pay_run",
            "kind",
            "company",
            "currency",
            "part",
            "parts",
            "revision",
            "posting_date",
            "description",
            "reference",
            "content_hash",
            "line_count",
            "people",
            "reverses",
            "adjusts",
            "after",
            "why",
            "state",
            "message",
            "prepared_by",
            "prepared_at",
            "approved_at",
            "vendor_id",
            "journal_number",
            "period",
            "posted_at",
            "awaits_booking",
        )
        read_only_fields = fields


class ShareSerializer(serializers.Serializer[Any]):
    """What one pay item put on a line, by which rule and why."""

    item = serializers.CharField()
    side = serializers.CharField(help_text="The rule's side: debit (what it costs) or credit (what is owed).")
    rule = serializers.IntegerField(allow_null=True, help_text="The account rule; null once it was removed.")
    because = serializers.CharField(help_text="The dimensions the rule is limited to; empty: the item's default.")
    people = serializers.IntegerField()
    amount = Money(help_text="Exact, before rounding; debits positive, credits negative.")
    masked = Masked()


class LineSerializer(serializers.Serializer[Any]):
    """One line of a journal: a debit or a credit."""

    number = serializers.IntegerField()
    account = serializers.CharField()
    description = serializers.CharField()
    department = serializers.CharField(help_text="The source's id; empty where the line has none.")
    cost_center = serializers.CharField()
    worker = serializers.CharField(help_text="The employee number, where lines are by employee.")
    people = serializers.IntegerField(help_text="How many people the amount concerns.")
    debit = Money()
    credit = Money()
    masked = Masked()
    shares = ShareSerializer(many=True)


class ApprovalSerializer(serializers.ModelSerializer[Approval]):
    """What somebody decided about the journal, bound to its content."""

    class Meta:
        model = Approval
        fields = ("decision", "content_hash", "by", "at", "reason")
        read_only_fields = fields


class WholePostingSerializer(PostingSerializer):
    """One journal with its lines and who decided what."""

    debit = Money(source="shown.debit")
    credit = Money(source="shown.credit")
    masked = Masked(source="shown.masked")
    lines = LineSerializer(many=True, read_only=True, source="shown.lines")
    approvals = ApprovalSerializer(many=True, read_only=True)

    class Meta(PostingSerializer.Meta):
        fields = (  # type: ignore[assignment]
            *PostingSerializer.Meta.fields,
            "debit",
            "credit",
            "masked",
            "lines",
            "approvals",
        )


class ApproveSerializer(StrictSerializer):
    """What the journal was when you looked at it."""

    content_hash = serializers.CharField(max_length=64, help_text="As the journal showed it.")
    reason = serializers.CharField(max_length=LONGEST, required=False, default="", allow_blank=True)


class DecideSerializer(StrictSerializer):
    """What became of a journal that the ledger's answers do not tell about."""

    decision = serializers.ChoiceField(
        choices=list(DECISIONS.items()),
        help_text="check_again: ask the ledger once more; post_again: it is not there; give_up: it is not there and is "
        "not to be posted.",
    )
    reason = serializers.CharField(
        max_length=LONGEST, required=False, default="", allow_blank=True, help_text="How you know."
    )


class PostingFilter(filters.FilterSet):
    pay_run = filters.WholeNumberFilter(field_name="pay_run_id")
    integration = filters.UUIDFilter(field_name="pay_run__integration_id")
    state = filters.ChoiceFilter(choices=Posting.State.choices)
    kind = filters.ChoiceFilter(choices=Posting.Kind.choices)
    reference = filters.CharFilter(max_length=60)
    journal_number = filters.CharFilter(max_length=60)


class PostingViewSet(RunStarting[Posting]):
    """Journals of all pay runs; newest first."""

    model = Posting
    serializer_class = PostingSerializer
    filterset_class = PostingFilter
    write_role = Role.APPROVER
    action_roles: ClassVar[dict[str, Role]] = {
        "validate": Role.PREPARER,
        "verify": Role.PREPARER,
        "evidence": Role.PREPARER,
    }
    bodies: ClassVar[dict[str, Any]] = {
        "approve": ApproveSerializer,
        "reject": WhySerializer,
        "reverse": CorrectSerializer,
        "decide": DecideSerializer,
    }

    def get_queryset(self) -> QuerySet[Posting]:
        return Posting.objects.select_related("pay_run__integration__source", "pay_run__integration__target")

    def list(self, request: Request) -> Response:
        """The journals, newest first, without their amounts."""
        return self.page_of(self.get_queryset(), PostingSerializer)

    @extend_schema(responses=WholePostingSerializer)
    def retrieve(self, request: Request, pk: Any) -> Response:
        """One journal with its lines, what each is made of, and who decided what. What you may not see is null."""
        posting = self.get_object()
        view = run_view(request, posting.pay_run, self.now(), also=[posting])
        posting.shown = _shown(posting, view)  # type: ignore[attr-defined]
        return Response(WholePostingSerializer(posting).data)

    @extend_schema(responses={201: RunSerializer})
    @action(detail=True, methods=["post"])
    def validate(self, request: Request, pk: Any) -> Response:
        """Have the pay run of this journal read, drafted and validated again."""
        return self.started(check_again(self.get_object().pay_run, now=self.now()))

    @extend_schema(responses=PostingSerializer)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: Any) -> Response:
        """Agree to this journal as it was shown to you. Refused for whoever prepared it, and once it has changed."""
        posting, values = self.get_object(), self.body(request)
        hashes = {posting.pk: values["content_hash"]}
        approve([posting], hashes=hashes, now=self.now(), reason=values["reason"])
        return self._as_it_is(posting)

    @extend_schema(responses=PostingSerializer)
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, pk: Any) -> Response:
        """Say that this journal is not to be posted as it is."""
        posting = self.get_object()
        reject([posting], self.body(request)["reason"], now=self.now())
        return self._as_it_is(posting)

    @extend_schema(responses=PostingSerializer)
    @action(detail=True, methods=["post"], url_path="post", url_name="post")
    def post_now(self, request: Request, pk: Any) -> Response:
        """Send this approved journal on its way. It is looked up on the ledger first, and never posted twice."""
        return self._sent()

    @extend_schema(responses=PostingSerializer)
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, pk: Any) -> Response:
        """Post it again, safely: what is on the ledger already is refused, saying since when and under which number
        it is there."""
        return self._sent()

    @extend_schema(responses=PostingSerializer)
    @action(detail=True, methods=["post"])
    def verify(self, request: Request, pk: Any) -> Response:
        """Have the ledger asked for this journal now. Nothing is sent."""
        posting = self.get_object()
        look_up(posting, now=self.now())
        return self._as_it_is(posting)

    @extend_schema(responses={201: PostingSerializer})
    @action(detail=True, methods=["post"])
    def reverse(self, request: Request, pk: Any) -> Response:
        """Prepare a journal that takes this one back. Somebody else approves it like any other."""
        posting, values = self.get_object(), self.body(request)
        draft = reverse(posting, values["reason"], posting_date=values["posting_date"], now=self.now())
        return Response(
            PostingSerializer(draft).data,
            status=status.HTTP_201_CREATED,
            headers=self.address_of("posting", draft.pk),
        )

    @extend_schema(responses=PostingSerializer)
    @action(detail=True, methods=["post"])
    def decide(self, request: Request, pk: Any) -> Response:
        """Say what became of a journal that needs a person. Whatever is decided, it is looked up before it is sent."""
        values = self.body(request)
        return self._as_it_is(decide(self.get_object(), values["decision"], values["reason"], now=database_now()))

    @extend_schema(responses=zip_of("A ZIP file: a page to read, tables, the audit trail, a manifest, a verifier."))
    @action(detail=True)
    def evidence(self, request: Request, pk: Any) -> StreamingHttpResponse:
        """The evidence pack of the pay run that this journal is of."""
        return evidence_of(self.get_object().pay_run, self.now())

    def _sent(self) -> Response:
        posting = self.get_object()
        post_now([posting], now=self.now())
        return self._as_it_is(posting)

    def _as_it_is(self, posting: Posting) -> Response:
        posting.refresh_from_db()
        return Response(PostingSerializer(posting).data)


def evidence_of(pay_run: PayRun, now: datetime) -> StreamingHttpResponse:
    """The run's evidence pack as a file."""
    return zip_answer(pack(pay_run, now=now), f"pay-run-{pay_run.check_date:%Y-%m-%d}-{pay_run.pk}.zip")


def _shown(posting: Posting, view: RunView) -> dict[str, Any]:
    """The journal's amounts, with its lines, where they may be seen."""
    hidden = view.masks.hides_total(posting)
    shares: dict[int, list[PostingShare]] = defaultdict(list)
    for share in PostingShare.objects.filter(line__posting=posting).order_by("pk"):
        shares[share.line_id].append(share)
    return {
        "debit": unless(hidden, posting.debit),
        "credit": unless(hidden, posting.credit),
        "masked": hidden,
        "lines": [_line(posting, line, shares[line.pk], view) for line in view.lines[posting.pk]],
    }


def _line(posting: Posting, line: PostingLine, shares: Sequence[PostingShare], view: RunView) -> dict[str, Any]:
    """One line. What several pay items put on it is for those who see everything: of items other tables may tell."""
    hidden = view.masks.hides_line(posting, line)
    parts_hidden = hidden or (view.sight is not Sight.ALL and len(shares) > 1)
    return {
        "number": line.number,
        "account": line.account,
        "description": line.description,
        "department": line.department,
        "cost_center": line.cost_center,
        "worker": line.worker,
        "people": line.people,
        "debit": unless(hidden, line.debit),
        "credit": unless(hidden, line.credit),
        "masked": hidden,
        "shares": [
            {
                "item": share.item,
                "side": share.side,
                "rule": share.rule_id,
                "because": share.because,
                "people": share.people,
                "amount": unless(parts_hidden, share.amount),
                "masked": parts_hidden,
            }
            for share in shares
        ],
    }
