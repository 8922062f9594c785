"""Django's registration of this app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CustomersConfig(AppConfig):
    """Who we know: profile, consent, events."""

    name = "apps.customers"
    label = "customers"
    verbose_name = _("People")
