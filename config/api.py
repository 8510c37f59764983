"""The public API at ``/api/v1/``: its addresses, its OpenAPI document and the page that shows it."""

from __future__ import annotations

from typing import Any

from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.routers import SimpleRouter
from rest_framework.viewsets import GenericViewSet

from config.api_scope import ApiTenantMixin
from sync.api import access, audit_trail, connections, flows, integrations, mappings, problems, reference, runs
from sync.api.views import NoSuchAddress


def scoped(view: type[GenericViewSet[Any]]) -> Any:
    """The view, run in the tenant of the key."""
    return type(view.__name__, (ApiTenantMixin, view), {"__doc__": view.__doc__, "__module__": view.__module__})


# Resource, its address, its view, and what its objects are named by in addresses.
RESOURCES: tuple[tuple[str, str, type[GenericViewSet[Any]], str], ...] = (
    ("vendor", "vendors", connections.VendorViewSet, "uuid"),
    ("connection", "connections", connections.ConnectionViewSet, "uuid"),
    ("integration", "integrations", integrations.IntegrationViewSet, "uuid"),
    ("flow", "flows", flows.FlowViewSet, "uuid"),
    ("reference-value", "reference-values", reference.ReferenceValueViewSet, "int"),
    ("mapping", "mappings", mappings.MappingViewSet, "int"),
    ("run", "runs", runs.RunViewSet, "int"),
    ("item", "items", runs.ItemViewSet, "int"),
    ("problem", "problems", problems.ProblemViewSet, "int"),
    ("audit-entry", "audit-entries", audit_trail.AuditEntryViewSet, "int"),
    ("api-key", "api-keys", access.ApiKeyViewSet, "slug"),
    ("member", "members", access.MemberViewSet, "int"),
)

router = SimpleRouter(use_regex_path=False)
for name, address, view, converter in RESOURCES:
    view.lookup_value_converter = converter  # type: ignore[attr-defined]
    router.register(address, scoped(view), basename=name)

resources = [
    *router.urls,
    path(
        "tenant/", scoped(access.TenantViewSet).as_view({"get": "retrieve", "patch": "partial_update"}), name="tenant"
    ),
    path("me/", scoped(access.MeViewSet).as_view({"get": "retrieve"}), name="me"),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="api:schema"), name="docs"),
    re_path("", NoSuchAddress.as_view()),
]
urlpatterns = [path("", include((resources, "api")))]
