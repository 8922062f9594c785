"""Django's registration of the ground."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """No tables of its own."""

    name = "apps.core"
    label = "core"
