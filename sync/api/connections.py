"""Connections, and the vendors one can connect to."""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from connectors import administration
from connectors.checks import check_connection
from connectors.contract import Level
from connectors.models import Connection, vendor_choices
from connectors.vendors import VENDORS
from sync.api import filters
from sync.api.errors import Conflict
from sync.api.paging import SinglePage, single_page
from sync.api.strict import StrictModelSerializer, StrictSerializer
from sync.api.views import ApiViewSet
from sync.execution import SystemWorld

SIDES = ["source", "target"]


class ChoiceSerializer(serializers.Serializer[Any]):
    """One value a setting may have."""

    value = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]


class SettingSerializer(serializers.Serializer[Any]):
    """One input of a connection. Those with ``secret`` belong in ``credentials``, all others in ``settings``."""

    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    help = serializers.CharField()
    secret = serializers.BooleanField()
    required = serializers.BooleanField()  # type: ignore[assignment]
    default = serializers.CharField(help_text="Used when the setting is left out.")
    choices = ChoiceSerializer(many=True, help_text="Empty: any text.")
    is_url = serializers.BooleanField()
    is_number = serializers.BooleanField()


class VendorSerializer(serializers.Serializer[Any]):
    """A product that can be connected, and all a form needs to ask for."""

    key = serializers.CharField(help_text="The value of `vendor` in a connection.")
    product = serializers.CharField()
    roles = serializers.ListField(child=serializers.ChoiceField(choices=SIDES))
    settings = SettingSerializer(many=True)


class FindingSerializer(serializers.Serializer[Any]):
    """What a test of the connection found out about one entity."""

    entity = serializers.CharField()
    level = serializers.ChoiceField(choices=[level.value for level in Level])
    access = serializers.CharField(
        help_text="granted, forbidden, not_subscribed, role_missing, empty, unreachable, unknown or ended"
    )
    sentence = serializers.CharField()
    affects = serializers.ListField(child=serializers.CharField(), help_text="Flows that will not work.")


def _texts(**options: Any) -> serializers.DictField:
    child = serializers.CharField(allow_blank=True, allow_null=True, trim_whitespace=False)
    return serializers.DictField(child=child, **options)


class ConnectionSerializer(StrictModelSerializer[Connection]):
    """Access to one system. Credentials go in and never come out."""

    vendor = serializers.ChoiceField(choices=vendor_choices(), help_text="Cannot be changed later.")
    settings = _texts(
        required=False,
        help_text="By the names that `vendors` lists. A change keeps what is not named; null drops a setting.",
    )
    credentials = _texts(write_only=True, required=False, help_text="When made; later by `credentials`.")
    has_credentials = serializers.BooleanField(read_only=True)
    findings = FindingSerializer(many=True, read_only=True)

    class Meta:
        model = Connection
        fields = (
            "id",
            "vendor",
            "name",
            "environment",
            "settings",
            "credentials",
            "has_credentials",
            "state",
            "state_reason",
            "account",
            "findings",
            "checked_at",
            "created_at",
        )
        read_only_fields = ("id", "state", "state_reason", "account", "checked_at", "created_at")
        # The domain call says it, in the same words as the admin.
        validators: ClassVar[list[Any]] = []


class ConnectionChangeSerializer(StrictModelSerializer[Connection]):
    """What can be changed; the rest stays."""

    settings = _texts(required=False, help_text="What is not named stays; null drops a setting.")

    class Meta:
        model = Connection
        fields = ("name", "environment", "settings")
        validators: ClassVar[list[Any]] = []


class CredentialsSerializer(StrictSerializer):
    """All credentials of the connection, by the names that `vendors` lists; none of the former is kept."""

    credentials = _texts()


class ReasonSerializer(StrictSerializer):
    """Why; it is shown to whoever finds it paused."""

    reason = serializers.CharField(max_length=300)


class ConnectionFilter(filters.FilterSet):
    vendor = filters.ChoiceFilter(choices=vendor_choices)
    environment = filters.ChoiceFilter(choices=Connection.Environment.choices)
    state = filters.ChoiceFilter(choices=Connection.State.choices)


class VendorViewSet(ApiViewSet[Connection]):
    """The products one can connect to, with the inputs of each."""

    model = Connection
    listed = ()
    pagination_class = SinglePage
    filter_backends: Any = []
    serializer_class = VendorSerializer

    @extend_schema(operation_id="vendors_list", responses=VendorSerializer(many=True))
    def list(self, request: Request) -> Response:
        """All products, on one page."""
        return single_page(VendorSerializer(_described_vendors(), many=True).data)


