"""Django's registration of this app."""

from django.apps import AppConfig


class CustomersConfig(AppConfig):
    """Who we know: profile, consent, events."""

    name = "apps.customers"
    label = "customers"
