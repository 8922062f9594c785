"""Every address of the house, in one page."""

from django.contrib import admin
from django.urls import include, path

from config import health

urlpatterns = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("admin/", admin.site.urls),
    path("", include("apps.api.urls")),
]

handler400 = "apps.api.views.fallback.bad_request"
handler404 = "apps.api.views.fallback.not_found"
handler500 = "apps.api.views.fallback.internal_error"
