"""The staff's door to apps and people; the audit log's is admin_audit."""

from typing import Any, ClassVar, cast

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.forms import AdminPasswordChangeForm

from apps.accounts import admin_audit  # noqa: F401  (registers its page)
from apps.accounts.admin_forms import AppForm, PersonChangeForm, PersonCreationForm
from apps.accounts.admin_scope import AppScopedAdmin
from apps.accounts.models import App, Membership, User
from apps.accounts.queries import colleagues_of, is_managed_by
from apps.accounts.services.audit import write_audit_of_person
from apps.accounts.services.second_factor import reset_second_factor

# Roles are the groups, and the table in roles.py is their only source.
admin.site.unregister(Group)


@admin.register(App)
class AppAdmin(AppScopedAdmin):
    """An app and the rules that hold for all its campaigns."""

    app_lookup = "pk"
    form = AppForm
    list_display: ClassVar = ["name", "slug", "time_zone", "default_language", "is_active"]
    search_fields: ClassVar = ["name", "slug"]
    prepopulated_fields: ClassVar = {"slug": ["name"]}
    fieldsets: ClassVar = [
        (None, {"fields": ["name", "slug", "is_active"]}),
        (_("Where your people are"), {"fields": ["time_zone", "default_language", "default_country", "link_schemes"]}),
        (
            _("Leave people in peace"),
            {"fields": [("quiet_from", "quiet_until"), ("cap_count", "cap_days"), "confirm_above"]},
        ),
        (_("Four eyes"), {"fields": ["approve_above", ("approve_drift_percent", "approve_hours")]}),
        (_("Spare your own servers"), {"fields": ["health_url"]}),
        (_("Limits against mistakes and misuse"), {"fields": ["fallback_sms_per_day", "devices_per_person"]}),
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The slug is what SDKs and API callers write: it never changes."""
        return ["slug"] if obj else []

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return {} if obj else super().get_prepopulated_fields(request, obj)

    def save_model(self, request: HttpRequest, obj: App, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            Membership.objects.create(user=request.user, app=obj)  # type: ignore[misc]
        if obj.cap_count == 0:
            self.message_user(request, _("A cap of 0 means that nobody will receive a campaign."), "WARNING")


@admin.register(User)
class PersonAdmin(AppScopedAdmin, UserAdmin):  # type: ignore[misc]
    """The people. An owner manages those who work in their apps only, and never a superuser."""

    form = PersonChangeForm
    add_form = PersonCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "first_name", "last_name", "email", "is_active", "has_two_steps", "last_login")
    list_filter = ("is_active",)
    filter_horizontal: ClassVar = []
    readonly_fields: ClassVar = ["last_login", "date_joined", "second_factor_at"]
    actions = ("reset_two_steps",)
    add_fieldsets = (
        (None, {"fields": ["username", "email", "usable_password", "password1", "password2", "role", "apps"]}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return colleagues_of(request.user)  # type: ignore[arg-type]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return self.add_fieldsets
        power = ["is_superuser"] if request.user.is_superuser else []
        return [
            (None, {"fields": ["username", "password", "first_name", "last_name", "email"]}),
            (_("What and where"), {"fields": ["role", "apps", "is_active", *power]}),
            (_("Seen"), {"fields": ["last_login", "date_joined", "second_factor_at"]}),
        ]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        return type(form.__name__, (form,), {"manager": request.user})

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed = super().has_change_permission(request, obj)
        return allowed and (obj is None or is_managed_by(obj, request.user))  # type: ignore[arg-type]

    @admin.display(description=_("two-step log-in"), ordering="second_factor_at")
    def has_two_steps(self, person: User) -> str:
        return str(_("on")) if person.second_factor_at else "–"

    @admin.action(description=_("Reset two-step log-in"), permissions=["change"])
    def reset_two_steps(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """For who lost their phone. Nobody's own: that takes a code, on their own page."""
        me, now = cast(User, request.user), timezone.now()
        others = [person for person in queryset.exclude(pk=me.pk) if is_managed_by(person, me)]
        count = sum(reset_second_factor(user=person, actor=me, now=now) for person in others)
        told = ngettext(
            "Reset for %d person; their sessions ended.", "Reset for %d people; their sessions ended.", count
        )
        self.message_user(request, told % count)

    def _audit(self, request: HttpRequest, obj: User, verb: str, message: Any) -> None:  # type: ignore[override]
        """Told to the owners of the person's own apps, and to nobody else's."""
        changes = {"changes": message} if isinstance(message, list) else {"note": str(message)}
        write_audit_of_person(
            person=obj,
            actor=request.user,  # type: ignore[arg-type]
            action=f"user.{verb}",
            details={**changes, **getattr(request, "_changed_values", {})},
            now=timezone.now(),
        )
