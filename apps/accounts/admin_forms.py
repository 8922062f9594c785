"""Forms of the people's page: a person has one role, and works in the apps that are ticked."""

from typing import Any

from django import forms
from django.contrib.auth.models import Group
from django.utils.translation import gettext_lazy as _
from unfold.forms import UserChangeForm, UserCreationForm
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
)

from apps.accounts.models import App, Membership, User
from apps.accounts.queries import apps_of
from apps.accounts.roles import ROLES


class LinesField(forms.CharField):
    """A list of words, one a line."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 3})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(str, value)) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        """Without empty lines and twins; what follows the scheme ("myshop://cart") is no part of it."""
        typed = (line.strip().partition(":")[0].lower() for line in (value or "").splitlines())
        return list(dict.fromkeys(line for line in typed if line))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool((initial or []) != self.to_python(data))


class AppForm(forms.ModelForm):
    """An app's settings."""

    link_schemes = LinesField(
        label=_("Deep links of your app"),
        required=False,
        help_text=_("One a line, by their beginning: “myshop” for myshop://cart. Web pages are always allowed."),
    )


class _RoleAndApps(forms.ModelForm):
    """`manager` is the user at the keyboard: nobody gives access to an app they do not have themselves."""

    manager: User

    role = forms.ModelChoiceField(
        Group.objects.none(), label=_("role"), widget=UnfoldAdminSelectWidget, help_text=_("What they may do.")
    )
    apps = forms.ModelMultipleChoiceField(
        App.objects.none(),
        label=_("works in"),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("Where they may do it."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].queryset = Group.objects.filter(name__in=ROLES)  # type: ignore[attr-defined]
        self.fields["apps"].queryset = apps_of(self.manager)  # type: ignore[attr-defined]
        if self.instance.pk:
            self.initial["role"] = self.instance.groups.filter(name__in=ROLES).first()
            self.initial["apps"] = apps_of(self.manager).filter(memberships__user=self.instance)
        else:
            self.initial["apps"] = apps_of(self.manager)[:1]
        if self.manager.is_superuser:
            self.fields["role"].required = self.fields["apps"].required = False

    def _save_m2m(self) -> None:
        """Called by save, or by save_m2m after it: the user has its primary key here."""
        super()._save_m2m()  # type: ignore[misc]
        role, chosen = self.cleaned_data["role"], self.cleaned_data["apps"]
        self.instance.groups.set([role] if role else [])
        Membership.objects.filter(user=self.instance).exclude(app__in=chosen).delete()
        Membership.objects.bulk_create(
            [Membership(user=self.instance, app=app) for app in chosen], ignore_conflicts=True
        )


class PersonCreationForm(_RoleAndApps, UserCreationForm):
    """A new colleague: may log in to the admin at once."""

    class Meta:
        model = User
        fields = ("username", "email")

    def save(self, commit: bool = True) -> User:
        self.instance.is_staff = True
        return super().save(commit)  # type: ignore[no-any-return]


class PersonChangeForm(_RoleAndApps, UserChangeForm):
    """An existing colleague."""

    class Meta:
        model = User
        fields = "__all__"  # noqa: DJ007  the admin's fieldsets choose
