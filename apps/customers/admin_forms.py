"""The form of a profile: shape only; the rules are services.profile_fields'."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import App
from apps.core.problems import FieldProblem
from apps.customers.models import Customer
from apps.customers.services.profiles import CustomerDraft

COLUMNS = ("first_name", "last_name", "email", "phone", "language", "country", "time_zone")


class ProfileForm(forms.Form):
    """What staff may type about a person. Consent has a form of its own."""

    external_id = forms.CharField(label=_("Customer id"), required=False, help_text=_("As your own systems name them."))
    first_name = forms.CharField(label=_("First name"), required=False)
    last_name = forms.CharField(label=_("Last name"), required=False)
    email = forms.CharField(label=_("E-mail"), required=False)
    phone = forms.CharField(label=_("Mobile phone"), required=False, help_text=_("With the country's code."))
    language = forms.CharField(label=_("Language"), required=False, help_text=_("Such as pl or pt-BR."))
    country = forms.CharField(label=_("Country"), required=False, help_text=_("Two letters, such as PL."))
    time_zone = forms.CharField(label=_("Time zone"), required=False, help_text=_("Such as Europe/Warsaw."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs.update({"class": "hg-input", "autocomplete": "off"})

    def draft(self) -> CustomerDraft:
        """What was changed; an emptied field is emptied, and a contact that could not be shown stays as it is."""
        self.is_valid()
        changed = [name for name in COLUMNS if name in self.changed_data]
        return CustomerDraft(**{name: self.cleaned_data.get(name, "") for name in ("external_id", *changed)})

    def refuse(self, problems: Iterable[FieldProblem]) -> None:
        """Show the service's problems beside the fields."""
        for problem in problems:
            name = problem.pointer.strip("/").split("/")[0]
            self.add_error(name if name in self.fields else None, problem.message)


class NewProfileForm(ProfileForm):
    """The same, and whose customer it is."""

    def __init__(self, apps: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        widget = forms.Select(attrs={"class": "hg-input"})
        self.fields["app"] = forms.ModelChoiceField(apps, label=_("App"), widget=widget, empty_label=None)
        self.order_fields(["app"])

    def chosen_app(self) -> App | None:
        self.is_valid()
        app: App | None = self.cleaned_data.get("app")
        return app


class ConsentForm(forms.Form):
    """A person told staff yes or no."""

    channel = forms.ChoiceField(choices=[("push", _("Push")), ("sms", _("SMS"))])
    granted = forms.ChoiceField(choices=[("yes", _("Yes")), ("no", _("No"))])
    wording = forms.CharField(max_length=500, required=False)


def initial_of(customer: Customer) -> dict[str, Any]:
    """What the form begins with."""
    return {name: getattr(customer, name) or "" for name in ("external_id", *COLUMNS)}
