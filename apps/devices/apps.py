"""Django's registration of this app."""

from django.apps import AppConfig


class DevicesConfig(AppConfig):
    """Where they can be reached: channels, registrations and their hygiene."""

    name = "apps.devices"
    label = "devices"
