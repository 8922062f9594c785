"""Django's registration of the emulators."""

from django.apps import AppConfig


class SandboxConfig(AppConfig):
    """No tables."""

    name = "apps.sandbox"
    label = "sandbox"
