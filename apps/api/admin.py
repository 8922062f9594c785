"""The staff's door to API keys: made here, shown once, rotated and revoked here."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from apps.accounts.admin_first_step import FirstStep
from apps.accounts.admin_pages import draw_page
from apps.accounts.admin_scope import AppScopedAdmin
from apps.accounts.services.audit import write_audit
from apps.api import admin_identity  # noqa: F401  (registers its page)
from apps.api.admin_forms import ApiKeyForm, RotateForm
from apps.api.models import ApiKey
from apps.api.samples.document import PAGE as SAMPLES_PAGE
from apps.api.services.keys import create_api_key, revoke_api_key, rotate_api_key
from apps.api.webhooks import admin as webhooks_admin  # noqa: F401  (registers its page)
from apps.core.problems import Conflict


@admin.register(ApiKey)
class ApiKeyAdmin(AppScopedAdmin):
    """Keys. A key is never changed: make a new one, move over, revoke the old one."""

    first_step = FirstStep(
        "key",
        _("No API keys yet"),
        _("Your app, shop and other systems prove with a key who they are. Each key may do only what you let it."),
        _("Add a key"),
        "admin:api_apikey_add",
        "api.add_apikey",
    )
    form = ApiKeyForm
    list_display: ClassVar = ["name", "prefix", "kind", "app", "state", "last_used_at", "expires_at"]
    list_select_related: ClassVar = ["app"]
    list_filter: ClassVar = ["app", "kind"]
    search_fields: ClassVar = ["name", "prefix"]
    fields: ClassVar = ["app", "kind", "name", "scopes", "allowed_networks", "allowed_origins", "expires_at"]
    actions: ClassVar = ["revoke"]
    actions_detail: ClassVar = ["rotate"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        seen = ["prefix", "state", "created_at", "last_used_at", "replaced_by"]
        return self.fields if obj is None else [*self.fields, *seen]

    @action(description=_("Rotate…"), icon="autorenew", permissions=["rotate"])
    def rotate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """GET asks for how long the old key goes on; POST makes the new one and shows it."""
        key = get_object_or_404(self.get_queryset(request).select_related("app"), pk=object_id)
        form = RotateForm(request.POST or None)
        context: dict[str, Any] = {"title": _("Rotate %s") % key.name, "key": key, "form": form}
        if request.method != "POST":
            return draw_page(self, request, "api/rotate_key.html", context)
        if not form.is_valid():
            return draw_page(self, request, "api/rotate_key.html", context, status=400)
        now = timezone.now()
        try:
            new, secret = rotate_api_key(key=key, overlap=form.overlap, now=now)
        except Conflict as refused:
            return draw_page(self, request, "api/rotate_key.html", {**context, "problem": str(refused)}, status=409)
        write_audit(
            app=key.app,
            actor=request.user,  # type: ignore[arg-type]
            action="apikey.rotated",
            subject=f"apikey:{key.pk}",
            details={"successor": new.pk, "overlap_hours": form.cleaned_data["hours"]},
            now=now,
        )
        key.refresh_from_db()
        return draw_page(self, request, "api/rotate_key.html", {**context, "key": key, "new": new, "secret": secret})

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A revoked key stays, so that the audit log keeps its meaning."""
        return False

    def has_rotate_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("api.change_apikey")

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
            networks=said["allowed_networks"],
            origins=said["allowed_origins"],
            now=timezone.now(),
        )
        obj.pk = key.pk
        obj.prefix = key.prefix
        shown = format_html(str(_("This is the key. Copy it now, it is shown only once: {}")), secret)
        self.message_user(request, shown, messages.WARNING)
        told = str(_('<a href="{}">Programs that use it</a>, in five languages, and <a href="{}">all calls</a>.'))
        self.message_user(request, format_html(told, SAMPLES_PAGE, "/v2.1/docs"))

    @admin.display(description=_("state"))
    def state(self, key: ApiKey) -> str:
        if key.revoked_at:
            return str(_("revoked"))
        if key.replaced_by_id and key.expires_at and key.expires_at > timezone.now():
            return str(_("replaced, ends soon"))
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
