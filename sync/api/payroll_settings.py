"""Payroll settings: how an integration's pay runs become journals."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from sync.api.payroll_sight import role_of
from sync.api.strict import StrictModelSerializer
from sync.api.views import ApiViewSet
from sync.models import PayrollSettings
from sync.payroll.settings import CHANGEABLE, CONTROLS, change_settings
from tenants.models import Role


class PayrollSettingsSerializer(StrictModelSerializer[PayrollSettings]):
    """What the tenant decided. Nothing is read before `start_date` is chosen."""

    class Meta:
        model = PayrollSettings
        fields = ("integration", *CHANGEABLE)
        read_only_fields = ("integration",)
        validators: ClassVar[list[Any]] = []


class PayrollSettingsViewSet(ApiViewSet[PayrollSettings]):
    """How the pay runs of each integration become journals. An integration's settings have its id."""

    model = PayrollSettings
    order = "pk"
    lookup_value_converter = "uuid"
    serializer_class = PayrollSettingsSerializer
    write_role = Role.PREPARER
    bodies: ClassVar[dict[str, Any]] = {"partial_update": PayrollSettingsSerializer}

    def get_queryset(self) -> QuerySet[PayrollSettings]:
        return PayrollSettings.objects.all()

    def list(self, request: Request) -> Response:
        """The settings of all integrations."""
        return self.page_of(self.get_queryset(), PayrollSettingsSerializer)

    def retrieve(self, request: Request, pk: Any) -> Response:
        """The settings of one integration."""
        return Response(PayrollSettingsSerializer(self.get_object()).data)

    @extend_schema(responses=PayrollSettingsSerializer)
    def partial_update(self, request: Request, pk: Any) -> Response:
        """Change what is given. `two_people`, `second_approver_above` and `fewest_people` guard against those who work
        with payroll: only an administrator changes them. Journals are made anew when their pay run is checked."""
        settings, values = self.get_object(), self.body(request)
        if CONTROLS & set(values) and not role_of(request).covers(Role.ADMINISTRATOR):
            raise PermissionDenied(f"Only an administrator of your company changes {', '.join(sorted(CONTROLS))}.")
        change_settings(settings, values, now=self.now())
        return Response(PayrollSettingsSerializer(settings).data)
