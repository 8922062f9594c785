"""Django's registration of the ground."""

from django.apps import AppConfig
from django.db.backends.signals import connection_created

from apps.core.outage import outage


class CoreConfig(AppConfig):
    """No tables of its own."""

    name = "apps.core"
    label = "core"

    def ready(self) -> None:
        connection_created.connect(outage.end)
