"""Addresses of programs that notices are sent to."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from sync.api.strict import StrictModelSerializer
from sync.api.views import ApiViewSet
from sync.models import AlertHook, NoticeKind
from sync.notices.configuring import change_hook, create_hook, remove_hook, replace_secret, try_hook
from tenants.models import Role


class AlertHookSerializer(StrictModelSerializer[AlertHook]):
    """An address. Messages to it are signed: see `secret`."""

    url = serializers.CharField(max_length=500, help_text="Begins with https:// and leads to a public address.")
    kinds = serializers.ListField(
        child=serializers.ChoiceField(choices=NoticeKind.choices), required=False, help_text="Left out or empty: all."
    )

    class Meta:
        model = AlertHook
        fields = ("id", "name", "url", "kinds", "paused", "failing_since", "created_at")
        read_only_fields = ("id", "failing_since", "created_at")
        validators: ClassVar[list[Any]] = []


class NewAlertHookSerializer(AlertHookSerializer):
    """An address with its secret, which is in this answer and no other."""

    secret = serializers.CharField(
        read_only=True,
        help_text="`MLC-Signature: t=<unix>,v1=<hex>` of each message is the HMAC-SHA256 of `t.body` under it.",
    )

    class Meta(AlertHookSerializer.Meta):
        fields = (*AlertHookSerializer.Meta.fields, "secret")  # type: ignore[assignment]


class SampleSerializer(serializers.Serializer[Any]):
    """What became of a sample."""

    arrived = serializers.BooleanField()
    sentence = serializers.CharField(help_text="Why not, empty when it arrived.")


class AlertHookViewSet(ApiViewSet[AlertHook]):
    """Where notices are sent to; for administrators."""

    model = AlertHook
    order = "name"
    lookup_value_converter = "uuid"
    read_role = Role.ADMINISTRATOR
    serializer_class = AlertHookSerializer
    bodies: ClassVar[dict[str, Any]] = {"create": AlertHookSerializer, "partial_update": AlertHookSerializer}
    outside_transaction: ClassVar[tuple[str, ...]] = ("test",)

    def list(self, request: Request) -> Response:
        """The addresses by name."""
        return self.page_of(self.get_queryset(), AlertHookSerializer)

    def retrieve(self, request: Request, pk: Any) -> Response:
        """One address."""
        return Response(AlertHookSerializer(self.get_object()).data)

    @extend_schema(responses={201: NewAlertHookSerializer})
    def create(self, request: Request) -> Response:
        """Add an address. Its secret is in this answer and nowhere else, so a second try with the same
        `Idempotency-Key` cannot show it again (409)."""
        values = self.body(request)
        hook, text = create_hook(values["name"], values["url"], values.get("kinds", []), now=self.now())
        if values.get("paused"):
            change_hook(hook, {"paused": True}, now=self.now())
        return self._shown_once(hook, text, status.HTTP_201_CREATED)

    @extend_schema(responses=AlertHookSerializer)
    def partial_update(self, request: Request, pk: Any) -> Response:
        """Change name, address, kinds, or whether it is paused."""
        hook = self.get_object()
        change_hook(hook, self.body(request), now=self.now())
        return Response(AlertHookSerializer(hook).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: Any) -> Response:
        """Remove the address."""
        remove_hook(self.get_object(), now=self.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses=NewAlertHookSerializer)
    @action(detail=True, methods=["post"])
    def secret(self, request: Request, pk: Any) -> Response:
        """Make a new secret; the former signs nothing any more."""
        hook = self.get_object()
        return self._shown_once(hook, replace_secret(hook, now=self.now()), status.HTTP_200_OK)

    @extend_schema(responses=SampleSerializer)
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: Any) -> Response:
        """Send a sample now."""
        refusal = try_hook(self.get_object(), now=self.now())
        return Response({"arrived": not refusal, "sentence": refusal})

    def _shown_once(self, hook: AlertHook, text: str, code: int) -> Response:
        hook.secret = text  # type: ignore[attr-defined]
        headers = self.address_of("alert-hook", hook.pk) if code == status.HTTP_201_CREATED else None
        response = Response(NewAlertHookSerializer(hook).data, status=code, headers=headers)
        response.shown_once = True  # type: ignore[attr-defined]
        return response
