"""Django's registration of this app."""

from django.apps import AppConfig


class DevicesConfig(AppConfig):
    """Where they can be reached: channels, registrations and their hygiene."""

    name = "apps.devices"
    label = "devices"

    def ready(self) -> None:
        from apps.customers import belongings
        from apps.devices.belongings import DeviceBelongings

        belongings.register(DeviceBelongings())