class ConnectionViewSet(ApiViewSet[Connection]):
    """Access to the systems of the company."""

    model = Connection
    order = "name"
    lookup_value_converter = "uuid"
    filterset_class = ConnectionFilter
    serializer_class = ConnectionSerializer
    outside_transaction = ("check",)
    bodies: ClassVar[dict[str, Any]] = {
        "create": ConnectionSerializer,
        "partial_update": ConnectionChangeSerializer,
        "credentials": CredentialsSerializer,
        "pause": ReasonSerializer,
    }

    def get_queryset(self) -> QuerySet[Connection]:
        return Connection.objects.defer("sealed")

    def list(self, request: Request) -> Response:
        """The connections by name."""
        return self.page_of(self.get_queryset(), ConnectionSerializer)

    def retrieve(self, request: Request, pk: Any) -> Response:
        """One connection with the findings of its last test."""
        return self._shown(self.get_object())

    @extend_schema(responses={201: ConnectionSerializer})
    def create(self, request: Request) -> Response:
        """Add a connection; test it with `check` before it is used."""
        values = self.body(request)
        credentials = _given(values.pop("credentials", {}))
        connection = Connection(**{**values, "settings": _given(values.get("settings", {}))})
        with transaction.atomic():
            administration.save_connection(connection, at=self.now())
            if credentials:
                administration.replace_credentials(connection, credentials, at=self.now())
        return Response(
            ConnectionSerializer(connection).data,
            status=status.HTTP_201_CREATED,
            headers=self.address_of("connection", connection.pk),
        )

    @extend_schema(responses=ConnectionSerializer)
    def partial_update(self, request: Request, pk: Any) -> Response:
        """Change name, environment or settings. With other settings the connection has to be tested anew."""
        connection = self.get_object()
        values = self.body(request)
        if "settings" in values:
            values["settings"] = _given({**connection.settings, **values["settings"]})
        for name, value in values.items():
            setattr(connection, name, value)
        administration.save_connection(connection, at=self.now())
        return self._shown(connection)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: Any) -> Response:
        """Remove a connection that no integration uses, with its credentials."""
        try:
            administration.remove_connection(self.get_object(), at=self.now())
        except ValidationError as error:
            raise Conflict(" ".join(error.messages)) from None
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses=ConnectionSerializer)
    @action(detail=True, methods=["put"])
    def credentials(self, request: Request, pk: Any) -> Response:
        """Replace all credentials. They are sealed and never shown again."""
        connection = self.get_object()
        administration.replace_credentials(connection, _given(self.body(request)["credentials"]), at=self.now())
        return self._shown(connection)

    @extend_schema(responses=ConnectionSerializer)
    @action(detail=True, methods=["post"])
    def check(self, request: Request, pk: Any) -> Response:
        """Ask the system what these credentials may do. Takes seconds, sometimes minutes; a refusal is a finding."""
        connection = self.get_object()
        world = SystemWorld()
        check_connection(
            connection,
            now=world.now,
            sleep=world.sleep,
            random=world.random,
            correlation_id=getattr(request, "correlation_id", ""),
        )
        return self._shown(connection)

    @extend_schema(responses=ConnectionSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: Any) -> Response:
        """Nothing is read or written through the connection until it is resumed."""
        connection = self.get_object()
        administration.pause(connection, reason=self.body(request)["reason"], at=self.now())
        return self._shown(connection)

    @extend_schema(responses=ConnectionSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: Any) -> Response:
        """Use the connection again, in the state its last test found."""
        connection = self.get_object()
        administration.resume(connection, at=self.now())
        return self._shown(connection)

    def _shown(self, connection: Connection) -> Response:
        return Response(ConnectionSerializer(connection).data)


def _given(values: dict[str, str | None]) -> dict[str, str]:
    """Without those that are null: they are dropped."""
    return {name: value for name, value in values.items() if value is not None}


def _described_vendors() -> list[dict[str, Any]]:
    return [
        {
            "key": vendor.key,
            "product": vendor.product,
            "roles": sorted(vendor.roles),
            "settings": [
                {
                    "name": field.name,
                    "label": field.label,
                    "help": field.help,
                    "secret": field.secret,
                    "required": field.required,
                    "default": field.default,
                    "choices": [{"value": value, "label": label} for value, label in field.choices],
                    "is_url": field.is_url,
                    "is_number": field.is_number,
                }
                for field in vendor.settings
            ],
        }
        for vendor in VENDORS.values()
    ]
