"""Mappings: which source value means which target value, one by one, in bulk and as CSV."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from django.core.exceptions import ValidationError as DomainError
from django.db import transaction
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from connectors.records import RefKind
from sync import mappings
from sync.api import filters
from sync.api.by_integration import OF_INTEGRATION, integration_field, named_integration
from sync.api.integrations import MAPPED
from sync.api.paging import SinglePage, single_page
from sync.api.parsing import CSVParser
from sync.api.strict import StrictModelSerializer, StrictSerializer
from sync.api.views import ApiViewSet
from sync.models import Mapping
from tenants.models import Role

LARGEST_BULK = 1000


class MappingSerializer(StrictModelSerializer[Mapping]):
    """From ``valid_from`` on, and before ``valid_to``, the source value means the target value."""

    integration = integration_field()
    kind = serializers.ChoiceField(choices=MAPPED)
    source_key = serializers.CharField(max_length=200, help_text="`external_id` of the source's reference value.")
    target_key = serializers.CharField(max_length=200, help_text="`external_id` of the target's reference value.")
    valid_from = serializers.DateField(required=False, help_text="Left out: as long as anybody remembers.")
    valid_to = serializers.DateField(required=False, allow_null=True, help_text="The first day it no longer holds.")

    class Meta:
        model = Mapping
        fields = (
            "id",
            "integration",
            "kind",
            "source_key",
            "target_key",
            "valid_from",
            "valid_to",
            "state",
            "score",
            "reason",
            "confirmed_by",
            "confirmed_at",
            "created_at",
        )
        read_only_fields = ("id", "state", "score", "reason", "confirmed_by", "confirmed_at", "created_at")
        validators: ClassVar[list[Any]] = []


class MappingChangeSerializer(StrictSerializer):
    """Another target value, or another end. To change from a date on, make a new mapping that starts there."""

    target_key = serializers.CharField(max_length=200, required=False)
    valid_to = serializers.DateField(required=False, allow_null=True)


class BulkSerializer(StrictSerializer):
    """Mappings to be saved, all or none."""

    mappings = MappingSerializer(many=True, allow_empty=False, max_length=LARGEST_BULK)  # type: ignore[call-arg]


class ConfirmSerializer(StrictSerializer):
    """Suggestions a person agrees with."""

    mappings = serializers.ListField(
        child=serializers.IntegerField(min_value=1), allow_empty=False, max_length=LARGEST_BULK, help_text="Their ids."
    )


class ConfirmedSerializer(serializers.Serializer[Any]):
    """What came of it."""

    confirmed = serializers.IntegerField(help_text="How many were not confirmed before.")


class SuggestSerializer(StrictSerializer):
    """Where to look for values without a mapping."""

    integration = integration_field()
    kinds = serializers.ListField(
        child=serializers.ChoiceField(choices=MAPPED), required=False, allow_empty=False, help_text="Left out: all."
    )


class SuggestedSerializer(serializers.Serializer[Any]):
    """What was found."""

    suggested = serializers.IntegerField(help_text="List them by `state=suggested`.")


class CoverageSerializer(serializers.Serializer[Any]):
    """How much of one kind is mapped."""

    kind = serializers.ChoiceField(choices=MAPPED)
    values = serializers.IntegerField(help_text="Active values of the source.")
    mapped = serializers.IntegerField()
    suggested = serializers.IntegerField()
    percent = serializers.IntegerField()
    blocked_people = serializers.IntegerField()


class CoverageOfAllSerializer(serializers.Serializer[Any]):
    """Coverage by people, which is what counts, and by values."""

    people = serializers.IntegerField(help_text="People known.")
    people_covered = serializers.IntegerField(help_text="People no mapping is missing for.")
    kinds = CoverageSerializer(many=True)


class ImportedSerializer(serializers.Serializer[Any]):
    """What was taken over."""

    imported = serializers.IntegerField()


class MappingFilter(filters.FilterSet):
    integration = filters.UUIDFilter(field_name="integration_id")
    kind = filters.ChoiceFilter(choices=[(kind, kind) for kind in MAPPED])
    state = filters.ChoiceFilter(choices=Mapping.State.choices)
    source_key = filters.CharFilter(max_length=200)
    target_key = filters.CharFilter(max_length=200)


class MappingViewSet(ApiViewSet[Mapping]):
    """Which source value means which target value."""

    model = Mapping
    order = "pk"
    serializer_class = MappingSerializer
    filterset_class = MappingFilter
    write_role = Role.PREPARER
    bodies: ClassVar[dict[str, Any]] = {
        "create": MappingSerializer,
        "partial_update": MappingChangeSerializer,
        "bulk": BulkSerializer,
        "suggest": SuggestSerializer,
        "confirm": ConfirmSerializer,
        "import_file": OpenApiTypes.STR,
    }
    parameters: ClassVar[dict[str, tuple[str, ...]]] = {
        "coverage": ("integration",),
        "export": ("integration",),
        "import_file": ("integration",),
    }

    def list(self, request: Request) -> Response:
        """The mappings; only confirmed ones are used."""
        return self.page_of(self.get_queryset(), MappingSerializer)

    def retrieve(self, request: Request, pk: Any) -> Response:
        """One mapping."""
        return Response(MappingSerializer(self.get_object()).data)

    def create(self, request: Request) -> Response:
        """Map a value, confirmed at once. The same value with the same start is replaced; an older mapping without
        an end ends where this one starts."""
        mapping = mappings.save_mapping(**self.body(request), now=self.now())
        return Response(
            MappingSerializer(mapping).data,
            status=status.HTTP_201_CREATED,
            headers=self.address_of("mapping", mapping.pk),
        )

    @extend_schema(responses=MappingSerializer)
    def partial_update(self, request: Request, pk: Any) -> Response:
        """Correct a mapping. It is confirmed by that."""
        mapping = self.get_object()
        values = {"target_key": mapping.target_key, "valid_to": mapping.valid_to, **self.body(request)}
        saved = mappings.save_mapping(
            mapping.integration,
            kind=mapping.kind,
            source_key=mapping.source_key,
            valid_from=mapping.valid_from,
            now=self.now(),
            **values,
        )
        return Response(MappingSerializer(saved).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: Any) -> Response:
        """Remove a mapping. Who it concerned is blocked by the next run."""
        mappings.remove(self.get_object(), now=self.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses=MappingSerializer(many=True), filters=False)
    @action(detail=False, methods=["post"], pagination_class=SinglePage, filter_backends=[])
    def bulk(self, request: Request) -> Response:
        """Save many mappings, all or none. What is wrong is named with its place in the list."""
        wanted = self.body(request)["mappings"]
        saved, errors = [], {}
        with transaction.atomic():
            for number, values in enumerate(wanted):
                try:
                    saved.append(mappings.save_mapping(**values, now=self.now()))
                except DomainError as error:
                    errors[str(number)] = error.message_dict if hasattr(error, "error_dict") else error.messages
            if errors:
                raise ValidationError({"mappings": errors})
        return single_page(MappingSerializer(saved, many=True).data)

    @extend_schema(responses=SuggestedSerializer)
    @action(detail=False, methods=["post"])
    def suggest(self, request: Request) -> Response:
        """Look for target values that are alike in code or name. Suggestions are used once they are confirmed."""
        values = self.body(request)
        kinds = [RefKind(kind) for kind in values.get("kinds", MAPPED)]
        made = mappings.suggest_mappings(values["integration"], kinds=kinds)
        return Response({"suggested": len(made)})

    @extend_schema(responses=ConfirmedSerializer)
    @action(detail=False, methods=["post"])
    def confirm(self, request: Request) -> Response:
        """Agree with suggestions, all or none."""
        wanted: Sequence[int] = self.body(request)["mappings"]
        found = {mapping.pk: mapping for mapping in Mapping.objects.filter(pk__in=wanted)}
        missing = {str(place): ["There is no such mapping."] for place, pk in enumerate(wanted) if pk not in found}
        if missing:
            raise ValidationError({"mappings": missing})
        return Response({"confirmed": mappings.confirm(list(found.values()), now=self.now())})

    @extend_schema(parameters=[OF_INTEGRATION], responses=CoverageOfAllSerializer, filters=False)
    @action(detail=False, pagination_class=None, filter_backends=[])
    def coverage(self, request: Request) -> Response:
        """How many people and values the mappings of an integration cover."""
        integration = named_integration(request)
        covered, people = mappings.people_covered(integration)
        kinds = mappings.coverage(integration)
        answer = {"people": people, "people_covered": covered, "kinds": kinds}
        return Response(CoverageOfAllSerializer(answer).data)

    @extend_schema(
        parameters=[OF_INTEGRATION],
        responses={(200, "text/csv"): OpenApiResponse(OpenApiTypes.STR, "One mapping a line, with a header.")},
        filters=False,
    )
    @action(detail=False, pagination_class=None, filter_backends=[])
    def export(self, request: Request) -> StreamingHttpResponse:
        """All mappings of an integration as a CSV file. That they were exported becomes an audit entry."""
        lines: Iterable[str] = mappings.export_csv(named_integration(request), now=self.now())
        response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="mappings.csv"'
        return response

    @extend_schema(
        parameters=[OF_INTEGRATION],
        responses=ImportedSerializer,
        filters=False,
    )
    @action(detail=False, methods=["post"], url_path="import", parser_classes=[CSVParser])
    def import_file(self, request: Request) -> Response:
        """Take over a CSV file as `export` makes it, all rows or none. Each bad row is named with its column."""
        # Without a body there is nothing to parse.
        text: Any = request.data or ""
        return Response({"imported": mappings.import_csv(named_integration(request), text, now=self.now())})
