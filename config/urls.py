"""Addresses of the site."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from connectors import app_shop
from sync.watching.monitor import answer_monitor
from sync.webhooks.intake import receive

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("api/v1/", include("config.api")),
    path("webhooks/<slug:vendor>/<str:key>/", receive, name="webhook"),
    path("connect/<slug:vendor>/", app_shop.callback, name="app_shop"),
    path("connect/<slug:vendor>/choose/", app_shop.choose, name="app_shop_choose"),
    path("connect/<slug:vendor>/start/<uuid:connection_id>/", app_shop.start, name="app_shop_start"),
    path("admin/", admin.site.urls),
    path("watch/", answer_monitor, name="watch"),
]

handler500 = "config.unavailable.failed"
