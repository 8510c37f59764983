"""The company, who works for it, and the keys of its programs."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from sync import access
from sync.api import filters
from sync.api.strict import StrictModelSerializer, StrictSerializer
from sync.api.views import ApiViewSet
from tenants.models import ApiKey, Membership, Role, Tenant
from tenants.scope import current_tenant_id
from tenants.timezones import validate_time_zone


class TenantSerializer(StrictModelSerializer[Tenant]):
    """The company. Its time zone decides its local dates."""

    time_zone = serializers.CharField(
        max_length=64, validators=[validate_time_zone], help_text="An IANA name such as America/Detroit."
    )

    class Meta:
        model = Tenant
        fields = ("id", "name", "slug", "time_zone", "created_at")
        read_only_fields = ("id", "slug", "created_at")


class ApiKeySerializer(StrictModelSerializer[ApiKey]):
    """A program's access. The key itself is shown once, when it is made."""

    name = serializers.CharField(max_length=50, help_text="Which program it is for.")
    role = serializers.ChoiceField(choices=Role.choices)
    expires_at = serializers.DateTimeField(
        source="expiry_date", required=False, allow_null=True, help_text="Left out: it does not expire."
    )
    created_at = serializers.DateTimeField(source="created", read_only=True)

    class Meta:
        model = ApiKey
        fields = ("prefix", "name", "role", "expires_at", "revoked", "created_by", "created_at", "last_used_at")
        read_only_fields = ("prefix", "revoked", "created_by", "last_used_at")


class NewApiKeySerializer(ApiKeySerializer):
    """A key that was just made, with the key itself."""

    key = serializers.CharField(read_only=True, help_text="Keep it now: it is not kept here and never shown again.")

    class Meta(ApiKeySerializer.Meta):
        fields = (*ApiKeySerializer.Meta.fields, "key")  # type: ignore[assignment]


class MemberSerializer(StrictModelSerializer[Membership]):
    """A person who works for the company."""

    user = serializers.CharField(
        source="user.username", max_length=150, help_text="The e-mail address they sign in with."
    )
    role = serializers.ChoiceField(choices=Role.choices)

    class Meta:
        model = Membership
        fields = ("id", "user", "role", "created_at")
        read_only_fields = ("id", "created_at")


class MemberRoleSerializer(StrictSerializer):
    """What of a member can change."""

    role = serializers.ChoiceField(choices=Role.choices)


class CompanySerializer(serializers.ModelSerializer[Tenant]):
    """Which company."""

    class Meta:
        model = Tenant
        fields = ("id", "name", "time_zone")
        read_only_fields = fields


class MeSerializer(serializers.Serializer[Any]):
    """Whose key this is, and what it may do."""

    tenant = CompanySerializer()
    key = ApiKeySerializer()
    role = serializers.ChoiceField(choices=Role.choices)


class ApiKeyFilter(filters.FilterSet):
    role = filters.ChoiceFilter(choices=Role.choices)
    revoked = filters.TrueFalseFilter()


class MemberFilter(filters.FilterSet):
    role = filters.ChoiceFilter(choices=Role.choices)


class TenantViewSet(ApiViewSet[Tenant]):
    """The company."""

    model = Tenant
    listed = ()
    bodies: ClassVar[dict[str, Any]] = {"partial_update": TenantSerializer}
    serializer_class = TenantSerializer

    def get_queryset(self) -> QuerySet[Tenant]:
        return Tenant.objects.filter(pk=current_tenant_id())

    @extend_schema(operation_id="tenant_retrieve")
    def retrieve(self, request: Request) -> Response:
        """The company's name and time zone."""
        return Response(TenantSerializer(access.own_tenant()).data)

    @extend_schema(operation_id="tenant_update", responses=TenantSerializer)
    def partial_update(self, request: Request) -> Response:
        """Change name or time zone. With another time zone, dates count from the next run on."""
        tenant = access.own_tenant()
        access.change_tenant(tenant, self.body(request), at=self.now())
        return Response(TenantSerializer(tenant).data)


