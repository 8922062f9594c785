"""What every admin page has in common: a user sees and chooses only what belongs to their apps.

Use: `class SegmentAdmin(AppScopedAdmin)`, and `app_lookup` where the app is not the field `app`
("campaign__app" for a row below a campaign, "app_id" for a plain number).
"""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, StackedInline, TabularInline

from apps.accounts.admin_first_step import FirstStep
from apps.accounts.models import App, User
from apps.accounts.queries import apps_of, colleagues_of
from apps.accounts.services.audit import write_audit

# A field so named never enters the audit log.
_SECRETS = ("password", "credential", "secret", "token", "key")
_MOST_CHARACTERS = 200
_MOST_VALUES = 50


class AppFilter(admin.SimpleListFilter):
    """The list filter "app": offers the user's own apps, and hides where there is just one."""

    title = _("app")
    parameter_name = "app"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(app.slug, app.name) for app in apps_of(request.user)]

    def has_output(self) -> bool:
        return len(self.lookup_choices) > 1

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        chosen = apps_of(request.user).filter(slug=self.value())
        return queryset.filter(**{f"{app_lookup_of(queryset.model)}__in": chosen.values("pk")})


def apps_in_view(request: HttpRequest) -> QuerySet[App]:
    """The apps whose rows a list shows: the one that its filter names, else all of the person's."""
    named = request.GET.get(AppFilter.parameter_name)
    return apps_of(request.user).filter(slug=named) if named else apps_of(request.user)


class _ScopedChoices:
    """Foreign keys and many-to-many fields offer only rows of the user's apps (of the object's app, once known)."""

    def get_field_queryset(self, db: str | None, db_field: Any, request: HttpRequest) -> QuerySet[Any] | None:
        chosen = super().get_field_queryset(db, db_field, request)  # type: ignore[misc]
        related = db_field.remote_field.model
        rows = related._default_manager.all() if chosen is None else chosen
        return scoped(rows, request, only=getattr(request, "_app_in_form", None))


class AppScopedInline(_ScopedChoices, TabularInline):
    """A table of rows below a scoped object."""

    extra = 0


class AppScopedStackedInline(_ScopedChoices, StackedInline):
    """Forms of rows below a scoped object."""

    extra = 0


class AppScopedAdmin(_ScopedChoices, ModelAdmin):
    """A ModelAdmin limited to the user's apps. Foreign ids answer 404; every change lands in the audit log."""

    app_lookup: ClassVar[str] = "app"
    # Whether the audit log keeps what a form changed, before and after. Never where rows are people.
    audits_values: ClassVar[bool] = True
    # What its list says while it is empty.
    first_step: ClassVar[FirstStep | None] = None

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """With a plain title, and the words of an empty list."""
        changes = super().get_changelist_instance(request)
        changes.title = capfirst(self.opts.verbose_name_plural)
        changes.first_step = self.first_step
        changes.first_step_address = self.first_step.address_for(request) if self.first_step else ""
        return changes

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return scoped(super().get_queryset(request), request, lookup=self.app_lookup)

    def get_list_filter(self, request: HttpRequest) -> Any:
        return [AppFilter if entry == "app" else entry for entry in super().get_list_filter(request)]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A row never changes its app: what hangs on it would stay behind."""
        fields = list(super().get_readonly_fields(request, obj))
        return [*fields, "app"] if obj is not None and self._has_app_field and "app" not in fields else fields

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        request._app_in_form = app_of(obj) if obj is not None else None  # type: ignore[attr-defined]
        form = super().get_form(request, obj, change=change, **kwargs)
        return type(form.__name__, (_OneAppForm, form), {})

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """The app field is prefilled, and hidden, for somebody who works in one app only."""
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == "app" and db_field.remote_field.model is App and field is not None:
            only = apps_of(request.user)[:2]
            if len(only) == 1:
                field.initial = only[0].pk
                field.widget = forms.HiddenInput()
        return field

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> HttpResponseRedirect:
        raise Http404(f"no {opts.verbose_name} {object_id}")

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """Keeps the values for the audit entry that follows."""
        request._changed_values = changed_values(form) if self.audits_values else {}  # type: ignore[attr-defined]
        return super().construct_change_message(request, form, formsets, add)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self._audit(request, obj, "added", message)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self._audit(request, obj, "changed", message)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for obj in queryset:
            self._audit(request, obj, "deleted", [])
        return super().log_deletions(request, queryset)

    def _audit(self, request: HttpRequest, obj: Model, verb: str, message: Any) -> None:
        noun = str(self.opts.model_name)
        values = getattr(request, "_changed_values", {}) if verb != "deleted" else {}
        write_audit(
            app=app_of(obj),
            actor=request.user,  # type: ignore[arg-type]
            action=f"{noun}.{verb}",
            subject=f"{noun}:{obj.pk}",
            details={**({"changes": message} if isinstance(message, list) else {"note": str(message)}), **values},
            now=timezone.now(),
        )

    @property
    def _has_app_field(self) -> bool:
        return _has_field(self.model, "app")


class _OneAppForm(forms.ModelForm):
    """Refuses a row of one app that points at a row of another (possible for people who work in both)."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        home = cleaned.get("app") or app_of(self.instance)
        for name, value in list(cleaned.items()):
            for other in _models_in(value):
                if home is not None and app_of(other) not in (None, home):
                    self.add_error(name, forms.ValidationError(_("“%s” belongs to another app.") % other))
        return cleaned


