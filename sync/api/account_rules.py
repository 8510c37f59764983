"""Account rules: which accounts a pay item goes to; one, many, as CSV, tried on past pay runs, weighed in money."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from sync.access import own_tenant
from sync.api import filters
from sync.api.account_rule_answers import (
    ItemCoverageSerializer,
    RunCoverageSerializer,
    SimulatedRunSerializer,
    item_told,
    run_told,
    simulated_told,
)
from sync.api.by_integration import OF_INTEGRATION, integration_field, named_integration
from sync.api.mappings import ImportedSerializer
from sync.api.paging import SinglePage, single_page
from sync.api.parsing import CSVParser
from sync.api.payroll_sight import role_of
from sync.api.strict import StrictSerializer
from sync.api.views import ApiViewSet
from sync.models import AccountRule, Integration, PayrollSettings
from sync.payroll.account_rule_files import export_csv, import_csv
from sync.payroll.account_rules import proposed, remove_rule, save_rule, save_rules
from sync.payroll.coverage import history, items_of, latest_runs
from sync.payroll.item_masks import ItemMasks
from sync.payroll.ledgers import opened_ledger
from sync.payroll.rule_checks import ACCOUNTS, Chart, Places, problems_of
from sync.payroll.rules import PRECEDENCE, Rule
from sync.payroll.run_secrets import RunSecrets
from sync.payroll.sight import sight_of
from sync.payroll.simulating import simulate
from sync.payroll.visibility import Sight
from tenants.models import Role

LARGEST_BULK = 1000
MOST_RUNS = 12


class RuleSerializer(StrictSerializer):
    """From ``valid_from`` on, and before ``valid_to``, this pay item goes to these accounts; a dimension that is left
    out means any."""

    item = serializers.CharField(max_length=200, help_text="`item` of `account-rules/pay-items/`.")
    company = serializers.CharField(max_length=200, required=False, allow_blank=True)
    department = serializers.CharField(max_length=200, required=False, allow_blank=True)
    location = serializers.CharField(max_length=200, required=False, allow_blank=True)
    job_code = serializers.CharField(max_length=200, required=False, allow_blank=True)
    debit = serializers.CharField(
        max_length=100,
        required=False,
        allow_blank=True,
        help_text="May contain `{cost_center}`, `{department}` and `{location}`, as may the others.",
    )
    credit = serializers.CharField(max_length=100, required=False, allow_blank=True)
    settlement = serializers.CharField(max_length=100, required=False, allow_blank=True)
    valid_from = serializers.DateField(required=False, help_text="Left out: as long as anybody remembers.")
    valid_to = serializers.DateField(required=False, allow_null=True, help_text="The first day it no longer holds.")


class NewRuleSerializer(RuleSerializer):
    """A rule of an integration."""

    integration = integration_field()


class AccountRuleSerializer(serializers.ModelSerializer[AccountRule]):
    """A rule, and who changed it last: they may not approve what it decides."""

    class Meta:
        model = AccountRule
        fields = (
            "id",
            "integration",
            "item",
            *PRECEDENCE,
            *ACCOUNTS,
            "valid_from",
            "valid_to",
            "changed_by",
            "changed_at",
        )
        read_only_fields = fields


class RuleChangeSerializer(StrictSerializer):
    """Other accounts, or another end. To change from a date on, make a new rule that starts there."""

    debit = serializers.CharField(max_length=100, required=False, allow_blank=True)
    credit = serializers.CharField(max_length=100, required=False, allow_blank=True)
    settlement = serializers.CharField(max_length=100, required=False, allow_blank=True)
    valid_to = serializers.DateField(required=False, allow_null=True)


class RulesSerializer(StrictSerializer):
    """Rules to be saved, all or none."""

    integration = integration_field()
    rules = RuleSerializer(many=True, allow_empty=False, max_length=LARGEST_BULK)  # type: ignore[call-arg]


class SimulateSerializer(StrictSerializer):
    """Rules to be tried on past pay runs."""

    integration = integration_field()
    runs = serializers.IntegerField(min_value=1, max_value=MOST_RUNS, default=3, help_text="So many of the latest.")
    rules = RuleSerializer(many=True, max_length=LARGEST_BULK)  # type: ignore[call-arg]
    removed = serializers.ListField(
        child=serializers.IntegerField(min_value=1), required=False, max_length=LARGEST_BULK, help_text="Ids of rules."
    )


class AccountRuleFilter(filters.FilterSet):
    integration = filters.UUIDFilter(field_name="integration_id")
    item = filters.CharFilter(max_length=200)
    company = filters.CharFilter(max_length=200)
    department = filters.CharFilter(max_length=200)
    location = filters.CharFilter(max_length=200)
    job_code = filters.CharFilter(max_length=200)


class AccountRuleViewSet(ApiViewSet[AccountRule]):
    """Which accounts a pay item goes to."""

    model = AccountRule
    order = "pk"
    serializer_class = AccountRuleSerializer
    filterset_class = AccountRuleFilter
    write_role = Role.PREPARER
    bodies: ClassVar[dict[str, Any]] = {
        "create": NewRuleSerializer,
        "partial_update": RuleChangeSerializer,
        "bulk": RulesSerializer,
        "simulate": SimulateSerializer,
        "import_file": OpenApiTypes.STR,
    }
    parameters: ClassVar[dict[str, tuple[str, ...]]] = {
        "coverage": ("integration",),
        "pay_items": ("integration",),
        "export": ("integration",),
        "import_file": ("integration",),
    }

    def get_queryset(self) -> QuerySet[AccountRule]:
        return AccountRule.objects.select_related("integration__source", "integration__target")

    def list(self, request: Request) -> Response:
        """The rules."""
        return self.page_of(self.get_queryset(), AccountRuleSerializer)

    def retrieve(self, request: Request, pk: Any) -> Response:
        """One rule."""
        return Response(AccountRuleSerializer(self.get_object()).data)

    @extend_schema(responses={201: AccountRuleSerializer})
    def create(self, request: Request) -> Response:
        """Decide where a pay item goes. The same item and dimensions with the same start is replaced; an older rule
        without an end ends where this one starts."""
        rule = save_rule(**self.body(request), now=self.now())
        return Response(
            AccountRuleSerializer(rule).data,
            status=status.HTTP_201_CREATED,
            headers=self.address_of("account-rule", rule.pk),
        )

    @extend_schema(responses=AccountRuleSerializer)
    def partial_update(self, request: Request, pk: Any) -> Response:
        """Correct a rule. Journals that were drafted by it change when their pay run is checked again."""
        rule = self.get_object()
        kept = {name: getattr(rule, name) for name in (*PRECEDENCE, *ACCOUNTS, "valid_from", "valid_to")}
        values: Any = kept | self.body(request)
        saved = save_rule(rule.integration, item=rule.item, now=self.now(), **values)
        return Response(AccountRuleSerializer(saved).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: Any) -> Response:
        """Remove a rule. What it decided goes by a less specific one, or is held by the next check."""
        remove_rule(self.get_object(), now=self.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses=AccountRuleSerializer(many=True), filters=False)
    @action(detail=False, methods=["post"], pagination_class=SinglePage, filter_backends=[])
    def bulk(self, request: Request) -> Response:
        """Save many rules, all or none. What is wrong is named with its place in the list."""
        integration, rules = self._proposed()
        return single_page(AccountRuleSerializer(save_rules(integration, rules, now=self.now()), many=True).data)

    @extend_schema(responses=SimulatedRunSerializer(many=True), filters=False)
    @action(detail=False, methods=["post"], pagination_class=SinglePage, filter_backends=[])
    def simulate(self, request: Request) -> Response:
        """What these rules would have made of the latest pay runs, before they take effect. Saves nothing."""
        integration, rules = self._proposed()
        values = self.body(request)
        with opened_ledger(integration) as target:
            found = simulate(integration, rules, target=target, runs=values["runs"], removed=values.get("removed", ()))
        sight, fewest = self._seen(integration)
        told = [simulated_told(run, sight, fewest) for run in found]
        return single_page(SimulatedRunSerializer(told, many=True).data)

    @extend_schema(parameters=[OF_INTEGRATION], responses=RunCoverageSerializer(many=True), filters=False)
    @action(detail=False, pagination_class=SinglePage, filter_backends=[])
    def coverage(self, request: Request) -> Response:
        """How much of what the latest pay runs paid has a rule, in money; one row a run and currency."""
        integration = named_integration(request)
        sight, fewest = self._seen(integration)
        told = [run_told(run, one, sight, fewest) for run, found in history(integration) for one in found]
        return single_page(RunCoverageSerializer(told, many=True).data)

    @extend_schema(parameters=[OF_INTEGRATION], responses=ItemCoverageSerializer(many=True), filters=False)
    @action(detail=False, url_path="pay-items", pagination_class=SinglePage, filter_backends=[])
    def pay_items(self, request: Request) -> Response:
        """Every pay item that was seen or has a rule, and whether all of it has one; all on one page."""
        integration = named_integration(request)
        today = self.now().astimezone(ZoneInfo(own_tenant().time_zone)).date()
        sight, fewest = self._seen(integration)
        items = items_of(integration, on=today)
        masks = ItemMasks(items, sight, fewest, RunSecrets(latest_runs(integration), fewest).items())
        told = [item_told(item, masks) for item in items]
        return single_page(ItemCoverageSerializer(told, many=True).data)

    @extend_schema(
        parameters=[OF_INTEGRATION],
        responses={(200, "text/csv"): OpenApiResponse(OpenApiTypes.STR, "One rule a line, with a header.")},
        filters=False,
    )
    @action(detail=False, pagination_class=None, filter_backends=[])
    def export(self, request: Request) -> StreamingHttpResponse:
        """All rules of an integration as a CSV file. That they were exported becomes an audit entry."""
        lines = export_csv(named_integration(request), now=self.now())
        response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="account-rules.csv"'
        return response

    @extend_schema(parameters=[OF_INTEGRATION], responses=ImportedSerializer, filters=False)
    @action(detail=False, methods=["post"], url_path="import", parser_classes=[CSVParser])
    def import_file(self, request: Request) -> Response:
        """Take over a CSV file as `export` makes it, all rows or none. Each bad row is named with its column."""
        # Without a body there is nothing to parse.
        text: Any = request.data or ""
        return Response({"imported": import_csv(named_integration(request), text, now=self.now())})

    def _proposed(self) -> tuple[Integration, Sequence[Rule]]:
        """The integration and the rules of the body. ValidationError names what is wrong by its place in the list."""
        values = self.body(self.request)
        integration = values["integration"]
        rules = [proposed(**rule) for rule in values["rules"]]
        chart, places = Chart(integration), Places(integration)
        found = {str(n): problems for n, rule in enumerate(rules) if (problems := problems_of(rule, chart, places))}
        if found:
            raise ValidationError({"rules": found})
        return integration, rules

    def _seen(self, integration: Integration) -> tuple[Sight, int]:
        """What the caller sees of several runs together: a reveal is of one run, and counts for nothing here."""
        settings = PayrollSettings.objects.get(integration=integration)
        return sight_of(role_of(self.request), None, now=self.now()), settings.fewest_people
