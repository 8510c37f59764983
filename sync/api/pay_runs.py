"""Pay runs: from the payroll's register to journals that are approved, posted and tied out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from connectors.errors import ConnectionConfigError
from sync.api import filters
from sync.api.effects import EffectOfCorrectingSerializer, effect_told
from sync.api.files import zip_of
from sync.api.paging import SinglePage, single_page
from sync.api.pay_run_answers import (
    ComparisonSerializer,
    PayRunSerializer,
    RegisterSerializer,
    WholePayRunSerializer,
    comparison_of,
    items_of,
    totals_of,
    whole,
)
from sync.api.payroll_sight import role_of, run_view
from sync.api.postings import PostingSerializer, evidence_of
from sync.api.reasons import LONGEST, CorrectSerializer, WhySerializer
from sync.api.runs import RunSerializer, RunStarting
from sync.api.strict import StrictSerializer
from sync.models import PayrollSettings, PayRun, Posting, Reveal
from sync.payroll.approval import approve, post_now, reject
from sync.payroll.asking import check_again, tie_out
from sync.payroll.correcting import adjust, reverse_and_repost
from sync.payroll.effects import Effect, EffectKind, effect_of
from sync.payroll.ledgers import opened_ledger
from sync.payroll.sight import reveal, revealed_until, sight_of
from sync.payroll.variances import comparisons
from tenants.models import Role


class ApproveAllSerializer(StrictSerializer):
    """What the drafts were when you looked at them: all of the run's, none left out."""

    hashes = serializers.DictField(
        child=serializers.CharField(max_length=64), allow_empty=False, help_text="Each journal's id and `content_hash`."
    )
    reason = serializers.CharField(max_length=LONGEST, required=False, default="", allow_blank=True)

    def validate_hashes(self, hashes: dict[str, str]) -> dict[int, str]:
        """By the journals' ids."""
        if wrong := [name for name in hashes if not (name.isascii() and name.isdigit() and len(name) < 19)]:
            raise ValidationError(dict.fromkeys(wrong, "This is not the id of a journal."))
        return {int(name): text for name, text in hashes.items()}


class RevealSerializer(serializers.ModelSerializer[Reveal]):
    """A look at single people's pay in one run."""

    class Meta:
        model = Reveal
        fields = ("pay_run", "by", "reason", "at", "until")
        read_only_fields = fields


class PayRunFilter(filters.FilterSet):
    integration = filters.UUIDFilter(field_name="integration_id")
    state = filters.ChoiceFilter(choices=PayRun.State.choices)
    check_date_from = filters.DateFilter(field_name="check_date", lookup_expr="gte")
    check_date_to = filters.DateFilter(field_name="check_date", lookup_expr="lte")
    company = filters.CharFilter(max_length=200)
    pay_group = filters.CharFilter(max_length=100)
    source_id = filters.CharFilter(max_length=100)


