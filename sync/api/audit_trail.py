"""The audit trail: read, verified, and taken away as evidence."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import transaction
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from audit import actions
from audit.context import KINDS
from audit.export import EmptyRange, export_lines, packed_export
from audit.models import AuditEntry
from audit.record import Entry, record
from audit.verify import verify
from sync.access import own_tenant
from sync.api import filters
from sync.api.files import zip_answer, zip_of
from sync.api.views import ApiViewSet
from tenants.models import Role
from tenants.scope import current_tenant_id


class AuditChangeSerializer(serializers.Serializer[Any]):
    """One field before and after, as it was masked when it was recorded."""

    field = serializers.CharField()
    before = serializers.JSONField()
    after = serializers.JSONField()


class AuditEntrySerializer(serializers.ModelSerializer[AuditEntry]):
    """One line of proof. Each hash covers the entry and the hash before it."""

    sentence = serializers.CharField(read_only=True)
    why = serializers.CharField(read_only=True, help_text="The reason that was given, or empty.")
    changes = AuditChangeSerializer(many=True, read_only=True)
    detail = serializers.DictField(source="content.detail", read_only=True)
    previous_hash = serializers.SerializerMethodField()
    hash = serializers.SerializerMethodField()

    class Meta:
        model = AuditEntry
        fields = (
            "seq",
            "at",
            "action",
            "sentence",
            "actor_kind",
            "actor_label",
            "why",
            "subject_kind",
            "subject_id",
            "subject_label",
            "source_system",
            "source_id",
            "target_system",
            "target_id",
            "run_id",
            "correlation_id",
            "changes",
            "detail",
            "previous_hash",
            "hash",
        )
        read_only_fields = fields

    def get_previous_hash(self, entry: AuditEntry) -> str:
        return bytes(entry.previous_hash).hex()

    def get_hash(self, entry: AuditEntry) -> str:
        return bytes(entry.hash).hex()


class VerificationSerializer(serializers.Serializer[Any]):
    """What was found when the whole trail was verified."""

    entries = serializers.IntegerField(help_text="How many were verified, in order.")
    ok = serializers.BooleanField()
    first_broken_seq = serializers.IntegerField(allow_null=True)
    reason = serializers.CharField(help_text="A sentence about the first broken entry; empty when all is well.")
    head_matches = serializers.BooleanField(help_text="False when entries are missing at the end.")
    last_hash = serializers.CharField(help_text="Hash of the last verified entry; keep it to compare later.")


class AuditFilter(filters.FilterSet):
    action = filters.ChoiceFilter(choices=actions.choices)
    actor_kind = filters.ChoiceFilter(choices=[(kind, kind) for kind in KINDS])
    actor_label = filters.CharFilter(max_length=200)
    subject_kind = filters.CharFilter(max_length=40)
    subject_id = filters.CharFilter(max_length=200)
    run = filters.WholeNumberFilter(field_name="run_id")
    correlation_id = filters.CharFilter(max_length=64)
    since = filters.InstantFilter(field_name="at", lookup_expr="gte")
    until = filters.InstantFilter(field_name="at", lookup_expr="lt")


RANGE = [
    OpenApiParameter("from_seq", OpenApiTypes.INT64, description="The first entry; left out: 1."),
    OpenApiParameter("to_seq", OpenApiTypes.INT64, description="The last entry; left out: the last there is."),
]


class AuditEntryViewSet(ApiViewSet[AuditEntry]):
    """Everything that was done, by whom, and what came of it; newest first. Nothing here can be changed."""

    model = AuditEntry
    order = "-seq"
    lookup_field = "seq"
    serializer_class = AuditEntrySerializer
    filterset_class = AuditFilter
    parameters: ClassVar[dict[str, tuple[str, ...]]] = {
        "export": ("from_seq", "to_seq"),
        "evidence": ("from_seq", "to_seq"),
    }
    outside_transaction = ("verify",)
    action_roles: ClassVar[dict[str, Role]] = {"verify": Role.VIEWER}

    def get_queryset(self) -> QuerySet[AuditEntry]:
        return AuditEntry.objects.all()

    def list(self, request: Request) -> Response:
        """The entries, newest first."""
        return self.page_of(self.get_queryset(), AuditEntrySerializer)

    def retrieve(self, request: Request, seq: Any) -> Response:
        """One entry by its number."""
        return Response(AuditEntrySerializer(self.get_object()).data)

    @extend_schema(responses=VerificationSerializer)
    @action(detail=False, methods=["post"])
    def verify(self, request: Request) -> Response:
        """Verify every entry of the trail. That it was verified becomes an entry too."""
        found = verify(current_tenant_id())
        self._record("audit.verified", {"entries": found.entries, "ok": found.ok})
        return Response(VerificationSerializer(found).data)

    @extend_schema(
        parameters=RANGE,
        responses={
            (200, "application/jsonl"): OpenApiResponse(
                OpenApiTypes.STR, "One entry a line, oldest first: seq, previous_hash, hash, body."
            )
        },
        filters=False,
    )
    @action(detail=False, pagination_class=None, filter_backends=[])
    def export(self, request: Request) -> StreamingHttpResponse:
        """The entries as JSON lines. `hash` is SHA-256 over the bytes of `previous_hash` and of `body` in UTF-8, so
        anybody can verify them. That they were exported becomes an entry too."""
        first, last = _number(request, "from_seq") or 1, _number(request, "to_seq")
        try:
            lines = export_lines(current_tenant_id(), from_seq=first, to_seq=last)
        except EmptyRange as error:
            raise ValidationError({"from_seq": str(error)}) from None
        self._record("audit.exported", {"from_seq": first, "to_seq": last or "the last"})
        response = StreamingHttpResponse(lines, content_type="application/jsonl")
        response["Content-Disposition"] = 'attachment; filename="audit.jsonl"'
        return response

    @extend_schema(
        parameters=RANGE,
        responses=zip_of("A ZIP file of audit.jsonl, manifest.json and verify_export.py."),
        filters=False,
    )
    @action(detail=False, pagination_class=None, filter_backends=[])
    def evidence(self, request: Request) -> StreamingHttpResponse:
        """What an auditor needs, as a ZIP file: the entries as `export` has them, a manifest with their hash, and a
        program that verifies both with Python alone (`python3 verify_export.py`). Compare the last hash it prints
        with one you kept. That they were exported becomes an entry too."""
        first, last = _number(request, "from_seq") or 1, _number(request, "to_seq")
        try:
            manifest, packed = packed_export(own_tenant(), from_seq=first, to_seq=last, at=self.now())
        except EmptyRange as error:
            raise ValidationError({"from_seq": str(error)}) from None
        shown = {"from_seq": manifest.from_seq, "to_seq": manifest.to_seq, "last_hash": manifest.last_hash}
        self._record("audit.exported", shown)
        return zip_answer(packed, f"audit-{manifest.from_seq}-{manifest.to_seq}.zip")

    def _record(self, verb: str, detail: dict[str, Any]) -> None:
        entry = Entry(
            action=verb,
            subject_kind="audit",
            subject_id=str(current_tenant_id()),
            subject_label="the audit trail",
            detail=detail,
        )
        with transaction.atomic():
            record([entry], at=self.now())


def _number(request: Request, name: str) -> int | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19 and int(text) > 0):
        raise ValidationError({name: "Enter the number of an entry."})
    return int(text)
