"""Django's registration of this app."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """The machine door (DRF, /v2.1)."""

    name = "apps.api"
    label = "api"
