"""What the API tells of a pay run: its figures, its register, what is wrong with it, how it compares."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Count, Sum
from rest_framework import serializers

from connectors.pay_runs import PayKind
from sync.api.amounts import Masked, Money, unless
from sync.api.findings import PayFindingSerializer, told
from sync.api.payroll_sight import RunView
from sync.api.postings import PostingSerializer
from sync.models import PaidLine, PayItem, PayRun
from sync.models.payroll import PAY_KINDS
from sync.payroll.variance import Reason
from sync.payroll.variances import Comparison, Seen
from sync.payroll.visibility import Sight


class PayRunSerializer(serializers.ModelSerializer[PayRun]):
    """One pay run and how far its journals have got, without its amounts."""

    class Meta:
        model = PayRun
        fields = (
            "id",
            "integration",
            "source_id",
            "title",
            "kind",
            "source_kind",
            "source_state",
            "finished",
            "void",
            "check_date",
            "period_start",
            "period_end",
            "pay_group",
            "company",
            "people",
            "state",
            "source_change",
            "source_changed_at",
            "found_at",
            "read_at",
            "drafted_at",
            "message",
        )
        read_only_fields = fields


class KindTotalSerializer(serializers.Serializer[Any]):
    """The sum of one kind of pay items, in the payroll's own sense."""

    kind = serializers.ChoiceField(choices=PAY_KINDS)
    amount = Money()
    masked = Masked()


class TotalsSerializer(serializers.Serializer[Any]):
    """The register's figures in one currency."""

    currency = serializers.CharField()
    people = serializers.IntegerField()
    by_kind = KindTotalSerializer(many=True)


class TiedOutSerializer(serializers.Serializer[Any]):
    """How the last tie-out ended; `reconciliations` has its figures."""

    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    tied_out = serializers.BooleanField()


class WholePayRunSerializer(PayRunSerializer):
    """One pay run with its figures, findings and journals."""

    totals = TotalsSerializer(many=True, source="shown.totals")
    findings = PayFindingSerializer(many=True, source="shown.findings")
    postings = PostingSerializer(many=True)
    reconciliation = TiedOutSerializer(
        allow_null=True, source="shown.reconciliation", help_text="Null until something was tied out."
    )
    revealed_until = serializers.DateTimeField(
        allow_null=True,
        source="shown.revealed_until",
        help_text="Until when you see the amounts of single people; null: you do not.",
    )

    class Meta(PayRunSerializer.Meta):
        fields = (  # type: ignore[assignment]
            *PayRunSerializer.Meta.fields,
            "totals",
            "findings",
            "postings",
            "reconciliation",
            "revealed_until",
        )


class RegisterItemSerializer(serializers.Serializer[Any]):
    """One pay item in one currency."""

    item = serializers.CharField(help_text="The pay item's key, as account rules name it.")
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=PAY_KINDS)
    currency = serializers.CharField()
    people = serializers.IntegerField()
    lines = serializers.IntegerField()
    amount = Money()
    masked = Masked()


class RegisterSerializer(serializers.Serializer[Any]):
    """The register by kind and by pay item."""

    totals = TotalsSerializer(many=True)
    items = RegisterItemSerializer(many=True)


class VarianceSerializer(serializers.Serializer[Any]):
    """One account and department; net debits. What you may not see is null, and so is what does not exist."""

    account = serializers.CharField(help_text="Empty in the row of the whole run.")
    department = serializers.CharField()
    current = Money()
    previous = Money()
    change = Money()
    percent = Money(help_text="The change over the previous amount; null also where that is zero.")
    median = Money(help_text="Of earlier runs.")
    people = serializers.IntegerField()
    people_before = serializers.IntegerField()
    flagged = serializers.BooleanField(help_text="The change exceeds both thresholds of the payroll settings.")
    reason = serializers.ChoiceField(choices=[reason.value for reason in Reason])
    masked = Masked()


class ComparisonSerializer(serializers.Serializer[Any]):
    """One currency of the run against the one before it."""

    currency = serializers.CharField()
    previous = serializers.IntegerField(allow_null=True, help_text="The pay run before; null: there is none.")
    earlier = serializers.IntegerField(help_text="So many earlier runs are in the median.")
    whole = VarianceSerializer()
    rows = VarianceSerializer(many=True)


def whole(pay_run: PayRun, view: RunView, *, revealed: datetime | None) -> dict[str, Any]:
    """What the answer about one run tells besides its header."""
    return {
        "totals": totals_of(pay_run, view),
        "findings": [told(finding, view.sight, view.fewest) for finding in pay_run.findings.order_by("pk")],
        "reconciliation": pay_run.reconciliations.order_by("-pk").first(),
        "revealed_until": revealed if view.sight is Sight.ALL else None,
    }


def totals_of(pay_run: PayRun, view: RunView) -> list[dict[str, Any]]:
    """The register's figures by currency and kind."""
    return [
        {
            "currency": figures["currency"],
            "people": figures["people"],
            "by_kind": [
                {"kind": kind, "amount": unless(hidden, Decimal(text)), "masked": hidden}
                for kind, text in figures["by_kind"].items()
                for hidden in [view.hides_kind(kind)]
            ],
        }
        for figures in pay_run.totals
    ]


def items_of(pay_run: PayRun, view: RunView) -> list[dict[str, Any]]:
    """The register by pay item. Of groups, an item's sum is shown only where it is that of its whole kind: what else
    is shown of the run is by account, and one could be had from the other. Two queries."""
    names = dict(PayItem.objects.filter(integration=pay_run.integration_id).values_list("key", "name"))
    rows = PaidLine.objects.filter(pay_run=pay_run).order_by().values("kind", "item", "currency")
    found = list(rows.annotate(amount=Sum("amount"), lines=Count("pk"), people=Count("worker", distinct=True)))
    of_kind: dict[tuple[str, str], int] = defaultdict(int)
    for row in found:
        of_kind[row["kind"], row["currency"]] += 1
    order = [kind.value for kind in PayKind]
    answers = []
    for row in sorted(found, key=lambda row: (row["currency"], order.index(row["kind"]), row["item"])):
        is_whole = of_kind[row["kind"], row["currency"]] == 1
        hidden = view.sight is not Sight.ALL and (not is_whole or view.hides_kind(row["kind"]))
        name = names.get(row["item"]) or row["item"].partition(":")[2]
        answers.append(row | {"name": name, "amount": unless(hidden, row["amount"]), "masked": hidden})
    return answers


def comparison_of(comparison: Comparison) -> dict[str, Any]:
    """One currency, with what may be seen of it."""
    return {
        "currency": comparison.currency,
        "previous": comparison.previous.pk if comparison.previous else None,
        "earlier": comparison.earlier,
        "whole": _variance(comparison.whole, is_first=comparison.previous is None),
        "rows": [_variance(row, is_first=comparison.previous is None) for row in comparison.rows],
    }


def _variance(seen: Seen, *, is_first: bool) -> dict[str, Any]:
    variance = seen.variance
    return {
        "account": variance.account,
        "department": variance.department,
        "current": unless(not seen.current, variance.current),
        "previous": unless(is_first or not seen.previous, variance.previous),
        "change": unless(is_first or not seen.change, variance.change),
        "percent": unless(not seen.change, variance.percent),
        "median": unless(not seen.median, variance.median),
        "people": variance.people,
        "people_before": variance.people_before,
        "flagged": variance.flagged,
        "reason": variance.reason.value,
        "masked": not (seen.change and seen.median),
    }