class PayRunViewSet(RunStarting[PayRun]):
    """What the payroll paid, and how far its journals have got; what was found last first."""

    model = PayRun
    serializer_class = PayRunSerializer
    filterset_class = PayRunFilter
    write_role = Role.APPROVER
    action_roles: ClassVar[dict[str, Role]] = {
        "check": Role.PREPARER,
        "reconcile": Role.PREPARER,
        "evidence": Role.PREPARER,
    }
    bodies: ClassVar[dict[str, Any]] = {
        "approve": ApproveAllSerializer,
        "reject": WhySerializer,
        "repost": CorrectSerializer,
        "adjust": CorrectSerializer,
        "reveal": WhySerializer,
    }

    def get_queryset(self) -> QuerySet[PayRun]:
        return PayRun.objects.select_related("integration__source", "integration__target")

    def list(self, request: Request) -> Response:
        """The pay runs without their amounts."""
        return self.page_of(self.get_queryset(), PayRunSerializer)

    @extend_schema(responses=WholePayRunSerializer)
    def retrieve(self, request: Request, pk: Any) -> Response:
        """One pay run: figures, findings, journals, the last tie-out. Amounts you may not see are null."""
        pay_run, now = self.get_object(), self.now()
        view = run_view(request, pay_run, now)
        pay_run.shown = whole(pay_run, view, revealed=revealed_until(pay_run, now=now))  # type: ignore[attr-defined]
        return Response(WholePayRunSerializer(pay_run).data)

    @extend_schema(responses=RegisterSerializer)
    @action(detail=True)
    def register(self, request: Request, pk: Any) -> Response:
        """What was paid, by kind and by pay item. Amounts you may not see are null."""
        pay_run = self.get_object()
        view = run_view(request, pay_run, self.now())
        answer = {"totals": totals_of(pay_run, view), "items": items_of(pay_run, view)}
        return Response(RegisterSerializer(answer).data)

    @extend_schema(responses=ComparisonSerializer(many=True), filters=False)
    @action(detail=True, pagination_class=SinglePage, filter_backends=[])
    def variance(self, request: Request, pk: Any) -> Response:
        """The journals against those of the run before and against what is usual, by account and department, for each
        currency; all on one page."""
        pay_run = self.get_object()
        settings = PayrollSettings.objects.get(integration=pay_run.integration_id)
        found = comparisons(pay_run, settings, sight_of(role_of(request), pay_run, now=self.now()))
        return single_page(ComparisonSerializer([comparison_of(one) for one in found], many=True).data)

    @extend_schema(responses={201: RunSerializer})
    @action(detail=True, methods=["post"])
    def check(self, request: Request, pk: Any) -> Response:
        """Have this pay run read, drafted and validated again. What is on its way to the ledger is never touched."""
        return self.started(check_again(self.get_object(), now=self.now()))

    @extend_schema(responses=PayRunSerializer)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: Any) -> Response:
        """Agree to all drafts of the run, as they were shown to you. Refused for whoever prepared one, and when any
        has changed or come since."""
        pay_run, values = self.get_object(), self.body(request)
        drafts = list(pay_run.postings.filter(state=Posting.State.DRAFTED))
        unknown = set(values["hashes"]) - set(pay_run.postings.values_list("pk", flat=True))
        if unknown:
            raise ValidationError({"hashes": {str(pk): "This pay run has no such journal." for pk in unknown}})
        approve(drafts, hashes=values["hashes"], now=self.now(), reason=values["reason"])
        return self._as_it_is(pay_run)

    @extend_schema(responses=PayRunSerializer)
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, pk: Any) -> Response:
        """Say that no journal of the run that waits is to be posted as it is."""
        pay_run = self.get_object()
        waiting = pay_run.postings.filter(state__in=[Posting.State.DRAFTED, Posting.State.APPROVED])
        reject(list(waiting), self.body(request)["reason"], now=self.now())
        return self._as_it_is(pay_run)

    @extend_schema(responses=PayRunSerializer)
    @action(detail=True, methods=["post"], url_path="post", url_name="post")
    def post_now(self, request: Request, pk: Any) -> Response:
        """Send all approved journals of the run on their way. What is on the ledger already is never posted again."""
        pay_run = self.get_object()
        live = pay_run.postings.exclude(state__in=Posting.ENDED)
        approved = list(live.filter(state=Posting.State.APPROVED))
        post_now(approved or list(live), now=self.now())
        return self._as_it_is(pay_run)

    @extend_schema(responses=EffectOfCorrectingSerializer)
    @action(detail=True)
    def effect(self, request: Request, pk: Any) -> Response:
        """What `repost` would do now: nothing, new journals, reversals, or both; account by account."""
        pay_run, now = self.get_object(), self.now()
        try:
            with opened_ledger(pay_run.integration) as target:
                effect = effect_of(pay_run, target, now=now)
        except ConnectionConfigError as error:
            effect = Effect(kind=EffectKind.BLOCKED, sentence=error.sentence, at=now)
        return Response(EffectOfCorrectingSerializer(effect_told(effect, run_view(request, pay_run, now))).data)

    @extend_schema(responses={201: PostingSerializer(many=True)}, filters=False)
    @action(detail=True, methods=["post"], pagination_class=SinglePage, filter_backends=[])
    def repost(self, request: Request, pk: Any) -> Response:
        """Prepare for every journal that differs from what the run makes now its reversal and a new one, which waits
        for it. Somebody else approves them."""
        pay_run, values = self.get_object(), self.body(request)
        with opened_ledger(pay_run.integration) as target:
            drafts = reverse_and_repost(
                pay_run, values["reason"], target, posting_date=values["posting_date"], now=self.now()
            )
        return self._drafted(drafts)

    @extend_schema(responses={201: PostingSerializer(many=True)}, filters=False)
    @action(detail=True, methods=["post"], pagination_class=SinglePage, filter_backends=[])
    def adjust(self, request: Request, pk: Any) -> Response:
        """Prepare a journal of the difference alone, for each company and currency. Somebody else approves it."""
        pay_run, values = self.get_object(), self.body(request)
        with opened_ledger(pay_run.integration) as target:
            drafts = adjust(pay_run, values["reason"], target, posting_date=values["posting_date"], now=self.now())
        return self._drafted(drafts)

    @extend_schema(responses=PayRunSerializer)
    @action(detail=True, methods=["post"])
    def reconcile(self, request: Request, pk: Any) -> Response:
        """Have what is on the ledger read back and held against the register again; `reconciliations` then has it."""
        pay_run = self.get_object()
        tie_out(pay_run)
        return self._as_it_is(pay_run)

    @extend_schema(responses=zip_of("A ZIP file: a page to read, tables, the audit trail, a manifest, a verifier."))
    @action(detail=True)
    def evidence(self, request: Request, pk: Any) -> StreamingHttpResponse:
        """All that an auditor asks for about this run, checkable without this product. Amounts of single people are in
        it only while you see them. That it was taken away becomes an audit entry."""
        return evidence_of(self.get_object(), self.now())

    @extend_schema(responses={201: RevealSerializer})
    @action(detail=True, methods=["post"])
    def reveal(self, request: Request, pk: Any) -> Response:
        """See the amounts of single people in this run for a quarter of an hour. The reason is kept in the audit
        trail."""
        shown = reveal(self.get_object(), self.body(request)["reason"], now=self.now())
        return Response(RevealSerializer(shown).data, status=status.HTTP_201_CREATED)

    def _as_it_is(self, pay_run: PayRun) -> Response:
        pay_run.refresh_from_db()
        return Response(PayRunSerializer(pay_run).data)

    def _drafted(self, drafts: Sequence[Posting]) -> Response:
        page = single_page(PostingSerializer(drafts, many=True).data)
        page.status_code = status.HTTP_201_CREATED
        return page