class MeViewSet(ApiViewSet[ApiKey]):
    """The key in use."""

    model = ApiKey
    listed = ()
    serializer_class = MeSerializer

    @extend_schema(operation_id="me_retrieve")
    def retrieve(self, request: Request) -> Response:
        """Whose key this is, and what it may do."""
        key = request.auth
        assert isinstance(key, ApiKey)
        return Response(MeSerializer({"tenant": access.own_tenant(), "key": key, "role": key.role}).data)


class ApiKeyViewSet(ApiViewSet[ApiKey]):
    """The keys of the company's programs; for administrators."""

    model = ApiKey
    order = "prefix"
    lookup_field = "prefix"
    lookup_value_converter = "slug"
    read_role = Role.ADMINISTRATOR
    serializer_class = ApiKeySerializer
    bodies: ClassVar[dict[str, Any]] = {"create": ApiKeySerializer}
    filterset_class = ApiKeyFilter

    def list(self, request: Request) -> Response:
        """All keys, revoked ones too; of none more than its first eight characters."""
        return self.page_of(self.get_queryset(), ApiKeySerializer)

    def retrieve(self, request: Request, prefix: Any) -> Response:
        """One key."""
        return Response(ApiKeySerializer(self.get_object()).data)

    @extend_schema(responses={201: NewApiKeySerializer})
    def create(self, request: Request) -> Response:
        """Make a key. It is in this answer and nowhere else, so a second try with the same `Idempotency-Key` cannot
        show it again (409)."""
        values = self.body(request)
        key, text = access.create_key(values["name"], values["role"], values.get("expiry_date"), at=self.now())
        key.key = text  # type: ignore[attr-defined]
        response = Response(
            NewApiKeySerializer(key).data,
            status=status.HTTP_201_CREATED,
            headers=self.address_of("api-key", key.prefix),
        )
        response.shown_once = True  # type: ignore[attr-defined]
        return response

    @extend_schema(responses=ApiKeySerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, prefix: Any) -> Response:
        """Revoke a key, for ever."""
        key = self.get_object()
        access.revoke_key(key, at=self.now())
        return Response(ApiKeySerializer(key).data)


class MemberViewSet(ApiViewSet[Membership]):
    """The people who work for the company; for administrators."""

    model = Membership
    order = "pk"
    read_role = Role.ADMINISTRATOR
    serializer_class = MemberSerializer
    bodies: ClassVar[dict[str, Any]] = {"create": MemberSerializer, "partial_update": MemberRoleSerializer}
    filterset_class = MemberFilter

    def get_queryset(self) -> QuerySet[Membership]:
        return Membership.objects.select_related("user")

    def list(self, request: Request) -> Response:
        """Everybody with a role here."""
        return self.page_of(self.get_queryset(), MemberSerializer)

    def retrieve(self, request: Request, pk: Any) -> Response:
        """One person."""
        return Response(MemberSerializer(self.get_object()).data)

    def create(self, request: Request) -> Response:
        """Give somebody access. Somebody without an account gets one; the operator then sets a first password."""
        values = self.body(request)
        member = access.add_member(values["user"]["username"], values["role"], at=self.now())
        return Response(
            MemberSerializer(member).data,
            status=status.HTTP_201_CREATED,
            headers=self.address_of("member", member.pk),
        )

    @extend_schema(responses=MemberSerializer)
    def partial_update(self, request: Request, pk: Any) -> Response:
        """Change somebody's role."""
        member = self.get_object()
        access.change_member(member, self.body(request).get("role", member.role), at=self.now())
        return Response(MemberSerializer(member).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: Any) -> Response:
        """Take somebody's access away."""
        access.remove_member(self.get_object(), at=self.now())
        return Response(status=status.HTTP_204_NO_CONTENT)
