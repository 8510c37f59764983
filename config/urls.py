"""Addresses of the site."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("api/v1/", include("config.api")),
    path("admin/", admin.site.urls),
]

handler500 = "config.unavailable.failed"
