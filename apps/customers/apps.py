"""Django's registration of this app."""

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.utils.translation import gettext_lazy as _


class CustomersConfig(AppConfig):
    """Who we know: profile, consent, events."""

    name = "apps.customers"
    label = "customers"
    verbose_name = _("People")

    def ready(self) -> None:
        """The contact keys known to a process are those of the database it spoke to last."""
        from apps.customers.sealed import forget_keys

        connection_created.connect(forget_keys)
