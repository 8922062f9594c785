"""The staff's door to API keys: made here, shown once, revoked here."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from apps.accounts.admin_scope import AppScopedAdmin
from apps.accounts.services.audit import write_audit
from apps.api.admin_forms import ApiKeyForm
from apps.api.models import ApiKey
from apps.api.services.keys import create_api_key, revoke_api_key


@admin.register(ApiKey)
class ApiKeyAdmin(AppScopedAdmin):
    """Keys. A key is never changed: make a new one, move over, revoke the old one."""

    form = ApiKeyForm
    list_display: ClassVar = ["name", "prefix", "kind", "app", "state", "last_used_at", "expires_at"]
    list_select_related: ClassVar = ["app"]
    list_filter: ClassVar = ["app", "kind"]
    search_fields: ClassVar = ["name", "prefix"]
    fields: ClassVar = ["app", "kind", "name", "scopes", "expires_at"]
    actions: ClassVar = ["revoke"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj is None else [*self.fields, "prefix", "state", "created_at", "last_used_at"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A revoked key stays, so that the audit log keeps its meaning."""
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("api.change_apikey")

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        said = form.cleaned_data
        key, secret = create_api_key(
            app=said["app"],
            kind=said["kind"],
            scopes=said["scopes"],
            name=said["name"],
            expires_at=said["expires_at"],
            now=timezone.now(),
        )
        obj.pk = key.pk
        obj.prefix = key.prefix
        shown = format_html(str(_("This is the key. Copy it now, it is shown only once: {}")), secret)
        self.message_user(request, shown, messages.WARNING)

    @admin.display(description=_("state"))
    def state(self, key: ApiKey) -> str:
        if key.revoked_at:
            return str(_("revoked"))
        return str(_("expired") if key.expires_at and key.expires_at < timezone.now() else _("active"))

    @admin.action(description=_("Revoke for good"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        now = timezone.now()
        for key in queryset.select_related("app"):
            if revoke_api_key(key=key, now=now):
                write_audit(
                    app=key.app,
                    actor=request.user,  # type: ignore[arg-type]
                    action="apikey.revoked",
                    subject=f"apikey:{key.pk}",
                    details={},
                    now=now,
                )
        self.message_user(request, _("Revoked. Calls with these keys are refused within five seconds."))
