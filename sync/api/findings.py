"""What is wrong with pay runs, whom and how much it concerns, and how to mend it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from sync.api import filters
from sync.api.amounts import Masked, Money, unless
from sync.api.payroll_sight import role_of, shows_people, sights_of
from sync.api.reasons import WhySerializer
from sync.api.views import ApiViewSet
from sync.models import PayFinding
from sync.payroll.approval import accept_finding
from sync.payroll.findings import ACCEPTABLE, FindingCode
from sync.payroll.sight import sight_of
from sync.payroll.visibility import Sight
from tenants.models import Role

CODES = [(code.value, code.value) for code in FindingCode]


class PayFindingSerializer(serializers.ModelSerializer[PayFinding]):
    """One cause, as it was found last. It has another id once its pay run was checked again."""

    code = serializers.ChoiceField(choices=CODES, read_only=True)
    amount = Money(source="shown.amount", help_text="The money it concerns; null also where that means nothing.")
    masked = Masked(source="shown.masked")
    people = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="Employee numbers, fifty at most."
    )
    acceptable = serializers.BooleanField(
        read_only=True, source="shown.acceptable", help_text="False: it must be mended and cannot be accepted."
    )

    class Meta:
        model = PayFinding
        fields = (
            "id",
            "pay_run",
            "stage",
            "code",
            "kind",
            "culprit",
            "journal",
            "amount",
            "masked",
            "currency",
            "people",
            "people_count",
            "sentence",
            "remedy",
            "acceptable",
            "accepted_by",
            "accepted_why",
            "accepted_at",
            "found_at",
        )
        read_only_fields = fields


class FindingFilter(filters.FilterSet):
    pay_run = filters.WholeNumberFilter(field_name="pay_run_id")
    integration = filters.UUIDFilter(field_name="pay_run__integration_id")
    code = filters.ChoiceFilter(choices=CODES)
    stage = filters.ChoiceFilter(choices=PayFinding.Stage.choices)


class FindingViewSet(ApiViewSet[PayFinding]):
    """What keeps pay runs from being posted, and what people said is right as it is; newest first."""

    model = PayFinding
    serializer_class = PayFindingSerializer
    filterset_class = FindingFilter
    write_role = Role.APPROVER
    bodies: ClassVar[dict[str, Any]] = {"accept": WhySerializer}

    def get_queryset(self) -> QuerySet[PayFinding]:
        return PayFinding.objects.select_related("pay_run__integration__payroll_settings")

    def list(self, request: Request) -> Response:
        """The findings of all pay runs."""
        return self._page(request)

    def retrieve(self, request: Request, pk: Any) -> Response:
        """One finding."""
        finding = self.get_object()
        sight = sight_of(role_of(request), finding.pay_run, now=self.now())
        return Response(PayFindingSerializer(told(finding, sight, _fewest(finding))).data)

    @extend_schema(responses=PayFindingSerializer)
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, pk: Any) -> Response:
        """Say that this is right as it is. What must be mended is refused."""
        finding = self.get_object()
        accept_finding(finding, self.body(request)["reason"], now=self.now())
        finding.refresh_from_db()
        # An answer that is remembered for an Idempotency-Key holds nobody's pay.
        return Response(PayFindingSerializer(told(finding, Sight.NONE, 0)).data)

    def _page(self, request: Request) -> Response:
        found: Sequence[PayFinding] = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        sights = sights_of(request, [finding.pay_run for finding in found], self.now())
        rows = [told(finding, sights[finding.pay_run_id], _fewest(finding)) for finding in found]
        return self.get_paginated_response(PayFindingSerializer(rows, many=True).data)


def told(finding: PayFinding, sight: Sight, fewest: int) -> PayFinding:
    """The finding, ready to be told: with its amount where that may be seen."""
    hidden = finding.amount is not None and not shows_people(sight, fewest, finding.people_count)
    finding.shown = {  # type: ignore[attr-defined]
        "amount": unless(hidden, finding.amount),
        "masked": hidden,
        "acceptable": finding.code in ACCEPTABLE,
    }
    return finding


def _fewest(finding: PayFinding) -> int:
    fewest: int = finding.pay_run.integration.payroll_settings.fewest_people
    return fewest
