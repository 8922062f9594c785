"""Every address of the house, in one page."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from apps.accounts.admin_log_in import CodeView, LogInView, change_password
from config import health

# Breadcrumbs lead to an app's index, which is a bare list of tables: its main list is what people look for.
HOMES = {
    "accounts": "admin:accounts_app_changelist",
    "api": "admin:api_apikey_changelist",
    "campaigns": "admin:campaigns_campaign_changelist",
    "customers": "admin:customers_customer_changelist",
    "devices": "admin:devices_device_changelist",
    "segments": "admin:segments_segment_changelist",
    "sms_booster": "admin:sms_booster_smsmessage_changelist",
}

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    *(path(f"admin/{label}/", RedirectView.as_view(pattern_name=name)) for label, name in HOMES.items()),
    path("admin/login/", LogInView.as_view()),  # before the admin's own, which has no brake and no second step
    path("admin/login/code/", CodeView.as_view(), name="log_in_code"),
    path("admin/password_change/", admin.site.admin_view(change_password)),  # the same, in a browser that stays known
    path("admin/", admin.site.urls),
    path("", include("apps.api.urls")),
]

handler400 = "apps.api.views.fallback.bad_request"
handler404 = "apps.api.views.fallback.not_found"
handler500 = "apps.api.views.fallback.internal_error"