def changed_values(form: Any) -> dict[str, dict[str, Any]]:
    """{"before": {field: value}, "after": ...} of what a form changed; fields that hold secrets are left out."""
    names = [name for name in form.changed_data if name in form.fields and not any(word in name for word in _SECRETS)]
    pairs = {name: (_plain(_initial(form, name)), _plain(form.cleaned_data.get(name))) for name in names}
    pairs = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    sides = {
        side: {name: pair[place] for name, pair in pairs.items()} for place, side in enumerate(("before", "after"))
    }
    return sides if pairs else {}


def _initial(form: Any, name: str) -> Any:
    """What the form showed; a foreign key as the row it names."""
    shown, rows = form.get_initial_for_field(form.fields[name], name), getattr(form.fields[name], "queryset", None)
    if rows is not None and isinstance(shown, int):
        return rows.filter(pk=shown).first() or shown
    return shown


def _plain(value: Any) -> Any:
    """As JSON, short."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, QuerySet | list | tuple | set):
        return [_plain(entry) for entry in list(value)[:_MOST_VALUES]]
    return str(value)[:_MOST_CHARACTERS]


def scoped(
    rows: QuerySet[Any], request: HttpRequest, *, lookup: str | None = None, only: App | None = None
) -> QuerySet[Any]:
    """`rows` limited to the user's apps, or to `only`; a model that belongs to no app comes back as it is."""
    if rows.model is User:
        return rows.filter(pk__in=colleagues_of(request.user).values("pk"))  # type: ignore[arg-type]
    lookup = lookup or app_lookup_of(rows.model)
    if lookup is None:
        return rows
    allowed = apps_of(request.user)
    if only is not None:
        allowed = allowed.filter(pk=only.pk)
    return rows.filter(**{f"{lookup}__in": allowed.values("pk")})


def app_lookup_of(model: type[Model]) -> str | None:
    """The look-up that leads from a model to its app: the registered admin's word, else its field, else None."""
    registered = admin.site._registry.get(model)
    if isinstance(registered, AppScopedAdmin):
        return registered.app_lookup
    if model is App:
        return "pk"
    return "app" if _has_field(model, "app") else None


def app_of(row: Model) -> App | None:
    """The app a row belongs to, along its model's look-up; None for a row that has none (yet)."""
    lookup = app_lookup_of(type(row))
    if lookup is None:
        return None
    if lookup == "pk":
        return row if isinstance(row, App) and row.pk else None
    value: Any = row
    for step in lookup.split("__"):
        value = getattr(value, step, None)
    return value if isinstance(value, App) or value is None else App.objects.filter(pk=value).first()


def _has_field(model: type[Model], name: str) -> bool:
    try:
        model._meta.get_field(name)
    except FieldDoesNotExist:
        return False
    return True


def _models_in(value: Any) -> list[Model]:
    if isinstance(value, Model):
        return [value]
    if isinstance(value, QuerySet):
        return list(value)
    return []
