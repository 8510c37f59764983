"""Tie-outs: the register, our journals, what the ledger took and the clearing account, held against each other."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from connectors.pay_runs import PayKind
from sync.api import filters
from sync.api.amounts import Masked, Money, unless
from sync.api.payroll_sight import RunView, run_view
from sync.api.views import ApiViewSet
from sync.models import Reconciliation
from sync.payroll.tying import Measure, Where
from sync.payroll.visibility import Sight

PLACES = [where.value for where in Where]
MEASURES = [measure.value for measure in Measure]


class ReconciliationSerializer(serializers.ModelSerializer[Reconciliation]):
    """One tie-out of a pay run. Nothing is within a tolerance: it ties out, or it does not."""

    class Meta:
        model = Reconciliation
        fields = ("id", "pay_run", "at", "tied_out", "by")
        read_only_fields = fields


class TieOutFigureSerializer(serializers.Serializer[Any]):
    """One figure, to be read beside the others of its measure."""

    where = serializers.ChoiceField(choices=PLACES)
    measure = serializers.ChoiceField(choices=MEASURES)
    company = serializers.CharField()
    currency = serializers.CharField()
    amount = Money()
    masked = Masked()


class TieOutDifferenceSerializer(serializers.Serializer[Any]):
    """What does not tie out. An amount that is null without being masked is not there at all."""

    where = serializers.ChoiceField(choices=PLACES)
    measure = serializers.ChoiceField(choices=MEASURES)
    reference = serializers.CharField(help_text="Our journal's; empty for sums over journals.")
    company = serializers.CharField()
    currency = serializers.CharField()
    account = serializers.CharField(help_text="Empty unless one account differs.")
    expected = Money()
    found = Money()
    masked = Masked()


class WholeReconciliationSerializer(ReconciliationSerializer):
    """One tie-out with every figure and every difference."""

    figures = TieOutFigureSerializer(many=True, source="shown.figures")
    differences = TieOutDifferenceSerializer(many=True, source="shown.differences")

    class Meta(ReconciliationSerializer.Meta):
        fields = (*ReconciliationSerializer.Meta.fields, "figures", "differences")  # type: ignore[assignment]


class ReconciliationFilter(filters.FilterSet):
    pay_run = filters.WholeNumberFilter(field_name="pay_run_id")
    integration = filters.UUIDFilter(field_name="pay_run__integration_id")
    tied_out = filters.TrueFalseFilter()


class ReconciliationViewSet(ApiViewSet[Reconciliation]):
    """Every tie-out of every pay run; newest first."""

    model = Reconciliation
    serializer_class = ReconciliationSerializer
    filterset_class = ReconciliationFilter

    def get_queryset(self) -> QuerySet[Reconciliation]:
        return Reconciliation.objects.select_related("pay_run")

    def list(self, request: Request) -> Response:
        """The tie-outs without their figures."""
        return self.page_of(self.get_queryset(), ReconciliationSerializer)

    @extend_schema(responses=WholeReconciliationSerializer)
    def retrieve(self, request: Request, pk: Any) -> Response:
        """One tie-out with its figures side by side. Amounts you may not see are null."""
        found = self.get_object()
        view = run_view(request, found.pay_run, self.now())
        found.shown = {  # type: ignore[attr-defined]
            "figures": [_told(row, ("amount",), _hides(row, view)) for row in found.figures],
            "differences": [_told(row, ("expected", "found"), _hides(row, view)) for row in found.differences],
        }
        return Response(WholeReconciliationSerializer(found).data)


def _told(row: Mapping[str, Any], amounts: tuple[str, ...], hidden: bool) -> dict[str, Any]:
    known = {name: Decimal(row[name]) if row[name] is not None else None for name in amounts}
    return {**row, **{name: unless(hidden, amount) for name, amount in known.items()}, "masked": hidden}


def _hides(row: Mapping[str, Any], view: RunView) -> bool:
    """A figure or a difference is the run's, one kind's, one account's, or a number of lines. What the run comes to is
    hidden also where nothing of it stands any more."""
    if view.sight is Sight.ALL or row["measure"] in (Measure.LINES, Measure.CONTENT, Measure.REJECTED):
        return view.sight is Sight.NONE
    if not view.postings or view.masks.hides_run:
        return True
    if row["measure"] in (Measure.NET_PAY, Measure.BALANCE):
        return view.hides_kind(PayKind.NET_PAY)
    return bool(row.get("account") and view.hides_account(row["account"]))
